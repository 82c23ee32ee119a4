//! Prints what the survey says of a directory: one line for each finding, and what is not known.
//!
//! ```sh
//! cargo run --release -p casemate-posture --example survey -- DIR [regular|pedantic|auditor]
//! ```

use std::{
    env,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use casemate_core::{Digest, FileSource, PathText, Reading, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let root = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let persona = match arguments.next().as_deref() {
        Some("auditor") => Persona::Auditor,
        Some("pedantic") => Persona::Pedantic,
        _ => Persona::Regular,
    };
    let survey = PostureSurvey::new(persona);
    let mut paths = Vec::new();
    list(&root, &mut paths)?;
    paths.sort();
    let mut out = io::stdout().lock();
    let mut readings: Vec<Reading> = Vec::new();
    for path in &paths {
        let source = FileSource::new(File::open(path)?)?;
        let relative = path.strip_prefix(&root).unwrap_or(path);
        let name: PathText = relative.to_string_lossy().as_ref().into();
        readings.extend(survey.read(&subject(name), &source));
    }
    for outcome in survey.judge(readings).into_iter().flatten() {
        for finding in &outcome.findings {
            let (rule, severity) = (&finding.rule, finding.severity.as_str());
            writeln!(
                out,
                "{rule} {severity} {} {}",
                finding.location, finding.message
            )?;
        }
        if let Some(reason) = &outcome.reason {
            writeln!(out, "{} {} {reason}", outcome.result.as_str(), outcome.name)?;
        }
    }
    Ok(())
}

fn list(directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != ".git" {
            list(&entry.path(), paths)?;
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}

fn subject(path: PathText) -> Subject {
    Subject::of_file("local", path.clone(), path, Digest::of(b""))
}
