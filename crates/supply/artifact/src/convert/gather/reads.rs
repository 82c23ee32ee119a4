//! How a box is read: in stretches of the storage, of which several make a tile.

use std::io;

use casemate_core::Source;

use super::{
    block::pitch,
    dimension::{Dimension, by_stride, extents},
    measures::Measures,
    odometer::Odometer,
    scatter::WIDEST_SQUARE,
    sized, small,
};

/// How much of each dimension comes with one tile, and which dimension takes a read for each of its
/// elements.
pub(super) struct Reads {
    steps: Vec<u64>,
    batch: Option<usize>,
    size: u64,
}

impl Reads {
    /// The reads for the box `inside`, of elements of `size` bytes.
    pub(super) fn plan(measures: &Measures, inside: &[Dimension], size: u64) -> Self {
        let repeated = |dimension: &Dimension| match dimension.stride {
            0 => dimension.extent,
            _ => 1,
        };
        let mut steps: Vec<u64> = inside.iter().map(repeated).collect();
        let mut span = size;
        for at in by_stride(inside) {
            let Dimension { extent, stride } = inside[at];
            // To read a gap of a page costs less than another read.
            if stride > span + measures.gap || span >= measures.tile {
                break;
            }
            steps[at] = extent.min((measures.tile - span) / stride + 1);
            span += (steps[at] - 1) * stride;
            if steps[at] < extent {
                break;
            }
        }
        let last = inside.len() - 1;
        let batch = (steps[last] == 1 && inside[last].stride > 0).then_some(last);
        if batch.is_some() {
            let rows = (measures.tile / pitch(span)).max(1);
            // What is left over from whole squares is turned element by element.
            let rows = match rows >= WIDEST_SQUARE / 2 {
                true => rows.next_multiple_of(WIDEST_SQUARE),
                false => rows,
            };
            steps[last] = inside[last].extent.min(rows);
        }
        Self { steps, batch, size }
    }

    /// The tiles: forward in the storage, for the sake of what can only be read forward.
    pub(super) fn tiles(&self, inside: &[Dimension]) -> Odometer {
        let mut order: Vec<usize> = (0..inside.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(inside[at].stride));
        Odometer::in_order(extents(inside), self.steps.clone(), order)
    }

    /// Reads the stretches of the tile that has `extents` and begins at `start`, and says how far
    /// they stand apart in it.
    pub(super) fn read(
        &self,
        from: &dyn Source,
        inside: &[Dimension],
        extents: &[u64],
        start: u64,
        tile: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let mut span = self.size;
        for (at, dimension) in inside.iter().enumerate() {
            if self.batch != Some(at) {
                span += (extents[at] - 1) * dimension.stride;
            }
        }
        let (span, pitch) = (small(span), small(pitch(span)));
        let (count, stride) = match self.batch {
            Some(at) => (extents[at], inside[at].stride),
            None => (1, 0),
        };
        sized(tile, pitch * small(count));
        for (at, row) in (0..count).zip(tile.chunks_mut(pitch)) {
            from.read_exact_at(start + at * stride, &mut row[..span])?;
        }
        Ok(pitch)
    }

    /// How far elements stand apart in a tile along the dimension `at`, where stretches do by
    /// `pitch`.
    pub(super) fn step_in_tile(&self, inside: &[Dimension], at: usize, pitch: usize) -> usize {
        match self.steps[at] {
            _ if self.batch == Some(at) => pitch,
            1 => 0,
            _ => small(inside[at].stride),
        }
    }
}
