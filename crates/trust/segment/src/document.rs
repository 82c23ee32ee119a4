//! Documents of YAML in the texts of ConfigMaps.

use casemate_document::{
    Limits, Node,
    yaml::{self, Dialect},
};
use casemate_posture::{Cursor, Fact};

/// What stands in the text at a place, if anything does; `what` it is, where that is not known.
pub(crate) fn document(cursor: &Cursor<'_>, what: &str) -> Result<Option<Node>, String> {
    let text = match cursor.text() {
        Fact::Known(text) => text,
        Fact::Absent => return Ok(None),
        Fact::Unknown(why) => return Err(format!("{what} are not known: {why}")),
    };
    let stream = yaml::read(&text, Dialect::KUBERNETES, &LIMITS);
    match stream.error {
        Some(error) => Err(format!("{what} are no YAML: {error}")),
        None => Ok(stream.documents.into_iter().next().map(|it| it.root)),
    }
}

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 100_000,
    depth: 50,
};
