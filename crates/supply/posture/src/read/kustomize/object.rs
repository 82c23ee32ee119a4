//! Objects on their way through overlays.

use std::sync::Arc;

use crate::{Attr, Item, Origin, Role, Value};

/// An object, and what it was called before.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) body: Attr,
    /// Names and namespaces that others may know it by, the first one first.
    pub(super) before: Vec<(String, String)>,
    /// Whether a hash of what is in it goes into its name.
    pub(super) is_hashed: bool,
    /// Whether anything gave it a name or a namespace, be it the same.
    pub(super) is_moved: bool,
}

impl Object {
    pub(super) fn new(body: Attr) -> Self {
        let mut object = Self {
            body,
            before: Vec::new(),
            is_hashed: false,
            is_moved: false,
        };
        object.remember();
        object
    }

    pub(super) fn kind(&self) -> &str {
        text(&self.body, "kind")
    }

    pub(super) fn name(&self) -> &str {
        text(&self.body, "metadata.name")
    }

    pub(super) fn namespace(&self) -> &str {
        text(&self.body, "metadata.namespace")
    }

    pub(super) fn group(&self) -> &str {
        let version = text(&self.body, "apiVersion");
        version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn version(&self) -> &str {
        text(&self.body, "apiVersion")
            .rsplit('/')
            .next()
            .unwrap_or_default()
    }

    /// Keeps what it is called now.
    pub(super) fn remember(&mut self) {
        let now = (self.name().to_owned(), self.namespace().to_owned());
        if self.before.last() != Some(&now) {
            self.before.push(now);
        }
    }

    /// Whether anybody ever called it so.
    pub(super) fn was(&self, name: &str) -> bool {
        self.before.iter().any(|(before, _)| before == name)
    }

    /// Whether it belongs to no namespace.
    pub(super) fn is_cluster_wide(&self) -> bool {
        let is_core = |group: &str| {
            matches!(group, "" | "apps" | "batch" | "policy") || group.ends_with(".k8s.io")
        };
        CLUSTER_WIDE.contains(&self.kind()) && is_core(self.group())
    }
}

/// The text at `path`, or none.
pub(super) fn text<'a>(attr: &'a Attr, path: &str) -> &'a str {
    attr.at(path)
        .ok()
        .and_then(Attr::as_str)
        .unwrap_or_default()
}

pub(super) fn string(text: &str, origin: Origin) -> Attr {
    Attr::new(Value::String(text.into()), origin)
}

pub(super) fn item(key: &str, value: Attr) -> Item {
    Item {
        key: key.into(),
        place: value.origin.clone(),
        value,
    }
}

pub(super) fn map(items: Vec<Item>, origin: Origin) -> Attr {
    Attr::new(Value::Map(Arc::new(crate::Map::new(items))), origin)
}

/// What an overlay put where something else stood: that stays in front, and the overlay behind it.
pub(super) fn patched(old: &Attr, mut new: Attr) -> Attr {
    new.origin = old.origin.clone().behind(Role::Patch, new.origin);
    new
}

/// Sets the text under `key` of a map.
pub(super) fn set(attr: &mut Attr, key: &str, value: Attr) {
    let Some(map) = attr.map_mut() else {
        return;
    };
    match map.get_mut(key) {
        Some(there) => *there = patched(there, value),
        None => map.set(item(key, value)),
    }
}

/// Calls `f` with everything at `path`, whose steps `/` parts: into each item of a list on the way.
/// Where `creates`, maps that are not there are made, and nothing as the last.
pub(super) fn each(
    attr: &mut Attr,
    path: &[&str],
    creates: Option<&Origin>,
    f: &mut dyn FnMut(&mut Attr),
) {
    let Some((first, rest)) = path.split_first() else {
        return f(attr);
    };
    if let Value::List(_) = attr.value {
        for item in attr.items_mut() {
            each(item, path, creates, f);
        }
        return;
    }
    // An object whose map is shared is not copied unless there is something to change.
    let is_there = attr.get(first).ok().is_some();
    if !is_there && creates.is_none() {
        return;
    }
    let Some(map) = attr.map_mut() else {
        return;
    };
    if let (false, Some(origin)) = (is_there, creates) {
        let value = match rest.is_empty() {
            true => Attr::new(Value::Null, origin.clone()),
            false => self::map(Vec::new(), origin.clone()),
        };
        map.set(item(first, value));
    }
    if let Some(next) = map.get_mut(first) {
        if let (Value::Null, Some(origin), false) = (&next.value, creates, rest.is_empty()) {
            *next = self::map(Vec::new(), origin.clone());
        }
        each(next, rest, creates, f);
    }
}

/// The steps of a path; `\/` is a slash in one.
pub(super) fn steps(path: &str) -> Vec<String> {
    let escaped = path.replace("\\/", "\u{0}");
    let steps = escaped.split('/').filter(|step| !step.is_empty());
    steps
        .map(|step| step.trim_end_matches("[]").replace('\u{0}', "/"))
        .collect()
}

/// As [`each`], for a path that is written with slashes.
pub(super) fn each_at(
    attr: &mut Attr,
    path: &str,
    creates: Option<&Origin>,
    f: &mut dyn FnMut(&mut Attr),
) {
    let steps = steps(path);
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    each(attr, &steps, creates, f);
}

/// Kinds of Kubernetes itself that are in no namespace.
const CLUSTER_WIDE: &[&str] = &[
    "APIService",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ComponentStatus",
    "CSIDriver",
    "CSINode",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "SelfSubjectAccessReview",
    "SelfSubjectRulesReview",
    "StorageClass",
    "StorageVersion",
    "SubjectAccessReview",
    "TokenReview",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];
