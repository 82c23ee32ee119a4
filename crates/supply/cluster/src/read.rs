//! A cluster as a whole: which kinds it has, what is in them, and what could not be read.

use std::collections::{BTreeMap, BTreeSet};

use casemate_core::{AssetId, Coverage, Outcome, Status};
use serde_json::Value;

use crate::{
    Accept, Api, Document, RequestError, Wanted,
    discovery::{Resource, discover, is_name, json},
    document::Key,
    list::{Gap, Listed, Room, list},
    owner,
};

/// What is asked of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The namespaces that are read; all of them, and what is in none, where there are none.
    pub namespaces: Vec<String>,
}

/// How much is taken of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Objects of all kinds together.
    pub objects: usize,
    /// Bytes of all answers with objects together.
    pub bytes: usize,
    /// Bytes of one answer.
    pub answer: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects: 100_000,
            bytes: 256 << 20,
            answer: 32 << 20,
        }
    }
}

/// What was read, in the order of kinds and names.
#[derive(Debug)]
pub struct Reading {
    /// Every object that is judged.
    pub documents: Vec<Document>,
    /// Of each kind, whether all of it was read; and of the cluster, what is true of all kinds.
    pub outcomes: Vec<Outcome>,
}

/// Reads everything that is wanted. `progress` hears how many objects were read so far.
///
/// # Errors
///
/// [`RequestError`] where the cluster does not say what it has: there is no connection, or we are
/// nobody there.
pub fn read(
    api: &dyn Api,
    cluster: &str,
    wanted: &[Wanted<'_>],
    scope: &Scope,
    limits: &Limits,
    progress: &dyn Fn(u64),
) -> Result<Reading, RequestError> {
    if let Some(namespace) = scope.namespaces.iter().find(|name| !is_name(name)) {
        return Err(RequestError::Malformed(format!(
            "{namespace:?} is no name of a namespace"
        )));
    }
    let discovery = discover(api, wanted, limits.answer)?;
    let mut reader = Reader {
        api,
        cluster,
        scope,
        limits,
        objects: BTreeMap::new(),
        bytes: 0,
        values: 0,
        resources: BTreeMap::new(),
        outcomes: Vec::new(),
    };
    for (group, why) in &discovery.gaps {
        reader.gap(group, &format!("the API group {group}"), why.clone());
    }
    for resource in &discovery.unlisted {
        let name = format!("{} {}", resource.api_version(), resource.plural);
        let why = "the server has this kind and does not let anybody list it";
        reader.gap(&resource.qualified(), &name, why.to_owned());
    }
    for resource in &discovery.resources {
        reader.resource(resource);
        progress(reader.objects.len() as u64);
    }
    let (documents, outcomes) = reader.finish();
    Ok(Reading {
        documents,
        outcomes,
    })
}

struct Reader<'a> {
    api: &'a dyn Api,
    cluster: &'a str,
    scope: &'a Scope,
    limits: &'a Limits,
    objects: BTreeMap<Key, Value>,
    /// Of the answers so far.
    bytes: usize,
    /// In them.
    values: usize,
    resources: BTreeMap<(String, String), &'a Resource>,
    outcomes: Vec<Outcome>,
}

impl<'a> Reader<'a> {
    fn resource(&mut self, resource: &'a Resource) {
        self.resources
            .insert((resource.group.clone(), resource.kind.clone()), resource);
        let is_secret = resource.group.is_empty() && resource.kind == "Secret";
        let accept = if is_secret {
            Accept::Metadata
        } else {
            Accept::Json
        };
        let mut read = 0;
        let mut repeated = 0;
        let mut reasons = Vec::new();
        for namespace in self.places(resource) {
            let room = Room {
                objects: self.limits.objects.saturating_sub(self.objects.len()),
                bytes: self.limits.bytes.saturating_sub(self.bytes),
                values: MAX_VALUES.saturating_sub(self.values),
            };
            let limit = self.limits.answer;
            let listed = match &namespace {
                Place::Named(name) => self.one(resource, name, room),
                Place::All => list(self.api, resource, None, accept, limit, room),
                Place::In(name) => list(self.api, resource, Some(name), accept, limit, room),
            };
            read += listed.items.len();
            self.bytes = self.bytes.saturating_add(listed.bytes);
            self.values = self.values.saturating_add(listed.values);
            for item in listed.items {
                let earlier = self.objects.insert(Key::of(&item, resource), item);
                repeated += usize::from(earlier.is_some());
            }
            let told = namespace.told();
            match listed.gap {
                None => {}
                Some(Gap::Partial(why)) => reasons.push(format!("{told}{why}")),
                // Unless something else was missing before, which is not to be forgotten.
                Some(Gap::Refused(error))
                    if is_secret && error.code() == Some(403) && reasons.is_empty() =>
                {
                    let why = "may not be listed, and no check reads more of them than their names";
                    return self.tell(resource, Status::NotApplicable, Coverage::Complete, why);
                }
                Some(Gap::Refused(error)) => reasons.push(format!("{told}{error}")),
            }
        }
        if repeated > 0 {
            reasons.push(format!(
                "{repeated} of its objects came twice, so others may be missing"
            ));
        }
        match (
            &reasons[..],
            resource.is_namespaced || self.scope.namespaces.is_empty(),
        ) {
            ([], true) => self.tell(resource, Status::Pass, Coverage::Complete, ""),
            ([], false) if resource.kind == "Namespace" => {
                self.tell(resource, Status::Pass, Coverage::Complete, "");
            }
            ([], false) => {
                let why = "not read, since single namespaces were asked for";
                self.tell(resource, Status::NotApplicable, Coverage::Complete, why);
            }
            _ => {
                let result = if read == 0 {
                    Status::Error
                } else {
                    Status::Undetermined
                };
                self.tell(resource, result, Coverage::Partial, &reasons.join("; "));
            }
        }
    }

    /// Where a kind is looked for.
    fn places(&self, resource: &Resource) -> Vec<Place> {
        let named: BTreeSet<&String> = self.scope.namespaces.iter().collect();
        let named = || named.iter().copied().cloned();
        let is_namespace = resource.group.is_empty() && resource.kind == "Namespace";
        match (self.scope.namespaces.is_empty(), resource.is_namespaced) {
            (true, _) => vec![Place::All],
            (false, true) => named().map(Place::In).collect(),
            (false, false) if is_namespace => named().map(Place::Named).collect(),
            (false, false) => Vec::new(),
        }
    }

    /// One object of the cluster, by its name.
    fn one(&self, resource: &Resource, name: &str, room: Room) -> Listed {
        let mut listed = Listed::default();
        if room.is_used_up() {
            listed.gap = Some(Gap::too_much());
            return listed;
        }
        let path = format!("{}/{name}", resource.path(None));
        let answer = self.api.get(&path, Accept::Json, self.limits.answer);
        let object = answer.and_then(|body| Ok((json(&body)?, body.len())));
        match object {
            Ok(((object, values), bytes)) => {
                (listed.bytes, listed.values) = (bytes, values);
                if room.is_exceeded(&listed) {
                    listed.gap = Some(Gap::too_much());
                } else if object["metadata"]["name"] == *name {
                    listed.items.push(object);
                } else {
                    let why = "another object came than was asked for";
                    listed.gap = Some(Gap::Partial(why.to_owned()));
                }
            }
            Err(error) => listed.gap = Some(Gap::Refused(error)),
        }
        listed
    }

    fn finish(mut self) -> (Vec<Document>, Vec<Outcome>) {
        let stood_for = owner::stood_for(&self.objects);
        let judged = self
            .objects
            .into_iter()
            .filter(|(key, _)| !stood_for.contains(key));
        // Lines and indents can be many times what came: they count against the same bound.
        let mut room = self.limits.bytes;
        let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
        let mut documents = Vec::new();
        for (key, object) in judged {
            let Some(resource) = self.resources.get(&(key.group, key.kind)) else {
                continue;
            };
            match Document::of(self.cluster, resource, object, room) {
                Some(document) => {
                    room -= document.text.len();
                    documents.push(document);
                }
                None => *left_out.entry(resource.qualified()).or_default() += 1,
            }
        }
        for outcome in &mut self.outcomes {
            let AssetId::Kubernetes { kind, .. } = &outcome.subject else {
                continue;
            };
            if let Some(count) = left_out.get(kind) {
                let why = format!(
                    "{count} of its objects were left out: written in lines, they are longer than what \
                     is taken, by our own limit"
                );
                outcome.result = Status::Undetermined;
                outcome.coverage = Coverage::Partial;
                outcome.reason = Some(match outcome.reason.take() {
                    Some(earlier) => format!("{earlier}; {why}"),
                    None => why,
                });
            }
        }
        (documents, self.outcomes)
    }

    fn tell(&mut self, resource: &Resource, result: Status, coverage: Coverage, why: &str) {
        let name = format!("{} {}", resource.api_version(), resource.plural);
        let mut outcome = outcome(self.cluster, &resource.qualified(), &name, result);
        outcome.coverage = coverage;
        outcome.reason = (!why.is_empty()).then(|| why.to_owned());
        self.outcomes.push(outcome);
    }

    fn gap(&mut self, kind: &str, name: &str, why: String) {
        let mut outcome = outcome(self.cluster, kind, name, Status::Error);
        outcome.coverage = Coverage::Partial;
        outcome.reason = Some(why);
        self.outcomes.push(outcome);
    }
}

/// Where a list is taken from.
enum Place {
    All,
    In(String),
    Named(String),
}

impl Place {
    fn told(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::In(name) | Self::Named(name) => format!("{name}: "),
        }
    }
}

/// The UID of the namespace `kube-system`, which tells a cluster from every other.
///
/// # Errors
///
/// [`RequestError`] where it may not be read.
pub fn uid(api: &dyn Api) -> Result<String, RequestError> {
    let (object, _) = json(&api.get("/api/v1/namespaces/kube-system", Accept::Json, MAX_ONE)?)?;
    let uid = object["metadata"]["uid"]
        .as_str()
        .filter(|uid| is_name(uid));
    uid.map(str::to_owned)
        .ok_or_else(|| RequestError::Malformed("the namespace has no UID".to_owned()))
}

/// That what the cluster says cannot be trusted, which is said of all of it.
pub fn unverified(cluster: &str, why: &str) -> Outcome {
    let mut outcome = outcome(cluster, "", "the API server", Status::Undetermined);
    outcome.coverage = Coverage::Partial;
    outcome.reason = Some(why.to_owned());
    outcome
}

fn outcome(cluster: &str, kind: &str, name: &str, result: Status) -> Outcome {
    Outcome {
        check: CHECK.to_owned(),
        version: VERSION.to_owned(),
        subject: AssetId::Kubernetes {
            cluster: cluster.to_owned(),
            namespace: String::new(),
            kind: kind.to_owned(),
            name: String::new(),
        },
        name: format!("cluster {cluster}: {name}"),
        input: None,
        result,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings: Vec::new(),
    }
}

/// Of JSON in all answers with objects together: short ones take many times their bytes.
const MAX_VALUES: usize = 10_000_000;
/// No object is longer: etcd takes 1.5 MiB.
const MAX_ONE: u64 = 4 << 20;

/// The name of what says how far a cluster was read.
const CHECK: &str = "cluster";
/// Its version.
const VERSION: &str = "1";
