//! Requests to a witness: it cosigns nothing that no log signed.

use std::sync::LazyLock;

use casemate_attest::{KeyAlgorithm, SigningKey};
use casemate_ledger::{
    Signer,
    note::Scheme,
    witness::{AddCheckpoint, Answer, Witness},
};

/// Puts the bytes to a witness that knows a log whose private key nobody has.
pub fn run(data: &[u8]) {
    if let Some(request) = AddCheckpoint::parse(data) {
        assert_eq!(request.to_string().as_bytes(), data);
    }
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let witness = Witness {
        signer: Signer::new("witness.example", Scheme::Cosignature, &KEY).expect("a signer"),
        logs: vec![("example.com/foo".into(), vkey.parse().expect("a key"))],
    };
    let answer = witness.admit(data).expect_err("nobody signed it");
    let is_refusal = matches!(answer, Answer::Malformed | Answer::NotByTheLog | Answer::UnknownLog);
    assert!(is_refusal, "{answer:?}");
}

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness"));
