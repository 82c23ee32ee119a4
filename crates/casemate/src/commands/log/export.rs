//! `casemate log export`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use casemate_attest::Base64;
use casemate_ledger::record;
use serde::Serialize;

use super::{append::leaf, open};
use crate::{cli, output};

/// One line.
#[derive(Serialize)]
struct Line {
    index: u64,
    leaf: String,
    /// The entry, where it is a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<casemate_core::Record>,
    /// The entry's bytes, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Base64>,
}

/// Prints entries.
pub(crate) fn run(arguments: &cli::Export) -> Result<ExitCode> {
    let log = open(&arguments.dir)?;
    let size = log.checkpoint().size();
    let to = arguments.to.unwrap_or(size);
    if to > size || arguments.from > to {
        bail!(
            "the log has {size} entries, and no range {} to {to}",
            arguments.from
        );
    }
    let exported = log.entries(arguments.from..to, |index, entry| -> Result<()> {
        let record = record::read(entry);
        let line = Line {
            index,
            leaf: leaf(entry),
            bytes: record.is_none().then(|| Base64(entry.to_vec())),
            record,
        };
        output::print(&(serde_json::to_string(&line)? + "\n"))
    });
    exported.with_context(|| arguments.dir.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
