//! The right edge of a log: all that is needed to go on with it.

use crate::{
    Hash,
    tile::{self, Kind, LongEntry, Tile, WIDTH},
};

/// The hashes of the tiles that are not full, and the entries of the bundle that is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    /// For each level of tiles, fewer than 256 hashes.
    levels: Vec<Vec<Hash>>,
    bundle: Vec<u8>,
}

/// A full tile or bundle, and its bytes.
pub(crate) type Full = (Tile, Vec<u8>);

impl Edge {
    /// The edge of a log of `size` entries, of which the partial tiles and the partial bundle are these.
    pub(crate) fn new(size: u64, levels: Vec<Vec<Hash>>, bundle: Vec<u8>) -> Self {
        Self {
            size,
            levels,
            bundle,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes an entry; gives what is full with it.
    pub(crate) fn push(&mut self, entry: &[u8], full: &mut Vec<Full>) -> Result<(), LongEntry> {
        tile::push_entry(&mut self.bundle, entry)?;
        let index = self.size / u64::from(WIDTH);
        self.push_leaf(Hash::leaf(entry), full);
        if self.size.is_multiple_of(u64::from(WIDTH)) {
            let bundle = Tile {
                kind: Kind::Entries,
                index,
                width: WIDTH,
            };
            full.push((bundle, std::mem::take(&mut self.bundle)));
        }
        Ok(())
    }

    /// Takes the hash of an entry, where the entries themselves do not matter.
    pub(crate) fn push_leaf(&mut self, leaf: Hash, full: &mut Vec<Full>) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[at];
            row.push(hash);
            if row.len() < usize::from(WIDTH) {
                return;
            }
            hash = tile::fold(row);
            let (index, _) = tile::widths(Kind::Hashes(level), self.size);
            let tile = Tile {
                kind: Kind::Hashes(level),
                index: index - 1,
                width: WIDTH,
            };
            full.push((tile, bytes(&std::mem::take(row))));
        }
    }

    /// The tiles and the bundle that are not full, and not empty.
    pub(crate) fn partials(&self) -> Vec<Full> {
        let tile = |kind| Tile::of(kind, tile::widths(kind, self.size).0, self.size);
        let rows = (0_u8..).zip(&self.levels).filter_map(|(level, row)| {
            let tile = tile(Kind::Hashes(level))?;
            Some((tile, bytes(row)))
        });
        let bundle = tile(Kind::Entries).map(|tile| (tile, self.bundle.clone()));
        rows.chain(bundle).collect()
    }

    /// The root over everything taken.
    pub(crate) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        // From the right: the lowest level's hashes, and of each level the smallest subtrees first.
        for row in &self.levels {
            let mut end = row.len();
            while end > 0 {
                let width = 1 << end.trailing_zeros();
                let left = tile::fold(&row[end - width..end]);
                root = Some(root.map_or(left, |right| Hash::node(&left, &right)));
                end -= width;
            }
        }
        root.unwrap_or_else(Hash::empty)
    }
}

fn bytes(row: &[Hash]) -> Vec<u8> {
    row.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{MemoryTree, root};

    #[test]
    fn the_root_of_the_edge_is_the_root_of_the_tree() {
        let mut edge = Edge::default();
        let leaves: Vec<Hash> = (0_u64..66_000)
            .map(|n| Hash::leaf(&n.to_be_bytes()))
            .collect();
        let tree: MemoryTree = leaves.iter().copied().collect();
        for (at, leaf) in leaves.iter().enumerate() {
            let size = at as u64;
            if size < 600 || size.is_multiple_of(4099) || size > 65_530 && size < 65_540 {
                let Ok(expected) = root(&mut &tree, size);
                assert_eq!(edge.root(), expected, "{size}");
            }
            edge.push_leaf(*leaf, &mut Vec::new());
        }
    }

    #[test]
    fn what_is_full_and_what_is_not_are_the_tiles_of_that_size() {
        let (mut edge, mut full) = (Edge::default(), Vec::new());
        for n in 0_u64..700 {
            edge.push(&n.to_be_bytes(), &mut full).expect("short");
        }
        let names = |tiles: &[Full]| {
            tiles
                .iter()
                .map(|(tile, _)| tile.to_string())
                .collect::<Vec<_>>()
        };
        let expected = [
            "tile/0/000",
            "tile/entries/000",
            "tile/0/001",
            "tile/entries/001",
        ];
        assert_eq!(names(&full), expected);
        let expected = [
            "tile/0/002.p/188",
            "tile/1/000.p/2",
            "tile/entries/002.p/188",
        ];
        assert_eq!(names(&edge.partials()), expected);
        assert!(
            full.iter()
                .chain(&edge.partials())
                .all(|(tile, _)| tile.is_within(700))
        );
    }
}
