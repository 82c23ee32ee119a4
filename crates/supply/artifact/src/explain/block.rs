//! Text in the arguments of a call that deserves a look of its own: source code, commands, what
//! Base64 hides, and what code objects name.

use std::collections::HashSet;

use super::{Block, Bounds, literal};
use crate::pickle::{
    tree::{Id, Node, Tree},
    value::Shape,
};

/// What the blocks of one explanation have in common.
pub(super) struct Ration {
    /// How many bytes of text there may still be.
    left: usize,
    /// What of the stream has been looked through, and whether for what `marshal` reads in it.
    seen: HashSet<(Id, bool)>,
}

impl Ration {
    pub(super) fn of(bounds: &Bounds) -> Self {
        Self {
            left: bounds.blocks,
            seen: HashSet::new(),
        }
    }

    /// Begins a stream, whose values are not those of the one before.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// Cuts blocks to what there may still be.
    fn cut(&mut self, blocks: &mut [Block]) {
        for block in blocks {
            let len = block.text.floor_char_boundary(self.left);
            block.left_out += (block.text.len() - len) as u64;
            block.text.truncate(len);
            block.text.shrink_to_fit();
            self.left -= len;
        }
    }
}

/// The texts in what a call gets, apart from those that another call got before it.
pub(super) fn of_call(tree: &Tree<'_>, id: Id, bounds: &Bounds, ration: &mut Ration) -> Vec<Block> {
    let Some(called) = tree.called(id) else {
        return Vec::new();
    };
    let callee = tree.global(called.callee);
    let module = callee.map_or("", |symbol| &*symbol.module);
    let name = callee.map_or("what is called", |symbol| &*symbol.path);
    let short = name.rsplit('.').next().unwrap_or(name);
    let short = match literal::is_identifier(short) {
        true => short,
        false => "what is called",
    };
    let is_marshal = module == "marshal";
    let mut blocks = Vec::new();
    if !ration.seen.contains(&(called.arguments, is_marshal)) {
        blocks.extend(code_object(tree, called.arguments));
    }
    let mut queue: Vec<Id> = called.keywords.into_iter().collect();
    queue.push(called.arguments);
    let mut visits = 0;
    while let Some(id) = queue.pop() {
        visits += 1;
        if visits > MOST_VISITS || blocks.len() >= MOST_BLOCKS {
            break;
        }
        if !ration.seen.insert((id, is_marshal)) {
            continue;
        }
        let (bytes, len) = match tree.node(id) {
            Node::Container { items, .. } => {
                queue.extend(items.iter().take(MOST_VISITS).rev());
                continue;
            }
            Node::Text { extent, .. } => {
                let text = tree.text_within(id, bounds.block).unwrap_or_default();
                (text.into_bytes(), extent.len)
            }
            Node::Bytes { extent, .. } => (
                tree.bytes(*extent, bounds.block).unwrap_or_default(),
                extent.len,
            ),
            _ => continue,
        };
        if is_marshal {
            blocks.extend(marshalled(&bytes));
            continue;
        }
        let is_text = matches!(tree.node(id), Node::Text { .. });
        let text = match is_text || is_readable(&bytes) {
            true => String::from_utf8_lossy(&bytes).into_owned(),
            false => continue,
        };
        let left_out = len.saturating_sub(bounds.block as u64);
        if text.contains('\n') || text.len() > bounds.marked_string {
            blocks.push(Block {
                what: format!("what {short} gets"),
                text: text.clone(),
                left_out,
            });
        }
        decoded(&text, DEEPEST, &mut blocks);
    }
    blocks.truncate(MOST_BLOCKS);
    ration.cut(&mut blocks);
    blocks
}

/// What Base64 in `text` stands for, where that is text again, and what is in that.
fn decoded(text: &str, depth: u8, blocks: &mut Vec<Block>) {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    for run in text.split(|c| !is_base64(c)) {
        if run.len() < SHORTEST_BASE64 || blocks.len() >= MOST_BLOCKS {
            continue;
        }
        let Some(bytes) = base64(run).filter(|bytes| is_readable(bytes)) else {
            continue;
        };
        let inner = String::from_utf8_lossy(&bytes).into_owned();
        blocks.push(Block {
            what: "decoded from Base64".to_owned(),
            text: inner.clone(),
            left_out: 0,
        });
        if let Some(depth) = depth.checked_sub(1) {
            decoded(&inner, depth, blocks);
        }
    }
}

/// The bytes that Base64 stands for, in either alphabet, with padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0u32, 0u32);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xfff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.extend(u8::try_from(held >> bits & 0xff));
        }
    }
    Some(bytes)
}

/// Whether bytes are text that people wrote: UTF-8 without control characters.
fn is_readable(bytes: &[u8]) -> bool {
    // A cut may have gone through a character.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    !text.is_empty() && !text.contains(is_odd)
}

/// What a call of `types.CodeType` says of the code, by whatever name it is called. Its arguments
/// differ from one Python to the next, but not in their order: numbers, code, constants, names.
fn code_object(tree: &Tree<'_>, arguments: Id) -> Option<Block> {
    let items = tree.items_of(arguments, Shape::Tuple)?;
    let code = items.iter().position(|&id| tree.int(id).is_none())?;
    if code < FEWEST_NUMBERS || items.len() < code + 6 {
        return None;
    }
    let Node::Bytes { extent, .. } = *tree.node(items[code]) else {
        return None;
    };
    let words = |at: usize| {
        let words = tree.items_of(*items.get(at)?, Shape::Tuple)?;
        let texts = words.iter().take(MOST_NAMES);
        let texts: Vec<String> = texts
            .filter_map(|&id| tree.text_within(id, LONGEST_NAME))
            .map(|text| literal::string(&text, 0))
            .collect();
        Some(texts.join(", "))
    };
    let texts: Vec<String> = (items[code..].iter())
        .filter_map(|&id| tree.text_within(id, LONGEST_NAME))
        .map(|text| literal::string(&text, 0))
        .take(2)
        .collect();
    let mut text = format!("co_code: {} bytes", extent.len);
    for (label, value) in [
        ("co_consts (text)", words(code + 1)),
        ("co_names", words(code + 2)),
        ("co_varnames", words(code + 3)),
        ("file, name", Some(texts.join(", "))),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text += &format!("\n{label}: {value}");
        }
    }
    Some(Block {
        what: "a code object".to_owned(),
        text,
        left_out: 0,
    })
}

/// The strings in bytes that `marshal` reads: names and constants of code.
fn marshalled(bytes: &[u8]) -> Option<Block> {
    let mut texts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < bytes.len() && texts.len() < MOST_NAMES {
        // The highest bit only says that the object is remembered.
        let (start, len) = match (bytes[at] & 0x7f, &bytes[at + 1..]) {
            (b'z' | b'Z', [len, ..]) => (at + 2, usize::from(*len)),
            (b'a' | b'A' | b'u' | b't', [a, b, 0, 0, ..]) => {
                (at + 5, usize::from(u16::from_le_bytes([*a, *b])))
            }
            _ => {
                at += 1;
                continue;
            }
        };
        match bytes.get(start..start + len) {
            Some(text) if len > 0 && is_readable(text) => {
                texts.push(literal::string(&String::from_utf8_lossy(text), 0));
                at = start + len;
            }
            _ => at += 1,
        }
    }
    texts.dedup();
    (!texts.is_empty()).then(|| Block {
        what: "text in what marshal reads".to_owned(),
        text: texts.join(", "),
        left_out: 0,
    })
}

/// How many numbers a code object begins with: five in Python 3 of long ago, six now.
const FEWEST_NUMBERS: usize = 4;
const MOST_BLOCKS: usize = 8;
const MOST_VISITS: usize = 256;
const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 200;
const SHORTEST_BASE64: usize = 16;
/// How often Base64 may stand in Base64.
const DEEPEST: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_down_to_the_text() {
        let mut blocks = Vec::new();
        decoded(
            "x = 'aW1wb3J0IG9zOyBvcy5zeXN0ZW0oJ2lkJyk='",
            DEEPEST,
            &mut blocks,
        );
        let texts: Vec<_> = blocks.iter().map(|block| block.text.as_str()).collect();
        assert_eq!(texts, ["import os; os.system('id')"]);
        assert_eq!(base64("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(base64("abcde"), None);
    }

    #[test]
    fn names_in_marshalled_code_are_found() {
        let bytes = b"\xe3\0\0\0\0s\x04\0\0\0d\0d\0)\x02z\x02idN)\x02\xda\x02os\xda\x06system";
        let block = marshalled(bytes).expect("text");
        assert_eq!(block.text, "'id', 'os', 'system'");
    }
}
