//! `casemate verify-attestation`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use casemate_attest::{ResourceDescriptor, TrustStore};
use casemate_core::{Digest, LogProof, Timestamp, Verdict as Outcome};
use casemate_provenance::{
    Attested, Class, Evidence, Manifest, Problem, Stated, read_attestation, together,
};

use super::{
    claims::bundles,
    inventory, options,
    policy::{OfAttestations, Use},
    report::{Attestation, Place, Refusal, Verification},
};
use crate::{
    NEGATIVE,
    cli::{Format, Global, attest::VerifyAttestation},
    clock,
    commands::signing::logs,
    output, policies,
};

/// Verifies attestations: their signatures, what they are about and say, and what a policy makes of it.
pub(crate) fn run(global: &Global, arguments: &VerifyAttestation) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("attestations are told of as text or json");
    }
    let mut trust = arguments.trust.store()?;
    let now = clock::of(global)?.now();
    let bundle = policies::load(global, &arguments.policy, now)?;
    let heard = logs::read(&arguments.logs, &mut trust, now)?;
    let asked = Asked::new(global, arguments)?;
    let mut gate = OfAttestations::new(&arguments.gate, &trust, Use::Told, now)?;
    let mut report = Verification {
        schema: "casemate.attestation-verification/1",
        ok: false,
        attestations: Vec::new(),
        problems: Vec::new(),
        decision: None,
        notes: heard.notes,
    };
    let mut places = Vec::new();
    let logs = heard.logs.as_deref();
    let read = read(arguments, &trust, logs, now, &mut places, &mut report);
    // Of a log that says one thing to one and another to others, nothing counts.
    let equivocations = logs.iter().flat_map(|logs| logs.equivocations());
    report.problems.extend(
        equivocations.map(|told| refusal("a log", Problem::new(Class::Equivocation, told))),
    );
    for stated in together(read) {
        let at = |index: &u64| usize::try_from(*index).ok().and_then(|at| places.get(at));
        let at: Vec<Place> = stated.at.iter().filter_map(at).cloned().collect();
        match asked.lacks(&stated, &trust) {
            Some(problem) => report.problems.extend(at.into_iter().map(|bundle| Refusal {
                bundle,
                problem: problem.clone(),
            })),
            None => report.attestations.push(Attestation {
                bundles: at,
                says: stated.attested.says,
                evidence: stated.attested.evidence,
            }),
        }
    }
    let evidence: Vec<&Evidence> = report.attestations.iter().map(|it| &it.evidence).collect();
    match asked.subject(&evidence) {
        Subject::Nothing => {}
        Subject::One(subject) => {
            report.decision = Some(gate.decide(&bundle, subject, evidence, now)?);
        }
        // What is said of one would pass for what has to be said of another.
        Subject::Several => {
            let told = "they are about different things, and --model or --subject has to say which";
            let problem = Problem::new(Class::ContentMismatch, told);
            report
                .problems
                .push(refusal("the attestations together", problem));
        }
    }
    let denies = |it: &casemate_core::Decision| it.outcome == Outcome::Deny;
    report.ok =
        report.problems.is_empty() && report.decision.as_ref().is_some_and(|it| !denies(it));
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&report.text())?,
    }
    Ok(match report.ok {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

/// Every bundle that counts by itself, by its place in `places`; each that does not is a problem.
fn read(
    arguments: &VerifyAttestation,
    trust: &TrustStore,
    logs: Option<&dyn LogProof>,
    now: Timestamp,
    places: &mut Vec<Place>,
    report: &mut Verification,
) -> Vec<(u64, Attested)> {
    let mut counted = Vec::new();
    for path in &arguments.bundles {
        let found = match bundles(path) {
            Ok(found) => found,
            Err(error) => {
                let problem = Problem::new(Class::Malformed, format!("{error:#}"));
                let file = path.display().to_string();
                report.problems.push(refusal(&file, problem));
                continue;
            }
        };
        for (place, bytes) in found {
            match read_attestation(&bytes, trust, logs, now, &mut report.notes) {
                Ok(attested) => {
                    counted.push((places.len() as u64, attested));
                    places.push(place);
                }
                Err(problem) => report.problems.push(Refusal {
                    bundle: place,
                    problem,
                }),
            }
        }
    }
    counted
}

/// Why something that is no bundle of its own counts for nothing.
fn refusal(file: &str, problem: Problem) -> Refusal {
    let (file, line) = (file.to_owned(), None);
    Refusal {
        bundle: Place { file, line },
        problem,
    }
}

/// What the policy is asked about.
enum Subject {
    /// Nothing that counts is said of anything.
    Nothing,
    One(Digest),
    /// No one thing is what all are about.
    Several,
}

/// What was asked of the attestations.
struct Asked {
    /// What one subject of each has to be, in any of these ways; nothing, where nobody asked.
    digests: Option<Vec<Digest>>,
    /// What is there, where somebody asked for that.
    model: Option<Manifest>,
    predicate_type: Option<String>,
}

impl Asked {
    fn new(global: &Global, arguments: &VerifyAttestation) -> Result<Self> {
        let mut digests = arguments.subject.map(|digest| vec![digest]);
        let mut there = None;
        if let Some(model) = &arguments.model {
            let options = options(&arguments.scope, arguments.bundles.clone());
            let manifest = match inventory(global, model, &options, None)? {
                Ok(found) => found.manifest,
                Err(reason) => bail!("{}: {reason}", model.display()),
            };
            // What others say of one file names the file, and not the root of a model that it is.
            let all = [Some(manifest.root()), manifest.file_digest()];
            digests = Some(all.into_iter().flatten().collect());
            there = Some(manifest);
        }
        Ok(Self {
            digests,
            model: there,
            predicate_type: arguments.predicate_type.clone(),
        })
    }

    /// What is wrong with a statement that counts by itself.
    fn lacks(&self, stated: &Stated, trust: &TrustStore) -> Option<Problem> {
        let evidence = &stated.attested.evidence;
        if let Some(digests) = &self.digests
            && !evidence.is_about(digests)
        {
            let told = "it is about something else";
            let mut problem = Problem::new(Class::ContentMismatch, told);
            problem.expected = evidence
                .subject
                .iter()
                .find_map(|it| it.sha256())
                .map(|hex| format!("sha256:{hex}"));
            problem.actual = digests.first().map(Digest::to_string);
            return Some(problem);
        }
        if let Some(model) = &self.model
            && stated.attested.signs_other_files(model)
        {
            let told = "it signs files with the same digests under other names";
            return Some(Problem::new(Class::ContentMismatch, told));
        }
        if let Some(asked) = &self.predicate_type
            && *asked != evidence.predicate_type
        {
            let told = format!(
                "it is of type {:?}, and not what was asked for",
                evidence.predicate_type
            );
            return Some(Problem::new(Class::ContentMismatch, told));
        }
        stated.lacks_signers(trust)
    }

    /// What the policy is asked about: what was asked for, or else the first thing that all are about.
    fn subject(&self, evidence: &[&Evidence]) -> Subject {
        let Some((first, rest)) = evidence.split_first() else {
            return Subject::Nothing;
        };
        if let Some(asked) = self.digests.as_ref().and_then(|it| it.first()) {
            return Subject::One(*asked);
        }
        let mut all_are_about = first.subject.iter().filter(|one| {
            let is_it = |it: &ResourceDescriptor| is_same(one, it);
            rest.iter().all(|it| it.subject.iter().any(is_it))
        });
        let Some(one) = all_are_about.next() else {
            return Subject::Several;
        };
        let named = one
            .sha256()
            .and_then(|hex| format!("sha256:{hex}").parse().ok());
        // Of what has no SHA-256 digest, the statement itself is known.
        Subject::One(named.unwrap_or(first.bundle))
    }
}

/// Whether two name one artifact: by SHA-256, or else by all digests that they have.
fn is_same(a: &ResourceDescriptor, b: &ResourceDescriptor) -> bool {
    match (a.sha256(), b.sha256()) {
        (None, None) => a.digest == b.digest,
        (a, b) => a == b,
    }
}
