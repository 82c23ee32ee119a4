//! Sets of whole numbers, as ranges.

use std::fmt::Debug;

/// A number that ranges are made of.
pub trait Number: Copy + Ord + Debug {
    /// The one behind it, if there is one.
    fn next(self) -> Option<Self>;
    /// The one before it, if there is one.
    fn previous(self) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Number for $number {
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    )*};
}

numbers!(u16, u32, u128);

/// A set of numbers: closed ranges in order, with a number between each two that is in neither. Equal
/// sets are equal values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intervals<N>(Vec<(N, N)>);

impl<N> Default for Intervals<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N: Number> Intervals<N> {
    /// The numbers from `first` to `last`, both included; none where `last` is before `first`.
    pub fn range(first: N, last: N) -> Self {
        Self::of([(first, last)])
    }

    /// The numbers of the ranges, which may overlap and stand in any order.
    pub fn of(ranges: impl IntoIterator<Item = (N, N)>) -> Self {
        let mut ranges: Vec<(N, N)> = ranges.into_iter().filter(|(a, b)| a <= b).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(N, N)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some((_, end)) if end.next().is_none_or(|next| first <= next) => {
                    *end = last.max(*end);
                }
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[(N, N)] {
        &self.0
    }

    /// Whether there is no number in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every number of `other` is in it.
    pub fn includes(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    /// The numbers in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied())
    }

    /// The numbers in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                both.push((first, last));
            }
            if a.1 <= b.1 {
                ours.next();
            } else {
                theirs.next();
            }
        }
        Self(both)
    }

    /// The numbers in it that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut theirs = other.0.iter().peekable();
        for &(first, last) in &self.0 {
            let mut from = Some(first);
            while let Some(&&(begin, end)) = theirs.peek() {
                let Some(start) = from.filter(|start| begin <= last && *start <= last) else {
                    break;
                };
                if end < start {
                    theirs.next();
                    continue;
                }
                if let Some(before) = begin.previous().filter(|before| start <= *before) {
                    left.push((start, before));
                }
                from = end.next();
                if end > last {
                    break;
                }
                theirs.next();
            }
            if let Some(start) = from.filter(|start| *start <= last) {
                left.push((start, last));
            }
        }
        Self(left)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers(set: &Intervals<u16>) -> BTreeSet<u16> {
        set.0.iter().flat_map(|(a, b)| *a..=*b).collect()
    }

    fn some() -> impl Strategy<Value = Intervals<u16>> {
        let near = prop_oneof![0u16..40, (u16::MAX - 40)..=u16::MAX];
        prop::collection::vec((near.clone(), near), 0..6).prop_map(|ranges| {
            let short = |(a, b): (u16, u16)| (a, b.min(a.saturating_add(9)));
            Intervals::of(ranges.into_iter().map(short))
        })
    }

    proptest! {
        #[test]
        fn they_are_sets_of_numbers(a in some(), b in some()) {
            let (x, y) = (numbers(&a), numbers(&b));
            prop_assert_eq!(numbers(&a.union(&b)), &x | &y);
            prop_assert_eq!(numbers(&a.intersection(&b)), &x & &y);
            prop_assert_eq!(numbers(&a.difference(&b)), &x - &y);
            prop_assert_eq!(a.includes(&b), x.is_superset(&y));
            prop_assert_eq!(a == b, x == y);
        }
    }
}
