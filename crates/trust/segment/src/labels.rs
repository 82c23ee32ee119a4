//! Labels, and which of them controllers add.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_posture::{Cursor, Fact, Truth};

use crate::Gap;

/// Labels by their keys, some of which may not be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    written: BTreeMap<String, Fact<String>>,
    /// The keys that stand for several pods, some of which may have no such label.
    blurred: BTreeSet<String>,
    /// Why there may be others.
    open: Option<Arc<str>>,
    /// Whose controller adds some of its own.
    pub(crate) maker: Option<Maker>,
}

/// A kind of object, whose controller puts labels on the pods that it makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Maker {
    pub(crate) kind: String,
    pub(crate) group: String,
}

impl Labels {
    /// The labels that are written at a place. What of them is not known is added to `gaps`.
    pub(crate) fn read(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let mut labels = Self::default();
        // A key that nobody writes is unknown where a template may write others.
        if let Fact::Unknown(why) = cursor.get("").fact {
            labels.open = Some(why);
        }
        if let Some(why) = &labels.open {
            gaps.push(Gap::at(
                cursor,
                &format!("not all of its labels are known: {why}"),
            ));
        }
        for (key, value) in cursor.entries() {
            let value_fact = match value.text() {
                // A key with nothing behind it is a label without a value.
                Fact::Absent => Fact::Known(String::new()),
                fact => fact,
            };
            if let Fact::Unknown(why) = &value_fact {
                gaps.push(Gap::at(&value, &format!("a label is not known: {why}")));
            }
            labels.written.insert(key.to_owned(), value_fact);
        }
        labels
    }

    /// Puts a label in, where there is none under that key.
    pub(crate) fn add(&mut self, key: &str, value: &str) {
        let value = || Fact::Known(value.to_owned());
        self.written.entry(key.to_owned()).or_insert_with(value);
    }

    /// Whether others than those that are written may be there for the same reasons.
    pub(crate) fn are_as_open(&self, other: &Self) -> bool {
        self.open == other.open && self.maker == other.maker
    }

    /// The keys under which both do not have the same.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let keys = self.written.keys().chain(other.written.keys());
        keys.filter(|key| self.written.get(*key) != other.written.get(*key))
            .map(String::as_str)
    }

    /// Says of each key under which both do not have the same that some have this and some that.
    pub(crate) fn blur(&mut self, other: &Self) {
        let keys: Vec<String> = self.differing(other).map(str::to_owned).collect();
        for key in keys {
            let why = format!("its pods do not all have the same {key}");
            self.written.insert(key.clone(), Fact::Unknown(why.into()));
            self.blurred.insert(key);
        }
    }

    /// Puts a label in, whatever there is under that key.
    pub(crate) fn put(&mut self, key: &str, value: Fact<String>) {
        self.written.insert(key.to_owned(), value);
    }

    /// Says that there may be others.
    pub(crate) fn open(&mut self, why: &str) {
        self.open = Some(why.into());
    }

    /// Says that these are all.
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Fact<&str> {
        match (self.written.get(key), &self.open) {
            (Some(Fact::Known(value)), _) => Fact::Known(value),
            (Some(Fact::Unknown(why)), _) | (None, Some(why)) => Fact::Unknown(why.clone()),
            (Some(Fact::Absent), _) => Fact::Absent,
            (None, None) => match &self.maker {
                Some(maker) if maker.adds(key) => {
                    Fact::Unknown(format!("the controller of {} may add {key}", maker.kind).into())
                }
                _ => Fact::Absent,
            },
        }
    }

    /// Whether there is a label under a key.
    pub fn has(&self, key: &str) -> Truth {
        match self.written.get(key) {
            Some(Fact::Unknown(why)) if self.blurred.contains(key) => Truth::Unknown(why.clone()),
            Some(_) => Truth::Yes,
            None => !self.get(key).is_absent(),
        }
    }

    /// Those that are known, by their keys.
    pub fn known(&self) -> impl Iterator<Item = (&str, &str)> {
        self.written.iter().filter_map(|(key, value)| match value {
            Fact::Known(value) => Some((key.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// Whether something of them is not known, apart from what their maker adds.
    pub(crate) fn are_vague(&self) -> bool {
        let is_known = |value: &Fact<String>| matches!(value, Fact::Known(_));
        self.open.is_some() || !self.written.values().all(is_known)
    }
}

impl Maker {
    /// Whether the controller may put a label of that key on pods.
    pub(crate) fn adds(&self, key: &str) -> bool {
        if let Some((_, keys)) = OWN_KEYS.iter().find(|(kind, _)| *kind == self.kind) {
            return keys.contains(&key);
        }
        // Controllers of others mark their pods with labels of the domain of their kind.
        let Some((domain, _)) = key.split_once('/') else {
            return false;
        };
        let (ours, theirs) = (project(domain), project(&self.group));
        let is_shared = matches!(ours, "k8s.io" | "x-k8s.io");
        (ours == theirs && !is_shared) || is_of_sig(domain, &self.group)
    }
}

/// The last two names of a domain: `kubeflow.org` of `training.kubeflow.org`.
fn project(domain: &str) -> &str {
    let mut dots = domain.rmatch_indices('.');
    let second = dots.nth(1);
    second.map_or(domain, |(at, _)| &domain[at + 1..])
}

/// Kinds of `jobset.x-k8s.io` come with labels of `jobset.sigs.k8s.io`.
fn is_of_sig(domain: &str, group: &str) -> bool {
    let of_group = group.strip_suffix(".x-k8s.io");
    of_group.is_some_and(|name| {
        let rest = domain.strip_prefix(name);
        rest.is_some_and(|rest| rest == ".sigs.k8s.io" || rest == ".x-k8s.io")
    })
}

/// What the controllers of Kubernetes add (kubernetes.io/docs/reference/labels-annotations-taints), by kind.
const OWN_KEYS: &[(&str, &[&str])] = &[
    ("Pod", &[]),
    ("ReplicationController", &[]),
    ("ReplicaSet", &["pod-template-hash"]),
    ("Deployment", &["pod-template-hash"]),
    (
        "DaemonSet",
        &["controller-revision-hash", "pod-template-generation"],
    ),
    (
        "StatefulSet",
        &[
            "controller-revision-hash",
            "statefulset.kubernetes.io/pod-name",
            "apps.kubernetes.io/pod-index",
        ],
    ),
    ("Job", JOB_KEYS),
    ("CronJob", JOB_KEYS),
];

const JOB_KEYS: &[&str] = &[
    "job-name",
    "controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_several_says_of_what_they_do_not_share_that_it_is_not_known() {
        let labels = |all: &[(&str, &str)]| {
            let mut labels = Labels::default();
            all.iter().for_each(|(key, value)| labels.add(key, value));
            labels
        };
        let mut all = labels(&[("app", "index"), ("at", "0"), ("first", "")]);
        all.blur(&labels(&[("app", "index"), ("at", "1")]));
        all.blur(&labels(&[("app", "index"), ("at", "1"), ("last", "")]));
        assert_eq!(all.get("app"), Fact::Known("index"));
        for key in ["at", "first", "last"] {
            assert!(matches!(all.get(key), Fact::Unknown(_)), "{key}");
            assert!(matches!(all.has(key), Truth::Unknown(_)), "{key}");
        }
        assert!(all.are_vague());
    }

    #[test]
    fn a_controller_adds_labels_of_its_own_domain() {
        let adds = |kind: &str, group: &str, key: &str| {
            let maker = Maker {
                kind: kind.to_owned(),
                group: group.to_owned(),
            };
            maker.adds(key)
        };
        assert!(adds(
            "PyTorchJob",
            "kubeflow.org",
            "training.kubeflow.org/job-name"
        ));
        assert!(adds(
            "JobSet",
            "jobset.x-k8s.io",
            "jobset.sigs.k8s.io/jobset-name"
        ));
        assert!(adds("RayCluster", "ray.io", "ray.io/group"));
        assert!(adds("Job", "batch", "job-name"));
        assert!(!adds("JobSet", "jobset.x-k8s.io", "app.kubernetes.io/name"));
        assert!(!adds("Deployment", "apps", "app.kubernetes.io/name"));
        assert!(!adds("RayCluster", "ray.io", "app"));
        assert!(!adds("Widget", "", "app"));
    }
}
