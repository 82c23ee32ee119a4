//! Caches in workflows that publish: who can write a cache can write what is published.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Job, Step, Workflow, is_expression, version, workflows};
use crate::{
    Truth, World,
    check::{Check, Family, Persona, Report, pipeline::text::condition},
    expression::{Comparison, Expression, Function, Kind},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[(&POISONED, Persona::Regular)],
    check: Check::World(check),
};

/// What makes an action keep a cache.
enum Control {
    /// Nothing can keep it from that.
    Always,
    /// All of the inputs say so.
    All(&'static [Input]),
    /// One of the inputs says so.
    Any(&'static [Input]),
}

/// An input that decides.
struct Input {
    name: &'static str,
    value: Values,
    /// Whether it turns the cache off.
    is_off: bool,
    /// What holds where it is not given.
    default: bool,
    /// The first major version to which this does not apply.
    before: Option<u64>,
}

/// Which values mean yes.
enum Values {
    /// All but `false`.
    Boolean,
    /// Any that is not empty.
    Text,
    /// These.
    Of(&'static [&'static str]),
}

const fn on(name: &'static str, default: bool) -> Input {
    Input {
        name,
        value: Values::Boolean,
        is_off: false,
        default,
        before: None,
    }
}

const fn off(name: &'static str) -> Input {
    Input {
        is_off: true,
        ..on(name, true)
    }
}

const fn text(name: &'static str) -> Input {
    Input {
        value: Values::Text,
        ..on(name, false)
    }
}

const fn of(name: &'static str, values: &'static [&'static str]) -> Input {
    Input {
        value: Values::Of(values),
        ..on(name, false)
    }
}

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        let release = releases(&workflow);
        for job in workflow.jobs.iter().filter(|job| job.is_normal()) {
            if release.is_none() && !job.steps.iter().any(publishes) {
                continue;
            }
            for step in &job.steps {
                let truth = caches(step, release == Some(Release::ByTag));
                let uses = step.cursor.get("uses");
                report.when(truth, &POISONED, &uses, || {
                    format!(
                        "{} restores a cache, and {} publishes",
                        uses.shown(),
                        reason(job, release)
                    )
                });
            }
        }
    }
}

fn reason(job: &Job<'_>, release: Option<Release>) -> String {
    match release {
        Some(_) => "the workflow".to_owned(),
        None => format!("the job {}", job.id),
    }
}

/// An event at which things are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// Only tags and releases begin it.
    ByTag,
    /// A branch for releases does.
    ByBranch,
}

fn releases(workflow: &Workflow<'_>) -> Option<Release> {
    let push = workflow.trigger("push");
    let has = |key: &str| push.is_some_and(|push| !push.get(key).is_absent().is_yes());
    let branches = push.map(|push| push.get("branches")).into_iter();
    let mut branches = branches.flat_map(|it| match it.text().ok() {
        Some(branch) => vec![branch],
        None => it
            .items()
            .iter()
            .filter_map(|item| item.text().ok())
            .collect(),
    });
    if branches.any(|branch| branch.to_lowercase().contains("release")) {
        return Some(Release::ByBranch);
    }
    let is_tag = has("tags") || has("tags-ignore") || workflow.has("release");
    is_tag.then_some(Release::ByTag)
}

fn publishes(step: &Step<'_>) -> bool {
    let Some(repository) = step.repository() else {
        return false;
    };
    let pushes =
        || step.has_opaque_arguments() || step.argument("push").is_none_or(|it| it != "false");
    repository.is_any(PUBLISHERS) || (repository.is("docker/build-push-action") && pushes())
}

/// Whether the action of `step` uses a cache.
fn caches(step: &Step<'_>, by_tag: bool) -> Truth {
    let Some(repository) = step.repository() else {
        return Truth::No;
    };
    let Some((_, control)) = CACHES.iter().find(|(name, _)| repository.is(name)) else {
        return Truth::No;
    };
    if step.has_opaque_arguments() {
        return Truth::Unknown("the arguments are an expression".into());
    }
    match control {
        Control::Always => Truth::Yes,
        Control::All(inputs) => {
            let is_single = inputs.len() == 1;
            Truth::all(
                inputs
                    .iter()
                    .map(|input| input.holds(step, by_tag && is_single)),
            )
        }
        Control::Any(inputs) => Truth::any(inputs.iter().map(|input| input.holds(step, false))),
    }
}

impl Input {
    fn holds(&self, step: &Step<'_>, by_tag: bool) -> Truth {
        let value = self.value(step, by_tag);
        match self.before {
            None => value,
            Some(before) => Truth::all([value, is_before(step, before)]),
        }
    }

    fn value(&self, step: &Step<'_>, by_tag: bool) -> Truth {
        let given = step.with(self.name);
        let Some(text) = given.text().ok() else {
            return self.default.into();
        };
        let says_yes = match &self.value {
            Values::Text => Truth::from(!text.is_empty()),
            _ if is_expression(&given) => {
                let value = condition(&given).filter(|_| by_tag);
                match value.and_then(|it| at_tag(&it.expression)) {
                    Some(value) => value.into(),
                    None => Truth::Unknown(format!("{} is an expression", self.name).into()),
                }
            }
            Values::Boolean => (text != "false").into(),
            Values::Of(values) => values.contains(&text.as_str()).into(),
        };
        if self.is_off { !says_yes } else { says_yes }
    }
}

fn is_before(step: &Step<'_>, major: u64) -> Truth {
    let Some(repository) = step.repository() else {
        return Truth::No;
    };
    let written = if repository.is_commit() {
        comment(step)
    } else {
        repository.version()
    };
    match written {
        Some((its, ..)) => (its < major).into(),
        None => Truth::Unknown("the version of the action is not in the file".into()),
    }
}

/// The version in the comment behind a commit.
fn comment(step: &Step<'_>) -> Option<(u64, u64, u64)> {
    let uses = step.cursor.get("uses");
    let origin = uses.origin();
    let rest = origin.file.text.get(origin.span.end as usize..)?;
    let (_, comment) = rest.lines().next()?.split_once('#')?;
    version(comment.trim())
}

/// What a condition is in a run that a tag began, where it asks for nothing else.
fn at_tag(expression: &Expression) -> Option<bool> {
    let is = |it: &Expression, path: &str| it.path().is_some_and(|its| its == path);
    let says = |it: &Expression, word: &str| matches!(&it.kind, Kind::String(text) if text.eq_ignore_ascii_case(word));
    let compares = |it: &Expression, path: &str, word: &str| match &it.kind {
        Kind::Compare(left, Comparison::Equal, right) => {
            (is(left, path) && says(right, word)) || (is(right, path) && says(left, word))
        }
        _ => false,
    };
    match &expression.kind {
        Kind::Bool(value) => Some(*value),
        Kind::Not(inner) => at_tag(inner).map(|value| !value),
        Kind::Call(Function::StartsWith, arguments) => match arguments.as_slice() {
            [text, prefix] if is(text, "github.ref") && says(prefix, "refs/tags/") => Some(true),
            _ => None,
        },
        Kind::All(parts) => {
            let event = parts
                .iter()
                .any(|it| compares(it, "github.event_name", "push"));
            let tag = parts
                .iter()
                .any(|it| compares(it, "github.ref_type", "tag"));
            (parts.len() == 2 && event && tag).then_some(true)
        }
        _ => None,
    }
}

/// Actions that keep a cache, each as its `action.yml` says.
const CACHES: &[(&str, Control)] = &[
    ("actions/cache", Control::All(&[off("lookup-only")])),
    ("actions/setup-java", Control::All(&[text("cache")])),
    ("actions/setup-go", Control::All(&[on("cache", true)])),
    (
        "actions/setup-node",
        Control::Any(&[
            of("cache", &["npm", "yarn", "pnpm"]),
            on("package-manager-cache", true),
        ]),
    ),
    ("actions/setup-python", Control::All(&[text("cache")])),
    ("actions/setup-dotnet", Control::All(&[on("cache", false)])),
    (
        "astral-sh/setup-uv",
        Control::Any(&[
            of("enable-cache", &["true"]),
            Input {
                before: Some(10),
                ..on("enable-cache", true)
            },
        ]),
    ),
    ("Swatinem/rust-cache", Control::All(&[off("lookup-only")])),
    (
        "ruby/setup-ruby",
        Control::All(&[on("bundler-cache", false)]),
    ),
    ("PyO3/maturin-action", Control::All(&[on("sccache", false)])),
    ("mlugg/setup-zig", Control::All(&[on("use-cache", true)])),
    ("oven-sh/setup-bun", Control::All(&[off("no-cache")])),
    (
        "DeterminateSystems/magic-nix-cache-action",
        Control::All(&[on("use-gha-cache", true)]),
    ),
    ("graalvm/setup-graalvm", Control::All(&[text("cache")])),
    (
        "gradle/actions/setup-gradle",
        Control::All(&[off("cache-disabled")]),
    ),
    (
        "docker/setup-buildx-action",
        Control::All(&[on("cache-binary", true), text("version")]),
    ),
    (
        "actions-rust-lang/setup-rust-toolchain",
        Control::All(&[on("cache", true)]),
    ),
    ("Mozilla-Actions/sccache-action", Control::Always),
    ("nix-community/cache-nix-action", Control::Always),
    ("jdx/mise-action", Control::All(&[on("cache", true)])),
    (
        "ramsey/composer-install",
        Control::All(&[Input {
            is_off: true,
            default: true,
            ..of("ignore-cache", &["yes", "true", "1"])
        }]),
    ),
    ("awalsh128/cache-apt-pkgs-action", Control::Always),
];

/// Actions that publish.
const PUBLISHERS: &[&str] = &[
    "pypa/gh-action-pypi-publish",
    "rubygems/release-gem",
    "jreleaser/release-action",
    "goreleaser/goreleaser-action",
    "softprops/action-gh-release",
    "release-drafter/release-drafter",
    "googleapis/release-please-action",
    "redhat-actions/push-to-registry",
    "aws-actions/amazon-ecs-deploy-task-definition",
    "aws-actions/aws-cloudformation-github-deploy",
    "Azure/aci-deploy",
    "Azure/container-apps-deploy-action",
    "Azure/functions-action",
    "Azure/sql-action",
    "cloudflare/wrangler-action",
    "google-github-actions/deploy-appengine",
    "google-github-actions/deploy-cloudrun",
    "google-github-actions/deploy-cloud-functions",
];

static POISONED: Rule = Rule {
    id: RuleId::new("CM-GHA-050"),
    title: Cow::Borrowed("What is published is built with a cache"),
    severity: Severity::High,
    confidence: Confidence::Low,
    description: Cow::Borrowed(
        "Any workflow of the branch can write the cache that this one restores, one too that has no rights but to \
         run. Who gets code into such a run puts it into the cache, and with it into what is released.",
    ),
    remediation: Cow::Borrowed("Build what is published without a cache."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-349"),
        Reference::new("T1195.002"),
        Reference::new("https://docs.zizmor.sh/audits/#cache-poisoning"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: release
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/cache@v4
      with: {path: build, key: build}
    - run: make publish
";

const GOOD: &[u8] = b"\
on: release
jobs:
  publish:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/setup-go@v5
      with: {cache: false}
    - run: make publish
";
