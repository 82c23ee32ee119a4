//! What a workflow runs, and whether it is tomorrow what it is today.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    contexts::matrix_values,
    view::{Job, Uses, is_expression, steps, workflows},
};
use crate::{
    Cursor, Truth, World,
    check::{
        Check, Family, Persona, Report,
        image::Image,
        pipeline::text::{expansions, text},
    },
    expression::Kind,
    fence,
    read::actions::ACTION,
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&USES, Persona::Regular),
        (&FLOATING_IMAGE, Persona::Regular),
        (&TAGGED_IMAGE, Persona::Pedantic),
        (&TOOL, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for step in steps(world) {
        pinned(&step.cursor, step.uses, report);
        if let Some(Uses::Docker(name)) = step.uses {
            image(name, &step.cursor.get("uses"), report);
        }
        let Some(repository) = step.repository() else {
            continue;
        };
        if repository.is_any(UNPINNED_TOOLS) && !step.has_opaque_arguments() {
            let version = step.with("version");
            let (truth, at) = match version.text().ok() {
                None => (version.is_absent(), step.cursor.get("uses")),
                Some(text) if fence::whole(&text).is_some() => {
                    (unknown("the version is an expression"), version)
                }
                Some(text) => ((text == "latest").into(), version),
            };
            let key = ("", at.key_origin().clone());
            report.of_part(truth, &TOOL, &at, key, || {
                format!("{} installs whatever is the latest", repository.slug())
            });
        }
    }
    for workflow in workflows(world) {
        for job in &workflow.jobs {
            pinned(&job.cursor, job.uses(), report);
            images(job, report);
        }
    }
    for action in world.of_kind(ACTION) {
        let at = action.at("runs.image");
        if let Some(name) = at
            .text()
            .ok()
            .as_deref()
            .and_then(|it| it.strip_prefix("docker://"))
        {
            image(name, &at, report);
        }
    }
}

fn pinned(cursor: &Cursor<'_>, uses: Option<Uses<'_>>, report: &mut Report) {
    let Some(Uses::Repository(repository)) = uses else {
        return;
    };
    let at = cursor.get("uses");
    report.when((!repository.is_commit()).into(), &USES, &at, || {
        format!(
            "{} is what `{}` points at when it runs",
            repository.slug(),
            repository.reference
        )
    });
}

fn images(job: &Job<'_>, report: &mut Report) {
    let matrix = job.cursor.at("strategy.matrix");
    let container = job.cursor.get("container");
    let mut places = vec![container.get("image")];
    if container.text().ok().is_some() {
        places = vec![container];
    }
    let services = job.cursor.get("services").entries().into_iter();
    places.extend(services.map(|(_, service)| service.get("image")));
    for at in places {
        if is_expression(&at) {
            expressed(&at, &matrix, report);
        } else if let Some((_, name)) = text(&at) {
            image(name, &at, report);
        }
    }
}

/// An image that an expression names: what it may give is judged where it is known.
fn expressed(at: &Cursor<'_>, matrix: &Cursor<'_>, report: &mut Report) {
    for expansion in expansions(at) {
        for leaf in expansion.expression.leaves() {
            let path = leaf.path().unwrap_or_default();
            match (&leaf.kind, path.strip_prefix("matrix.")) {
                (Kind::String(name), _) => named(name, at, &expansion.place(leaf.span), report),
                (_, Some(rest)) if !is_expression(matrix) => {
                    let parts: Vec<&str> = rest.split('.').collect();
                    for value in matrix_values(matrix, &parts) {
                        let Some(name) = value.text().ok() else {
                            continue;
                        };
                        if fence::fences(&name).is_empty() {
                            named(&name, at, at.key_origin(), report);
                        } else {
                            unsaid(at, report);
                        }
                    }
                }
                _ => unsaid(at, report),
            }
        }
    }
}

fn unsaid(at: &Cursor<'_>, report: &mut Report) {
    let key = ("", at.key_origin().clone());
    let truth = unknown("the image is what an expression gives");
    report.of_part(truth, &FLOATING_IMAGE, at, key, String::new);
}

fn unknown(why: &str) -> Truth {
    Truth::Unknown(why.into())
}

fn image(name: &str, at: &Cursor<'_>, report: &mut Report) {
    named(name, at, at.key_origin(), report);
}

fn named(name: &str, at: &Cursor<'_>, origin: &crate::Origin, report: &mut Report) {
    let image = Image::of(name);
    if image.name.is_empty() || image.digest.is_some() {
        return;
    }
    // What an expression puts there is told as what has no digest.
    let rule: &'static Rule = if image.floats().is_yes() {
        &FLOATING_IMAGE
    } else {
        &TAGGED_IMAGE
    };
    report.of_part(Truth::Yes, rule, at, (name, origin.clone()), || {
        format!("the image {name} has no digest")
    });
}

/// Actions that install the latest of something unless they are told a version.
const UNPINNED_TOOLS: &[&str] = &["aquasecurity/setup-trivy", "1password/load-secrets-action"];

static USES: Rule = Rule {
    id: RuleId::new("CM-GHA-030"),
    title: Cow::Borrowed("An action is not pinned to a commit"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Tags and branches of an action move: whoever takes its repository over moves them to code of theirs, which \
         then runs in every workflow that names them, with its token and secrets. A commit cannot be moved.",
    ),
    remediation: Cow::Borrowed("Name the full commit, and the version in a comment behind it."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("T1195.002"),
        Reference::new("CVE-2025-30066"),
        Reference::new("https://docs.zizmor.sh/audits/#unpinned-uses"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static FLOATING_IMAGE: Rule = Rule {
    id: RuleId::new("CM-GHA-031"),
    title: Cow::Borrowed("A job runs in whatever image is the latest"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The image of a container or a service has no tag, or `latest`: it is another one whenever somebody pushes, \
         and the job runs what is in it with its token and secrets.",
    ),
    remediation: Cow::Borrowed("Name the image with its digest."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("https://docs.zizmor.sh/audits/#unpinned-images"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static TAGGED_IMAGE: Rule = Rule {
    id: RuleId::new("CM-GHA-032"),
    title: Cow::Borrowed("The image of a job has no digest"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A tag can be pushed again: the image that was looked at is not surely the one that runs.",
    ),
    remediation: Cow::Borrowed("Name the image with its digest."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("https://docs.zizmor.sh/audits/#unpinned-images"),
    ]),
    bad: Some(Example::new("workflow.yml", TAGGED_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static TOOL: Rule = Rule {
    id: RuleId::new("CM-GHA-033"),
    title: Cow::Borrowed("An action installs whatever version is the latest"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The action is pinned, and the program that it downloads is not: it is another one whenever somebody \
         releases it.",
    ),
    remediation: Cow::Borrowed("Give the action the version to install."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("https://docs.zizmor.sh/audits/#unpinned-tools"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    container: registry.example.org/train:latest
    steps:
    - uses: actions/checkout@v4
    - uses: aquasecurity/setup-trivy@9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c
";

const TAGGED_BAD: &[u8] = b"\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    container: registry.example.org/train:1.2
    steps:
    - run: make test
";

const GOOD: &[u8] = b"\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    container: registry.example.org/train:1.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    steps:
    - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v4.2.2
    - uses: aquasecurity/setup-trivy@9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c
      with:
        version: v0.65.0
";
