//! `casemate detect`.

mod coverage;
mod run;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_detect::{BUILTIN, Detections, Error};

pub(crate) use self::coverage::Report as CoverageReport;
use crate::{
    NEGATIVE,
    cli::{Format, Global, detect::Detect},
    config::read_bounded,
    output, policies,
};

/// Runs one of the commands about what events mean.
pub(crate) fn run(global: &Global, command: &Detect) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("what is found in events is told as text or json");
    }
    match command {
        Detect::Run(arguments) => run::run(global, arguments),
        Detect::Check { rules } => check(global, rules),
        Detect::Coverage { rules } => coverage::run(global, rules),
    }
}

fn check(global: &Global, paths: &[PathBuf]) -> Result<ExitCode> {
    let files = files(paths)?;
    let (detections, errors) = Detections::read_understood(named(&files));
    for error in &errors {
        output::print_lines(&format!("{error}\n"))?;
    }
    let count = detections.rules().len();
    output::hint(
        global,
        &format!("{count} rules are understood; {} mistakes", errors.len()),
    );
    Ok(if errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

/// Our own detections, unless they are not wanted, and those of others.
fn detections(paths: &[PathBuf], has_builtin: bool) -> Result<(Detections, Vec<Error>)> {
    let files = files(paths)?;
    let own = BUILTIN
        .iter()
        .map(|(name, text, _)| (*name, text.as_bytes()));
    let own = own.filter(|_| has_builtin);
    Ok(Detections::read_understood(own.chain(named(&files))))
}

fn named(files: &[(String, String)]) -> impl Iterator<Item = (&str, &[u8])> {
    files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
}

/// Files of YAML, by their names: those that are named, and those in directories.
fn files(paths: &[PathBuf]) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push((path.display().to_string(), read_bounded(path)?));
            continue;
        }
        let before = files.len();
        for (name, bytes) in policies::read(path)? {
            if matches!(name.extension(), Some("yml" | "yaml")) {
                let named = format!("{}/{name}", path.display());
                let text = String::from_utf8(bytes);
                files.push((
                    named.clone(),
                    text.with_context(|| format!("{named} is no text"))?,
                ));
            }
        }
        if files.len() == before {
            bail!("there is no .yml or .yaml file in {}", path.display());
        }
    }
    Ok(files)
}
