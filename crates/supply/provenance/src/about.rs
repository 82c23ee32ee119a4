//! What a bundle is about, by its own word.

use casemate_attest::{Bundle, STATEMENT_V1, Statement, dsse, json};
use casemate_core::Digest;
use serde::de::IgnoredAny;

use crate::{LONGEST_BUNDLE, Manifest, ManifestError, manifest::LONGEST_STATEMENT};

/// The digest of the artifact that the statement in a bundle (as JSON) is about, and the type of its
/// predicate. Whether the signature verifies is not asked: a log says that there is one, and not whose.
///
/// # Errors
///
/// Why it is no statement about one artifact.
pub fn about(bundle: &[u8]) -> Result<(Digest, String), String> {
    let limit = usize::try_from(LONGEST_BUNDLE).unwrap_or(usize::MAX);
    let bundle = Bundle::from_json(bundle, limit).map_err(|error| error.to_string())?;
    if bundle.envelope.payload_type != dsse::IN_TOTO {
        return Err("what is signed is no in-toto statement".into());
    }
    let payload = &bundle.envelope.payload.0;
    match Manifest::from_statement(payload) {
        Ok(manifest) => return Ok((manifest.root(), manifest.predicate_type().to_owned())),
        Err(ManifestError::Predicate(_)) => {}
        Err(error) => return Err(error.to_string()),
    }
    let statement: Statement<IgnoredAny> =
        json::from_slice(payload, LONGEST_STATEMENT).map_err(|error| error.to_string())?;
    if statement.kind != STATEMENT_V1 {
        return Err(format!("it is no statement, but {:?}", statement.kind));
    }
    let mut digests = statement.subject.iter().map(|it| it.digest.get("sha256"));
    let first = digests.next().flatten();
    match first {
        Some(first) if digests.all(|it| it == Some(first)) => {
            let digest = format!("sha256:{first}").parse();
            let digest = digest.map_err(|error| format!("its subject: {error}"))?;
            Ok((digest, statement.predicate_type))
        }
        _ => Err("it is not about one artifact with a SHA-256 digest".into()),
    }
}

#[cfg(test)]
mod tests {
    use casemate_attest::{Envelope, KeyAlgorithm, Material, SigningKey};

    use super::*;

    fn bundle(statement: &str, payload_type: &str) -> Vec<u8> {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        let bundle = Bundle {
            material: Material::of_key(&key.public()),
            envelope: Envelope::sign(statement.as_bytes().to_vec(), payload_type, &key),
            timestamps: Vec::new(),
            log_entries: 0,
        };
        bundle.to_json()
    }

    fn statement(subjects: &[&str]) -> String {
        let subject = |hex: &&str| format!("{{\"digest\":{{\"sha256\":\"{hex}\"}}}}");
        let subjects: Vec<String> = subjects.iter().map(subject).collect();
        format!(
            "{{\"_type\":\"{STATEMENT_V1}\",\"subject\":[{}],\
             \"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{{\"a\":[1]}}}}",
            subjects.join(",")
        )
    }

    #[test]
    fn a_statement_of_another_kind_is_about_its_subject() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let of = |text: &str| about(&bundle(text, dsse::IN_TOTO));
        let expected = Ok((one, "https://slsa.dev/provenance/v1".to_owned()));
        assert_eq!(of(&statement(&[&one.hex()])), expected);
        assert_eq!(of(&statement(&[&one.hex(), &one.hex()])), expected);
        for text in [
            statement(&[]),
            statement(&[&one.hex(), &other.hex()]),
            statement(&["abc"]),
            statement(&[&one.hex()]).replace("sha256", "sha512"),
            statement(&[&one.hex()]).replace("Statement/v1", "Statement/v0.1"),
            // A manifest that is none.
            statement(&[&one.hex()]).replace("https://slsa.dev/provenance/v1", crate::PREDICATE),
            "{}".to_owned(),
        ] {
            assert!(of(&text).is_err(), "{text}");
        }
        assert!(about(&bundle(&statement(&[&one.hex()]), "text/plain")).is_err());
        assert!(about(b"{}").is_err());
    }
}
