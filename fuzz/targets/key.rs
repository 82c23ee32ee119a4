//! Bytes that may be keys. What is read is written down and read again as the same.

use casemate_attest::{PublicKey, SigningKey};

/// Reads them as either half. No pass phrase is given: deriving a key from one is slow on purpose.
pub fn run(data: &[u8]) {
    if let Ok(key) = PublicKey::read(data) {
        let again = PublicKey::read(key.to_pem().as_bytes()).expect("we read what we write");
        assert_eq!(again, key);
        assert!(key.verify(b"message", data).is_err());
    }
    if let Ok(key) = SigningKey::read(data, None) {
        let pem = key.to_pem(None).expect("encodes");
        let again = SigningKey::read(pem.as_bytes(), None).expect("we read what we write");
        assert_eq!(again.public(), key.public());
    }
}
