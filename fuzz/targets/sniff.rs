//! What bytes are: one answer, from memory or by position, and never one that content denies.

use std::io;

use casemate_container::{Magic, TextEncoding, sniff};
use casemate_core::{MemorySource, Source};

/// Sniffs the bytes.
pub fn run(data: &[u8]) {
    let sniffed = sniff(&MemorySource(data)).expect("memory does not fail");
    let by_position = sniff(&ByPosition(data)).expect("memory does not fail");
    assert_eq!(sniffed, by_position);
    assert_eq!(sniffed.magic == Magic::Empty, data.is_empty());
    assert!(!sniffed.also.contains(&sniffed.magic));
    if let Magic::Text(encoding) = sniffed.magic {
        assert!(sniffed.also.is_empty() && !sniffed.trailing_zip);
        let wide = matches!(encoding, TextEncoding::Utf16Le | TextEncoding::Utf16Be);
        let small = data.len() <= 64 << 10;
        assert!(wide || !small || !data.contains(&0), "text has no NUL");
        let utf8 = matches!(encoding, TextEncoding::Utf8 | TextEncoding::Utf8Bom);
        assert!(!utf8 || !small || std::str::from_utf8(data).is_ok());
    }
}

/// Bytes that are not in memory all at once.
struct ByPosition<'a>(&'a [u8]);

impl Source for ByPosition<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        MemorySource(self.0).read_at(offset, buf)
    }
}
