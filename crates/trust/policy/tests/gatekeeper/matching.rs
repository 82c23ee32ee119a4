//! Which objects a constraint is for.

use casemate_policy::gatekeeper::{Inventory, Point, Review};

use crate::{
    now,
    policies::{constraint, load, object, template},
};

/// Whether a constraint with that `match` is for the object; `labels` are those of its namespace.
fn matches(matching: &str, object_text: &str, labels: &str) -> bool {
    let rego = "package a\nviolation[{\"msg\": \"matches\"}] { true }";
    let policy =
        template("Good", rego, "") + &constraint("Good", "a", &format!("{{match: {matching}}}"));
    let constraints = load(&policy).expect(matching);
    let mut inventory = Inventory::default();
    let namespace =
        format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: apps, labels: {labels}}}}}");
    inventory
        .insert(&object(&namespace).value)
        .expect("an object");
    let review = Review::of_object(&object(object_text).value).expect("an object");
    let found = constraints.review(&review, &inventory, Point::Shift, now());
    assert!(found.iter().all(|it| it.message == "matches"), "{found:?}");
    !found.is_empty()
}

const DEPLOYMENT: &str = "{apiVersion: apps/v1, kind: Deployment, \
                          metadata: {name: web-a, namespace: apps, labels: {tier: front}}}";

const NAMESPACE: &str =
    "{apiVersion: v1, kind: Namespace, metadata: {name: apps, labels: {team: a}}}";

const NODE: &str = "{apiVersion: v1, kind: Node, metadata: {name: node}}";

const GENERATED: &str =
    "{apiVersion: v1, kind: Pod, metadata: {generateName: web-, namespace: apps}}";

#[test]
fn each_field_of_match_selects_as_in_gatekeeper() {
    for (matching, deployment, namespace, node) in [
        ("{}", true, true, true),
        ("{kinds: []}", true, true, true),
        ("{kinds: [{kinds: [Deployment]}]}", true, false, false),
        ("{kinds: [{apiGroups: [apps]}]}", true, false, false),
        (
            "{kinds: [{apiGroups: [''], kinds: ['*']}]}",
            false,
            true,
            true,
        ),
        (
            "{kinds: [{apiGroups: ['*'], kinds: [Node, Deployment]}]}",
            true,
            false,
            true,
        ),
        (
            "{kinds: [{apiGroups: [''], kinds: [Deployment]}, {kinds: [Node]}]}",
            false,
            false,
            true,
        ),
        ("{scope: '*'}", true, true, true),
        ("{scope: Cluster}", false, true, true),
        ("{scope: Namespaced}", true, false, false),
        ("{namespaces: [apps]}", true, true, true),
        ("{namespaces: [other]}", false, false, true),
        ("{namespaces: [other, ap*]}", true, true, true),
        ("{namespaces: ['*s']}", true, true, true),
        ("{namespaces: ['*pp*']}", true, true, true),
        ("{excludedNamespaces: ['*']}", false, false, true),
        ("{excludedNamespaces: [app]}", true, true, true),
        (
            "{excludedNamespaces: ['*-system', app*]}",
            false,
            false,
            true,
        ),
        ("{name: web-a}", true, false, false),
        ("{name: web-*}", true, false, false),
        ("{name: ''}", true, true, true),
        ("{labelSelector: {}}", true, true, true),
        (
            "{labelSelector: {matchLabels: {tier: front}}}",
            true,
            false,
            false,
        ),
        (
            "{labelSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}",
            true,
            false,
            true,
        ),
        (
            "{namespaceSelector: {matchLabels: {env: prod}}}",
            true,
            false,
            true,
        ),
        (
            "{namespaceSelector: {matchLabels: {team: a}}}",
            false,
            true,
            true,
        ),
        ("{source: All}", true, true, true),
        ("{source: Original}", true, true, true),
        ("{source: Generated}", false, false, false),
    ] {
        let found = [DEPLOYMENT, NAMESPACE, NODE].map(|it| matches(matching, it, "{env: prod}"));
        assert_eq!(found, [deployment, namespace, node], "{matching}");
    }
}

#[test]
fn a_name_that_is_made_up_later_matches_by_its_beginning() {
    for (name, expected) in [
        ("web-*", true),
        ("w*", true),
        ("'*eb*'", true),
        ("'*web-'", false),
        ("web-a", false),
    ] {
        assert_eq!(
            matches(&format!("{{name: {name}}}"), GENERATED, "{}"),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_namespace_that_is_not_known_is_no_reason_to_pass() {
    let rego = "package a\nviolation[{\"msg\": \"matches\"}] { true }";
    let policy = template("Good", rego, "")
        + &constraint(
            "Good",
            "a",
            "{match: {namespaceSelector: {matchLabels: {env: prod}}}}",
        );
    let constraints = load(&policy).expect("loads");
    let review = Review::of_object(&object(DEPLOYMENT).value).expect("an object");
    let found = constraints.review(&review, &Inventory::default(), Point::Shift, now());
    assert_eq!(
        found[0].message,
        "the constraint selects by the labels of namespace `apps`, which is not given"
    );
}
