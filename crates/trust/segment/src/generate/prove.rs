//! Whether policies say what is declared: no more, no less, and with nothing in them that could be left out.

use casemate_core::{Digest, MemorySource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};
use serde_json::{Value, json};

use super::{Policies, to_yaml};
use crate::{
    Analysis, Assumptions, Direction, TooLarge,
    intent::{Intent, Members, Violation, ViolationKind, check},
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
    let needless = needless(intent, &mut alone)?.into_iter();
    flaws.extend(needless.map(Flaw::Needless));
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
fn differences(intent: &Intent, analysis: &Analysis) -> Result<Vec<Violation>, TooLarge> {
    let mut violations = check(intent, analysis)?;
    violations.retain(|it| it.kind != ViolationKind::Account);
    Ok(violations)
}

/// The peers without which the same passes.
fn needless(intent: &Intent, analysis: &mut Analysis) -> Result<Vec<String>, TooLarge> {
    let mut needless = Vec::new();
    for place in analysis.peers() {
        let peer = analysis.remove_peer(&place);
        if differences(intent, analysis)?.is_empty() {
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
    Ok(needless)
}

/// The namespaces of the zones, and in each two pods of each zone.
struct Stage(Vec<Value>);

impl Stage {
    fn of(intent: &Intent) -> Self {
        let mut objects = Vec::new();
        let mut known = Vec::new();
        for zone in &intent.zones {
            let Members::Pods { namespaces, labels } = &zone.members else {
                continue;
            };
            for namespace in namespaces {
                if !known.contains(namespace) {
                    known.push(namespace.clone());
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

    /// The pods under some policies; or what of those is not understood.
    fn under(&self, intent: &Intent, policies: &[Value]) -> Result<Analysis, Vec<String>> {
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
        let analysis = Analysis::of(&world, assumptions);
        match analysis.gaps() {
            [] => Ok(analysis),
            gaps => Err(gaps.iter().map(|it| it.message.clone()).collect()),
        }
    }
}
