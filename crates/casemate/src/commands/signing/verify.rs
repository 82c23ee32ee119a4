//! `casemate verify`.

use std::{collections::BTreeSet, fmt::Write as _, io::BufReader, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_core::{Logged, PathText};
use casemate_provenance::{Claim, Claims, Class, Problem, Verdict, VerifyOptions, verify};
use casemate_report::sanitise;
use schemars::JsonSchema;
use serde::Serialize;

use super::{logs, open_evidence, read_bundle, with_progress};
use crate::{
    NEGATIVE,
    cli::{Format, Global, signing::Verify},
    clock, output,
};

/// What `casemate verify` says, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.verdict/1`.
    schema: &'static str,
    /// The model, as the caller names it.
    model: String,
    /// What was asked for, where that is not the whole model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
    /// The verdict.
    #[serde(flatten)]
    verdict: Verdict,
}

/// Verifies a model.
pub(crate) fn run(global: &Global, arguments: &Verify) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("a verdict is text or json");
    }
    let mut trust = arguments.trust.store()?;
    let now = clock::of(global)?.now();
    let heard = logs::read(&arguments.logs, &mut trust, now)?;
    let (mut bundles, mut unreadable) = (Vec::new(), Vec::new());
    for path in &arguments.bundle {
        match read_bundle(path, "signature") {
            Ok(bytes) => bundles.push(bytes),
            Err(error) => unreadable.push(format!("{error:#}")),
        }
    }
    let claims = arguments.claims.as_deref().map(read_claims);
    let options = VerifyOptions {
        only: arguments.only.clone(),
        ignore_paths: arguments.scope.ignore_paths.clone(),
        ignore_unsigned: arguments.ignore_unsigned_files,
        allow_symlinks: arguments.scope.allow_symlinks,
        bundles: (arguments.bundle.iter())
            .chain(&arguments.claims)
            .chain(&arguments.logs.log_proof)
            .cloned()
            .collect(),
        claims: claims.unwrap_or_default(),
        unreadable,
        logs: heard.logs,
    };
    let mut verdict = with_progress(global.quiet, |meter| {
        verify(&arguments.model, &bundles, &trust, &options, now, meter)
    });
    verdict.notes.extend(heard.notes);
    let report = Report {
        schema: "casemate.verdict/1",
        model: arguments.model.display().to_string(),
        only: arguments.only.clone(),
        verdict,
    };
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&report.text(output::options(global).colour))?,
    }
    Ok(match report.verdict.class.is_success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

/// The lines of a claims file; one that cannot be read is a problem of the model.
pub(crate) fn read_claims(path: &Path) -> Claims {
    open_claims(path).unwrap_or_else(|error| Claims::unreadable(&format!("{error:#}")))
}

/// The lines of a claims file, which has to be there.
pub(crate) fn open_claims(path: &Path) -> Result<Claims> {
    open_evidence(path)
        .and_then(|file| Claims::read(&mut BufReader::new(file)))
        .with_context(|| format!("cannot read the claims {}", path.display()))
}

impl Report {
    fn text(&self, colour: bool) -> String {
        let verdict = &self.verdict;
        let style = match (colour, verdict.class.is_success()) {
            (false, _) => anstyle::Style::new(),
            (true, true) => anstyle::AnsiColor::Green.on_default().bold(),
            (true, false) => anstyle::AnsiColor::Red.on_default().bold(),
        };
        let mut out = String::new();
        let class = verdict.class.as_str();
        let words = words(verdict.class);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}: {style}{class}{style:#}: {words}",
            sanitise(&self.model)
        );
        let mut line = |text: String| {
            let _ = writeln!(out, "  {}", sanitise(&text));
        };
        for problem in verdict.problems.iter().take(LISTED) {
            line(told(problem));
            if let (Some(expected), Some(actual)) = (&problem.expected, &problem.actual) {
                line(format!("    signed  {expected}"));
                line(format!("    found   {actual}"));
            }
        }
        if verdict.problems.len() > LISTED {
            let rest = verdict.problems.len() - LISTED;
            line(format!("and {rest} more; --format json lists them all"));
        }
        for signer in &verdict.signers {
            match &signer.certificate {
                Some(certificate) => line(format!("signer  {certificate}, by {}", signer.name)),
                None => line(format!("signer  {}", signer.name)),
            }
            line(format!("key     {}", signer.key));
        }
        if let Some(name) = &verdict.name {
            line(format!("signed  as {name:?}"));
        }
        for claim in verdict.claims.iter().take(LISTED) {
            line(claimed(claim));
        }
        if verdict.claims.len() > LISTED {
            let rest = verdict.claims.len() - LISTED;
            line(format!(
                "and {rest} claims more; --format json lists them all"
            ));
        }
        if let Some(root) = &verdict.root {
            line(format!("model   {root}"));
            let (verified, signed) = (verdict.verified_files, verdict.signed_files);
            line(format!(
                "files   {verified} of {signed} signed files verified"
            ));
        }
        for told in entries(&verdict.logged) {
            line(told);
        }
        if !verdict.ignored.is_empty() {
            let shown: Vec<&PathText> = verdict.ignored.iter().take(LISTED).collect();
            let names: Vec<String> = shown.iter().map(ToString::to_string).collect();
            let rest = verdict.ignored.len() - shown.len();
            let more = if rest > 0 {
                format!(" and {rest} more")
            } else {
                String::new()
            };
            line(format!("unsigned and ignored: {}{more}", names.join(", ")));
        }
        for note in &verdict.notes {
            line(format!("note: {note}"));
        }
        out
    }
}

/// One problem in words.
pub(crate) fn told(problem: &Problem) -> String {
    let class = problem.class.as_str();
    match (&problem.path, problem.line) {
        (Some(path), _) => format!("{class}  {path} {}", problem.message),
        (None, Some(line)) => format!("{class}  claim on line {line}: {}", problem.message),
        (None, None) => format!("{class}  {}", problem.message),
    }
}

/// One claim in words, and by whom.
fn claimed(claim: &Claim) -> String {
    let evidence = &claim.evidence;
    let says = claim.says.as_deref().unwrap_or(&evidence.predicate_type);
    let by: Vec<&str> = evidence.signers.iter().map(|it| it.name.as_str()).collect();
    format!("claim   {says}, says {}", by.join(" and "))
}

/// The entries of logs in which all this is, a line for each.
fn entries(logged: &[Logged]) -> BTreeSet<String> {
    let told = |logged: &Logged| {
        let (index, size, log) = (logged.index, logged.size, &logged.log);
        let seen = logged.seen.as_ref().map_or_else(
            || "which no witness had to see".to_owned(),
            |seen| {
                let by = seen.by.join(", ");
                format!("seen by {by}, by enough of them until {}", seen.time)
            },
        );
        format!("logged  entry {index} of {size} in {log}, {seen}")
    };
    logged.iter().map(told).collect()
}

/// What a class means to whoever reads it.
fn words(class: Class) -> &'static str {
    match class {
        Class::Ok => "it is what a trusted signer signed",
        Class::Partial => {
            "what was asked for is what a trusted signer signed; the rest was not looked at"
        }
        Class::UnsignedPresent => "it holds what nobody signed",
        Class::Missing => "something that was signed is not there",
        Class::ContentMismatch => "it is not what was signed",
        Class::NotLogged => "its signature has to be in a log, and nothing proves that it is",
        Class::Expired => "its signer was not valid at the time",
        Class::Revoked => "its signer was revoked",
        Class::UntrustedSigner => "nobody whom you trust signed it",
        Class::BadSignature => "its signature does not verify",
        Class::Equivocation => "the log that its signature is in has told two histories",
        Class::Malformed => "its signature cannot be read, or could be read in more than one way",
    }
}

/// How many of a kind are listed as text.
const LISTED: usize = 20;
