//! Packages that a workflow installs and publishes.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Job, Step, Workflow, is_expression, program_name, steps, workflows};
use crate::{
    Cursor, Truth, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{place, text},
    },
    shell::{Command, Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&AD_HOC, Persona::Regular),
        (&TRUSTED_PUBLISHING, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for step in steps(world) {
        each(&step, is_ad_hoc, &AD_HOC, report);
        by_action(&step, report);
    }
    for workflow in workflows(world) {
        for job in &workflow.jobs {
            if has_identity(&workflow, job) {
                continue;
            }
            for step in &job.steps {
                each(step, is_publishing, &TRUSTED_PUBLISHING, report);
            }
        }
    }
}

/// Reports each command of the script of which `holds` is true.
fn each(step: &Step<'_>, holds: fn(&Command) -> bool, rule: &'static Rule, report: &mut Report) {
    let shell = match program_name(step.program()) {
        "bash" | "sh" | "zsh" => Shell::Posix,
        "pwsh" | "powershell" => Shell::PowerShell,
        _ => return,
    };
    let Some((run, script)) = step.script() else {
        return;
    };
    for command in commands(script, shell).into_iter().filter(holds) {
        let Some((attr, text)) = text(&run) else {
            continue;
        };
        let at = place(attr, text, command.span.clone());
        let name: Vec<&str> = command.words.iter().map(|it| it.text.as_str()).collect();
        let name = name.join(" ");
        report.of_part(Truth::Yes, rule, &run, (&name, at), || format!("`{name}`"));
    }
}

/// A package that no lock file fixes.
fn is_ad_hoc(command: &Command) -> bool {
    let words: Vec<&str> = command.arguments().collect();
    let behind = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(word));
        at.is_some_and(|at| words[at + 1..].iter().any(|word| !word.starts_with('-')))
    };
    match command.words.first().map_or("", |word| word.text.as_str()) {
        "gem" => behind(&["install", "i"]),
        "bundle" | "yarn" | "pnpm" => behind(&["add"]),
        "npm" => {
            let first = words.iter().find(|word| !word.starts_with('-'));
            first.is_some_and(|first| NPM_INSTALL.contains(first)) && behind(NPM_INSTALL)
        }
        _ => false,
    }
}

/// A command that publishes with a credential that somebody stored.
fn is_publishing(command: &Command) -> bool {
    let words: Vec<&str> = command.arguments().collect();
    let dry = ["--dry-run", "-n"];
    let is_dry = |flags: &[&str]| words.iter().any(|word| flags.contains(word));
    let has = |names: &[&str]| {
        let mut rest = words.iter();
        names.iter().all(|name| rest.any(|word| word == name))
    };
    let twine = |first: &[&str]| {
        let mut rest = words.iter();
        first.iter().all(|name| rest.any(|word| word == name))
            && rest.any(|word| word.starts_with("twine"))
            && rest.any(|word| *word == "upload")
    };
    match command.words.first().map_or("", |word| word.text.as_str()) {
        "cargo" => has(&["publish"]) && !is_dry(&dry),
        "uv" => match words
            .iter()
            .find(|word| matches!(**word, "publish" | "run"))
        {
            Some(&"publish") => !is_dry(&dry[..1]),
            Some(_) => has(&["run", "twine", "upload"]),
            None => false,
        },
        "uvx" => twine(&[]),
        "pipx" => twine(&["run"]),
        "hatch" | "pdm" => has(&["publish"]),
        "poetry" | "npm" | "pnpm" | "bun" => has(&["publish"]) && !is_dry(&dry[..1]),
        "twine" => has(&["upload"]),
        "gem" | "nuget" | "nuget.exe" => has(&["push"]),
        "bundle" => has(&["exec", "gem", "push"]),
        "dotnet" => has(&["nuget", "push"]),
        "yarn" => match words
            .iter()
            .find(|word| matches!(**word, "publish" | "npm"))
        {
            Some(&"publish") => true,
            Some(_) => has(&["npm", "publish"]) && !is_dry(&dry),
            None => false,
        },
        "bunx" => {
            let npm = words
                .iter()
                .position(|it| *it == "npm" || it.starts_with("npm@"));
            let rest = npm.map_or(&[][..], |at| &words[at + 1..]);
            rest.contains(&"publish") && !is_dry(&dry[..1])
        }
        name if name.starts_with("python") => has(&["-m", "twine", "upload"]),
        _ => false,
    }
}

/// Whether the job may ask for a token of its identity.
fn has_identity(workflow: &Workflow<'_>, job: &Job<'_>) -> bool {
    let own = job.cursor.get("permissions");
    let permissions = match own.is_absent().is_yes() {
        true => workflow.root.get("permissions"),
        false => own,
    };
    permissions.equals("write-all").is_yes() || permissions.get("id-token").equals("write").is_yes()
}

/// Actions that publish with a credential where they need none.
fn by_action(step: &Step<'_>, report: &mut Report) {
    let Some(repository) = step.repository() else {
        return;
    };
    let given = |name: &str| !step.with(name).is_absent().is_yes();
    let filled = |name: &str| step.argument(name).is_some_and(|text| !text.is_empty());
    // Not said means the registry that knows the identity.
    let is_of = |name: &str, known: &[&str]| {
        step.argument(name)
            .is_none_or(|text| known.contains(&text.as_str()) || is_expression(&step.with(name)))
    };
    let is_opaque = step.has_opaque_arguments();
    let cases = [
        (
            "pypa/gh-action-pypi-publish",
            "password",
            filled("password") && is_of("repository-url", PYPI) && is_of("repository_url", PYPI),
        ),
        (
            "rubygems/release-gem",
            "setup-trusted-publisher",
            given("setup-trusted-publisher")
                && (step
                    .with("setup-trusted-publisher")
                    .equals("false")
                    .is_yes()
                    || is_expression(&step.with("setup-trusted-publisher"))),
        ),
        (
            "rubygems/configure-rubygems-credentials",
            "api-token",
            filled("api-token") && is_of("gem-server", RUBYGEMS),
        ),
        (
            "actions/setup-node",
            "always-auth",
            is_of("registry-url", NPM)
                && given("always-auth")
                && !step.with("always-auth").equals("false").is_yes(),
        ),
    ];
    for (name, key, holds) in cases {
        if !repository.is(name) {
            continue;
        }
        let uses = step.cursor.get("uses");
        let with: Cursor<'_> = step.with(key);
        let truth = match is_opaque {
            true => Truth::Unknown("the arguments are an expression".into()),
            false => holds.into(),
        };
        let at = ("", uses.key_origin().clone());
        report.of_part(truth, &TRUSTED_PUBLISHING, &uses, at, || {
            format!("{name} is given a credential in {}", with.path)
        });
    }
}

const NPM_INSTALL: &[&str] = &[
    "install", "i", "in", "ins", "inst", "insta", "instal", "isnt", "isnta", "isntal", "isntall",
    "add",
];

const PYPI: &[&str] = &[
    "https://upload.pypi.org/legacy/",
    "https://test.pypi.org/legacy/",
];
const RUBYGEMS: &[&str] = &["https://rubygems.org"];
const NPM: &[&str] = &["https://registry.npmjs.org", "https://registry.npmjs.org/"];

static AD_HOC: Rule = Rule {
    id: RuleId::new("CM-GHA-090"),
    title: Cow::Borrowed("A workflow installs a package that no lock file fixes"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The package and all that it depends on are whatever the registry gives on that day, without a digest that \
         somebody has looked at.",
    ),
    remediation: Cow::Borrowed(
        "Put the package into a project with a lock file, and install from that.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("https://docs.zizmor.sh/audits/#adhoc-packages"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static TRUSTED_PUBLISHING: Rule = Rule {
    id: RuleId::new("CM-GHA-091"),
    title: Cow::Borrowed("A package is published with a stored credential"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The registry can take the identity of the workflow instead of a token: nothing is stored that could leak, and \
         only that workflow may publish.",
    ),
    remediation: Cow::Borrowed("Set up trusted publishing, and give the job `id-token: write`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("https://docs.pypi.org/trusted-publishers/"),
        Reference::new("https://docs.zizmor.sh/audits/#use-trusted-publishing"),
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
    - run: |
        npm install left-pad
        twine upload dist/*
      env:
        TWINE_PASSWORD: ${{ secrets.PYPI_TOKEN }}
";

const GOOD: &[u8] = b"\
on: release
jobs:
  publish:
    runs-on: ubuntu-latest
    permissions:
      id-token: write # to publish
    steps:
    - run: npm ci
    - uses: pypa/gh-action-pypi-publish@release/v1
";
