//! Label selectors of Kubernetes: `matchLabels` and `matchExpressions`, all of which have to hold.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    field::{Field, Wrong, kind_of},
    reading::{fields, strings, text, unknown},
};

/// Labels by their keys.
pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

impl Selector {
    /// Reads the selector that stands at `field`.
    pub(super) fn read(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Self {
        let mut selector = Self::default();
        let Some(object) = fields(value, field, wrong) else {
            return selector;
        };
        unknown(object, field, &["matchLabels", "matchExpressions"], wrong);
        if let Some(labels) = object.get("matchLabels") {
            let at = field.with("matchLabels");
            for (key, value) in fields(labels, &at, wrong).into_iter().flatten() {
                let at = at.with(key.as_str());
                let Some(value) = text(value, &at, wrong) else {
                    continue;
                };
                check_key(key, &at, wrong);
                check_value(&value, &at, wrong);
                let is = Requirement::In(key.clone(), vec![value]);
                selector.requirements.push(is);
            }
        }
        if let Some(expressions) = object.get("matchExpressions") {
            let at = field.with("matchExpressions");
            match expressions {
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        let requirement = Requirement::read(item, &at.with(index), wrong);
                        selector.requirements.extend(requirement);
                    }
                }
                other => wrong.push(Wrong::schema(
                    at,
                    format!("expects an array, not {}", kind_of(other)),
                )),
            }
        }
        selector
    }

    pub(super) fn matches(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|requirement| {
            let has = |key: &String, values: &[String]| {
                labels.get(key).is_some_and(|value| values.contains(value))
            };
            match requirement {
                Requirement::In(key, values) => has(key, values),
                Requirement::NotIn(key, values) => !has(key, values),
                Requirement::Exists(key) => labels.contains_key(key),
                Requirement::DoesNotExist(key) => !labels.contains_key(key),
            }
        })
    }
}

impl Requirement {
    fn read(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Option<Self> {
        let object = fields(value, field, wrong)?;
        unknown(object, field, &["key", "operator", "values"], wrong);
        let mut required = |name: &str| {
            let at = field.with(name);
            match object.get(name) {
                Some(value) => text(value, &at, wrong),
                None => {
                    wrong.push(Wrong::schema(at, "is required, and missing"));
                    None
                }
            }
        };
        let (key, operator) = (required("key"), required("operator"));
        let values = match object.get("values") {
            Some(values) => strings(values, &field.with("values"), wrong)?,
            None => Vec::new(),
        };
        let (key, operator) = (key?, operator?);
        check_key(&key, &field.with("key"), wrong);
        for (at, value) in values.iter().enumerate() {
            check_value(value, &field.with("values").with(at), wrong);
        }
        let takes_values = matches!(operator.as_str(), "In" | "NotIn");
        if takes_values == values.is_empty() {
            let message = match takes_values {
                true => "is empty, and the operator compares with values",
                false => "is not empty, and the operator compares with none",
            };
            wrong.push(Wrong::other(field.with("values"), message));
        }
        match operator.as_str() {
            "In" => Some(Self::In(key, values)),
            "NotIn" => Some(Self::NotIn(key, values)),
            "Exists" => Some(Self::Exists(key)),
            "DoesNotExist" => Some(Self::DoesNotExist(key)),
            _ => {
                let message = "is none of In, NotIn, Exists and DoesNotExist";
                wrong.push(Wrong::other(field.with("operator"), message));
                None
            }
        }
    }
}

/// A name of at most 63 characters, with or without a DNS subdomain before it.
fn check_key(key: &str, field: &Field, wrong: &mut Vec<Wrong>) {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_key = !name.is_empty() && is_label(name) && prefix.is_none_or(is_subdomain);
    if !is_key {
        wrong.push(Wrong::other(field.clone(), "is no key of a label"));
    }
}

fn check_value(value: &str, field: &Field, wrong: &mut Vec<Wrong>) {
    if !is_label(value) {
        wrong.push(Wrong::other(field.clone(), "is no value of a label"));
    }
}

fn is_label(text: &str) -> bool {
    let is_end = |end: Option<u8>| end.is_none_or(|byte| byte.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    text.len() <= 63
        && is_end(bytes.first().copied())
        && is_end(bytes.last().copied())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// RFC 1123, in the lower case that Kubernetes asks for.
pub(super) fn is_subdomain(text: &str) -> bool {
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let is_end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.first().is_some_and(is_end)
            && bytes.last().is_some_and(is_end)
            && bytes.iter().all(|byte| is_end(byte) || *byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn every_requirement_has_to_hold() {
        let mut wrong = Vec::new();
        let selector = Selector::read(
            &json!({
                "matchLabels": {"app": "web"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "zone", "operator": "NotIn", "values": ["x"]},
                    {"key": "owner.example/team", "operator": "Exists"},
                    {"key": "debug", "operator": "DoesNotExist", "values": []},
                ],
            }),
            &Field::default(),
            &mut wrong,
        );
        assert_eq!(wrong, []);
        let all = [("app", "web"), ("tier", "b"), ("owner.example/team", "")];
        assert!(selector.matches(&labels(&all)));
        assert!(!selector.matches(&labels(&all[..2])));
        for more in [("app", "db"), ("tier", "c"), ("zone", "x"), ("debug", "")] {
            let mut labels = labels(&all);
            labels.insert(more.0.to_owned(), more.1.to_owned());
            assert!(!selector.matches(&labels), "{more:?}");
        }
    }

    #[test]
    fn what_is_no_selector_is_told_by_field() {
        for (selector, field, message) in [
            (json!([]), "", "expects an object, not an array"),
            (
                json!({"matchLabels": {"a": 1}}),
                "matchLabels.a",
                "expects a string, not a number",
            ),
            (
                json!({"matchLabels": {"-a": "b"}}),
                "matchLabels.-a",
                "is no key of a label",
            ),
            (
                json!({"matchLabels": {"a": "b c"}}),
                "matchLabels.a",
                "is no value of a label",
            ),
            (
                json!({"matchExpressions": [{"operator": "Exists"}]}),
                "matchExpressions[0].key",
                "is required, and missing",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Is"}]}),
                "matchExpressions[0].operator",
                "is none of In, NotIn, Exists and DoesNotExist",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
                "matchExpressions[0].values",
                "is empty, and the operator compares with values",
            ),
            (json!({"labels": {}}), "labels", "is not a field of this"),
        ] {
            let mut wrong = Vec::new();
            Selector::read(&selector, &Field::default(), &mut wrong);
            assert_eq!(wrong[0].field.to_string(), field);
            assert_eq!(wrong[0].message, message);
        }
    }
}
