//! `casemate model inspect`.

mod text;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use casemate_artifact::{Allowlist, Content, Detail, Limits, Shards, Verdict, inspect};
use casemate_core::{Coverage, PathText, Source};
use casemate_inventory::Entry;
use schemars::JsonSchema;
use serde::Serialize;

use super::{one_file, origin};
use crate::{
    cli::{Format, Global, Inspect},
    config, output,
};

/// What `casemate model inspect` says, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.inspection/1`.
    schema: &'static str,
    /// The file, as the caller names it.
    path: PathText,
    /// How many bytes it has.
    bytes: u64,
    /// What it is.
    format: &'static str,
    /// What `casemate scan` makes of it.
    verdict: Verdict,
    /// Whether everything was seen.
    coverage: Coverage,
    /// Why coverage is partial.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What your own allowlist let pass, with your reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
    /// What it holds.
    #[serde(flatten)]
    content: Content,
    /// The files of an index of shards, and where it says something else than they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<Shards>,
}

/// Lists what one file holds.
pub(crate) fn run(global: &Global, arguments: &Inspect) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("an inspection is text or json");
    }
    let is_full = arguments.full || global.format == Format::Json;
    let detail = if is_full { Detail::Full } else { Detail::Brief };
    let allowlist = config::allowlist(&arguments.allow.files)?;
    let mut report = one_file::look_into(&arguments.file, |entry, source| {
        report(entry, source, &allowlist, detail)
    })?
    .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    if report.format == "shard-index" {
        report.shards = Some(origin::compare(&arguments.file, &allowlist)?);
    }
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&text::page(&report, is_full, output::options(global)))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn report(
    entry: &Entry,
    source: &dyn Source,
    allowlist: &Allowlist,
    detail: Detail,
) -> std::io::Result<Report> {
    let inspection = inspect(source, allowlist, &Limits::default(), detail)?;
    let examination = inspection.examination;
    let allowed = examination.allowances();
    Ok(Report {
        schema: "casemate.inspection/1",
        path: entry.file.clone(),
        bytes: source.len(),
        format: examination.format,
        verdict: examination.verdict,
        coverage: examination.coverage,
        reason: examination.reason,
        allowed,
        content: inspection.content,
        shards: None,
    })
}
