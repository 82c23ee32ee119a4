//! What an object had before an update: a finding, in a part of it that is as it was. That the same rule was broken at the same
//! place says little: a container may have another image since, and a binding another subject.

use std::collections::BTreeSet;

use casemate_core::{Finding, RuleId};
use serde_json::{Map, Value, json};

use super::question::Declared;

/// An object as it was, and what was found in it.
pub(super) struct Before<'a> {
    found: BTreeSet<(&'a RuleId, &'a str)>,
    object: &'a Value,
}

impl<'a> Before<'a> {
    pub(super) fn new(findings: &'a [Finding], object: &'a Value) -> Self {
        let found = findings
            .iter()
            .filter_map(|finding| Some((&finding.rule, attribute(finding)?)));
        Self {
            found: found.collect(),
            object,
        }
    }

    /// Whether what is found in `object` was there, in a part that is as it was.
    pub(super) fn has(&self, finding: &Finding, object: &Value) -> bool {
        let Some(path) = attribute(finding) else {
            return false;
        };
        self.found.contains(&(&finding.rule, path)) && is_as_it_was(path, self.object, object)
    }
}

/// Whether what counts around the attribute at `path` is the same in both: its container wherever that stands in its list, all
/// that a role grants or a binding gives, the whole `spec`, or the whole object.
fn is_as_it_was(path: &str, old: &Value, new: &Value) -> bool {
    let way = way(path);
    if let Some(container) = container(&way) {
        let (old, new) = (at(old, container), at(new, container));
        return old.is_some() && old == new;
    }
    let version = new.get("apiVersion").and_then(Value::as_str);
    if version.is_some_and(|version| version.starts_with("rbac.authorization.k8s.io/")) {
        return GRANTS.iter().all(|key| old.get(key) == new.get(key));
    }
    match way.first() {
        Some(Step::Key("spec")) => old.get("spec") == new.get("spec"),
        _ => authored(old) == authored(new),
    }
}

/// A step on the way to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    /// An item of a list, by its `name`, or by its place where it has none.
    Item(&'a str),
}

/// The way to an attribute, of which a finding says `spec.containers[api].image` or `metadata.labels["a.b/c"]`.
fn way(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = match (rest.strip_prefix("[\""), rest.strip_prefix('[')) {
            (Some(quoted), _) => {
                let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
                (Step::Key(key), after)
            }
            (None, Some(inside)) => {
                let (name, after) = inside.split_once(']').unwrap_or((inside, ""));
                (Step::Item(name), after)
            }
            (None, None) => {
                let (key, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                (Step::Key(key), after)
            }
        };
        steps.push(step);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

/// The way to the innermost container on a way.
fn container<'w, 'a>(way: &'w [Step<'a>]) -> Option<&'w [Step<'a>]> {
    let is_container = |pair: &[Step<'_>]| matches!(pair, [Step::Key(list), Step::Item(_)] if LISTS.contains(list));
    let last = way.windows(2).rposition(is_container)?;
    Some(&way[..last + 2])
}

/// What is at the end of a way. None where a name is that of several items.
fn at<'v>(object: &'v Value, way: &[Step<'_>]) -> Option<&'v Value> {
    way.iter().try_fold(object, |at, step| match step {
        Step::Key(key) => at.get(key),
        Step::Item(name) => {
            let items = at.as_array()?;
            let named = |item: &&Value| item.get("name").is_some_and(|it| it == name);
            let mut found = items.iter().filter(named);
            match (found.next(), found.next()) {
                (Some(one), None) => Some(one),
                (None, _) => items
                    .get(name.parse::<usize>().ok()?)
                    .filter(|item| item.get("name").is_none()),
                (Some(_), Some(_)) => None,
            }
        }
    })
}

/// The object but for what the server writes, and what is updated of one that goes.
fn authored(object: &Value) -> Value {
    let mut object = json!(Declared(object));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let of_the_server = |map: &mut Map<String, Value>| {
            SERVED.iter().for_each(|key| {
                map.remove(*key);
            });
        };
        of_the_server(metadata);
    }
    object
}

/// The path of the attribute that a finding is about.
fn attribute(finding: &Finding) -> Option<&str> {
    let evidence = finding.evidence.iter().find(|it| it.label == "attribute");
    evidence.map(|it| it.value.as_str())
}

const LISTS: &[&str] = &["containers", "initContainers", "ephemeralContainers"];

/// What roles and bindings are.
const GRANTS: &[&str] = &["rules", "aggregationRule", "roleRef", "subjects"];

const SERVED: &[&str] = &[
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_ends_at_its_innermost_container() {
        let path = "spec.a[\"b.c/d\"].template.spec.containers[api].ports[0].hostPort";
        let steps = way(path);
        assert_eq!(steps[2], Step::Key("b.c/d"));
        let expected = [Step::Key("containers"), Step::Item("api")];
        assert!(container(&steps).is_some_and(|it| it.ends_with(&expected)));
        assert_eq!(container(&way("spec.hostPID")), None);
        assert_eq!(way("a["), [Step::Key("a"), Step::Item("")]);
    }

    #[test]
    fn what_counts_around_an_attribute_has_to_be_as_it_was() {
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        let of = |name: &str, image: &str| json!({"name": name, "image": image});
        let path = "spec.containers[a].securityContext";
        let old = pod(json!([of("a", "1"), of("b", "1")]));
        for (new, expected) in [
            (pod(json!([of("a", "1"), of("b", "2")])), true),
            (pod(json!([of("b", "1"), of("a", "1")])), true),
            (pod(json!([of("a", "2"), of("b", "1")])), false),
            (pod(json!([of("a", "1"), of("a", "2")])), false),
            (pod(json!([of("c", "1")])), false),
        ] {
            assert_eq!(is_as_it_was(path, &old, &new), expected, "{new}");
        }
        let binding = |subjects: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "subjects": subjects});
        let (one, two) = (binding(json!(["ada"])), binding(json!(["ada", "bob"])));
        assert!(is_as_it_was("roleRef.name", &one, &one));
        assert!(!is_as_it_was("roleRef.name", &one, &two));
        let (one, two) = (json!({"spec": {"a": 1}}), json!({"spec": {"a": 2}}));
        assert!(!is_as_it_was("spec.hostPID", &one, &two));
        let secret = |version: &str, data: &str| json!({"metadata": {"resourceVersion": version}, "data": data});
        assert!(is_as_it_was("data", &secret("1", "x"), &secret("2", "x")));
        assert!(!is_as_it_was("data", &secret("1", "x"), &secret("2", "y")));
    }
}
