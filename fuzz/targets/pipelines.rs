//! Pipelines and containers: whatever stands in a file, the survey comes to an end, and every finding
//! lies within the file.

use casemate_core::{
    Digest, MemorySource, Subject, Survey as _,
};
use casemate_posture::{PostureSurvey, check::Persona};

/// The first byte is which file it is; the rest is what it says.
pub fn run(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    if rest.len() > 1 << 16 {
        return;
    }
    let name = NAMES[usize::from(choice) % NAMES.len()];
    let survey = PostureSurvey::new(Persona::Auditor);
    let source = MemorySource(rest.to_vec());
    let Some(reading) = survey.read(&subject(name), &source) else {
        return;
    };
    let report = survey.report(vec![reading]);
    let found = report.found.iter().map(|it| &it.attribute.origin);
    for origin in found.chain(report.open.iter().map(|it| &it.attribute.origin)) {
        assert!(origin.file.text.get(origin.span.range()).is_some());
        origin.region();
    }
}

fn subject(name: &str) -> Subject {
    Subject::of_file("local", name.into(), name.into(), Digest::of(b""))
}

const NAMES: &[&str] = &[
    ".github/workflows/a.yml",
    "action.yml",
    "dependabot.yml",
    ".gitlab-ci.yml",
    "azure-pipelines.yml",
    "compose.yml",
    "Dockerfile",
    "pipeline.yaml",
    "a.env",
];
