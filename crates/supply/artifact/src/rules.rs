//! Every rule of this crate.

use std::{borrow::Cow, sync::LazyLock};

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::{coverage, formats, pickle};

/// Every rule that [`examine`](crate::examine) may report, those of containers included, by id.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let containers = casemate_container::rules().iter().cloned();
        let mut rules: Vec<Rule> = own().cloned().chain(containers).collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        rules
    });
    &RULES
}

fn own() -> impl Iterator<Item = &'static Rule> {
    let families = [coverage::RULES, pickle::RULES].into_iter();
    let all = families.chain(formats::RULES.iter().copied());
    all.flatten().copied()
}

/// A rule with high confidence, which is what rules about bytes have.
#[expect(clippy::too_many_arguments, reason = "a row of a table")]
pub(crate) const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    description: &'static str,
    remediation: &'static str,
    references: &'static [Reference],
    bad: Example,
    good: Example,
) -> Rule {
    Rule {
        id: RuleId::new(id),
        title: Cow::Borrowed(title),
        severity,
        confidence: Confidence::High,
        description: Cow::Borrowed(description),
        remediation: Cow::Borrowed(remediation),
        references: Cow::Borrowed(references),
        bad: Some(bad),
        good: Some(good),
    }
}

pub(crate) const fn example(name: &'static str, content: &'static [u8]) -> Example {
    Example::new(name, content)
}

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;
    use crate::{Allowlist, Limits, examine};

    fn reported(example: &Example) -> Vec<String> {
        let source = MemorySource(example.content.to_vec());
        let examination = examine(&source, Allowlist::builtin(), &Limits::default());
        let ids = examination.findings.iter().map(|f| f.rule.id.to_string());
        ids.collect()
    }

    #[test]
    fn every_rule_reports_its_bad_example_and_passes_its_good_one() {
        for rule in own() {
            if let Some(bad) = &rule.bad {
                let found = reported(bad);
                assert!(
                    found.contains(&rule.id.to_string()),
                    "{}: {found:?}",
                    rule.id
                );
            }
            if let Some(good) = &rule.good {
                let found = reported(good);
                assert!(
                    !found.contains(&rule.id.to_string()),
                    "{}: {found:?}",
                    rule.id
                );
            }
        }
    }

    #[test]
    fn every_rule_has_an_id_of_its_own_and_a_remediation_of_one_line() {
        for pair in rules().windows(2) {
            assert_ne!(pair[0].id, pair[1].id);
        }
        for rule in rules() {
            assert!(!rule.remediation.contains('\n'), "{}", rule.id);
            assert!(!rule.references.is_empty(), "{}", rule.id);
        }
    }
}
