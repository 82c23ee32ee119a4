//! Sets of networks, which selectors mean by their labels as they mean pods.

use casemate_posture::{Cursor, Fact, Truth, World};

use super::{Read, clauses::Clauses, is_ours};
use crate::{
    Addresses, Gap, Labels,
    cluster::{NAME_LABEL, namespace_of},
    listed::{is_there, listed},
};

/// All of a cluster.
pub(super) struct Networks(Vec<Set>);

struct Set {
    labels: Labels,
    /// Its namespace, if it has one.
    namespace: Option<Fact<String>>,
    /// Its addresses; or why they are not known.
    addresses: Result<Addresses, String>,
}

impl Networks {
    pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut sets = Vec::new();
        for (kind, is_global) in [("NetworkSet", false), ("GlobalNetworkSet", true)] {
            for object in world.of_kind(kind).filter(|it| is_ours(it)) {
                let mut addresses = all(&object.at("spec.nets"));
                if is_there(&object.at("spec.allowedEgressDomains")) {
                    addresses = Err("the addresses of names are not known".to_owned());
                }
                if let Err(why) = &addresses {
                    Gap::tell(&object.at("spec"), why, gaps);
                }
                sets.push(Set {
                    labels: Labels::read(&object.at("metadata.labels"), gaps),
                    namespace: (!is_global).then(|| namespace_of(object, gaps)),
                    addresses,
                });
            }
        }
        Self(sets)
    }

    /// The addresses that clauses surely mean; and why they may mean others.
    pub(super) fn of(&self, clauses: &Clauses, read: &Read<'_>) -> (Addresses, Option<String>) {
        let (mut known, mut more) = (Addresses::default(), None);
        for set in &self.0 {
            match (
                clauses.matches(&set.labels, &set.namespace(read)),
                &set.addresses,
            ) {
                (Truth::No, _) => {}
                (Truth::Yes, Ok(addresses)) => known = known.union(addresses),
                (Truth::Yes, Err(why)) => more = Some(why.clone()),
                (Truth::Unknown(why), _) => more = Some(why.to_string()),
            }
        }
        (known, more)
    }
}

impl Set {
    /// The labels of its namespace.
    fn namespace(&self, read: &Read<'_>) -> Labels {
        let mut labels = Labels::default();
        match &self.namespace {
            None => {}
            Some(Fact::Unknown(why)) => labels.open(why),
            Some(Fact::Known(name)) => match read.namespaces.get(name) {
                Some(declared) => return declared.clone(),
                None => {
                    labels.add(NAME_LABEL, name);
                    labels.open(&format!("Namespace {name} is not among the files"));
                }
            },
            Some(Fact::Absent) => labels.add(NAME_LABEL, "default"),
        }
        labels
    }
}

/// The addresses of a list of blocks.
pub(super) fn all(cursor: &Cursor<'_>) -> Result<Addresses, String> {
    let mut all = Addresses::default();
    for block in listed(cursor) {
        let addresses = match block.text() {
            Fact::Known(text) => Addresses::read(&text)
                .ok_or_else(|| format!("{text:?} is no block of addresses"))?,
            Fact::Absent => return Err("a block of addresses is missing".to_owned()),
            Fact::Unknown(why) => return Err(format!("a block of addresses is not known: {why}")),
        };
        all = all.union(&addresses);
    }
    Ok(all)
}
