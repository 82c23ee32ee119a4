//! `casemate log verify`.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};
use casemate_ledger::{
    TlogProof,
    audit::audit,
    checkpoint::{BadHead, Head, Trust},
    disk::Folder,
    log::{Log, LogError},
    note::{MAX_NOTE, Untrusted},
    proof::{MAX_PROOF, Unproven},
    record,
    tile::MAX_ENTRY,
};

use super::{
    is_verdict, read,
    report::{self, Cosigned, Verification, Wrong},
};
use crate::{
    NEGATIVE,
    cli::{self, Format, Global},
    output,
};

/// Verifies a log or a proof.
pub(crate) fn run(global: &Global, arguments: &cli::Verify) -> Result<ExitCode> {
    let trust = Trust {
        log: arguments.trust.vkey.clone(),
        witnesses: arguments.trust.witness_vkey.clone(),
        quorum: arguments
            .trust
            .witnesses
            .unwrap_or(arguments.trust.witness_vkey.len()),
    };
    let verification = match (&arguments.dir, &arguments.proof, &arguments.entry) {
        (Some(dir), ..) => log(dir, &trust, &arguments.since)?,
        (None, Some(file), Some(entry)) => proof(file, entry, &trust)?,
        _ => unreachable!("the arguments ask for either"),
    };
    match global.format {
        Format::Json => output::print_json(&verification)?,
        _ => output::print(&text(&verification))?,
    }
    Ok(match verification.faults.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

/// Recomputes a log.
fn log(dir: &Path, trust: &Trust, since: &[std::path::PathBuf]) -> Result<Verification> {
    let mut faults = Vec::new();
    let named = || dir.display().to_string();
    let log = match Log::open(Folder::new(dir)) {
        Err(error) if is_verdict(&error) => {
            return Ok(failed(vec![wrong("malformed", error.to_string())]));
        }
        log => log.with_context(named)?,
    };
    let head = match trust.verify(log.note().to_string().as_bytes()) {
        Ok(head) => Some(head),
        Err(error) => {
            faults.push(wrong(class(&error), format!("checkpoint: {error}")));
            None
        }
    };
    let mut earlier = Vec::new();
    // An earlier checkpoint says what the log said; who cosigned it does not matter.
    let by_log = Trust {
        quorum: 0,
        ..trust.clone()
    };
    for file in since {
        let name = file.display();
        match by_log.verify(&read(file, MAX_NOTE as u64)?) {
            Ok(head) if head.checkpoint.origin() == log.checkpoint().origin() => {
                earlier.push(head.checkpoint);
            }
            Ok(head) => {
                let origin = head.checkpoint.origin();
                faults.push(wrong(
                    "malformed",
                    format!("{name}: it is of another log, {origin}"),
                ));
            }
            Err(error) => faults.push(wrong(class(&error), format!("{name}: {error}"))),
        }
    }
    let audit = match audit(&log, trust, &earlier) {
        Err(error) if is_verdict(&error) => {
            faults.push(wrong("malformed", error.to_string()));
            return Ok(failed(faults));
        }
        audit => audit.with_context(named)?,
    };
    faults.extend(audit.faults.iter().map(Wrong::of));
    let pending = match log.pending() {
        Err(LogError::Io { .. }) => 0,
        pending => pending?,
    };
    Ok(Verification {
        entries: audit.entries,
        records: audit.records,
        pending,
        ..told(head, faults)
    })
}

/// Verifies a proof, offline and without the log.
fn proof(file: &Path, entry: &Path, trust: &Trust) -> Result<Verification> {
    let entry = read(entry, MAX_ENTRY as u64)?;
    let proof = match TlogProof::parse(&read(file, MAX_PROOF as u64)?) {
        Ok(proof) => proof,
        Err(error) => return Ok(failed(vec![wrong("malformed", error.to_string())])),
    };
    let proven = proof.verify(&entry, trust);
    let (head, faults) = match proven {
        Ok(head) => (Some(head), Vec::new()),
        Err(error) => {
            let class = match &error {
                Unproven::Head(error) => class(error),
                Unproven::Path(_) => "not-logged",
            };
            let mut fault = wrong(class, error.to_string());
            fault.entry = Some(proof.index);
            (None, vec![fault])
        }
    };
    Ok(Verification {
        entries: 1,
        records: u64::from(record::read(&entry).is_some()),
        ..told(head, faults)
    })
}

fn told(head: Option<Head>, faults: Vec<Wrong>) -> Verification {
    let cosigned = head.iter().flat_map(|head| &head.cosigned);
    let cosigned = cosigned.map(|(witness, time)| Cosigned {
        witness: witness.clone(),
        time: *time,
    });
    Verification {
        schema: "casemate/log-verification/v1",
        class: faults.first().map_or("ok", |fault| fault.class),
        cosigned: cosigned.collect(),
        head: head.map(|head| report::Head::of(&head.checkpoint)),
        entries: 0,
        records: 0,
        pending: 0,
        faults,
    }
}

fn failed(faults: Vec<Wrong>) -> Verification {
    told(None, faults)
}

fn wrong(class: &'static str, message: String) -> Wrong {
    Wrong {
        class,
        entry: None,
        message,
    }
}

fn class(error: &BadHead) -> &'static str {
    match error {
        BadHead::Malformed(_) => "malformed",
        BadHead::Untrusted(Untrusted::Forged(_)) => "bad-signature",
        BadHead::Untrusted(Untrusted::Unsigned) | BadHead::NotByTheLog => "untrusted-signer",
        BadHead::Witnesses { .. } => "too-few-witnesses",
    }
}

fn text(verification: &Verification) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let mut line = |line: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", casemate_report::sanitise(&line));
    };
    for fault in &verification.faults {
        line(format!("{}: {}", fault.class, fault.message));
    }
    if let Some(head) = &verification.head {
        line(format!("log       {}", head.origin));
        line(format!("head      {} entries, {}", head.size, head.root));
    }
    if verification.entries > 0 {
        let (entries, records) = (verification.entries, verification.records);
        line(format!(
            "verified  {entries} entries, {records} of them records"
        ));
    }
    if verification.pending > 0 {
        line(format!(
            "pending   {} entries, which nothing protects yet",
            verification.pending
        ));
    }
    match &verification.cosigned[..] {
        [] => line("witnesses none: this proves the order to the log's owner only".into()),
        cosigned => {
            for by in cosigned {
                let time =
                    casemate_core::Timestamp::from_second(by.time.try_into().unwrap_or(i64::MAX));
                let time = time.map_or_else(|_| by.time.to_string(), |time| time.to_string());
                line(format!("witness   {} at {time}", by.witness));
            }
        }
    }
    line(match verification.faults.is_empty() {
        true => "OK".into(),
        false => format!("NOT OK: {}", verification.class),
    });
    text
}
