//! The files of a log: tiles of hashes, and bundles of entries (<https://c2sp.org/tlog-tiles>).

use std::{fmt, str::FromStr};

use crate::{Hash, merkle::Nodes};

/// How many hashes or entries a full tile or bundle has.
pub const WIDTH: u16 = 256;
/// How many levels of the tree one tile stands for.
pub const HEIGHT: u8 = 8;
/// How many bytes an entry may have.
pub const MAX_ENTRY: usize = u16::MAX as usize;
/// How many bytes a bundle may have.
pub const MAX_BUNDLE: u64 = WIDTH as u64 * (2 + MAX_ENTRY as u64);

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes, at this level of tiles: 0 to 63.
    Hashes(u8),
    /// Entries.
    Entries,
}

/// A tile or a bundle, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Its place among its kind.
    pub index: u64,
    /// How many hashes or entries it has: 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The tile or bundle at `index` in a log of `size` entries, as wide as it is there.
    pub fn of(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let (full, partial) = widths(kind, size);
        let width = match index {
            index if index < full => WIDTH,
            index if index == full && partial > 0 => partial,
            _ => return None,
        };
        Some(Self { kind, index, width })
    }

    /// The same place with all its hashes or entries.
    #[must_use]
    pub fn full(self) -> Self {
        Self {
            width: WIDTH,
            ..self
        }
    }

    /// Whether a log of `size` entries has it, or had it when it was smaller and not yet filled it.
    pub fn is_within(self, size: u64) -> bool {
        Self::of(self.kind, self.index, size).is_some_and(|now| self.width <= now.width)
    }
}

/// How many full tiles a log of `size` entries has of a kind, and how wide the one behind them is.
pub fn widths(kind: Kind, size: u64) -> (u64, u16) {
    let level = match kind {
        Kind::Hashes(level) => u32::from(level),
        Kind::Entries => 0,
    };
    let hashes = size.checked_shr(u32::from(HEIGHT) * level).unwrap_or(0);
    (hashes / u64::from(WIDTH), hashes.to_le_bytes()[0].into())
}

/// The place of an entry in its bundle, or of a hash in its tile: its index in 256, which is its lowest
/// byte.
pub(crate) fn within(index: u64) -> usize {
    index.to_le_bytes()[0].into()
}

/// How many levels of tiles a log of `size` entries has.
pub fn levels(size: u64) -> u8 {
    size.checked_ilog2()
        .map_or(0, |bits| bits.to_le_bytes()[0] / HEIGHT + 1)
}

/// An index in groups of three digits, all but the last after an `x`.
pub fn digits(index: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    text
}

/// The index that such digits are of.
pub fn index(text: &str) -> Option<u64> {
    let mut index: u64 = 0;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let three = match groups.peek() {
            Some(_) => group.strip_prefix('x')?,
            None => group,
        };
        if three.len() != 3 || !three.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(three.parse().ok()?)?;
    }
    // Zeros before the first group would be another name for the same index.
    (digits(index) == text).then_some(index)
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/")?;
        match self.kind {
            Kind::Hashes(level) => write!(f, "{level}/")?,
            Kind::Entries => f.write_str("entries/")?,
        }
        f.write_str(&digits(self.index))?;
        match self.width {
            WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

impl FromStr for Tile {
    type Err = NotATile;

    fn from_str(text: &str) -> Result<Self, NotATile> {
        let rest = text.strip_prefix("tile/").ok_or(NotATile)?;
        let (kind, rest) = rest.split_once('/').ok_or(NotATile)?;
        let (path, width) = match rest.split_once(".p/") {
            Some((path, width)) => (path, byte(width, 255).ok_or(NotATile)?.into()),
            None => (rest, WIDTH),
        };
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes(byte(level, 63).ok_or(NotATile)?),
        };
        let index = index(path).ok_or(NotATile)?;
        match width {
            0 => Err(NotATile),
            width => Ok(Self { kind, index, width }),
        }
    }
}

fn byte(text: &str, most: u8) -> Option<u8> {
    number(text, most.into()).and_then(|number| number.try_into().ok())
}

/// A decimal number up to `most`, without zeros before it.
pub(crate) fn number(text: &str, most: u64) -> Option<u64> {
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number: u64 = text.parse().ok().filter(|_| is_plain)?;
    (number <= most).then_some(number)
}

/// A path that names no tile and no bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not the path of a tile")]
pub struct NotATile;

/// The hashes of a tile.
///
/// # Errors
///
/// When there are not `width` of them.
pub fn hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, BadTile> {
    if bytes.len() != 32 * usize::from(width) {
        return Err(BadTile::Length {
            bytes: bytes.len(),
            expected: 32 * usize::from(width),
        });
    }
    let hashes = bytes.chunks_exact(32).map(|hash| {
        let hash = hash.try_into().expect("32 bytes");
        Hash(hash)
    });
    Ok(hashes.collect())
}

/// The entries of a bundle.
///
/// # Errors
///
/// When it ends within one, or there are not `width` of them.
pub fn entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BadTile> {
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or(BadTile::Cut {
            entry: entries.len(),
        })?;
        if entries.len() == usize::from(width) {
            return Err(BadTile::Long { expected: width });
        }
        entries.push(entry);
        rest = behind;
    }
    match (rest.len(), entries.len()) {
        (0, count) if count == usize::from(width) => Ok(entries),
        (_, entry) => Err(BadTile::Cut { entry }),
    }
}

/// Puts an entry behind the others of a bundle.
///
/// # Errors
///
/// When it has more than [`MAX_ENTRY`] bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), LongEntry> {
    let length = u16::try_from(entry.len()).map_err(|_| LongEntry(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// An entry that no bundle can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has {0} bytes, and an entry at most {MAX_ENTRY}; log a digest of it")]
pub struct LongEntry(pub usize);

/// Bytes that are not the tile or bundle they are said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTile {
    /// A tile has another length.
    #[error("it has {bytes} bytes, and not {expected}")]
    Length {
        /// How many it has.
        bytes: usize,
        /// How many it must have.
        expected: usize,
    },
    /// A bundle ends too early.
    #[error("it ends within its entry {entry}")]
    Cut {
        /// The entry's place in the bundle.
        entry: usize,
    },
    /// A bundle goes on behind its last entry.
    #[error("it goes on behind its {expected} entries")]
    Long {
        /// How many it must have.
        expected: u16,
    },
}

/// Where tiles come from.
pub trait Tiles {
    /// Why one cannot be had.
    type Error;

    /// The hashes of the tile that a log of the size at hand has at this level and index: as many as
    /// it has there, or all of a full one.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], Self::Error>;

    /// The error for a tile with fewer hashes than the tree needs of it.
    fn narrow(level: u8, index: u64) -> Self::Error;
}

/// Subtrees out of tiles.
#[derive(Debug)]
pub struct TileNodes<T>(pub T);

impl<T: Tiles> Nodes for TileNodes<T> {
    type Error = T::Error;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, T::Error> {
        let (tile_level, above) = (level / HEIGHT, level % HEIGHT);
        // The subtree has 2^above hashes of a tile, which no tile border cuts.
        let first = index << above;
        let (tile, start) = (first / u64::from(WIDTH), within(first));
        let hashes = self.0.tile(tile_level, tile)?;
        match hashes.get(start..start + (1 << above)) {
            Some(row) => Ok(fold(row)),
            None => Err(T::narrow(tile_level, tile)),
        }
    }
}

/// The root over 1, 2, 4 … or 256 hashes.
pub(crate) fn fold(row: &[Hash]) -> Hash {
    let mut row = row.to_vec();
    let mut length = row.len();
    while length > 1 {
        length /= 2;
        for at in 0..length {
            row[at] = Hash::node(&row[2 * at], &row[2 * at + 1]);
        }
    }
    row[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(digits(1_234_067), "x001/x234/067");
        assert_eq!(digits(0), "000");
        let tile = |kind, index, width| Tile { kind, index, width }.to_string();
        assert_eq!(tile(Kind::Hashes(0), 5, WIDTH), "tile/0/005");
        assert_eq!(tile(Kind::Hashes(63), 1000, 7), "tile/63/x001/000.p/7");
        assert_eq!(tile(Kind::Entries, 273, 112), "tile/entries/273.p/112");
    }

    #[test]
    fn the_widths_are_those_of_the_specification() {
        // tlog-tiles, "Partial Tiles": trees of 70,000 and of 256 entries.
        let of = |level, size| widths(Kind::Hashes(level), size);
        assert_eq!(of(0, 70_000), (273, 112));
        assert_eq!(of(1, 70_000), (1, 17));
        assert_eq!(of(2, 70_000), (0, 1));
        assert_eq!(of(3, 70_000), (0, 0));
        assert_eq!((of(0, 256), of(1, 256)), ((1, 0), (0, 1)));
        assert_eq!(
            (levels(0), levels(255), levels(256), levels(70_000)),
            (0, 1, 2, 3)
        );
        assert_eq!(of(8, u64::MAX), (0, 0));
    }

    #[test]
    fn other_names_of_a_tile_are_refused() {
        for text in [
            "tile/0/x000/005",
            "tile/00/005",
            "tile/64/005",
            "tile/0/5",
            "tile/0/005.p/256",
            "tile/0/005.p/0",
            "tile/0/005.p/01",
            "tile/0/001/005",
            "tile/0/../005",
            "tile/0/+05",
            "tile/entries/",
            "entries/005",
        ] {
            assert_eq!(text.parse::<Tile>(), Err(NotATile), "{text}");
        }
    }

    #[test]
    fn a_bundle_with_more_or_less_than_its_entries_is_refused() {
        let mut bundle = Vec::new();
        for entry in [&b"one"[..], b"", b"three"] {
            push_entry(&mut bundle, entry).expect("short");
        }
        assert_eq!(entries(&bundle, 3), Ok(vec![&b"one"[..], b"", b"three"]));
        assert_eq!(entries(&bundle, 2), Err(BadTile::Long { expected: 2 }));
        assert_eq!(entries(&bundle, 4), Err(BadTile::Cut { entry: 3 }));
        for cut in 1..bundle.len() {
            assert!(entries(&bundle[..cut], 3).is_err(), "{cut}");
        }
        let long = vec![0; MAX_ENTRY + 1];
        assert_eq!(push_entry(&mut bundle, &long), Err(LongEntry(65_536)));
        assert!(push_entry(&mut bundle, &long[1..]).is_ok());
    }

    proptest! {
        #[test]
        fn a_path_comes_back_as_the_tile_it_names(
            level in proptest::option::of(0_u8..64), index in any::<u64>(), width in 1_u16..=256,
        ) {
            let kind = level.map_or(Kind::Entries, Kind::Hashes);
            let tile = Tile { kind, index, width };
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        }
    }
}
