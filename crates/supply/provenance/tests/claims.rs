//! What is said of a model by somebody who is trusted, and is no claim about it all the same.

use std::fs;

use casemate_attest::{
    Bundle, Envelope, KeyAlgorithm, Material, SigningKey, TrustStore, dsse::IN_TOTO,
};
use casemate_provenance::{
    Claims, Class, Meter, SignOptions, Verdict, VerifyOptions, inventory, sign, verify,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A model, its signature, and whoever may say something of it.
struct Signed {
    dir: TempDir,
    key: SigningKey,
    signature: Vec<u8>,
    root: String,
}

impl Signed {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("weights.bin"), [7; 100]).expect("written");
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        let options = SignOptions::default();
        let found = inventory(dir.path(), &options, None, &Meter::default()).expect("a model");
        let signature = sign(&found.manifest, &key, &[]).expect("signs").to_json();
        Self {
            root: found.manifest.root().hex(),
            dir,
            key,
            signature,
        }
    }

    fn statement(&self) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "model", "digest": {"sha256": self.root}}],
            "predicateType": "https://example.org/x/v1",
            "predicate": {"a": 1},
        })
    }

    fn signs(&self, payload: Vec<u8>, payload_type: &str) -> Vec<u8> {
        let bundle = Bundle {
            material: Material::of_key(&self.key.public()),
            envelope: Envelope::sign(payload, payload_type, &self.key).expect("signs"),
            timestamps: Vec::new(),
            log_entries: 0,
        };
        bundle.to_json()
    }

    fn says(&self, statement: &Value) -> Vec<u8> {
        self.signs(statement.to_string().into_bytes(), IN_TOTO)
    }

    fn verify(&self, lines: &[Vec<u8>]) -> Verdict {
        let file = lines.join(&b'\n');
        let options = VerifyOptions {
            claims: Claims::read(&mut &*file).expect("memory can be read"),
            ..VerifyOptions::default()
        };
        let trust = TrustStore::of_key("test", self.key.public());
        let now = "2030-01-01T00:00:00Z".parse().expect("a time");
        verify(
            self.dir.path(),
            &[],
            &trust,
            &options,
            now,
            &Meter::default(),
        )
    }
}

#[test]
fn what_somebody_trusted_says_of_the_model_is_listed_as_it_was_said() {
    let signed = Signed::new();
    let statement = signed.statement();
    let verdict = signed.verify(&[signed.signature.clone(), signed.says(&statement)]);
    assert_eq!(verdict.class, Class::Ok, "{:?}", verdict.problems);
    assert_eq!(verdict.claims.len(), 2);
    let evidence = &verdict.claims[1].evidence;
    assert_eq!(evidence.predicate, statement["predicate"]);
    assert_eq!(evidence.signers[0].name, "test");
}

#[test]
fn what_could_be_read_in_another_way_is_no_claim() {
    let signed = Signed::new();
    let with = |pointer: &str, value: Value| {
        let mut statement = signed.statement();
        *statement.pointer_mut(pointer).expect(pointer) = value;
        signed.says(&statement)
    };
    let mut silent = signed.statement();
    silent
        .as_object_mut()
        .expect("an object")
        .remove("predicate");
    let subject = signed.statement()["subject"][0].clone();
    let mut other = subject.clone();
    other["name"] = json!("another");
    let twice =
        signed
            .statement()
            .to_string()
            .replacen("\"_type\"", "\"_type\":\"x\",\"_type\"", 1);
    let text = signed.statement().to_string().into_bytes();
    for (what, bundle, class) in [
        (
            "two subjects",
            with("/subject", json!([subject, other])),
            Class::Malformed,
        ),
        (
            "one subject twice",
            with("/subject", json!([subject, subject])),
            Class::Malformed,
        ),
        ("no subject", with("/subject", json!([])), Class::Malformed),
        (
            "another algorithm",
            with("/subject/0/digest", json!({"sha512": "ab".repeat(64)})),
            Class::Malformed,
        ),
        (
            "upper case",
            with(
                "/subject/0/digest/sha256",
                json!(signed.root.to_uppercase()),
            ),
            Class::Malformed,
        ),
        (
            "another model",
            with("/subject/0/digest/sha256", json!("00".repeat(32))),
            Class::ContentMismatch,
        ),
        ("no predicate", signed.says(&silent), Class::Malformed),
        (
            "a predicate of another shape than its type has",
            with("/predicateType", json!("https://slsa.dev/provenance/v1")),
            Class::Malformed,
        ),
        (
            "a result that no policy would find",
            result_as_an_object(&signed),
            Class::Malformed,
        ),
        (
            "a model signature that is none",
            with(
                "/predicateType",
                json!("https://model_signing/signature/v1.0"),
            ),
            Class::Malformed,
        ),
        (
            "another version",
            with("/_type", json!("https://in-toto.io/Statement/v0.1")),
            Class::Malformed,
        ),
        (
            "a member twice",
            signed.signs(twice.into_bytes(), IN_TOTO),
            Class::Malformed,
        ),
        (
            "no statement",
            signed.signs(b"text".to_vec(), IN_TOTO),
            Class::Malformed,
        ),
        (
            "another type",
            signed.signs(text, "application/json"),
            Class::Malformed,
        ),
    ] {
        let verdict = signed.verify(&[signed.signature.clone(), bundle]);
        assert_eq!(verdict.class, class, "{what}: {:?}", verdict.problems);
        assert_eq!(verdict.problems[0].line, Some(2), "{what}");
        assert_eq!(verdict.claims.len(), 1, "{what}: the signature stands");
    }
}

fn result_as_an_object(signed: &Signed) -> Vec<u8> {
    let mut statement = signed.statement();
    statement["predicateType"] = json!("https://in-toto.io/attestation/test-result/v0.1");
    statement["predicate"] = json!({"result": {"FAILED": null}, "configuration": []});
    signed.says(&statement)
}

#[test]
fn nothing_is_parsed_that_nobody_trusted_signed() {
    let signed = Signed::new();
    let other = Signed::new();
    // Which would be malformed if anybody had looked.
    let garbage = other.signs(b"{\"a\":1,\"a\":2}".to_vec(), IN_TOTO);
    let verdict = signed.verify(&[signed.signature.clone(), garbage]);
    assert_eq!(verdict.class, Class::UntrustedSigner);
}

#[test]
fn a_second_signature_of_other_content_is_a_problem_of_its_line() {
    let signed = Signed::new();
    let elsewhere = Signed::new();
    fs::write(elsewhere.dir.path().join("weights.bin"), [8; 100]).expect("written");
    let options = SignOptions::default();
    let found = inventory(elsewhere.dir.path(), &options, None, &Meter::default());
    let manifest = found.expect("a model").manifest;
    let second = sign(&manifest, &signed.key, &[]).expect("signs").to_json();
    let verdict = signed.verify(&[signed.signature.clone(), second]);
    assert_eq!(verdict.class, Class::ContentMismatch);
    assert_eq!(verdict.problems[0].line, Some(2));
    assert_eq!(verdict.claims.len(), 1);
}
