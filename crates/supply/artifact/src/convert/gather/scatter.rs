//! Elements from a tile to their places in a block.

use super::{
    odometer::{Odometer, dot},
    small,
};

/// One dimension of a tile: how many elements, and how far they stand apart on either side.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) extent: usize,
    pub(super) tile: usize,
    pub(super) block: usize,
}

/// Puts the elements of a tile, of `size` bytes each, in their places in a block.
pub(super) fn scatter(tile: &[u8], block: &mut [u8], mut axes: Vec<Axis>, size: usize) {
    axes.retain(|axis| axis.extent > 1);
    // Two dimensions at a time: the one that moves fastest in the block, and the one that does in
    // the tile.
    let inner = axes.pop().unwrap_or(NOTHING);
    let fastest = (0..axes.len()).min_by_key(|&at| axes[at].tile);
    let outer = fastest.map_or(NOTHING, |at| axes.remove(at));
    let extents: Vec<u64> = axes.iter().map(|axis| axis.extent as u64).collect();
    let mut places = Odometer::new(extents);
    while let Some((at, _)) = places.next() {
        let from = small(dot(at, axes.iter().map(|axis| axis.tile as u64)));
        let to = small(dot(at, axes.iter().map(|axis| axis.block as u64)));
        let (tile, block) = (&tile[from..], &mut block[to..]);
        // A row of a square is a line of the cache.
        match size {
            1 => plane::<1, 64, 8>(tile, block, outer, inner),
            2 => plane::<2, 32, 4>(tile, block, outer, inner),
            4 => plane::<4, 16, 2>(tile, block, outer, inner),
            8 => plane::<8, 8, 1>(tile, block, outer, inner),
            _ => plane::<16, 4, 1>(tile, block, outer, inner),
        }
    }
}

/// The elements of two dimensions, of `N` bytes each, in squares of `S` by `S`, of which `W` are a
/// word.
fn plane<const N: usize, const S: usize, const W: usize>(
    tile: &[u8],
    block: &mut [u8],
    outer: Axis,
    inner: Axis,
) {
    if inner.tile == N && inner.block == N {
        let run = inner.extent * N;
        for row in 0..outer.extent {
            let (from, to) = (row * outer.tile, row * outer.block);
            block[to..to + run].copy_from_slice(&tile[from..from + run]);
        }
        return;
    }
    let turns = outer.tile == N && inner.block == N;
    for rows in (0..outer.extent).step_by(S) {
        for columns in (0..inner.extent).step_by(S) {
            let from = rows * outer.tile + columns * inner.tile;
            let to = rows * outer.block + columns * inner.block;
            let (tile, block) = (&tile[from..], &mut block[to..]);
            let high = (outer.extent - rows).min(S);
            let wide = (inner.extent - columns).min(S);
            if turns && high == S && wide == S {
                square::<N, S, W>(tile, inner.tile, block, outer.block);
                continue;
            }
            for row in 0..high {
                let (mut from, mut to) = (row * outer.tile, row * outer.block);
                for _ in 0..wide {
                    block[to..to + N].copy_from_slice(&tile[from..from + N]);
                    from += inner.tile;
                    to += inner.block;
                }
            }
        }
    }
}

/// A square whose columns are contiguous in the tile and whose rows are in the block. It is turned
/// between two arrays of known size, which costs no check for each element, and word by word where
/// an element is less than one.
fn square<const N: usize, const S: usize, const W: usize>(
    tile: &[u8],
    column: usize,
    block: &mut [u8],
    row: usize,
) {
    let mut columns = [[[0; N]; S]; S];
    for (nth, here) in columns.iter_mut().enumerate() {
        let from = nth * column;
        let here = here.as_flattened_mut();
        here.copy_from_slice(&tile[from..from + N * S]);
    }
    let mut rows = [[[0; N]; S]; S];
    if W == 1 {
        for (nth, row) in rows.iter_mut().enumerate() {
            for (element, column) in row.iter_mut().zip(&columns) {
                *element = column[nth];
            }
        }
    } else {
        for (down, rows) in rows.chunks_exact_mut(W).enumerate() {
            for (across, columns) in columns.chunks_exact(W).enumerate() {
                let mut words = [0; W];
                for (word, column) in words.iter_mut().zip(columns) {
                    *word = u64::from_le_bytes(column.as_flattened().as_chunks().0[down]);
                }
                turn_words(&mut words);
                for (word, row) in words.iter().zip(rows.iter_mut()) {
                    row.as_flattened_mut().as_chunks_mut().0[across] = word.to_le_bytes();
                }
            }
        }
    }
    for (nth, here) in rows.iter().enumerate() {
        let to = nth * row;
        block[to..to + N * S].copy_from_slice(here.as_flattened());
    }
}

/// Turns a square of `W` by `W` elements, a row of which is a word: halves of it are exchanged
/// across the diagonal, then halves of those, as in chapter 7.3 of Warren, Hacker's Delight.
fn turn_words<const W: usize>(words: &mut [u64; W]) {
    let mut half = W / 2;
    let mut shift = 32;
    while half > 0 {
        let mask = u64::MAX / ((1 << shift) + 1);
        for at in (0..W).filter(|at| at & half == 0) {
            let other = words[at + half];
            let exchanged = ((words[at] >> shift) ^ other) & mask;
            words[at + half] = other ^ exchanged;
            words[at] ^= exchanged << shift;
        }
        half /= 2;
        shift /= 2;
    }
}

/// How many elements of one byte a side of a square has, and a multiple of every other side.
pub(super) const WIDEST_SQUARE: u64 = 64;

const NOTHING: Axis = Axis {
    extent: 1,
    tile: 0,
    block: 0,
};
