//! The hashes of RFC 6962, section 2.1: SHA-256, with leaves and nodes kept apart by their first byte.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// A hash of a leaf or of a subtree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of the tree without leaves: the hash of nothing.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of an entry.
    pub fn leaf(entry: &[u8]) -> Self {
        let hasher = Sha256::new_with_prefix([0]);
        Self(hasher.chain_update(entry).finalize().into())
    }

    /// The hash of two subtrees side by side.
    pub fn node(left: &Self, right: &Self) -> Self {
        let hasher = Sha256::new_with_prefix([1]).chain_update(left.0);
        Self(hasher.chain_update(right.0).finalize().into())
    }

    /// Reads standard base64 with padding.
    pub fn from_base64(text: &str) -> Option<Self> {
        // Anything longer is no hash, and need not be decoded to be refused.
        if text.len() != 44 {
            return None;
        }
        let bytes = STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Standard base64 with padding.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}
