//! Conditions that do not hold when they seem to, or hold always.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::view::{action_steps, workflows};
use crate::{
    Cursor, Truth, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{condition, expansions, text, texts},
    },
    expression::{Comparison, Expression, Function, Kind},
    fence,
    read::actions::{ACTION, WORKFLOW},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&BOT, Persona::Regular),
        (&ALWAYS_TRUE, Persona::Regular),
        (&CONTAINS, Persona::Regular),
        (&TERNARY, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for workflow in workflows(world) {
        for job in &workflow.jobs {
            let steps = job.steps.iter().map(|step| &step.cursor);
            for cursor in std::iter::once(&job.cursor).chain(steps) {
                let at = cursor.get("if");
                always_true(&at, report);
                if job.is_normal() {
                    bot(&at, report);
                    contains(&at, report);
                }
            }
        }
    }
    for action in world.of_kind(ACTION) {
        for step in action_steps(&action.cursor()) {
            always_true(&step.cursor.get("if"), report);
        }
    }
    for kind in [WORKFLOW, ACTION] {
        for resource in world.of_kind(kind) {
            for at in texts(&resource.cursor()) {
                for expansion in expansions(&at) {
                    for value in falsy_values(&expansion.expression) {
                        let name = expansion.written(value.span);
                        let place = (name, expansion.place(value.span));
                        report.of_part(Truth::Yes, &TERNARY, &at, place, || {
                            format!("`{name}` is never the value: what follows `||` is")
                        });
                    }
                }
            }
        }
    }
}

/// More than the expression stands in the condition, so that it is a text, and texts are true.
fn always_true(at: &Cursor<'_>, report: &mut Report) {
    let Some((_, text)) = text(at) else {
        return;
    };
    let first = fence::fences(text).into_iter().next();
    let is_more = first.is_some_and(|it| it.span.range().len() < text.len());
    let key = ("", at.key_origin().clone());
    report.of_part(is_more.into(), &ALWAYS_TRUE, at, key, || {
        "more than an expression stands in the condition, and so it always holds".to_owned()
    });
}

fn bot(at: &Cursor<'_>, report: &mut Report) {
    let Some(condition) = condition(at) else {
        return;
    };
    let parts = condition.expression.walk();
    let Some(part) = parts.into_iter().find(|part| is_bot(part)) else {
        return;
    };
    let name = condition.written(part.span);
    let place = (name, condition.place(part.span));
    report.of_part(Truth::Yes, &BOT, at, place, || {
        format!("`{name}` asks who began the run, not whose change it is")
    });
}

fn is_bot(part: &Expression) -> bool {
    let Kind::Compare(left, Comparison::Equal, right) = &part.kind else {
        return false;
    };
    let sides = [(left, right), (right, left)];
    sides.iter().any(|(context, value)| {
        let path = context.path().unwrap_or_default();
        let value = value.constant().filter(|_| value.is_literal());
        let value = value.map(|it| it.text()).unwrap_or_default();
        (ACTOR_NAMES.contains(&path.as_str()) && value.ends_with("[bot]"))
            || (ACTOR_IDS.contains(&path.as_str()) && BOT_IDS.contains(&value.as_str()))
    })
}

/// `contains('main develop', github.ref)` holds for every part of the text.
fn contains(at: &Cursor<'_>, report: &mut Report) {
    let Some(condition) = condition(at) else {
        return;
    };
    for part in condition.expression.walk() {
        let Kind::Call(Function::Contains, arguments) = &part.kind else {
            continue;
        };
        let [list, item] = arguments.as_slice() else {
            continue;
        };
        let is_unsound =
            matches!(list.kind, Kind::String(_)) && matches!(item.kind, Kind::Context(..));
        let name = condition.written(item.span);
        let key = (name, at.key_origin().clone());
        report.of_part(is_unsound.into(), &CONTAINS, at, key, || {
            format!("any part of the text is a `{name}` that is let through")
        });
    }
}

/// `condition && '' || 'x'`: the value before `||` is false, and so never chosen.
fn falsy_values(expression: &Expression) -> Vec<&Expression> {
    let mut values = Vec::new();
    for part in expression.walk() {
        let Kind::Any(operands) = &part.kind else {
            continue;
        };
        if part.is_constant() {
            continue;
        }
        for operand in &operands[..operands.len() - 1] {
            let Kind::All(parts) = &operand.kind else {
                continue;
            };
            let last = parts.last().filter(|last| {
                let value = last.constant();
                value.is_some_and(|value| !value.is_true())
            });
            values.extend(last);
        }
    }
    values
}

const ACTOR_NAMES: &[&str] = &[
    "github.actor",
    "github.triggering_actor",
    "github.event.pull_request.sender.login",
];

const ACTOR_IDS: &[&str] = &["github.actor_id", "github.event.pull_request.sender.id"];

/// Dependabot as an app and as a user, its preview, and Renovate.
const BOT_IDS: &[&str] = &["29110", "49699333", "27856297", "29139614"];

static BOT: Rule = Rule {
    id: RuleId::new("CM-GHA-070"),
    title: Cow::Borrowed("A condition trusts the name of a bot that began the run"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "`github.actor` is who did the last thing, not whose change it is. Somebody who gets Dependabot to push to \
         their fork last passes the check with their own commits in the branch.",
    ),
    remediation: Cow::Borrowed("Ask for the author: `github.event.pull_request.user.login`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-290"),
        Reference::new("https://docs.zizmor.sh/audits/#bot-conditions"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static ALWAYS_TRUE: Rule = Rule {
    id: RuleId::new("CM-GHA-071"),
    title: Cow::Borrowed("A condition always holds"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `${{ }}` and anything else in it, be it the line feed of a block, a condition is a text. Every text that \
         is not empty is true: what was to be kept out runs.",
    ),
    remediation: Cow::Borrowed("Write the condition without `${{ }}`, or end the block with `|-`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-670"),
        Reference::new("https://docs.zizmor.sh/audits/#unsound-condition"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static CONTAINS: Rule = Rule {
    id: RuleId::new("CM-GHA-072"),
    title: Cow::Borrowed("A list of allowed values is a text"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`contains` with a text asks for a part of it: `contains('refs/heads/main', github.ref)` also holds for \
         `refs/heads/m`, and for what is empty. With a list it asks for an item.",
    ),
    remediation: Cow::Borrowed(
        "Give it a list: `contains(fromJSON('[\"main\"]'), github.ref_name)`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-185"),
        Reference::new("https://docs.zizmor.sh/audits/#unsound-contains"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

static TERNARY: Rule = Rule {
    id: RuleId::new("CM-GHA-073"),
    title: Cow::Borrowed("A value that is false can never be chosen"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "In `condition && '' || 'x'` the value for the case that the condition holds is itself false, so that the \
         expression goes on to what follows `||`: it is `'x'` in both cases.",
    ),
    remediation: Cow::Borrowed("Turn the condition around, or use `case`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-670"),
        Reference::new("https://docs.zizmor.sh/audits/#unsound-ternary"),
    ]),
    bad: Some(Example::new("workflow.yml", BAD)),
    good: Some(Example::new("workflow.yml", GOOD)),
};

const BAD: &[u8] = b"\
on: pull_request_target
jobs:
  merge:
    if: github.actor == 'dependabot[bot]'
    runs-on: ubuntu-latest
    steps:
    - if: |
        ${{ github.ref == 'refs/heads/main' }}
      run: ./merge
    - if: contains('refs/heads/main refs/heads/develop', github.ref)
      run: ./merge
    - run: ./merge
      env:
        FLAG: ${{ github.event.pull_request.draft && '' || '--now' }}
";

const GOOD: &[u8] = b"\
on: pull_request_target
jobs:
  merge:
    if: github.event.pull_request.user.login == 'dependabot[bot]'
    runs-on: ubuntu-latest
    steps:
    - if: github.ref == 'refs/heads/main'
      run: ./merge
    - if: contains(fromJSON('[\"refs/heads/main\"]'), github.ref)
      run: ./merge
    - run: ./merge
      env:
        FLAG: ${{ !github.event.pull_request.draft && '--now' || '' }}
";
