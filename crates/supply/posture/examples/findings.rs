//! Prints what the checks say of files, one a line with tabs between: the rule, whether it is found or
//! open, the file, the line, and the way to what is meant. For comparisons with other programs.
//!
//! ```sh
//! cargo run --release -p casemate-posture --example findings -- DIR FILE...
//! ```

use std::{
    env,
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};

use casemate_core::{Digest, FileSource, PathText, Region, Subject, Survey};
use casemate_posture::{Origin, PostureSurvey, check::Persona};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let root = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let survey = PostureSurvey::new(Persona::Auditor);
    let mut readings = Vec::new();
    for path in arguments {
        let source = FileSource::new(File::open(root.join(&path))?)?;
        readings.extend(survey.read(&subject(path.as_str().into()), &source));
    }
    let report = survey.report(readings);
    let mut out = io::stdout().lock();
    let found = report
        .found
        .iter()
        .map(|it| (&it.rule, "found", &it.attribute));
    let open = report
        .open
        .iter()
        .map(|it| (&it.rule, "open", &it.attribute));
    for (rule, what, attribute) in found.chain(open) {
        let (origin, path) = (&attribute.origin, &attribute.path);
        let file = origin.file.subject.path.as_str();
        writeln!(
            out,
            "{}\t{what}\t{file}\t{}\t{}",
            rule.id,
            line(origin),
            path.escape_debug()
        )?;
    }
    Ok(())
}

fn line(origin: &Origin) -> u64 {
    match origin.region() {
        Region::Text { line, .. } => line,
        _ => 0,
    }
}

fn subject(path: PathText) -> Subject {
    Subject::of_file("local", path.clone(), path, Digest::of(b""))
}
