use casemate_attest::KeyAlgorithm;

use super::*;

/// c2sp.org/signed-note, "Example".
const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n— example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn ed25519() -> casemate_attest::SigningKey {
    casemate_attest::SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness")
}

fn signed(text: &str, signers: &[&Signer<'_>]) -> Note {
    let mut note = Note::new(text.to_owned()).expect("a text");
    for signer in signers {
        note.push(signer.sign(text, 1_700_000_000));
    }
    note
}

#[test]
fn the_example_of_the_specification_verifies() {
    let key: VerifierKey = VKEY.parse().expect("a key");
    assert_eq!(key.to_string(), VKEY);
    let note = Note::parse(NOTE.as_bytes()).expect("a note");
    assert_eq!(note.to_string(), NOTE);
    assert_eq!(note.verify(&[key]), Ok(vec![Signed { key: 0, time: None }]));
}

#[test]
fn one_changed_letter_is_a_forgery_and_not_an_unknown_key() {
    let key: VerifierKey = VKEY.parse().expect("a key");
    let note = Note::parse(
        NOTE.replace("example message", "Example message")
            .as_bytes(),
    );
    let forged = Untrusted::Forged("example.com/foo".into());
    assert_eq!(note.expect("a note").verify(&[key]), Err(forged));
}

#[test]
fn signatures_by_strangers_are_ignored_and_do_not_count() {
    let (ours, theirs) = (ed25519(), ed25519());
    let ours = Signer::new("log.example", Scheme::Ed25519, &ours).expect("a signer");
    let theirs = Signer::new("log.example", Scheme::Ed25519, &theirs).expect("a signer");
    let keys = [ours.verifier().clone()];
    let both = signed("text\n", &[&theirs, &ours]);
    assert_eq!(both.verify(&keys).expect("signed").len(), 1);
    assert_eq!(
        signed("text\n", &[&theirs]).verify(&keys),
        Err(Untrusted::Unsigned)
    );
}

#[test]
fn a_bad_signature_by_a_known_key_rejects_the_note_though_a_good_one_stands_beside_it() {
    let (log, witness) = (ed25519(), ed25519());
    let log = Signer::new("log.example", Scheme::Ed25519, &log).expect("a signer");
    let witness = Signer::new("witness.example", Scheme::Cosignature, &witness).expect("a signer");
    let keys = [log.verifier().clone(), witness.verifier().clone()];
    let mut note = signed("text\n", &[&log]);
    note.push(witness.sign("other text\n", 7));
    let forged = Untrusted::Forged("witness.example".into());
    assert_eq!(note.verify(&keys), Err(forged));
    assert!(note.verify(&keys[..1]).is_ok());
}

#[test]
fn a_cosignature_covers_its_time_and_is_no_plain_signature() {
    let key = ed25519();
    let cosigner = Signer::new("w.example", Scheme::Cosignature, &key).expect("a signer");
    let plain = Signer::new("w.example", Scheme::Ed25519, &key).expect("a signer");
    assert_ne!(cosigner.verifier().id(), plain.verifier().id());
    let keys = [cosigner.verifier().clone()];
    let note = signed("text\n", &[&cosigner]);
    let time = Some(1_700_000_000);
    assert_eq!(note.verify(&keys), Ok(vec![Signed { key: 0, time }]));
    let mut later = note.clone();
    later.signatures[0].bytes[7] ^= 1;
    assert!(matches!(later.verify(&keys), Err(Untrusted::Forged(_))));
    let mut timeless = note;
    timeless.signatures[0].bytes[..8].fill(0);
    assert!(matches!(timeless.verify(&keys), Err(Untrusted::Forged(_))));
}

#[test]
fn sixteen_signatures_are_read_and_a_repeated_one_counts_once() {
    let keys: Vec<_> = (0..16).map(|_| ed25519()).collect();
    let signers: Vec<Signer<'_>> = keys
        .iter()
        .map(|key| Signer::new("w.example", Scheme::Cosignature, key).expect("a signer"))
        .collect();
    let note = signed("text\n", &signers.iter().collect::<Vec<_>>());
    let verifiers: Vec<_> = signers
        .iter()
        .map(|signer| signer.verifier().clone())
        .collect();
    let text = note.to_string();
    let read = Note::parse(text.as_bytes()).expect("a note");
    assert_eq!(read.verify(&verifiers).expect("signed").len(), 16);
    let last = text.lines().last().expect("a line");
    let twice = Note::parse(format!("{text}{last}\n").as_bytes()).expect("a note");
    assert_eq!(twice.verify(&verifiers).expect("signed").len(), 16);
    let many = format!("{text}{}", format!("{last}\n").repeat(MAX_SIGNATURES));
    assert_eq!(Note::parse(many.as_bytes()), Err(BadNote::Signatures));
}

#[test]
fn what_is_not_of_the_form_is_refused() {
    let line = "— n AAAAAAE=\n";
    assert!(Note::parse(format!("a\n\nb\n\n{line}").as_bytes()).is_ok());
    for (text, why) in [
        (String::new(), BadNote::Unsigned),
        ("text\n".into(), BadNote::Unsigned),
        ("text\n\n".into(), BadNote::Unsigned),
        (format!("text\n\n{}", line.trim_end()), BadNote::Unsigned),
        (format!("te\txt\n\n{line}"), BadNote::Control),
        (format!("text\r\n\r\n{line}"), BadNote::Control),
        (format!("text\n\n{line}no line\n"), BadNote::Line(2)),
        ("text\n\n— n AAAAAA==\n".into(), BadNote::Line(1)),
        ("text\n\n— n AAAAAAE\n".into(), BadNote::Line(1)),
        ("text\n\n— n AAAAAAF=\n".into(), BadNote::Line(1)),
        ("text\n\n— n+m AAAAAAE=\n".into(), BadNote::Line(1)),
        ("text\n\n—  AAAAAAE=\n".into(), BadNote::Line(1)),
        ("text\n\n- n AAAAAAE=\n".into(), BadNote::Line(1)),
    ] {
        assert_eq!(Note::parse(text.as_bytes()), Err(why), "{text:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(BadNote::Utf8));
    let long = vec![b'a'; MAX_NOTE + 1];
    assert_eq!(Note::parse(&long), Err(BadNote::Long(MAX_NOTE + 1)));
}

#[test]
fn a_verifier_key_that_does_not_fit_its_id_is_refused() {
    for (text, why) in [
        ("example.com/foo", BadVerifierKey::Form),
        (
            "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            BadVerifierKey::Name,
        ),
        (
            "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            BadVerifierKey::Name,
        ),
        (
            "example.com/fo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            BadVerifierKey::Id,
        ),
        (
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            BadVerifierKey::Id,
        ),
        (
            "example.com/foo+530d903a+AekyeRrm56hApGFk",
            BadVerifierKey::Key,
        ),
        (
            "example.com/foo+530d903a+AukyeRrm56hApGFk",
            BadVerifierKey::Scheme(2),
        ),
    ] {
        assert_eq!(text.parse::<VerifierKey>(), Err(why), "{text}");
    }
}
