//! JSON with places, as RFC 8259 has it.

use std::{collections::HashSet, sync::Arc};

use crate::{Entry, Error, Limits, Map, Node, Span, Value};

/// The value that `text` is, and the places of keys that stand twice in one object. Of several values
/// under one key the last one counts, and all are kept.
///
/// # Errors
///
/// The first mistake: the text is no JSON, or more than `limits` allow.
pub fn read(text: &str, limits: &Limits) -> Result<(Node, Vec<Span>), Error> {
    let mut reader = Reader {
        text,
        at: 0,
        nodes: 0,
        limits,
        repeated: Vec::new(),
    };
    if text.len() > limits.bytes {
        return Err(reader.wrong(format!("the text is larger than {} bytes", limits.bytes)));
    }
    let node = reader.document()?;
    Ok((node, reader.repeated))
}

/// How many values a text of JSON holds at most, without reading it: the first one, and one after each `{`, `[` and
/// `,` that is not in a string. Short values take up to fifty times their bytes once they are read, so that who reads
/// what others send counts before.
pub fn values_at_most(text: &[u8]) -> usize {
    let mut count = 1;
    let mut bytes = text.iter();
    let mut is_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_string = !is_string,
            b'\\' if is_string => {
                bytes.next();
            }
            b'{' | b'[' | b',' if !is_string => count += 1,
            _ => {}
        }
    }
    count
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
    limits: &'a Limits,
    repeated: Vec<Span>,
}

/// A collection that is not closed yet.
enum Open {
    List {
        start: usize,
        items: Vec<Node>,
    },
    Map {
        start: usize,
        entries: Vec<Entry>,
        key: (Arc<str>, Span),
    },
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Error> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut node = match self.begin(&mut open)? {
                Some(node) => node,
                None => continue,
            };
            // What is complete completes what it is in.
            loop {
                let Some(top) = open.pop() else {
                    self.space();
                    if self.at < self.text.len() {
                        return Err(self.wrong("something follows the value"));
                    }
                    return Ok(node);
                };
                match self.put(top, node)? {
                    Put::Open(top) => {
                        open.push(top);
                        break;
                    }
                    Put::Closed(closed) => node = closed,
                }
            }
        }
    }

    /// Reads a value, or the beginning of a collection that is not empty.
    fn begin(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, Error> {
        self.space();
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(self.wrong(format!("more than {} values", self.limits.nodes)));
        }
        let start = self.at;
        let bracket = self.peek();
        if !matches!(bracket, Some(b'[' | b'{')) {
            return self.scalar().map(Some);
        }
        if open.len() >= self.limits.depth {
            return Err(self.wrong(format!("nested more than {} deep", self.limits.depth)));
        }
        self.at += 1;
        self.space();
        let is_list = bracket == Some(b'[');
        if self.peek() == Some(if is_list { b']' } else { b'}' }) {
            self.at += 1;
            let value = if is_list {
                Value::List(Arc::new([]))
            } else {
                Value::Map(Arc::default())
            };
            return Ok(Some(Node::new(value, Span::new(start, self.at))));
        }
        open.push(if is_list {
            Open::List {
                start,
                items: Vec::new(),
            }
        } else {
            let key = self.key()?;
            Open::Map {
                start,
                entries: Vec::new(),
                key,
            }
        });
        Ok(None)
    }

    /// Puts `node` into the collection, and closes that or gets ready for the next.
    fn put(&mut self, top: Open, node: Node) -> Result<Put, Error> {
        self.space();
        let mark = self.peek();
        self.at += 1;
        match top {
            Open::List { start, mut items } => {
                items.push(node);
                match mark {
                    Some(b',') => Ok(Put::Open(Open::List { start, items })),
                    Some(b']') => {
                        let span = Span::new(start, self.at);
                        Ok(Put::Closed(Node::new(Value::List(items.into()), span)))
                    }
                    _ => Err(self.back("expected `,` or `]`")),
                }
            }
            Open::Map {
                start,
                mut entries,
                key: (key, key_span),
            } => {
                entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                });
                match mark {
                    Some(b',') => {
                        self.space();
                        let key = self.key()?;
                        Ok(Put::Open(Open::Map {
                            start,
                            entries,
                            key,
                        }))
                    }
                    Some(b'}') => {
                        self.repeated.extend(repeated(&entries));
                        let map = Value::Map(Arc::new(Map::new(entries)));
                        Ok(Put::Closed(Node::new(map, Span::new(start, self.at))))
                    }
                    _ => Err(self.back("expected `,` or `}`")),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(Arc<str>, Span), Error> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.wrong("expected a key in double quotes"));
        }
        let key = self.string()?;
        let span = Span::new(start, self.at);
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("expected `:`"));
        }
        self.at += 1;
        Ok((key, span))
    }

    fn scalar(&mut self) -> Result<Node, Error> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => {
                let word = self.take(|byte| byte.is_ascii_alphanumeric());
                match word {
                    "null" => Value::Null,
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    _ => {
                        self.at = start;
                        return Err(self.wrong("expected a value"));
                    }
                }
            }
            None => return Err(self.wrong("the text ends where a value should be")),
        };
        Ok(Node::new(value, Span::new(start, self.at)))
    }

    /// A string. Its grammar is `serde_json`'s; here only its end is found.
    fn string(&mut self) -> Result<Arc<str>, Error> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        let mut is_plain = true;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    end += 2;
                }
                Some(0..0x20) => {
                    self.at = end;
                    return Err(self.wrong("a control character in a string"));
                }
                Some(_) => end += 1,
                None => return Err(self.wrong("the string does not end")),
            }
        }
        self.at = end + 1;
        if is_plain {
            return Ok(self.text[start + 1..end].into());
        }
        let text: Result<String, _> = serde_json::from_str(&self.text[start..=end]);
        text.map(Into::into).map_err(|_| {
            self.at = start;
            self.wrong("an escape in the string is none")
        })
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        let written =
            self.take(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
        if let Ok(value) = written.parse()
            && !is_other(written)
        {
            return Ok(Value::Integer(value));
        }
        let value: Result<f64, _> = serde_json::from_str(written);
        value.map(Value::Float).map_err(|_| {
            self.at = start;
            self.wrong("this is no number")
        })
    }

    fn take(&mut self, is_part: impl Fn(u8) -> bool) -> &str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|&byte| !is_part(byte));
        let start = self.at;
        self.at += length.unwrap_or(rest.len());
        &self.text[start..self.at]
    }

    fn space(&mut self) {
        self.take(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The mistake at the byte before this one.
    fn back(&mut self, what: &str) -> Error {
        self.at -= 1;
        self.wrong(what)
    }

    fn wrong(&self, what: impl Into<String>) -> Error {
        let at = self.at.min(self.text.len());
        Error {
            message: what.into(),
            span: Span::new(at, at),
        }
    }
}

enum Put {
    Open(Open),
    Closed(Node),
}

/// `str::parse` takes `007` and `+7`, and JSON does not; `-0` is a number that is not whole.
fn is_other(written: &str) -> bool {
    let digits = written.strip_prefix('-').unwrap_or(written);
    digits.len() > 1 && digits.starts_with('0') || written.starts_with('+') || written == "-0"
}

/// The keys that stood in the same map before.
pub(crate) fn repeated(entries: &[Entry]) -> Vec<Span> {
    if entries.len() <= FEW {
        let is_again =
            |(at, entry): &(usize, &Entry)| entries[..*at].iter().any(|it| it.key == entry.key);
        let again = entries.iter().enumerate().filter(is_again);
        return again.map(|(_, entry)| entry.key_span).collect();
    }
    let mut seen = HashSet::with_capacity(entries.len());
    let again = entries.iter().filter(|entry| !seen.insert(&*entry.key));
    again.map(|entry| entry.key_span).collect()
}

/// So many keys are compared with each other faster than they are hashed.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Result<serde_json::Value, String> {
        read(text, &Limits::default())
            .map(|(node, _)| node.to_json())
            .map_err(|error| format!("{}: {}", error.span.start, error.message))
    }

    #[test]
    fn every_value_has_its_place() {
        let text = r#" {"a": [1, -2.5e1, "x\u00e4"], "b": {}, "a": null} "#;
        let (node, repeated) = read(text, &Limits::default()).expect("JSON");
        assert_eq!(node.span.of(text), text.trim());
        let list = &node.entries()[0].value;
        let written: Vec<&str> = list.items().iter().map(|item| item.span.of(text)).collect();
        assert_eq!(written, ["1", "-2.5e1", r#""x\u00e4""#]);
        assert_eq!(list.items()[2].as_str(), Some("xä"));
        assert_eq!(repeated.len(), 1);
        assert_eq!((repeated[0].of(text), repeated[0].start), (r#""a""#, 40));
        assert!(node.get("a").is_some_and(Node::is_null));
    }

    #[test]
    fn values_are_counted_where_they_are_and_not_in_strings() {
        for (text, count) in [
            ("7", 1),
            ("[]", 2),
            (r#"[{"name":"a"},{"name":"b"}]"#, 5),
            (r#"{"a":"[,{","b":"\",[,","c":"\\"}"#, 4),
        ] {
            assert_eq!(values_at_most(text.as_bytes()), count, "{text}");
            assert!(value(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (text, expected) in [
            ("", "0: the text ends"),
            ("[1,]", "3: expected a value"),
            ("[1 2]", "3: expected `,` or `]`"),
            (r#"{"a" 1}"#, "5: expected `:`"),
            (r#"{"a": 1,}"#, "8: expected a key"),
            (r#"{"a": 1"#, "7: expected `,` or `}`"),
            ("1 2", "2: something follows"),
            ("007", "0: this is no number"),
            ("\"a", "0: the string does not end"),
            ("\"\\q\"", "0: an escape"),
            ("\"a\nb\"", "2: a control character"),
            ("nul", "0: expected a value"),
            ("1e999", "0: this is no number"),
        ] {
            let error = value(text).expect_err(expected);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(
            value(&deep),
            Err("200: nested more than 200 deep".to_owned())
        );
        let limits = Limits {
            nodes: 3,
            ..Limits::default()
        };
        assert!(read("[1,2]", &limits).is_ok());
        assert!(read("[1,2,3]", &limits).is_err());
    }

    proptest! {
        #[test]
        fn it_is_the_json_that_serde_json_reads(text in r#"([\[\]{},: ]|"a"|"\\\\u00e4"|-?[0-9]{1,3}(\.[0-9])?(e[0-9])?|null|true){0,12}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match (value(&text), theirs) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{}: {:?}, {:?}", text, ours, theirs),
            }
        }
    }
}
