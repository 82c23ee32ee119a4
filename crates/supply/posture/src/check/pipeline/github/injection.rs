//! Expressions in code: the runner writes their value into the script before a shell reads it.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    contexts::{Content, content},
    view::{Step, steps},
};
use crate::{
    Cursor, Truth, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{Expansion, expansions},
    },
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&FREE, Persona::Regular),
        (&DERIVED, Persona::Regular),
        (&EXPANDED, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for step in steps(world) {
        for code in code(&step) {
            for expansion in expansions(&code) {
                judge(&step, &code, &expansion, report);
            }
        }
    }
}

/// What runs as code: the script, and what some actions take as one.
pub(super) fn code<'a>(step: &Step<'a>) -> Vec<Cursor<'a>> {
    if let Some((run, _)) = step.script() {
        return vec![run];
    }
    let Some(repository) = step.repository() else {
        return Vec::new();
    };
    let sinks = SINKS.iter().filter(|(name, _)| repository.is(name));
    let inputs = sinks.flat_map(|(_, inputs)| *inputs);
    inputs.map(|input| step.with(input)).collect()
}

fn judge(step: &Step<'_>, code: &Cursor<'_>, expansion: &Expansion<'_>, report: &mut Report) {
    let mut is_quiet = true;
    for flow in expansion.expression.flows() {
        let name = expansion.written(flow.span).to_owned();
        let place = expansion.place(flow.span);
        let (rule, message): (&'static Rule, _) = match content(flow, step) {
            Content::Free => (
                &FREE,
                format!("`{name}` is put into the script, and others write it"),
            ),
            Content::Derived => (&DERIVED, format!("`{name}` is put into the script")),
            // Its choices are fixed, and yet it is put into code.
            Content::Fixed if is_choice(&name) => {
                is_quiet = false;
                report.of_part(Truth::Yes, &EXPANDED, code, (&name, place), || {
                    format!("`{name}` is put into the script")
                });
                continue;
            }
            Content::Fixed => continue,
        };
        is_quiet = false;
        report.of_part(Truth::Yes, rule, code, (&name, place), || message);
    }
    if is_quiet {
        let name = expansion.written(expansion.expression.span);
        let place = expansion.place(expansion.expression.span);
        report.of_part(Truth::Yes, &EXPANDED, code, (name, place), || {
            format!("`{name}` is put into the script")
        });
    }
}

fn is_choice(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with("inputs") || lower.starts_with("env")
}

/// Actions that run an argument of theirs, or fill it in as a template
/// (<https://github.com/github/codeql/tree/main/actions/ql/lib/ext>).
const SINKS: &[(&str, &[&str])] = &[
    ("actions/github-script", &["script"]),
    ("8398a7/action-slack", &["custom_payload"]),
    ("addnab/docker-run-action", &["options", "run"]),
    ("amadevus/pwsh-script", &["script"]),
    ("appleboy/ssh-action", &["script"]),
    ("azure/cli", &["inlineScript"]),
    ("azure/powershell", &["inlineScript"]),
    ("cardinalby/js-eval-action", &["expression"]),
    ("devorbitus/yq-action-output", &["cmd"]),
    ("gautamkrishnar/blog-post-workflow", &["item_exec"]),
    ("jannekem/run-python-script-action", &["script"]),
    ("mikefarah/yq", &["cmd"]),
    ("sergeysova/jq-action", &["cmd"]),
    ("skitionek/notify-microsoft-teams", &["overwrite"]),
    (
        "tibdex/backport",
        &[
            "body_template",
            "head_template",
            "labels_template",
            "title_template",
        ],
    ),
];

static FREE: Rule = Rule {
    id: RuleId::new("CM-GHA-001"),
    title: Cow::Borrowed("Text that others write is put into a script"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "An expression in a script is replaced by its value before the shell reads the script. Where the value is \
         a title, a branch, a comment or an input, whoever writes it writes part of the program, which runs with \
         the token and the secrets of the job. An environment variable is safe: the shell does not read its value \
         as code.",
    ),
    remediation: Cow::Borrowed(
        "Pass the value through `env:` and use it as a quoted variable of the shell.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-94"),
        Reference::new("T1059.004"),
        Reference::new("https://docs.zizmor.sh/audits/#template-injection"),
    ]),
    bad: Some(Example::new("workflow.yml", FREE_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static DERIVED: Rule = Rule {
    id: RuleId::new("CM-GHA-002"),
    title: Cow::Borrowed("A value from elsewhere is put into a script"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The output of another step or job, a variable or a matrix is put into a script as code. Nobody outside \
         may be able to write it today; who can write what it is made of can then run commands, and the script does \
         not show it.",
    ),
    remediation: Cow::Borrowed(
        "Pass the value through `env:` and use it as a quoted variable of the shell.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-94"),
        Reference::new("https://docs.zizmor.sh/audits/#template-injection"),
    ]),
    bad: Some(Example::new("workflow.yml", DERIVED_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static EXPANDED: Rule = Rule {
    id: RuleId::new("CM-GHA-003"),
    title: Cow::Borrowed("An expression is put into a script"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The value of this expression can do no harm in a script. The next one that is written like it may: scripts \
         without expressions are the same for everybody, and can be checked and run elsewhere.",
    ),
    remediation: Cow::Borrowed("Pass the value through `env:`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-94"),
        Reference::new("https://docs.zizmor.sh/audits/#template-injection"),
    ]),
    bad: Some(Example::new("workflow.yml", EXPANDED_BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const FREE_BAD: &[u8] = b"\
on: issues
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
    - run: echo \"${{ github.event.issue.title }}\"
";

const DERIVED_BAD: &[u8] = b"\
on: push
jobs:
  report:
    runs-on: ubuntu-latest
    steps:
    - run: echo ${{ steps.train.outputs.accuracy }}
";

const EXPANDED_BAD: &[u8] = b"\
on: push
jobs:
  report:
    runs-on: ubuntu-latest
    steps:
    - run: echo ${{ github.run_id }}
";

const GOOD: &[u8] = b"\
on: issues
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
    - run: echo \"$TITLE\"
      env:
        TITLE: ${{ github.event.issue.title }}
";
