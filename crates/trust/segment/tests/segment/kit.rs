//! Clusters out of texts.

use casemate_core::{Digest, MemorySource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};
use casemate_segment::{Addresses, Analysis, Assumptions, Bounds, Connections};

/// The cluster of some files, by their names.
pub(crate) fn files(files: &[(&str, &str)], assumptions: Assumptions) -> Analysis {
    let survey = PostureSurvey::new(Persona::Auditor);
    let read = |(name, text): &(&str, &str)| {
        let name = PathText::from(*name);
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        survey.read(&subject, &MemorySource(text.as_bytes().to_vec()))
    };
    let readings = files.iter().filter_map(read).collect();
    Analysis::of(PostureSurvey::world(readings), assumptions)
}

/// The cluster of some manifests.
pub(crate) fn cluster_with(manifests: &str, assumptions: Assumptions) -> Analysis {
    files(&[("all.yaml", manifests)], assumptions)
}

/// The cluster of some manifests, of which nothing else is said.
pub(crate) fn cluster(manifests: &str) -> Analysis {
    cluster_with(manifests, Assumptions::default())
}

/// The cluster of some manifests, whose pods have addresses of 10.0.0.0/16.
pub(crate) fn addressed(manifests: &str) -> Analysis {
    let assumptions = Assumptions {
        pod_network: Addresses::of_block("10.0.0.0/16"),
        ..Assumptions::default()
    };
    cluster_with(manifests, assumptions)
}

/// What passes by all at once, which is what passes by the proof.
pub(crate) fn between(analysis: &Analysis, from: &str, to: &str) -> Bounds<Connections> {
    let (from, to) = (analysis.find(from)[0], analysis.find(to)[0]);
    let passing = analysis.between(from, to).expect("small");
    assert_eq!(
        *passing,
        analysis.prove(from, to).connections(),
        "the list and the proof"
    );
    passing.clone()
}

/// `TCP 80`, or from what surely passes to what may.
pub(crate) fn shown(passing: &Bounds<Connections>) -> String {
    match passing.is_exact() {
        true => passing.least.to_string(),
        false => format!("{} to {}", passing.least, passing.most),
    }
}

pub(crate) const ALL: &str = "All Connections";
pub(crate) const NONE: &str = "No Connections";
pub(crate) const PERHAPS: &str = "No Connections to All Connections";
