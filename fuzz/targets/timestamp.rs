//! Bytes that may be a token. Whatever is done to one: it tells the time that its authority gave, or none.

use std::sync::LazyLock;

use casemate_attest::{Certificate, verify_timestamp};
use casemate_core::Timestamp;

/// Asks them for the time.
pub fn run(data: &[u8]) {
    if let Ok(told) = verify_timestamp(data, SIGNATURE, &ROOT) {
        assert_eq!(told, *TIME, "a time that nobody gave");
    }
}

const SIGNATURE: &[u8] =
    include_bytes!("../../crates/trust/attest/tests/fixtures/timestamps/signature");
static ROOT: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let pem = include_bytes!("../../crates/trust/attest/tests/fixtures/timestamps/ec-root.pem");
    Certificate::read_all(pem).expect("a certificate")
});
static TIME: LazyLock<Timestamp> = LazyLock::new(|| {
    let token = include_bytes!("../../crates/trust/attest/tests/fixtures/timestamps/ec-token.der");
    verify_timestamp(token, SIGNATURE, &ROOT).expect("verifies")
});
