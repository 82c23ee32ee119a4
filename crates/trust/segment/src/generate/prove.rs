//! Whether policies say what is declared: no more, no less, and with nothing in them that could be left out.

use std::collections::BTreeSet;

use casemate_core::{Digest, MemorySource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};
use serde_json::{Value, json};

use super::{Policies, to_yaml};
use crate::{
    Action, Analysis, Assumptions, Bounds, Connections, Direction, TooLarge,
    analysis::PeerPlace,
    index::Index,
    intent::{Intent, Members, Violation, ViolationKind, check},
    mesh::Callers,
    proof,
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
    let mut places = analysis.peers();
    // What does not pass without a peer is what that allows.
    places.retain(|it| {
        let policy = &analysis.policies()[it.policy];
        policy.rules(it.direction)[it.rule].action == Some(Action::Allow)
    });
    let about = About::of(intent, analysis, &places);
    for (at, place) in places.into_iter().enumerate() {
        let peer = analysis.remove_peer(&place);
        let is_needed = about.pairs(at, &place).any(|(from, to)| {
            let meant = about.zones[from].zip(about.zones[to]);
            let meant = meant.and_then(|(from, to)| table.declared(from, to));
            meant.is_some_and(|it| !about.passing(analysis, from, to).most.includes(it))
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

/// Whom policies and the peers of their rules are about: without one of its peers a policy is about the same.
struct About {
    /// The endpoints that each policy is surely about.
    subjects: Vec<Vec<usize>>,
    /// The policies that may be about each endpoint.
    policies: Vec<Vec<usize>>,
    /// The endpoints that each peer surely is.
    peers: Vec<Vec<usize>>,
    /// The zone of each endpoint.
    zones: Vec<Option<usize>>,
}

impl About {
    fn of(intent: &Intent, analysis: &Analysis, places: &[PeerPlace]) -> Self {
        let endpoints: Vec<_> = analysis.places().map(|at| analysis.endpoint(at)).collect();
        let mut index = Index::of(analysis.matching(), &endpoints);
        let mut policies = vec![Vec::new(); endpoints.len()];
        let mut subjects = Vec::new();
        for (at, policy) in analysis.policies().iter().enumerate() {
            let subject = index.subject(&policy.subject);
            subject.most.iter().for_each(|it| policies[it].push(at));
            subjects.push(subject.least.iter().collect());
        }
        let peers = places.iter().map(|it| {
            let rule = &analysis.policies()[it.policy].rules(it.direction)[it.rule];
            let found = index.peers(std::slice::from_ref(&rule.peers[it.peer]));
            let found = found.least.iter();
            found
                .filter(|at| !intent.leaves_open(&endpoints[*at]))
                .collect()
        });
        Self {
            peers: peers.collect(),
            subjects,
            policies,
            zones: endpoints.iter().map(|it| intent.zone_of(it)).collect(),
        }
    }

    /// The sources and destinations that a peer of a rule is about.
    fn pairs(&self, at: usize, place: &PeerPlace) -> impl Iterator<Item = (usize, usize)> {
        let subjects = self.subjects[place.policy].iter();
        let pairs = subjects.flat_map(move |subject| {
            let peers = self.peers[at].iter();
            peers.map(move |peer| (*subject, *peer))
        });
        let direction = place.direction;
        let apart = pairs.filter(|(subject, peer)| subject != peer);
        apart.map(move |(subject, peer)| match direction {
            Direction::Ingress => (peer, subject),
            Direction::Egress => (subject, peer),
        })
    }

    fn passing(&self, analysis: &Analysis, from: usize, to: usize) -> Bounds<Connections> {
        let of = |at: usize| {
            let policies = self.policies[at].iter();
            policies
                .map(|it| &analysis.policies()[*it])
                .collect::<Vec<_>>()
        };
        proof::by(analysis, (from, to), [&of(from), &of(to)]).connections()
    }
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
