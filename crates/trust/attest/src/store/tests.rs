use super::*;
use crate::{KeyAlgorithm, SigningKey, dsse::IN_TOTO};

fn key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness")
}

fn bundle(key: &SigningKey, material: Material) -> Bundle {
    Bundle {
        material,
        envelope: Envelope::sign(b"{}".to_vec(), IN_TOTO, key).expect("signs"),
        timestamps: Vec::new(),
        log_entries: 0,
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn judge(store: &TrustStore, bundle: &Bundle, subject: &str, at: &str) -> Result<Signer, Distrust> {
    let verify = |envelope: &Envelope, key: &PublicKey| envelope.verify(key).is_ok();
    store.judge(
        bundle,
        &|| Some(subject.to_owned()),
        None,
        time(at),
        &verify,
    )
}

fn store(key: &SigningKey, more: &str) -> TrustStore {
    let pem = key.public().to_pem();
    let text = format!("[[key]]\nname = \"release\"\npem = \"\"\"{pem}\"\"\"\n{more}");
    TrustStore::from_toml(&text).expect("a store")
}

const NOW: &str = "2030-01-01T00:00:00Z";

#[test]
fn a_key_is_trusted_within_its_terms() {
    let signing = key();
    let signed = bundle(&signing, Material::of_key(&signing.public()));
    let more = "not-before = 2029-01-01T00:00:00Z\nnot-after = \"2031-01-01T00:00:00Z\"\nsubjects = [\"models/*\"]";
    let store = store(
        &signing,
        &more.replace("2029-01-01T00:00:00Z", "\"2029-01-01T00:00:00Z\""),
    );
    let signer = judge(&store, &signed, "models/a", NOW).expect("trusted");
    assert_eq!(
        (signer.name.as_str(), signer.key),
        ("release", signing.public().id())
    );
    assert!(matches!(
        judge(&store, &signed, "data/a", NOW),
        Err(Distrust::Untrusted(_))
    ));
    for at in ["2028-01-01T00:00:00Z", "2032-01-01T00:00:00Z"] {
        assert!(matches!(
            judge(&store, &signed, "models/a", at),
            Err(Distrust::Expired(_))
        ));
    }
}

#[test]
fn a_signature_from_before_a_revocation_stands_where_its_time_is_known() {
    let signing = key();
    let signed = bundle(&signing, Material::of_key(&signing.public()));
    let more = "revoked = { at = \"2029-06-01T00:00:00Z\", reason = \"laptop lost\" }";
    let store = store(&signing, more);
    let revoked = judge(&store, &signed, "a", NOW).expect_err("revoked");
    assert!(revoked.to_string().contains("laptop lost"), "{revoked}");
    let verify = |envelope: &Envelope, key: &PublicKey| envelope.verify(key).is_ok();
    let before = Some(time("2029-05-31T23:59:59Z"));
    assert!(
        store
            .judge(&signed, &|| None, before, time(NOW), &verify)
            .is_ok()
    );
    let after = Some(time("2029-06-01T00:00:00Z"));
    assert!(
        store
            .judge(&signed, &|| None, after, time(NOW), &verify)
            .is_err()
    );
}

#[test]
fn a_hint_selects_and_a_signature_decides() {
    let (ours, theirs) = (key(), key());
    let store = TrustStore::of_key("ours", ours.public());
    let hinted = bundle(&theirs, Material::of_key(&theirs.public()));
    assert!(matches!(
        judge(&store, &hinted, "a", NOW),
        Err(Distrust::Untrusted(_))
    ));
    let lying = bundle(&theirs, Material::of_key(&ours.public()));
    assert!(matches!(
        judge(&store, &lying, "a", NOW),
        Err(Distrust::BadSignature(_))
    ));
    let silent = bundle(
        &ours,
        Material::Key {
            hint: None,
            raw: None,
        },
    );
    assert!(judge(&store, &silent, "a", NOW).is_ok());
    // A key that comes along is nobody's.
    let raw = Some(theirs.public().to_pem().into_bytes());
    let brought = bundle(&theirs, Material::Key { hint: None, raw });
    assert!(matches!(
        judge(&store, &brought, "a", NOW),
        Err(Distrust::Untrusted(_))
    ));
}

#[test]
fn a_store_that_means_nothing_is_refused() {
    let pem = key().public().to_pem();
    let entry = format!("[[key]]\nname = \"a\"\npem = \"\"\"{pem}\"\"\"\n");
    for (text, told) in [
        (String::new(), "trusts nobody"),
        (format!("threshold = 0\n{entry}"), "threshold"),
        (format!("threshold = 2\n{entry}"), "threshold"),
        (
            format!("{entry}{}", entry.replace(&pem, &key().public().to_pem())),
            "two entries",
        ),
        (
            format!("{entry}{}", entry.replace("\"a\"", "\"b\"")),
            "another entry has this key",
        ),
        (format!("{entry}not_after = 1\n"), "unknown field"),
        (format!("{entry}not-after = \"soon\"\n"), "not-after"),
        (
            "[[key]]\nname = \"a\"\npem = \"none\"\n".to_owned(),
            "neither PEM",
        ),
    ] {
        let error = TrustStore::from_toml(&text).expect_err(&text).to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn patterns_fit_whole_texts() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("a*c", "abc", true),
        ("a*c", "abcd", false),
        ("*.safetensors", "model-00001.safetensors", true),
        ("?", "é", true),
        ("*a*b*", "xxaxxbxx", true),
        ("a**b", "ab", true),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
    let stars = "*a".repeat(200);
    assert!(!matches(&format!("{stars}b"), &"a".repeat(5000)));
}

const LEAF: &str = include_str!("../../tests/fixtures/certificates/leaf.pem");
const ISSUING: &str = include_str!("../../tests/fixtures/certificates/issuing.pem");
const ROOT: &str = include_str!("../../tests/fixtures/certificates/root.pem");

fn certificate(pem: &str) -> Certificate {
    let mut read = Certificate::read_all(pem.as_bytes()).expect("a certificate");
    read.remove(0)
}

/// What a store of these entries says of the fixture's leaf, whose signature verifies.
fn judge_leaf(entries: &[(&str, &str)]) -> Result<Signer, Distrust> {
    let entry = |(name, more): &(&str, &str)| {
        format!("[[root]]\nname = \"{name}\"\npem = \"\"\"{ROOT}\"\"\"\n{more}\n")
    };
    let text: String = entries.iter().map(entry).collect();
    let store = TrustStore::from_toml(&text).expect("a store");
    let chain = vec![certificate(LEAF), certificate(ISSUING)];
    let bundle = bundle(&key(), Material::Chain(chain));
    store.judge(&bundle, &|| Some("m".into()), None, time(NOW), &|_, _| true)
}

#[test]
fn one_entry_of_a_root_is_enough_unless_another_revokes() {
    let ours = (
        "ours",
        "identities = [\"*@example.org\"]\nsubjects = [\"m\"]",
    );
    let theirs = ("theirs", "identities = [\"*@example.com\"]");
    for entries in [[ours, theirs], [theirs, ours]] {
        assert_eq!(judge_leaf(&entries).expect("trusted").name, "ours");
    }
    assert!(matches!(judge_leaf(&[theirs]), Err(Distrust::Untrusted(_))));
    let over = "revoked = { at = \"2029-01-01T00:00:00Z\", reason = \"stolen\" }";
    for entries in [[("a", over), ("b", "")], [("b", ""), ("a", over)]] {
        assert!(matches!(judge_leaf(&entries), Err(Distrust::Revoked(_))));
    }
}

#[test]
fn a_revoked_certificate_is_revoked_with_its_key_and_wherever_it_is_in_the_path() {
    let key_of = |pem: &str| certificate(pem).public_key().expect("a key").id();
    for digest in [
        certificate(LEAF).fingerprint(),
        key_of(LEAF),
        certificate(ISSUING).fingerprint(),
        key_of(ISSUING),
        certificate(ROOT).fingerprint(),
        key_of(ROOT),
    ] {
        let more = format!("revoked-certificates = [\"{digest}\"]");
        for entries in [[("a", ""), ("b", &*more)], [("a", &*more), ("b", "")]] {
            assert!(matches!(judge_leaf(&entries), Err(Distrust::Revoked(_))));
        }
    }
    let other = certificate(include_str!(
        "../../tests/fixtures/certificates/leaf-p384.pem"
    ));
    let more = format!("revoked-certificates = [\"{}\"]", other.fingerprint());
    assert!(judge_leaf(&[("a", &more)]).is_ok());
}

#[test]
fn a_time_stamp_counts_within_the_terms_of_its_authority() {
    let root = include_str!("../../tests/fixtures/timestamps/ec-root.pem");
    let told = |more: &str, now: &str| {
        let text =
            format!("[[timestamp-authority]]\nname = \"tsa\"\npem = \"\"\"{root}\"\"\"\n{more}\n");
        let pem = key().public().to_pem();
        let entry = format!("[[key]]\nname = \"k\"\npem = \"\"\"{pem}\"\"\"\n");
        let store = TrustStore::from_toml(&format!("{entry}{text}")).expect("a store");
        let signing = key();
        let mut stamped = bundle(&signing, Material::of_key(&signing.public()));
        let signature = include_bytes!("../../tests/fixtures/timestamps/signature");
        stamped.envelope.signatures[0].sig = crate::Base64(signature.to_vec());
        let token = include_bytes!("../../tests/fixtures/timestamps/ec-token.der");
        stamped.timestamps = vec![token.to_vec()];
        let (at, notes) = store.signed_at(&stamped, time(now));
        assert_eq!(notes.len(), 1, "{notes:?}");
        (at.is_some(), notes.concat())
    };
    let (counts, note) = told("", NOW);
    assert!(counts && note.contains("`tsa` says"), "{note}");
    for (more, now, why) in [
        ("", "2020-01-01T00:00:00Z", "has not come"),
        ("not-before = \"2029-01-01T00:00:00Z\"", NOW, "trusted from"),
        ("not-after = \"2025-01-01T00:00:00Z\"", NOW, "trusted until"),
        // After the token's own time: who has the key now may tell any.
        (
            "revoked = { at = \"2029-01-01T00:00:00Z\", reason = \"stolen\" }",
            NOW,
            "stolen",
        ),
    ] {
        let (counts, note) = told(more, now);
        assert!(!counts && note.contains(why), "{note}");
    }
}
