//! Counting through a box in steps.

/// Says at each step where it is and how much of each dimension is there.
pub(super) struct Odometer {
    extents: Vec<u64>,
    steps: Vec<u64>,
    /// The dimensions, the slowest first.
    order: Vec<usize>,
    at: Vec<u64>,
    here: Vec<u64>,
    started: bool,
}

impl Odometer {
    /// Counts single elements, the last dimension moving fastest.
    pub(super) fn new(extents: Vec<u64>) -> Self {
        let order = (0..extents.len()).collect();
        let steps = vec![1; extents.len()];
        Self::in_order(extents, steps, order)
    }

    pub(super) fn in_order(extents: Vec<u64>, steps: Vec<u64>, order: Vec<usize>) -> Self {
        Self {
            at: vec![0; extents.len()],
            here: vec![0; extents.len()],
            extents,
            steps,
            order,
            started: false,
        }
    }

    pub(super) fn next(&mut self) -> Option<(&[u64], &[u64])> {
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

/// How many steps there are.
pub(super) fn steps(extents: &[u64], steps: &[u64]) -> u64 {
    let counts = extents.iter().zip(steps);
    counts
        .map(|(extent, step)| extent.div_ceil(*step))
        .product()
}

/// The step with this number, the last dimension moving fastest: where it is, and how much of each
/// dimension is there.
pub(super) fn nth_step(extents: &[u64], steps: &[u64], nth: u64) -> (Vec<u64>, Vec<u64>) {
    let mut rest = nth;
    let (mut at, mut here) = (vec![0; extents.len()], vec![0; extents.len()]);
    for dimension in (0..extents.len()).rev() {
        let count = extents[dimension].div_ceil(steps[dimension]);
        at[dimension] = rest % count * steps[dimension];
        here[dimension] = steps[dimension].min(extents[dimension] - at[dimension]);
        rest /= count;
    }
    (at, here)
}

pub(super) fn dot(at: &[u64], strides: impl Iterator<Item = u64>) -> u64 {
    at.iter().zip(strides).map(|(at, stride)| at * stride).sum()
}
