//! Lists in manifests. What is no list would be refused by the API server, and must not read as an empty one.

use casemate_posture::{Cursor, Fact, Value};

/// What stands where a list is expected.
pub(crate) enum Listed<'a> {
    /// Nothing, or an empty list.
    Nothing,
    /// Its items; of a list that is not known, one that is not known.
    Items(Vec<Cursor<'a>>),
    /// Something else.
    Wrong(Cursor<'a>),
}

impl<'a> Listed<'a> {
    pub(crate) fn of(cursor: &Cursor<'a>) -> Self {
        match &cursor.fact {
            Fact::Known(attr) if !matches!(attr.value, Value::List(_)) => Self::Wrong(cursor.clone()),
            _ => match cursor.items() {
                items if items.is_empty() => Self::Nothing,
                items => Self::Items(items),
            },
        }
    }

    /// Its items, or what stands in their place.
    pub(crate) fn items(self) -> Vec<Cursor<'a>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Items(items) => items,
            Self::Wrong(cursor) => vec![cursor],
        }
    }
}

/// Whether there is something at a place; what is not known is there.
pub(crate) fn is_there(cursor: &Cursor<'_>) -> bool {
    !matches!(cursor.fact, Fact::Absent)
}
