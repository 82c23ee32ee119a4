//! Terraform, plans and CloudFormation: any text is judged, within its limits, and every finding lies in it.

use casemate_core::{
    Digest, MemorySource, Region, Subject, Survey as _,
};
use casemate_posture::{PostureSurvey, check::Persona};

/// The first byte is the name of the file.
pub fn run(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let name = NAMES[usize::from(choice) % NAMES.len()];
    let survey = PostureSurvey::new(Persona::Auditor);
    let reading = survey.read(&subject(name), &MemorySource(rest.to_vec()));
    let lines = rest.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    for outcome in survey.judge(reading.into_iter().collect()).into_iter().flatten() {
        for finding in &outcome.findings {
            if let Some(Region::Text { line, end_line, .. }) = finding.location.region {
                assert!(line <= end_line && end_line <= lines, "{}", finding.location);
            }
        }
    }
}

fn subject(path: &str) -> Subject {
    Subject::of_file("local", path.into(), path.into(), Digest::of(b""))
}

const NAMES: &[&str] = &["main.tf", "main.tf.json", "plan.json", "terraform.tfstate", "stack.yaml"];
