//! Files and variables by which a step changes those after it.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Step, is_expression, program_name, steps, workflows};
use crate::{
    Cursor, Resource, Truth, World,
    check::{Check, Family, Persona, Report},
    read::actions::ACTION,
    shell::{Command, Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ENVIRONMENT_FILE, Persona::Regular),
        (&INSECURE_COMMANDS, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        commands_allowed(&workflow.root, report);
        for job in &workflow.jobs {
            if job.is_normal() {
                commands_allowed(&job.cursor, report);
            }
            if workflow.is_privileged() {
                job.steps.iter().for_each(|step| writes(step, report));
            }
        }
    }
    for action in world.of_kind(ACTION).map(Resource::cursor) {
        let steps = super::view::action_steps(&action);
        steps.iter().for_each(|step| writes(step, report));
    }
    for step in steps(world).iter().filter(|step| step.script().is_some()) {
        commands_allowed(&step.cursor, report);
    }
}

/// Each write to the files that become the environment of later steps.
fn writes(step: &Step<'_>, report: &mut Report) {
    let Some((run, script)) = step.script() else {
        return;
    };
    let count = match program_name(step.program()) {
        "bash" | "sh" | "zsh" => {
            let commands = commands(script, Shell::Posix);
            commands.iter().filter(|it| is_posix_write(it)).count()
        }
        "pwsh" | "powershell" => {
            let commands = commands(script, Shell::PowerShell);
            commands.iter().filter(|it| is_power_write(it)).count()
        }
        "cmd" => script.lines().filter(|line| is_batch_write(line)).count(),
        _ => 0,
    };
    for _ in 0..count {
        let key = ("", run.key_origin().clone());
        report.of_part(Truth::Yes, &ENVIRONMENT_FILE, &run, key, || {
            "what the script writes becomes the environment of later steps".to_owned()
        });
    }
}

fn is_posix_write(command: &Command) -> bool {
    let mut targets = command
        .redirects
        .iter()
        .filter(|it| it.operator.contains('>'));
    if targets.any(|it| is_file(&it.target.text)) {
        let is_plain = matches!(command.name(), "echo" | "printf")
            && command.words.iter().skip(1).all(|word| !word.expands);
        return !is_plain && !command.words.is_empty();
    }
    command.reads_pipe && command.name() == "tee" && command.arguments().any(is_file)
}

/// `$GITHUB_ENV` and `${GITHUB_ENV}`.
fn is_file(text: &str) -> bool {
    let name = text.trim_start_matches(['$', '{']).trim_end_matches('}');
    text.starts_with('$') && matches!(name, "GITHUB_ENV" | "GITHUB_PATH")
}

fn is_power_write(command: &Command) -> bool {
    let is_file = |text: &str| {
        let lower = text.to_ascii_lowercase();
        lower.contains("env:github_env") || lower.contains("env:github_path")
    };
    let cmdlets = ["out-file", "add-content", "set-content", "tee-object"];
    let is_cmdlet = cmdlets.contains(&command.name().to_ascii_lowercase().as_str());
    command.redirects.iter().any(|it| is_file(&it.target.text))
        || (is_cmdlet && command.arguments().any(is_file))
}

fn is_batch_write(line: &str) -> bool {
    let upper = line.to_ascii_uppercase();
    let Some((before, target)) = upper.split_once('>') else {
        return false;
    };
    let target = target.trim_start_matches('>').trim_start();
    let target = target.trim_start_matches('"');
    !before.is_empty()
        && (target.starts_with("%GITHUB_ENV%") || target.starts_with("%GITHUB_PATH%"))
}

fn commands_allowed(cursor: &Cursor<'_>, report: &mut Report) {
    let environment = cursor.get("env");
    let truth = match is_expression(&environment) {
        true => Truth::Unknown("the environment is an expression".into()),
        false => environment.get("ACTIONS_ALLOW_UNSECURE_COMMANDS").is_true(),
    };
    let key = ("", environment.key_origin().clone());
    report.of_part(truth, &INSECURE_COMMANDS, &environment, key, || {
        "output may set variables of later steps".to_owned()
    });
}

static ENVIRONMENT_FILE: Rule = Rule {
    id: RuleId::new("CM-GHA-051"),
    title: Cow::Borrowed("A script writes the environment of later steps"),
    severity: Severity::High,
    confidence: Confidence::Low,
    description: Cow::Borrowed(
        "What is written to `GITHUB_ENV` or `GITHUB_PATH` is the environment of every later step. Where a line of it \
         comes from a pull request or from a caller, they set `LD_PRELOAD`, `PATH` or `NODE_OPTIONS`, and run code.",
    ),
    remediation: Cow::Borrowed("Pass values to later steps through `GITHUB_OUTPUT`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-454"),
        Reference::new("https://docs.zizmor.sh/audits/#github-env"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static INSECURE_COMMANDS: Rule = Rule {
    id: RuleId::new("CM-GHA-052"),
    title: Cow::Borrowed("Output may set variables of later steps"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`ACTIONS_ALLOW_UNSECURE_COMMANDS` brings back the commands `set-env` and `add-path`: any line that a program \
         prints can set a variable of later steps, and whoever is quoted in a log can run code.",
    ),
    remediation: Cow::Borrowed("Remove the variable, and write to `GITHUB_OUTPUT`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-454"),
        Reference::new("CVE-2020-15228"),
        Reference::new("https://docs.zizmor.sh/audits/#insecure-commands"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: workflow_run
env:
  ACTIONS_ALLOW_UNSECURE_COMMANDS: true
jobs:
  report:
    runs-on: ubuntu-latest
    steps:
    - run: cat result/env >> \"$GITHUB_ENV\"
";

const GOOD: &[u8] = b"\
on: workflow_run
jobs:
  report:
    runs-on: ubuntu-latest
    steps:
    - run: |
        echo \"MODE=report\" >> \"$GITHUB_ENV\"
        cat result/accuracy >> \"$GITHUB_OUTPUT\"
";
