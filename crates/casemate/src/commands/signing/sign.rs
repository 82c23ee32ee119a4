//! `casemate sign`.

use std::{
    fmt::Write as _,
    fs::File,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use casemate_artifact::{Examination, Limits, Verdict, examine};
use casemate_attest::{Certificate, SigningKey};
use casemate_core::{Clock, Coverage, Digest, SignedStatement, Source};
use casemate_ledger::log::LogError;
use casemate_provenance::{Inspect, PREDICATE, Reuse, SignError, SignOptions, inventory, sign};
use casemate_report::sanitise;
use schemars::JsonSchema;
use serde::Serialize;

use super::{chain, key, outputs, read_bundle, read_long, with_progress, write_whole};
use crate::{
    NEGATIVE,
    cli::{Format, Global, signing::Sign},
    clock,
    commands::log::{attest, read_key, refused, report::Attested},
    config, output,
};

/// What `casemate sign` did, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.signing/1`.
    schema: &'static str,
    /// The model, as the caller names it.
    model: String,
    /// Whether it is signed.
    signed: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The signature's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
    /// The digest of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle_digest: Option<Digest>,
    /// The digest that names the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<Digest>,
    /// The digest of the key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Digest>,
    /// Where the signature is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    logged: Option<Attested>,
    /// Why it is signed and not logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_logged: Option<String>,
    /// How many files were signed.
    files: usize,
    /// How many of them were not read, because an earlier signing had, and they had not changed.
    reused: usize,
    /// How many bytes were read for it.
    bytes: u64,
    /// Whether every file was judged.
    scanned: bool,
    /// The files that are not clean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objections: Vec<Objection>,
    /// What somebody should know.
    notes: Vec<String>,
}

/// A file that is not clean.
#[derive(Debug, Serialize, JsonSchema)]
struct Objection {
    /// The file, relative to the model.
    path: String,
    /// Its verdict, and the worst finding.
    reason: String,
}

/// Signs a model.
pub(crate) fn run(global: &Global, arguments: &Sign) -> Result<ExitCode> {
    let key = key(&arguments.signer)?;
    let chain = chain(&arguments.signer, &*key)?;
    let outputs = [
        Some(&arguments.bundle),
        arguments.digest_store.as_ref(),
        arguments.logging.log_proof.as_ref(),
    ];
    let outputs: Vec<&Path> = outputs
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    let read = [&arguments.model]
        .into_iter()
        .chain(&arguments.allow)
        .chain(&arguments.logging.log_key);
    outputs::may_be_written(&outputs, read, &arguments.signer, arguments.force)?;
    outputs::log_is_elsewhere(arguments)?;
    let log = Logging::of(arguments)?;
    let mut report = Report::of(arguments);
    // A log that takes nothing is known before the model is read.
    match log.as_ref().map_or(Ok(None), Logging::refusal)? {
        Some(why) => report.reason = Some(why),
        None => report.sign(global, arguments, &outputs, &*key, &chain)?,
    }
    if let (Some(log), Some(root), Some(bundle)) = (log, report.root, report.bundle_digest) {
        match log.append(root, bundle, &*clock::of(global)?)? {
            Ok(logged) => report.logged = Some(logged),
            Err(why) => report.not_logged = Some(why),
        }
    }
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&report.text())?,
    }
    Ok(match report.signed && report.not_logged.is_none() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

/// Where the signature is logged, and by which key.
struct Logging<'a> {
    dir: &'a Path,
    key: SigningKey,
    proof: &'a Path,
}

impl<'a> Logging<'a> {
    fn of(arguments: &'a Sign) -> Result<Option<Self>> {
        let logging = &arguments.logging;
        let (Some(dir), Some(key), Some(proof)) =
            (&logging.log, &logging.log_key, &logging.log_proof)
        else {
            return Ok(None);
        };
        let key = read_key(key)?;
        Ok(Some(Self { dir, key, proof }))
    }

    /// Why the log would take nothing.
    fn refusal(&self) -> Result<Option<String>> {
        let opened = refused(attest::Place::open(self.dir, &self.key))?;
        Ok(opened.err().map(|error| self.tell(&error)))
    }

    /// Appends the record of the signature; or says why the log does not take it.
    fn append(
        &self,
        root: Digest,
        bundle: Digest,
        clock: &dyn Clock,
    ) -> Result<Result<Attested, String>> {
        let statement = SignedStatement {
            predicate_type: PREDICATE.to_owned(),
            bundle,
        };
        let logged = attest::Place::open(self.dir, &self.key)
            .and_then(|place| place.append(root, vec![statement], clock, self.proof));
        let logged = refused(logged).context("the model is signed, and not logged")?;
        Ok(logged.map_err(|error| self.tell(&error)))
    }

    fn tell(&self, error: &LogError) -> String {
        format!("the log {}: {error}", self.dir.display())
    }
}

impl Report {
    /// Nothing done yet.
    fn of(arguments: &Sign) -> Self {
        Self {
            schema: "casemate.signing/1",
            model: arguments.model.display().to_string(),
            signed: false,
            reason: None,
            bundle: None,
            bundle_digest: None,
            root: None,
            key: None,
            logged: None,
            not_logged: None,
            files: 0,
            reused: 0,
            bytes: 0,
            scanned: arguments.scan,
            objections: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Reads the model and writes its signature, or says why there is none.
    fn sign(
        &mut self,
        global: &Global,
        arguments: &Sign,
        outputs: &[&Path],
        key: &dyn casemate_attest::Sign,
        chain: &[Certificate],
    ) -> Result<()> {
        let options = SignOptions {
            hash: arguments.hash,
            shard_size: arguments.shard_size,
            allow_symlinks: arguments.scope.allow_symlinks,
            ignore_git: !arguments.no_ignore_git_paths,
            ignore_paths: arguments.scope.ignore_paths.clone(),
            outputs: outputs.iter().map(|it| it.to_path_buf()).collect(),
            reuse: reuse(arguments, key, &mut self.notes)?,
        };
        let begun = match &arguments.digest_store {
            Some(_) => clock_beside(&arguments.model).unwrap_or_else(|error| {
                // Every change is after this, and no file counts as settled.
                self.notes.push(format!(
                    "nothing can be left unread the next time: {error:#}"
                ));
                i64::MIN
            }),
            None => 0,
        };
        let allowlist = config::allowlist(&arguments.allow)?;
        let limits = Limits::default();
        let judge =
            |_: &str, content: &dyn Source| objection(&examine(content, &allowlist, &limits));
        let inspect: Option<&Inspect<'_>> = if arguments.scan { Some(&judge) } else { None };
        let found;
        (found, self.bytes) = with_progress(global.quiet, |meter| {
            let found = inventory(&arguments.model, &options, inspect, meter);
            (found, meter.bytes())
        });
        match found {
            Err(SignError::Open(error)) => {
                return Err(error).with_context(|| format!("cannot open {}", self.model));
            }
            Err(error) => self.reason = Some(error.to_string()),
            Ok(found) if !found.objections.is_empty() => {
                self.reason = Some(format!(
                    "{} of its files are not clean",
                    found.objections.len()
                ));
                let objections = found.objections.into_iter();
                self.objections = objections
                    .map(|(path, reason)| Objection { path, reason })
                    .collect();
                self.objections.sort_by(|a, b| a.path.cmp(&b.path));
            }
            Ok(found) => {
                let json = sign(&found.manifest, key, chain)?.to_json();
                let store = match &arguments.digest_store {
                    Some(path) => Some((path, found.digest_store(&json, begun).sign(key)?)),
                    None => None,
                };
                write_whole(&arguments.bundle, &json, false)?;
                self.signed = true;
                self.bundle = Some(arguments.bundle.display().to_string());
                self.bundle_digest = Some(Digest::of(&json));
                self.root = Some(found.manifest.root());
                self.key = Some(key.public().id());
                self.files = found.manifest.files();
                self.reused = found.reused;
                if let Some((path, store)) = store {
                    write_whole(path, &store, false)?;
                }
                self.notes.extend(found.notes);
            }
        }
        Ok(())
    }
}

/// Why a file is not clean, as `casemate scan` has it.
pub(crate) fn objection(examination: &Examination) -> Option<String> {
    let verdict = examination.verdict;
    let is_complete = examination.coverage == Coverage::Complete;
    if is_complete && verdict <= Verdict::Known {
        return None;
    }
    let worst = examination
        .findings
        .iter()
        .max_by_key(|finding| finding.verdict);
    let why = match (worst, &examination.reason) {
        (Some(finding), _) => format!("{} [{}]", finding.message, finding.rule.id),
        (None, Some(reason)) => reason.clone(),
        (None, None) => "its format is not judged".to_owned(),
    };
    let partly = if is_complete {
        ""
    } else {
        ", and not all of it was judged"
    };
    Some(format!("{}{partly}: {why}", verdict.as_str()))
}

/// What an earlier signing has to give; a note, where it has nothing.
fn reuse(
    arguments: &Sign,
    key: &dyn casemate_attest::Sign,
    notes: &mut Vec<String>,
) -> Result<Option<Reuse>> {
    let (Some(from), Some(store)) = (&arguments.from, &arguments.digest_store) else {
        return Ok(None);
    };
    if arguments.strict {
        return Ok(None);
    }
    let bundle = read_bundle(from, "earlier signature")?;
    if store.symlink_metadata().is_err() {
        notes.push("there is no digest store yet, and every file was read".to_owned());
        return Ok(None);
    }
    let bytes = read_long(store, "digest store")?;
    match Reuse::open(&bytes, &bundle, &key.public()) {
        Ok(reuse) => Ok(Some(reuse)),
        Err(error) => {
            notes.push(format!("every file was read: {error}"));
            Ok(None)
        }
    }
}

/// The present moment by the clock of the file system that `path` is on, in seconds since 1970.
fn clock_beside(path: &Path) -> Result<i64> {
    let named = || format!("cannot write beside {}", path.display());
    let path = path.canonicalize().with_context(named)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let probe = directory.join(format!(".casemate-clock.{}", std::process::id()));
    let made = File::options()
        .write(true)
        .create_new(true)
        .open(&probe)
        .with_context(named)?;
    let metadata = made.metadata();
    std::fs::remove_file(&probe).with_context(named)?;
    Ok(metadata.with_context(named)?.ctime())
}

impl Report {
    fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{}", sanitise(&text));
        };
        for note in &self.notes {
            line(format!("note: {note}"));
        }
        if let Some(reason) = &self.reason {
            line(format!("{} is not signed: {reason}", self.model));
            for objection in self.objections.iter().take(LISTED) {
                line(format!("  {}: {}", objection.path, objection.reason));
            }
            if self.objections.len() > LISTED {
                line(format!(
                    "  and {} more; --format json lists them all",
                    self.objections.len() - LISTED
                ));
            }
            return out;
        }
        line(format!(
            "signed {}: {} files, {} bytes",
            self.model, self.files, self.bytes
        ));
        if let (Some(root), Some(key), Some(bundle)) = (&self.root, &self.key, &self.bundle) {
            line(format!("  model   {root}"));
            line(format!("  key     {key}"));
            line(format!("  bundle  {bundle}"));
        }
        if let Some(logged) = &self.logged {
            line(format!("  logged  {}", logged.describe()));
        }
        if let Some(why) = &self.not_logged {
            line(format!("  not logged: {why}"));
        }
        out
    }
}

/// How many files are listed as text.
const LISTED: usize = 20;
