//! Archives of policies, as they were signed and after somebody was at them.

use casemate_attest::{
    Bundle, Envelope, KeyAlgorithm, Material, ResourceDescriptor, SigningKey, TrustStore,
    dsse::IN_TOTO,
};
use casemate_core::{Digest, Timestamp};
use casemate_provenance::{
    Class, LONGEST_BUNDLE, Predicate as _, Problem, attest, predicate::policy::PolicyBundle,
};
use serde_json::{Value, json};

/// An archive, whose bytes alone count here, and its signature.
struct Signed {
    key: SigningKey,
    bundle: Vec<u8>,
}

impl Signed {
    fn new() -> Self {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        let about = ResourceDescriptor::of("policy.tar.gz", &Digest::of(ARCHIVE));
        let said = PolicyBundle {
            contents: Digest::of(b"contents").to_string(),
            policy: Digest::of(b"policy").to_string(),
            revision: None,
        };
        let bundle = attest(about, &said, &key, &[]).expect("signs").to_json();
        Self { key, bundle }
    }

    fn store(&self, head: &str, terms: &str) -> TrustStore {
        let pem = self.key.public().to_pem();
        let text =
            format!("{head}\n[[key]]\nname = \"release\"\npem = \"\"\"{pem}\"\"\"\n{terms}\n");
        TrustStore::from_toml(&text).expect("a store")
    }

    /// What somebody who is trusted says instead.
    fn says(&self, statement: &Value) -> Vec<u8> {
        let payload = statement.to_string().into_bytes();
        let bundle = Bundle {
            material: Material::of_key(&self.key.public()),
            envelope: Envelope::sign(payload, IN_TOTO, &self.key).expect("signs"),
            timestamps: Vec::new(),
            log_entries: 0,
        };
        bundle.to_json()
    }

    #[track_caller]
    fn refused(&self, archive: &[u8], bundle: &[u8], trust: &TrustStore) -> Problem {
        PolicyBundle::verified(archive, bundle, trust, now()).expect_err("is refused")
    }
}

fn statement() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "policy.tar.gz", "digest": {"sha256": Digest::of(ARCHIVE).hex()}}],
        "predicateType": PolicyBundle::TYPE,
        "predicate": {"contents": "sha256:00", "policy": "sha256:00"},
    })
}

fn another_key() -> String {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    let pem = key.public().to_pem();
    format!("[[key]]\nname = \"another\"\npem = \"\"\"{pem}\"\"\"\n")
}

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

#[test]
fn what_a_trusted_signer_signed_verifies() {
    let signed = Signed::new();
    for trust in [
        signed.store("", ""),
        signed.store("", "not-after = \"2030-01-02T00:00:00Z\""),
        signed.store(
            &format!(
                "threshold = 2\nthresholds = {{ \"{}\" = 1 }}",
                PolicyBundle::TYPE
            ),
            &format!(
                "predicates = [\"urn:casemate:predicate:policy-bundle:*\"]\n{}",
                another_key()
            ),
        ),
    ] {
        let evidence = PolicyBundle::verified(ARCHIVE, &signed.bundle, &trust, now());
        let evidence = evidence.unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(evidence.signers[0].name, "release");
    }
}

#[test]
fn an_archive_of_other_bytes_is_not_what_is_signed() {
    let signed = Signed::new();
    let trust = signed.store("", "");
    let mut others = vec![
        Vec::new(),
        ARCHIVE[..ARCHIVE.len() - 1].to_vec(),
        [ARCHIVE, b"\0"].concat(),
        [ARCHIVE, ARCHIVE].concat(),
    ];
    for at in 0..ARCHIVE.len() {
        let mut other = ARCHIVE.to_vec();
        other[at] ^= 1;
        others.push(other);
    }
    for other in others {
        let problem = signed.refused(&other, &signed.bundle, &trust);
        assert_eq!(problem.class, Class::ContentMismatch);
        assert_eq!(problem.message, "the archive is not what is signed");
    }
}

#[test]
fn who_may_not_sign_policies_or_no_more_did_not_sign_it() {
    let signed = Signed::new();
    for (trust, class, why) in [
        (
            Signed::new().store("", ""),
            Class::UntrustedSigner,
            "another key signed it, and not one that is trusted",
        ),
        (
            signed.store("", "not-after = \"2029-12-31T00:00:00Z\""),
            Class::Expired,
            "was trusted until 2029-12-31",
        ),
        (
            signed.store("", "not-before = \"2030-02-01T00:00:00Z\""),
            Class::Expired,
            "2030-02-01",
        ),
        (
            signed.store(
                "",
                "revoked = { at = \"2029-01-01T00:00:00Z\", reason = \"lost\" }",
            ),
            Class::Revoked,
            "lost",
        ),
        (
            signed.store("", "predicates = [\"https://slsa.dev/*\"]"),
            Class::UntrustedSigner,
            "policy-bundle",
        ),
        (
            signed.store("", "subjects = [\"models/*\"]"),
            Class::UntrustedSigner,
            "policy.tar.gz",
        ),
        (
            signed.store("threshold = 2", &another_key()),
            Class::UntrustedSigner,
            "2 signers must have signed",
        ),
        (
            signed.store("require-log = true", ""),
            Class::NotLogged,
            "no proof was given",
        ),
    ] {
        let problem = signed.refused(ARCHIVE, &signed.bundle, &trust);
        assert_eq!(problem.class, class, "{}", problem.message);
        assert!(problem.message.contains(why), "{why}: {}", problem.message);
    }
}

#[test]
fn a_statement_of_something_else_is_no_policy() {
    let signed = Signed::new();
    let trust = signed.store("", "");
    let with = |pointer: &str, value: Value| {
        let mut statement = statement();
        *statement.pointer_mut(pointer).expect(pointer) = value;
        signed.says(&statement)
    };
    let plain = signed.says(&statement());
    assert!(PolicyBundle::verified(ARCHIVE, &plain, &trust, now()).is_ok());
    let other = json!({"name": "other", "digest": {"sha256": Digest::of(b"other").hex()}});
    for (bundle, class, why) in [
        (
            with("/predicateType", json!("https://example.org/x/v1")),
            Class::Malformed,
            "no policy, but says https://example.org/x/v1",
        ),
        (
            with("/subject", json!([other])),
            Class::ContentMismatch,
            "not what is signed",
        ),
        (with("/subject", json!([])), Class::Malformed, "subject"),
        (
            with("/subject/0/digest", json!({"sha512": "0".repeat(128)})),
            Class::ContentMismatch,
            "not what is signed",
        ),
        (
            with("/predicate", json!({"contents": 1, "policy": "x"})),
            Class::Malformed,
            "not of the shape",
        ),
        (
            with("/_type", json!("https://example.org/Statement")),
            Class::Malformed,
            "no in-toto statement of version 1",
        ),
    ] {
        let problem = signed.refused(ARCHIVE, &bundle, &trust);
        assert_eq!(problem.class, class, "{}", problem.message);
        assert!(problem.message.contains(why), "{why}: {}", problem.message);
    }
}

#[test]
fn what_is_no_bundle_or_is_cut_or_changed_verifies_nothing() {
    let signed = Signed::new();
    let trust = signed.store("", "");
    let huge = vec![b' '; usize::try_from(LONGEST_BUNDLE).expect("fits") + 1];
    for (what, bundle) in [
        ("nothing", &b""[..]),
        ("no JSON", b"no bundle"),
        ("an archive", ARCHIVE),
        ("another document", b"{}"),
        ("a list", b"[]"),
        ("two", &[&signed.bundle[..], &signed.bundle[..]].concat()),
        ("huge", &huge),
    ] {
        let problem = signed.refused(ARCHIVE, bundle, &trust);
        assert_eq!(problem.class, Class::Malformed, "{what}");
        assert!(!problem.message.is_empty(), "{what}");
    }
    for end in 0..signed.bundle.len() {
        let problem = signed.refused(ARCHIVE, &signed.bundle[..end], &trust);
        assert_eq!(problem.class, Class::Malformed, "{end} bytes");
    }
    for at in 0..signed.bundle.len() {
        let mut other = signed.bundle.clone();
        other[at] ^= 1;
        // Nothing that is not signed decides, so a change there may be none.
        if let Ok(evidence) = PolicyBundle::verified(ARCHIVE, &other, &trust, now()) {
            let plain = PolicyBundle::verified(ARCHIVE, &signed.bundle, &trust, now());
            let plain = plain.expect("verifies");
            assert_eq!(evidence.subject, plain.subject, "byte {at}");
            assert_eq!(evidence.predicate, plain.predicate, "byte {at}");
        }
    }
}

const ARCHIVE: &[u8] = b"\x1f\x8b\x08 the bytes of an archive";
