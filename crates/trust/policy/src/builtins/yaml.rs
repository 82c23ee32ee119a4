//! YAML, as OPA reads and writes it: that of `sigs.k8s.io/yaml`.

use casemate_document::{
    Limits,
    yaml::{self, Dialect, style},
};
use regorus::Value;
use serde_json::Value as Json;

use super::{
    Answer, Builtin, Fault, Moment, can_be_gone_through, fault, is_read, string, text::MAX_TEXT,
};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("yaml.is_valid", 1, is_valid),
    Builtin::new("yaml.marshal", 1, marshal),
    Builtin::new("yaml.unmarshal", 1, unmarshal),
];

/// Not valid is also what is no string.
fn is_valid(arguments: &[Value], _: Moment) -> Answer {
    let [Value::String(text)] = arguments else {
        return Ok(Value::from(false));
    };
    is_read(read(text))
}

fn unmarshal(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let document = read(string(text)?)?;
    serde_json::from_value(document).map_err(|error| {
        let text = error.to_string();
        fault(&text, &text)
    })
}

/// The first document of a text; a second one is an error, for it would be missed.
fn read(text: &str) -> Result<Json, Fault> {
    let stream = yaml::read(text, Dialect::KUBERNETES, &LIMITS);
    match stream.error {
        // Whether it is YAML is not known.
        Some(error) if stream.is_cut => {
            let text = format!("was given more than can be read: {error}");
            return Err(Fault::Refuse(text));
        }
        Some(error) => return Err(Fault::NoAnswer(format!("was given no YAML: {error}"))),
        None => {}
    }
    let mut documents = stream.documents.into_iter();
    let (first, second) = (documents.next(), documents.next());
    if second.is_some() {
        return Err("was given more than one document".into());
    }
    match first {
        None => Ok(Json::Null),
        Some(document) if document.repeated.is_empty() => Ok(document.root.to_json()),
        Some(_) => Err("was given a key twice in one map".into()),
    }
}

fn marshal(arguments: &[Value], _: Moment) -> Answer {
    can_be_gone_through(arguments)?;
    let [value] = arguments else {
        return Err("expects a value".into());
    };
    let json = serde_json::to_value(value).map_err(|error| Fault::NoAnswer(error.to_string()))?;
    let mut text = String::new();
    write(&json, 0, &mut text);
    if text.len() > MAX_TEXT {
        return Err(Fault::refuse("would make more than 16 MiB"));
    }
    Ok(Value::from(text))
}

/// Writes `value` behind what stands there, to the end of its line; what takes lines of its own is indented
/// by `indent`.
/// Recurses as deep as the value, which is bounded. What is too long is not gone on with: indented, many
/// lines can be a thousand times as long as what they hold.
fn write(value: &Json, indent: usize, text: &mut String) {
    if text.len() > MAX_TEXT {
        return;
    }
    match value {
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                begin_line(indent, text);
                text.push_str("- ");
                write(item, indent + 2, text);
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
                        write(value, indent, text);
                    }
                    value if is_block(value) => {
                        text.push('\n');
                        write(value, indent + 2, text);
                    }
                    value => {
                        text.push(' ');
                        write(value, indent + 2, text);
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

fn is_block(value: &Json) -> bool {
    match value {
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
        _ => false,
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

const LIMITS: Limits = Limits {
    bytes: MAX_TEXT,
    nodes: 1_000_000,
    depth: 120,
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::now;

    fn round(value: &Value) -> Answer {
        let moment = Moment::new(now(), true);
        unmarshal(&[marshal(std::slice::from_ref(value), moment)?], moment)
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[a-z0-9 :#,'\"&*!|>%@`{}\\[\\]~=?.\n\t-]{0,12}".prop_map(Json::from),
            prop::sample::select(&["yes", "null", "0x1f", "1e3", "- a", "a: b", "é", "1_000"][..])
                .prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-z:# -]{0,4}", inner, 0..4)
                    .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        for (text, why) in [
            ("a: 1\na: 2\n", "a key twice"),
            ("a: 1\n---\na: 2\n", "more than one document"),
            ("a: [", "no YAML"),
        ] {
            let error = unmarshal(&[text.into()], Moment::new(now(), true));
            assert!(
                matches!(&error, Err(Fault::NoAnswer(told)) if told.contains(why)),
                "{error:?}"
            );
        }
    }

    #[test]
    fn what_is_too_much_to_be_read_is_not_said_to_be_no_yaml() {
        let moment = Moment::new(now(), false);
        for text in [
            format!("[{}1]", "1,".repeat(LIMITS.nodes)),
            "x".repeat(LIMITS.bytes + 1),
            "[".repeat(LIMITS.depth + 1),
            format!("- {}1", "- ".repeat(LIMITS.depth)),
            format!("a: &a {0}1{1}\nb: {0}*a{1}", "[".repeat(70), "]".repeat(70)),
        ] {
            for builtin in [is_valid, unmarshal] {
                let answer = builtin(&[text.as_str().into()], moment);
                assert!(
                    matches!(&answer, Err(Fault::Refuse(why)) if why.contains("more than can be read")),
                    "{answer:?}"
                );
            }
        }
        assert_eq!(is_valid(&["a: [".into()], moment), Ok(false.into()));
    }

    #[test]
    fn empty_lines_at_the_end_of_a_text_are_its_own() {
        for (value, text) in [
            (serde_json::json!({"a": "!\n\n"}), "a: |+\n  !\n\n"),
            (serde_json::json!(["!\n\n\n", 1]), "- |+\n  !\n\n\n- 1\n"),
            (
                serde_json::json!([[{"": "!\n\n"}]]),
                "- - \"\": |+\n      !\n\n",
            ),
        ] {
            let value: Value = serde_json::from_value(value).expect("a value");
            let written = marshal(std::slice::from_ref(&value), Moment::new(now(), true));
            assert_eq!(written, Ok(text.into()));
            assert_eq!(round(&value), Ok(value));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in json()) {
            let value: Value = serde_json::from_value(value).expect("a value");
            prop_assert_eq!(round(&value), Ok(value.clone()), "{:?}", marshal(std::slice::from_ref(&value), Moment::new(now(), true)));
        }
    }
}
