//! Tiles and bundles: what is read is written again as it was.

use casemate_ledger::tile::{self, Tile, WIDTH};

/// The first byte is the width less one; the rest is a tile, a bundle and a path.
pub fn run(data: &[u8]) {
    let Some((&width, rest)) = data.split_first() else {
        return;
    };
    let width = u16::from(width) + 1;
    assert!(width <= WIDTH);
    if let Ok(hashes) = tile::hashes(rest, width) {
        let written: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(written, rest);
    }
    if let Ok(entries) = tile::entries(rest, width) {
        assert_eq!(entries.len(), usize::from(width));
        let mut written = Vec::new();
        for entry in entries {
            tile::push_entry(&mut written, entry).expect("it was read");
        }
        assert_eq!(written, rest);
    }
    if let Ok(text) = std::str::from_utf8(rest)
        && let Ok(tile) = text.parse::<Tile>()
    {
        assert_eq!(tile.to_string(), text);
    }
}
