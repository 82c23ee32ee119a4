//! What keeps people and programs from understanding a workflow.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{Step, Workflow, program_name, steps, workflows};
use crate::{
    Cursor, Truth, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{Expansion, expansions, texts},
    },
    expression::{Expression, Kind, Way},
    read::actions::{ACTION, WORKFLOW},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&OBFUSCATED, Persona::Regular),
        (&COMPUTED, Persona::Pedantic),
        (&ANONYMOUS, Persona::Pedantic),
        (&CONCURRENT, Persona::Pedantic),
        (&MISFEATURE, Persona::Regular),
        (&SHELL, Persona::Auditor),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for kind in [WORKFLOW, ACTION] {
        for resource in world.of_kind(kind) {
            for text in texts(&resource.cursor()) {
                for expansion in expansions(&text) {
                    obfuscated(&text, &expansion, report);
                }
            }
        }
    }
    for step in steps(world) {
        uses(&step, report);
        misfeatures(&step, report);
    }
    for workflow in workflows(world) {
        let name = workflow.root.get("name");
        report.when(name.is_absent(), &ANONYMOUS, &workflow.root, || {
            "the workflow has no name".to_owned()
        });
        for job in workflow.jobs.iter().filter(|job| job.is_normal()) {
            let name = job.cursor.get("name");
            let key = ("", job.cursor.key_origin().clone());
            report.of_part(name.is_absent(), &ANONYMOUS, &job.cursor, key, || {
                format!("the job {} has no name", job.id)
            });
        }
        if !workflow.is_only_called() {
            concurrent(&workflow, report);
        }
    }
}

fn obfuscated(text: &Cursor<'_>, expansion: &Expansion<'_>, report: &mut Report) {
    let expression = &expansion.expression;
    let mut constants = Vec::new();
    reducible(expression, true, &mut constants);
    let mut tell = |rule: &'static Rule, at: &(u32, u32), what: &str| {
        let span = casemate_document::Span::new(at.0 as usize, at.1 as usize);
        let name = expansion.written(span);
        let place = (name, expansion.place(span));
        report.of_part(Truth::Yes, rule, text, place, || format!("`{name}` {what}"));
    };
    for at in &constants {
        tell(&OBFUSCATED, at, "always has the same value");
    }
    for part in expression.walk() {
        let Kind::Context(_, ways) = &part.kind else {
            continue;
        };
        for way in ways {
            if let Way::Index(index, span) = way
                && !index.is_literal()
            {
                tell(&COMPUTED, &(span.start, span.end), "is computed");
            }
        }
    }
}

/// Where constants stand that could be written as what they are. A literal is one only where it is
/// the whole expression.
fn reducible(expression: &Expression, is_whole: bool, into: &mut Vec<(u32, u32)>) {
    let span = expression.span;
    if expression.is_constant() && (is_whole || !expression.is_literal()) {
        into.push((span.start, span.end));
        return;
    }
    let mut parts = expression.parts();
    if let Kind::All(operands) | Kind::Any(operands) = &expression.kind {
        let constant = operands.iter().take_while(|it| it.is_constant()).count();
        if constant > 1 {
            into.push((operands[0].span.start, operands[constant - 1].span.end));
            parts.drain(..constant);
        }
    }
    for part in parts {
        reducible(part, false, into);
    }
}

fn uses(step: &Step<'_>, report: &mut Report) {
    let Some(repository) = step.repository() else {
        return;
    };
    let at = step.cursor.get("uses");
    let mut parts = repository.path.unwrap_or("x").split('/');
    let is_odd = parts.any(|part| matches!(part, "" | "." | ".."));
    let key = ("", at.key_origin().clone());
    report.of_part(is_odd.into(), &OBFUSCATED, &at, key, || {
        "the way to the action goes in circles".to_owned()
    });
    let with = step.cursor.get("with");
    let key = ("", with.key_origin().clone());
    report.of_part(
        step.has_opaque_arguments().into(),
        &OBFUSCATED,
        &with,
        key,
        || "the arguments are an expression".to_owned(),
    );
}

fn misfeatures(step: &Step<'_>, report: &mut Report) {
    if step
        .repository()
        .is_some_and(|it| it.is("actions/setup-python"))
    {
        let install = step.with("pip-install");
        let key = ("", install.key_origin().clone());
        report.of_part(!install.is_absent(), &MISFEATURE, &install, key, || {
            "packages are installed beside those of the system".to_owned()
        });
    }
    let (Some(_), Some((shell, at))) = (step.script(), &step.shell) else {
        return;
    };
    let key = ("", at.key_origin().clone());
    match program_name(shell) {
        "bash" | "sh" | "pwsh" | "powershell" | "python" => {}
        "cmd" | "cmd.exe" => report.of_part(Truth::Yes, &MISFEATURE, at, key, || {
            "the script is one for cmd, which nothing can read for sure".to_owned()
        }),
        other => report.of_part(Truth::Yes, &SHELL, at, key, || {
            format!("{other} runs the script, which was not looked into")
        }),
    }
}

/// Told of what begins the workflow, once for what is missing and once for what is incomplete.
fn concurrent(workflow: &Workflow<'_>, report: &mut Report) {
    let on = workflow.root.get("on");
    let concurrency = workflow.root.get("concurrency");
    if !concurrency.is_absent().is_yes() {
        let is_bare = concurrency.text().ok().is_some();
        let key = ("", concurrency.key_origin().clone());
        report.of_part(is_bare.into(), &CONCURRENT, &concurrency, key, || {
            "nothing is said of runs that are under way".to_owned()
        });
        return;
    }
    let jobs = || workflow.jobs.iter().filter(|job| job.is_normal());
    let own = jobs().map(|job| job.cursor.get("concurrency"));
    let (mut is_missing, mut is_bare) = (false, false);
    for concurrency in own {
        is_missing |= concurrency.is_absent().is_yes();
        is_bare |= concurrency.text().ok().is_some();
    }
    let what = [
        (is_bare, "a job says nothing of runs that are under way"),
        (is_missing, "a job may run any number of times at once"),
    ];
    for (holds, message) in what {
        let key = ("", on.key_origin().clone());
        report.of_part(holds.into(), &CONCURRENT, &on, key, || message.to_owned());
    }
}

static OBFUSCATED: Rule = Rule {
    id: RuleId::new("CM-GHA-080"),
    title: Cow::Borrowed("What a workflow does is not written as it is"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "An expression that always has the same value, a way to an action that goes in circles, or arguments that are \
         an expression: they do what plainer words would do, and hide it from reviewers and from programs.",
    ),
    remediation: Cow::Borrowed("Write the value, the way or the arguments themselves."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-506"),
        Reference::new("https://docs.zizmor.sh/audits/#obfuscation"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static COMPUTED: Rule = Rule {
    id: RuleId::new("CM-GHA-081"),
    title: Cow::Borrowed("The key of a context is computed"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Which member of a context is taken is known only when the workflow runs.",
    ),
    remediation: Cow::Borrowed("Name the member."),
    references: Cow::Borrowed(&[Reference::new("https://docs.zizmor.sh/audits/#obfuscation")]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static ANONYMOUS: Rule = Rule {
    id: RuleId::new("CM-GHA-082"),
    title: Cow::Borrowed("A workflow or a job has no name"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Runs are found by name. One without is called by its file or key, which says less to who looks for a run that \
         should not have been.",
    ),
    remediation: Cow::Borrowed("Give it a `name`."),
    references: Cow::Borrowed(&[Reference::new(
        "https://docs.zizmor.sh/audits/#anonymous-definition",
    )]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static CONCURRENT: Rule = Rule {
    id: RuleId::new("CM-GHA-083"),
    title: Cow::Borrowed("Any number of runs may be under way"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without `concurrency`, each push begins another run beside those before it. They cost runners, and two that \
         publish race for which is last.",
    ),
    remediation: Cow::Borrowed("Say `concurrency` with a `group` and `cancel-in-progress`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-770"),
        Reference::new("https://docs.zizmor.sh/audits/#concurrency-limits"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static MISFEATURE: Rule = Rule {
    id: RuleId::new("CM-GHA-084"),
    title: Cow::Borrowed("A workflow uses what should not be used"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`pip-install` of `actions/setup-python` installs into the system's own Python, which is another one on each \
         runner. Scripts for `cmd` have no grammar by which anybody could say what they do.",
    ),
    remediation: Cow::Borrowed(
        "Install into a virtual environment; write scripts for `pwsh` or `bash`.",
    ),
    references: Cow::Borrowed(&[Reference::new("https://docs.zizmor.sh/audits/#misfeature")]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static SHELL: Rule = Rule {
    id: RuleId::new("CM-GHA-085"),
    title: Cow::Borrowed("A script is for a shell that is not known"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What the script does was not looked into: its shell is none that GitHub has a name for.",
    ),
    remediation: Cow::Borrowed("Write the script for `bash` or `pwsh`, or look into it."),
    references: Cow::Borrowed(&[Reference::new("https://docs.zizmor.sh/audits/#misfeature")]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/setup-python@v6
      with: {pip-install: requests}
    - uses: example/actions/./build@v1
    - run: print 1
      shell: perl {0}
    - run: make
      env:
        A: ${{ format('{0}', 'x') }}
        B: ${{ vars[github.ref_name] }}
";

const GOOD: &[u8] = b"\
name: Test
on: push
concurrency:
  group: ${{ github.ref }}
  cancel-in-progress: true
jobs:
  test:
    name: Test
    runs-on: ubuntu-latest
    steps:
    - uses: example/actions/build@v1
    - run: make
      env:
        A: x
        B: ${{ vars.b }}
";
