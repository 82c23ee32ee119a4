//! Signed notes: what is read is written again as it was, and no key vouches for what it did not sign.

use casemate_ledger::{
    Note, VerifierKey,
    note::{MAX_SIGNATURES, signature_lines},
};

/// Reads the bytes as a note, as signature lines and as a verifier key.
pub fn run(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
        assert!(note.signatures().len() <= MAX_SIGNATURES);
        let key: VerifierKey = KEY.parse().expect("a key");
        if note.verify(&[key]).is_ok() {
            assert_eq!(note.text(), SIGNED, "it signed nothing else");
        }
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(signatures) = signature_lines(text) {
        let written: String = signatures.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(written, text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
}

/// c2sp.org/signed-note, "Example".
const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SIGNED: &str = "This is an example message.\n";
