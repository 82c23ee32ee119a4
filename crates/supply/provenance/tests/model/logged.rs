//! Signatures that have to be in a log, and the time of those that are.

use std::{collections::BTreeMap, sync::Arc};

use casemate_attest::{KeyAlgorithm, SigningKey, TrustStore};
use casemate_core::{AssetId, Digest, LogProof, Logged, Seen, Timestamp};
use casemate_provenance::{
    Class, Meter, SignOptions, Verdict, VerifyOptions, inventory, sign, verify,
};

use crate::Signed;

/// What logs say, as the test has it.
#[derive(Debug, Default)]
struct Said {
    records: BTreeMap<Digest, Vec<Logged>>,
    forks: Vec<String>,
}

impl LogProof for Said {
    fn find(&self, bundle: &Digest) -> Result<Vec<Logged>, String> {
        let found = self.records.get(bundle).cloned();
        found.ok_or_else(|| "a.tlog-proof: it is of another signature".into())
    }

    fn equivocations(&self) -> &[String] {
        &self.forks
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn store(signed: &Signed, head: &str, more: &str) -> TrustStore {
    let pem = signed.key.public().to_pem();
    let text = format!("{head}\n[[key]]\nname = \"a\"\npem = \"\"\"{pem}\"\"\"\n{more}");
    TrustStore::from_toml(&text).expect("a store")
}

/// A record of the signature that is true, and was seen at `seen`.
fn record(signed: &Signed, seen: Option<&str>) -> Logged {
    let root = signed.expect(Class::Ok).root.expect("a root");
    Logged {
        bundle: Digest::of(&signed.bundle),
        log: "log.example".into(),
        index: 3,
        size: 7,
        subject: AssetId::Artifact { digest: root },
        predicate_type: casemate_provenance::PREDICATE.into(),
        seen: seen.map(|at| Seen {
            time: time(at),
            by: vec!["w.example".into()],
        }),
    }
}

fn judge(signed: &Signed, trust: &TrustStore, logs: Option<Said>) -> Verdict {
    let options = VerifyOptions {
        logs: logs.map(|said| Arc::new(said) as Arc<dyn LogProof>),
        ..VerifyOptions::default()
    };
    verify(
        &signed.model(),
        std::slice::from_ref(&signed.bundle),
        trust,
        &options,
        time("2030-01-01T00:00:00Z"),
        &Meter::default(),
    )
}

fn said(records: Vec<Logged>) -> Option<Said> {
    let mut said = Said::default();
    for record in records {
        said.records.entry(record.bundle).or_default().push(record);
    }
    Some(said)
}

#[test]
fn where_a_log_is_required_only_a_record_of_the_same_thing_counts() {
    let signed = Signed::new(&SignOptions::default());
    let required = store(&signed, "require-log = true", "");
    let verdict = judge(&signed, &required, said(vec![record(&signed, None)]));
    assert_eq!(verdict.class, Class::Ok, "{:?}", verdict.problems);
    assert_eq!(verdict.logged, [record(&signed, None)]);

    let mut of_another_model = record(&signed, None);
    of_another_model.subject = AssetId::Artifact {
        digest: Digest::of(b"another"),
    };
    let mut of_another_kind = record(&signed, None);
    of_another_kind.predicate_type = "https://slsa.dev/provenance/v1".into();
    for (logs, why) in [
        (None, "no proof was given"),
        (said(Vec::new()), "a.tlog-proof: it is of another signature"),
        (said(vec![of_another_model.clone()]), "which it is not"),
        (
            said(vec![of_another_kind]),
            "https://slsa.dev/provenance/v1",
        ),
    ] {
        let verdict = judge(&signed, &required, logs);
        assert_eq!(verdict.class, Class::NotLogged, "{why}");
        let told = &verdict.problems[0].message;
        assert!(told.contains(why), "{why}: {told}");
        assert!(verdict.signers.is_empty() && verdict.logged.is_empty());
    }
    let both = vec![of_another_model.clone(), record(&signed, None)];
    assert_eq!(judge(&signed, &required, said(both)).class, Class::Ok);

    // Where none is required, what does not count is told.
    let plain = store(&signed, "", "");
    let verdict = judge(&signed, &plain, said(vec![of_another_model]));
    assert_eq!((verdict.class, verdict.logged.len()), (Class::Ok, 0));
    let notes = verdict.notes.concat();
    assert!(notes.contains("which it is not"), "{notes}");
    assert_eq!(judge(&signed, &plain, None).notes, [""; 0]);
}

#[test]
fn a_fork_of_the_log_is_told_whether_a_log_is_required_or_not() {
    let signed = Signed::new(&SignOptions::default());
    for head in ["", "require-log = true"] {
        let mut logs = said(vec![record(&signed, None)]).expect("logs");
        logs.forks.push("`log.example` has two histories".into());
        let verdict = judge(&signed, &store(&signed, head, ""), Some(logs));
        assert_eq!(verdict.class, Class::Equivocation);
        assert!(verdict.problems[0].message.contains("two histories"));
    }
}

#[test]
fn a_signature_is_judged_as_of_when_it_was_seen_in_a_log() {
    let signed = Signed::new(&SignOptions::default());
    let revoked = "revoked = { at = \"2029-06-01T00:00:00Z\", reason = \"laptop lost\" }";
    let expired = "not-after = \"2029-06-01T00:00:00Z\"";
    let early = "not-before = \"2029-01-01T00:00:00Z\"";
    for (terms, seen, class) in [
        (revoked, Some("2029-05-31T23:59:59Z"), Class::Ok),
        (expired, Some("2029-05-31T23:59:59Z"), Class::Ok),
        // Whoever stole the key signs now, and no witness says that it was before.
        (revoked, Some("2029-06-01T00:00:00Z"), Class::Revoked),
        (expired, Some("2029-06-01T00:00:01Z"), Class::Expired),
        (revoked, None, Class::Revoked),
        (expired, None, Class::Expired),
        (early, Some("2028-12-31T00:00:00Z"), Class::Expired),
    ] {
        let trust = store(&signed, "", terms);
        let verdict = judge(&signed, &trust, said(vec![record(&signed, seen)]));
        assert_eq!(verdict.class, class, "{terms} {seen:?}");
        let notes = verdict.notes.concat();
        assert_eq!(
            notes.contains("who saw it say (w.example)"),
            seen.is_some(),
            "{notes}"
        );
    }
    // Of several, the first.
    let seen = ["2029-08-01T00:00:00Z", "2029-05-01T00:00:00Z"];
    let records = seen.map(|at| record(&signed, Some(at))).to_vec();
    let trust = store(&signed, "", revoked);
    assert_eq!(judge(&signed, &trust, said(records)).class, Class::Ok);
}

#[test]
fn each_signature_that_a_threshold_counts_has_to_be_in_the_log() {
    let signed = Signed::new(&SignOptions::default());
    let required = store(&signed, "require-log = true", "");
    // The same content under another hint is another file, and not the one that was logged.
    let text = String::from_utf8(signed.bundle.clone()).expect("JSON");
    let other = text
        .replacen("{\"mediaType\"", "{ \"mediaType\"", 1)
        .into_bytes();
    assert_ne!(other, signed.bundle);
    let options = VerifyOptions {
        logs: said(vec![record(&signed, None)]).map(|said| Arc::new(said) as Arc<dyn LogProof>),
        ..VerifyOptions::default()
    };
    let now = time("2030-01-01T00:00:00Z");
    let class = |bundles: &[Vec<u8>]| {
        let meter = Meter::default();
        verify(&signed.model(), bundles, &required, &options, now, &meter).class
    };
    assert_eq!(class(std::slice::from_ref(&other)), Class::NotLogged);
    assert_eq!(class(&[other, signed.bundle.clone()]), Class::Ok);
}

#[test]
fn of_too_few_signatures_it_is_told_whether_they_lack_the_log_or_a_signer() {
    let signed = Signed::new(&SignOptions::default());
    let second = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let found = inventory(
        &signed.model(),
        &SignOptions::default(),
        None,
        &Meter::default(),
    );
    let manifest = found.expect("can be signed").manifest;
    let other = sign(&manifest, &second, &[]).expect("signs").to_json();
    let pem = second.public().to_pem();
    let more = format!("[[key]]\nname = \"b\"\npem = \"\"\"{pem}\"\"\"\n");
    let trust = store(&signed, "threshold = 2\nrequire-log = true", &more);
    let mut of_other = record(&signed, None);
    of_other.bundle = Digest::of(&other);
    let bundles = [signed.bundle.clone(), other];
    for (records, count, class) in [
        (vec![record(&signed, None), of_other], 2, Class::Ok),
        (vec![record(&signed, None)], 2, Class::NotLogged),
        (vec![record(&signed, None)], 1, Class::UntrustedSigner),
        (Vec::new(), 1, Class::UntrustedSigner),
    ] {
        let options = VerifyOptions {
            logs: said(records).map(|said| Arc::new(said) as Arc<dyn LogProof>),
            ..VerifyOptions::default()
        };
        let now = time("2030-01-01T00:00:00Z");
        let meter = Meter::default();
        let verdict = verify(
            &signed.model(),
            &bundles[..count],
            &trust,
            &options,
            now,
            &meter,
        );
        assert_eq!(verdict.class, class, "{:?}", verdict.problems);
    }
}
