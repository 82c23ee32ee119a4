//! A value as an expression, cut where it grows too long.

use super::{draft::Draft, literal};
use crate::{
    cursor::Extent,
    pickle::{
        effect::Manner,
        tree::{Called, Id, Node},
        value::Shape,
    },
};

/// A line that grows up to a length.
pub(super) struct Line {
    pub(super) text: String,
    room: usize,
    /// How many bytes of a string are written.
    string: usize,
    is_cut: bool,
    /// Containers with names that are in it.
    pub(super) named: Vec<Id>,
    /// Where strings begin that are in it.
    pub(super) strings: Vec<u64>,
}

impl Line {
    pub(super) fn new(room: usize, string: usize) -> Self {
        Self {
            text: String::new(),
            room,
            string,
            is_cut: false,
            named: Vec::new(),
            strings: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Whether nothing more goes in; says so once, where that is.
    fn is_full(&mut self) -> bool {
        if !self.is_cut && self.text.len() >= self.room {
            self.is_cut = true;
            self.text.push_str(", …");
        }
        self.is_cut
    }
}

impl Draft<'_, '_> {
    /// Writes a value. What lies deeper than a bound is an ellipsis.
    pub(super) fn value(&mut self, line: &mut Line, id: Id, depth: u8) {
        if line.is_full() {
            return;
        }
        let tree = self.tree;
        match tree.node(id) {
            Node::None => line.push("None"),
            Node::Bool(true) => line.push("True"),
            Node::Bool(false) => line.push("False"),
            Node::Int(number) => line.push(&number.to_string()),
            Node::BigInt(extent) => line.push(&self.big(*extent)),
            Node::Float(number) => line.push(&literal::float(*number)),
            Node::Text { extent, .. } => self.string(line, id, *extent),
            Node::Bytes { extent, mutable } => self.byte_string(line, *extent, *mutable),
            Node::Global(symbol) => line.push(self.names.name(*symbol)),
            Node::Buffer => line.push("<buffer>"),
            Node::Container { shape, items } => {
                if self.has_name(id) {
                    let name = self.label(id);
                    line.push(&name);
                    line.named.push(id);
                    return;
                }
                self.container(line, *shape, items, depth);
            }
            Node::Called(_) | Node::Persistent(_) | Node::Extension(_) | Node::Lost => {
                if let Some(text) = self.take_pending(id) {
                    line.push(&text);
                    return;
                }
                let name = match self.uses.made(id) {
                    Some(_) => self.label(id),
                    None => "<unknown>".to_owned(),
                };
                line.push(&name);
            }
        }
    }

    /// Writes the elements of a container between its brackets.
    pub(super) fn container(&mut self, line: &mut Line, shape: Shape, items: &[Id], depth: u8) {
        let (open, close) = match shape {
            Shape::Tuple if items.len() == 1 => ("(", ",)"),
            Shape::Tuple => ("(", ")"),
            Shape::List => ("[", "]"),
            Shape::Set if items.is_empty() => ("set(", ")"),
            Shape::Dict | Shape::Set => ("{", "}"),
            Shape::FrozenSet if items.is_empty() => ("frozenset(", ")"),
            Shape::FrozenSet => ("frozenset({", "})"),
        };
        line.push(open);
        match (depth.checked_sub(1), shape) {
            (_, _) if items.is_empty() => {}
            (None, _) => line.push("…"),
            (Some(depth), Shape::Dict) => self.entries(line, items, depth),
            (Some(depth), _) => self.elements(line, items, depth),
        }
        line.push(close);
    }

    /// Writes elements with commas between them.
    pub(super) fn elements(&mut self, line: &mut Line, items: &[Id], depth: u8) {
        let shown = items.len().min(self.bounds.items);
        for (at, &item) in items[..shown].iter().enumerate() {
            if line.is_full() {
                return;
            }
            if at > 0 {
                line.push(", ");
            }
            self.value(line, item, depth);
        }
        if shown < items.len() {
            line.push(&format!(", … {} more", items.len() - shown));
        }
    }

    /// Writes the keys and values of a dictionary.
    fn entries(&mut self, line: &mut Line, items: &[Id], depth: u8) {
        let shown = items.len().min(self.bounds.items * 2) / 2 * 2;
        for (at, pair) in items[..shown].chunks_exact(2).enumerate() {
            if line.is_full() {
                return;
            }
            if at > 0 {
                line.push(", ");
            }
            self.value(line, pair[0], depth);
            line.push(": ");
            self.value(line, pair[1], depth);
        }
        if shown < items.len() {
            line.push(&format!(", … {} more", (items.len() - shown) / 2));
        }
    }

    /// Writes what is called, and with what.
    pub(super) fn call(&mut self, line: &mut Line, called: &Called) {
        let tree = self.tree;
        let depth = self.bounds.depth;
        self.value(line, called.callee, depth);
        let mut is_first = true;
        if called.manner == Manner::New {
            line.push(".__new__(");
            self.value(line, called.callee, depth);
            is_first = false;
        } else {
            line.push("(");
        }
        match tree.node(called.arguments) {
            Node::Container {
                shape: Shape::Tuple,
                items,
            } => {
                if !items.is_empty() {
                    line.push(if is_first { "" } else { ", " });
                    self.elements(line, items, depth);
                    is_first = false;
                }
            }
            _ => {
                line.push(if is_first { "*" } else { ", *" });
                self.value(line, called.arguments, depth);
                is_first = false;
            }
        }
        if let Some(keywords) = called.keywords {
            line.push(if is_first { "**" } else { ", **" });
            self.value(line, keywords, depth);
        }
        line.push(")");
    }

    fn string(&mut self, line: &mut Line, id: Id, extent: Extent) {
        line.strings.push(extent.at);
        // An escape takes up to ten bytes for one character, and only a whole text has a length.
        let most = line.string.saturating_mul(10);
        let text = self.tree.text_within(id, most).unwrap_or_default();
        let whole = match extent.len > most as u64 {
            true => extent.len,
            false => text.len() as u64,
        };
        // What stands on several lines is code more often than not, and has a block of its own.
        let room = match text.contains('\n') {
            true => line.string.min(LONGEST_OF_LINES),
            false => line.string,
        };
        let shown = &text[..text.floor_char_boundary(room)];
        let missing = whole.saturating_sub(shown.len() as u64);
        line.push(&literal::string(shown, missing));
    }

    fn byte_string(&mut self, line: &mut Line, extent: Extent, mutable: bool) {
        line.strings.push(extent.at);
        let mut bytes = self.tree.bytes(extent, line.string).unwrap_or_default();
        let is_odd = |byte: &&u8| !matches!(byte, b' '..=b'~' | b'\n' | b'\t');
        if bytes.iter().filter(is_odd).count() * 4 > bytes.len() {
            bytes.truncate(line.string / 4);
        }
        let missing = extent.len.saturating_sub(bytes.len() as u64);
        let text = literal::bytes(&bytes, missing);
        match mutable {
            true => line.push(&format!("bytearray({text})")),
            false => line.push(&text),
        }
    }

    /// An integer beyond 64 bits: the digits of a line, or the bytes of LONG1 and LONG4, which
    /// their length stands before.
    fn big(&self, extent: Extent) -> String {
        let bytes = self.tree.bytes(extent, LONGEST_INTEGER).unwrap_or_default();
        let missing = extent.len.saturating_sub(bytes.len() as u64);
        let is_digit = |byte: &u8| byte.is_ascii_digit() || b"-+L_ xXabcdefABCDEF".contains(byte);
        if bytes.iter().all(is_digit) {
            let digits = String::from_utf8_lossy(&bytes);
            let ellipsis = if missing > 0 { "…" } else { "" };
            return format!("{}{ellipsis}", digits.trim_end_matches('L'));
        }
        literal::long(&bytes, missing)
    }
}

const LONGEST_INTEGER: usize = 64;
/// Bytes of a string of several lines: where it matters, it has a block of its own.
const LONGEST_OF_LINES: usize = 48;
