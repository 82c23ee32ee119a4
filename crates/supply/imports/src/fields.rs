//! Members of JSON objects that have to be of one kind.

use std::fmt;

use casemate_document::{Kind, Node};

/// A member that is something else than its format says.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// It is of another kind.
    Kind {
        key: &'static str,
        is: Kind,
        expected: &'static str,
    },
    /// It is not there, and nothing can be said without it.
    Absent(&'static str),
    /// It is a word that its format does not have.
    Word(&'static str, String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { key, is, expected } => write!(f, "`{key}` is {is} and not {expected}"),
            Self::Absent(key) => write!(f, "there is no `{key}`"),
            Self::Word(key, word) => write!(f, "`{key}` is `{word}`, which is not known"),
        }
    }
}

/// The member under `key`; `null` is none.
pub(crate) fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.get(key).filter(|member| !member.is_null())
}

pub(crate) fn text<'a>(node: &'a Node, key: &'static str) -> Result<Option<&'a str>, Wrong> {
    typed(node, key, "a string", Node::as_str)
}

pub(crate) fn integer(node: &Node, key: &'static str) -> Result<Option<i64>, Wrong> {
    typed(node, key, "a whole number", Node::as_integer)
}

pub(crate) fn boolean(node: &Node, key: &'static str) -> Result<Option<bool>, Wrong> {
    typed(node, key, "true or false", Node::as_bool)
}

pub(crate) fn map<'a>(node: &'a Node, key: &'static str) -> Result<Option<&'a Node>, Wrong> {
    let is_map = |node: &'a Node| (node.kind() == Kind::Map).then_some(node);
    typed(node, key, "a map", is_map)
}

/// The items under `key`, of which there are none where it is absent.
pub(crate) fn list<'a>(node: &'a Node, key: &'static str) -> Result<&'a [Node], Wrong> {
    let items = |node: &'a Node| (node.kind() == Kind::List).then(|| node.items());
    Ok(typed(node, key, "a list", items)?.unwrap_or_default())
}

/// The map that an item of a list has to be.
pub(crate) fn item(node: &Node) -> Result<&Node, Wrong> {
    match node.kind() {
        Kind::Map => Ok(node),
        is => Err(Wrong::Kind {
            key: "it",
            is,
            expected: "a map",
        }),
    }
}

/// What others wrote as one line of at most `most` characters, without what would move a cursor.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut left = most;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if left == 0 {
                line.push('…');
                return line;
            }
            left -= 1;
            line.push(c);
        }
    }
    line
}

fn typed<'a, T>(
    node: &'a Node,
    key: &'static str,
    expected: &'static str,
    read: impl Fn(&'a Node) -> Option<T>,
) -> Result<Option<T>, Wrong> {
    let Some(member) = member(node, key) else {
        return Ok(None);
    };
    let wrong = || Wrong::Kind {
        key,
        is: member.kind(),
        expected,
    };
    read(member).map(Some).ok_or_else(wrong)
}
