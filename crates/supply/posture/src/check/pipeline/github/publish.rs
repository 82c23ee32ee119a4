//! Models, packages and images that a workflow publishes, and who can make it do so.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    contexts::{Content, content},
    injection::code,
    view::{Step, Workflow, workflows},
};
use crate::{
    Truth, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{expansions, place, text, texts},
    },
    shell::{Command, Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&FOREIGN, Persona::Regular),
        (&INJECTABLE, Persona::Regular),
        (&TOKEN, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        for job in &workflow.jobs {
            let is_injectable = job.steps.iter().any(is_injectable);
            for step in &job.steps {
                published(&workflow, step, is_injectable, report);
                if workflow.is_privileged() {
                    tokens(step, report);
                }
            }
        }
    }
}

fn is_injectable(step: &Step<'_>) -> bool {
    code(step).iter().flat_map(expansions).any(|expansion| {
        let flows = expansion.expression.flows();
        flows
            .iter()
            .any(|flow| content(flow, step) == Content::Free)
    })
}

fn published(workflow: &Workflow<'_>, step: &Step<'_>, is_injectable: bool, report: &mut Report) {
    if let Some(repository) = step.repository() {
        let uses = step.cursor.get("uses");
        let is_push =
            repository.is("docker/build-push-action") && step.with("push").is_true().is_yes();
        if is_push || repository.is_any(PUBLISHERS) {
            let at = uses.origin().clone();
            told(
                workflow,
                &uses,
                (&repository.slug(), at),
                is_injectable,
                report,
            );
        }
    }
    let Some((run, script)) = step.script() else {
        return;
    };
    for command in commands(script, Shell::Posix) {
        let Some(name) = sink(&command) else {
            continue;
        };
        let origin = text(&run).map(|(attr, whole)| place(attr, whole, command.span.clone()));
        let at = origin.unwrap_or_else(|| run.origin().clone());
        told(workflow, &run, (name, at), is_injectable, report);
    }
}

fn told(
    workflow: &Workflow<'_>,
    cursor: &crate::Cursor<'_>,
    (name, at): (&str, crate::Origin),
    is_injectable: bool,
    report: &mut Report,
) {
    let is_foreign = Truth::from(workflow.is_privileged());
    report.of_part(is_foreign, &FOREIGN, cursor, (name, at.clone()), || {
        format!("{name} publishes, and a fork can begin the workflow")
    });
    report.of_part(
        is_injectable.into(),
        &INJECTABLE,
        cursor,
        (name, at),
        || format!("{name} publishes, and others write part of a script of its job"),
    );
}

/// What a command publishes with, if it does.
pub(in crate::check) fn sink(command: &Command) -> Option<&'static str> {
    let command = command.inner();
    let words: Vec<&str> = command
        .arguments()
        .filter(|it| !it.starts_with('-'))
        .collect();
    let found = SINKS.iter().find(|(program, way, _)| {
        let is_program = command.name() == *program;
        let mut rest = words.iter();
        is_program && way.iter().all(|name| rest.any(|word| word == name))
    });
    found.map(|(.., name)| *name)
}

/// Tokens of the places where models lie, in a workflow that forks can begin.
fn tokens(step: &Step<'_>, report: &mut Report) {
    for at in texts(&step.cursor) {
        for expansion in expansions(&at) {
            for part in expansion.expression.walk() {
                let path = part.path().unwrap_or_default();
                let Some(name) = path.strip_prefix("secrets.") else {
                    continue;
                };
                let is_ai = TOKENS.iter().any(|token| name.contains(token));
                let written = expansion.written(part.span);
                let place = (written, expansion.place(part.span));
                report.of_part(is_ai.into(), &TOKEN, &at, place, || {
                    format!(
                        "{} is there in a run that a fork can begin",
                        name.to_ascii_uppercase()
                    )
                });
            }
        }
    }
}

/// Programs that publish, with the words that make them.
const SINKS: &[(&str, &[&str], &str)] = &[
    ("hf", &["upload"], "hf upload"),
    ("hf", &["upload-large-folder"], "hf upload-large-folder"),
    ("huggingface-cli", &["upload"], "huggingface-cli upload"),
    (
        "huggingface-cli",
        &["upload-large-folder"],
        "huggingface-cli upload-large-folder",
    ),
    ("twine", &["upload"], "twine upload"),
    ("docker", &["push"], "docker push"),
    ("podman", &["push"], "podman push"),
    ("skopeo", &["copy"], "skopeo copy"),
    ("crane", &["push"], "crane push"),
    ("oras", &["push"], "oras push"),
    ("helm", &["push"], "helm push"),
    ("modctl", &["push"], "modctl push"),
    ("ollama", &["push"], "ollama push"),
    ("wandb", &["artifact", "put"], "wandb artifact put"),
    ("dvc", &["push"], "dvc push"),
    (
        "mlflow",
        &["deployments", "create"],
        "mlflow deployments create",
    ),
    ("bentoml", &["push"], "bentoml push"),
    ("cog", &["push"], "cog push"),
    (
        "ngc",
        &["registry", "model", "upload-version"],
        "ngc registry model upload-version",
    ),
    ("kaggle", &["models"], "kaggle models"),
    ("npm", &["publish"], "npm publish"),
    ("cargo", &["publish"], "cargo publish"),
    ("uv", &["publish"], "uv publish"),
    ("poetry", &["publish"], "poetry publish"),
];

/// Actions that publish.
const PUBLISHERS: &[&str] = &[
    "pypa/gh-action-pypi-publish",
    "softprops/action-gh-release",
    "redhat-actions/push-to-registry",
    "goreleaser/goreleaser-action",
    "nick-fields/huggingface-sync-action",
    "huggingface/huggingface-sync-action",
];

/// Parts of names for tokens of places where models lie.
const TOKENS: &[&str] = &[
    "hf_token",
    "hf_api",
    "huggingface",
    "hugging_face",
    "ngc_api",
    "ngc_key",
    "wandb_api",
    "openai_api",
    "anthropic_api",
    "replicate_api",
    "mlflow_tracking",
    "kaggle_key",
    "comet_api",
    "langsmith_api",
    "langchain_api",
];

static FOREIGN: Rule = Rule {
    id: RuleId::new("CM-GHA-110"),
    title: Cow::Borrowed("A fork can begin a workflow that publishes"),
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The workflow begins on `pull_request_target` or after another workflow's run, and publishes a model, a \
         package or an image. Who proposes a change has a way to what its users download, under the name they trust.",
    ),
    remediation: Cow::Borrowed(
        "Publish from a workflow that only tags, releases or a protected branch begin.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("T1195.002"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static INJECTABLE: Rule = Rule {
    id: RuleId::new("CM-GHA-111"),
    title: Cow::Borrowed("Others write part of a script in a job that publishes"),
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A script of the job has text in it that others write, and the job publishes a model, a package or an image. \
         Whoever writes that text decides what is published, with the token that publishes it.",
    ),
    remediation: Cow::Borrowed("Pass the text through `env:`, and publish in a job of its own."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-94"),
        Reference::new("T1195.002"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static TOKEN: Rule = Rule {
    id: RuleId::new("CM-GHA-112"),
    title: Cow::Borrowed("The token of a model registry is there when a fork begins the run"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A run that a fork can begin has the token of Hugging Face, NGC, Weights & Biases or a provider of models. Any \
         code of the fork that gets to run in that job reads it: private weights and data leave with it, and models can \
         be replaced.",
    ),
    remediation: Cow::Borrowed(
        "Keep the token in an environment with reviewers, away from such events.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("AML.T0055"),
        Reference::new("T1552.001"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: pull_request_target
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
    - run: echo \"Publishing ${{ github.event.pull_request.title }}\"
    - run: hf upload example/model ./weights
      env:
        HF_TOKEN: ${{ secrets.HF_TOKEN }}
";

const GOOD: &[u8] = b"\
on:
  release:
    types: [published]
jobs:
  publish:
    runs-on: ubuntu-latest
    environment: release
    steps:
    - run: hf upload example/model ./weights
      env:
        HF_TOKEN: ${{ secrets.HF_TOKEN }}
";
