//! What holds of any text, whatever the detectors are.

use std::{io, ops::Range, sync::LazyLock};

use casemate_core::{
    Asset, AssetId, AssetKind, Check, Coverage, Digest, MemorySource, Outcome, Region, Source,
    Status, Subject,
};
use casemate_secrets::{Cut, Detectors, Match, Scan, SecretsCheck};
use proptest::prelude::*;

/// From GitHub's announcement of the format, in two pieces.
fn github_token() -> String {
    ["ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"].concat()
}

/// Bytes that are only handed out by position, as those of a file are.
struct Unmapped(Vec<u8>);

impl Source for Unmapped {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        MemorySource(&self.0).read_at(offset, buf)
    }
}

/// A medium with a bad block, which neither the head nor the tail is.
struct Failing {
    bytes: Vec<u8>,
    block: Range<u64>,
}

impl Source for Failing {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if self.block.contains(&offset) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        MemorySource(&self.bytes).read_at(offset, buf)
    }
}

fn subject(content: &[u8]) -> Subject {
    Subject {
        asset: Asset {
            id: AssetId::File {
                repository: "local".into(),
                path: "src/train.py".into(),
            },
            kind: AssetKind::SourceCode,
            name: "src/train.py".into(),
            labels: std::collections::BTreeMap::new(),
        },
        file: "src/train.py".into(),
        path: "src/train.py".into(),
        digest: Digest::of(content),
    }
}

fn check(content: &[u8]) -> Option<Outcome> {
    SecretsCheck::builtin().check(&subject(content), &MemorySource(content))
}

fn place(found: &Match) -> (u64, u64) {
    match found.region {
        Region::Text { line, column, .. } => (line, column),
        Region::Bytes { .. } => panic!("text has lines"),
    }
}

#[test]
fn where_a_text_is_cut_into_chunks_decides_nothing() {
    let detectors = Detectors::builtin();
    let token = format!("token = \"{}\"\n", github_token());
    // Chunks of 256 KiB, less what a detector may look at ahead.
    for edge in [
        256 << 10,
        (256 << 10) - (16 << 10),
        (512 << 10) - (16 << 10),
    ] {
        for shift in [0, 1, 3, 9, 20, 46, 60] {
            let mut text = "é = 1\n".repeat((edge - shift) / 7).into_bytes();
            text.resize(edge - shift, b' ');
            text.extend_from_slice(token.as_bytes());
            text.extend(vec![b'\n'; 30 << 10]);
            text.extend_from_slice(token.as_bytes());
            let whole = detectors.scan(&MemorySource(&text));
            assert_eq!(whole.matches.len(), 2);
            assert_eq!(whole.matches, detectors.scan(&Unmapped(text)).matches);
        }
    }
}

#[test]
fn utf16_is_read_as_what_it_says() {
    let text = format!("name = \"é\"\ntoken = \"{}\"\n", github_token());
    let wide: Vec<u8> = std::iter::once(0xFEFF)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let detectors = Detectors::builtin();
    let matches = detectors.scan(&MemorySource(&wide)).matches;
    assert_eq!(matches, detectors.scan(&MemorySource(&text)).matches);
    assert_eq!(place(&matches[0]), (2, 10));
    assert_eq!(
        check(&wide).map(|outcome| outcome.result),
        Some(Status::Fail)
    );
}

#[test]
fn a_notebooks_cells_and_outputs_are_text() {
    let token = github_token();
    let notebook = format!(
        "{{\"cells\": [{{\"cell_type\": \"code\",\n  \"source\": [\"import os\\n\",\n   \
         \"os.environ[\\\"GH\\\"] = \\\"{token}\\\"\\n\"],\n  \"outputs\": [{{\"text\": [\"\\n{token}\\n\"]}}]}}]}}"
    );
    let scan = Detectors::builtin().scan(&MemorySource(&notebook));
    let places: Vec<_> = scan.matches.iter().map(place).collect();
    assert_eq!(places, [(3, 28), (4, 28)]);
}

#[test]
fn more_than_can_be_read_is_counted_and_said() {
    let text = format!("a = '{}'\n", github_token()).repeat(150);
    let scan = Detectors::builtin().scan(&MemorySource(&text));
    assert_eq!(scan.matches.len(), Scan::MOST);
    assert!(matches!(scan.cut, Some(Cut::TooMany)));
    let outcome = check(text.as_bytes()).expect("text");
    assert_eq!(
        (outcome.result, outcome.coverage),
        (Status::Fail, Coverage::Partial)
    );
}

#[test]
fn what_cannot_be_read_never_passes() {
    let clean = "a = 1\n".repeat(100_000).into_bytes();
    let leaky = [format!("a = '{}'\n", github_token()).as_bytes(), &clean].concat();
    for (bytes, result) in [(clean, Status::Undetermined), (leaky, Status::Fail)] {
        let subject = subject(&bytes);
        let block = 100_000..400_000;
        let source = Failing { bytes, block };
        let outcome = SecretsCheck::builtin()
            .check(&subject, &source)
            .expect("text");
        assert_eq!(
            (outcome.result, outcome.coverage),
            (result, Coverage::Partial)
        );
        assert_eq!(outcome.input, None);
        let reason = outcome.reason.unwrap_or_default();
        assert!(reason.starts_with("not read to its end: "), "{reason}");
    }
}

#[test]
fn of_binary_files_nothing_is_said() {
    let elf = [
        &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"[..],
        github_token().as_bytes(),
    ]
    .concat();
    assert_eq!(check(&elf), None);
    assert_eq!(
        check(b"a = 1\n").map(|outcome| outcome.result),
        Some(Status::Pass)
    );
}

#[test]
fn a_fingerprint_follows_a_made_secret_and_holds_nothing_of_a_chosen_one() {
    let fingerprints = |text: String| -> Vec<String> {
        let outcome = check(text.as_bytes()).expect("text");
        outcome
            .findings
            .iter()
            .map(|finding| finding.fingerprint.to_string())
            .collect()
    };
    let token = github_token();
    let before = fingerprints(format!("token = '{token}'\n"));
    assert_eq!(
        before,
        fingerprints(format!("\n\n# moved\nother = '{token}'\n"))
    );

    let password = |chosen: &str| fingerprints(format!("db_password = \"{chosen}\"\n"));
    let one = password("q7xkzw!2Lm");
    assert_eq!(one.len(), 1);
    assert_eq!(one, password("m3Vbn?81Ty"));
    // A second one under the same name is another finding.
    let two =
        fingerprints("db_password = \"q7xkzw!2Lm\"\ndb_password = \"m3Vbn?81Ty\"\n".to_owned());
    assert_eq!(two[0], one[0]);
    assert_ne!(two[0], two[1]);
}

#[test]
fn the_better_detector_has_the_text_that_two_want() {
    let text = format!(
        "api_key = \"{}\"\npostgres://u:{}@h/db\n",
        github_token(),
        github_token()
    );
    let scan = Detectors::builtin().scan(&MemorySource(&text));
    let rules: Vec<_> = scan
        .matches
        .iter()
        .map(|found| found.rule.as_str())
        .collect();
    assert_eq!(rules, ["CM-SEC-200", "CM-SEC-200"]);
}

#[test]
fn an_outcome_shows_where_and_not_what() {
    let text = format!("import os\ntoken = \"{}\"\n", github_token());
    insta::assert_json_snapshot!(check(text.as_bytes()));
}

proptest! {
    #[test]
    fn any_text_gives_ordered_matches_apart_from_each_other(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just(github_token()),
                Just("password = \"q7xkzw!2Lm\"".to_owned()),
                Just("-----BEGIN RSA PRIVATE KEY-----\\n".to_owned()),
                Just("https://u:q7xkzw!2Lm@h.example.net/".to_owned()),
                "[ \\n\"'=:a-z0-9_é-]{0,12}",
            ],
            0..30,
        ),
    ) {
        static DETECTORS: LazyLock<Detectors> = LazyLock::new(Detectors::builtin);
        let text = pieces.concat();
        let detectors = &*DETECTORS;
        let scan = detectors.scan(&MemorySource(&text));
        let spans: Vec<_> = scan.matches.iter().map(|found| found.region).collect();
        for pair in spans.windows(2) {
            let (Region::Text { end_line, end_column, .. }, Region::Text { line, column, .. }) = (pair[0], pair[1]) else {
                panic!("text has lines");
            };
            prop_assert!((end_line, end_column) <= (line, column));
        }
        prop_assert_eq!(scan.matches, detectors.scan(&Unmapped(text.into_bytes())).matches);
    }
}
