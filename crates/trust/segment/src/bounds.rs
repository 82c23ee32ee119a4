//! What is known of something only from below and from above.

/// Something between `least`, which it surely is, and `most`, which it may be. Where nothing is unknown
/// both are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds<T> {
    /// What it surely is.
    pub least: T,
    /// What it may be.
    pub most: T,
}

impl<T: Clone> Bounds<T> {
    /// Something that is known.
    pub fn exact(it: T) -> Self {
        Self {
            least: it.clone(),
            most: it,
        }
    }
}

impl<T: PartialEq> Bounds<T> {
    /// Whether it is known.
    pub fn is_exact(&self) -> bool {
        self.least == self.most
    }
}

impl Bounds<crate::Connections> {
    /// What one of both is.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            least: self.least.union(&other.least),
            most: self.most.union(&other.most),
        }
    }

    /// What it is not.
    #[must_use]
    pub fn complement(&self) -> Self {
        let all = crate::Connections::all();
        Self {
            least: all.difference(&self.most),
            most: all.difference(&self.least),
        }
    }

    /// What both are.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            least: self.least.intersection(&other.least),
            most: self.most.intersection(&other.most),
        }
    }
}
