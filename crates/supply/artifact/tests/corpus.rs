//! The kept corpora: what attackers write, and what real libraries write.

use std::{fs, path::PathBuf};

use casemate_artifact::{Allowlist, Examination, Limits, Verdict, examine};
use casemate_core::{Coverage, MemorySource};
use serde::Deserialize;

#[derive(Deserialize)]
struct Tricks {
    trick: Vec<Trick>,
}

#[derive(Deserialize)]
struct Trick {
    file: String,
    technique: String,
    minimum: Verdict,
}

#[derive(Deserialize)]
struct Benign {
    file: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    file: String,
    format: String,
    verdict: Verdict,
}

#[expect(clippy::disallowed_methods, reason = "the fixtures are ours and small")]
fn fixture(folder: &str, file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures")
        .join(folder)
        .join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest<T: for<'a> Deserialize<'a>>(folder: &str, file: &str) -> T {
    let text = String::from_utf8(fixture(folder, file)).expect("UTF-8");
    toml::from_str(&text).expect("a manifest")
}

fn judge(bytes: Vec<u8>, allowlist: &Allowlist) -> Examination {
    examine(&MemorySource(bytes), allowlist, &Limits::default())
}

fn told(examination: &Examination) -> String {
    let mut text = format!(
        "{} {} {}\n",
        examination.format,
        examination.verdict,
        examination.coverage.as_str()
    );
    for found in &examination.findings {
        let members = found.members.join("!");
        text += &format!(
            "    {} {} {members} {}\n",
            found.rule.id, found.verdict, found.message
        );
    }
    text
}

#[test]
fn every_trick_gets_at_least_the_verdict_it_deserves() {
    let tricks: Tricks = manifest("pickle-tricks", "tricks.toml");
    let mut missed = String::new();
    for trick in &tricks.trick {
        let examination = judge(fixture("pickle-tricks", &trick.file), Allowlist::builtin());
        if examination.verdict < trick.minimum {
            missed += &format!(
                "{} ({}): {} but {}",
                trick.file,
                trick.technique,
                trick.minimum,
                told(&examination)
            );
        }
    }
    assert!(tricks.trick.len() > 150 && missed.is_empty(), "{missed}");
}

#[test]
fn no_trick_becomes_clean_without_the_gadgets() {
    let tricks: Tricks = manifest("pickle-tricks", "tricks.toml");
    let allowlist = Allowlist::builtin().without_gadgets();
    for trick in &tricks.trick {
        let examination = judge(fixture("pickle-tricks", &trick.file), &allowlist);
        assert!(
            examination.verdict >= Verdict::Unknown,
            "{}: {}",
            trick.file,
            told(&examination)
        );
    }
}

#[test]
fn whatever_is_not_clean_says_why() {
    let tricks: Tricks = manifest("pickle-tricks", "tricks.toml");
    for trick in &tricks.trick {
        let examination = judge(fixture("pickle-tricks", &trick.file), Allowlist::builtin());
        let worst = examination.findings.iter().map(|found| found.verdict).max();
        let partial = examination.coverage == Coverage::Partial;
        let told_partial = examination
            .findings
            .iter()
            .any(|found| found.rule.id.family() == "COV");
        assert!(!examination.findings.is_empty(), "{}", trick.file);
        assert!(!partial || told_partial, "{}", trick.file);
        assert!(
            worst == Some(examination.verdict) || partial,
            "{}: {}",
            trick.file,
            told(&examination)
        );
    }
}

#[test]
fn what_real_libraries_write_is_clean() {
    let benign: Benign = manifest("pickle-benign", "expected.toml");
    let mut wrong = String::new();
    for expected in &benign.file {
        let examination = judge(
            fixture("pickle-benign", &expected.file),
            Allowlist::builtin(),
        );
        let right = examination.format == expected.format
            && examination.verdict == expected.verdict
            && examination.coverage == Coverage::Complete;
        if !right {
            wrong += &format!(
                "{}: {} {} but {}",
                expected.file,
                expected.format,
                expected.verdict,
                told(&examination)
            );
        }
    }
    assert!(benign.file.len() > 15 && wrong.is_empty(), "{wrong}");
}

/// What is said of some, so that a change of words or of judgement shows in review.
#[test]
fn tricks_are_told_in_these_words() {
    let mut text = String::new();
    for file in [
        "reduce-p4.pkl",
        "inst.pkl",
        "py2-commands.pkl",
        "dotted-torch.pkl",
        "dotted-class-method.pkl",
        "build-slots-ordereddict.pkl",
        "build-setstate-ordereddict.pkl",
        "reduce-ex-chain.pkl",
        "bytes-operand.pkl",
        "ext1.pkl",
        "persid-text.pkl",
        "nested-loads.pkl",
        "laughs.pkl",
        "frame-hides-call.pkl",
        "frame-straddled-global.pkl",
        "broken-after.pkl",
        "second-after-garbage.pkl",
        "gadget-unheard-of.pkl",
        "torch-numel-lie.pt",
        "torch-setitems-tensor.pt",
        "zip-hidden-entry.pt",
        "png-and-zip.png",
        "safetensors-and-pickle.safetensors",
        "tarred.tar.gz",
    ] {
        let examination = judge(fixture("pickle-tricks", file), Allowlist::builtin());
        text += &format!("{file}: {}", told(&examination));
    }
    insta::assert_snapshot!(text);
}

/// Inputs whose parts all look like the beginning of something and reach to the end of the file.
#[test]
fn work_grows_with_the_file_and_not_with_its_square() {
    let limits = Limits {
        opcodes: 3_000_000,
        ..Limits::default()
    };
    for part in [
        &b"\x80\x02V"[..],
        b"\xffcos\nx\nV",
        b"\x80\x04\x8d\xff\xff\xff\0\0\0\0\0",
        b"\x80\x02]q\0\xff",
        b"(i_\n_\n",
        b"\x80\x02C\x08\x80\x02NNNNN.0",
    ] {
        let bytes = part.repeat((1 << 17) / part.len());
        let examination = examine(&MemorySource(bytes), Allowlist::builtin(), &limits);
        assert!(examination.verdict >= Verdict::Unknown, "{part:?}");
    }
}
