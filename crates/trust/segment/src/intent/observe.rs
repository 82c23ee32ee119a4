//! A declaration from what was seen.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::LazyLock,
};

use super::{
    Intent, Members, OUTSIDE,
    derive::{Flows, with_flows, zoned},
};
use crate::{
    Addresses, Analysis, Connections, Endpoint, calls,
    directory::Directory,
    observed::{Party, Seen},
};

/// The zones that a cluster seems to mean, and as flows what was seen and nothing else; with those who were seen and are
/// in no zone.
pub fn observe(analysis: &Analysis, seen: &[Seen]) -> (Intent, BTreeSet<Party>) {
    let intent = zoned(analysis);
    let mut flows = Flows::new();
    let mut strangers = BTreeSet::new();
    let whereabouts = Whereabouts::of(&intent, analysis);
    for it in seen {
        let mut zones = |party: &Party| {
            let zones = whereabouts.of_party(party, &it.connections);
            if zones.is_empty() {
                strangers.insert(party.clone());
            }
            zones
        };
        let (from, to) = (zones(&it.from), zones(&it.to));
        for (from, _) in &from {
            for (to, arriving) in &to {
                let here = flows.entry((*from, *to)).or_default();
                *here = here.union(arriving);
            }
        }
    }
    (with_flows(intent, flows), strangers)
}

/// In which zone everybody is, looked for once: there are many records.
struct Whereabouts<'a> {
    intent: &'a Intent,
    analysis: &'a Analysis,
    directory: &'a Directory,
    /// The zone of each endpoint.
    of_places: Vec<Option<usize>>,
    /// The zones of pods of a namespace, in their order.
    of_namespaces: HashMap<&'a str, Vec<usize>>,
    outside: Option<usize>,
}

impl<'a> Whereabouts<'a> {
    fn of(intent: &'a Intent, analysis: &'a Analysis) -> Self {
        let zones = analysis.places();
        let of_places = zones.map(|at| intent.zone_of(&analysis.endpoint(at)));
        let mut of_namespaces: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, zone) in intent.zones.iter().enumerate() {
            if let Members::Pods { namespaces, .. } = &zone.members {
                for namespace in namespaces {
                    of_namespaces.entry(namespace).or_default().push(at);
                }
            }
        }
        Self {
            intent,
            analysis,
            directory: analysis.directory(),
            of_places: of_places.collect(),
            of_namespaces,
            outside: intent.zone(OUTSIDE),
        }
    }

    /// The zones of somebody who was seen, and what of `sent` arrives at each if it was sent there: a Service has other
    /// ports than its pods.
    fn of_party(&self, party: &Party, sent: &Connections) -> Vec<(usize, Connections)> {
        let of_places = |behind: Vec<(usize, Connections)>| {
            let zones = behind.into_iter();
            zones
                .filter_map(|(at, arriving)| Some((self.of_places[at]?, arriving)))
                .collect()
        };
        // `name.namespace`, of a Service that is not among the files.
        let names_namespace = |host: &str| {
            let parts = host.split_once('.');
            parts.is_some_and(|(_, it)| self.analysis.cluster().namespaces.contains_key(it))
        };
        let of_zone = |zone: Option<usize>| zone.map(|it| (it, sent.clone())).into_iter().collect();
        match party {
            Party::Pod { namespace, labels } => of_zone(self.of_pod(namespace, labels)),
            Party::Address(address) => of_zone(self.of_address(*address)),
            Party::Other(_) => Vec::new(),
            Party::Workload { namespace, name } => {
                let called = self.directory.called(namespace, name).iter();
                of_places(called.map(|at| (*at, sent.clone())).collect())
            }
            Party::Host { host, namespace } => {
                match self.directory.behind_host(host, namespace, sent) {
                    Some(behind) => of_places(behind),
                    None if calls::is_inside(host) || names_namespace(host) => Vec::new(),
                    None => of_zone(self.outside),
                }
            }
            Party::Somewhere(address) => {
                if let Some(at) = self.directory.pod(*address) {
                    return of_zone(self.of_places[at]);
                }
                if let Some(behind) = self.directory.behind_address(*address, sent) {
                    return of_places(behind);
                }
                let zone = self.of_address(*address);
                let is_outside = zone == self.outside;
                of_zone(zone.filter(|_| !is_outside || self.is_known(*address)))
            }
        }
    }

    fn of_pod(&self, namespace: &str, own: &BTreeMap<String, String>) -> Option<usize> {
        let mut zones = self.of_namespaces.get(namespace)?.iter();
        let is_in = |at: &&usize| match &self.intent.zones[**at].members {
            Members::Pods { labels, .. } => labels
                .iter()
                .all(|(key, value)| own.get(key) == Some(value)),
            Members::Addresses(_) | Members::Outside | Members::Controller => false,
        };
        zones.find(is_in).copied()
    }

    fn of_address(&self, address: IpAddr) -> Option<usize> {
        let address = Addresses::of_ip(address);
        self.intent.zone_of(&Endpoint::Outside(Cow::Owned(address)))
    }

    /// Whether an address is surely outside: one of private networks may be that of a pod of which nothing is known.
    fn is_known(&self, address: IpAddr) -> bool {
        let address = Addresses::of_ip(address);
        match &self.analysis.assumptions().pod_network {
            Some(network) => network.intersection(&address).is_empty(),
            None => !PRIVATE.includes(&address),
        }
    }
}

/// Those that everybody uses inside (RFC 1918, RFC 6598, RFC 4193, RFC 3927).
static PRIVATE: LazyLock<Addresses> = LazyLock::new(|| {
    Addresses::of_texts(&[
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    ])
});
