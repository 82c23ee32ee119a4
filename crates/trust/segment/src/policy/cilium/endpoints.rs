//! Whom selectors of endpoints mean: pods by their labels and namespaces, and what Cilium has reserved names for.

use casemate_posture::Cursor;

use super::{Scope, peers};
use crate::{
    Gap,
    cluster::{ACCOUNT_LABEL, NAME_LABEL},
    policy::{Peer, Pods},
    selector::{Namespaces, Requirement, Selector},
};

/// A selector by what its requirements are about.
#[derive(Default)]
pub(super) struct Split {
    pub(super) namespaces: Vec<Requirement>,
    pub(super) pods: Vec<Requirement>,
    reserved: Vec<Requirement>,
}

/// Whom a policy is about: pods of its namespace, if it has one.
pub(super) fn subject(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Pods> {
    let split = Split::read(cursor, gaps);
    // No pod is what has a reserved name.
    let is_reserved = |it: &Requirement| matches!(it, Requirement::In(..) | Requirement::Exists(_));
    if split.reserved.iter().any(is_reserved) {
        return Vec::new();
    }
    let namespaces = match &scope.namespace {
        Some(Namespaces::One(own)) if !split.namespaces.is_empty() => {
            let own = Requirement::In(NAME_LABEL.to_owned(), vec![own.to_string()]);
            Namespaces::Selected(Selector([vec![own], split.namespaces].concat()))
        }
        Some(own) => own.clone(),
        None => Namespaces::Selected(Selector(split.namespaces)),
    };
    vec![Pods {
        namespaces,
        selector: Selector(split.pods),
    }]
}

/// Whom a rule is about.
pub(super) fn peers(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let split = Split::read(cursor, gaps);
    match (&*split.reserved, split.pods.len() + split.namespaces.len()) {
        ([], _) => vec![Peer::Pods(Pods {
            namespaces: split.namespaces(scope),
            selector: Selector(split.pods),
        })],
        ([Requirement::Exists(name)], 0) => peers::entity(name, cursor, gaps),
        ([Requirement::In(name, values)], 0) if values.iter().all(String::is_empty) => {
            peers::entity(name, cursor, gaps)
        }
        _ => {
            let why = "who has reserved labels beside others, or has not, is not known";
            vec![Peer::Unknown(Gap::tell(cursor, why, gaps))]
        }
    }
}

impl Split {
    pub(super) fn read(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let mut split = Self::default();
        for requirement in Selector::read(cursor, gaps).0 {
            split.add(requirement, cursor, gaps);
        }
        split
    }

    fn add(&mut self, requirement: Requirement, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) {
        let Some(key) = requirement.key().map(str::to_owned) else {
            self.pods.push(requirement);
            return;
        };
        let (source, key) = key.split_once(':').unwrap_or(("any", &*key));
        let mut unknown = |why: &str| Requirement::Unknown(Gap::tell(cursor, why, gaps));
        match (source, key) {
            ("reserved", name) => self.reserved.push(requirement.of(name)),
            ("any" | "k8s", NAMESPACE) => self.namespaces.push(requirement.of(NAME_LABEL)),
            ("any" | "k8s", ACCOUNT_LABEL) => self.pods.push(requirement.of(ACCOUNT_LABEL)),
            ("any" | "k8s", CLUSTER) => self
                .pods
                .push(unknown("the name of the cluster is not known")),
            ("any" | "k8s", key) => match key.strip_prefix(NAMESPACE_LABELS) {
                Some(label) => self.namespaces.push(requirement.of(label)),
                None if is_left_out(key) => {
                    let why =
                        format!("Cilium does not look at labels like {key} unless it is told to");
                    self.pods.push(unknown(&why));
                }
                None => self.pods.push(requirement.of(key)),
            },
            _ => self.pods.push(unknown(&format!(
                "who has labels of {source:?} is not known"
            ))),
        }
    }

    /// Of which namespaces a peer is: of those that it names, or else of that of the policy, or of all.
    pub(super) fn namespaces(&self, scope: &Scope<'_>) -> Namespaces {
        match &scope.namespace {
            Some(own) if self.namespaces.is_empty() => own.clone(),
            _ => Namespaces::Selected(Selector(self.namespaces.clone())),
        }
    }
}

/// Whether a label is not part of what tells pods apart (docs.cilium.io, "Limiting Identity-Relevant Labels").
fn is_left_out(key: &str) -> bool {
    LEFT_OUT.iter().any(|it| key.starts_with(it)) || key.contains("beta.kubernetes.io")
}

const LEFT_OUT: &[&str] = &[
    "io.kubernetes",
    "kubernetes.io",
    "k8s.io",
    "pod-template-generation",
    "pod-template-hash",
    "controller-revision-hash",
    "annotation.",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/controller-uid",
];

const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
