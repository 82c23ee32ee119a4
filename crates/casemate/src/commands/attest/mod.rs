//! What is said of a model, signed.

pub(crate) mod claims;
mod environment;
mod policy;
pub(crate) mod report;
mod test_result;
mod train;
pub(crate) mod verify;
mod vsa;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_attest::{Bundle, Certificate, ResourceDescriptor, Sign};
use casemate_core::Digest;
use casemate_provenance::{Inspect, Inventory, Manifest, Meter, Predicate, SignError, SignOptions};

use self::report::Report;
use crate::{
    cli::{
        Format, Global,
        attest::{Attest, Statement},
        signing::Scope,
    },
    commands::signing::{chain, key, outputs, with_progress, write_whole},
    output,
};

/// Runs one of the commands that say something.
pub(crate) fn run(global: &Global, command: &Attest) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("attestations are told of as text or json");
    }
    match command {
        Attest::Train(arguments) => train::run(global, arguments),
        Attest::TestResult(arguments) => test_result::run(global, arguments),
        Attest::Vsa(arguments) => vsa::run(global, arguments),
        Attest::Claims(arguments) => claims::run(global, arguments),
    }
}

/// Who signs what is said, and where it goes.
struct Author<'a> {
    key: Box<dyn Sign>,
    chain: Vec<Certificate>,
    statement: &'a Statement,
}

impl<'a> Author<'a> {
    /// Opens the key before any work is done for it. What is `read` is not written over.
    fn new<'r>(
        statement: &'a Statement,
        read: impl IntoIterator<Item = &'r PathBuf>,
    ) -> Result<Self>
    where
        'a: 'r,
    {
        let signer = &statement.signer;
        let key = key(signer)?;
        let chain = chain(signer, &*key)?;
        outputs::may_be_written(&[&statement.bundle], read, signer, statement.force)?;
        Ok(Self {
            key,
            chain,
            statement,
        })
    }

    /// Signs what is said of a model, by its name and root, and writes it.
    fn write<P: Predicate>(
        &self,
        (name, root): (&str, Digest),
        said: &P,
        report: &mut Report,
    ) -> Result<()> {
        let subject = ResourceDescriptor::of(name, &root);
        let bundle: Bundle = casemate_provenance::attest(subject, said, &*self.key, &self.chain)?;
        let json = bundle.to_json();
        write_whole(&self.statement.bundle, &json, false)?;
        report.attested = true;
        report.says = Some(said.says());
        report.predicate_type = Some(P::TYPE.to_owned());
        report.bundle = Some(self.statement.bundle.display().to_string());
        report.bundle_digest = Some(Digest::of(&json));
        report.root = Some(root);
        report.key = Some(self.key.public().id());
        Ok(())
    }
}

/// By what a model is known.
fn known(model: &Manifest) -> (&str, Digest) {
    (&model.name, model.root())
}

/// How a model is digested: as `casemate sign` does it without options, so that what is said is about
/// what is signed.
fn options(scope: &Scope, outputs: Vec<PathBuf>) -> SignOptions {
    SignOptions {
        allow_symlinks: scope.allow_symlinks,
        ignore_paths: scope.ignore_paths.clone(),
        outputs,
        ..SignOptions::default()
    }
}

/// What is in the model; the reason, where that cannot be said.
fn inventory(
    global: &Global,
    model: &Path,
    options: &SignOptions,
    inspect: Option<&Inspect<'_>>,
) -> Result<Result<Inventory, String>> {
    let look = |meter: &Meter| casemate_provenance::inventory(model, options, inspect, meter);
    match with_progress(global.quiet, look) {
        Ok(found) => Ok(Ok(found)),
        Err(SignError::Open(error)) => {
            Err(error).with_context(|| format!("cannot open {}", model.display()))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn tell(global: &Global, report: &Report, code: ExitCode) -> Result<ExitCode> {
    match global.format {
        Format::Json => output::print_json(report)?,
        _ => output::print(&report.text())?,
    }
    Ok(code)
}
