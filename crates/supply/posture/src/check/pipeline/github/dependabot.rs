//! How Dependabot updates.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::{
    World,
    check::{Check, Family, Persona, Report},
    read::actions::DEPENDABOT,
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&COOLDOWN, Persona::Regular),
        (&EXECUTION, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for resource in world.of_kind(DEPENDABOT) {
        for update in resource.at("updates").items() {
            let cooldown = update.get("cooldown");
            let days = cooldown.get("default-days");
            let is_short = days.integer().or_else(|| crate::Fact::Known(DEFAULT_DAYS));
            let at = [&days, &cooldown]
                .into_iter()
                .find(|it| !it.is_absent().is_yes());
            let ecosystem = update.get("package-ecosystem");
            let at = at.unwrap_or(&ecosystem);
            let key = ("", at.key_origin().clone());
            report.of_part(
                is_short.is(|days| days < ENOUGH_DAYS),
                &COOLDOWN,
                at,
                key,
                || format!("updates of {} come too soon", ecosystem.shown()),
            );
            let execution = update.get("insecure-external-code-execution");
            let key = ("", execution.key_origin().clone());
            report.of_part(
                execution.equals("allow"),
                &EXECUTION,
                &execution,
                key,
                || "an update may run code of its packages".to_owned(),
            );
        }
    }
}

/// What Dependabot waits where nobody says
/// (<https://docs.github.com/en/code-security/dependabot/working-with-dependabot/dependabot-options-reference>).
const DEFAULT_DAYS: i64 = 3;

/// Most malicious releases are found within a week.
const ENOUGH_DAYS: i64 = 7;

static COOLDOWN: Rule = Rule {
    id: RuleId::new("CM-GHA-100"),
    title: Cow::Borrowed("Updates are proposed on the day of their release"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A malicious release of a package is mostly found within days. An update that waits a week meets few of them; \
         repairs of flaws do not wait.",
    ),
    remediation: Cow::Borrowed("Set `cooldown` with `default-days: 7` or more."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("https://docs.zizmor.sh/audits/#dependabot-cooldown"),
    ]),
    bad: Some(Example::new("dependabot.yml", BAD)),
    good: Some(Example::new("dependabot.yml", GOOD)),
};

static EXECUTION: Rule = Rule {
    id: RuleId::new("CM-GHA-101"),
    title: Cow::Borrowed("An update may run code of its packages"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `insecure-external-code-execution: allow`, code of the packages runs where Dependabot has the \
         credentials of private registries.",
    ),
    remediation: Cow::Borrowed("Set it to `deny`, or take the line away."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("https://docs.zizmor.sh/audits/#dependabot-execution"),
    ]),
    bad: Some(Example::new("dependabot.yml", BAD)),
    good: Some(Example::new("dependabot.yml", GOOD)),
};

const BAD: &[u8] = b"\
version: 2
updates:
- package-ecosystem: pip
  directory: /
  schedule: {interval: daily}
  insecure-external-code-execution: allow
";

const GOOD: &[u8] = b"\
version: 2
updates:
- package-ecosystem: pip
  directory: /
  schedule: {interval: daily}
  cooldown: {default-days: 7}
";
