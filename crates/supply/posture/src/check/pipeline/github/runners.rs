//! Machines of one's own that run jobs.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    contexts::matrix_values,
    view::{Job, Workflow, is_expression, workflows},
};
use crate::{
    Truth, World,
    check::{Check, Family, Persona, Report, pipeline::text::condition},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&SELF_HOSTED, Persona::Auditor),
        (&ACCELERATOR, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        for job in workflow.jobs.iter().filter(|job| job.is_normal()) {
            self_hosted(job, report);
            accelerator(&workflow, job, report);
        }
    }
}

fn self_hosted(job: &Job<'_>, report: &mut Report) {
    let runs_on = job.cursor.get("runs-on");
    let has_group = !runs_on.get("group").is_absent().is_yes();
    let truth = if has_group {
        Truth::Unknown("whose the runners of a group are is not in the file".into())
    } else if is_expression(&runs_on) {
        of_expression(job)
    } else {
        match job.labels().first() {
            Some(label) if is_expression(label) => {
                Truth::Unknown("the label is an expression".into())
            }
            Some(label) => label.equals("self-hosted"),
            None => Truth::No,
        }
    };
    let key = ("", runs_on.key_origin().clone());
    report.of_part(truth, &SELF_HOSTED, &runs_on, key, || {
        format!("the job {} runs on a machine of its owner", job.id)
    });
}

/// What the matrix of the job may make of it.
fn of_expression(job: &Job<'_>) -> Truth {
    let matrix = job.cursor.at("strategy.matrix");
    let runs_on = job.cursor.get("runs-on");
    let path = condition(&runs_on).and_then(|it| it.expression.path());
    let Some(rest) = path
        .as_deref()
        .and_then(|path| path.strip_prefix("matrix."))
    else {
        return Truth::No;
    };
    let parts: Vec<&str> = rest.split('.').collect();
    let values = matrix_values(&matrix, &parts);
    let is_own = |text: String| text.contains("self-hosted");
    values
        .iter()
        .any(|value| value.text().ok().is_some_and(is_own))
        .into()
}

/// A runner with an accelerator that strangers may begin a job on.
fn accelerator(workflow: &Workflow<'_>, job: &Job<'_>, report: &mut Report) {
    let labels: Vec<String> = job
        .labels()
        .iter()
        .filter_map(|it| it.text().ok())
        .collect();
    let is_own = labels.iter().any(|label| label == "self-hosted");
    let has_accelerator = labels.iter().any(|label| is_accelerator(label));
    let foreign = [
        "pull_request",
        "pull_request_target",
        "issue_comment",
        "workflow_run",
    ];
    let is_open = foreign.iter().any(|event| workflow.has(event));
    let runs_on = job.cursor.get("runs-on");
    let truth = Truth::from(is_own && has_accelerator && is_open);
    report.when(truth, &ACCELERATOR, &runs_on, || {
        format!(
            "a pull request begins the job {} on a machine with an accelerator",
            job.id
        )
    });
}

/// Whether a label is that of a machine with an accelerator.
pub(in crate::check) fn is_accelerator(label: &str) -> bool {
    let lower = label.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|word| ACCELERATORS.contains(&word))
}

/// Words of labels for machines with accelerators.
const ACCELERATORS: &[&str] = &[
    "gpu", "gpus", "cuda", "nvidia", "rocm", "tpu", "a10", "a10g", "a100", "h100", "h200", "b200",
    "l4", "l40", "l40s", "t4", "v100", "mi210", "mi250", "mi300", "gaudi", "hpu",
];

static SELF_HOSTED: Rule = Rule {
    id: RuleId::new("CM-GHA-060"),
    title: Cow::Borrowed("A job runs on a self-hosted runner"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A runner of one's own keeps what a job leaves, unless it is thrown away after each: whoever gets one job to \
         run their code has those after it. In a public repository, forks may begin jobs.",
    ),
    remediation: Cow::Borrowed("Use runners that live for one job, and none for forks."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://docs.zizmor.sh/audits/#self-hosted-runner"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static ACCELERATOR: Rule = Rule {
    id: RuleId::new("CM-GHA-061"),
    title: Cow::Borrowed("Pull requests run on machines with accelerators"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Machines with GPUs are few and kept: they hold caches of models and data sets, the credentials of a registry, \
         often the socket of a container engine. A pull request runs the code of its author there, and what it leaves \
         is there for the job that trains the release.",
    ),
    remediation: Cow::Borrowed(
        "Give pull requests runners that live for one job, without caches of models and without the engine's socket.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("AML.T0010"),
        Reference::new("https://docs.github.com/en/actions/reference/security/secure-use"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: pull_request
jobs:
  train:
    runs-on: [self-hosted, linux, gpu-a100]
    steps:
    - run: python train.py
";

const GOOD: &[u8] = b"\
on: pull_request
jobs:
  train:
    runs-on: ubuntu-latest
    steps:
    - run: python train.py --steps 1
";
