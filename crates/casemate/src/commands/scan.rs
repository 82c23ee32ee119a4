//! `casemate scan`.

use std::process::ExitCode;

use anyhow::Result;
use casemate_artifact::{Limits, Verdict, examine};
use casemate_core::{AssetId, Coverage, Rule};
use casemate_inventory::{Entry, Options, Unreadable, each_file};
use casemate_report::{Artifact, Judgement, Scan};

use crate::{
    NEGATIVE, catalogue,
    cli::{self, Global},
    config, output,
    progress::Ticker,
};

/// Judges every regular file under the paths.
pub(crate) fn run(global: &Global, arguments: &cli::Scan) -> Result<ExitCode> {
    let options = Options::default();
    let allowlist = config::allowlist(&arguments.allow.files)?;
    let limits = Limits::default();
    let judge = |entry: &Entry, source: &dyn casemate_core::Source| {
        let id = AssetId::File {
            repository: options.repository.clone(),
            path: entry.path.clone(),
        };
        let examination = examine(source, &allowlist, &limits);
        let allowances = examination.allowances();
        let allowed = allowances.map(|names| format!("allowed by you: {names}"));
        let findings = (examination.findings.into_iter())
            .map(|observation| observation.into_finding(&id, &entry.path, &entry.file))
            .collect();
        Artifact {
            path: entry.file.clone(),
            format: examination.format.to_owned(),
            verdict: judgement(examination.verdict),
            coverage: examination.coverage,
            reason: examination.reason.or(allowed),
            findings,
        }
    };
    let ticker = Ticker::new(global.quiet);
    let seen = each_file(&arguments.paths, &options, judge, Ticker::progress(&ticker))?;
    drop(ticker);
    output::detail(global, || {
        let rows = allowlist.len();
        format!("{} files, against {rows} rows of the allowlist", seen.len())
    });
    let artifacts = seen
        .into_iter()
        .map(|(entry, result)| result.unwrap_or_else(|error| unreadable(&entry, &error)))
        .collect();
    let rules: Vec<Rule> = catalogue::rules();
    let scan = Scan::new(env!("CARGO_PKG_VERSION"), artifacts, &rules);
    output::print(&output::format(global).scan(&scan, output::options(global)))?;
    Ok(if scan.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

/// The verdict as the report says it.
fn judgement(verdict: Verdict) -> Judgement {
    match verdict {
        Verdict::Inert => Judgement::Inert,
        Verdict::Known => Judgement::Known,
        Verdict::Unknown => Judgement::Unknown,
        Verdict::Dangerous => Judgement::Dangerous,
    }
}

/// What stands for a file that could not be read to its end: never clean.
fn unreadable(entry: &Entry, error: &Unreadable) -> Artifact {
    let id = AssetId::File {
        repository: Options::default().repository,
        path: entry.path.clone(),
    };
    Artifact {
        path: entry.file.clone(),
        format: "unreadable".to_owned(),
        verdict: Judgement::Unknown,
        coverage: Coverage::Partial,
        reason: Some(error.to_string()),
        findings: vec![error.finding(&id, &entry.path, &entry.file)],
    }
}
