//! Who is in a cluster: its namespaces, and the workloads of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use casemate_posture::{Cursor, Fact, Origin, Pod, Resource, Truth, World, pods};

use crate::{Gap, Protocol};

/// Labels by their keys.
pub type Labels = BTreeMap<String, String>;

/// A namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its labels, with the one that the API server puts on each.
    pub labels: Labels,
    /// Where it is declared. Of one that is not, no label but its name is known.
    pub origin: Option<Origin>,
}

/// What some object makes pods for: all of them are alike to policies.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name of the object; of a pod that is owned, its owner's.
    pub name: String,
    /// Its kind: `Deployment`.
    pub kind: String,
    /// Where the object has several pods, which of them: `worker`.
    pub part: Option<String>,
    /// The labels of its pods.
    pub labels: Labels,
    /// The ports that its containers name or declare.
    pub ports: Vec<ContainerPort>,
    /// Whether its pods are on the network of their nodes, where no policy holds them.
    pub is_on_host: bool,
    /// The service account that its pods run as.
    pub account: String,
    /// Where it is declared.
    pub origin: Origin,
}

/// A port that a container says it listens on. It listens on others as it likes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerPort {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The number.
    pub port: u16,
}

/// The namespaces and workloads of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The namespaces that are declared or named, by name.
    pub namespaces: BTreeMap<Arc<str>, Namespace>,
    /// The workloads, by namespace and name.
    pub workloads: Vec<Workload>,
}

/// `lab/notebook`; where an object has several pods, `lab/train#worker`.
impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)?;
        match &self.part {
            Some(part) => write!(f, "#{part}"),
            None => Ok(()),
        }
    }
}

impl Workload {
    /// Whether `name` means it: `notebook`, `lab/notebook`, or with its part.
    pub fn is_called(&self, name: &str) -> bool {
        let (name, part) = match name.split_once('#') {
            Some((name, part)) => (name, Some(part)),
            None => (name, None),
        };
        let is_named = match name.split_once('/') {
            Some((namespace, name)) => *self.namespace == *namespace && self.name == name,
            None => self.name == name,
        };
        is_named && (part.is_none() || part == self.part.as_deref())
    }
}

impl Cluster {
    /// The cluster that the files describe. What of it cannot be known is added to `gaps`.
    pub(crate) fn of(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut cluster = Self::default();
        for object in world.of_kind("Namespace") {
            let Some(name) = known(&object.at("metadata.name"), "its name", gaps) else {
                continue;
            };
            let labels = labels(&object.at("metadata.labels"), gaps);
            let namespace = cluster.namespace(&name);
            let known = &mut cluster.namespaces.get_mut(&namespace).expect("just put in");
            known.labels.extend(labels);
            known.origin = Some(object.body.origin.clone());
        }
        let all = pods(world);
        let mut counts: HashMap<*const Resource, usize> = HashMap::new();
        for pod in &all {
            *counts.entry(std::ptr::from_ref(pod.resource())).or_default() += 1;
        }
        for pod in &all {
            let is_one_of_several = counts[&std::ptr::from_ref(pod.resource())] > 1;
            if let Some(workload) = cluster.workload(pod, is_one_of_several, gaps) {
                cluster.workloads.push(workload);
            }
        }
        cluster.settle(gaps);
        cluster
    }

    /// The namespace of that name, declared or not.
    fn namespace(&mut self, name: &str) -> Arc<str> {
        if let Some((name, _)) = self.namespaces.get_key_value(name) {
            return name.clone();
        }
        let key: Arc<str> = name.into();
        let labels = [(NAME_LABEL.to_owned(), name.to_owned())].into();
        let namespace = Namespace {
            labels,
            origin: None,
        };
        self.namespaces.insert(key.clone(), namespace);
        key
    }

    fn workload(
        &mut self,
        pod: &Pod<'_>,
        is_one_of_several: bool,
        gaps: &mut Vec<Gap>,
    ) -> Option<Workload> {
        let object = pod.resource();
        let name = known(&object.at("metadata.name"), "its name", gaps)?;
        let owner = object.at("metadata.ownerReferences").items();
        let owner = owner.first().filter(|_| *object.kind == *"Pod");
        let of_owner = |key: &str| owner.and_then(|it| it.get(key).text().ok());
        let is_on_host = match pod.get("hostNetwork").is_true() {
            Truth::Unknown(why) => {
                let cursor = pod.get("hostNetwork");
                gaps.push(Gap::at(&cursor, format!("whether it is on the host's network: {why}")));
                false
            }
            truth => truth.is_yes(),
        };
        Some(Workload {
            namespace: self.namespace(&namespace_of(object, gaps)?),
            name: of_owner("name").unwrap_or(name),
            kind: of_owner("kind").unwrap_or_else(|| object.kind.to_string()),
            part: is_one_of_several.then(|| part(pod)).flatten(),
            labels: labels_of(pod, gaps),
            ports: ports(pod, gaps),
            is_on_host,
            account: pod.get("serviceAccountName").text().ok().unwrap_or_else(|| "default".to_owned()),
            origin: object.body.origin.clone(),
        })
    }

    /// In order; of pods that one object owns and that are alike, one stands for all.
    fn settle(&mut self, gaps: &mut Vec<Gap>) {
        let key = |it: &Workload| (it.namespace.clone(), it.name.clone(), it.kind.clone(), it.part.clone());
        self.workloads.sort_by_key(key);
        self.workloads.dedup_by(|b, a| {
            let is_same = key(a) == key(b);
            let is_alike = a.labels == b.labels && a.ports == b.ports && a.is_on_host == b.is_on_host;
            if is_same && !is_alike {
                let message = format!("two of {a}: they differ, and what is said of {a} is said of each");
                gaps.push(Gap { origin: b.origin.clone(), message });
            }
            is_same && is_alike
        });
    }
}

/// The namespace of an object: where it names none, it is applied to the one that is called `default`.
pub(crate) fn namespace_of(object: &Resource, gaps: &mut Vec<Gap>) -> Option<String> {
    match object.at("metadata.namespace").text() {
        Fact::Known(name) if !name.is_empty() => Some(name),
        Fact::Known(_) | Fact::Absent => Some("default".to_owned()),
        Fact::Unknown(why) => {
            let cursor = object.at("metadata.namespace");
            gaps.push(Gap::at(&cursor, format!("its namespace is not known: {why}")));
            None
        }
    }
}

/// The text at a place that has to have one.
pub(crate) fn known(cursor: &Cursor<'_>, what: &str, gaps: &mut Vec<Gap>) -> Option<String> {
    let why = match cursor.text() {
        Fact::Known(text) => return Some(text),
        Fact::Absent => "it is not there".into(),
        Fact::Unknown(why) => why,
    };
    gaps.push(Gap::at(cursor, format!("{what} is not known: {why}")));
    None
}

fn labels(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Labels {
    if let Fact::Unknown(why) = &cursor.fact {
        gaps.push(Gap::at(cursor, format!("its labels are not known: {why}")));
    }
    let entries = cursor.entries().into_iter();
    let label = |(key, value): (&str, Cursor<'_>)| Some((key.to_owned(), known(&value, "a label", gaps)?));
    entries.filter_map(label).collect()
}

fn labels_of(pod: &Pod<'_>, gaps: &mut Vec<Gap>) -> Labels {
    let written = pod.metadata().map(|it| labels(&it.get("labels"), gaps));
    let mut all: Labels = pod.added_labels().collect();
    all.extend(written.unwrap_or_default());
    all
}

fn ports(pod: &Pod<'_>, gaps: &mut Vec<Gap>) -> Vec<ContainerPort> {
    let mut ports = Vec::new();
    for container in pod.containers() {
        for port in container.cursor().get("ports").items() {
            let number = port.get("containerPort").integer().ok();
            let number = number.and_then(|it| u16::try_from(it).ok());
            let protocol = port.get("protocol").text().ok();
            let protocol = protocol.map_or(Some(Protocol::Tcp), |it| Protocol::of(&it));
            let (Some(port_number), Some(protocol)) = (number, protocol) else {
                gaps.push(Gap::at(&port, "a port of its containers is not known".to_owned()));
                continue;
            };
            ports.push(ContainerPort {
                name: port.get("name").text().ok(),
                protocol,
                port: port_number,
            });
        }
    }
    ports
}

/// What to call one of several pods of an object: the part of the path that tells it from the others.
fn part(pod: &Pod<'_>) -> Option<String> {
    let path = &pod.spec().path;
    let path = path.strip_suffix(".spec").unwrap_or(path);
    let path = path.strip_suffix(".template").unwrap_or(path);
    let path = path.strip_prefix("spec.").unwrap_or(path);
    (!path.is_empty()).then(|| path.to_owned())
}

/// The API server puts it on every namespace (KEP-2161).
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
