//! Everything that can be found, in one list.

use casemate_core::{Check, Rule, Survey};
use casemate_posture::check::Persona;

/// Every rule of every room, by id.
pub(crate) fn rules() -> Vec<Rule> {
    let artifact = casemate_artifact::ArtifactCheck::default();
    let secrets = casemate_secrets::SecretsCheck::builtin();
    let posture = casemate_posture::PostureSurvey::new(Persona::Auditor);
    let mut rules: Vec<Rule> = (artifact.rules().iter())
        .chain(secrets.rules())
        .chain(posture.rules())
        .chain(casemate_inventory::RULES)
        .chain(casemate_policy::RULES)
        .chain(casemate_provenance::RULES)
        .cloned()
        .chain(detections())
        .collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules
}

/// Detections that can be asked for by name; others are steps of these.
fn detections() -> impl Iterator<Item = Rule> {
    let detections = casemate_detect::Detections::builtin();
    let rules: Vec<Rule> = detections
        .rules()
        .iter()
        .filter_map(|it| it.rule())
        .collect();
    rules
        .into_iter()
        .filter(|it| it.id.as_str().starts_with("CM-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rules_have_one_id() {
        let rules = rules();
        for pair in rules.windows(2) {
            assert_ne!(pair[0].id, pair[1].id);
        }
    }

    #[test]
    fn the_table_of_imports_names_rules_that_there_are() {
        let rules = rules();
        for named in casemate_imports::Table::builtin().ours() {
            assert!(
                rules.iter().any(|rule| rule.id.as_str() == named),
                "{named}"
            );
        }
    }

    #[test]
    fn every_rule_says_what_it_is_what_to_do_and_where_to_read_on() {
        for rule in rules() {
            let id = &rule.id;
            assert!(
                !rule.title.is_empty() && !rule.title.ends_with('.'),
                "title of {id}"
            );
            assert!(
                rule.description.split_whitespace().count() >= 4,
                "description of {id}"
            );
            assert!(
                !rule.remediation.contains('\n'),
                "remediation of {id} is one line"
            );
            assert!(!rule.references.is_empty(), "references of {id}");
            for reference in rule.references.iter() {
                assert!(
                    reference.url().is_some(),
                    "{id} refers to {}",
                    reference.as_str()
                );
            }
        }
    }
}
