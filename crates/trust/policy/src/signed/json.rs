//! JSON as OPA hashes it: fields in order, nothing between the parts, and numbers as they were written.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// What `text` says; nothing, where it is not JSON or nests too deeply.
pub(super) fn canonical(text: &str) -> Option<Vec<u8>> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut reader = Reader { text, at: 0 };
    reader.value(0)
}

/// Reads what is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Vec<u8>> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => {
                let mut fields = BTreeMap::new();
                self.parts(b'}', |reader| {
                    let name = reader.string()?;
                    reader.peek().filter(|&byte| byte == b':')?;
                    reader.at += 1;
                    let value = reader.value(depth + 1)?;
                    // Go keeps the last one of a name.
                    fields.insert(name, value);
                    Some(())
                })?;
                let fields = fields.into_iter();
                let field = |(name, value): (String, Vec<u8>)| [quoted(&name), value].join(&b':');
                Some(enclosed(b"{}", &fields.map(field).collect::<Vec<_>>()))
            }
            b'[' => {
                let mut items = Vec::new();
                self.parts(b']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(enclosed(b"[]", &items))
            }
            b'"' => Some(quoted(&self.string()?)),
            _ => {
                let rest = self.text.get(self.at..)?;
                let is_end = |c: char| matches!(c, ',' | '}' | ']') || c.is_ascii_whitespace();
                let literal = rest.split(is_end).next()?;
                self.at += literal.len();
                Some(literal.as_bytes().to_vec())
            }
        }
    }

    /// What stands between a bracket and `close`, with commas between.
    fn parts(&mut self, close: u8, mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        while self.peek()? != close {
            part(self)?;
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        self.peek().filter(|&byte| byte == b'"')?;
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        while *bytes.get(end)? != b'"' {
            end += 1 + usize::from(bytes[end] == b'\\');
        }
        let literal = self.text.get(self.at..=end)?;
        self.at = end + 1;
        serde_json::from_str(literal).ok()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        self.text.as_bytes().get(self.at).copied()
    }
}

fn enclosed(brackets: &[u8; 2], parts: &[Vec<u8>]) -> Vec<u8> {
    [&brackets[..1], &parts.join(&b','), &brackets[1..]].concat()
}

/// A string as Go writes it.
fn quoted(text: &str) -> Vec<u8> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.replace('\u{2028}', "\\u2028");
    json.replace('\u{2029}', "\\u2029").into_bytes()
}

const MAX_DEPTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_texts_say_is_hashed_alike_and_numbers_are_as_they_were_written() {
        for (text, expected) in [
            (
                r#" { "b" : [ 1 , 2.50 ] , "a" : { } } "#,
                r#"{"a":{},"b":[1,2.50]}"#,
            ),
            (
                r#"[1e3, -0.0, 123456789012345678901234567890]"#,
                "[1e3,-0.0,123456789012345678901234567890]",
            ),
            (r#""é<&>\u2028\/\u0001""#, r#""é<&>\u2028/\u0001""#),
            (r#"{"a": 1, "a": [], "\"": null}"#, r#"{"\"":null,"a":[]}"#),
        ] {
            let canonical = canonical(text).expect(text);
            assert_eq!(String::from_utf8_lossy(&canonical), expected);
        }
        for text in [
            "",
            "{",
            "[1,]",
            "1 2",
            &"[".repeat(300),
            &format!("{}{}", "[".repeat(200), "]".repeat(200)),
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
