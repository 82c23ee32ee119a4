//! Whether policies say what is declared: no more, no less, and with nothing in them that could be left out.

use std::collections::BTreeSet;

use casemate_core::{Digest, MemorySource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};
use serde_json::{Value, json};

use super::{Policies, to_yaml};
use crate::{
    Action, Analysis, Assumptions, Direction, TooLarge,
    analysis::PeerPlace,
    intent::{Intent, Members, Violation, ViolationKind, check},
    mesh::Callers,
};

/// What is wrong with policies.
#[derive(Clone, Debug, PartialEq)]
pub enum Flaw {
    /// What passes under them is not what is declared.
    Differs(Violation),
    /// The peer of a rule could be left out, and the same would pass: `zone-a ingress[0].from[1]`.
    Needless(String),
    /// Something passes without NetworkPolicies that the guard rails were to stop.
    Unguarded(Violation),
    /// What was written is not understood when it is read.
    Unread(String),
}

/// Judges policies by the engine, upon pods that stand for the zones: what passes has to be what is declared,
/// and each peer of each rule has to be needed for that.
///
/// # Errors
///
/// [`TooLarge`].
pub fn prove(intent: &Intent, policies: &Policies) -> Result<Vec<Flaw>, TooLarge> {
    let stage = Stage::of(intent);
    let all = [&*policies.network, &*policies.guards].concat();
    let (all, mut alone) = match (
        stage.under(intent, &all),
        stage.under(intent, &policies.network),
    ) {
        (Ok(all), Ok(alone)) => (all, alone),
        (Err(unread), _) | (_, Err(unread)) => {
            return Ok(unread.into_iter().map(Flaw::Unread).collect());
        }
    };
    let differs = differences(intent, &all)?.into_iter();
    let mut flaws: Vec<Flaw> = differs.map(Flaw::Differs).collect();
    flaws.extend(needless(intent, &mut alone).into_iter().map(Flaw::Needless));
    if let (Ok(guards), false) = (
        stage.under(intent, &policies.guards),
        policies.guards.is_empty(),
    ) {
        // What comes from outside is beyond what ClusterNetworkPolicies can be about.
        let is_pods = |at: usize| matches!(intent.zones[at].members, Members::Pods { .. });
        let passes =
            |it: &Violation| it.kind == ViolationKind::Undeclared && it.from.is_some_and(is_pods);
        let differs = differences(intent, &guards)?.into_iter();
        flaws.extend(differs.filter(passes).map(Flaw::Unguarded));
    }
    Ok(flaws)
}

/// What is not as declared. Whoever stands for a zone runs as nobody in particular.
pub(super) fn differences(
    intent: &Intent,
    analysis: &Analysis,
) -> Result<Vec<Violation>, TooLarge> {
    let mut violations = check(intent, analysis)?;
    violations.retain(|it| it.kind != ViolationKind::Account);
    Ok(violations)
}

/// The peers without which all that is declared still passes. Only between the pods of a peer's policy and whoever
/// the peer is something can change, so that only these pairs are decided anew.
pub(super) fn needless(intent: &Intent, analysis: &mut Analysis) -> Vec<String> {
    let table = intent.table();
    let mut needless = Vec::new();
    for place in analysis.peers() {
        let policy = &analysis.policies()[place.policy];
        // What does not pass without a peer is what that allows.
        if policy.rules(place.direction)[place.rule].action != Some(Action::Allow) {
            continue;
        }
        let pairs = pairs(intent, analysis, &place);
        let peer = analysis.remove_peer(&place);
        let is_needed = pairs.iter().any(|&(from, to)| {
            let zone = |at| intent.zone_of(&analysis.endpoint(at));
            let meant = zone(from).zip(zone(to));
            let meant = meant.and_then(|(from, to)| table.declared(from, to));
            let passing = analysis.prove(from, to).connections();
            meant.is_some_and(|it| !passing.most.includes(it))
        });
        if !is_needed {
            let policy = &analysis.policies()[place.policy];
            let rule = &policy.rules(place.direction)[place.rule].name;
            let key = match place.direction {
                Direction::Ingress => "from",
                Direction::Egress => "to",
            };
            needless.push(format!("{} {rule}.{key}[{}]", policy.name, place.peer));
        }
        analysis.insert_peer(&place, peer);
    }
    needless
}

/// The sources and destinations that a peer of a rule is about.
fn pairs(intent: &Intent, analysis: &Analysis, place: &PeerPlace) -> Vec<(usize, usize)> {
    let policy = &analysis.policies()[place.policy];
    let peer = &policy.rules(place.direction)[place.rule].peers[place.peer];
    let matching = analysis.matching();
    let subjects = analysis.places().filter(|at| {
        matching
            .subject(&policy.subject, &analysis.endpoint(*at))
            .is_yes()
    });
    let peers = analysis.places().filter(|at| {
        let endpoint = analysis.endpoint(*at);
        !intent.leaves_open(&endpoint) && matching.peer(peer, &endpoint).is_yes()
    });
    let peers: Vec<usize> = peers.collect();
    let pairs = subjects.flat_map(|subject| peers.iter().map(move |peer| (subject, *peer)));
    let directed = pairs.filter(|(subject, peer)| subject != peer);
    directed
        .map(|(subject, peer)| match place.direction {
            Direction::Ingress => (peer, subject),
            Direction::Egress => (subject, peer),
        })
        .collect()
}

/// The namespaces of the zones, and in each two pods of each zone.
pub(super) struct Stage(Vec<Value>);

impl Stage {
    fn of(intent: &Intent) -> Self {
        let mut objects = Vec::new();
        let mut known = BTreeSet::new();
        for zone in &intent.zones {
            let Members::Pods { namespaces, labels } = &zone.members else {
                continue;
            };
            for namespace in namespaces {
                if known.insert(namespace) {
                    objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
                }
                // Two, so that what passes within the zone is seen.
                objects.extend((1..=2).map(|number| {
                    json!({
                        "apiVersion": "v1",
                        "kind": "Pod",
                        "metadata": {"name": format!("{}-{number}", zone.name), "namespace": namespace, "labels": labels},
                        "spec": {"containers": [{"name": "c", "image": "i"}]},
                    })
                }));
            }
        }
        Self(objects)
    }

    /// The same in a mesh, where the pods of each zone run as the accounts that `accounts` names.
    pub(super) fn of_mesh(
        intent: &Intent,
        accounts: impl Fn(usize) -> BTreeSet<(String, String)>,
    ) -> Self {
        let mut objects = Vec::new();
        let mut known = BTreeSet::new();
        for (at, zone) in intent.zones.iter().enumerate() {
            let Members::Pods { labels, .. } = &zone.members else {
                continue;
            };
            for (number, (namespace, account)) in accounts(at).into_iter().enumerate() {
                if known.insert(namespace.clone()) {
                    objects.push(json!({
                        "apiVersion": "v1",
                        "kind": "Namespace",
                        "metadata": {"name": namespace, "labels": {"istio-injection": "enabled"}},
                    }));
                }
                objects.extend(["a", "b"].map(|letter| {
                    json!({
                        "apiVersion": "v1",
                        "kind": "Pod",
                        "metadata": {"name": format!("{}-{number}{letter}", zone.name), "namespace": namespace, "labels": labels},
                        "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}]},
                    })
                }));
            }
        }
        Self(objects)
    }

    /// The pods under some policies; or what of those is not understood.
    pub(super) fn under(
        &self,
        intent: &Intent,
        policies: &[Value],
    ) -> Result<Analysis, Vec<String>> {
        let text = to_yaml(&[&*self.0, policies].concat());
        let name = PathText::from("policies.yaml");
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        let survey = PostureSurvey::new(Persona::Auditor);
        let reading = survey.read(&subject, &MemorySource(text.into_bytes()));
        let world = PostureSurvey::world(reading.into_iter().collect());
        let assumptions = Assumptions {
            // Where the cluster's addresses are not declared, none of outside are theirs.
            pod_network: Some(intent.cluster.clone()),
            declared_only: true,
            ..intent.assumptions()
        };
        let analysis = Analysis::called(world, assumptions, Callers::AsDeclared);
        match analysis.gaps() {
            [] => Ok(analysis),
            gaps => Err(gaps.iter().map(|it| it.message.clone()).collect()),
        }
    }
}
