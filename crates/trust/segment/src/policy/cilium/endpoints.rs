//! Whom selectors of endpoints mean: pods by their labels and namespaces, and what Cilium has reserved names for.

use std::sync::Arc;

use casemate_posture::Cursor;

use super::{Scope, labels::left_out, peers};
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
    /// Whether it asks for the name of a namespace, and not for its labels alone.
    has_name: bool,
    /// Why it may ask for anything.
    pub(super) open: Option<Arc<str>>,
}

/// Whom a policy is about: pods of its namespace, if it has one.
pub(super) fn subject(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Pods> {
    let mut requirements = Selector::read(cursor, gaps).0;
    let labels = cursor.get("matchLabels").entries();
    if scope.namespace.is_some() && labels.iter().any(|(key, _)| *key == OWN_NAMESPACE) {
        // Cilium writes the namespace of the policy over it. Labels come before expressions.
        let over = |it: &Requirement| it.key() == Some(OWN_NAMESPACE);
        if let Some(at) = requirements.iter().position(over) {
            requirements.remove(at);
        }
    }
    let split = Split::of(requirements, cursor, gaps);
    // No pod is what has a reserved name.
    let is_reserved =
        |it: &&Requirement| !matches!(it, Requirement::NotIn(..) | Requirement::Absent(_));
    let reserved: Vec<_> = split.reserved.iter().filter(is_reserved).collect();
    if !reserved.is_empty() {
        let is_proxy = reserved.iter().any(|it| it.key() == Some("ingress"));
        let of_proxy = (is_proxy && scope.namespace.is_none()).then(|| Pods {
            namespaces: Namespaces::Proxy(peers::PROXY.into()),
            selector: Selector::default(),
        });
        return of_proxy.into_iter().collect();
    }
    let namespaces = match &scope.namespace {
        Some(own) => split.within(own),
        None => Namespaces::Selected(Selector(split.namespaces)),
    };
    vec![Pods {
        namespaces,
        selector: Selector(split.pods),
    }]
}

/// Whether a policy is about pods that have no labels yet, or about those that have: then `{}` means everybody to it.
pub(super) fn is_about_starting(cursor: &Cursor<'_>) -> bool {
    let requirements = Selector::read(cursor, &mut Vec::new());
    requirements.keys().any(|it| it == "reserved:init")
}

/// Whom a rule is about.
pub(super) fn peers(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let split = Split::read(cursor, gaps);
    if let Some(why) = split.open {
        return vec![Peer::Unknown(why)];
    }
    match (&*split.reserved, split.pods.len() + split.namespaces.len()) {
        ([], 0) if scope.namespace.is_none() && scope.is_about_starting => vec![Peer::Anyone],
        ([], _) => split.pods(scope, cursor, gaps),
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
        Self::of(Selector::read(cursor, gaps).0, cursor, gaps)
    }

    fn of(requirements: Vec<Requirement>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let mut split = Self::default();
        for requirement in requirements {
            split.add(requirement, cursor, gaps);
        }
        split
    }

    fn add(&mut self, requirement: Requirement, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) {
        let Some(key) = requirement.key().map(str::to_owned) else {
            if let Requirement::Unknown(None, why) = &requirement {
                self.open = Some(why.clone());
            }
            self.pods.push(requirement);
            return;
        };
        let (source, label) = key.split_once(':').unwrap_or(("any", &*key));
        let mut unknown =
            |why: &str| Requirement::Unknown(Some(label.to_owned()), Gap::tell(cursor, why, gaps));
        match (source, label) {
            ("reserved", name) => self.reserved.push(requirement.of(name)),
            ("any" | "k8s", NAMESPACE) => {
                self.has_name = true;
                self.namespaces.push(requirement.of(NAME_LABEL));
            }
            ("any" | "k8s", ACCOUNT_LABEL) => self.pods.push(requirement.of(ACCOUNT_LABEL)),
            ("any" | "k8s", CLUSTER) => self
                .pods
                .push(unknown("the name of the cluster is not known")),
            ("any" | "k8s", label) => match (label.strip_prefix(NAMESPACE_LABELS), left_out(label))
            {
                (Some(label), _) => self.namespaces.push(requirement.of(label)),
                (None, Some(why)) => self.pods.push(unknown(&why)),
                (None, None) => self.pods.push(requirement.of(label)),
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

    /// The namespace of the policy, as far as it has what is asked of namespaces.
    fn within(&self, own: &Namespaces) -> Namespaces {
        match own {
            Namespaces::One(own) if !self.namespaces.is_empty() => {
                let own = Requirement::In(NAME_LABEL.to_owned(), vec![own.to_string()]);
                Namespaces::Selected(Selector([vec![own], self.namespaces.clone()].concat()))
            }
            _ => own.clone(),
        }
    }

    /// The pods that it means, and who else that may be.
    fn pods(self, scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
        let pods = |namespaces: Namespaces, more: Option<Requirement>| {
            let all = self.pods.iter().cloned().chain(more);
            Peer::Pods(Pods {
                namespaces,
                selector: Selector(all.collect()),
            })
        };
        let namespaces = self.namespaces(scope);
        let mut peers = match &scope.namespace {
            Some(own) if !self.has_name && !self.namespaces.is_empty() => {
                let why = "whether labels of namespaces mean others than that of the policy is up to the version of Cilium";
                let unsure = Requirement::Unknown(None, Gap::tell(cursor, why, gaps));
                vec![pods(self.within(own), None), pods(namespaces, Some(unsure))]
            }
            _ => vec![pods(namespaces, None)],
        };
        let mut all = self.namespaces.iter().chain(&self.pods);
        let asks_namespaces = !self.namespaces.is_empty() || scope.is_about_starting;
        if asks_namespaces && all.all(Requirement::may_be_of_nothing) {
            peers.push(Peer::Outside(Gap::tell(cursor, NOT_OF, gaps)));
        }
        peers
    }
}

/// Released versions of Cilium take who has no namespace for one that is in none of those that are excluded
/// (cilium/cilium, issue 46949).
pub(super) const NOT_OF: &str = "whether who is in no namespace, as outside of the cluster, is not in those that are excluded is up to the version of Cilium";

const OWN_NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";
const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
