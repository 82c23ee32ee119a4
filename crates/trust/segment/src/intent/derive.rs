//! A declaration to begin with, from what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{DNS, Flow, Intent, Members, OUTSIDE, Zone, always, always_exists, names};
use crate::{Analysis, Connections, Direction, Endpoint, TooLarge, Workload};

/// The zones and flows that a cluster seems to mean: workloads of one namespace with one name are a zone;
/// a flow is what policies allow by name, what an Ingress leads to, and what a workload's own configuration
/// calls. What passes only because nothing forbids it is not declared.
///
/// # Errors
///
/// [`TooLarge`].
pub fn derive(analysis: &Analysis) -> Result<Intent, TooLarge> {
    let intent = zoned(analysis);
    let flows = configured(&intent, analysis)?;
    Ok(with_flows(intent, flows))
}

/// What passes between two zones, by their places.
pub(super) type Flows = BTreeMap<(usize, usize), Connections>;

/// The zones of a cluster, without flows.
pub(super) fn zoned(analysis: &Analysis) -> Intent {
    let mut intent = Intent {
        zones: zones(&analysis.cluster().workloads),
        ..Intent::default()
    };
    let dns = always::dns();
    let mut workloads = analysis.cluster().workloads.iter();
    if let Some(workload) = workloads.find(|it| dns.selects(it).is_yes()) {
        let mut zones = intent.zones.iter_mut();
        if let Some(zone) = zones.find(|it| it.selects(workload).is_yes()) {
            zone.name = DNS.to_owned();
        }
    }
    always::zones(&mut intent);
    intent
}

pub(super) fn with_flows(mut intent: Intent, flows: Flows) -> Intent {
    let flow = |((from, to), connections)| Flow {
        from,
        to,
        connections,
        accounts: Vec::new(),
        line: 0,
    };
    intent.flows = flows.into_iter().map(flow).collect();
    // Where the pods of DNS may be in some zone, nobody knows which flows are about names.
    let _ = always::names(&mut intent);
    intent
}

/// What is allowed by name, entered, or configured.
fn configured(intent: &Intent, analysis: &Analysis) -> Result<Flows, TooLarge> {
    let all = analysis.passing()?;
    let mut flows = Flows::new();
    let zones: Vec<Option<usize>> = analysis
        .places()
        .map(|at| intent.zone_of(&analysis.endpoint(at)))
        .collect();
    let mut add = |from: usize, to: usize, connections: &Connections| {
        if let Some(ends) = zones[from]
            .zip(zones[to])
            .filter(|_| !connections.is_empty())
        {
            let here = flows.entry(ends).or_default();
            *here = here.union(connections);
        }
    };
    let is_held: Vec<[bool; 2]> = analysis
        .places()
        .map(|at| {
            [Direction::Ingress, Direction::Egress]
                .map(|direction| analysis.is_isolated(at, direction))
        })
        .collect();
    for from in analysis.places() {
        for to in analysis.places() {
            let is_said = matches!(analysis.endpoint(from), Endpoint::Controller)
                || is_held[from][1]
                || is_held[to][0];
            if let Some(passing) = all.between(from, to).filter(|_| is_said) {
                add(from, to, &passing.least);
            }
        }
    }
    for call in &analysis.calls().inside {
        add(call.from, call.to, &call.connections);
    }
    let outside = intent.zone(OUTSIDE);
    for (zone, called) in zones.iter().zip(&analysis.calls().outside) {
        if let Some(ends) = zone.zip(outside) {
            let here = flows.entry(ends).or_default();
            *here = here.union(called);
        }
    }
    flows.retain(|_, connections| !connections.is_empty());
    Ok(flows)
}

/// The zones of some workloads: in each namespace by the first label that all of its workloads have; without
/// one, the whole namespace is a zone.
fn zones(workloads: &[Workload]) -> Vec<Zone> {
    let mut namespaces: BTreeMap<&str, Vec<&Workload>> = BTreeMap::new();
    for workload in workloads {
        namespaces
            .entry(&workload.namespace)
            .or_default()
            .push(workload);
    }
    let mut zones = Vec::new();
    for (namespace, workloads) in namespaces {
        let values = |key: &&'static str| {
            let value = |it: &&Workload| Some((*key, it.labels.get(key).ok()?.to_owned()));
            workloads.iter().map(value).collect::<Option<BTreeSet<_>>>()
        };
        let groups: Vec<Option<(&str, String)>> = match NAMES.iter().find_map(values) {
            Some(groups) => groups.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let is_one = groups.len() == 1;
        for group in groups {
            let group = group.filter(|_| !is_one);
            let wish = group.as_ref().map_or(namespace, |(_, value)| value);
            let name = name(wish, namespace, &zones);
            let label = group.map(|(key, value)| (key.to_owned(), value));
            zones.push(Zone {
                name,
                members: Members::Pods {
                    namespaces: vec![namespace.to_owned()],
                    labels: label.into_iter().collect(),
                },
                line: 0,
            });
        }
    }
    zones
}

/// A name that no zone has yet.
fn name(wish: &str, namespace: &str, taken: &[Zone]) -> String {
    // The name of the cluster's DNS is given to no other.
    let is_kept = |name: &str| always_exists(name) || name == DNS;
    let is_free = |name: &str| {
        names::is_name(name) && !is_kept(name) && taken.iter().all(|it| it.name != name)
    };
    let plain = |text: &str| {
        let plain = text.chars().map(|it| match it.to_ascii_lowercase() {
            it if it.is_ascii_alphanumeric() => it,
            _ => '-',
        });
        let text: String = plain.take(names::MAX_NAME - 4).collect();
        text.trim_matches('-').to_owned()
    };
    let wishes = [plain(wish), plain(&format!("{namespace}-{wish}"))];
    let free = wishes.iter().find(|it| is_free(it)).cloned();
    free.unwrap_or_else(|| {
        let numbered =
            (2..).map(|number| format!("{}-{number}", wishes[0].trim_start_matches('-')));
        let numbered = numbered.map(|it| it.trim_start_matches('-').to_owned());
        // Numbers do not end before zones do.
        numbered
            .take(taken.len() + 2)
            .find(|it| is_free(it))
            .or_else(|| {
                (0..=taken.len())
                    .map(|it| format!("zone-{it}"))
                    .find(|it| is_free(it))
            })
            .unwrap_or_default()
    })
}

/// The labels that say what a workload is, those that are meant for it first.
const NAMES: &[&str] = &[
    "app.kubernetes.io/name",
    "app",
    "k8s-app",
    "component",
    "name",
];
