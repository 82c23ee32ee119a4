//! Sigstore bundles, versions 0.1 to 0.3: an envelope together with what it is verified with.
//!
//! `sigstore_bundle.proto` of <https://github.com/sigstore/protobuf-specs>, in the JSON of Protocol
//! Buffers. Nothing of a bundle but the envelope's payload and type is signed: what else it holds is
//! a hint, or verifies by itself.

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use crate::{
    Base64, Certificate, Envelope, PublicKey,
    json::{self, JsonError},
};

/// An envelope and what its signature is verified with.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Who may have signed.
    pub material: Material,
    /// What is signed. It has exactly one signature.
    pub envelope: Envelope,
    /// RFC 3161 time-stamp tokens over the signature, in DER.
    pub timestamps: Vec<Vec<u8>>,
    /// How many entries of a transparency log come along.
    pub log_entries: usize,
}

/// Who may have signed, by the bundle's own word.
#[derive(Clone, Debug)]
pub enum Material {
    /// The holder of a key that the verifier knows.
    Key {
        /// The key's fingerprint.
        hint: Option<String>,
        /// The key itself, in PEM, as model-signing wrote it before 1.1.
        raw: Option<Vec<u8>>,
    },
    /// The holder of the first of these certificates.
    Chain(Vec<Certificate>),
    /// The holder of a certificate of minutes, whose time a log has: Sigstore without keys.
    Keyless(Box<Certificate>),
}

impl Material {
    /// What names `key`: the SHA-256 digest of its PEM in hexadecimal, as OpenSSF Model Signing has it.
    pub fn of_key(key: &PublicKey) -> Self {
        Self::Key {
            hint: Some(hint(key)),
            raw: None,
        }
    }

    /// Whether this may be `key`, by its hint: the digest of its PEM in hexadecimal, or that of its DER
    /// in base64, as Sigstore's own libraries write it. Without one, any key may be meant.
    pub fn names(&self, key: &PublicKey) -> bool {
        let Self::Key { hint: named, raw } = self else {
            return false;
        };
        if let Some(raw) = raw {
            return PublicKey::read(raw).is_ok_and(|raw| raw == *key);
        }
        let Some(named) = named.as_ref().filter(|named| !named.is_empty()) else {
            return true;
        };
        let by_der = Base64::decode(named).is_ok_and(|named| named.0 == key.id().as_bytes());
        by_der || named.eq_ignore_ascii_case(&hint(key))
    }
}

/// The fingerprint of a key in OpenSSF Model Signing.
fn hint(key: &PublicKey) -> String {
    casemate_core::Digest::of(key.to_pem().as_bytes()).hex()
}

impl Bundle {
    /// Reads a bundle of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// What is missing, stands twice or cannot be read.
    pub fn from_json(bytes: &[u8], limit: usize) -> Result<Self, BundleError> {
        let wire: Wire = json::from_slice(bytes, limit)?;
        if !MEDIA_TYPES.contains(&wire.media_type.as_str()) {
            let shown = wire.media_type.chars().take(100).collect();
            return Err(BundleError::MediaType(shown));
        }
        if wire.message_signature.is_some() {
            return Err(BundleError::NoEnvelope);
        }
        let envelope = wire.dsse_envelope.ok_or(BundleError::NoEnvelope)?;
        if envelope.signatures.len() != 1 {
            return Err(BundleError::Signatures(envelope.signatures.len()));
        }
        let material = wire.verification_material;
        let log_entries = material.tlog_entries.map_or(0, |entries| entries.len());
        let timestamps = material.timestamp_verification_data.unwrap_or_default();
        let material = match (material.public_key, material.chain, material.certificate) {
            (Some(key), None, None) => Material::Key {
                hint: key.hint,
                raw: key.raw_bytes.map(|raw| raw.0),
            },
            (None, Some(chain), None) => Material::Chain(certificates(&chain.certificates)?),
            (None, None, Some(certificate)) => {
                let certificate = certificates(&[certificate])?.remove(0);
                Material::Keyless(Box::new(certificate))
            }
            (None, None, None) => return Err(BundleError::NoMaterial),
            _ => return Err(BundleError::Materials),
        };
        let tokens = timestamps.tokens.into_iter();
        Ok(Self {
            material,
            envelope,
            timestamps: tokens.map(|token| token.signed_timestamp.0).collect(),
            log_entries,
        })
    }

    /// The bundle as JSON of version 0.3.
    pub fn to_json(&self) -> Vec<u8> {
        let certificate = |it: &Certificate| WireCertificate {
            raw_bytes: Base64(it.der().to_vec()),
        };
        let mut material = WireMaterial {
            tlog_entries: Some(Vec::new()),
            ..WireMaterial::default()
        };
        match &self.material {
            Material::Key { hint, raw } => {
                material.public_key = Some(WireKey {
                    hint: hint.clone(),
                    raw_bytes: raw.clone().map(Base64),
                });
            }
            Material::Chain(chain) => {
                let certificates = chain.iter().map(certificate).collect();
                material.chain = Some(WireChain { certificates });
            }
            Material::Keyless(it) => material.certificate = Some(certificate(it)),
        }
        if !self.timestamps.is_empty() {
            let token = |der: &Vec<u8>| WireToken {
                signed_timestamp: Base64(der.clone()),
            };
            material.timestamp_verification_data = Some(WireTimestamps {
                tokens: self.timestamps.iter().map(token).collect(),
            });
        }
        let wire = Wire {
            media_type: MEDIA_TYPES[0].to_owned(),
            verification_material: material,
            dsse_envelope: Some(self.envelope.clone()),
            message_signature: None,
        };
        serde_json::to_vec(&wire).expect("a bundle has only text keys")
    }
}

fn certificates(wire: &[WireCertificate]) -> Result<Vec<Certificate>, BundleError> {
    if wire.is_empty() {
        return Err(BundleError::NoMaterial);
    }
    let parse = |it: &WireCertificate| Certificate::from_der(&it.raw_bytes.0);
    let parsed: Result<Vec<Certificate>, _> = wire.iter().map(parse).collect();
    parsed.map_err(|error| BundleError::Certificate(error.to_string()))
}

/// Why bytes are no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// They are not JSON of this shape.
    #[error("not a bundle: {0}")]
    Json(#[from] JsonError),
    /// It says that it is something else.
    #[error("not a bundle that is known: its media type is {0:?}")]
    MediaType(String),
    /// It has no envelope, or a bare signature beside it.
    #[error("the bundle holds no DSSE envelope")]
    NoEnvelope,
    /// The envelope has not one signature.
    #[error("the envelope has {0} signatures, and exactly one is allowed")]
    Signatures(usize),
    /// Nothing says who signed.
    #[error("the bundle names neither a key nor a certificate")]
    NoMaterial,
    /// More than one thing says who signed.
    #[error("the bundle names its signer in more than one way")]
    Materials,
    /// A certificate cannot be parsed.
    #[error("a certificate of the bundle cannot be read: {0}")]
    Certificate(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    verification_material: WireMaterial,
    #[serde(skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Envelope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_signature: Option<Unread>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMaterial {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<WireKey>,
    #[serde(
        rename = "x509CertificateChain",
        skip_serializing_if = "Option::is_none"
    )]
    chain: Option<WireChain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<WireCertificate>,
    /// The reference implementation cannot do without, even where there are none.
    tlog_entries: Option<Vec<Unread>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<WireTimestamps>,
}

/// What is there and matters to nobody: it takes no memory, however many there are.
#[derive(Serialize)]
struct Unread;

impl<'de> Deserialize<'de> for Unread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_bytes: Option<Base64>,
}

#[derive(Serialize, Deserialize)]
struct WireChain {
    certificates: Vec<WireCertificate>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCertificate {
    raw_bytes: Base64,
}

#[derive(Default, Serialize, Deserialize)]
struct WireTimestamps {
    #[serde(default, rename = "rfc3161Timestamps")]
    tokens: Vec<WireToken>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireToken {
    signed_timestamp: Base64,
}

/// The first is written, all are read.
const MEDIA_TYPES: &[&str] = &[
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyAlgorithm, SigningKey, dsse::IN_TOTO};

    fn bundle() -> (SigningKey, Bundle) {
        let key = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
        let bundle = Bundle {
            material: Material::of_key(&key.public()),
            envelope: Envelope::sign(b"{}".to_vec(), IN_TOTO, &key).expect("signs"),
            timestamps: vec![b"token".to_vec()],
            log_entries: 0,
        };
        (key, bundle)
    }

    fn read(json: &str) -> Result<Bundle, BundleError> {
        Bundle::from_json(json.as_bytes(), 1 << 20)
    }

    #[test]
    fn a_bundle_comes_back_as_it_was_written() {
        let (key, bundle) = bundle();
        let json = String::from_utf8(bundle.to_json()).expect("JSON");
        let back = read(&json).expect("reads");
        assert_eq!(back.envelope, bundle.envelope);
        assert_eq!(back.timestamps, bundle.timestamps);
        assert!(back.material.names(&key.public()));
        let other = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
        assert!(!back.material.names(&other.public()));
    }

    #[test]
    fn a_key_is_named_in_any_of_the_ways_that_were_written() {
        let (key, _) = bundle();
        let public = key.public();
        let by_der = serde_json::to_value(Base64(public.id().as_bytes().to_vec()));
        let by_der = by_der.expect("text").as_str().expect("text").to_owned();
        for (hint, raw) in [
            (None, None),
            (Some(String::new()), None),
            (Some(hint(&public)), None),
            (Some(by_der), None),
            (None, Some(public.to_pem().into_bytes())),
        ] {
            assert!(Material::Key { hint, raw }.names(&public));
        }
        for (hint, raw) in [
            (Some("00".repeat(32)), None),
            (None, Some(b"no key".to_vec())),
        ] {
            assert!(!Material::Key { hint, raw }.names(&public));
        }
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let (_, bundle) = bundle();
        let json = String::from_utf8(bundle.to_json()).expect("JSON");
        for (from, to) in [
            ("v0.3+json", "v9+json"),
            ("\"dsseEnvelope\"", "\"other\""),
            (
                "\"dsseEnvelope\"",
                "\"messageSignature\":{},\"dsseEnvelope\"",
            ),
            (
                "\"publicKey\"",
                "\"certificate\":{\"rawBytes\":\"AAAA\"},\"publicKey\"",
            ),
            ("\"publicKey\"", "\"nobody\""),
            ("\"signatures\":[", "\"signatures\":[{\"sig\":\"AAAA\"},"),
            ("\"mediaType\"", "\"mediaType\":\"x\",\"mediaType\""),
        ] {
            let changed = json.replacen(from, to, 1);
            assert_ne!(changed, json, "{from}");
            assert!(read(&changed).is_err(), "{to}");
        }
        let signature = json.find("\"signatures\":[").expect("there") + 14;
        let end = json[signature..].find(']').expect("there") + signature;
        let none = format!("{}{}", &json[..signature], &json[end..]);
        assert!(matches!(read(&none), Err(BundleError::Signatures(0))));
        for garbage in ["", "{}", "[]", "null", "\"\"", "{\"mediaType\":1}"] {
            assert!(read(garbage).is_err(), "{garbage}");
        }
    }

    #[test]
    fn entries_of_a_log_are_counted_and_not_kept() {
        let (_, bundle) = bundle();
        let json = String::from_utf8(bundle.to_json()).expect("JSON");
        let entries = "\"tlogEntries\":[0,{\"a\":[null]},\"b\"]";
        let json = json.replace("\"tlogEntries\":[]", entries);
        assert_eq!(read(&json).expect("reads").log_entries, 3);
        assert_eq!(size_of::<Unread>(), 0);
    }
}
