//! The memo: what PUT keeps and GET gives back.

use std::collections::HashMap;

use super::value::Ref;

/// Objects by index: a table for the indices a pickler writes, a map for those only an attacker
/// does, so that one large index costs nothing.
#[derive(Clone, Default)]
pub(crate) struct Memo {
    dense: Vec<Option<Entry>>,
    sparse: HashMap<u32, Ref>,
    count: u32,
    exhausted: bool,
}

impl Memo {
    /// How many indices hold something: where MEMOIZE puts the next.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// How many places a copy of it takes.
    pub(crate) fn size(&self) -> usize {
        self.dense.len() + self.sparse.len()
    }

    /// Whether objects have been dropped for want of memory.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    #[inline]
    pub(crate) fn find(&self, index: u32) -> Option<Ref> {
        match self.dense.get(index as usize) {
            Some(entry) => entry.map(Entry::reference),
            None => self.sparse.get(&index).copied(),
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, index: u32, value: Ref) {
        let at = index as usize;
        if at < self.dense.len() {
            self.count += u32::from(self.dense[at].is_none());
            self.dense[at] = Some(Entry::new(value));
        } else if at <= self.dense.len() + GAP && at < MOST {
            let end = self.dense.len();
            self.dense.resize(at + 1, None);
            self.dense[at] = Some(Entry::new(value));
            let fresh = self.sparse.remove(&index).is_none();
            self.count += u32::from(fresh);
            // What was put beyond the table's end may now lie within it.
            if !self.sparse.is_empty() {
                self.take_in(end);
            }
        } else if self.sparse.len() < MOST_SPARSE {
            let fresh = self.sparse.insert(index, value).is_none();
            self.count += u32::from(fresh);
        } else {
            self.exhausted = true;
        }
    }

    /// Whether an index lies so far out that CPython before 3.14, which keeps a table, would have
    /// to make it thousands of times larger than its content.
    pub(crate) fn is_wasteful(&self, index: u32) -> bool {
        index > 1 << 20 && index / 1024 > self.count
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Ref> {
        let dense = self.dense.iter().flatten().map(|entry| entry.reference());
        dense.chain(self.sparse.values().copied())
    }

    fn take_in(&mut self, from: usize) {
        for at in from..self.dense.len() {
            let Ok(index) = u32::try_from(at) else { return };
            if let Some(value) = self.sparse.remove(&index) {
                self.dense[at] = Some(Entry::new(value));
            }
        }
    }
}

/// A reference in four bytes, also where it may be absent.
#[derive(Clone, Copy)]
struct Entry(std::num::NonZeroU32);

impl Entry {
    fn new(value: Ref) -> Self {
        // No reference has all bits set but the small integer -1, which trades places with zero.
        Self(std::num::NonZeroU32::new(!value.0).unwrap_or(Self::MINUS_ONE))
    }

    fn reference(self) -> Ref {
        if self.0 == Self::MINUS_ONE {
            return Ref(u32::MAX);
        }
        Ref(!self.0.get())
    }

    /// The complement of the largest place there could be; the heap never has so many.
    const MINUS_ONE: std::num::NonZeroU32 = std::num::NonZeroU32::new(!(u32::MAX >> 1)).unwrap();
}

const GAP: usize = 4096;
/// 32 MiB of references.
const MOST: usize = 1 << 23;
const MOST_SPARSE: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_reference_comes_back() {
        for bits in [0, 1, 8, u32::MAX, u32::MAX - 1, 1 << 31, (1 << 31) | 1] {
            assert_eq!(Entry::new(Ref(bits)).reference(), Ref(bits));
        }
        assert_eq!(size_of::<Option<Entry>>(), 4);
    }

    proptest! {
        #[test]
        fn it_is_a_map(puts in proptest::collection::vec(
            (prop_oneof![0u32..20, 4000u32..4200, 8000u32..8300, any::<u32>()], 0u32..9), 0..60,
        )) {
            let mut memo = Memo::default();
            let mut map = std::collections::BTreeMap::new();
            for (index, value) in puts {
                memo.put(index, Ref(value));
                map.insert(index, Ref(value));
                prop_assert_eq!(memo.count() as usize, map.len());
            }
            for (&index, &value) in &map {
                prop_assert_eq!(memo.find(index), Some(value));
            }
            prop_assert_eq!(memo.values().count(), map.len());
        }
    }
}
