//! One self-contained HTML file: no request leaves it, and nothing in it runs but one script whose
//! digest it names itself.
//!
//! It reads from top to bottom without that script; the script adds the filter, the sorting and the
//! switch between light and dark.

mod findings;
mod sections;

use std::borrow::Cow;

use casemate_core::{Digest, Effect, Reason, RuleId, Severity, Status, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    Assessment,
    group::{self, Index},
    plain::{code_spans, counted, listed, moment, sanitise_short, size, thousands},
};

/// An assessment as one HTML file. It links to `findings.json` and `findings.sarif`, which the
/// caller writes beside it.
pub fn assessment(assessment: &Assessment) -> String {
    let index = Index::new(&assessment.assets);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(content_security_policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (title(assessment)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#findings" { "Skip to the findings" }
                (banner(assessment, &index))
                (glance(assessment))
                (contents(assessment))
                main {
                    (findings::section(assessment, &index))
                    (sections::gaps(assessment))
                    (sections::assets(assessment))
                    (sections::checks(assessment))
                    (sections::judges(assessment))
                    (sections::rules(assessment))
                }
                (footer(assessment))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn title(assessment: &Assessment) -> String {
    let root = shown(assessment.root.as_str());
    format!("{}: {root} - casemate", decided(assessment))
}

fn decided(assessment: &Assessment) -> &'static str {
    match assessment.decision.outcome {
        Verdict::Allow => "Allowed",
        Verdict::Warn => "Allowed, with warnings",
        Verdict::Deny => "Denied",
    }
}

fn banner(assessment: &Assessment, index: &Index<'_>) -> Markup {
    let decision = &assessment.decision;
    let (first, rest) = decision
        .reasons
        .split_at(decision.reasons.len().min(REASONS));
    html! {
        header.banner data-outcome=(decision.outcome.as_str()) {
            div.wide {
                div.masthead {
                    span.brand { "casemate" }
                    span.subject { "assessment of " (shown(&assessment.repository)) }
                    button #theme type="button" hidden { "Dark" }
                }
                h1 { (decided(assessment)) }
                p.about {
                    code { (shown(assessment.root.as_str())) }
                    span { (moment(assessment.generated)) }
                    span { "casemate " (shown(&assessment.tool.version)) }
                }
                @if decision.reasons.is_empty() {
                    p.reasons { "Nothing stands against it." }
                } @else {
                    (reasons(first, assessment, index))
                }
                @if !rest.is_empty() {
                    details.more {
                        summary { (counted(rest.len() as u64, "more reason")) }
                        (reasons(rest, assessment, index))
                    }
                }
            }
        }
    }
}

fn reasons(reasons: &[Reason], assessment: &Assessment, index: &Index<'_>) -> Markup {
    html! {
        ul.reasons { @for reason in reasons { (self::reason(reason, assessment, index)) } }
    }
}

fn reason(reason: &Reason, assessment: &Assessment, index: &Index<'_>) -> Markup {
    let effect = match reason.effect {
        Effect::Deny => "deny",
        Effect::Warn => "warn",
    };
    html! {
        li {
            b.effect { (effect) }
            span {
                (message(&reason.message))
                @if let Some(subject) = &reason.subject {
                    " " code { (shown(&index.name(subject))) }
                }
                @if let Some(rule) = &reason.rule { " " (rule_link(rule, assessment)) }
            }
        }
    }
}

/// A rule's name, which leads to its explanation where the page has it.
fn rule_link(rule: &RuleId, assessment: &Assessment) -> Markup {
    html! {
        @if assessment.rules.iter().any(|explained| explained.id == *rule) {
            a href={ "#" (rule) } { (rule) }
        } @else {
            span { (rule) }
        }
    }
}

/// The four numbers that stand under the decision.
fn glance(assessment: &Assessment) -> Markup {
    let summary = &assessment.summary;
    let open: u64 = summary.findings.values().sum();
    let assets = group::tally(&summary.assets, group::kinds);
    let passed = assessment
        .outcomes
        .iter()
        .filter(|o| o.key.result == Status::Pass);
    let passed: u64 = passed.map(|population| population.count).sum();
    let looked: u64 = assessment
        .outcomes
        .iter()
        .map(|population| population.count)
        .sum();
    html! {
        section.glance.wide aria-label="At a glance" {
            div {
                h2 { "Findings" }
                p.number { (thousands(open)) }
                (severity_bar(assessment, open))
                @if summary.suppressed > 0 {
                    p { (thousands(summary.suppressed)) " more, accepted for now" }
                }
                @if summary.unchanged > 0 {
                    p { (thousands(summary.unchanged)) " more, from before" }
                }
            }
            div {
                h2 { "Looked at" }
                p.number { (counted(summary.files, "file")) }
                p { (size(summary.bytes)) @if !assets.is_empty() { ": " (listed(&assets)) } }
            }
            div data-attention[summary.incomplete > 0] {
                h2 { "Not wholly looked at" }
                p.number { (thousands(summary.incomplete)) }
                @if summary.incomplete > 0 {
                    p { "What was not seen is not clean. " a href="#gaps" { "See what and why" } }
                } @else {
                    p { "Every check saw all that it was to see." }
                }
            }
            div {
                h2 { "Checks" }
                p.number { (thousands(passed)) span.of { " of " (thousands(looked)) } }
                p { "passed. " a href="#checks" { "Each has its evidence" } }
            }
        }
    }
}

/// How the findings divide, as a bar and in words. Attributes of SVG and not of style: the page
/// allows no style that it does not name.
fn severity_bar(assessment: &Assessment, open: u64) -> Markup {
    let counts = &assessment.summary.findings;
    if open == 0 {
        return html! { p { "Nothing was found." } };
    }
    let mut offset = 0;
    let mut parts: Vec<(Severity, u64, u64)> = Vec::new();
    for (&severity, &n) in counts.iter().rev().filter(|(_, n)| **n > 0) {
        let width = (n.saturating_mul(1000) / open).max(NARROWEST);
        parts.push((severity, offset, width));
        offset += width;
    }
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            @for (severity, x, width) in parts {
                rect data-severity=(severity.as_str()) x=(x) y="0" width=(width) height="10" {}
            }
        }
        p.legend {
            @for (severity, n) in counts.iter().rev().filter(|(_, n)| **n > 0) {
                span { i data-severity=(severity.as_str()) {} (thousands(*n)) " " (severity) }
            }
        }
    }
}

fn contents(assessment: &Assessment) -> Markup {
    let entries = [
        ("findings", "Findings", assessment.findings.len()),
        ("gaps", "Not wholly looked at", assessment.gaps.len()),
        ("assets", "Assets", assessment.assets.len()),
        ("checks", "Checks", assessment.outcomes.len()),
        ("judges", "What judged", 0),
        ("rules", "Rules", assessment.rules.len()),
    ];
    html! {
        nav.contents aria-label="Contents" {
            ul.wide {
                @for (id, name, n) in entries {
                    li {
                        a href={ "#" (id) } {
                            (name)
                            @if n > 0 { span.count { (thousands(n as u64)) } }
                        }
                    }
                }
            }
        }
    }
}

fn footer(assessment: &Assessment) -> Markup {
    html! {
        footer.wide {
            p {
                "Made by casemate " (shown(&assessment.tool.version)) " at "
                time datetime=(assessment.generated) { (assessment.generated) }
                ". The same for programs: "
                a href="findings.json" { "findings.json" } ", "
                a href="findings.sarif" { "findings.sarif" } "."
            }
            p { "This page asks nothing of any network. The links to public catalogues do." }
        }
    }
}

/// Hostile text for the page; maud escapes what HTML would act on.
fn shown(text: &str) -> Cow<'_, str> {
    sanitise_short(text, LONGEST)
}

/// A path or a place, with the root that they all begin with set back.
fn path(text: &str, assessment: &Assessment) -> Markup {
    let clean = shown(text);
    let root = shown(assessment.root.as_str());
    let rest = clean
        .strip_prefix(&*root)
        .filter(|rest| rest.starts_with('/'));
    html! {
        code.path {
            @match rest {
                Some(rest) if !root.is_empty() => { span.root { (root) "/" } (rest[1..]) }
                _ => { (clean) }
            }
        }
    }
}

/// A message, with what stood between backticks as code.
fn message(text: &str) -> Markup {
    let clean = shown(text);
    html! {
        @for (is_code, part) in code_spans(&clean) {
            @if is_code { code { (part) } } @else { (part) }
        }
    }
}

fn content_security_policy() -> String {
    let (style, script) = (source_hash(STYLE), source_hash(SCRIPT));
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; \
         form-action 'none'"
    )
}

/// The hash source of Content Security Policy Level 3, section 2.3.1: SHA-256 in Base64.
fn source_hash(text: &str) -> String {
    format!(
        "'sha256-{}'",
        base64(Digest::of(text.as_bytes()).as_bytes())
    )
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let sextet = (bits >> (18 - 6 * at) & 0x3f) as usize;
            let pad = at > chunk.len();
            text.push(if pad { '=' } else { char::from(BASE64[sextet]) });
        }
    }
    text
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// How many thousandths of the bar a severity has at least, so that one of many is seen.
const NARROWEST: u64 = 6;
/// How many reasons of the decision are not folded.
const REASONS: usize = 6;
/// How many characters of one text are shown.
const LONGEST: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
