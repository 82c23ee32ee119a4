//! Dead Simple Signing Envelope, version 1.0.2: bytes with a type, and signatures over both.
//!
//! <https://github.com/secure-systems-lab/dsse>. The signature covers the bytes as they are; they are
//! never parsed and written again.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{BadSignature, CannotSign, PublicKey, Sign};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Bytes, what they are, and who signed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What is signed.
    pub payload: Base64,
    /// The media type of the payload.
    pub payload_type: String,
    /// The signatures.
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// Over the [`pre_authentication_encoding`].
    pub sig: Base64,
    /// A hint at the key, which nothing decides on: absent, null and empty are the same.
    #[serde(default)]
    pub keyid: Option<String>,
}

impl Envelope {
    /// Signs `payload` with one key.
    ///
    /// # Errors
    ///
    /// When the key does not sign; one that is at hand always does.
    pub fn sign(payload: Vec<u8>, payload_type: &str, key: &dyn Sign) -> Result<Self, CannotSign> {
        let signature = key.sign(&pre_authentication_encoding(payload_type, &payload))?;
        Ok(Self {
            payload: Base64(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature {
                sig: Base64(signature),
                keyid: Some(String::new()),
            }],
        })
    }

    /// What the signatures are over.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload.0)
    }

    /// Whether one of the signatures is by `key`.
    ///
    /// # Errors
    ///
    /// When none is.
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        self.verify_bytes(&self.signed_bytes(), key)
    }

    /// The same, of [`signed_bytes`](Self::signed_bytes) that are at hand: they are as long as the payload, and
    /// many keys may have to be tried.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_bytes(&self, message: &[u8], key: &PublicKey) -> Result<(), BadSignature> {
        let mut signatures = self.signatures.iter();
        match signatures.any(|signature| key.verify(message, &signature.sig.0).is_ok()) {
            true => Ok(()),
            false => Err(BadSignature),
        }
    }
}

/// `DSSEv1 SP len(type) SP type SP len(body) SP body`, lengths in bytes and decimal.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (type_bytes, bytes) = (payload_type.len(), payload.len());
    let mut encoded = format!("DSSEv1 {type_bytes} {payload_type} {bytes} ").into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

/// Bytes that JSON writes in base64: in the standard alphabet with padding, and read in the URL-safe
/// one too, as DSSE asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl Base64 {
    /// Decodes text in either alphabet, with or without padding.
    ///
    /// # Errors
    ///
    /// When a character is in neither, or bits are left over.
    pub fn decode(text: &str) -> Result<Self, base64::DecodeError> {
        let engine = match text.contains(['-', '_']) {
            true => &URL_SAFE,
            false => &STANDARD,
        };
        engine.decode(text).map(Self)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::decode(&text).map_err(|error| D::Error::custom(format!("not base64: {error}")))
    }
}

impl JsonSchema for Base64 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Base64".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Bytes in base64 (RFC 4648, section 4).",
            "contentEncoding": "base64",
        })
    }
}

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, CONFIG);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyAlgorithm, SigningKey};

    #[test]
    fn the_encoding_is_that_of_the_protocol() {
        // protocol.md of DSSE, "Test vectors".
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(
            pre_authentication_encoding("é", b""),
            "DSSEv1 2 é 0 ".as_bytes()
        );
    }

    #[test]
    fn an_envelope_verifies_until_a_bit_of_it_changes() {
        for algorithm in KeyAlgorithm::ALL {
            let key = SigningKey::generate(algorithm).expect("randomness");
            let envelope = Envelope::sign(b"{}".to_vec(), IN_TOTO, &key).expect("signs");
            assert!(envelope.verify(&key.public()).is_ok());
            let mut payload = envelope.clone();
            payload.payload.0[0] ^= 1;
            assert!(payload.verify(&key.public()).is_err());
            let mut kind = envelope.clone();
            kind.payload_type.push('x');
            assert!(kind.verify(&key.public()).is_err());
            let mut signature = envelope.clone();
            *signature.signatures[0].sig.0.last_mut().expect("bytes") ^= 1;
            assert!(signature.verify(&key.public()).is_err());
            let other = SigningKey::generate(algorithm).expect("randomness");
            assert!(envelope.verify(&other.public()).is_err());
        }
    }

    #[test]
    fn base64_is_read_in_either_alphabet_and_written_in_one() {
        for text in ["+/8=", "-_8=", "-_8"] {
            assert_eq!(Base64::decode(text), Ok(Base64(vec![0xfb, 0xff])), "{text}");
        }
        for text in ["+_8=", "+/9=", "+/8 =", "+/8==", "+"] {
            assert!(Base64::decode(text).is_err(), "{text}");
        }
        let json = serde_json::to_string(&Base64(vec![0xfb, 0xff])).expect("serialises");
        assert_eq!(json, "\"+/8=\"");
    }
}
