//! Proofs: what is read is written again as it was, and proves no entry under a root that nobody signed,
//! nor that a log has a signature.

use casemate_attest::LogTrust;
use casemate_core::{Digest, LogProof as _, Timestamp};
use casemate_ledger::{
    Hash, TlogProof,
    checkpoint::Trust,
    evidence::{Evidence, Rules},
    merkle::{verify_consistency, verify_inclusion},
};

/// Reads the bytes as a proof.
pub fn run(data: &[u8]) {
    let Ok(proof) = TlogProof::parse(data) else {
        return;
    };
    assert_eq!(proof.to_string().as_bytes(), data);
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let trust = Trust::in_log(key.parse().expect("a key"));
    assert!(proof.verify(b"entry", &trust).is_err());
    let logs = LogTrust {
        logs: vec![key.to_owned()],
        ..LogTrust::default()
    };
    let mut evidence = Evidence::new(Rules::new(&logs, Timestamp::MAX).expect("rules"));
    evidence.add_proof("it".into(), Ok(data));
    assert!(evidence.find(&Digest::of(b"bundle")).is_err() && evidence.equivocations().is_empty());
    // Its hashes, as proofs about trees of any size: none has a root that is not made of them.
    let (leaf, nowhere) = (Hash::leaf(b"entry"), Hash([0; 32]));
    let size = proof.index.saturating_add(1 + u64::from(data[data.len() - 1]));
    assert!(verify_inclusion(leaf, proof.index, size, &proof.hashes, nowhere).is_err());
    let old = (proof.index, leaf);
    if proof.index > 0 {
        assert!(verify_consistency(old, (size, nowhere), &proof.hashes).is_err());
    }
}
