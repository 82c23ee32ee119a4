//! The digests of the OpenSSF Model Signing registry.

use std::{fmt, str::FromStr};

use blake2::Blake2b512;
use sha2::{Digest as _, Sha256};

/// How the files of a model are digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashType {
    /// SHA-256 (FIPS 180-4), 256 bits; what everybody reads.
    Sha256,
    /// BLAKE2b (RFC 7693), 512 bits.
    Blake2b,
    /// BLAKE3, 256 bits; of one large file by all cores.
    Blake3,
}

impl HashType {
    /// Its identifier in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
        }
    }

    /// How many bytes a digest has.
    pub fn digest_len(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Blake2b => 64,
        }
    }
}

impl fmt::Display for HashType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HashType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "blake2b" => Ok(Self::Blake2b),
            "blake3" => Ok(Self::Blake3),
            _ => Err(format!(
                "there is no hash type `{text}`; there are sha256, blake2b and blake3"
            )),
        }
    }
}

/// Digests bytes that arrive in pieces.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Blake2b(Box<Blake2b512>),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    pub(crate) fn new(kind: HashType) -> Self {
        match kind {
            HashType::Sha256 => Self::Sha256(Sha256::new()),
            HashType::Blake2b => Self::Blake2b(Box::new(Blake2b512::new())),
            HashType::Blake3 => Self::Blake3(Box::new(blake3::Hasher::new())),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Blake2b(hasher) => hasher.update(bytes),
            // Below this, handing work to other threads costs more than it gains.
            Self::Blake3(hasher) if bytes.len() >= 1 << 17 => {
                hasher.update_rayon(bytes);
            }
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    pub(crate) fn finish(self) -> Box<[u8]> {
        match self {
            Self::Sha256(hasher) => hasher.finalize().as_slice().into(),
            Self::Blake2b(hasher) => hasher.finalize().as_slice().into(),
            Self::Blake3(hasher) => hasher.finalize().as_bytes().as_slice().into(),
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The inverse; in either case.
pub(crate) fn from_hex(text: &str) -> Option<Box<[u8]>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_were_published() {
        let digest = |kind: HashType, bytes: &[u8]| {
            let mut hasher = Hasher::new(kind);
            hasher.update(bytes);
            let digest = hasher.finish();
            assert_eq!(digest.len(), kind.digest_len());
            hex(&digest)
        };
        // FIPS 180-4 and RFC 7693, appendix A: "abc".
        assert!(digest(HashType::Sha256, b"abc").starts_with("ba7816bf8f01cfea"));
        assert!(digest(HashType::Blake2b, b"abc").starts_with("ba80a53f981c4d0d"));
        // The test vectors of BLAKE3: no bytes, and 102,400 bytes that count to 251.
        assert!(digest(HashType::Blake3, b"").starts_with("af1349b9f5f9a1a6"));
        let counted: Vec<u8> = (0..=250).cycle().take(200_000).collect();
        let whole = digest(HashType::Blake3, &counted);
        let mut pieces = Hasher::new(HashType::Blake3);
        counted.chunks(1000).for_each(|piece| pieces.update(piece));
        assert_eq!(hex(&pieces.finish()), whole, "in parallel and in a row");
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(from_hex("00fF").as_deref(), Some(&[0, 255][..]));
        for text in ["0", "0g", "+1", "é"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
