//! Repairs what can be repaired of a directory, and prints what is repaired and what is left. The files that
//! change are written under another directory.
//!
//! ```sh
//! cargo run --release -p casemate-posture --example repair -- DIR OUT [regular|pedantic|auditor]
//! ```

use std::{
    env,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use casemate_core::{Digest, FileSource, PathText, Subject};
use casemate_posture::{PostureSurvey, check::Persona, fix::fix};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_else(|| ".".to_owned());
    let (root, target) = (PathBuf::from(next()), PathBuf::from(next()));
    let persona = match &*next() {
        "auditor" => Persona::Auditor,
        "pedantic" => Persona::Pedantic,
        _ => Persona::Regular,
    };
    let survey = PostureSurvey::new(persona);
    let mut paths = Vec::new();
    list(&root, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        let source = FileSource::new(File::open(path)?)?;
        let relative = path.strip_prefix(&root).unwrap_or(path);
        let name: PathText = relative.to_string_lossy().as_ref().into();
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        files.extend(survey.file(&subject, &source));
    }
    let fixed = fix(&survey, &files, |_| true);
    let mut out = io::stdout().lock();
    for found in &fixed.gone {
        let place = found.attribute.origin.location();
        writeln!(out, "repaired {} {place}", found.rule.id)?;
    }
    for (found, why) in &fixed.left {
        let place = found.attribute.origin.location();
        writeln!(out, "left {} {place} {why}", found.rule.id)?;
    }
    for (path, change) in &fixed.files {
        let path = target.join(path.as_str());
        fs::create_dir_all(path.parent().unwrap_or(&target))?;
        fs::write(path, change.text.as_bytes())?;
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
