//! Charts and kustomizations: whatever is in their files, the survey ends, and says of what it did not
//! read that it did not.

use casemate_core::{
    Digest, MemorySource, Reading, Subject, Survey as _,
};
use casemate_posture::{PostureSurvey, check::Persona};

/// Files between lines of `-- name --`, which is what comes before the first one: a template.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut files = vec![("templates/a.yaml".to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        let name = line.trim_end().strip_prefix("-- ").and_then(|it| it.strip_suffix(" --"));
        match (name, files.last_mut()) {
            (Some(name), _) => files.push((name.to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    if !files.iter().any(|(name, _)| name == "Chart.yaml") {
        let chart = "apiVersion: v2\nname: a\nversion: 1.0.0\n";
        files.push(("Chart.yaml".to_owned(), chart.to_owned()));
    }
    let survey = PostureSurvey::new(Persona::Auditor);
    let reading = |(path, text): &(String, String)| -> Option<Reading> {
        survey.read(&subject(path), &MemorySource(text.clone().into_bytes()))
    };
    let outcomes = survey.judge(files.iter().filter_map(reading).collect());
    for outcome in outcomes.into_iter().flatten() {
        let said = outcome.reason.is_some() || !outcome.findings.is_empty();
        assert!(said || outcome.coverage == casemate_core::Coverage::Complete);
    }
}

fn subject(path: &str) -> Subject {
    Subject::of_file("local", path.into(), path.into(), Digest::of(b""))
}
