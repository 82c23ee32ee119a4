use std::collections::BTreeSet;

use casemate_core::{Digest, Finding, Verdict};
use casemate_report::{Assessment, html};

use crate::fixture;

#[test]
fn an_assessment_as_html() {
    let page = page();
    let (style, script) = (between(&page, "<style>", "</style>"), script(&page));
    let page = page
        .replace(style, "…")
        .replace(script, "…")
        .replace('>', ">\n");
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    insta::assert_snapshot!(page.replace(policy, "…"));
}

#[test]
fn the_page_allows_its_own_style_and_script_and_nothing_else() {
    let page = page();
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let directives: Vec<_> = policy.split("; ").collect();
    assert_eq!(directives[0], "default-src 'none'");
    let allowed = |directive: &str| digest_of_base64(between(directive, "'sha256-", "'"));
    let style = between(&page, "<style>", "</style>");
    assert!(directives[1].starts_with("style-src 'sha256-"));
    assert_eq!(
        allowed(directives[1]),
        Digest::of(style.as_bytes()).as_bytes()
    );
    assert!(directives[2].starts_with("script-src 'sha256-"));
    assert_eq!(
        allowed(directives[2]),
        Digest::of(script(&page).as_bytes()).as_bytes()
    );
    assert_eq!(directives[3..], ["base-uri 'none'", "form-action 'none'"]);
}

#[test]
fn nothing_is_fetched_and_nothing_is_styled_or_run_in_an_attribute() {
    let page = page();
    let style = between(&page, "<style>", "</style>");
    assert!(!style.contains("url(") && !style.contains("@import"));
    for tag in tags(&page) {
        for attribute in [" style=", " src=", " on", " srcdoc=", " action="] {
            assert!(!tag.contains(attribute), "{tag}");
        }
        for element in ["<link", "<img", "<iframe", "<object", "<base", "<script "] {
            assert!(!tag.starts_with(element), "{tag}");
        }
    }
    assert_eq!(page.matches("<script>").count(), 1);
}

#[test]
fn a_hostile_name_is_shown_and_does_nothing() {
    let page = page();
    assert_eq!(page.matches("</script").count(), 1);
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    assert!(page.contains("\\u{1b}[31m\\u{202e}gpj"));
    let body = page
        .replace(between(&page, "<style>", "</style>"), "")
        .replace(script(&page), "");
    assert!(!body.contains(|c: char| c.is_control()));
    assert!(!body.contains('\u{202e}'));
}

#[test]
fn every_link_inside_the_page_leads_somewhere() {
    let page = page();
    let mut ids = BTreeSet::new();
    for tag in tags(&page).filter(|tag| tag.contains(" id=\"")) {
        let id = between(tag, " id=\"", "\"");
        assert!(ids.insert(id), "{id} is there twice");
    }
    let links: Vec<_> = tags(&page).filter(|tag| tag.contains("href=\"#")).collect();
    assert!(links.len() > 10);
    for link in links {
        assert!(ids.contains(between(link, "href=\"#", "\"")), "{link}");
    }
}

#[test]
fn a_rule_that_nobody_explained_is_named_and_leads_nowhere() {
    let page = html::assessment(&Assessment::new(fixture::parts(), &[]));
    assert!(page.contains("<span>CM-PKL-001</span>"));
    assert!(!page.contains("href=\"#CM-"));
}

#[test]
fn without_its_script_the_page_hides_only_the_controls() {
    let page = page();
    let hidden: Vec<_> = tags(&page).filter(|tag| tag.contains(" hidden")).collect();
    let ids: Vec<_> = hidden
        .iter()
        .map(|tag| between(tag, "id=\"", "\""))
        .collect();
    assert_eq!(ids, ["theme", "filter", "none"]);
}

#[test]
fn five_thousand_findings_are_cut_to_the_worst_and_the_page_says_so() {
    let mut parts = fixture::parts();
    let one = parts
        .outcomes
        .iter()
        .flat_map(|o| &o.findings)
        .next()
        .cloned();
    let one = one.expect("there are findings");
    parts.findings = (0..5000)
        .map(|n| Finding {
            message: format!("{} ({n})", one.message),
            ..one.clone()
        })
        .collect();
    let page = html::assessment(&Assessment::new(parts, &fixture::rules()));
    assert_eq!(page.matches("<tr class=\"finding\"").count(), 2000);
    assert!(page.contains("The 2,000 worst of 5,006 findings are shown."));
    assert!(page.contains("<a href=\"findings.json\">findings.json</a> has all of them."));
    assert!(page.len() < 4_000_000, "{}", page.len());
}

#[test]
fn the_decision_stands_first() {
    let heading = |outcome| {
        let mut parts = fixture::parts();
        parts.decision.outcome = outcome;
        let page = html::assessment(&Assessment::new(parts, &fixture::rules()));
        between(&page, "<h1>", "</h1>").to_owned()
    };
    assert_eq!(heading(Verdict::Allow), "Allowed");
    assert_eq!(heading(Verdict::Warn), "Allowed, with warnings");
    assert_eq!(heading(Verdict::Deny), "Denied");
}

fn page() -> String {
    html::assessment(&fixture::assessment())
}

fn script(page: &str) -> &str {
    between(page, "<script>", "</script>")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end}")).0
}

/// The opening tags of the page, its style and script left out.
fn tags<'a>(page: &'a str) -> impl Iterator<Item = &'a str> {
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, body) = rest.split_once("</style>").expect("its end");
    let (body, _) = body.split_once("<script>").expect("a script");
    let tags = |part: &'a str| part.match_indices('<').map(move |(at, _)| &part[at..]);
    let tags = [head, body].into_iter().flat_map(tags);
    tags.filter(|tag| !tag.starts_with("</"))
        .filter_map(|tag| tag.split_inclusive('>').next())
}

fn digest_of_base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = text
        .trim_end_matches('=')
        .chars()
        .map(|c| DIGITS.find(c).expect("a digit"));
    let bits: Vec<bool> = sextets
        .flat_map(|n| (0..6).rev().map(move |at| n >> at & 1 == 1))
        .collect();
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks_exact(8).map(byte).collect()
}
