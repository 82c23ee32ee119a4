//! Reachability: whatever manifests say, an answer comes, what surely passes is among what may, and the relation
//! says of each pair what its proof says.

use casemate_core::{Digest, MemorySource, Subject, Survey as _};
use casemate_posture::{PostureSurvey, check::Persona};
use casemate_segment::{Addresses, Analysis, Assumptions};

/// The first byte is what is taken for granted; the rest are manifests.
pub fn run(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    if rest.len() > 1 << 14 {
        return;
    }
    let survey = PostureSurvey::new(Persona::Auditor);
    let subject = Subject::of_file("local", "a.yaml".into(), "a.yaml".into(), Digest::of(b""));
    let Some(reading) = survey.read(&subject, &MemorySource(rest.to_vec())) else {
        return;
    };
    let assumptions = Assumptions {
        pod_network: (choice & 1 == 1).then(|| Addresses::of_block("10.0.0.0/8")).flatten(),
        holds_host_network: [None, Some(true), Some(false)][usize::from(choice >> 1) % 3],
        declared_only: choice & 0x80 != 0,
        told_apart: Vec::new(),
    };
    let analysis = Analysis::of(PostureSurvey::world(vec![reading]), assumptions);
    for gap in analysis.gaps() {
        gap.origin.location();
    }
    let Ok((endpoints, _)) = analysis.classes() else {
        return;
    };
    let some = endpoints.min(MAX_ENDPOINTS);
    for (from, to) in (0..some).flat_map(|from| (0..some).map(move |to| (from, to))) {
        let proof = analysis.prove(from, to);
        let connections = proof.connections();
        assert!(connections.most.includes(&connections.least));
        if proof.ways.is_none() {
            assert_eq!(analysis.between(from, to).ok(), Some(&connections));
        }
    }
    if let Ok(edges) = analysis.edges() {
        edges.for_each(drop);
    }
    casemate_segment::draw::svg(&analysis).ok();
    casemate_segment::draw::dot(&analysis).ok();
}

/// More pairs take longer and say no more.
const MAX_ENDPOINTS: usize = 12;
