//! The elements of a view, row by row, in bounded memory and with few reads.
//!
//! A contiguous view is copied. Any other is cut into boxes of some megabytes that are long both
//! the direction in which the storage runs and in the one in which the output does, so that
//! transposing a matrix of many gigabytes neither reads nor writes single elements. A box is filled
//! from stretches of the storage, several of which are held in a tile while their elements are put
//! in their places.

use std::io;

use casemate_core::Source;

use super::Sink;
use crate::tensor::Tensor;

/// Buffers that are used for one tensor after another.
#[derive(Default)]
pub(crate) struct Buffers {
    block: Vec<u8>,
    tile: Vec<u8>,
}

/// Writes the elements of `tensor`, a view of `from`, to `out` from `at` on.
///
/// # Errors
///
/// What the medium says on either side; a storage that ends early is an error too.
pub(crate) fn copy(
    tensor: &Tensor,
    from: &dyn Source,
    buffers: &mut Buffers,
    out: &mut dyn Sink,
    at: u64,
) -> io::Result<()> {
    copy_by(&MEASURES, tensor, from, buffers, out, at)
}

fn copy_by(
    measures: &Measures,
    tensor: &Tensor,
    from: &dyn Source,
    buffers: &mut Buffers,
    out: &mut dyn Sink,
    at: u64,
) -> io::Result<()> {
    if tensor.bytes() == 0 {
        return Ok(());
    }
    let size = tensor.dtype().size();
    let dimensions = merged(tensor, size);
    let mut gather = Gather {
        measures,
        from,
        base: tensor.offset() * size,
        size: small(size),
        turned: tensor
            .storage()
            .big_endian
            .then(|| small(tensor.dtype().unit())),
        buffers,
        out,
        at,
    };
    match dimensions[..] {
        [] => gather.stretch(size),
        [only] if only.stride == size => gather.stretch(only.extent * size),
        _ => gather.boxes(&dimensions),
    }
}

/// One dimension, or several that lie in the storage as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dimension {
    extent: u64,
    /// In bytes of the storage.
    stride: u64,
}

/// The dimensions of a tensor that is not empty, the last one moving fastest.
fn merged(tensor: &Tensor, size: u64) -> Vec<Dimension> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    for (&extent, &stride) in tensor.shape().iter().zip(tensor.strides()) {
        if extent == 1 {
            continue;
        }
        // A view that was found to fit its storage has no product that overflows.
        let stride = stride * size;
        match dimensions.last_mut() {
            Some(outer) if outer.stride == extent * stride => {
                outer.extent *= extent;
                outer.stride = stride;
            }
            _ => dimensions.push(Dimension { extent, stride }),
        }
    }
    dimensions
}

/// How much is done at once, in bytes.
struct Measures {
    /// How much is copied: what the cache holds.
    step: u64,
    /// How much of the output is put together.
    block: u64,
    /// How long a stretch of the storage is worth a read of its own.
    long: u64,
    /// How much of the storage is held while its elements are put in their places.
    tile: u64,
    /// What is read with its neighbours rather than skipped.
    gap: u64,
}

struct Gather<'g> {
    measures: &'g Measures,
    from: &'g dyn Source,
    base: u64,
    size: usize,
    /// How many bytes are turned around, if any are.
    turned: Option<usize>,
    buffers: &'g mut Buffers,
    out: &'g mut dyn Sink,
    at: u64,
}

impl Gather<'_> {
    /// Copies bytes that lie in the storage as they are to lie in the output.
    fn stretch(&mut self, len: u64) -> io::Result<()> {
        let block = &mut self.buffers.block;
        let mut done = 0;
        while done < len {
            let step = (len - done).min(self.measures.step);
            sized(block, small(step));
            self.from.read_exact_at(self.base + done, block)?;
            turn(block, self.turned);
            self.out.write_at(self.at + done, block)?;
            done += step;
        }
        Ok(())
    }

    fn boxes(&mut self, dimensions: &[Dimension]) -> io::Result<()> {
        let mut places = vec![0; dimensions.len()];
        let mut step = self.size as u64;
        for (place, dimension) in places.iter_mut().zip(dimensions).rev() {
            *place = step;
            step *= dimension.extent;
        }
        let extents: Vec<u64> = dimensions
            .iter()
            .map(|dimension| dimension.extent)
            .collect();
        let steps = self.measures.box_extents(dimensions, self.size as u64);
        let mut boxes = Odometer::new(extents, steps);
        while let Some((from, extents)) = boxes.next() {
            let base = dot(from, dimensions.iter().map(|dimension| dimension.stride));
            let to = dot(from, places.iter().copied());
            let inside: Vec<Dimension> = dimensions
                .iter()
                .zip(extents)
                .map(|(dimension, &extent)| Dimension {
                    extent,
                    ..*dimension
                })
                .collect();
            self.fill(&inside, self.base + base)?;
            turn(&mut self.buffers.block, self.turned);
            self.put(&inside, dimensions, &places, self.at + to)?;
        }
        Ok(())
    }

    /// Reads a box into the block, row by row.
    fn fill(&mut self, inside: &[Dimension], base: u64) -> io::Result<()> {
        let count: u64 = inside.iter().map(|dimension| dimension.extent).product();
        sized(&mut self.buffers.block, small(count) * self.size);
        let reads = Reads::plan(self.measures, inside, self.size as u64);
        let mut places = vec![0; inside.len()];
        let mut step = self.size as u64;
        for (place, dimension) in places.iter_mut().zip(inside).rev() {
            *place = step;
            step *= dimension.extent;
        }
        let extents: Vec<u64> = inside.iter().map(|dimension| dimension.extent).collect();
        // Forward in the storage, for the sake of what can only be read forward.
        let mut order: Vec<usize> = (0..inside.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(inside[at].stride));
        let mut tiles = Odometer::in_order(extents, reads.steps.clone(), order);
        while let Some((from, extents)) = tiles.next() {
            let start = base + dot(from, inside.iter().map(|dimension| dimension.stride));
            let pitch = self.read_tile(inside, &reads, extents, start)?;
            let axes: Vec<Axis> = (0..inside.len())
                .map(|at| Axis {
                    extent: small(extents[at]),
                    tile: match reads.batch == Some(at) {
                        true => pitch,
                        false if reads.steps[at] == 1 => 0,
                        false => small(inside[at].stride),
                    },
                    block: small(places[at]),
                })
                .collect();
            let to = small(dot(from, places.iter().copied()));
            let block = &mut self.buffers.block[to..];
            scatter(&self.buffers.tile, block, axes, self.size);
        }
        Ok(())
    }

    /// Reads the stretches of one tile, and says how far they stand apart in it.
    fn read_tile(
        &mut self,
        inside: &[Dimension],
        reads: &Reads,
        extents: &[u64],
        start: u64,
    ) -> io::Result<usize> {
        let mut span = self.size as u64;
        for (at, dimension) in inside.iter().enumerate() {
            if reads.batch != Some(at) {
                span += (extents[at] - 1) * dimension.stride;
            }
        }
        let (span, pitch) = (small(span), small(pitch(span)));
        let (count, stride) = match reads.batch {
            Some(at) => (extents[at], inside[at].stride),
            None => (1, 0),
        };
        sized(&mut self.buffers.tile, pitch * small(count));
        for (at, row) in (0..count).zip(self.buffers.tile.chunks_mut(pitch)) {
            self.from
                .read_exact_at(start + at * stride, &mut row[..span])?;
        }
        Ok(pitch)
    }

    /// Writes the block to the places of its box.
    fn put(
        &mut self,
        inside: &[Dimension],
        all: &[Dimension],
        places: &[u64],
        at: u64,
    ) -> io::Result<()> {
        // What follows the last dimension that is cut lies in the output as one.
        let cut = (0..all.len())
            .rev()
            .find(|&at| inside[at].extent < all[at].extent);
        let cut = cut.unwrap_or_default();
        let run: u64 = inside[cut..]
            .iter()
            .map(|dimension| dimension.extent)
            .product();
        let run = small(run) * self.size;
        let extents: Vec<u64> = inside[..cut]
            .iter()
            .map(|dimension| dimension.extent)
            .collect();
        let mut rows = Odometer::new(extents, vec![1; cut]);
        let mut runs = self.buffers.block.chunks(run);
        while let Some((from, _)) = rows.next() {
            let to = at + dot(from, places[..cut].iter().copied());
            self.out.write_at(to, runs.next().unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Measures {
    /// How much of each dimension a box has: enough for a long stretch of the storage, then as much as
    /// fits of what is contiguous in the output.
    fn box_extents(&self, dimensions: &[Dimension], size: u64) -> Vec<u64> {
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

/// The dimensions along which the storage runs, the fastest first. Those that repeat the same
/// elements are not among them.
fn by_stride(dimensions: &[Dimension]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dimensions.len())
        .filter(|&at| dimensions[at].stride > 0)
        .collect();
    order.sort_by_key(|&at| dimensions[at].stride);
    order
}

/// How a box is read: how much of each dimension comes with one tile, and which dimension takes a
/// read for each of its elements.
struct Reads {
    steps: Vec<u64>,
    batch: Option<usize>,
}

impl Reads {
    fn plan(measures: &Measures, inside: &[Dimension], size: u64) -> Self {
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
            steps[last] = inside[last]
                .extent
                .min((measures.tile / pitch(span)).max(1));
        }
        Self { steps, batch }
    }
}

/// How far stretches stand apart in a tile: not by a power of two, so that neighbours do not push
/// each other out of the cache.
fn pitch(span: u64) -> u64 {
    span.next_multiple_of(64) + 64
}

/// One dimension of a tile: how many elements, and how far they stand apart on either side.
#[derive(Clone, Copy)]
struct Axis {
    extent: usize,
    tile: usize,
    block: usize,
}

/// Puts the elements of a tile in their places in a block.
fn scatter(tile: &[u8], block: &mut [u8], mut axes: Vec<Axis>, size: usize) {
    axes.retain(|axis| axis.extent > 1);
    // Two dimensions at a time: the one that moves fastest in the block, and the one that does in
    // the tile.
    let nothing = Axis {
        extent: 1,
        tile: 0,
        block: 0,
    };
    let inner = axes.pop().unwrap_or(nothing);
    let fastest = (0..axes.len()).min_by_key(|&at| axes[at].tile);
    let outer = fastest.map_or(nothing, |at| axes.remove(at));
    let extents: Vec<u64> = axes.iter().map(|axis| axis.extent as u64).collect();
    let mut places = Odometer::new(extents, vec![1; axes.len()]);
    while let Some((at, _)) = places.next() {
        let from = small(dot(at, axes.iter().map(|axis| axis.tile as u64)));
        let to = small(dot(at, axes.iter().map(|axis| axis.block as u64)));
        let (tile, block) = (&tile[from..], &mut block[to..]);
        match size {
            1 => plane::<1>(tile, block, outer, inner),
            2 => plane::<2>(tile, block, outer, inner),
            4 => plane::<4>(tile, block, outer, inner),
            8 => plane::<8>(tile, block, outer, inner),
            _ => plane::<16>(tile, block, outer, inner),
        }
    }
}

fn plane<const N: usize>(tile: &[u8], block: &mut [u8], outer: Axis, inner: Axis) {
    if inner.tile == N && inner.block == N {
        let run = inner.extent * N;
        for row in 0..outer.extent {
            let (from, to) = (row * outer.tile, row * outer.block);
            block[to..to + run].copy_from_slice(&tile[from..from + run]);
        }
        return;
    }
    for rows in (0..outer.extent).step_by(SQUARE) {
        for columns in (0..inner.extent).step_by(SQUARE) {
            for row in rows..outer.extent.min(rows + SQUARE) {
                let (mut from, mut to) = (
                    row * outer.tile + columns * inner.tile,
                    row * outer.block + columns * inner.block,
                );
                for _ in columns..inner.extent.min(columns + SQUARE) {
                    block[to..to + N].copy_from_slice(&tile[from..from + N]);
                    from += inner.tile;
                    to += inner.block;
                }
            }
        }
    }
}

/// Counts through a box in steps: at each, where it is and how much of each dimension is there.
struct Odometer {
    extents: Vec<u64>,
    steps: Vec<u64>,
    /// The dimensions, the slowest first.
    order: Vec<usize>,
    at: Vec<u64>,
    here: Vec<u64>,
    started: bool,
}

impl Odometer {
    fn new(extents: Vec<u64>, steps: Vec<u64>) -> Self {
        let order = (0..extents.len()).collect();
        Self::in_order(extents, steps, order)
    }

    fn in_order(extents: Vec<u64>, steps: Vec<u64>, order: Vec<usize>) -> Self {
        Self {
            at: vec![0; extents.len()],
            here: vec![0; extents.len()],
            extents,
            steps,
            order,
            started: false,
        }
    }

    fn next(&mut self) -> Option<(&[u64], &[u64])> {
        if std::mem::replace(&mut self.started, true) && !self.advance() {
            return None;
        }
        for (at, here) in self.here.iter_mut().enumerate() {
            *here = self.steps[at].min(self.extents[at] - self.at[at]);
        }
        Some((&self.at, &self.here))
    }

    fn advance(&mut self) -> bool {
        for &dimension in self.order.iter().rev() {
            self.at[dimension] += self.steps[dimension];
            if self.at[dimension] < self.extents[dimension] {
                return true;
            }
            self.at[dimension] = 0;
        }
        false
    }
}

fn dot(at: &[u64], strides: impl Iterator<Item = u64>) -> u64 {
    at.iter().zip(strides).map(|(at, stride)| at * stride).sum()
}

/// Turns every `unit` bytes around.
fn turn(bytes: &mut [u8], unit: Option<usize>) {
    match unit {
        Some(2) => bytes
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|unit| unit.reverse()),
        Some(4) => bytes
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .for_each(|unit| unit.reverse()),
        Some(8) => bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .for_each(|unit| unit.reverse()),
        _ => {}
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

const MEASURES: Measures = Measures {
    step: 1 << 20,
    block: 32 << 20,
    long: 8 << 10,
    tile: 512 << 10,
    gap: 4 << 10,
};
/// How many elements a side of the squares has in which a tile is turned.
const SQUARE: usize = 16;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;
    use proptest::prelude::*;

    use super::*;
    use crate::tensor::{Dtype, Place, Storage, product};

    /// The elements one by one.
    fn by_hand(tensor: &Tensor, bytes: &[u8]) -> Vec<u8> {
        let size = small(tensor.dtype().size());
        let count = product(tensor.shape()).expect("small");
        let mut out = Vec::new();
        for nth in 0..count {
            let (mut rest, mut at) = (nth, tensor.offset());
            for (&extent, &stride) in tensor.shape().iter().zip(tensor.strides()).rev() {
                at += rest % extent * stride;
                rest /= extent;
            }
            let from = small(at) * size;
            let mut element = bytes[from..from + size].to_vec();
            if tensor.storage().big_endian {
                let unit = small(tensor.dtype().unit());
                element.chunks_mut(unit).for_each(<[u8]>::reverse);
            }
            out.extend(element);
        }
        out
    }

    fn gathered(tensor: &Tensor, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0xee; 3];
        let source = MemorySource(bytes);
        // Small, so that small views need more than one of everything.
        let measures = Measures {
            step: 1000,
            block: 4 << 10,
            long: 128,
            tile: 1 << 10,
            gap: 40,
        };
        let buffers = &mut Buffers::default();
        copy_by(&measures, tensor, &source, buffers, &mut out, 3).expect("memory");
        assert_eq!(out[..3], [0xee; 3]);
        out.split_off(3)
    }

    fn numbered(len: u64) -> Vec<u8> {
        // Neighbours and rows differ.
        (0..len)
            .map(|at| (at * 167 % 251).to_le_bytes()[0])
            .collect()
    }

    fn view(dtype: Dtype, shape: &[u64], strides: &[u64], offset: u64, big: bool) -> Tensor {
        let mut len = offset + 1;
        for (extent, stride) in shape.iter().zip(strides) {
            len += extent.saturating_sub(1) * stride;
        }
        let storage = Storage {
            place: Place::Key("0".to_owned()),
            len: len * dtype.size(),
            dtype: None,
            big_endian: big,
        };
        Tensor::new(dtype, shape.to_vec(), strides.to_vec(), offset, storage).expect("a view")
    }

    #[test]
    fn dimensions_that_lie_as_one_are_one() {
        let dimension = |extent, stride| Dimension { extent, stride };
        let merged =
            |shape: &[u64], strides: &[u64]| merged(&view(Dtype::F32, shape, strides, 0, false), 4);
        assert_eq!(merged(&[2, 3, 4], &[12, 4, 1]), [dimension(24, 4)]);
        assert_eq!(merged(&[2, 1, 4], &[4, 99, 1]), [dimension(8, 4)]);
        assert_eq!(
            merged(&[3, 2], &[1, 3]),
            [dimension(3, 4), dimension(2, 12)]
        );
        assert_eq!(merged(&[3, 2], &[0, 0]), [dimension(6, 0)]);
        assert_eq!(merged(&[], &[]), []);
    }

    #[test]
    fn large_views_are_what_they_are_element_by_element() {
        for (dtype, shape, strides) in [
            (Dtype::F64, &[250, 210][..], &[1, 250][..]),
            (Dtype::U8, &[600, 600], &[1, 601]),
            (Dtype::F32, &[90_000], &[2]),
            (Dtype::F32, &[900], &[100]),
            (Dtype::F32, &[3, 30_000], &[1, 3]),
            (Dtype::F16, &[6, 16, 13, 15], &[1, 6, 6 * 16 * 15, 6 * 16]),
            (Dtype::I16, &[4, 100, 300], &[300, 0, 1]),
            (Dtype::C128, &[70, 200], &[500, 2]),
            (Dtype::I64, &[90, 500], &[1, 7]),
        ] {
            for big in [false, true] {
                let tensor = view(dtype, shape, strides, 5, big);
                let bytes = numbered(tensor.storage().len);
                let same = gathered(&tensor, &bytes) == by_hand(&tensor, &bytes);
                assert!(same, "{dtype:?} {shape:?} {strides:?} {big}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn views_are_what_they_are_element_by_element(
            dimensions in proptest::collection::vec((0u64..7, 0u64..9), 0..5),
            offset in 0u64..5,
            which in 0usize..5,
            big in any::<bool>(),
        ) {
            let dtype = [Dtype::U8, Dtype::Bf16, Dtype::F32, Dtype::C64, Dtype::C128][which];
            let (shape, strides): (Vec<u64>, Vec<u64>) = dimensions.into_iter().unzip();
            let tensor = view(dtype, &shape, &strides, offset, big);
            let bytes = numbered(tensor.storage().len);
            prop_assert_eq!(gathered(&tensor, &bytes), by_hand(&tensor, &bytes));
        }
    }
}
