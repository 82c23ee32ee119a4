//! `casemate sign`.

use std::{
    fmt::Write as _,
    fs::File,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_artifact::{Examination, Limits, Verdict, examine};
use casemate_attest::Certificate;
use casemate_core::{Coverage, Digest, Source};
use casemate_provenance::{Inspect, Manifest, Reuse, SignError, SignOptions, inventory, sign};
use casemate_report::sanitise;
use schemars::JsonSchema;
use serde::Serialize;

use super::{certificates, outputs, private_key, read_long, token, with_progress, write_whole};
use crate::{
    NEGATIVE,
    cli::{Format, Global, signing::Sign},
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
    let key = key(arguments)?;
    let chain = chain(arguments, &*key)?;
    let outputs: Vec<&Path> = [Some(&arguments.bundle), arguments.digest_store.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    outputs::may_be_written(&outputs, arguments)?;
    let mut notes = Vec::new();
    let reuse = reuse(arguments, &*key, &mut notes)?;
    let options = SignOptions {
        hash: arguments.hash,
        shard_size: arguments.shard_size,
        allow_symlinks: arguments.scope.allow_symlinks,
        ignore_git: !arguments.no_ignore_git_paths,
        ignore_paths: arguments.scope.ignore_paths.clone(),
        outputs: outputs.iter().map(|it| it.to_path_buf()).collect(),
        reuse,
    };
    let begun = match &arguments.digest_store {
        Some(_) => clock_beside(&arguments.model).unwrap_or_else(|error| {
            // Every change is after this, and no file counts as settled.
            notes.push(format!(
                "nothing can be left unread the next time: {error:#}"
            ));
            i64::MIN
        }),
        None => 0,
    };
    let allowlist = config::allowlist(&arguments.allow)?;
    let limits = Limits::default();
    let judge = |_: &str, content: &dyn Source| objection(&examine(content, &allowlist, &limits));
    let inspect: Option<&Inspect<'_>> = if arguments.scan { Some(&judge) } else { None };
    let (found, bytes) = with_progress(global.quiet, |meter| {
        let found = inventory(&arguments.model, &options, inspect, meter);
        (found, meter.bytes())
    });
    let model = arguments.model.display().to_string();
    let mut report = Report {
        schema: "casemate.signing/1",
        model,
        signed: false,
        reason: None,
        bundle: None,
        bundle_digest: None,
        root: None,
        key: None,
        files: 0,
        reused: 0,
        bytes,
        scanned: arguments.scan,
        objections: Vec::new(),
        notes,
    };
    match found {
        Err(SignError::Open(error)) => {
            return Err(error).with_context(|| format!("cannot open {}", report.model));
        }
        Err(error) => report.reason = Some(error.to_string()),
        Ok(found) if !found.objections.is_empty() => {
            report.reason = Some(format!(
                "{} of its files are not clean",
                found.objections.len()
            ));
            let objections = found.objections.into_iter();
            report.objections = objections
                .map(|(path, reason)| Objection { path, reason })
                .collect();
            report.objections.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(found) => {
            let json = sign(&found.manifest, &*key, &chain)?.to_json();
            let store = match &arguments.digest_store {
                Some(path) => Some((path, found.digest_store(&json, begun).sign(&*key)?)),
                None => None,
            };
            write_whole(&arguments.bundle, &json, false)?;
            report.signed = true;
            report.bundle = Some(arguments.bundle.display().to_string());
            report.bundle_digest = Some(Digest::of(&json));
            report.root = Some(found.manifest.root());
            report.key = Some(key.public().id());
            report.files = files(&found.manifest);
            report.reused = found.reused;
            if let Some((path, store)) = store {
                write_whole(path, &store, false)?;
            }
            report.notes.extend(found.notes);
        }
    }
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&report.text())?,
    }
    Ok(match report.signed {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

/// What signs: a key from a file, or one that stays in its token.
fn key(arguments: &Sign) -> Result<Box<dyn casemate_attest::Sign>> {
    if let Some(uri) = token::uri(&arguments.key) {
        return token::open(uri, arguments);
    }
    if arguments.pkcs11_module.is_some() {
        bail!("--pkcs11-module is for a key in a token, which a pkcs11: URI names");
    }
    let key = private_key(&arguments.key, &arguments.passphrase)?;
    Ok(Box::new(key))
}

/// Why a file is not clean, as `casemate scan` has it.
fn objection(examination: &Examination) -> Option<String> {
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
    let bundle = read_long(from, "earlier signature")?;
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

/// The certificates, the key's own first.
fn chain(arguments: &Sign, key: &dyn casemate_attest::Sign) -> Result<Vec<Certificate>> {
    let mut chain = certificates(arguments.cert.as_slice())?;
    chain.extend(certificates(&arguments.cert_chain)?);
    let public = key.public();
    if let Some(first) = chain.first()
        && !first.public_key().is_ok_and(|it| it == public)
    {
        bail!(
            "the first certificate, of {}, is not of the key {}",
            first.subject(),
            token::shown(&arguments.key)
        );
    }
    Ok(chain)
}

fn files(manifest: &Manifest) -> usize {
    let mut names: Vec<&str> = manifest
        .resources
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.len()
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
        out
    }
}

/// How many files are listed as text.
const LISTED: usize = 20;
