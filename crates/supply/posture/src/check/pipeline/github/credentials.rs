//! Tokens and secrets of a workflow: where they lie, and who gets them.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Job, Step, Workflow, action_steps, is_expression, steps, workflows};
use crate::{
    Cursor, Resource, Truth, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{Expansion, expansions, texts},
    },
    expression::{Expression, Function, Kind, Way},
    fence,
    read::actions::{ACTION, WORKFLOW},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&PERSISTED, Persona::Regular),
        (&MAY_PERSIST, Persona::Pedantic),
        (&MEANT, Persona::Auditor),
        (&HARDCODED, Persona::Regular),
        (&INHERITED, Persona::Regular),
        (&ALL_SECRETS, Persona::Regular),
        (&UNREDACTED, Persona::Regular),
        (&OUTSIDE_ENVIRONMENT, Persona::Auditor),
        (&APP_TOKEN, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        for job in &workflow.jobs {
            checkouts(&job.steps, report);
            if job.is_normal() {
                containers(job, report);
                secrets_outside_environment(&workflow, job, report);
            } else {
                let secrets = job.cursor.get("secrets");
                let uses = job.cursor.get("uses");
                report.when(secrets.equals("inherit"), &INHERITED, &uses, || {
                    format!("{} gets every secret", uses.shown())
                });
            }
        }
    }
    for action in world.of_kind(ACTION).map(Resource::cursor) {
        checkouts(&action_steps(&action), report);
    }
    for step in steps(world) {
        app_token(&step, report);
    }
    for kind in [WORKFLOW, ACTION] {
        for resource in world.of_kind(kind) {
            for text in texts(&resource.cursor()) {
                for expansion in expansions(&text) {
                    secrets_in(&text, &expansion, report);
                }
            }
        }
    }
}

/// A checkout leaves the token in the working directory, and an upload after it may take it along.
fn checkouts(steps: &[Step<'_>], report: &mut Report) {
    let mut checkouts: Vec<(usize, &Step<'_>, &'static Rule)> = Vec::new();
    let mut uploads = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let Some(repository) = step.repository() else {
            continue;
        };
        if step.has_opaque_arguments() {
            let with = step.cursor.get("with");
            let key = ("", with.key_origin().clone());
            report.of_part(Truth::Yes, &MAY_PERSIST, &with, key, || {
                "the arguments are an expression, which may leave the token on the disk".to_owned()
            });
            continue;
        }
        if repository.is("actions/checkout") {
            match step.argument("persist-credentials").as_deref() {
                Some("false") => {}
                Some("true") => checkouts.push((at, step, &MEANT)),
                Some(text) if fence::whole(text).is_some() => {
                    checkouts.push((at, step, &MAY_PERSIST));
                }
                _ => checkouts.push((at, step, &PERSISTED)),
            }
        }
        let takes_all = |path: String| path.lines().any(|line| is_everything(line.trim()));
        if repository.is("actions/upload-artifact") && step.argument("path").is_some_and(takes_all)
        {
            uploads.push(at);
        }
    }
    for (at, step, rule) in checkouts {
        let later = uploads.iter().filter(|upload| **upload > at).count();
        if !uploads.is_empty() && later == 0 {
            continue;
        }
        report.when(Truth::Yes, rule, &step.cursor, || match later {
            0 => "the token stays in the working directory".to_owned(),
            _ => "the token stays in the working directory, which is uploaded later".to_owned(),
        });
    }
}

fn is_everything(path: &str) -> bool {
    let is_workspace = |inner: &str| inner.contains("github.workspace");
    matches!(path, "." | "./" | ".." | "../") || fence::whole(path).is_some_and(is_workspace)
}

fn containers(job: &Job<'_>, report: &mut Report) {
    let services = job.cursor.get("services").entries().into_iter();
    let services = services.map(|(_, service)| service);
    for container in std::iter::once(job.cursor.get("container")).chain(services) {
        let credentials = container.get("credentials");
        let password = credentials.get("password");
        let is_written = password.text().is(|text| fence::whole(&text).is_none());
        let key = ("", credentials.key_origin().clone());
        report.of_part(is_written, &HARDCODED, &credentials, key, || {
            "the password of a registry stands in the workflow".to_owned()
        });
    }
}

/// `toJSON(secrets)` and `secrets[x]` take them all; `fromJSON(secrets.x)` makes others of one, which
/// the log then shows.
fn secrets_in(text: &Cursor<'_>, expansion: &Expansion<'_>, report: &mut Report) {
    for part in expansion.expression.walk() {
        let is_all = match &part.kind {
            Kind::Call(Function::ToJson, arguments) => arguments.iter().any(|it| is(it, "secrets")),
            Kind::Context(_, ways) => {
                let is_computed = |way: &Way| match way {
                    Way::Index(index, _) => !index.is_literal(),
                    _ => false,
                };
                ways.len() == 1
                    && part.path().is_some_and(|it| it == "secrets.*")
                    && ways.iter().any(is_computed)
            }
            _ => false,
        };
        let at = || (expansion.inner.trim(), expansion.whole());
        report.of_part(is_all.into(), &ALL_SECRETS, text, at(), || {
            format!("`{}` takes every secret", expansion.inner.trim())
        });
        let is_opened = match &part.kind {
            Kind::Call(Function::FromJson, arguments) => arguments
                .iter()
                .any(|it| is(it, "secrets") || is_secret(it)),
            _ => false,
        };
        report.of_part(is_opened.into(), &UNREDACTED, text, at(), || {
            format!(
                "the log does not hide the parts of `{}`",
                expansion.inner.trim()
            )
        });
    }
}

fn is(expression: &Expression, path: &str) -> bool {
    expression.path().is_some_and(|it| it == path)
}

fn is_secret(expression: &Expression) -> bool {
    expression
        .path()
        .is_some_and(|it| it.starts_with("secrets."))
}

fn secrets_outside_environment(workflow: &Workflow<'_>, job: &Job<'_>, report: &mut Report) {
    let environment = job.cursor.get("environment");
    if workflow.has("workflow_call") || !environment.is_absent().is_yes() {
        return;
    }
    for text in texts(&job.cursor) {
        for expansion in expansions(&text) {
            for part in expansion.expression.walk() {
                let is_secret = is_secret(part) || is(part, "secrets");
                let name = part.tail().unwrap_or_default();
                let is_token = name.eq_ignore_ascii_case("GITHUB_TOKEN");
                let written = expansion.written(part.span);
                let at = (written, expansion.place(part.span));
                let truth = Truth::from(is_secret && !is_token);
                report.of_part(truth, &OUTSIDE_ENVIRONMENT, &text, at, || {
                    format!("`{written}` is not of an environment")
                });
            }
        }
    }
}

fn app_token(step: &Step<'_>, report: &mut Report) {
    let is_app = |it: super::view::Repository<'_>| it.is("actions/create-github-app-token");
    if !step.repository().is_some_and(is_app) || step.has_opaque_arguments() {
        return;
    }
    let revoke = step.with("skip-token-revoke");
    let truth = match is_expression(&revoke) {
        true => Truth::Unknown("whether the token is revoked is an expression".into()),
        false => revoke.is_true(),
    };
    let key = ("", revoke.key_origin().clone());
    report.of_part(truth, &APP_TOKEN, &revoke, key, || {
        "the token is good after the job".to_owned()
    });
    let with = step.cursor.get("with");
    let names: Vec<&str> = with.entries().iter().map(|(name, _)| *name).collect();
    let permissions = || names.iter().filter(|name| name.starts_with("permission-"));
    let is_of_organization = permissions().count() > 0
        && permissions().all(|name| {
            name.starts_with("permission-organization-")
                || name.ends_with("-for-organizations")
                || *name == "permission-members"
        });
    let is_wide = names.contains(&"owner") && !names.contains(&"repositories");
    let owner = with.get("owner");
    let key = ("", owner.key_origin().clone());
    report.of_part(
        Truth::from(is_wide && !is_of_organization),
        &APP_TOKEN,
        &owner,
        key,
        || "the token is for every repository of the owner".to_owned(),
    );
    let uses = step.cursor.get("uses");
    report.when(
        (permissions().count() == 0).into(),
        &APP_TOKEN,
        &uses,
        || "the token has every permission of the app".to_owned(),
    );
}

static PERSISTED: Rule = Rule {
    id: RuleId::new("CM-GHA-040"),
    title: Cow::Borrowed("A checkout leaves the token in the working directory"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "`actions/checkout` writes the token of the job where later steps find it, unless it is told not to. An \
         upload of the directory, or the code of a dependency, takes it along.",
    ),
    remediation: Cow::Borrowed("Say `persist-credentials: false`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("T1552.001"),
        Reference::new("https://docs.zizmor.sh/audits/#artipacked"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static MAY_PERSIST: Rule = Rule {
    id: RuleId::new("CM-GHA-041"),
    title: Cow::Borrowed("Whether a checkout leaves the token is an expression"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What `persist-credentials` is depends on the run: nobody who reads the workflow can say whether the token \
         stays in the working directory.",
    ),
    remediation: Cow::Borrowed("Say `persist-credentials: false` without an expression."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("https://docs.zizmor.sh/audits/#artipacked"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static MEANT: Rule = Rule {
    id: RuleId::new("CM-GHA-042"),
    title: Cow::Borrowed("A checkout is told to leave the token"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`persist-credentials: true` is meant, for a step that pushes. Every other step of the job finds the token too.",
    ),
    remediation: Cow::Borrowed("Give the token to the one step that pushes."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("https://docs.zizmor.sh/audits/#artipacked"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static HARDCODED: Rule = Rule {
    id: RuleId::new("CM-GHA-043"),
    title: Cow::Borrowed("The password of a registry stands in the workflow"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who can read the repository can read the password of the registry, and it stays in its history.",
    ),
    remediation: Cow::Borrowed("Take the password from a secret, and change it."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-798"),
        Reference::new("T1552.001"),
        Reference::new("https://docs.zizmor.sh/audits/#hardcoded-container-credentials"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static INHERITED: Rule = Rule {
    id: RuleId::new("CM-GHA-044"),
    title: Cow::Borrowed("A called workflow inherits every secret"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`secrets: inherit` gives the called workflow all secrets of this repository and its organisation, those too \
         that come later.",
    ),
    remediation: Cow::Borrowed("Pass the secrets that it needs, each by its name."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.zizmor.sh/audits/#secrets-inherit"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static ALL_SECRETS: Rule = Rule {
    id: RuleId::new("CM-GHA-045"),
    title: Cow::Borrowed("An expression takes every secret"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`toJSON(secrets)` and `secrets[name]` make the runner load all secrets, not the one that is needed: any of \
         them can then be read from its memory.",
    ),
    remediation: Cow::Borrowed("Name each secret that is needed."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.zizmor.sh/audits/#overprovisioned-secrets"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static UNREDACTED: Rule = Rule {
    id: RuleId::new("CM-GHA-046"),
    title: Cow::Borrowed("Parts of a secret are not hidden in the log"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The log hides a secret as it is stored. What `fromJSON` takes out of one is other text, and is shown.",
    ),
    remediation: Cow::Borrowed("Store each part as a secret of its own."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-532"),
        Reference::new("https://docs.zizmor.sh/audits/#unredacted-secrets"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static OUTSIDE_ENVIRONMENT: Rule = Rule {
    id: RuleId::new("CM-GHA-047"),
    title: Cow::Borrowed("A secret is used outside of an environment"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A secret of the repository is there for every workflow on every branch. Those of an environment are there \
         for jobs that name it, after its reviewers and branches allow it.",
    ),
    remediation: Cow::Borrowed("Move the secret to an environment, and name it at the job."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://docs.zizmor.sh/audits/#secrets-outside-env"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static APP_TOKEN: Rule = Rule {
    id: RuleId::new("CM-GHA-048"),
    title: Cow::Borrowed("The token of an app may do more than is needed"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without `permission-…` the token has every permission of the app's installation; with an `owner` and no \
         `repositories` it is for all of them; with `skip-token-revoke` it outlives the job.",
    ),
    remediation: Cow::Borrowed(
        "Name the permissions and the repositories, and let the token be revoked.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.zizmor.sh/audits/#github-app"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: push
jobs:
  call:
    uses: example/workflows/.github/workflows/release.yml@v1
    secrets: inherit
  test:
    runs-on: ubuntu-latest
    container:
      image: registry.example.org/train
      credentials:
        username: robot
        password: hunter2-hunter2
    steps:
    - uses: actions/checkout@v4
    - uses: actions/checkout@v4
      with:
        persist-credentials: true
    - uses: actions/checkout@v4
      with:
        persist-credentials: ${{ inputs.keep }}
    - uses: actions/create-github-app-token@v2
      with:
        app-id: 1
        private-key: ${{ secrets.APP_KEY }}
    - run: ./deploy
      env:
        ALL: ${{ toJSON(secrets) }}
        PART: ${{ fromJSON(secrets.CONFIG).password }}
";

const GOOD: &[u8] = b"\
on: push
jobs:
  call:
    uses: example/workflows/.github/workflows/release.yml@v1
    secrets:
      token: ${{ secrets.RELEASE_TOKEN }}
  test:
    runs-on: ubuntu-latest
    environment: staging
    container:
      image: registry.example.org/train
      credentials:
        username: robot
        password: ${{ secrets.REGISTRY }}
    steps:
    - uses: actions/checkout@v4
      with:
        persist-credentials: false
    - uses: actions/create-github-app-token@v2
      with:
        app-id: 1
        private-key: ${{ secrets.APP_KEY }}
        permission-contents: read
    - run: ./deploy
      env:
        PASSWORD: ${{ secrets.PASSWORD }}
";
