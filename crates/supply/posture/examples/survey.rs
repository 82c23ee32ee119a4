//! Prints what the survey says of a directory: one line for each finding, and what is not known.
//!
//! ```sh
//! cargo run --release -p casemate-posture --example survey -- DIR [regular|pedantic|auditor]
//! ```

mod files;

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
};

use casemate_core::{Reading, Survey};
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
    let mut out = io::stdout().lock();
    let mut readings: Vec<Reading> = Vec::new();
    files::each(&root, |subject, source| {
        readings.extend(survey.read(&subject, &source));
    })?;
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
