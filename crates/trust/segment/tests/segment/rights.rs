//! Roles and bindings at random: what is decided of a right is what whoever reads the rules one by one decides.

use casemate_posture::Truth;
use casemate_segment::identity::Request;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};

use crate::kit::cluster;

const NAMESPACES: [&str; 2] = ["lab", "models"];
const VERBS: [&str; 4] = ["get", "list", "create", "*"];
const GROUPS: [&str; 3] = ["", "apps", "*"];
const RESOURCES: [&str; 6] = ["pods", "pods/exec", "secrets", "*/exec", "pods/*", "*"];
const NAMES: [&str; 2] = ["a", "b"];

#[derive(Clone, Debug)]
struct Rule {
    verbs: Vec<&'static str>,
    groups: Vec<&'static str>,
    resources: Vec<&'static str>,
    names: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Bound {
    rules: Vec<Rule>,
    /// Of a ClusterRoleBinding, none.
    namespace: Option<&'static str>,
    subject: &'static str,
}

fn rule() -> impl Strategy<Value = Rule> {
    let names = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(NAMES.to_vec(), 1..=2)];
    let verbs = subsequence(VERBS.to_vec(), 1..=2);
    let groups = subsequence(GROUPS.to_vec(), 1..=2);
    let resources = subsequence(RESOURCES.to_vec(), 1..=2);
    (verbs, groups, resources, names).prop_map(|(verbs, groups, resources, names)| Rule {
        verbs,
        groups,
        resources,
        names,
    })
}

fn bound() -> impl Strategy<Value = Bound> {
    let namespace = select(&[None, Some("lab"), Some("models")][..]);
    (vec(rule(), 0..3), namespace, 0..SUBJECTS.len()).prop_map(|(rules, namespace, subject)| {
        Bound {
            rules,
            namespace,
            subject: SUBJECTS[subject],
        }
    })
}

const SUBJECTS: [&str; 6] = [
    "{kind: ServiceAccount, name: notebook, namespace: lab}",
    "{kind: ServiceAccount, name: notebook, namespace: models}",
    "{kind: User, name: 'system:serviceaccount:lab:notebook'}",
    "{kind: Group, name: 'system:serviceaccounts:lab'}",
    "{kind: Group, name: 'system:authenticated'}",
    "{kind: User, name: somebody}",
];

fn manifests(all: &[Bound]) -> String {
    let list = |words: &[&str]| {
        let words = words.iter().map(|it| format!("'{it}'"));
        words.collect::<Vec<_>>().join(", ")
    };
    let one = |(at, it): (usize, &Bound)| {
        let rules = it.rules.iter().map(|rule| {
            format!(
                "{{verbs: [{}], apiGroups: [{}], resources: [{}], resourceNames: [{}]}}",
                list(&rule.verbs),
                list(&rule.groups),
                list(&rule.resources),
                list(&rule.names)
            )
        });
        let rules = rules.collect::<Vec<_>>().join(", ");
        let (kind, place) = match it.namespace {
            Some(namespace) => ("RoleBinding", format!(", namespace: {namespace}")),
            None => ("ClusterRoleBinding", String::new()),
        };
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: r{at}}}\nrules: [{rules}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: b{at}{place}}}\nroleRef: {{kind: ClusterRole, name: r{at}}}\nsubjects: [{}]\n",
            it.subject
        )
    };
    let each: Vec<String> = all.iter().enumerate().map(one).collect();
    each.join("---\n")
}

/// The rules one by one, as the documentation of Kubernetes says them: `*` is all, a subresource is named with its
/// resource or with `*/`, and a rule with names is about requests that name one of them.
fn naive(all: &[Bound], (namespace, name): (&str, &str), request: &Request<'_>) -> bool {
    let is_bound = |it: &Bound| match it.subject {
        s if s.starts_with("{kind: ServiceAccount") => {
            s.ends_with(&format!("namespace: {namespace}}}")) && name == "notebook"
        }
        s if s.contains("system:serviceaccount:") => (namespace, name) == ("lab", "notebook"),
        s if s.contains("system:serviceaccounts:lab") => namespace == "lab",
        s => s.contains("system:authenticated"),
    };
    for bound in all.iter().filter(|it| is_bound(it)) {
        if bound.namespace.is_some() && bound.namespace != request.namespace {
            continue;
        }
        for rule in &bound.rules {
            let verb = rule.verbs.contains(&"*") || rule.verbs.contains(&request.verb);
            let group = rule.groups.contains(&"*") || rule.groups.contains(&request.group);
            let wild = request
                .resource
                .split_once('/')
                .map(|(_, sub)| format!("*/{sub}"));
            let resource = rule.resources.contains(&"*")
                || rule.resources.contains(&request.resource)
                || wild.is_some_and(|it| rule.resources.contains(&&*it));
            let named =
                rule.names.is_empty() || request.name.is_some_and(|it| rule.names.contains(&it));
            if verb && group && resource && named {
                return true;
            }
        }
    }
    false
}

proptest! {
    #[test]
    fn a_right_is_what_the_rules_say_one_by_one(
        all in vec(bound(), 1..5),
        verb in select(&["get", "create", "delete"][..]),
        group in select(&["", "apps"][..]),
        resource in select(&["pods", "pods/exec", "secrets"][..]),
        name in select(&[None, Some("a"), Some("c")][..]),
        namespace in select(&[None, Some(NAMESPACES[0]), Some(NAMESPACES[1])][..]),
    ) {
        let analysis = cluster(&manifests(&all));
        let request = Request { verb, group, resource, name, namespace };
        for account in [("lab", "notebook"), ("models", "notebook"), ("lab", "other")] {
            let decided = analysis.identities().may(account.0, account.1, &request);
            prop_assert_eq!(decided, Truth::from(naive(&all, account, &request)));
        }
    }
}
