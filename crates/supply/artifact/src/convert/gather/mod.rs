//! The elements of a view, row by row, in bounded memory and with few reads.
//!
//! ```text
//!             Dimension        cut             Reads            scatter
//!  Tensor ──► merged ──► boxes ───► one box ──► tiles ──► Tile ──────► Block ──► Sink
//!                                   (Workers: several at a time)
//! ```
//!
//! What lies in the storage as it is to lie in the output is copied. Any other view is cut into
//! boxes that are long both in the direction in which the storage runs and in the one in which the
//! output does, so that transposing a matrix of many gigabytes neither reads nor writes single
//! elements. A box is filled from stretches of the storage, several of which are held in a tile
//! while their elements are put in their places. Boxes do not overlap, so that the cores share them.

mod block;
mod dimension;
mod measures;
mod odometer;
mod reads;
mod scatter;
#[cfg(test)]
mod tests;
mod workers;

use std::{io, sync::Mutex};

use casemate_core::Source;

use self::{
    block::{Block, turn},
    dimension::{Dimension, merged},
    measures::Measures,
    odometer::{dot, nth_step, steps},
    reads::Reads,
};
use super::Sink;
use crate::tensor::Tensor;

pub(super) use measures::Reading;
pub(super) use workers::Workers;

/// Writes the elements of `tensor`, a view of `from`, to `out` from `at` on.
///
/// # Errors
///
/// What the medium says on either side; a storage that ends early is an error too.
pub(super) fn copy(
    tensor: &Tensor,
    (from, reading): (&dyn Source, Reading),
    workers: &mut Workers,
    out: &dyn Sink,
    at: u64,
) -> io::Result<()> {
    let measures = Measures::of(reading, workers.count());
    copy_by(&measures, tensor, from, workers, out, at)
}

fn copy_by(
    measures: &Measures,
    tensor: &Tensor,
    from: &dyn Source,
    workers: &mut Workers,
    out: &dyn Sink,
    at: u64,
) -> io::Result<()> {
    if tensor.bytes() == 0 {
        return Ok(());
    }
    let size = tensor.dtype().size();
    let dimensions = merged(tensor, size);
    let gather = Gather {
        measures,
        from,
        base: tensor.offset() * size,
        size: small(size),
        turned: (tensor.storage().big_endian).then(|| small(tensor.dtype().unit())),
        out,
        at,
        writing: Mutex::new(()),
    };
    match dimensions[..] {
        [] => gather.stretch(size, workers),
        [only] if only.stride == size => gather.stretch(only.extent * size, workers),
        _ => gather.boxes(&dimensions, workers),
    }
}

/// One view on its way.
struct Gather<'g> {
    measures: &'g Measures,
    from: &'g dyn Source,
    base: u64,
    size: usize,
    /// How many bytes are turned around, if any are.
    turned: Option<usize>,
    out: &'g dyn Sink,
    at: u64,
    /// A file is written by one at a time: whoever waits in the kernel spins on the other's core.
    writing: Mutex<()>,
}

/// What one worker needs, for one box after another.
#[derive(Default)]
struct Buffers {
    block: Block,
    tile: Vec<u8>,
}

impl Gather<'_> {
    /// Copies bytes that lie in the storage as they are to lie in the output.
    fn stretch(&self, len: u64, workers: &mut Workers) -> io::Result<()> {
        let step = self.measures.step;
        let most = self.measures.workers;
        workers.each(len.div_ceil(step), most, |nth, buffers| {
            let done = nth * step;
            let bytes = buffers.block.flat(small((len - done).min(step)));
            self.from.read_exact_at(self.base + done, bytes)?;
            turn(bytes, self.turned);
            let _writing = self.writing.lock();
            self.out.write_at(self.at + done, bytes)
        })
    }

    fn boxes(&self, dimensions: &[Dimension], workers: &mut Workers) -> io::Result<()> {
        let extents = dimension::extents(dimensions);
        let places = dimension::row_by_row(&extents, self.size as u64);
        let cut = self.measures.box_extents(dimensions, self.size as u64);
        let most = self.measures.workers;
        workers.each(steps(&extents, &cut), most, |nth, buffers| {
            let (from, extents) = nth_step(&extents, &cut, nth);
            let base = dot(&from, dimensions.iter().map(|dimension| dimension.stride));
            let to = dot(&from, places.iter().copied());
            let inside: Vec<Dimension> = (dimensions.iter().zip(extents))
                .map(|(dimension, extent)| Dimension {
                    extent,
                    ..*dimension
                })
                .collect();
            buffers.block.shape(&inside, dimensions, self.size);
            self.fill(&inside, self.base + base, buffers)?;
            buffers.block.turn(self.turned);
            let _writing = self.writing.lock();
            buffers.block.write(&places, self.out, self.at + to)
        })
    }

    /// Reads a box into the block, tile by tile.
    fn fill(&self, inside: &[Dimension], base: u64, buffers: &mut Buffers) -> io::Result<()> {
        let reads = Reads::plan(self.measures, inside, self.size as u64);
        let mut tiles = reads.tiles(inside);
        while let Some((from, extents)) = tiles.next() {
            let start = base + dot(from, inside.iter().map(|dimension| dimension.stride));
            let pitch = reads.read(self.from, inside, extents, start, &mut buffers.tile)?;
            let axes = (0..inside.len()).map(|at| scatter::Axis {
                extent: small(extents[at]),
                tile: reads.step_in_tile(inside, at, pitch),
                block: buffers.block.step(at),
            });
            let axes = axes.collect();
            let to = buffers.block.place(from);
            scatter::scatter(
                &buffers.tile,
                &mut buffers.block.bytes[to..],
                axes,
                self.size,
            );
        }
        Ok(())
    }
}

fn sized(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    buffer.truncate(len);
}

/// A number that a bound of this module keeps small.
fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
