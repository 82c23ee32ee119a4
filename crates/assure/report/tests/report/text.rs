use casemate_report::text::{self, Options};

use crate::fixture;

#[test]
fn an_assessment_as_text() {
    insta::assert_snapshot!(text::assessment(&fixture::assessment(), Options::default()));
}

#[test]
fn an_assessment_as_text_on_a_narrow_terminal_with_colours() {
    let options = Options {
        colour: true,
        width: 60,
    };
    let text = text::assessment(&fixture::assessment(), options);
    insta::assert_snapshot!(text.replace('\u{1b}', "␛"));
}

#[test]
fn a_scan_as_text() {
    insta::assert_snapshot!(text::scan(&fixture::scan(), Options::default()));
}

#[test]
fn without_colours_no_escape_sequence_reaches_the_terminal() {
    let assessment = text::assessment(&fixture::assessment(), Options::default());
    let scan = text::scan(&fixture::scan(), Options::default());
    for text in [assessment, scan] {
        assert!(text.contains("alert(1)"), "the hostile name is shown");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        assert!(!text.contains('\u{202e}'));
        assert!(!text.lines().any(|line| line.starts_with("## Allowed")));
    }
}

#[test]
fn lines_keep_to_the_width_unless_a_word_does_not() {
    let options = Options {
        colour: false,
        width: 60,
    };
    let text = text::assessment(&fixture::assessment(), options);
    let long = text.lines().filter(|line| line.chars().count() > 60);
    for line in long {
        let longest = line.split(' ').map(|word| word.chars().count()).max();
        assert!(
            line.contains(" at ") || !line.starts_with(' ') || longest > Some(45),
            "{line}"
        );
    }
}

#[test]
fn a_scan_of_many_inert_files_counts_them_and_names_the_others() {
    let mut artifacts = fixture::scan().artifacts;
    let inert = artifacts
        .iter()
        .find(|a| a.is_clean() && a.format == "safetensors")
        .cloned();
    let inert = inert.expect("one file is inert");
    artifacts.extend(std::iter::repeat_n(inert, 1200));
    let scan = casemate_report::Scan::new("0.1.0", artifacts, &fixture::rules());
    let text = text::scan(&scan, Options::default());
    assert!(text.contains("1,201 files, not listed"), "{text}");
    assert!(text.contains("dangerous  pickle     examples/01-fraud-model/models/fraud.pkl"));
    assert!(text.lines().count() < 40);
}

#[test]
fn findings_that_differ_only_in_their_place_are_said_once() {
    let text = text::assessment(&fixture::assessment(), Options::default());
    assert_eq!(text.matches("Imports `acme.Tree`").count(), 1);
    assert!(text.contains("    at byte 0x9\n    at byte 0x5a\n"));
}
