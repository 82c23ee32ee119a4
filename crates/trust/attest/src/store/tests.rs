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

fn said(subject: &str) -> Said {
    Said {
        subjects: vec![subject.to_owned()],
        predicate: "https://example.org/x/v1".to_owned(),
    }
}

fn judge(store: &TrustStore, bundle: &Bundle, subject: &str, at: &str) -> Result<Signer, Distrust> {
    let verify = |envelope: &Envelope, key: &PublicKey| envelope.verify(key).is_ok();
    store.judge(bundle, &|| Some(said(subject)), None, time(at), &verify)
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
fn a_signer_may_say_some_things_and_not_others() {
    let signing = key();
    let signed = bundle(&signing, Material::of_key(&signing.public()));
    let own = store(&signing, "predicates = [\"https://example.org/*\"]");
    assert!(judge(&own, &signed, "a", NOW).is_ok());
    let other = store(&signing, "predicates = [\"https://slsa.dev/*\"]");
    let told = judge(&other, &signed, "a", NOW).expect_err("not this");
    assert!(told.to_string().contains("to say"), "{told}");
    // Every subject has to be allowed, one without a name too.
    let named = store(&signing, "subjects = [\"a*\"]");
    let verify = |envelope: &Envelope, key: &PublicKey| envelope.verify(key).is_ok();
    for (subjects, counts) in [
        (vec!["a", "ab"], true),
        (vec!["a", "b"], false),
        (vec![""], false),
    ] {
        let all = || {
            Some(Said {
                subjects: subjects.iter().map(|it| (*it).to_owned()).collect(),
                ..said("")
            })
        };
        let judged = named.judge(&signed, &all, None, time(NOW), &verify);
        assert_eq!(judged.is_ok(), counts, "{subjects:?}");
    }
}

#[test]
fn a_threshold_may_be_another_one_for_what_is_said() {
    let (ours, theirs) = (key(), key());
    let entry = |name: &str, key: &SigningKey| {
        let pem = key.public().to_pem();
        format!("[[key]]\nname = \"{name}\"\npem = \"\"\"{pem}\"\"\"\n")
    };
    let entries = entry("a", &ours) + &entry("b", &theirs);
    let text = |number: usize| {
        format!(
            "threshold = 2\nthresholds = {{ \"https://slsa.dev/provenance/v1\" = {number} }}\n{entries}"
        )
    };
    let store = TrustStore::from_toml(&text(1)).expect("a store");
    assert_eq!(store.threshold_of("https://slsa.dev/provenance/v1"), 1);
    assert_eq!(
        store.threshold_of("https://slsa.dev/verification_summary/v1"),
        2
    );
    for number in [0, 3] {
        assert!(TrustStore::from_toml(&text(number)).is_err(), "{number}");
    }
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
        (
            format!("witnesses = 1\n{entry}"),
            "1 witnesses are asked for",
        ),
        (format!("{entry}[[log]]\nname = \"a\"\n"), "unknown field"),
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
    store.judge(&bundle, &|| Some(said("m")), None, time(NOW), &|_, _| true)
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
        let (at, notes) = store.signed_at(&stamped, None, time(now));
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

#[test]
fn the_earliest_word_that_is_trusted_counts() {
    let root = include_str!("../../tests/fixtures/timestamps/ec-root.pem");
    let pem = key().public().to_pem();
    let store = TrustStore::from_toml(&format!(
        "[[key]]\nname = \"k\"\npem = \"\"\"{pem}\"\"\"\n\
         [[timestamp-authority]]\nname = \"tsa\"\npem = \"\"\"{root}\"\"\"\n"
    ));
    let store = store.expect("a store");
    let signing = key();
    let plain = bundle(&signing, Material::of_key(&signing.public()));
    let mut stamped = plain.clone();
    let signature = include_bytes!("../../tests/fixtures/timestamps/signature");
    stamped.envelope.signatures[0].sig = crate::Base64(signature.to_vec());
    let token = include_bytes!("../../tests/fixtures/timestamps/ec-token.der");
    stamped.timestamps = vec![token.to_vec()];
    let (stamp, _) = store.signed_at(&stamped, None, time(NOW));
    let stamp = stamp.expect("a time");
    let seen = |at: &str| Seen {
        time: time(at),
        by: vec!["w1".into(), "w2".into()],
    };
    for (seen, by_witnesses) in [
        (seen("2000-01-01T00:00:00Z"), true),
        (seen("2029-12-31T00:00:00Z"), false),
    ] {
        let (at, notes) = store.signed_at(&stamped, Some(&seen), time(NOW));
        assert_eq!(at, Some(if by_witnesses { seen.time } else { stamp }));
        let told = notes.concat();
        assert_eq!(
            told.contains("who saw it say (w1, w2)"),
            by_witnesses,
            "{told}"
        );
        let (at, _) = store.signed_at(&plain, Some(&seen), time(NOW));
        assert_eq!(at, Some(seen.time));
    }
}

#[test]
fn a_witness_counts_within_its_terms() {
    let counts = |more: &str, at: &str| {
        let text = format!("[[witness]]\nvkey = \"w.example+00000000+x\"\n{more}\n");
        let pem = key().public().to_pem();
        let entry = format!("[[key]]\nname = \"k\"\npem = \"\"\"{pem}\"\"\"\n");
        let store = TrustStore::from_toml(&format!("{entry}{text}")).expect("a store");
        store.logs.witnesses[0].counts(time(at), time(NOW))
    };
    assert_eq!(counts("", "2029-01-01T00:00:00Z"), Ok(()));
    for (more, at, why) in [
        ("", "2030-01-01T00:00:01Z", "has not come"),
        (
            "not-before = \"2029-01-01T00:00:00Z\"",
            "2028-01-01T00:00:00Z",
            "trusted from",
        ),
        (
            "not-after = \"2025-01-01T00:00:00Z\"",
            "2026-01-01T00:00:00Z",
            "trusted until",
        ),
        // Also what it says of the time before: who has the key now may tell any.
        (
            "revoked = { at = \"2029-01-01T00:00:00Z\", reason = \"stolen\" }",
            "2028-01-01T00:00:00Z",
            "stolen",
        ),
    ] {
        let told = counts(more, at).expect_err(more);
        assert!(told.contains(why) && told.contains("`w.example`"), "{told}");
    }
}
