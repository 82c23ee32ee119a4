//! Roots, inclusion proofs and consistency proofs: RFC 6962, section 2.1, and RFC 9162, section 2.1.
//!
//! The prover asks for complete subtrees by level and index and knows of no file; the verifier knows
//! nothing but the proof.

use std::ops::Range;

use crate::Hash;

/// Where the hashes of complete subtrees come from.
pub trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The hash of the subtree over the leaves `index << level .. (index + 1) << level`.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the first `size` leaves.
///
/// # Errors
///
/// When a subtree cannot be had.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    subtree(nodes, 0..size)
}

/// The audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling to the root's
/// child. `index` is below `size`.
///
/// # Errors
///
/// When a subtree cannot be had.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    debug_assert!(index < size);
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let split = low + split(high - low);
        if index < split {
            path.push(subtree(nodes, split..high)?);
            high = split;
        } else {
            path.push(subtree(nodes, low..split)?);
            low = split;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves; empty where `old` is 0
/// or `new`. `old` is not above `new`.
///
/// # Errors
///
/// When a subtree cannot be had.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    debug_assert!(old <= new);
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, new);
    while high != old {
        let split = low + split(high - low);
        if old <= split {
            path.push(subtree(nodes, split..high)?);
            high = split;
        } else {
            path.push(subtree(nodes, low..split)?);
            low = split;
        }
    }
    // The verifier has the old root itself, which is this subtree where it begins at the first leaf.
    if low != 0 {
        path.push(subtree(nodes, low..high)?);
    }
    path.reverse();
    Ok(path)
}

/// The hash over a range of leaves that begins where a subtree of its size may begin.
fn subtree<N: Nodes>(nodes: &mut N, leaves: Range<u64>) -> Result<Hash, N::Error> {
    let mut parts = Vec::new();
    let mut low = leaves.start;
    while low < leaves.end {
        let level = (leaves.end - low).ilog2();
        // At most 63: the lowest byte is all of it.
        parts.push(nodes.node(level.to_le_bytes()[0], low >> level)?);
        low += 1 << level;
    }
    let folded = parts
        .into_iter()
        .rev()
        .reduce(|right, left| Hash::node(&left, &right));
    Ok(folded.unwrap_or_else(Hash::empty))
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// A proof that does not prove what it is said to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// The index is not below the size, or the old size is above the new one.
    #[error("the tree is too small for it")]
    Small,
    /// It has another number of hashes than a proof of these sizes.
    #[error("it has {0} hashes, and not as many as a proof of these sizes")]
    Length(usize),
    /// It leads to another root.
    #[error("it leads to another root")]
    Root,
}

/// Verifies that `leaf` is entry `index` of the tree with `size` leaves and this `root`
/// (RFC 9162, section 2.1.3.2).
///
/// # Errors
///
/// When the proof does not say so.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), BadProof> {
    if index >= size {
        return Err(BadProof::Small);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for step in proof {
        if last == 0 {
            return Err(BadProof::Length(proof.len()));
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    match () {
        () if last != 0 => Err(BadProof::Length(proof.len())),
        () if hash != root => Err(BadProof::Root),
        () => Ok(()),
    }
}

/// Verifies that the tree of `new` leaves begins with the tree of `old` leaves
/// (RFC 9162, section 2.1.4.2, with the cases that it leaves out: the old tree is empty, or all of it).
///
/// # Errors
///
/// When the proof does not say so.
pub fn verify_consistency(
    (old, old_root): (u64, Hash),
    (new, new_root): (u64, Hash),
    proof: &[Hash],
) -> Result<(), BadProof> {
    if old > new {
        return Err(BadProof::Small);
    }
    if old == 0 || old == new {
        let is_known = match old {
            0 => old_root == Hash::empty() && (new != 0 || new_root == Hash::empty()),
            _ => old_root == new_root,
        };
        return match (proof, is_known) {
            ([], true) => Ok(()),
            ([], false) => Err(BadProof::Root),
            _ => Err(BadProof::Length(proof.len())),
        };
    }
    // A complete old tree is the first subtree of the path, and left out of it.
    let mut steps = proof.iter().copied();
    let first = match old.is_power_of_two() {
        true => Some(old_root),
        false => steps.next(),
    };
    let first = first.ok_or(BadProof::Length(0))?;
    let (mut node, mut last) = (old - 1, new - 1);
    let odd = node.trailing_ones();
    node >>= odd;
    last >>= odd;
    let (mut from_old, mut from_new) = (first, first);
    for step in steps {
        if last == 0 {
            return Err(BadProof::Length(proof.len()));
        }
        if node & 1 == 1 || node == last {
            from_old = Hash::node(&step, &from_old);
            from_new = Hash::node(&step, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = Hash::node(&from_new, &step);
        }
        node >>= 1;
        last >>= 1;
    }
    match () {
        () if last != 0 => Err(BadProof::Length(proof.len())),
        () if from_old != old_root || from_new != new_root => Err(BadProof::Root),
        () => Ok(()),
    }
}

/// A whole tree in memory: the hashes of every level of complete subtrees.
#[derive(Clone, Debug)]
pub struct MemoryTree(Vec<Vec<Hash>>);

impl FromIterator<Hash> for MemoryTree {
    /// The tree over these leaves.
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut levels: Vec<Vec<Hash>> = vec![leaves.into_iter().collect()];
        while let Some(last) = levels.last()
            && last.len() > 1
        {
            let pairs = last.chunks_exact(2);
            let above = pairs.map(|pair| Hash::node(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Self(levels)
    }
}

/// Trees of which more is asked than they have are a mistake of the caller, and panic.
impl Nodes for &MemoryTree {
    type Error = std::convert::Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let index = usize::try_from(index).expect("a leaf that is in memory");
        Ok(self.0[usize::from(level)][index])
    }
}

#[cfg(test)]
mod tests;
