//! `casemate attest vsa`.

use std::process::ExitCode;

use anyhow::Result;
use casemate_attest::ResourceDescriptor;
use casemate_core::{Digest, Verdict as Outcome};
use casemate_provenance::{
    Claims, Manifest, VerifyOptions,
    predicate::vsa::{SLSA_VERSION, VerificationResult, VerificationSummary, Verifier},
    verify,
};

use super::{Author, Report, inventory, options, policy, tell};
use crate::{
    NEGATIVE,
    cli::{Global, attest::Vsa},
    clock,
    commands::signing::{trust, verify::read_claims, with_progress},
    policies,
};

/// Verifies a model and what is said of it, asks the policy, and says what came of that.
pub(crate) fn run(global: &Global, arguments: &Vsa) -> Result<ExitCode> {
    let author = Author::new(&arguments.statement, [&arguments.model, &arguments.claims])?;
    let trusted = &arguments.trusted;
    let trust = trust(
        trusted.trust_key.as_deref(),
        &trusted.trust,
        trusted.trust_store.as_deref(),
    )?;
    let bundle = policies::load(arguments.policy.as_deref())?;
    let now = clock::of(global)?.now();
    let claims = read_claims(&arguments.claims);
    let inputs = input_attestations(&claims);
    let scope = &arguments.statement.scope;
    let outputs = vec![arguments.statement.bundle.clone(), arguments.claims.clone()];
    let verification = VerifyOptions {
        ignore_paths: scope.ignore_paths.clone(),
        allow_symlinks: scope.allow_symlinks,
        bundles: outputs.clone(),
        claims,
        ..VerifyOptions::default()
    };
    let verdict = with_progress(global.quiet, |meter| {
        verify(&arguments.model, &[], &trust, &verification, now, meter)
    });
    let mut report = Report::new(&arguments.model);
    report.notes.clone_from(&verdict.notes);
    for problem in &verdict.problems {
        let place = problem.line.map(|line| format!("claim on line {line}: "));
        let path = problem.path.as_ref().map(|path| format!("{path} "));
        let (place, path) = (place.unwrap_or_default(), path.unwrap_or_default());
        let class = problem.class.as_str();
        report
            .problems
            .push(format!("{class}  {place}{path}{}", problem.message));
    }
    let mut passes = verdict.class.is_success();
    if let Some(root) = verdict.root.filter(|_| passes) {
        let evidence = verdict.claims.iter().map(|claim| &claim.evidence);
        let decision = policy::decide(&bundle, root, evidence, now)?;
        passes = decision.outcome != Outcome::Deny;
        let reasons = decision.reasons.iter();
        report
            .problems
            .extend(reasons.map(|reason| format!("policy  {}", reason.message)));
    }
    // What failed is said of what is there, and not of what somebody signed.
    let manifest: Manifest =
        match inventory(global, &arguments.model, &options(scope, outputs), None)? {
            Ok(found) => found.manifest,
            Err(reason) => {
                report.reason = Some(reason);
                return tell(global, &report, ExitCode::from(NEGATIVE));
            }
        };
    if passes && verdict.root != Some(manifest.root()) {
        let told = "the model is signed in another way than claims are made of it: with other digests, in shards, or without a part of it";
        report.reason = Some(told.to_owned());
        return tell(global, &report, ExitCode::from(NEGATIVE));
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
            name: None,
            uri: Some(arguments.policy_uri.clone()),
            ..ResourceDescriptor::of("", &bundle.digest())
        },
        input_attestations: Some(inputs),
        verification_result: result,
        verified_levels: result.levels(),
        slsa_version: Some(SLSA_VERSION.to_owned()),
    };
    author.write(&manifest, &said, &mut report)?;
    let code = match passes {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    };
    tell(global, &report, code)
}

/// Every attestation that was gone by, those that do not count too.
fn input_attestations(claims: &Claims) -> Vec<ResourceDescriptor> {
    let lines = claims.lines.iter();
    let descriptor = |digest: Digest| ResourceDescriptor {
        name: None,
        ..ResourceDescriptor::of("", &digest)
    };
    lines
        .map(|line| descriptor(Digest::of(&line.bytes)))
        .collect()
}
