//! The outer shape of JSON: what it is and which names it has at the top, without building it.

use memchr::memchr2;

/// The outer shape of one or more JSON values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Json {
    /// The names of the first object's members, as they are spelled, the first 64 of them.
    names: Vec<Box<[u8]>>,
    /// How many values stand one after the other, the last one perhaps cut off.
    pub(super) values: usize,
    /// Whether the first value is an object.
    pub(super) is_object: bool,
}

impl Json {
    /// The shape of `text`, or `None` where it is not JSON: it begins with neither object nor
    /// array, or goes on as JSON cannot. Brackets are counted, not matched, and values not parsed:
    /// this tells JSON from other things, not right JSON from wrong.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut json = Self::default();
        let mut depth = 0_usize;
        let mut at = skip_space(text, 0);
        json.is_object = text.get(at) == Some(&b'{');
        while let Some(&byte) = text.get(at) {
            if depth == 0 {
                if !begins_value(&text[at..]) {
                    return None;
                }
                json.values += 1;
            }
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                b'"' => {
                    let Some(end) = end_of_string(text, at + 1) else {
                        break;
                    };
                    let is_name = depth == 1 && json.values == 1 && json.is_object;
                    let after = skip_space(text, end + 1);
                    if is_name && json.names.len() < MAX_NAMES && text.get(after) == Some(&b':') {
                        json.names.push(text[at + 1..end].into());
                    }
                    at = end;
                }
                b':' | b',' | b'+' | b'-' | b'.' => {}
                byte if byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() => {}
                _ => return None,
            }
            at += 1;
            if depth == 0 {
                at = skip_space(text, at);
            }
        }
        (json.values > 0).then_some(json)
    }

    /// Whether the first value is an object with all these members.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        let has = |name: &&str| self.names.iter().any(|own| **own == *name.as_bytes());
        names.iter().all(has)
    }
}

/// Whether a JSON object or array can begin like this: `[tool]` cannot, `[true]` can.
fn begins_value(text: &[u8]) -> bool {
    let inside = text.get(skip_space(text, 1)..).unwrap_or_default();
    let (Some(&first), Some(&second)) = (text.first(), inside.first()) else {
        return text == b"{" || text == b"[";
    };
    match first {
        b'{' => matches!(second, b'"' | b'}'),
        b'[' => {
            let word = inside
                .iter()
                .position(|byte| b",]".contains(byte) || byte.is_ascii_whitespace())
                .map_or(inside, |end| &inside[..end]);
            matches!(second, b'"' | b'{' | b'[' | b']')
                || [&b"true"[..], b"false", b"null"].contains(&word)
                || (second == b'-' || second.is_ascii_digit())
                    && word
                        .iter()
                        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
        }
        _ => false,
    }
}

/// Where the string that begins at `at`, behind its quote, has its other quote.
fn end_of_string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn skip_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
    from + space.count()
}

const MAX_NAMES: usize = 64;
