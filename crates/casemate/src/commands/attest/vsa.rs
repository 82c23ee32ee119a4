//! `casemate attest vsa`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use casemate_attest::{ResourceDescriptor, TrustStore};
use casemate_core::{Decision, Digest, Kept, Timestamp, Verdict as Outcome};
use casemate_provenance::{
    Claims, Manifest, Verdict, VerifyOptions,
    predicate::vsa::{SLSA_VERSION, VerificationResult, VerificationSummary, Verifier},
    verify,
};

use super::{
    Author, Report, inventory, options,
    policy::{OfAttestations, Use},
    tell,
};
use crate::{
    NEGATIVE,
    cli::{Global, attest::Vsa},
    clock,
    commands::signing::{
        logs, trust,
        verify::{open_claims, told},
        with_progress,
    },
    policies,
};

/// Verifies a model and what is said of it, asks the policy, and says what came of that.
pub(crate) fn run(global: &Global, arguments: &Vsa) -> Result<ExitCode> {
    let author = Author::new(&arguments.statement, [&arguments.model, &arguments.claims])?;
    let now = clock::of(global)?.now();
    let bundle = policies::load(global, &arguments.policy, now)?;
    // A summary of claims that were not there to be read would be signed of a mistyped name.
    let claims = open_claims(&arguments.claims)?;
    let mut inputs = input_attestations(&claims);
    let trusted = &arguments.trusted;
    let (key, store) = (trusted.trust_key.as_deref(), trusted.trust_store.as_deref());
    let trust = trust(key, &trusted.trust, store)?;
    let mut gate = OfAttestations::new(&arguments.gate, &trust, Use::Stated, now)?;
    let verdict = verified(global, arguments, claims, trust, now)?;
    let mut report = Report::new(&arguments.model);
    report.notes.clone_from(&verdict.notes);
    report.problems = verdict.problems.iter().map(told).collect();
    let root = verdict.root.filter(|_| verdict.class.is_success());
    let mut passes = false;
    if let Some(root) = root {
        let evidence = verdict.claims.iter().map(|claim| &claim.evidence);
        let decision = gate.decide(&bundle, root, evidence, now)?;
        inputs.extend(approved_by(&decision));
        passes = decision.outcome != Outcome::Deny;
        let reasons = decision
            .reasons
            .iter()
            .map(|it| format!("policy  {}", it.message));
        report.problems.extend(reasons);
    }
    let result = match passes {
        true => VerificationResult::Passed,
        false => VerificationResult::Failed,
    };
    let said = VerificationSummary {
        verifier: Verifier {
            id: arguments.verifier_id.clone(),
            version: Some([("casemate".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into()),
        },
        time_verified: now.to_string(),
        resource_uri: arguments.resource_uri.clone(),
        policy: ResourceDescriptor {
            uri: Some(arguments.policy_uri.clone()),
            ..nameless(&bundle.digest())
        },
        input_attestations: Some(inputs),
        verification_result: result,
        verified_levels: result.levels(),
        slsa_version: Some(SLSA_VERSION.to_owned()),
    };
    let (name, root) = match root {
        Some(root) => (verdict.name.unwrap_or_default(), root),
        None => match what_is_there(global, arguments)? {
            Ok(manifest) => (manifest.name.clone(), manifest.root()),
            Err(reason) => {
                report.reason = Some(reason);
                return tell(global, &report, ExitCode::from(NEGATIVE));
            }
        },
    };
    author.write((&name, root), &said, &mut report)?;
    let code = match passes {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    };
    tell(global, &report, code)
}

fn verified(
    global: &Global,
    arguments: &Vsa,
    claims: Claims,
    mut trust: TrustStore,
    now: Timestamp,
) -> Result<Verdict> {
    let heard = logs::read(&arguments.logs, &mut trust, now)?;
    let scope = &arguments.statement.scope;
    let options = VerifyOptions {
        ignore_paths: scope.ignore_paths.clone(),
        allow_symlinks: scope.allow_symlinks,
        bundles: outputs(arguments),
        claims,
        logs: heard.logs,
        ..VerifyOptions::default()
    };
    let look = |meter: &_| verify(&arguments.model, &[], &trust, &options, now, meter);
    let mut verdict = with_progress(global.quiet, look);
    verdict.notes.extend(heard.notes);
    Ok(verdict)
}

/// What the model is: whatever fails is said of that, and not of what somebody signed.
fn what_is_there(global: &Global, arguments: &Vsa) -> Result<Result<Manifest, String>> {
    let options = options(&arguments.statement.scope, outputs(arguments));
    let found = inventory(global, &arguments.model, &options, None)?;
    Ok(found.map(|it| it.manifest))
}

fn outputs(arguments: &Vsa) -> Vec<PathBuf> {
    let own = [&arguments.statement.bundle, &arguments.claims];
    (own.into_iter().chain(&arguments.logs.log_proof))
        .cloned()
        .collect()
}

/// Every attestation that was gone by, those that do not count too.
fn input_attestations(claims: &Claims) -> Vec<ResourceDescriptor> {
    let lines = claims.lines.iter();
    lines
        .map(|line| nameless(&Digest::of(&line.bytes)))
        .collect()
}

/// The approvals that the decision rests on.
fn approved_by(decision: &Decision) -> impl Iterator<Item = ResourceDescriptor> {
    let approvals = decision.obligations.iter().flat_map(|it| match &it.kept {
        Kept::Approve { approvals } => &approvals[..],
        _ => &[],
    });
    approvals.map(|approval| nameless(&approval.bundle))
}

fn nameless(digest: &Digest) -> ResourceDescriptor {
    ResourceDescriptor {
        name: None,
        ..ResourceDescriptor::of("", digest)
    }
}
