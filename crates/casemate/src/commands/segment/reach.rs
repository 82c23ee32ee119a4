//! `casemate segment reach`.

use std::{fmt::Write as _, process::ExitCode, sync::Arc};

use anyhow::{Result, bail};
use casemate_segment::{
    Analysis, Bounds, Connections, Effect, Endpoint, Entry, Proof, Step,
    identity::{Goal, Hop},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Read, gaps_of_identities, possible, read, shown, tell,
    way::{self, Hopped},
};
use crate::{
    cli::{Format, Global, segment::Reach},
    output,
};

/// Whether one can reach another, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-reach/1`.
    schema: &'static str,
    /// Whether something passes; of an account, a Secret or a bucket, whether there is a way to it. Null where that
    /// is not known.
    reachable: Option<bool>,
    /// Whether everything in the files was understood.
    complete: bool,
    /// What surely passes: `All Connections`, `No Connections`, or `TCP 80,8000-8080,UDP 53`.
    connections: String,
    /// What may pass at most, where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<String>,
    /// Every rule on the way, in the order in which they are asked: those of the source, then those of the
    /// destination.
    proof: Vec<Told>,
    /// Where nothing surely passes directly: the steps of a shortest way through other workloads, service accounts
    /// and roles, if there is one, or of one that may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    through: Vec<Hopped>,
    /// Where there is none: in which ways that are not searched there may be one all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// One policy or rule that was asked, or what holds where none was.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Told {
    /// The source.
    from: String,
    /// The destination.
    to: String,
    /// Whose rule it is: `way-in` of what tells the ingress controller where to send, `egress` of the source,
    /// `ingress` of the destination.
    side: &'static str,
    /// The policy and its rule: `NetworkPolicy lab/open egress[0]`; nothing where no policy decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// `allows`, `denies`, `passes-on`, `isolates`, `default`, `escapes`; `unknown` of a rule that is not
    /// understood; `other-peers` and `other-connections` of one that did not fire.
    effect: &'static str,
    /// Of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<String>,
    /// Which requests over them, where it is about some alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<String>,
    /// Why it is not known whether it did that, or of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<String>,
}

/// What is asked of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Reach,
    Explain,
    Forbid,
}

pub(super) fn run(global: &Global, arguments: &Reach, asked: Asked) -> Result<ExitCode> {
    let mut read = read(global, &arguments.path, &arguments.known)?;
    let analysis = &read.analysis;
    let from = analysis.find(&arguments.from);
    if from.is_empty() {
        bail!(
            "there is no endpoint {:?}: {}",
            arguments.from,
            known(analysis)
        );
    }
    let to = way::goals(analysis, &arguments.to);
    if to.is_empty() {
        let (known, more) = (known(analysis), way::known(analysis));
        bail!("there is no endpoint {:?}: {known}{more}", arguments.to);
    }
    let places = to.iter().filter_map(|it| match it {
        Goal::Endpoint(at) => Some(*at),
        Goal::Account(_) | Goal::Secret(_) | Goal::Store(_) => None,
    });
    let places: Vec<usize> = places.collect();
    let proofs = match places.is_empty() {
        true => Vec::new(),
        false => prove(analysis, &from, &places)?,
    };
    let connections = proofs.iter().map(Proof::connections);
    let connections = connections
        .reduce(|all, it| all.union(&it))
        .unwrap_or_default();
    let through = match connections.least.is_empty() {
        true => analysis.way(&from, &to)?,
        false => Vec::new(),
    };
    let notes = match connections.least.is_empty() && through.is_empty() {
        true => analysis.open_ends(&from)?,
        false => Vec::new(),
    };
    let is_of_identity = places.is_empty();
    let is_by_ways = arguments.through || is_of_identity;
    // What is not known of connections is in what passes at most; of ways it is not, and a file that is not read may
    // hold what makes one.
    let is_complete =
        analysis.identities().gaps().is_empty() && (read.gaps.is_empty() || !is_by_ways);
    if connections.least.is_empty() {
        read.gaps.extend(gaps_of_identities(analysis));
    }
    let answer = Answer {
        connections,
        proofs,
        through,
        notes,
        is_complete,
        is_of_identity,
    };
    match global.format {
        Format::Json => output::print_json(&report(&read, &answer))?,
        _ => {
            let told = answer.proofs.iter().map(|it| text(it, asked));
            let mut told = told.collect::<String>();
            match answer.through.is_empty() && answer.is_of_identity {
                true if answer.is_closed() => told.push_str("no way leads there\n"),
                true => told.push_str("no way is found, and there may be one\n"),
                false => told.push_str(&way::text(&read.analysis, &answer.through)),
            }
            for note in &answer.notes {
                // Writing to a string cannot fail.
                let _ = writeln!(told, "  not searched: {note}");
            }
            output::print_lines(&told)?;
            tell(global, &read.gaps);
        }
    }
    let is_reached = !answer.connections.most.is_empty() || (is_by_ways && !answer.is_closed());
    let is_refused = asked == Asked::Forbid && is_reached;
    Ok(ExitCode::from(u8::from(is_refused)))
}

/// What is to be told.
struct Answer<'a> {
    connections: Bounds<Connections>,
    proofs: Vec<Proof<'a>>,
    through: Vec<Hop<'a>>,
    /// In which ways that are not searched there may be one.
    notes: Vec<Arc<str>>,
    /// Whether nothing of the files is unknown.
    is_complete: bool,
    /// Whether the destination is none that connections lead to.
    is_of_identity: bool,
}

impl Answer<'_> {
    /// Whether there is surely no way.
    fn is_closed(&self) -> bool {
        self.through.is_empty() && self.notes.is_empty() && self.is_complete
    }
}

fn prove<'a>(analysis: &'a Analysis, from: &[usize], to: &[usize]) -> Result<Vec<Proof<'a>>> {
    let is_inside = |at: usize| matches!(analysis.endpoint(at), Endpoint::Workload(_));
    let pairs = from
        .iter()
        .flat_map(|from| to.iter().map(move |to| (*from, *to)));
    let pairs = pairs.filter(|(from, to)| is_inside(*from) || is_inside(*to));
    let proofs: Vec<_> = pairs.map(|(from, to)| analysis.prove(from, to)).collect();
    if proofs.is_empty() {
        bail!("one of both has to be a workload: {}", known(analysis));
    }
    Ok(proofs)
}

fn report(read: &Read, answer: &Answer<'_>) -> Report {
    let (least, most) = match answer.is_of_identity {
        true => (
            !answer.through.is_empty() && answer.through.iter().all(|it| it.unsure.is_none()),
            !answer.is_closed(),
        ),
        false => (
            !answer.connections.least.is_empty(),
            !answer.connections.most.is_empty(),
        ),
    };
    Report {
        schema: "casemate.segment-reach/1",
        reachable: (least == most).then_some(least),
        complete: read.gaps.is_empty(),
        connections: answer.connections.least.to_string(),
        possible: possible(&answer.connections),
        proof: answer.proofs.iter().flat_map(told).collect(),
        through: way::hopped(&read.analysis, &answer.through),
        notes: answer.notes.iter().map(ToString::to_string).collect(),
        gaps: read.gaps.clone(),
    }
}

fn known(analysis: &Analysis) -> String {
    let workloads = analysis.cluster().workloads.iter().take(MAX_KNOWN);
    let mut names: Vec<String> = workloads.map(ToString::to_string).collect();
    if let Some(more) = analysis
        .cluster()
        .workloads
        .len()
        .checked_sub(MAX_KNOWN + 1)
    {
        names.push(format!("{} others", more + 1));
    }
    format!(
        "there are {}, ingress-controller, cloud-metadata, outside, and addresses such as 192.0.2.1",
        names.join(", ")
    )
}

pub(super) fn told(proof: &Proof<'_>) -> Vec<Told> {
    let sides = [("egress", &proof.egress), ("ingress", &proof.ingress)];
    let steps = sides
        .into_iter()
        .flat_map(|(name, side)| side.steps.iter().map(move |it| (name, it)));
    let told = |(side, step): (&'static str, &Step<'_>)| {
        let location = step.origin().map(casemate_posture::Origin::location);
        let (effect, connections) = effect(&step.effect);
        Told {
            from: proof.from.to_string(),
            to: proof.to.to_string(),
            side,
            rule: name(step),
            line: location.as_ref().and_then(line),
            file: location.map(|it| it.file.to_string()),
            effect,
            connections: connections.map(ToString::to_string),
            only: only(step).map(str::to_owned),
            unsure: step.unsure.as_deref().map(str::to_owned),
        }
    };
    let ways = proof.ways.iter().flatten().map(|way| way_in(proof, way));
    ways.chain(steps.map(told)).collect()
}

fn way_in(proof: &Proof<'_>, way: &Entry) -> Told {
    let location = way.origin.location();
    Told {
        from: proof.from.to_string(),
        to: proof.to.to_string(),
        side: "way-in",
        rule: Some(format!("{} {}", way.kind, way.name)),
        line: line(&location),
        file: Some(location.file.to_string()),
        effect: "allows",
        connections: Some(way.connections.most.to_string()),
        only: None,
        unsure: possible(&way.connections)
            .map(|_| "whether it leads there is not known".to_owned()),
    }
}

pub(super) fn line(location: &casemate_core::Location) -> Option<u64> {
    match location.region.as_ref()? {
        casemate_core::Region::Text { line, .. } => Some(*line),
        _ => None,
    }
}

fn name(step: &Step<'_>) -> Option<String> {
    let (policy, rule) = step.rule?;
    let rule = rule
        .map(|rule| format!(" {}", rule.name))
        .unwrap_or_default();
    Some(format!("{} {}{rule}", policy.kind, policy.name))
}

/// Which requests a step is about, where it is not about all.
fn only<'a>(step: &Step<'a>) -> Option<&'a str> {
    let (_, rule) = step.rule?;
    rule?.only.as_deref()
}

fn effect(effect: &Effect) -> (&'static str, Option<&Connections>) {
    match effect {
        Effect::Allows(it) => ("allows", Some(it)),
        Effect::Denies(it) => ("denies", Some(it)),
        Effect::Narrows(it) => ("narrows", Some(it)),
        Effect::Passes(it) => ("passes-on", Some(it)),
        Effect::Isolates(it) => ("isolates", Some(it)),
        Effect::Default(it) => ("default", Some(it)),
        Effect::Unknown(it) => ("unknown", Some(it)),
        Effect::Escapes => ("escapes", None),
        Effect::OtherPeers => ("other-peers", None),
        Effect::OtherConnections => ("other-connections", None),
    }
}

fn text(proof: &Proof<'_>, asked: Asked) -> String {
    let mut text = format!(
        "{} => {}: {}\n",
        proof.from,
        proof.to,
        shown(&proof.connections())
    );
    let sides = [
        ("egress", &proof.from, &proof.egress),
        ("ingress", &proof.to, &proof.ingress),
    ];
    for (name, of, side) in sides {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name} of {of}: {}", shown(&side.connections));
        let fired =
            |it: &&Step<'_>| !matches!(it.effect, Effect::OtherPeers | Effect::OtherConnections);
        let told: Vec<&Step<'_>> = match asked {
            Asked::Explain => side.steps.iter().collect(),
            Asked::Reach | Asked::Forbid => side.steps.iter().filter(fired).collect(),
        };
        text.extend(told.iter().map(|step| format!("    {}\n", sentence(step))));
        match side.steps.len() - told.len() {
            0 => {}
            1 => text.push_str("    1 rule is about others (segment explain tells it)\n"),
            more => {
                let _ = writeln!(
                    text,
                    "    {more} rules are about others (segment explain tells them)"
                );
            }
        }
    }
    text
}

pub(super) fn sentence(step: &Step<'_>) -> String {
    let place = step
        .origin()
        .map(|it| format!(" ({})", it.location()))
        .unwrap_or_default();
    let unsure = step
        .unsure
        .as_ref()
        .map(|why| format!("; not sure: {why}"))
        .unwrap_or_default();
    format!("{}{place}{unsure}", clause(step))
}

/// What a rule does, without where it stands.
pub(super) fn clause(step: &Step<'_>) -> String {
    let rule = name(step).unwrap_or_else(|| "no policy".to_owned());
    let what = match &step.effect {
        Effect::Allows(it) => format!("allows {it}"),
        Effect::Denies(it) => format!("denies {it}"),
        Effect::Narrows(it) => format!("denies a part of {it}"),
        Effect::Passes(it) => format!("leaves {it} to the next tier"),
        Effect::Unknown(it) => format!("does nobody knows what with {it}"),
        Effect::Isolates(it) => format!("selects the pods, and no rule allows {it}"),
        Effect::Escapes => "holds what stays on one node".to_owned(),
        Effect::Default(it) => format!("decides of {it}, which pass"),
        Effect::OtherPeers => "is about other peers".to_owned(),
        Effect::OtherConnections => {
            "is about other ports, or such as were decided before".to_owned()
        }
    };
    let only = only(step)
        .map(|it| format!(", of it only {it}"))
        .unwrap_or_default();
    format!("{rule} {what}{only}")
}

const MAX_KNOWN: usize = 12;

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tempfile::tempdir;

    use super::super::run;
    use crate::cli::{Cli, Command};

    const CLUSTER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: lab}
spec: {automountServiceAccountToken: false, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: registry, namespace: models}
spec: {automountServiceAccountToken: false, containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: models}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

    /// Whether it is refused that the notebook reaches the registry, where another file says this.
    fn is_refused(file: &str, more: &[&str]) -> bool {
        let folder = tempdir().expect("a folder");
        let path = folder.path().to_str().expect("UTF-8");
        std::fs::write(folder.path().join("cluster.yaml"), CLUSTER).expect("written");
        std::fs::write(folder.path().join("rb.yaml"), file).expect("written");
        let ask = ["casemate", "segment", "forbid", path, "--quiet"];
        let pair = ["--from", "lab/notebook", "--to", "models/registry"];
        let cli = Cli::parse_from(ask.iter().chain(&pair).chain(more));
        let Command::Segment(command) = &cli.command else {
            unreachable!("it is what was asked");
        };
        let code = run(&cli.global, command).expect("an answer");
        code != std::process::ExitCode::SUCCESS
    }

    #[test]
    fn a_file_that_is_not_read_may_hold_a_way() {
        let broken = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nsubjects: [{kind: ServiceAccount\nroleRef: }\n";
        assert!(!is_refused("", &["--through"]));
        assert!(is_refused(broken, &["--through"]));
        // What passes between two is not up to it.
        assert!(!is_refused(broken, &[]));
    }
}
