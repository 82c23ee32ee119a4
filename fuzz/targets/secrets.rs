//! Text of any encoding: whatever it holds, the matches are in order, apart from each other, the
//! same however the text is handed out, and say nothing of what they match.

use std::{io, sync::LazyLock};

use casemate_core::{MemorySource, Region, Source};
use casemate_secrets::{Detectors, Scan};

/// Scans the bytes from memory and by position.
pub fn run(data: &[u8]) {
    static DETECTORS: LazyLock<Detectors> = LazyLock::new(Detectors::builtin);
    let scan = DETECTORS.scan(&MemorySource(data));
    assert!(scan.matches.len() <= Scan::MOST);
    assert!(scan.is_whole());

    let mut last = (1, 1);
    for found in &scan.matches {
        let Region::Text {
            line,
            column,
            end_line,
            end_column,
        } = found.region
        else {
            panic!("text has lines");
        };
        assert!(last <= (line, column), "matches are in order and apart");
        // Equal only for bytes that are no characters.
        assert!((line, column) <= (end_line, end_column));
        last = (end_line, end_column);
        // At most four characters of the prefix, the sign for what is left out, and the length.
        let shown = found.redacted.to_string();
        let before = shown.split('\u{2026}').next().unwrap_or_default();
        assert!(before.len() <= 4 && before.len() <= found.redacted.characters());
    }

    let by_position = DETECTORS.scan(&Unmapped(data));
    assert_eq!(scan.matches, by_position.matches);
}

/// Bytes that are only handed out by position, as those of a file are.
struct Unmapped<'d>(&'d [u8]);

impl Source for Unmapped<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        MemorySource(self.0).read_at(offset, buf)
    }
}
