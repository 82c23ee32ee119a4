//! Bytes that may be certificates. None but those that were issued leads to the root of the tests.

use std::sync::LazyLock;

use casemate_attest::{Certificate, verify_path};

/// Reads them, and looks for a path from the first over the others.
pub fn run(data: &[u8]) {
    let Ok(read) = Certificate::read_all(data) else {
        return;
    };
    let (leaf, rest) = read.split_first().expect("at least one is read");
    let _ = (leaf.subject(), leaf.issuer(), leaf.identities(), leaf.may_sign());
    let _ = leaf.public_key();
    let at = "2030-01-01T00:00:00Z".parse().expect("a time");
    if verify_path(leaf, rest, &KNOWN[..1], at).is_ok() {
        assert!(KNOWN.contains(leaf), "a certificate that nobody issued leads to the root");
    }
}

/// The root first, and what was issued below it.
static KNOWN: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let pem = [
        &include_bytes!("../../crates/trust/attest/tests/fixtures/certificates/root.pem")[..],
        include_bytes!("../../crates/trust/attest/tests/fixtures/certificates/issuing.pem"),
        include_bytes!("../../crates/trust/attest/tests/fixtures/certificates/leaf.pem"),
        include_bytes!("../../crates/trust/attest/tests/fixtures/certificates/leaf-p384.pem"),
        include_bytes!("../../crates/trust/attest/tests/fixtures/certificates/bound.pem"),
    ];
    Certificate::read_all(&pem.concat()).expect("certificates")
});
