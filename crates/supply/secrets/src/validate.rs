//! What a candidate must hold to be more than a lookalike: checksums, structure, randomness.
//!
//! Each validator is a name in the data, so that a new detector is a row and no code. All of them
//! are linear in the candidate, whose length the engine has bounded.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    armour::{self, Pem},
    base64::{self, Alphabet},
    looks::{entropy, is_password, is_random},
};

/// One test a candidate must pass.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Validator {
    /// The last six characters are the CRC-32 of those between the last underscore and them, in
    /// base 62, as GitHub and npm tokens have it.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of what stands before the last underscore, least
    /// significant byte first, in hexadecimal, as Grafana service account tokens have it.
    Crc32Hex,
    /// The account number within an AWS access key id is one.
    AwsKey,
    /// A JSON Web Token (RFC 7519) whose header names an algorithm and whose payload is an object.
    Jwt,
    /// Base64, whose bytes are a JSON object.
    Base64Json,
    /// Base64 (RFC 4648, section 4), padded, without stray bits.
    Base64,
    /// Base64 of `user:password`, as HTTP Basic has it.
    Basic,
    /// PEM (RFC 7468 and its older forms), or OpenPGP armour, around a private key.
    Pem(Pem),
    /// At least this many bits per character (Shannon, over the candidate's own characters).
    Entropy(f32),
    /// Holds a digit and a letter.
    Mixed,
    /// Looks like what a machine draws: many kinds of characters that change often.
    Random,
    /// Looks like what a person would choose as a password: not a word, a path, code or a name.
    Password,
}

impl Validator {
    /// Whether `secret` passes. `public` is the part that every secret of the kind begins with.
    pub(crate) fn accepts(self, secret: &[u8], public: &[u8]) -> bool {
        let own = secret.strip_prefix(public).unwrap_or(secret);
        match self {
            Self::Crc32Base62 => crc32_base62(secret),
            Self::Crc32Hex => crc32_hex(secret),
            Self::AwsKey => aws_account(secret).is_some_and(|account| account < ACCOUNTS),
            Self::Jwt => is_jwt(secret),
            Self::Base64Json => {
                base64::decode(secret, Alphabet::Standard).is_some_and(|b| is_object(&b))
            }
            Self::Base64 => {
                secret.len().is_multiple_of(4)
                    && base64::decode(secret, Alphabet::Standard).is_some()
            }
            Self::Basic => is_basic(secret),
            Self::Pem(kind) => armour::private_key(secret) == Some(kind),
            Self::Entropy(bits) => entropy(own) >= bits,
            Self::Mixed => {
                own.iter().any(u8::is_ascii_digit) && own.iter().any(u8::is_ascii_alphabetic)
            }
            Self::Random => is_random(own),
            Self::Password => is_password(own),
        }
    }
}

fn crc32_base62(token: &[u8]) -> bool {
    let start = memchr::memrchr(b'_', token).map_or(0, |at| at + 1);
    let Some((body, check)) = token[start..].split_last_chunk::<6>() else {
        return false;
    };
    let mut rest = crc32fast::hash(body);
    // Least significant digit last, padded with zeros: 62^6 exceeds 2^32.
    let expected: [u8; 6] = std::array::from_fn(|_| {
        let digit = BASE62[(rest % 62) as usize];
        rest /= 62;
        digit
    });
    expected.iter().rev().eq(check)
}

fn crc32_hex(token: &[u8]) -> bool {
    let Some((body, check)) = token.split_last_chunk::<8>() else {
        return false;
    };
    let Some(body) = body.strip_suffix(b"_") else {
        return false;
    };
    let expected: String = crc32fast::hash(body)
        .to_le_bytes()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    expected.as_bytes().eq_ignore_ascii_case(check)
}

/// The account that an AWS access key id belongs to: bits 1 to 40 of what follows the four letters,
/// read as base 32 (RFC 4648). Keys made before 2019, which begin with `I` or `J`, hold none.
fn aws_account(key: &[u8]) -> Option<u64> {
    let digits = key.get(4..14)?;
    if matches!(digits[0], b'I' | b'J') {
        return Some(0);
    }
    let bits = digits.iter().try_fold(0_u64, |bits, &digit| {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        Some(bits << 5 | u64::from(value))
    })?;
    Some(bits >> 9 & ((1 << 40) - 1))
}

fn is_jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|&byte| byte == b'.');
    let (Some(header), Some(payload)) = (parts.next(), parts.next()) else {
        return false;
    };
    let object = |part: &[u8]| -> Option<Value> {
        let bytes = base64::decode(part, Alphabet::Url)?;
        serde_json::from_slice::<Value>(&bytes)
            .ok()
            .filter(Value::is_object)
    };
    let signed = object(header).is_some_and(|header| {
        let algorithm = header.get("alg").and_then(Value::as_str);
        algorithm.is_some_and(|name| !name.eq_ignore_ascii_case("none"))
    });
    signed && object(payload).is_some()
}

fn is_object(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.is_object())
}

fn is_basic(text: &[u8]) -> bool {
    let Some(bytes) = base64::decode(text, Alphabet::Standard) else {
        return false;
    };
    let Some(colon) = memchr::memchr(b':', &bytes) else {
        return false;
    };
    colon > 0 && colon + 1 < bytes.len() && bytes.iter().all(|b| (0x20..0x7F).contains(b))
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// AWS account numbers have twelve digits.
const ACCOUNTS: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_of_githubs_published_example_holds() {
        // From GitHub's announcement of the format, 2021-04-05, in two pieces.
        let token = ["ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"].concat();
        assert!(crc32_base62(token.as_bytes()));
        let changed = token.replace("zQ", "zR");
        assert!(!crc32_base62(changed.as_bytes()));
        assert!(!crc32_base62(b"ghp_"));
    }

    #[test]
    fn the_checksum_of_grafanas_own_test_holds() {
        let token = ["glsa_", "yscW25imSKJIuav8zF37RZmnbiDvB05G", "_fcaaf58a"].concat();
        assert!(crc32_hex(token.as_bytes()));
        assert!(!crc32_hex(token.replace("yscW", "yscX").as_bytes()));
    }

    #[test]
    fn an_aws_key_names_an_account_of_twelve_digits() {
        // The documented example belongs to the generation that holds no account.
        assert_eq!(aws_account(b"AKIAIOSFODNN7EXAMPLE"), Some(0));
        assert_eq!(
            aws_account(&[&b"ASIAQNZGKI"[..], b"QY56JQ7WML"].concat()),
            Some(29_608_264_753)
        );
        assert!(!Validator::AwsKey.accepts(b"AKIA77777777777777Q7", b"AKIA"));
        assert_eq!(aws_account(b"AKIA0000000000000000"), None);
        assert_eq!(aws_account(b"AKIA"), None);
    }

    #[test]
    fn a_jwt_has_an_algorithm_and_claims() {
        // {"alg":"HS256","typ":"JWT"} . {"sub":"42"}
        let signed = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl";
        assert!(is_jwt(signed));
        // {"alg":"none"}
        assert!(!is_jwt(b"eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiJ9."));
        assert!(!is_jwt(b"eyJhbGciOiJIUzI1NiJ9.c2lnbmF0dXJl.c2lnbmF0dXJl"));
        assert!(!is_jwt(b"eyJhbGciOiJIUzI1NiJ9"));
    }

    proptest! {
        #[test]
        fn no_candidate_panics_a_validator(
            secret in proptest::collection::vec(any::<u8>(), 0..200),
            armoured in any::<bool>(),
        ) {
            let mut secret = secret;
            if armoured {
                secret.splice(0..0, *b"-----BEGIN PRIVATE KEY-----");
                secret.extend(b"-----END");
            }
            for validator in [
                Validator::Crc32Base62, Validator::Crc32Hex, Validator::AwsKey, Validator::Jwt,
                Validator::Base64Json, Validator::Base64, Validator::Basic, Validator::Mixed,
                Validator::Pem(Pem::Clear), Validator::Password, Validator::Random,
            ] {
                let _ = validator.accepts(&secret, b"");
            }
            let bits = entropy(&secret);
            prop_assert!((0.0..=8.0).contains(&bits));
        }
    }
}
