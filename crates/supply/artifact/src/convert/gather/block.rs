//! A part of the output while it is put together.

use std::io;

use super::{
    Sink,
    dimension::{Dimension, extents, row_by_row},
    odometer::{Odometer, dot},
    sized, small,
};

/// The elements of one box, in runs that are contiguous in the output. The runs stand apart by no
/// power of two, so that they do not push each other out of the cache.
#[derive(Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// How far elements stand apart in it along each dimension.
    places: Vec<u64>,
    /// How many elements the box has of each dimension by which runs are told apart.
    runs: Vec<u64>,
    /// How long a run is, and how far runs stand apart.
    run: usize,
    pitch: usize,
}

impl Block {
    /// A block of `len` bytes without dimensions.
    pub(super) fn flat(&mut self, len: usize) -> &mut [u8] {
        sized(&mut self.bytes, len);
        &mut self.bytes
    }

    /// Makes it a block for the box `inside` of a view with the dimensions `all`.
    pub(super) fn shape(&mut self, inside: &[Dimension], all: &[Dimension], size: usize) {
        // What follows the last dimension that is cut lies in the output as one.
        let cut = (0..all.len())
            .rev()
            .find(|&at| inside[at].extent < all[at].extent)
            .unwrap_or_default();
        let (outer, inner) = inside.split_at(cut);
        let (outer, inner) = (extents(outer), extents(inner));
        let run = inner.iter().product::<u64>() * size as u64;
        let pitch = match outer.iter().product() {
            1u64 => run,
            _ => pitch(run),
        };
        self.places = row_by_row(&outer, pitch);
        self.places.extend(row_by_row(&inner, size as u64));
        let count: u64 = outer.iter().product();
        self.runs = outer;
        (self.run, self.pitch) = (small(run), small(pitch));
        sized(&mut self.bytes, self.pitch * small(count));
    }

    /// How far elements stand apart along the dimension `at`.
    pub(super) fn step(&self, at: usize) -> usize {
        small(self.places[at])
    }

    /// Where the element at these places is.
    pub(super) fn place(&self, at: &[u64]) -> usize {
        small(dot(at, self.places.iter().copied()))
    }

    pub(super) fn turn(&mut self, unit: Option<usize>) {
        turn(&mut self.bytes, unit);
    }

    /// Writes it to where its first element is in the output, in which the elements stand apart by
    /// `places`.
    pub(super) fn write(&self, places: &[u64], out: &dyn Sink, at: u64) -> io::Result<()> {
        let mut rows = Odometer::new(self.runs.clone());
        let mut runs = self.bytes.chunks(self.pitch);
        while let (Some((from, _)), Some(run)) = (rows.next(), runs.next()) {
            let to = at + dot(from, places.iter().copied());
            out.write_at(to, &run[..self.run])?;
        }
        Ok(())
    }
}

/// How far stretches of this length stand apart in a buffer: not by a power of two, so that
/// neighbours do not push each other out of the cache.
pub(super) fn pitch(span: u64) -> u64 {
    span.next_multiple_of(64) + 64
}

/// Turns every `unit` bytes around.
pub(super) fn turn(bytes: &mut [u8], unit: Option<usize>) {
    match unit {
        Some(2) => turn_each::<2>(bytes),
        Some(4) => turn_each::<4>(bytes),
        Some(8) => turn_each::<8>(bytes),
        _ => {}
    }
}

fn turn_each<const N: usize>(bytes: &mut [u8]) {
    let units = bytes.as_chunks_mut::<N>().0;
    units.iter_mut().for_each(|unit| unit.reverse());
}
