//! `casemate policy eval`: the gate for inputs that others make.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::{Decision, Verdict};
use casemate_policy::{GateInput, Masked};

use super::documents;
use crate::{
    NEGATIVE,
    cli::{Format, Global, policy::Eval},
    clock,
    commands::{
        gate::{Append, Approvals, Gate},
        log::evidence::{Ledger, Said},
        signing::{outputs, trust, write_whole},
    },
    output, policies,
};

/// Decides an input, keeps what that obliges to, and records it.
pub(super) fn run(global: &Global, arguments: &Eval) -> Result<ExitCode> {
    clear(arguments)?;
    let input = documents::input(&arguments.input)?;
    let bundle = policies::load(global, &arguments.policy, clock::of(global)?.now())?;
    let mut gate = gate(global, arguments, &input)?;
    let record = casemate_policy::record(&bundle, &input, &mut gate);
    let denied = record.outcome == Verdict::Deny;
    let passed = gate.passes.take();
    // The log comes first: nothing passes that is not in it. That the log tells of more than passed, where
    // the file cannot be written, is the lesser evil.
    let logged = gate.logged(&record.decision())?;
    if let (Some(path), Some(passed), false) = (&arguments.masked, &passed, denied) {
        let json = serde_json::to_string_pretty(passed.passed())? + "\n";
        write_whole(path, json.as_bytes(), true)?;
    }
    let record = match arguments.with_input {
        true => record.with_question(input)?,
        false => record,
    };
    if let Some(path) = &arguments.record {
        let json = serde_json::to_string_pretty(&record)? + "\n";
        write_whole(path, json.as_bytes(), arguments.with_input)?;
    }
    match global.format {
        Format::Json => output::print_json(&record)?,
        _ => output::print_lines(&record.to_string())?,
    }
    if let Some(logged) = logged {
        output::hint(global, &format!("logged as entry {}", logged.last));
    }
    Ok(match denied {
        true => ExitCode::from(NEGATIVE),
        false => ExitCode::SUCCESS,
    })
}

/// Removes what an earlier run let through. Whoever looks at that file and not at the exit status would
/// take it for what this one did.
fn clear(arguments: &Eval) -> Result<()> {
    let Some(path) = &arguments.masked else {
        return Ok(());
    };
    let read = [&arguments.input]
        .into_iter()
        .chain(&arguments.approval)
        .chain(&arguments.trust_store)
        .chain(&arguments.policy.policy)
        .chain(&arguments.policy.policy_trust_store)
        .chain(&arguments.log_key)
        .chain(&arguments.log_secret)
        .chain(&arguments.log_records);
    let outputs: Vec<&Path> = [path]
        .into_iter()
        .chain(&arguments.record)
        .map(PathBuf::as_path)
        .collect();
    outputs::replaces_nothing_else(&outputs, read, true)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn gate<'a>(global: &'a Global, arguments: &'a Eval, input: &'a GateInput) -> Result<Gate<'a>> {
    let clock = clock::of(global)?;
    let approvals = match &arguments.trust_store {
        Some(store) => {
            let trust = trust(None, &[], Some(store))?;
            Approvals::read(&arguments.approval, &trust, clock.now())?
        }
        None => Approvals::default(),
    };
    let passes = match (&arguments.masked, input.context.get("request")) {
        (None, _) => None,
        (Some(_), Some(request)) => Some(Masked::new(request.clone())),
        (Some(_), None) => bail!("the input has no `context.request`, which --masked writes"),
    };
    let log = arguments.log.clone().map(|dir| -> Append<'a> {
        let ledger = Ledger {
            dir,
            key: arguments.log_key.clone(),
            secret: arguments.log_secret.clone(),
            records: arguments.log_records.clone(),
        };
        Box::new(move |decision: &Decision| {
            let said = Said {
                root: &input.subject,
                populations: &[],
                outcomes: &[],
                decision,
            };
            (ledger.append(&said, &*clock)).context("cannot log the decision")
        })
    });
    Ok(Gate {
        approvals,
        passes,
        log,
        logged: None,
    })
}
