//! YAML, as OPA reads and writes it: that of `sigs.k8s.io/yaml`.

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};
use regorus::Value;
use serde_json::Value as Json;

use super::{Answer, Builtin, Fault, Moment, can_be_gone_through, is_read, string, text::MAX_TEXT};

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
    // Of what was read as YAML, the limit of memory alone can keep a value from being made.
    serde_json::from_value(document).map_err(|error| Fault::Refuse(error.to_string()))
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
    match yaml::write(&json, MAX_TEXT) {
        Some(text) => Ok(Value::from(text)),
        None => Err(Fault::refuse("would make more than 16 MiB")),
    }
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

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in json()) {
            let value: Value = serde_json::from_value(value).expect("a value");
            prop_assert_eq!(round(&value), Ok(value.clone()), "{:?}", marshal(std::slice::from_ref(&value), Moment::new(now(), true)));
        }
    }
}
