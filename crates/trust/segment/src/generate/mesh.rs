//! Policies of Istio: nobody calls the pods of zones but who proves to be the service account of a zone that may.
//!
//! They hold what comes to pods over TCP. What goes out of the cluster, and what is not TCP, proxies do not hold.

use std::collections::{BTreeMap, BTreeSet};

use casemate_posture::Fact;
use serde_json::{Value, json};

use super::{
    Flaw, GenerateError, MANAGED, PREFIX,
    held::{Held, of_connections, rest, zones},
    prove::{Stage, differences, needless},
};
use crate::{
    Analysis, Connections, Protocol, TooLarge,
    intent::{Intent, Members, Table, Zone},
};

/// The service accounts that the workloads of zones run as, by the places of the zones: namespaces and names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(BTreeMap<usize, BTreeSet<(String, String)>>);

impl Accounts {
    /// Those that flows name with `as`; else those of the workloads of `analysis`.
    ///
    /// # Errors
    /// Where a zone calls another and it is not known as whom.
    pub fn of(intent: &Intent, analysis: Option<&Analysis>) -> Result<Self, GenerateError> {
        let governed: BTreeSet<usize> = intent.governed().collect();
        let mut accounts = BTreeMap::new();
        for zone in &governed {
            let mut calls = intent.flows.iter().filter(|it| it.from == *zone);
            let Some(flow) = calls.find(|it| governed.contains(&it.to)) else {
                continue;
            };
            let named = named(intent, *zone).or_else(|| found(&intent.zones[*zone], analysis));
            let Some(named) = named.filter(|it| is_of_each(&intent.zones[*zone], it)) else {
                return Err(GenerateError {
                    line: flow.line,
                    message: format!(
                        "as whom `{}` calls is not known: name the service accounts of all of its workloads with `as`",
                        intent.zones[*zone].name
                    ),
                });
            };
            accounts.insert(*zone, named);
        }
        Ok(Self(accounts))
    }

    /// Those of a zone; of one that calls nobody somebody in its namespace that nobody else is.
    fn of_zone(&self, intent: &Intent, zone: usize) -> BTreeSet<(String, String)> {
        let declared = &intent.zones[zone];
        self.0.get(&zone).cloned().unwrap_or_else(|| {
            let somebody = |it: &String| (it.clone(), format!("zone-{}", declared.name));
            namespaces(declared).iter().map(somebody).collect()
        })
    }
}

/// The accounts that all flows of a zone that name some have.
fn named(intent: &Intent, zone: usize) -> Option<BTreeSet<(String, String)>> {
    let here = namespaces(&intent.zones[zone]);
    let flows = intent.flows.iter();
    let named = flows.filter(|it| it.from == zone && !it.accounts.is_empty());
    let sets = named.map(|flow| {
        let accounts = flow
            .accounts
            .iter()
            .flat_map(|it| match it.split_once('/') {
                Some((namespace, name)) => vec![(namespace.to_owned(), name.to_owned())],
                None => here
                    .iter()
                    .map(|namespace| (namespace.clone(), it.clone()))
                    .collect(),
            });
        accounts
            .filter(|(namespace, _)| here.contains(namespace))
            .collect::<BTreeSet<_>>()
    });
    sets.reduce(|a, b| a.intersection(&b).cloned().collect())
}

/// The accounts of the workloads of a zone, if those of all are known.
fn found(zone: &Zone, analysis: Option<&Analysis>) -> Option<BTreeSet<(String, String)>> {
    let workloads = analysis?.cluster().workloads.iter();
    let mut accounts = BTreeSet::new();
    for workload in workloads.filter(|it| zone.selects(it) != casemate_posture::Truth::No) {
        let Fact::Known(account) = &workload.account else {
            return None;
        };
        accounts.insert((workload.namespace.to_string(), account.clone()));
    }
    Some(accounts)
}

fn namespaces(zone: &Zone) -> &[String] {
    match &zone.members {
        Members::Pods { namespaces, .. } => namespaces,
        Members::Addresses(_) | Members::Outside | Members::Controller => &[],
    }
}

fn is_of_each(zone: &Zone, accounts: &BTreeSet<(String, String)>) -> bool {
    let mut namespaces = namespaces(zone).iter();
    namespaces.all(|namespace| accounts.iter().any(|(it, _)| it == namespace))
}

/// The policies of Istio that let pass what is declared.
///
/// # Errors
/// Where a flow cannot be said as one.
pub fn mesh_policies(intent: &Intent, accounts: &Accounts) -> Result<Vec<Value>, GenerateError> {
    let mut policies = Vec::new();
    let mut held = BTreeSet::new();
    let table = intent.table();
    for zone in zones(intent) {
        let rules = rules(intent, &table, &zone, accounts)?;
        let mut spec = json!({"action": "ALLOW"});
        if !zone.labels.is_empty() {
            spec["selector"] = json!({"matchLabels": zone.labels});
        }
        if !rules.is_empty() {
            spec["rules"] = rules.into();
        }
        for namespace in zone.namespaces {
            held.insert(namespace);
            let name = format!("zone-{}", zone.name);
            policies.push(object("AuthorizationPolicy", &name, namespace, &spec));
        }
    }
    let mut all = Vec::new();
    for namespace in held {
        all.push(object(
            "PeerAuthentication",
            "strict",
            namespace,
            &json!({"mtls": {"mode": "STRICT"}}),
        ));
        // Nothing selects all but some, so that where the cluster's DNS is nobody else is closed.
        if rest(intent, namespace) == json!({}) {
            all.push(object(
                "AuthorizationPolicy",
                "default-deny",
                namespace,
                &json!({}),
            ));
        }
    }
    all.extend(policies);
    Ok(all)
}

fn object(kind: &str, name: &str, namespace: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": {"name": format!("{PREFIX}{name}"), "namespace": namespace, "labels": {MANAGED.0: MANAGED.1}},
        "spec": spec,
    })
}

/// What a zone takes: a rule for each set of ports, with each account that may send there.
fn rules(
    intent: &Intent,
    table: &Table,
    zone: &Held<'_>,
    accounts: &Accounts,
) -> Result<Vec<Value>, GenerateError> {
    let mut rules: Vec<(Connections, BTreeSet<(String, String)>)> = Vec::new();
    for from in 0..intent.zones.len() {
        let Some(declared) = table.declared(from, zone.at) else {
            continue;
        };
        let declared = declared.intersection(&Connections::of_protocol(Protocol::Tcp));
        if declared.is_empty() {
            continue;
        }
        let Some(callers) = accounts.0.get(&from) else {
            return Err(GenerateError {
                line: table.line_of(from, zone.at).unwrap_or(zone.line),
                message: format!(
                    "who calls from `{}` proves no identity: let it call a gateway, whose pods are a zone",
                    intent.zones[from].name
                ),
            });
        };
        of_connections(&mut rules, &declared).extend(callers.iter().cloned());
    }
    let rule = |(connections, callers): (Connections, BTreeSet<(String, String)>)| {
        let source = |(namespace, name): &(String, String)| json!({"source": {"principals": [format!("cluster.local/ns/{namespace}/sa/{name}")]}});
        let from: Vec<Value> = callers.iter().map(source).collect();
        match ports(&connections) {
            Ok(None) => Ok(json!({"from": from})),
            Ok(Some(ports)) => Ok(json!({"from": from, "to": [{"operation": {"ports": ports}}]})),
            Err(message) => Err(GenerateError {
                line: zone.line,
                message,
            }),
        }
    };
    rules.into_iter().map(rule).collect()
}

/// The ports one by one; nothing where all are meant.
fn ports(connections: &Connections) -> Result<Option<Vec<String>>, String> {
    if connections.includes(&Connections::of_protocol(Protocol::Tcp)) {
        return Ok(None);
    }
    let mut ports = Vec::new();
    for (_, first, last) in connections.ranges() {
        if usize::from(last - first) + ports.len() >= MAX_PORTS {
            return Err(format!(
                "policies of Istio name ports one by one, and flows to this zone have more than {MAX_PORTS}"
            ));
        }
        ports.extend((first..=last).map(|it| it.to_string()));
    }
    Ok(Some(ports))
}

/// Judges policies of Istio by the engine, upon pods with proxies that stand for the zones: what passes to them over
/// TCP has to be what is declared, and each source of each rule has to be needed for that.
///
/// # Errors
///
/// [`TooLarge`].
pub fn prove_mesh(
    intent: &Intent,
    policies: &[Value],
    accounts: &Accounts,
) -> Result<Vec<Flaw>, TooLarge> {
    let stage = Stage::of_mesh(intent, |zone| accounts.of_zone(intent, zone));
    let mut analysis = match stage.under(intent, policies) {
        Ok(analysis) => analysis,
        Err(unread) => return Ok(unread.into_iter().map(Flaw::Unread).collect()),
    };
    let governed: BTreeSet<usize> = intent.governed().collect();
    let tcp = Connections::of_protocol(Protocol::Tcp);
    let held = differences(intent, &analysis)?
        .into_iter()
        .filter_map(|mut it| {
            it.connections = it.connections.intersection(&tcp);
            let is_held = it.to.is_some_and(|to| governed.contains(&to));
            (is_held && !it.connections.is_empty()).then_some(it)
        });
    let mut flaws: Vec<Flaw> = held.map(Flaw::Differs).collect();
    flaws.extend(
        needless(intent, &mut analysis)
            .into_iter()
            .map(Flaw::Needless),
    );
    Ok(flaws)
}

/// Each is a line, of which objects of etcd hold 1.5 MB.
const MAX_PORTS: usize = 1_000;
