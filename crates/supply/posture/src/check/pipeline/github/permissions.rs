//! What the token of a job may do.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Job, Workflow, workflows};
use crate::{
    Cursor, Origin, World,
    check::{Check, Family, Persona, Report},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&EXCESSIVE, Persona::Regular),
        (&NARROWER, Persona::Pedantic),
        (&UNDOCUMENTED, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        let permissions = workflow.root.get("permissions");
        let is_default = permissions.is_absent().is_yes();
        of_workflow(&workflow, report);
        for job in &workflow.jobs {
            of_job(&workflow, job, is_default, report);
        }
        let jobs = workflow
            .jobs
            .iter()
            .map(|job| job.cursor.get("permissions"));
        for permissions in std::iter::once(permissions).chain(jobs) {
            undocumented(&permissions, report);
        }
    }
}

fn of_workflow(workflow: &Workflow<'_>, report: &mut Report) {
    let permissions = workflow.root.get("permissions");
    let own = |job: &Job<'_>| !job.cursor.get("permissions").is_absent().is_yes();
    let is_narrow =
        workflow.jobs.len() == 1 || workflow.jobs.iter().all(own) || workflow.is_only_called();
    let rule = if is_narrow { &NARROWER } else { &EXCESSIVE };
    if permissions.is_absent().is_yes() {
        report.when(permissions.is_absent(), rule, &workflow.root, || {
            "the workflow says no permissions, so that its jobs have those of the repository's settings"
                .to_owned()
        });
        return;
    }
    broad(&permissions, rule, report);
    for (name, permission) in permissions.entries() {
        report.when(permission.equals("write"), rule, &permission, || {
            format!("every job may write {name}")
        });
    }
}

fn of_job(workflow: &Workflow<'_>, job: &Job<'_>, is_default: bool, report: &mut Report) {
    let permissions = job.cursor.get("permissions");
    let rule = match job.is_normal() && workflow.is_only_called() {
        true => &NARROWER,
        false => &EXCESSIVE,
    };
    if is_default && permissions.is_absent().is_yes() {
        let at = ("", job.cursor.key_origin().clone());
        report.of_part(permissions.is_absent(), rule, &job.cursor, at, || {
            format!(
                "the job {} has the permissions of the repository's settings",
                job.id
            )
        });
    }
    broad(&permissions, rule, report);
}

/// `read-all` and `write-all`.
fn broad(permissions: &Cursor<'_>, rule: &'static Rule, report: &mut Report) {
    for word in ["read-all", "write-all"] {
        let at = ("", permissions.key_origin().clone());
        report.of_part(permissions.equals(word), rule, permissions, at, || {
            format!("the permissions are {word}")
        });
    }
}

/// Every permission but `contents: read` deserves a word of why.
fn undocumented(permissions: &Cursor<'_>, report: &mut Report) {
    let is_silent = |(name, permission): &(&str, Cursor<'_>)| {
        let is_plain = *name == "contents" && permission.equals("read").is_yes();
        !is_plain && !has_comment(permission.origin())
    };
    let Some((name, first)) = permissions.entries().into_iter().find(is_silent) else {
        return;
    };
    report.when(true.into(), &UNDOCUMENTED, &first, || {
        format!("nobody says why {name} is needed")
    });
}

/// Whether a comment that says something stands behind the value, on its line.
fn has_comment(origin: &Origin) -> bool {
    let rest = &origin.file.text[(origin.span.end as usize).min(origin.file.text.len())..];
    let line = rest.lines().next().unwrap_or_default();
    let comment = line.split_once('#').map_or("", |(_, comment)| comment);
    comment.chars().any(char::is_alphanumeric)
}

static EXCESSIVE: Rule = Rule {
    id: RuleId::new("CM-GHA-020"),
    title: Cow::Borrowed("Jobs have more permissions than they say"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A job without permissions of its own has what its workflow or the settings of the repository give: often \
         the right to write everything. Code that gets into one step, by an action or a dependency, then has it too.",
    ),
    remediation: Cow::Borrowed(
        "Say `permissions: {}` for the workflow, and for each job what it needs.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.zizmor.sh/audits/#excessive-permissions"),
    ]),
    bad: Some(Example::new("workflow.yml", EXCESSIVE_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static NARROWER: Rule = Rule {
    id: RuleId::new("CM-GHA-021"),
    title: Cow::Borrowed("Permissions could stand at the job"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The workflow gives broad permissions, or none are said, where that makes no difference yet: there is one \
         job, each job has its own, or a caller decides. The next job that is added has them without a word.",
    ),
    remediation: Cow::Borrowed(
        "Move permissions to the jobs, and say `permissions: {}` above them.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.zizmor.sh/audits/#excessive-permissions"),
    ]),
    bad: Some(Example::new("workflow.yml", NARROWER_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static UNDOCUMENTED: Rule = Rule {
    id: RuleId::new("CM-GHA-022"),
    title: Cow::Borrowed("A permission has no reason beside it"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Nobody dares to take a permission away of which nobody knows why it is there. A few words behind it keep \
         that.",
    ),
    remediation: Cow::Borrowed("Say in a comment on its line what the permission is for."),
    references: Cow::Borrowed(&[Reference::new(
        "https://docs.zizmor.sh/audits/#undocumented-permissions",
    )]),
    bad: Some(Example::new("workflow.yml", NARROWER_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const EXCESSIVE_BAD: &[u8] = b"\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - run: make test
  lint:
    runs-on: ubuntu-latest
    steps:
    - run: make lint
";

const NARROWER_BAD: &[u8] = b"\
on: push
permissions:
  packages: write
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
    - run: make publish
";

const GOOD: &[u8] = b"\
on: push
permissions: {}
jobs:
  publish:
    runs-on: ubuntu-latest
    permissions:
      packages: write # to push the image
    steps:
    - run: make publish
";
