//! Who has signed, and how many of them.

use std::fs;

use casemate_attest::{KeyAlgorithm, SigningKey, TrustStore};
use casemate_provenance::{Class, Meter, SignOptions, VerifyOptions, inventory, sign, verify};

use crate::{Signed, write};

#[test]
fn so_many_must_have_signed_as_the_store_asks_for() {
    let signed = Signed::new(&SignOptions::default());
    let found = inventory(
        &signed.model(),
        &SignOptions::default(),
        None,
        &Meter::default(),
    );
    let manifest = found.expect("can be signed").manifest;
    let second = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let stranger = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let entry = |name: &str, key: &SigningKey| {
        format!(
            "[[key]]\nname = \"{name}\"\npem = \"\"\"{}\"\"\"\n",
            key.public().to_pem()
        )
    };
    let store = format!(
        "threshold = 2\n{}{}",
        entry("a", &signed.key),
        entry("b", &second)
    );
    let trust = TrustStore::from_toml(&store).expect("a store");
    let by = |key: &SigningKey| sign(&manifest, key, &[]).expect("signs").to_json();
    let mut other = manifest.clone();
    other.resources.pop();
    let of_other = sign(&other, &second, &[]).expect("signs").to_json();
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let class = |bundles: &[Vec<u8>]| {
        let options = VerifyOptions::default();
        verify(
            &signed.model(),
            bundles,
            &trust,
            &options,
            now,
            &Meter::default(),
        )
        .class
    };
    assert_eq!(class(&[by(&signed.key), by(&second)]), Class::Ok);
    assert_eq!(
        class(&[by(&signed.key), by(&stranger), by(&second)]),
        Class::Ok
    );
    assert_eq!(class(&[by(&signed.key)]), Class::UntrustedSigner);
    assert_eq!(
        class(&[by(&signed.key), by(&signed.key)]),
        Class::UntrustedSigner
    );
    assert_eq!(
        class(&[by(&signed.key), by(&stranger)]),
        Class::UntrustedSigner
    );
    assert_eq!(class(&[by(&signed.key), of_other]), Class::UntrustedSigner);
}

#[test]
fn a_bundle_that_is_none_is_malformed_and_a_signature_of_another_kind_too() {
    let mut signed = Signed::new(&SignOptions::default());
    for bundle in [&b""[..], b"{}", b"\xff", b"[[[[", b"null"] {
        signed.bundle = bundle.to_vec();
        signed.expect(Class::Malformed);
    }
    // What is validly signed and is no manifest.
    let envelope =
        casemate_attest::Envelope::sign(b"{}".to_vec(), "text/plain", &signed.key).expect("signs");
    let material = casemate_attest::Material::of_key(&signed.key.public());
    let bundle = casemate_attest::Bundle {
        material,
        envelope,
        timestamps: Vec::new(),
        log_entries: 0,
    };
    signed.bundle = bundle.to_json();
    signed.expect(Class::Malformed);
}

#[test]
fn signers_agree_where_each_left_out_its_own_bundle() {
    let signed = Signed::new(&SignOptions::default());
    let second = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let third = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let entry = |name: &str, key: &SigningKey| {
        let pem = key.public().to_pem();
        format!("[[key]]\nname = \"{name}\"\npem = \"\"\"{pem}\"\"\"\n")
    };
    let store = [
        "threshold = 2\n".into(),
        entry("a", &signed.key),
        entry("b", &second),
        entry("c", &third),
    ];
    let trust = TrustStore::from_toml(&store.concat()).expect("a store");
    let by =
        |key: &SigningKey, leaves_out: &str, change: fn(&mut casemate_provenance::Manifest)| {
            let options = SignOptions {
                outputs: vec![signed.model().join(leaves_out)],
                ..SignOptions::default()
            };
            let found = inventory(&signed.model(), &options, None, &Meter::default());
            let mut manifest = found.expect("can be signed").manifest;
            change(&mut manifest);
            sign(&manifest, key, &[]).expect("signs").to_json()
        };
    let other = by(&signed.key, "a.sig", |it| drop(it.resources.pop()));
    let (b, c) = (by(&second, "b.sig", |_| {}), by(&third, "c.sig", |_| {}));
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let verdict = |bundles: &[Vec<u8>]| {
        let options = VerifyOptions::default();
        verify(
            &signed.model(),
            bundles,
            &trust,
            &options,
            now,
            &Meter::default(),
        )
    };
    for bundles in [[&other, &b, &c], [&b, &other, &c], [&b, &c, &other]] {
        let told = verdict(&bundles.map(Clone::clone));
        assert_eq!(told.class, Class::Ok, "{:#?}", told.problems);
        assert_eq!(told.signers.len(), 2);
        assert_eq!(
            told.notes.len(),
            1,
            "who signed other content: {:?}",
            told.notes
        );
    }
    // What one of them alone left out is not left out.
    write(&signed.model().join("b.sig"), b"x");
    assert_eq!(verdict(&[b, c]).class, Class::UnsignedPresent);
}

#[test]
fn a_signer_is_held_to_the_name_that_is_signed_and_not_to_that_of_the_directory() {
    let signed = Signed::new(&SignOptions::default());
    let pem = signed.key.public().to_pem();
    let class = |subjects: &str| {
        let store = format!(
            "[[key]]\nname = \"a\"\npem = \"\"\"{pem}\"\"\"\nsubjects = [\"{subjects}\"]\n"
        );
        let trust = TrustStore::from_toml(&store).expect("a store");
        let renamed = signed.dir.path().join("llama-70b");
        fs::rename(signed.model(), &renamed).expect("renamed");
        let now = "2030-01-01T00:00:00Z".parse().expect("a time");
        let bundles = std::slice::from_ref(&signed.bundle);
        let told = verify(
            &renamed,
            bundles,
            &trust,
            &VerifyOptions::default(),
            now,
            &Meter::default(),
        );
        fs::rename(&renamed, signed.model()).expect("renamed");
        (told.class, told.name)
    };
    assert_eq!(class("llama-*"), (Class::UntrustedSigner, None));
    assert_eq!(class("mod*"), (Class::Ok, Some("model".to_owned())));
}
