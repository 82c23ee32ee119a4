//! Text that may be a trust store.

use casemate_attest::TrustStore;

/// Reads it.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(store) = TrustStore::from_toml(text)
    {
        assert!(store.threshold() > 0);
    }
}
