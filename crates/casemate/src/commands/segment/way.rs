//! Ways through workloads, service accounts and roles, to be told.

use std::{borrow::Cow, fmt::Write as _};

use casemate_core::Location;
use casemate_posture::{Origin, Places};
use casemate_segment::{
    Analysis, Effect, Proof, Step,
    identity::{Goal, Hop},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{possible, reach, shown};

/// A step of a way.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Hopped {
    /// `network`, `credential` of what is in a pod or a Secret, `rbac` of a right at the API server, `cloud`.
    kind: &'static str,
    /// From where: an endpoint, `account/NAMESPACE/NAME`, `secret/NAMESPACE/NAME`, or a role of a cloud.
    from: String,
    /// To where; `bucket/NAME` as well.
    to: String,
    /// By what: the power, or what is done with a bucket.
    by: String,
    /// What surely passes, of a step through the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<String>,
    /// What may pass at most, where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<String>,
    /// What says so.
    proof: Vec<Reason>,
    /// Why it is not known whether it is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<String>,
}

/// A reason for a step.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Reason {
    /// The rule, binding, annotation or statement, and what it does.
    what: String,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

impl Reason {
    pub(super) fn at(what: &str, location: Option<Location>) -> Self {
        Self {
            what: what.to_owned(),
            line: location.as_ref().and_then(reach::line),
            file: location.map(|it| it.file.to_string()),
        }
    }
}

/// The steps of a way.
pub(super) fn hopped(analysis: &Analysis, way: &[Hop<'_>]) -> Vec<Hopped> {
    let proofs = proofs(analysis, way);
    let places = Places::default();
    let steps = way.iter().zip(&proofs).map(|(hop, proof)| {
        let connections = hop.connections.as_deref();
        let reasons = reasons(hop, proof.as_ref()).into_iter();
        let reason = |(what, origin): (Cow<'_, str>, Option<_>)| {
            Reason::at(&what, origin.map(|it| places.location(it)))
        };
        Hopped {
            kind: hop.kind.as_str(),
            from: hop.from.clone(),
            to: hop.to.clone(),
            by: hop.by.clone(),
            connections: connections.map(|it| it.least.to_string()),
            possible: connections.and_then(possible),
            proof: reasons.map(reason).collect(),
            unsure: hop.unsure.as_deref().map(str::to_owned),
        }
    });
    steps.collect()
}

/// What a destination means: an endpoint, or what is called so among identities.
pub(super) fn goals(analysis: &Analysis, name: &str) -> Vec<Goal> {
    let places = analysis.find(name);
    match places.is_empty() {
        true => analysis.identities().find(name).unwrap_or_default(),
        false => places.into_iter().map(Goal::Endpoint).collect(),
    }
}

/// What else a destination may be, for who asks for something that is not there.
pub(super) fn known(analysis: &Analysis) -> String {
    let names = analysis.identities().names();
    let mut told = names
        .iter()
        .take(MAX_KNOWN)
        .fold(String::new(), |all, it| all + "; " + it);
    if let Some(more) = names.len().checked_sub(MAX_KNOWN).filter(|it| *it > 0) {
        // Writing to a string cannot fail.
        let _ = write!(told, "; and {more} other accounts, Secrets and buckets");
    }
    told
}

/// Of each step through the network, the proof.
fn proofs<'a>(analysis: &'a Analysis, way: &[Hop<'_>]) -> Vec<Option<Proof<'a>>> {
    let proof = |(from, to)| analysis.prove(from, to);
    way.iter().map(|it| it.ends.map(proof)).collect()
}

/// What says that a step is possible, and where: of the network, the rules that let something pass.
fn reasons<'w>(
    hop: &'w Hop<'_>,
    proof: Option<&'w Proof<'_>>,
) -> Vec<(Cow<'w, str>, Option<&'w Origin>)> {
    let Some(proof) = proof else {
        let because = hop.because.iter();
        return because
            .map(|it| (it.what.as_str().into(), it.origin.as_ref()))
            .collect();
    };
    let steps = proof.egress.steps.iter().chain(&proof.ingress.steps);
    let is_reason = |it: &&Step<'_>| {
        matches!(
            it.effect,
            Effect::Allows(_) | Effect::Default(_) | Effect::Escapes | Effect::Unknown(_)
        )
    };
    steps
        .filter(is_reason)
        .map(|it| (reach::clause(it).into(), it.origin()))
        .collect()
}

/// A way, a line for each step, and below it what says that it is possible.
pub(super) fn text(analysis: &Analysis, way: &[Hop<'_>]) -> String {
    if way.is_empty() {
        return String::new();
    }
    let is_sure = way.iter().all(|it| it.unsure.is_none());
    let perhaps = if is_sure { "" } else { "perhaps " };
    let is_one = way.len() == 1;
    let steps = if is_one { "step" } else { "steps" };
    let mut text = format!("not directly, but {perhaps}in {} {steps}:\n", way.len());
    let proofs = proofs(analysis, way);
    let places = Places::default();
    for (hop, proof) in way.iter().zip(&proofs) {
        let kind = hop.kind.as_str();
        let what = hop
            .connections
            .as_deref()
            .map_or_else(|| hop.by.clone(), shown);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {kind}: {} => {}: {what}", hop.from, hop.to);
        for (what, origin) in reasons(hop, proof.as_ref()) {
            let location = origin.map(|it| places.location(it));
            let _ = writeln!(text, "    {}", sentence(&what, location.as_ref()));
        }
        if let Some(why) = &hop.unsure {
            let _ = writeln!(text, "    not sure: {why}");
        }
    }
    text
}

/// A reason and where it stands.
pub(super) fn sentence(what: &str, location: Option<&Location>) -> String {
    match location {
        Some(location) => format!("{what} ({location})"),
        None => what.to_owned(),
    }
}

const MAX_KNOWN: usize = 12;
