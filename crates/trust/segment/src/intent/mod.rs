//! What is meant: zones of workloads, and who may call whom.
//!
//! ```text
//!   zones.yaml ──read──► Intent {zones, flows}
//!   Intent, Analysis ──check──► Violations: what passes and is not declared, and the other way round
//!   Analysis ──derive──► Intent: a beginning, from what is there
//! ```
//!
//! ```yaml
//! zones:
//!   notebooks: {namespaces: [lab], pods: {app: notebook}}
//!   registry:  {namespaces: [models]}
//!   bucket:    {addresses: [203.0.113.0/24]}
//! flows:
//!   - {from: notebooks, to: registry, ports: [TCP 5000], as: [notebook]}
//!   - {from: registry, to: bucket, ports: [TCP 443]}
//! ```
//!
//! Nothing else may pass: not within a zone either, unless a flow says so.

mod always;
mod check;
mod derive;
mod names;
mod observe;
mod read;
mod table;
mod write;

use std::{collections::BTreeMap, fmt};

use casemate_posture::{Fact, Truth};

use crate::{Addresses, Assumptions, Connections, Endpoint, Workload};

pub use check::{MAX_PAIRS, Violation, ViolationKind, check};
pub use derive::derive;
pub use observe::observe;
pub use read::IntentError;
pub(crate) use table::Table;
pub use write::to_yaml;

/// A declaration: nothing passes but what a flow says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// The zones, as they are declared; behind them the ones that always exist.
    pub zones: Vec<Zone>,
    /// What may pass.
    pub flows: Vec<Flow>,
    /// Whether everybody may ask the cluster's DNS for names: the flows of that are among the others.
    pub dns: bool,
    /// The addresses of the cluster's own pods, Services and nodes, which are never outside.
    pub cluster: Addresses,
}

/// Endpoints that are meant alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// What flows call it.
    pub name: String,
    /// Who is in it.
    pub members: Members,
    /// The line that declares it, from 1; 0 of those that always exist.
    pub line: u64,
}

/// Who is in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// The workloads of some namespaces whose pods have all of the labels.
    Pods {
        /// The names of the namespaces; at least one.
        namespaces: Vec<String>,
        /// The labels; without any, all pods.
        labels: BTreeMap<String, String>,
    },
    /// Addresses outside of the cluster.
    Addresses(Addresses),
    /// All addresses outside of the cluster that are in no other zone.
    Outside,
    /// Whatever controller serves the Ingresses.
    Controller,
}

/// What may pass from one zone to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The place of the source among the zones.
    pub from: usize,
    /// The place of the destination among the zones.
    pub to: usize,
    /// What may pass; never nothing.
    pub connections: Connections,
    /// The service accounts that the workloads of the source run as, `name` or `namespace/name`; any, where
    /// none is said.
    pub accounts: Vec<String>,
    /// The line that declares it, from 1; 0 of what is declared by default.
    pub line: u64,
}

impl Intent {
    /// The place of the zone of an endpoint, if it is surely in one.
    pub fn zone_of(&self, endpoint: &Endpoint<'_>) -> Option<usize> {
        let outside = |zone: &Zone| zone.members == Members::Outside;
        let of = |is_rest: bool| {
            let zones = self.zones.iter();
            zones
                .clone()
                .position(move |zone| outside(zone) == is_rest && zone.has(endpoint))
        };
        of(false).or_else(|| of(true))
    }

    /// What may pass, from which zone to which.
    pub(crate) fn table(&self) -> Table {
        Table::of(self)
    }

    /// Whether it says anything of IPv6: where the cluster has such addresses, or some zone has. Without,
    /// `outside` means those of IPv4.
    pub(crate) fn has_v6(&self) -> bool {
        let of_zone = |zone: &Zone| match &zone.members {
            Members::Addresses(it) => !always_exists(&zone.name) && it.has_v6(),
            Members::Pods { .. } | Members::Outside | Members::Controller => false,
        };
        self.cluster.has_v6() || self.zones.iter().any(of_zone)
    }

    /// Whether flows to `outside` may be or not be of an endpoint: of IPv6, where nothing is said of that.
    pub(crate) fn leaves_open(&self, endpoint: &Endpoint<'_>) -> bool {
        match endpoint {
            Endpoint::Outside(it) => it.has_v6() && !self.has_v6(),
            Endpoint::Workload(_) | Endpoint::Controller => false,
        }
    }

    /// The places of the zones whose pods are held to what is declared: not those of the cluster's DNS, unless
    /// somebody declares them.
    pub fn governed(&self) -> impl Iterator<Item = usize> {
        (0..self.zones.len()).filter(|at| self.is_governed(&self.zones[*at]))
    }

    /// Whether the pods of a zone are held to what is declared.
    pub(crate) fn is_governed(&self, zone: &Zone) -> bool {
        let is_pods = matches!(zone.members, Members::Pods { .. });
        is_pods && !(self.dns && zone.name == DNS && *zone == always::dns())
    }

    /// The place of the zone of that name.
    pub fn zone(&self, name: &str) -> Option<usize> {
        self.zones.iter().position(|zone| zone.name == name)
    }

    /// What an analysis has to assume so that it can be held against this: the zones' addresses are told apart,
    /// and pods have those of the cluster, where they are declared.
    pub fn assumptions(&self) -> Assumptions {
        let blocks = self.zones.iter().filter_map(|zone| match &zone.members {
            Members::Addresses(it) => Some(it.clone()),
            Members::Pods { .. } | Members::Outside | Members::Controller => None,
        });
        Assumptions {
            pod_network: (!self.cluster.is_empty()).then(|| self.cluster.clone()),
            told_apart: blocks.collect(),
            ..Assumptions::default()
        }
    }
}

impl Zone {
    /// Whether the endpoint may be in it: in [`Members::Outside`] it is where no other zone has it.
    fn has(&self, endpoint: &Endpoint<'_>) -> bool {
        match (&self.members, endpoint) {
            (Members::Pods { .. }, Endpoint::Workload(workload)) => self.selects(workload).is_yes(),
            (Members::Addresses(zone), Endpoint::Outside(it)) => zone.includes(it),
            (Members::Outside, Endpoint::Outside(_))
            | (Members::Controller, Endpoint::Controller) => true,
            _ => false,
        }
    }

    /// What may be in both, as far as the declarations show.
    fn shared(&self, other: &Self) -> Option<String> {
        match (&self.members, &other.members) {
            (Members::Addresses(a), Members::Addresses(b)) => {
                let both = a.intersection(b);
                (!both.is_empty()).then(|| both.to_string())
            }
            (
                Members::Pods { namespaces, labels },
                Members::Pods {
                    namespaces: others,
                    labels: more,
                },
            ) => {
                let of_both = namespaces.iter().find(|it| others.contains(it));
                let is_apart = labels
                    .iter()
                    .any(|(key, value)| more.get(key).is_some_and(|it| it != value));
                of_both
                    .filter(|_| !is_apart)
                    .map(|it| format!("pods of the namespace {it}"))
            }
            _ => None,
        }
    }

    /// Whether the workload is in it.
    pub fn selects(&self, workload: &Workload) -> Truth {
        let Members::Pods { namespaces, labels } = &self.members else {
            return Truth::No;
        };
        let is_there = namespaces.iter().any(|it| **it == *workload.namespace);
        let mut is_in = Truth::from(is_there);
        for (key, value) in labels {
            is_in = is_in.and(|| match workload.labels.get(key) {
                Fact::Known(written) => (written == value).into(),
                Fact::Absent => Truth::No,
                Fact::Unknown(why) => Truth::Unknown(why),
            });
        }
        is_in
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The cluster's DNS, where no zone of that name is declared.
const DNS: &str = "dns";
/// Where clouds tell a machine, and whoever runs on it, who it is: credentials included.
pub(crate) const METADATA: &str = "metadata";
/// All addresses that are in no other zone.
const OUTSIDE: &str = "outside";
/// Whatever controller serves the Ingresses.
const CONTROLLER: &str = "ingress-controller";

/// Whether there is a zone of that name without a declaration.
fn always_exists(name: &str) -> bool {
    [METADATA, OUTSIDE, CONTROLLER].contains(&name)
}
