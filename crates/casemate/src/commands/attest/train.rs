//! `casemate attest train`.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result, bail};
use casemate_attest::ResourceDescriptor;
use casemate_provenance::{Checkout, Input, Run, SignError, SignOptions, digest_input};

use super::{Author, Report, environment, inventory, options, tell};
use crate::{
    NEGATIVE,
    cli::{Global, attest::Train},
    clock,
    commands::signing::with_progress,
};

/// Runs a command, and says how what it made was made.
pub(crate) fn run(global: &Global, arguments: &Train) -> Result<ExitCode> {
    let author = Author::new(&arguments.statement, &arguments.input)?;
    let clock = clock::of(global)?;
    let mut report = Report::new(&arguments.model);
    let outputs: Vec<PathBuf> = [Some(&arguments.statement.bundle), arguments.claims.as_ref()]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let options = options(&arguments.statement.scope, outputs);
    let place = Place::of(&mut report.notes)?;
    let parameters = parameters(&arguments.parameters)?;
    let variables = environment::variables(&arguments.env)?;
    let python = environment::python(&arguments.command[0]);
    for input in &arguments.input {
        is_apart(input, &arguments.model)?;
    }
    let before = match digest_inputs(global, &arguments.input, &options)? {
        Ok(inputs) => inputs,
        Err(reason) => return refuse(global, report, reason),
    };

    let started = clock.now();
    let status = run_command(&arguments.command)?;
    let finished = clock.now();
    if !status.success() {
        return refuse(global, report, failure(&arguments.command[0], status));
    }

    let after = match digest_inputs(global, &arguments.input, &options)? {
        Ok(inputs) => inputs,
        Err(reason) => return refuse(global, report, reason),
    };
    let changed = (0..before.len()).find(|&at| before[at] != after[at]);
    if let Some(at) = changed {
        let shown = arguments.input[at].display();
        return refuse(
            global,
            report,
            format!("the input {shown} changed while the command ran"),
        );
    }
    if arguments.model.symlink_metadata().is_err() {
        let reason = "the command succeeded, and there is no such model".to_owned();
        return refuse(global, report, reason);
    }
    let found = match inventory(global, &arguments.model, &options, None)? {
        Ok(found) => found,
        Err(reason) => return refuse(global, report, reason),
    };
    let mut inputs: Vec<ResourceDescriptor> = Vec::new();
    for (path, input) in arguments.input.iter().zip(&before) {
        inputs.push(ResourceDescriptor::of(
            place.name(path, input)?,
            &input.digest,
        ));
    }
    inputs.extend(place.checkout.as_ref().map(Checkout::descriptor));
    let run = Run {
        command: arguments.command.clone(),
        parameters,
        working_directory: place.working_directory()?,
        environment: variables,
        python,
        inputs,
        builder: arguments.builder_id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        finished,
    };
    report.notes.extend(found.notes);
    let provenance = run.provenance(&found.manifest.root());
    author.write(&found.manifest, &provenance, &mut report)?;
    tell(global, &report, ExitCode::SUCCESS)
}

fn refuse(global: &Global, mut report: Report, reason: String) -> Result<ExitCode> {
    report.reason = Some(reason);
    tell(global, &report, ExitCode::from(NEGATIVE))
}

/// Runs the command on the caller's own terminal, without what is a secret of ours.
fn run_command(command: &[String]) -> Result<ExitStatus> {
    Command::new(&command[0])
        .args(&command[1..])
        .env_remove(environment::PASSPHRASE)
        .status()
        .with_context(|| format!("cannot run {}", command[0]))
}

/// Why there is nothing to say of a run that did not succeed.
fn failure(program: &str, status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("{program} ended with status {code}"),
        (None, Some(signal)) => format!("{program} was killed by signal {signal}"),
        (None, None) => format!("{program} did not end well"),
    }
}

/// The digests of all inputs in their order; the reason, where one cannot be digested.
fn digest_inputs(
    global: &Global,
    inputs: &[PathBuf],
    options: &SignOptions,
) -> Result<Result<Vec<Input>, String>> {
    let mut digests = Vec::with_capacity(inputs.len());
    for input in inputs {
        let shown = input.display();
        let look = |meter: &_| digest_input(input, options, meter);
        match with_progress(global.quiet, look) {
            Ok(digest) => digests.push(digest),
            Err(SignError::Open(error)) => return Ok(Err(format!("the input {shown}: {error}"))),
            Err(error) => return Ok(Err(format!("in the input {shown}: {error}"))),
        }
    }
    Ok(Ok(digests))
}

/// Refuses an input that the model is a part of: it changes whenever the model does.
fn is_apart(input: &Path, model: &Path) -> Result<()> {
    let Ok(input_place) = input.canonicalize() else {
        return Ok(());
    };
    // The model may not be there yet, nor what it is in.
    let mut above = std::path::absolute(model)?;
    while !above.exists() && above.pop() {}
    let above = above.canonicalize().unwrap_or(above);
    if above.starts_with(&input_place) && input_place.is_dir() {
        bail!(
            "the model {} is in the input {}, which changes with it; name what is read one by one",
            model.display(),
            input.display()
        );
    }
    Ok(())
}

fn parameters(given: &[(String, String)]) -> Result<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    for (name, value) in given {
        if parameters.insert(name.clone(), value.clone()).is_some() {
            bail!("the parameter {name} is given twice");
        }
    }
    Ok(parameters)
}

/// Where the command runs. Paths are told from the top of the repository, so that nobody learns where
/// this machine keeps it.
struct Place {
    directory: PathBuf,
    checkout: Option<Checkout>,
}

impl Place {
    fn of(notes: &mut Vec<String>) -> Result<Self> {
        let directory = std::env::current_dir()
            .and_then(|it| it.canonicalize())
            .context("there is no working directory")?;
        let checkout = match Checkout::of(&directory) {
            Ok(checkout) => checkout,
            Err(error) => {
                notes.push(format!("no commit is recorded: {error}"));
                None
            }
        };
        Ok(Self {
            directory,
            checkout,
        })
    }

    fn working_directory(&self) -> Result<Option<String>> {
        let Some(checkout) = &self.checkout else {
            return Ok(None);
        };
        let below = self.directory.strip_prefix(&checkout.root)?;
        let below = text(below)?;
        Ok(Some(if below.is_empty() {
            ".".to_owned()
        } else {
            below
        }))
    }

    /// What an input is called: as the caller does, or from the top of the repository where that is an
    /// absolute path; outside of it, by its own name. A directory has a slash at its end, since its digest is a root.
    fn name(&self, path: &Path, input: &Input) -> Result<String> {
        let top = self
            .checkout
            .as_ref()
            .map_or(&self.directory, |it| &it.root);
        let named = match path.is_absolute() {
            false => path.to_owned(),
            true => match path.strip_prefix(top) {
                Ok(below) if !below.as_os_str().is_empty() => below.to_owned(),
                _ => path.file_name().map(PathBuf::from).unwrap_or_default(),
            },
        };
        let mut name = text(&named)?.trim_end_matches('/').to_owned();
        if input.is_directory {
            name.push('/');
        }
        Ok(name)
    }
}

fn text(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => bail!(
            "the path {} is not UTF-8, and cannot be recorded",
            path.display()
        ),
    }
}
