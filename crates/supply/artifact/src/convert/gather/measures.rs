//! How much is done at once.

use super::dimension::{Dimension, by_stride};

/// In which order a storage can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::convert) enum Reading {
    /// In any, by several at a time.
    Anywhere,
    /// Forward: going back means to begin again.
    Forward,
}

/// How much is done at once, in bytes where nothing else is said.
pub(super) struct Measures {
    /// How much is copied.
    pub(super) step: u64,
    /// How much of the output is put together.
    pub(super) block: u64,
    /// How long a stretch of the storage is worth a read of its own.
    pub(super) long: u64,
    /// How much of the storage is held while its elements are put in their places.
    pub(super) tile: u64,
    /// What is read with its neighbours rather than skipped.
    pub(super) gap: u64,
    /// How many threads work on boxes of one tensor.
    pub(super) workers: usize,
}

impl Measures {
    /// For a storage that is read so, by as many as `workers`.
    pub(super) fn of(reading: Reading, workers: usize) -> Self {
        let (workers, block) = match reading {
            Reading::Anywhere => (workers, ALL_BLOCKS / workers.max(1) as u64),
            // Each box may mean to begin again.
            Reading::Forward => (1, ALL_BLOCKS),
        };
        Self {
            step: 1 << 20,
            block: block.min(LARGEST_BLOCK),
            // A page, so that to read one costs little more than to copy it.
            long: 4 << 10,
            tile: 256 << 10,
            gap: 4 << 10,
            workers,
        }
    }

    /// How much of each dimension a box has: enough for a long stretch of the storage, then as much as
    /// fits of what is contiguous in the output.
    pub(super) fn box_extents(&self, dimensions: &[Dimension], size: u64) -> Vec<u64> {
        let mut extents = vec![1; dimensions.len()];
        let mut bytes = size;
        for at in by_stride(dimensions) {
            if bytes >= self.long {
                break;
            }
            extents[at] = dimensions[at].extent.min(self.long.div_ceil(bytes));
            bytes *= extents[at];
        }
        for (extent, dimension) in extents.iter_mut().zip(dimensions).rev() {
            let room = (self.block / bytes).max(1);
            let more = dimension.extent.min(extent.saturating_mul(room));
            bytes = bytes / *extent * more;
            *extent = more;
            if more < dimension.extent {
                break;
            }
        }
        extents
    }
}

/// What the blocks of all workers take, at most.
const ALL_BLOCKS: u64 = 64 << 20;
const LARGEST_BLOCK: u64 = 32 << 20;
