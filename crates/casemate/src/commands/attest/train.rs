//! `casemate attest train`.

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result, bail};
use casemate_attest::ResourceDescriptor;
use casemate_provenance::{Checkout, Input, Run, SignError, SignOptions, digest_input};

use super::{Author, Report, environment, inventory, known, options, tell};
use crate::{
    NEGATIVE,
    cli::{Format, Global, attest::Train},
    clock,
    commands::signing::with_progress,
};

/// Runs a command, and says how what it made was made.
pub(crate) fn run(global: &Global, arguments: &Train) -> Result<ExitCode> {
    let author = Author::new(&arguments.statement, &arguments.input)?;
    let mut report = Report::new(&arguments.model);
    match attest(global, arguments, &author, &mut report)? {
        Ok(()) => tell(global, &report, ExitCode::SUCCESS),
        Err(reason) => {
            report.reason = Some(reason);
            tell(global, &report, ExitCode::from(NEGATIVE))
        }
    }
}

/// Does it; the reason, where there is nothing to attest.
fn attest(
    global: &Global,
    arguments: &Train,
    author: &Author<'_>,
    report: &mut Report,
) -> Result<Result<(), String>> {
    let clock = clock::of(global)?;
    let place = Place::of(&mut report.notes)?;
    let parameters = parameters(&arguments.parameters)?;
    let environment = environment::variables(&arguments.env)?;
    let python = environment::python(&arguments.command[0]);
    for input in &arguments.input {
        is_apart(input, &arguments.model)?;
        if let Err(error) = input.metadata() {
            bail!("the input {}: {error}", input.display());
        }
    }
    let bundle = [&arguments.statement.bundle].into_iter();
    let outputs = bundle.chain(&arguments.claims).cloned().collect();
    let options = options(&arguments.statement.scope, outputs);
    let before = match digest_inputs(global, &arguments.input, &options) {
        Ok(inputs) => inputs,
        Err(reason) => return Ok(Err(reason)),
    };

    let started = clock.now();
    let status = run_command(global, &arguments.command)?;
    let finished = clock.now();
    if !status.success() {
        return Ok(Err(failure(&arguments.command[0], status)));
    }

    let after = match digest_inputs(global, &arguments.input, &options) {
        Ok(inputs) => inputs,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Some(at) = (0..before.len()).find(|&at| before[at] != after[at]) {
        let shown = arguments.input[at].display();
        return Ok(Err(format!(
            "the input {shown} changed while the command ran"
        )));
    }
    if arguments.model.symlink_metadata().is_err() {
        let told = "the command succeeded, and there is no such model";
        return Ok(Err(told.to_owned()));
    }
    let found = match inventory(global, &arguments.model, &options, None) {
        Ok(Ok(found)) => found,
        Ok(Err(reason)) => return Ok(Err(reason)),
        Err(error) => return Ok(Err(format!("{error:#}"))),
    };
    report.notes.extend(found.notes);
    let run = Run {
        command: arguments.command.clone(),
        parameters,
        working_directory: place.working_directory()?,
        environment,
        python,
        inputs: place.went_in(&arguments.input, &before)?,
        builder: arguments.builder_id.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        finished,
    };
    let provenance = run.provenance(&found.manifest.root());
    author.write(known(&found.manifest), &provenance, report)?;
    Ok(Ok(()))
}

/// Runs the command on the caller's own terminal, without what is a secret of ours. Where a program reads
/// our report as JSON, what the command prints is no part of it.
fn run_command(global: &Global, command: &[String]) -> Result<ExitStatus> {
    let mut running = Command::new(&command[0]);
    running
        .args(&command[1..])
        .env_remove(environment::PASSPHRASE);
    if global.format == Format::Json {
        running.stdout(io::stderr());
    }
    running
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

/// The digests of all inputs in their order; the reason, where one cannot be digested. What is left out
/// of the model is not left out of them.
fn digest_inputs(
    global: &Global,
    inputs: &[PathBuf],
    options: &SignOptions,
) -> Result<Vec<Input>, String> {
    let options = SignOptions {
        ignore_paths: Vec::new(),
        ..options.clone()
    };
    let digest = |input: &PathBuf| {
        let look = |meter: &_| digest_input(input, &options, meter);
        let digested = with_progress(global.quiet, look);
        digested.map_err(|error| match error {
            SignError::Open(error) => format!("the input {}: {error}", input.display()),
            error => format!("in the input {}: {error}", input.display()),
        })
    };
    inputs.iter().map(digest).collect()
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

    /// The inputs and the commit.
    fn went_in(&self, inputs: &[PathBuf], digests: &[Input]) -> Result<Vec<ResourceDescriptor>> {
        let mut all = Vec::with_capacity(inputs.len() + 1);
        for (path, input) in inputs.iter().zip(digests) {
            all.push(ResourceDescriptor::of(
                self.name(path, input)?,
                &input.digest,
            ));
        }
        all.extend(self.checkout.as_ref().map(Checkout::descriptor));
        Ok(all)
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
