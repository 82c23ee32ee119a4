//! `casemate sensor models`.

use std::{fmt::Write as _, fs, os::unix::ffi::OsStrExt, path::Path, process::ExitCode};

use anyhow::Result;
use casemate_core::PathText;
use casemate_provenance::Class;
use schemars::JsonSchema;
use serde::Serialize;

use super::vouch::{Models, SIGNATURE, each_folder, entries};
use crate::{
    NEGATIVE,
    cli::{Format, Global, sensor::Models as Arguments},
    clock,
    commands::signing,
    output,
};

/// The models of a machine.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    schema: &'static str,
    models: Vec<Model>,
}

/// A model: a folder.
#[derive(Debug, Serialize, JsonSchema)]
struct Model {
    path: PathText,
    state: State,
    /// What is wrong, in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Who signed it, of those who are trusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signers: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// It is what somebody signed who is trusted.
    Signed,
    /// Nobody who is trusted signed it.
    Unsigned,
    /// It is not what was signed.
    Changed,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let trust = signing::trust(None, &[], Some(&arguments.trust_store))?;
    let verifier = Models(clock::of(global)?);
    let mut models = Vec::new();
    for path in &arguments.paths {
        each_folder(path, &mut |folder| {
            let is_signed = folder.join(SIGNATURE).is_file();
            let (state, problem, signers) = match is_signed {
                true => match verifier.verify(folder, &trust) {
                    Ok(verdict) => {
                        let problem = verdict.problems.first().map(|it| it.message.clone());
                        let signers = verdict.signers.iter().map(|it| it.name.clone()).collect();
                        (state_of(verdict.class), problem, signers)
                    }
                    Err(error) => (State::Unsigned, Some(format!("{error:#}")), Vec::new()),
                },
                false if holds_weights(folder)? => (State::Unsigned, None, Vec::new()),
                false => return Ok(false),
            };
            models.push(Model {
                path: PathText::from_bytes(folder.as_os_str().as_bytes()),
                state,
                problem,
                signers,
            });
            Ok(is_signed)
        })?;
    }
    let is_signed = models.iter().all(|it| it.state == State::Signed);
    match global.format {
        Format::Json => output::print_json(&Report {
            schema: "casemate.sensor-models/1",
            models,
        })?,
        _ => output::print_lines(&told(&models))?,
    }
    Ok(if is_signed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

fn told(models: &[Model]) -> String {
    let mut text = String::new();
    for it in models {
        let state = match it.state {
            State::Signed => "signed",
            State::Unsigned => "unsigned",
            State::Changed => "changed",
        };
        let more = match &it.problem {
            Some(problem) => format!("  {problem}"),
            None if it.signers.is_empty() => String::new(),
            None => format!("  by {}", it.signers.join(", ")),
        };
        // A text that is written cannot fail.
        let _ = writeln!(text, "{state:<9} {}{more}", it.path);
    }
    if models.is_empty() {
        text.push_str("there are no models\n");
    }
    text
}

fn state_of(class: Class) -> State {
    match class {
        it if it.is_success() => State::Signed,
        Class::ContentMismatch | Class::Missing | Class::UnsignedPresent => State::Changed,
        _ => State::Unsigned,
    }
}

/// Whether there is a file in it that is called as weights are.
fn holds_weights(folder: &Path) -> Result<bool> {
    let is_it = |entry: &fs::DirEntry| {
        let name = entry.file_name().as_bytes().to_ascii_lowercase();
        WEIGHTS.iter().any(|end| name.ends_with(end.as_bytes()))
    };
    Ok(entries(folder)?.iter().any(is_it))
}

const WEIGHTS: &[&str] = &[
    ".safetensors",
    ".gguf",
    ".pt",
    ".pth",
    ".bin",
    ".onnx",
    ".pkl",
    ".ckpt",
    ".joblib",
    ".keras",
    ".h5",
    ".npz",
    ".pt2",
    ".mlmodel",
    ".tflite",
];
