//! Lists in manifests.

use casemate_posture::{Cursor, Fact, Value};

/// The items of a list. Where something else stands, which the API server refuses, or where the list is not
/// known, there is one that is not known: it must not read as an empty list.
pub(crate) fn listed<'a>(cursor: &Cursor<'a>) -> Vec<Cursor<'a>> {
    match &cursor.fact {
        Fact::Known(attr) if !matches!(attr.value, Value::List(_)) => {
            let mut wrong = cursor.clone();
            wrong.fact = Fact::Unknown("this is no list".into());
            vec![wrong]
        }
        _ => cursor.items(),
    }
}

/// Whether there is something at a place; what is not known is there.
pub(crate) fn is_there(cursor: &Cursor<'_>) -> bool {
    !matches!(cursor.fact, Fact::Absent)
}
