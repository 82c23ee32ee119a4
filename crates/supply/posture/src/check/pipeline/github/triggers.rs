//! Events that begin a workflow with rights for those who have none.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Step, Workflow, workflows};
use crate::{
    Truth, World,
    check::{Check, Family, Persona, Report, pipeline::text::expansions},
    expression::{Expression, Kind},
    shell::{Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&PULL_REQUEST_TARGET, Persona::Regular),
        (&WORKFLOW_RUN, Persona::Regular),
        (&ISSUE_COMMENT, Persona::Regular),
        (&CHECKOUT, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        for (event, at) in &workflow.triggers {
            let (rule, message): (&'static Rule, _) = match *event {
                "pull_request_target" if !only_labels(&workflow) => (
                    &PULL_REQUEST_TARGET,
                    "pull_request_target runs for forks, with the secrets and the token of this repository",
                ),
                "workflow_run" => (
                    &WORKFLOW_RUN,
                    "workflow_run follows runs that forks begin, with the secrets and the token of this repository",
                ),
                "issue_comment" => (
                    &ISSUE_COMMENT,
                    "anybody may comment, and begins a run with the secrets and the token of this repository",
                ),
                _ => continue,
            };
            let key = (*event, at.key_origin().clone());
            report.of_part(Truth::Yes, rule, at, key, || message.to_owned());
        }
        if workflow.is_privileged() {
            for step in workflow.jobs.iter().flat_map(|job| &job.steps) {
                foreign_code(step, report);
            }
        }
    }
}

/// The one use that was meant: one job with one step that labels.
fn only_labels(workflow: &Workflow<'_>) -> bool {
    let [job] = workflow.jobs.as_slice() else {
        return false;
    };
    let [step] = job.steps.as_slice() else {
        return false;
    };
    let is_labeler = |it: super::view::Repository<'_>| it.is("actions/labeler");
    workflow.triggers.len() == 1 && step.repository().is_some_and(is_labeler)
}

/// A checkout of what a fork proposes.
fn foreign_code(step: &Step<'_>, report: &mut Report) {
    if step
        .repository()
        .is_some_and(|it| it.is("actions/checkout"))
    {
        for name in ["ref", "repository"] {
            let argument = step.with(name);
            for expansion in expansions(&argument) {
                let parts = expansion.expression.walk();
                let is_head = parts.iter().any(|part| is_head(part));
                report.when(is_head.into(), &CHECKOUT, &argument, || {
                    format!("`{}` is the code of a fork", expansion.inner.trim())
                });
            }
        }
        return;
    }
    let Some((run, script)) = step.script() else {
        return;
    };
    for command in commands(script, Shell::Posix) {
        let inner = command.inner();
        let words: Vec<&str> = inner.arguments().collect();
        let is_foreign = match (inner.name(), words.as_slice()) {
            ("gh", ["pr", "checkout", ..]) => true,
            ("git", ["fetch" | "checkout" | "pull", rest @ ..]) => {
                let names = [
                    "refs/pull/",
                    "pull/",
                    "head.sha",
                    "head.ref",
                    "head_ref",
                    "HEAD_REF",
                ];
                rest.iter()
                    .any(|word| names.iter().any(|name| word.contains(name)))
            }
            _ => false,
        };
        report.when(Truth::from(is_foreign), &CHECKOUT, &run, || {
            "the script checks out the code of a fork".to_owned()
        });
    }
}

fn is_head(part: &Expression) -> bool {
    matches!(part.kind, Kind::Context(..))
        && part
            .path()
            .is_some_and(|path| HEADS.iter().any(|head| path.starts_with(head)))
}

/// What a fork proposes.
const HEADS: &[&str] = &[
    "github.head_ref",
    "github.event.pull_request.head.",
    "github.event.pull_request.merge_commit_sha",
    "github.event.pull_request.number",
    "github.event.number",
    "github.event.workflow_run.head_",
    "github.event.workflow_run.pull_requests",
];

static PULL_REQUEST_TARGET: Rule = Rule {
    id: RuleId::new("CM-GHA-010"),
    title: Cow::Borrowed("A workflow begins on pull_request_target"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "`pull_request_target` runs with the secrets and the writing token of the repository for pull requests of \
         forks. Whatever the workflow takes from the pull request, its code, its title, its artifacts, is then \
         handled with those rights.",
    ),
    remediation: Cow::Borrowed("Use `pull_request`, which gives forks no rights."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("T1195.002"),
        Reference::new("https://docs.zizmor.sh/audits/#dangerous-triggers"),
    ]),
    bad: Some(Example::new("workflow.yml", CHECKOUT_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static WORKFLOW_RUN: Rule = Rule {
    id: RuleId::new("CM-GHA-011"),
    title: Cow::Borrowed("A workflow begins on workflow_run"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "`workflow_run` begins after another workflow, also after one that a fork began, and has the secrets and the \
         writing token of the repository. Artifacts and names of that run are the fork's to choose.",
    ),
    remediation: Cow::Borrowed(
        "Use `workflow_call` from a workflow that decides who may begin it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("https://docs.zizmor.sh/audits/#dangerous-triggers"),
    ]),
    bad: Some(Example::new("workflow.yml", RUN_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static ISSUE_COMMENT: Rule = Rule {
    id: RuleId::new("CM-GHA-013"),
    title: Cow::Borrowed("A workflow begins on issue_comment"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Anybody who may comment begins the run, which has the secrets and the writing token of the repository. \
         Between the comment that asks for something and the run that does it, the pull request can change.",
    ),
    remediation: Cow::Borrowed(
        "Begin the workflow with a label or by hand, which needs rights, and check the commit that was looked at.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("https://docs.zizmor.sh/audits/#dangerous-triggers"),
    ]),
    bad: Some(Example::new("workflow.yml", COMMENT_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static CHECKOUT: Rule = Rule {
    id: RuleId::new("CM-GHA-012"),
    title: Cow::Borrowed("The code of a fork is checked out with rights"),
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The workflow has the secrets and the token of the repository, and it checks out what a fork proposes. Any \
         build, test or installation in that tree is then code of the fork with those rights: it can push, publish \
         models and packages, and read every secret of the job.",
    ),
    remediation: Cow::Borrowed(
        "Build the code of forks under `pull_request`, and pass only data on to a workflow with rights.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("T1195.002"),
        Reference::new("AML.T0010"),
        Reference::new(
            "https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/",
        ),
    ]),
    bad: Some(Example::new("workflow.yml", CHECKOUT_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const CHECKOUT_BAD: &[u8] = b"\
on: pull_request_target
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
      with:
        ref: ${{ github.event.pull_request.head.sha }}
    - run: make test
";

const RUN_BAD: &[u8] = b"\
on:
  workflow_run:
    workflows: [Build]
    types: [completed]
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
    - run: ./publish
";

const COMMENT_BAD: &[u8] = b"\
on: issue_comment
jobs:
  answer:
    runs-on: ubuntu-latest
    steps:
    - run: ./answer
";

const GOOD: &[u8] = b"\
on: pull_request
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - run: make test
";
