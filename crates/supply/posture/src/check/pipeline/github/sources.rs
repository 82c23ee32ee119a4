//! Whose actions a workflow runs.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Repository, Uses, steps, workflows};
use crate::{
    Cursor, Truth, World,
    check::{Check, Family, Persona, Report},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&SELF_REPOSITORY, Persona::Regular),
        (&ARCHIVED, Persona::Regular),
        (&LOOKALIKE, Persona::Regular),
        (&SUPERFLUOUS, Persona::Regular),
        (&REPLACEABLE, Persona::Pedantic),
        (&VULNERABLE, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for step in steps(world) {
        judge(&step.cursor, step.uses, report);
        if let Some(repository) = step.repository() {
            superfluous(&step.cursor.get("uses"), &repository, report);
        }
    }
    for workflow in workflows(world) {
        for job in &workflow.jobs {
            judge(&job.cursor, job.uses(), report);
        }
    }
}

fn judge(cursor: &Cursor<'_>, uses: Option<Uses<'_>>, report: &mut Report) {
    let at = cursor.get("uses");
    match uses {
        Some(Uses::Local(path)) => {
            report.when(path.starts_with("./").into(), &SELF_REPOSITORY, &at, || {
                format!("{path} is whatever is checked out there")
            });
        }
        Some(Uses::Repository(repository)) => {
            let slug = repository.slug();
            report.when(listed(ARCHIVED_REPOSITORIES, &slug), &ARCHIVED, &at, || {
                format!("nobody maintains {slug}")
            });
            if let Some(popular) = lookalike(&slug) {
                report.when(Truth::Yes, &LOOKALIKE, &at, || {
                    format!("{slug} is not {popular}")
                });
            }
            vulnerable(&at, &repository, report);
        }
        _ => {}
    }
}

fn listed(list: &str, slug: &str) -> Truth {
    rows(list).any(|row| row == slug).into()
}

/// The lines that are no comments.
fn rows(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The popular repository that `slug` would be with one slip less: a character that is missing,
/// doubled, swapped with the next, or another one.
fn lookalike(slug: &str) -> Option<&'static str> {
    let owner = slug.split('/').next().unwrap_or_default();
    let mut found = None;
    for popular in rows(POPULAR_REPOSITORIES) {
        let known = popular.to_ascii_lowercase();
        if known == slug || known.split('/').next() == Some(owner) {
            return None;
        }
        if found.is_none() && is_one_slip(slug, &known) {
            found = Some(popular);
        }
    }
    found
}

fn is_one_slip(slug: &str, known: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (slug.chars().collect(), known.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[same..], &b[same..]);
    match rest_a.len().cmp(&rest_b.len()) {
        std::cmp::Ordering::Less => rest_a == &rest_b[1..],
        std::cmp::Ordering::Greater => &rest_a[1..] == rest_b,
        std::cmp::Ordering::Equal if rest_a.len() > 1 => {
            let is_swapped = rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0];
            rest_a[1..] == rest_b[1..] || (is_swapped && rest_a[2..] == rest_b[2..])
        }
        std::cmp::Ordering::Equal => !rest_a.is_empty(),
    }
}

fn superfluous(at: &Cursor<'_>, repository: &Repository<'_>, report: &mut Report) {
    for (rule, list) in [
        (&SUPERFLUOUS, REPLACED),
        (&REPLACEABLE, REPLACED_WITH_EFFORT),
    ] {
        for (name, instead) in list {
            report.when(repository.is(name).into(), rule, at, || {
                format!("`{instead}` does what {name} does")
            });
        }
    }
}

/// Rows of the table: repository, first version with the flaw, first without it, advisory.
fn vulnerable(at: &Cursor<'_>, repository: &Repository<'_>, report: &mut Report) {
    let slug = repository.slug();
    for row in rows(VULNERABLE_VERSIONS) {
        let mut columns = row.split_whitespace();
        let mut column = || columns.next().unwrap_or_default();
        let (name, from, until, advisory) = (column(), column(), column(), column());
        if name != slug {
            continue;
        }
        let bounds = (super::view::version(from), super::view::version(until));
        let truth = match (repository.version(), bounds) {
            (Some(version), (Some(from), Some(until))) => {
                let is_exact = repository.reference.contains('.');
                match (from..until).contains(&version) {
                    // `v4` is whatever is the newest of its kind.
                    true if is_exact => Truth::Yes,
                    true => Truth::Unknown("the tag of a major version moves".into()),
                    false => Truth::No,
                }
            }
            _ => Truth::Unknown("the version of a commit or a branch is not in the file".into()),
        };
        report.when(truth, &VULNERABLE, at, || {
            format!("{slug} {} has {advisory}", repository.reference)
        });
    }
}

const ARCHIVED_REPOSITORIES: &str =
    include_str!("../../../../../../../content/pipelines/archived-actions.txt");
const POPULAR_REPOSITORIES: &str =
    include_str!("../../../../../../../content/pipelines/popular-actions.txt");
const VULNERABLE_VERSIONS: &str =
    include_str!("../../../../../../../content/pipelines/vulnerable-actions.txt");

/// Actions for what the runner has a program.
const REPLACED: &[(&str, &str)] = &[
    ("ncipollo/release-action", "gh release create"),
    ("softprops/action-gh-release", "gh release create"),
    ("elgohr/Github-Release-Action", "gh release create"),
    ("svenstaro/upload-release-action", "gh release upload"),
    ("dacbd/create-issue-action", "gh issue create"),
    (
        "actions-ecosystem/action-add-labels",
        "gh issue edit --add-label",
    ),
    (
        "actions-ecosystem/action-remove-labels",
        "gh issue edit --remove-label",
    ),
    ("addnab/docker-run-action", "docker run"),
    ("sergeysova/jq-action", "jq"),
];

/// The same, where more than one command is needed.
const REPLACED_WITH_EFFORT: &[(&str, &str)] = &[
    ("peter-evans/create-pull-request", "gh pr create"),
    ("peter-evans/create-or-update-comment", "gh pr comment"),
    ("dtolnay/rust-toolchain", "rustup"),
    ("stefanzweifel/git-auto-commit-action", "git commit"),
    ("EndBug/add-and-commit", "git commit"),
];

static SELF_REPOSITORY: Rule = Rule {
    id: RuleId::new("CM-GHA-034"),
    title: Cow::Borrowed("An action of the repository is taken from the working directory"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`./path` is whatever lies there when the step begins: the code of a fork that was checked out, or what an \
         earlier step wrote. `$/path` is the action of the commit that the workflow itself is from.",
    ),
    remediation: Cow::Borrowed("Write `$/path` in place of `./path`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("https://docs.zizmor.sh/audits/#self-repository"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static ARCHIVED: Rule = Rule {
    id: RuleId::new("CM-GHA-035"),
    title: Cow::Borrowed("An action is of an archived repository"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Its owner has archived the repository: nobody repairs a flaw of it any more, and what it depends on grows \
         old.",
    ),
    remediation: Cow::Borrowed("Use what has replaced the action."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1104"),
        Reference::new("https://docs.zizmor.sh/audits/#archived-uses"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static LOOKALIKE: Rule = Rule {
    id: RuleId::new("CM-GHA-036"),
    title: Cow::Borrowed("An action is nearly called like a popular one"),
    severity: Severity::High,
    confidence: Confidence::Low,
    description: Cow::Borrowed(
        "One character lies between this name and that of an action that many use, and the owner is another one. \
         Who registers such names waits for a slip.",
    ),
    remediation: Cow::Borrowed("Write the name of the action that is meant."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("T1195.002"),
        Reference::new("https://docs.zizmor.sh/audits/#typosquat-uses"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static SUPERFLUOUS: Rule = Rule {
    id: RuleId::new("CM-GHA-037"),
    title: Cow::Borrowed("An action does what the runner can do itself"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The runner has a program for what this action does. Without the action there is one owner less whose code \
         runs with the token of the job.",
    ),
    remediation: Cow::Borrowed("Call the program in a `run:` step."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("https://docs.zizmor.sh/audits/#superfluous-actions"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static REPLACEABLE: Rule = Rule {
    id: RuleId::new("CM-GHA-038"),
    title: Cow::Borrowed("An action could be a few commands"),
    severity: Severity::Info,
    confidence: Confidence::Low,
    description: Cow::Borrowed(
        "The programs of the runner do most of what this action does, with some care. Without the action there is one \
         owner less whose code runs with the token of the job.",
    ),
    remediation: Cow::Borrowed("Call the programs in a `run:` step, where that is enough."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("https://docs.zizmor.sh/audits/#superfluous-actions"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static VULNERABLE: Rule = Rule {
    id: RuleId::new("CM-GHA-039"),
    title: Cow::Borrowed("An action has a published vulnerability"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "An advisory names this version of the action. What is known without a network is in a table of the program; \
         of a commit the table says nothing.",
    ),
    remediation: Cow::Borrowed("Use a version in which it is repaired."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("CVE-2025-30066"),
        Reference::new("https://docs.zizmor.sh/audits/#known-vulnerable-actions"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: push
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
    - uses: action/checkout@v4
    - uses: ./.github/actions/build
    - uses: actions/create-release@v1
    - uses: softprops/action-gh-release@v2
    - uses: peter-evans/create-pull-request@v7
    - uses: tj-actions/changed-files@v45.0.7
";

const GOOD: &[u8] = b"\
on: push
jobs:
  release:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - uses: $/.github/actions/build
    - run: gh release create \"$TAG\"
    - uses: tj-actions/changed-files@v46.0.5
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_not_two() {
        for (slug, expected) in [
            ("action/checkout", Some("actions/checkout")),
            ("actoins/checkout", Some("actions/checkout")),
            ("actions/chekout", None),
            ("actions/checkout", None),
            ("my/checkout", None),
        ] {
            assert_eq!(lookalike(slug), expected, "{slug}");
        }
    }
}
