//! `casemate policy approve`.

use std::process::ExitCode;

use anyhow::Result;
use casemate_attest::ResourceDescriptor;
use casemate_core::{Digest, canonical_json};
use casemate_provenance::predicate::approval::Approval;
use schemars::JsonSchema;
use serde::Serialize;

use super::documents;
use crate::{
    cli::{Format, Global, policy::Approve},
    clock,
    commands::signing::{chain, key, outputs, write_whole},
    output,
};

/// What was approved.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Approved {
    /// `casemate.policy-approval/1`.
    schema: &'static str,
    /// The digest of the canonical input.
    input: Digest,
    /// What the input is about.
    subject: String,
    /// The file that is written.
    bundle: String,
    /// The digest of that file.
    bundle_digest: Digest,
    /// The digest of the key that signed.
    key: Digest,
}

/// Signs that an input is approved.
pub(super) fn run(global: &Global, arguments: &Approve) -> Result<ExitCode> {
    let input = documents::input(&arguments.input)?;
    let signer = &arguments.signer;
    let key = key(signer)?;
    let chain = chain(signer, &*key)?;
    let read = [&arguments.input];
    outputs::may_be_written(&[&arguments.out], read, signer, arguments.force)?;
    let digest = Digest::of(&canonical_json(&input)?);
    let subject = input.subject.to_string();
    let said = Approval {
        gate: input.gate.clone(),
        approved_on: clock::of(global)?.now().to_string(),
        reason: arguments.reason.clone(),
    };
    let about = ResourceDescriptor::of(&*subject, &digest);
    let json = casemate_provenance::attest(about, &said, &*key, &chain)?.to_json();
    write_whole(&arguments.out, &json, false)?;
    let approved = Approved {
        schema: "casemate.policy-approval/1",
        input: digest,
        subject,
        bundle: arguments.out.display().to_string(),
        bundle_digest: Digest::of(&json),
        key: key.public().id(),
    };
    match global.format {
        Format::Json => output::print_json(&approved)?,
        _ => {
            let Approved {
                input,
                subject,
                bundle,
                ..
            } = &approved;
            let text = format!("approved in {bundle}: the input {input} about {subject}\n");
            output::print_lines(&text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
