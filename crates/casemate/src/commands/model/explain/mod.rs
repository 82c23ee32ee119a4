//! `casemate model explain`.

mod text;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use casemate_artifact::{
    Allowlist, Detail, Excerpt, Explanation, Limits, Stream, Verdict, explain,
};
use casemate_core::{AssetId, Coverage, Finding, PathText, Source};
use casemate_inventory::{Entry, Options};
use schemars::JsonSchema;
use serde::Serialize;

use super::one_file;
use crate::{
    NEGATIVE,
    cli::{Explain, Format, Global},
    config, output,
};

/// What `casemate model explain` says, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.explanation/1`.
    schema: &'static str,
    /// The file, as the caller names it.
    path: PathText,
    /// What it is.
    format: &'static str,
    /// The worst of what was seen.
    verdict: Verdict,
    /// Whether everything was seen.
    coverage: Coverage,
    /// Why coverage is partial.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What your own allowlist let pass, with your reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
    /// The pickle streams in it.
    streams: Vec<Stream>,
    /// How many more there are, in which nothing was found.
    more_streams: u64,
    /// The text that findings speak of, where it is a template or a program.
    excerpts: Vec<Excerpt>,
    /// What `casemate scan` finds in it.
    findings: Vec<Finding>,
    /// Which of the findings stand at no statement, by their place in the list.
    unplaced: Vec<usize>,
}

/// Explains one file.
pub(crate) fn run(global: &Global, arguments: &Explain) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("an explanation is text or json");
    }
    let detail = match arguments.full || global.format == Format::Json {
        true => Detail::Full,
        false => Detail::Brief,
    };
    let allowlist = config::allowlist(&arguments.allow.files)?;
    let report = one_file::look_into(&arguments.file, |entry, source| {
        report(entry, source, &allowlist, detail)
    })?
    .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&text::page(&report, output::options(global)))?,
    }
    let is_clean = report.verdict <= Verdict::Known && report.coverage == Coverage::Complete;
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

fn report(
    entry: &Entry,
    source: &dyn Source,
    allowlist: &Allowlist,
    detail: Detail,
) -> std::io::Result<Report> {
    let explanation = explain(source, allowlist, &Limits::default(), detail)?;
    let id = AssetId::File {
        repository: Options::default().repository,
        path: entry.path.clone(),
    };
    let Explanation {
        examination,
        streams,
        more_streams,
        unplaced,
        excerpts,
    } = explanation;
    let allowed = examination.allowances();
    let findings = examination.findings.into_iter();
    Ok(Report {
        schema: "casemate.explanation/1",
        path: entry.file.clone(),
        format: examination.format,
        verdict: examination.verdict,
        coverage: examination.coverage,
        reason: examination.reason,
        allowed,
        streams,
        more_streams,
        excerpts,
        findings: findings
            .map(|found| found.into_finding(&id, &entry.path, &entry.file))
            .collect(),
        unplaced,
    })
}
