use casemate_core::Finding;
use casemate_report::{Assessment, markdown};

use crate::fixture;

#[test]
fn an_assessment_as_markdown() {
    insta::assert_snapshot!(markdown::assessment(&fixture::assessment()));
}

#[test]
fn a_scan_as_markdown() {
    insta::assert_snapshot!(markdown::scan(&fixture::scan()));
}

#[test]
fn a_hostile_name_changes_nothing_around_it() {
    for text in [
        markdown::assessment(&fixture::assessment()),
        markdown::scan(&fixture::scan()),
    ] {
        assert!(text.contains("alert(1)"), "the hostile name is shown");
        for attack in [
            "<script", "</script", "<img", "@root", "](", "://", "\u{1b}", "\u{202e}",
        ] {
            assert!(!text.contains(attack), "{attack}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1);
    }
}

#[test]
fn every_row_of_the_table_has_four_cells() {
    let text = markdown::assessment(&fixture::assessment());
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 2 + 6);
    assert!(rows.iter().all(|row| row.matches('|').count() == 5));
}

#[test]
fn a_comment_that_would_be_too_long_says_what_it_leaves_out() {
    let mut parts = fixture::parts();
    let rules = fixture::rules();
    let one = parts
        .outcomes
        .iter()
        .flat_map(|o| &o.findings)
        .next()
        .cloned();
    let one = one.expect("there are findings");
    parts.findings = (0..3000)
        .map(|n| Finding {
            message: format!("{} {n} {}", one.message, "|".repeat(900)),
            ..one.clone()
        })
        .collect();
    let text = markdown::assessment(&Assessment::new(parts, &rules));
    assert!(text.len() <= markdown::LIMIT, "{}", text.len());
    assert!(text.starts_with("<!-- casemate -->\n## Casemate: denied\n"));
    assert!(text.trim_end().ends_with("The JSON report has them all."));
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
}
