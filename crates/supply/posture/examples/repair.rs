//! Repairs what can be repaired of a directory, and prints what is repaired and what is left. The files that
//! change are written under another directory.
//!
//! ```sh
//! cargo run --release -p casemate-posture --example repair -- DIR OUT [regular|pedantic|auditor]
//! ```

mod files;

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

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
    let mut read = Vec::new();
    files::each(&root, |subject, source| {
        read.extend(survey.file(&subject, &source));
    })?;
    let fixed = fix(&survey, &read, |_| true);
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
