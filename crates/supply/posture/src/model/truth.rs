//! Yes, no, and what the files do not say.

use std::sync::Arc;

/// A statement that may not be decided (Kleene's strong logic).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// The files do not say, and why.
    Unknown(Arc<str>),
}

impl Truth {
    /// Both.
    #[must_use]
    pub fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                _ => Self::Unknown(why),
            },
        }
    }

    /// One of both.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => Self::Yes,
            Self::No => other(),
            Self::Unknown(why) => match other() {
                Self::Yes => Self::Yes,
                _ => Self::Unknown(why),
            },
        }
    }

    /// Any of them.
    pub fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Self::No;
        for truth in truths {
            any = any.or(|| truth);
            if any == Self::Yes {
                break;
            }
        }
        any
    }

    /// All of them.
    pub fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::Yes;
        for truth in truths {
            all = all.and(|| truth);
            if all == Self::No {
                break;
            }
        }
        all
    }

    /// Whether it surely holds.
    pub fn is_yes(&self) -> bool {
        *self == Self::Yes
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// Something that may be there, or not, or not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It is this.
    Known(T),
    /// It is not there.
    Absent,
    /// The files do not say, and why.
    Unknown(Arc<str>),
}

impl<T> Fact<T> {
    /// What `f` makes of it.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        self.and_then(|value| Fact::Known(f(value)))
    }

    /// What `f` finds in it.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::Known(value) => f(value),
            Self::Absent => Fact::Absent,
            Self::Unknown(why) => Fact::Unknown(why),
        }
    }

    /// It, or `other` where it is not there.
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Absent => other(),
            there => there,
        }
    }

    /// It, where it is known.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether `f` holds of it. Of what is not there nothing holds.
    pub fn is(self, f: impl FnOnce(T) -> bool) -> Truth {
        self.holds(|value| f(value).into())
    }

    /// As [`Fact::is`], where `f` may not know.
    pub fn holds(self, f: impl FnOnce(T) -> Truth) -> Truth {
        match self {
            Self::Known(value) => f(value),
            Self::Absent => Truth::No,
            Self::Unknown(why) => Truth::Unknown(why),
        }
    }

    /// Whether it is not there.
    pub fn is_absent(&self) -> Truth {
        match self {
            Self::Known(_) => Truth::No,
            Self::Absent => Truth::Yes,
            Self::Unknown(why) => Truth::Unknown(why.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> Truth {
        Truth::Unknown("nobody says".into())
    }

    #[test]
    fn what_is_not_known_stays_so_unless_the_rest_decides() {
        for (result, expected) in [
            (unknown().and(|| Truth::No), Truth::No),
            (Truth::No.and(unknown), Truth::No),
            (unknown().and(|| Truth::Yes), unknown()),
            (Truth::Yes.and(unknown), unknown()),
            (unknown().or(|| Truth::Yes), Truth::Yes),
            (Truth::Yes.or(unknown), Truth::Yes),
            (unknown().or(|| Truth::No), unknown()),
            (Truth::No.or(unknown), unknown()),
            (!unknown(), unknown()),
            (!Truth::Yes, Truth::No),
            (Truth::any([Truth::No, unknown(), Truth::Yes]), Truth::Yes),
            (Truth::any([]), Truth::No),
            (Truth::all([Truth::Yes, unknown(), Truth::No]), Truth::No),
            (Truth::all([]), Truth::Yes),
        ] {
            assert_eq!(result, expected);
        }
    }

    #[test]
    fn of_what_is_not_there_nothing_holds() {
        assert_eq!(Fact::Known(1).is(|it| it == 1), Truth::Yes);
        assert_eq!(Fact::<i64>::Absent.is(|_| true), Truth::No);
        assert_eq!(
            Fact::<i64>::Unknown("nobody says".into()).is(|_| true),
            unknown()
        );
        assert_eq!(
            Fact::<i64>::Absent.or_else(|| Fact::Known(2)),
            Fact::Known(2)
        );
    }
}
