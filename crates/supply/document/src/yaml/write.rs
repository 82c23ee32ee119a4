//! A value as YAML, as Go's `sigs.k8s.io/yaml` writes it: keys in order, lists as far in as their keys.

use serde_json::Value as Json;

use super::style;

/// `value` as a document; nothing, where that is longer than `most` bytes. Recurses as deep as the value.
pub fn write(value: &Json, most: usize) -> Option<String> {
    let mut text = String::new();
    put(value, 0, most, &mut text);
    (text.len() <= most).then_some(text)
}

/// Writes `value` behind what stands there, to the end of its line; what takes lines of its own is indented
/// by `indent`.
/// Recurses as deep as the value, which is bounded. What is too long is not gone on with: indented, many
/// lines can be a thousand times as long as what they hold.
fn put(value: &Json, indent: usize, most: usize, text: &mut String) {
    if text.len() > most {
        return;
    }
    match value {
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                begin_line(indent, text);
                text.push_str("- ");
                put(item, indent + 2, most, text);
            }
        }
        Json::Object(fields) if !fields.is_empty() => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in fields {
                begin_line(indent, text);
                text.push_str(&style::key(key));
                text.push(':');
                match value {
                    // A list stands as far in as the key it is the value of.
                    Json::Array(items) if !items.is_empty() => {
                        text.push('\n');
                        put(value, indent, most, text);
                    }
                    value => {
                        let is_block = value.as_object().is_some_and(|it| !it.is_empty());
                        text.push(if is_block { '\n' } else { ' ' });
                        put(value, indent + 2, most, text);
                    }
                }
            }
        }
        Json::Array(_) => text.push_str("[]\n"),
        Json::Object(_) => text.push_str("{}\n"),
        Json::String(value) => {
            let line = text.rsplit('\n').next().unwrap_or_default();
            let column = line.chars().count();
            // It ends its line even where it ends with empty ones, which are its own.
            text.push_str(&style::scalar(value, indent, column));
            text.push('\n');
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => text.push_str(&format!("{value}\n")),
    }
}

/// A line of its own, unless one was begun by `- `.
fn begin_line(indent: usize, text: &mut String) {
    if text.ends_with("- ") && text.len() >= 2 {
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        let is_begun = text[start..]
            .bytes()
            .all(|byte| byte == b' ' || byte == b'-');
        if is_begun && text.len() - start == indent {
            return;
        }
    }
    text.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits,
        yaml::{Dialect, read},
    };

    #[test]
    fn it_is_written_as_go_writes_it_and_read_back() {
        for (value, text) in [
            (
                serde_json::json!({"b": [1, {"c": null}], "a": {}}),
                "a: {}\nb:\n- 1\n- c: null\n",
            ),
            (serde_json::json!({"a": {"b": []}}), "a:\n  b: []\n"),
            // Empty lines at the end of a text are its own.
            (serde_json::json!({"a": "!\n\n"}), "a: |+\n  !\n\n"),
            (serde_json::json!(["!\n\n\n", 1]), "- |+\n  !\n\n\n- 1\n"),
            (
                serde_json::json!([[{"": "!\n\n"}]]),
                "- - \"\": |+\n      !\n\n",
            ),
        ] {
            assert_eq!(write(&value, 100).as_deref(), Some(text));
            let stream = read(text, Dialect::KUBERNETES, &Limits::default());
            assert_eq!(stream.documents[0].root.to_json(), value);
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let value = serde_json::json!(["xxxx", "xxxx"]);
        assert_eq!(write(&value, 14).expect("fits").len(), 14);
        assert_eq!(write(&value, 13), None);
    }
}
