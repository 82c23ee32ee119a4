//! Who is in a cluster: its namespaces, and the workloads of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use casemate_posture::{Fact, Origin, Pod, Resource, Truth, World, pods};

use crate::{
    Addresses, Assumptions, Gap, Labels, Protocol,
    identity::Credentials,
    labels::Maker,
    listed::is_there,
    mention::{self, Mention},
    mesh::{Member, Signs},
};

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
    /// Why there may be others.
    pub more_ports: Option<Arc<str>>,
    /// Whether its pods are on the network of their nodes.
    pub is_on_host: Truth,
    /// The service account that its pods run as; never absent.
    pub account: Fact<String>,
    /// The addresses that its pods have, where a cluster that runs told them.
    pub addresses: Vec<IpAddr>,
    /// What its pods have in them.
    pub credentials: Credentials,
    /// What its pods say of a proxy.
    pub(crate) signs: Signs,
    /// What the mesh makes of it.
    pub(crate) member: Member,
    /// The hosts that its own configuration names.
    pub mentions: Vec<Mention>,
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
    /// The addresses outside of it of whom may say who he is.
    pub(crate) named_outside: Addresses,
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

impl Workload {
    /// Whether nobody who asks for labels of those keys tells both apart.
    fn is_alike(&self, other: &Self, asked: &HashSet<String>) -> bool {
        let differ = self.labels.differing(&other.labels);
        self.labels.are_as_open(&other.labels)
            && differ.into_iter().all(|key| !asked.contains(key))
            && self.ports == other.ports
            && self.more_ports == other.more_ports
            && self.is_on_host == other.is_on_host
            && self.account == other.account
            && self.credentials.are_alike(&other.credentials)
            && self.signs == other.signs
    }
}

impl Cluster {
    /// The cluster that the files describe, some of whose pods policies tell apart by labels of the keys `asked`. What of
    /// it cannot be known is added to `gaps`.
    pub(crate) fn of(
        world: &World,
        assumptions: &Assumptions,
        asked: &HashSet<String>,
        gaps: &mut Vec<Gap>,
    ) -> Self {
        let mut cluster = Self::default();
        for object in world.of_kind("Namespace") {
            let (name, labels) = namespace_labels(object, gaps);
            let namespace = Namespace {
                labels,
                origin: Some(object.body.origin.clone()),
            };
            cluster.namespaces.insert(name.into(), namespace);
        }
        let all = pods(world);
        let mut counts: HashMap<*const Resource, usize> = HashMap::new();
        for pod in &all {
            *counts
                .entry(std::ptr::from_ref(pod.resource()))
                .or_default() += 1;
        }
        for pod in &all {
            let is_one_of_several = counts[&std::ptr::from_ref(pod.resource())] > 1;
            if let Some(workload) = cluster.workload(pod, is_one_of_several, gaps) {
                cluster.workloads.push(workload);
            }
        }
        cluster.settle(asked, gaps);
        if assumptions.declared_only {
            cluster
                .namespaces
                .values_mut()
                .filter(|it| it.origin.is_none())
                .for_each(|it| it.labels.close());
        }
        cluster
    }

    /// The namespace of that name, declared or not.
    fn namespace(&mut self, name: &str) -> Arc<str> {
        if let Some((name, _)) = self.namespaces.get_key_value(name) {
            return name.clone();
        }
        let key: Arc<str> = name.into();
        let mut labels = Labels::default();
        labels.add(NAME_LABEL, name);
        labels.open(&format!("Namespace {name} is not among the files"));
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
        let name = name_of(object, gaps);
        let owner = object.at("metadata.ownerReferences").items();
        let owner = owner.first().filter(|_| *object.kind == *"Pod");
        // A node owns what its kubelet makes, and makes nothing else alike.
        let owner = owner.filter(|it| !it.get("kind").equals("Node").is_yes());
        let of_owner = |key: &str| owner.and_then(|it| it.get(key).text().ok());
        let is_on_host = pod.get("hostNetwork").is_true();
        if let Truth::Unknown(why) = &is_on_host {
            let message = format!("whether it is on the network of its node is not known: {why}");
            gaps.push(Gap::at(&pod.get("hostNetwork"), &message));
        }
        let (ports, more_ports) = ports(pod, gaps);
        let (account, mut labels) = (account(pod), labels_of(pod, gaps));
        labels.put(ACCOUNT_LABEL, account.clone());
        Some(Workload {
            namespace: self.namespace(&namespace_of(object, gaps).ok()?),
            name: of_owner("name").unwrap_or(name),
            kind: of_owner("kind").unwrap_or_else(|| object.kind.to_string()),
            part: is_one_of_several.then(|| part(pod)).flatten(),
            labels,
            ports,
            more_ports,
            addresses: match is_on_host {
                Truth::No => addresses(object),
                Truth::Yes | Truth::Unknown(_) => Vec::new(),
            },
            is_on_host,
            account,
            credentials: Credentials::of(pod),
            signs: Signs::of(pod),
            member: Member::outsider(),
            mentions: mention::of(pod),
            origin: object.body.origin.clone(),
        })
    }

    /// In order; of pods that one object owns and that are alike, one stands for all.
    fn settle(&mut self, asked: &HashSet<String>, gaps: &mut Vec<Gap>) {
        let key = |it: &Workload| {
            (
                it.namespace.clone(),
                it.name.clone(),
                it.kind.clone(),
                it.part.clone(),
            )
        };
        self.workloads.sort_by_key(key);
        self.workloads.dedup_by(|b, a| {
            let is_same = key(a) == key(b) && a.is_alike(b, asked);
            if is_same {
                a.labels.blur(&b.labels);
                a.addresses.append(&mut b.addresses);
            }
            is_same
        });
        let mut seen: HashMap<_, usize> = HashMap::new();
        for workload in &mut self.workloads {
            let count = seen.entry(key(workload)).or_default();
            *count += 1;
            if *count > 1 {
                let message = format!("{workload} is there {count} times, and they are not alike");
                gaps.push(Gap {
                    origin: workload.origin.clone(),
                    message,
                });
                let part = workload.part.take().unwrap_or_default();
                workload.part = Some(format!("{part}{count}"));
            }
        }
    }
}

/// The name and the labels of a namespace.
pub(crate) fn namespace_labels(object: &Resource, gaps: &mut Vec<Gap>) -> (String, Labels) {
    let name = name_of(object, gaps);
    let mut labels = Labels::read(&object.at("metadata.labels"), gaps);
    // Whatever is written there: the API server writes it anew.
    labels.put(NAME_LABEL, Fact::Known(name.clone()));
    (name, labels)
}

/// Whether an object is of one of some groups of the API, of which the core is empty; nothing where its version is not
/// known.
pub(crate) fn is_of_group(object: &Resource, groups: &[&str]) -> Option<bool> {
    let version = object.at("apiVersion").text().ok()?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    Some(groups.contains(&group))
}

/// The namespace of an object: where it names none, it is applied to the one that is called `default`.
pub(crate) fn namespace_of(object: &Resource, gaps: &mut Vec<Gap>) -> Fact<String> {
    let cursor = object.at("metadata.namespace");
    match cursor.text() {
        Fact::Known(name) if !name.is_empty() => Fact::Known(name),
        Fact::Absent if is_there(&cursor) => Fact::Unknown(Gap::tell(
            &cursor,
            "its namespace is not known: this is no text",
            gaps,
        )),
        Fact::Known(_) | Fact::Absent => Fact::Known("default".to_owned()),
        Fact::Unknown(why) => Fact::Unknown(Gap::tell(
            &cursor,
            &format!("its namespace is not known: {why}"),
            gaps,
        )),
    }
}

/// The name of an object, or what to call it where that is not known.
pub(crate) fn name_of(object: &Resource, gaps: &mut Vec<Gap>) -> String {
    let cursor = object.at("metadata.name");
    // One that is only made from a prefix is called by that.
    let name = cursor
        .text()
        .or_else(|| object.at("metadata.generateName").text());
    name.ok().unwrap_or_else(|| {
        Gap::tell(&cursor, "its name is not known", gaps);
        format!("?{}", object.address)
    })
}

/// The addresses of a pod, which its own status has.
fn addresses(object: &Resource) -> Vec<IpAddr> {
    // One that has ended has lost its own to others.
    let phase = object.at("status.phase").text().ok();
    if *object.kind != *"Pod" || matches!(phase.as_deref(), Some("Succeeded" | "Failed")) {
        return Vec::new();
    }
    let all = object.at("status.podIPs").items();
    let all = all.into_iter().filter_map(|it| it.get("ip").text().ok());
    let first = object.at("status.podIP").text().ok();
    let addresses = first
        .into_iter()
        .chain(all)
        .filter_map(|it| it.parse().ok());
    let mut addresses: Vec<IpAddr> = addresses.collect();
    addresses.dedup();
    addresses
}

/// The service account, by its field or the name that the field had before.
fn account(pod: &Pod<'_>) -> Fact<String> {
    for key in ["serviceAccountName", "serviceAccount"] {
        let written = pod.get(key);
        match written.text() {
            Fact::Known(name) if name.is_empty() => {}
            Fact::Absent if !is_there(&written) => {}
            Fact::Absent => return Fact::Unknown("its service account is no text".into()),
            written => return written,
        }
    }
    Fact::Known("default".to_owned())
}

fn labels_of(pod: &Pod<'_>, gaps: &mut Vec<Gap>) -> Labels {
    let object = pod.resource();
    let mut labels = match pod.metadata() {
        Some(metadata) => Labels::read(&metadata.get("labels"), gaps),
        None => {
            let mut labels = Labels::default();
            labels.open(&format!(
                "the controller of {} decides of the labels of its pods",
                object.kind
            ));
            labels
        }
    };
    for (key, value) in pod.added_labels() {
        labels.add(&key, &value);
    }
    let version = object.at("apiVersion").text().ok().unwrap_or_default();
    labels.maker = Some(Maker {
        kind: object.kind.to_string(),
        group: version
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned(),
    });
    labels
}

/// The ports that the containers say, and why there may be more.
fn ports(pod: &Pod<'_>, gaps: &mut Vec<Gap>) -> (Vec<ContainerPort>, Option<Arc<str>>) {
    let (mut ports, mut more) = (Vec::new(), None);
    let containers = pod.containers();
    if containers.is_empty() {
        more = Some("its containers are not among the files".into());
    }
    for port in containers
        .iter()
        .flat_map(|it| it.cursor().get("ports").items())
    {
        let number = port.get("containerPort").integer();
        let number = number
            .ok()
            .and_then(|it| u16::try_from(it).ok())
            .filter(|it| *it > 0);
        let protocol = match port.get("protocol").text() {
            Fact::Absent => Some(Protocol::Tcp),
            fact => fact.ok().and_then(|it| Protocol::of(&it)),
        };
        let name = port.get("name").text();
        match (number, protocol, name) {
            (Some(port), Some(protocol), name @ (Fact::Known(_) | Fact::Absent)) => {
                ports.push(ContainerPort {
                    name: name.ok(),
                    protocol,
                    port,
                });
            }
            _ => {
                more = Some("a port of its containers is not known".into());
                gaps.push(Gap::at(&port, "a port of its containers is not known"));
            }
        }
    }
    (ports, more)
}

/// What to call one of several pods of an object: the part of the path that tells it from the others.
fn part(pod: &Pod<'_>) -> Option<String> {
    let path = &pod.spec().path;
    let path = path.strip_suffix(".spec").unwrap_or(path);
    let path = path.strip_suffix(".template").unwrap_or(path);
    let path = path.strip_prefix("spec.").unwrap_or(path);
    (!path.is_empty()).then(|| path.to_owned())
}

/// What network plugins take the service account of a pod for, so that selectors can ask for it (docs.cilium.io,
/// "ServiceAccounts").
pub(crate) const ACCOUNT_LABEL: &str = "io.cilium.k8s.policy.serviceaccount";

/// The API server puts it on every namespace (KEP-2161).
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";
