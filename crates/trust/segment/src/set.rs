//! Sets of small numbers.

/// A set of the numbers below a bound, which is that of all sets it is used with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    words: Vec<u64>,
    bound: usize,
}

const BITS: usize = u64::BITS as usize;

impl Set {
    pub(crate) fn none(bound: usize) -> Self {
        Self {
            words: vec![0; bound.div_ceil(BITS)],
            bound,
        }
    }

    pub(crate) fn all(bound: usize) -> Self {
        let mut set = Self::none(bound);
        (0..bound).for_each(|it| set.insert(it));
        set
    }

    pub(crate) fn insert(&mut self, number: usize) {
        self.words[number / BITS] |= 1 << (number % BITS);
    }

    pub(crate) fn set(&mut self, number: usize, is_in: bool) {
        match is_in {
            true => self.insert(number),
            false => self.words[number / BITS] &= !(1 << (number % BITS)),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The places of those among `numbers` that are in it.
    pub(crate) fn of_each(&self, numbers: &[usize]) -> Self {
        let mut set = Self::none(numbers.len());
        for (at, number) in numbers.iter().enumerate() {
            set.set(at, self.has(*number));
        }
        set
    }

    pub(crate) fn has(&self, number: usize) -> bool {
        self.words[number / BITS] >> (number % BITS) & 1 == 1
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.each(other, |a, b| a | b);
    }

    pub(crate) fn keep(&mut self, other: &Self) {
        self.each(other, |a, b| a & b);
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        self.each(other, |a, b| a & !b);
    }

    /// What orders sets, whatever that order is.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    fn each(&mut self, other: &Self, f: impl Fn(u64, u64) -> u64) {
        debug_assert_eq!(self.bound, other.bound);
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a = f(*a, *b);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let of_word = |(at, word): (usize, &u64)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * BITS + bit)
            })
        };
        self.words.iter().enumerate().flat_map(of_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_hold_what_was_put_in() {
        let of = |numbers: &[usize]| {
            let mut set = Set::none(200);
            numbers.iter().for_each(|it| set.insert(*it));
            set
        };
        let numbers = |set: &Set| set.iter().collect::<Vec<_>>();
        let mut set = of(&[0, 63, 64, 199]);
        assert!(set.has(63) && !set.has(65));
        set.add(&of(&[5]));
        assert_eq!(numbers(&set), [0, 5, 63, 64, 199]);
        set.remove(&of(&[5, 64]));
        set.keep(&of(&[0, 1, 199]));
        assert_eq!(numbers(&set), [0, 199]);
        assert_eq!(Set::all(65).iter().count(), 65);
    }
}
