//! Settings that nothing would read: a requirement that is misspelt requires nothing, and nobody is
//! told. So what looks like a setting of the built-in policies and is none is refused.

use serde_json::Value;

/// What is wrong with documents below `data/`, given the policy's modules.
pub(crate) fn unread<'a>(
    documents: impl IntoIterator<Item = (&'a str, &'a Value)>,
    modules: &[(&str, &str)],
) -> Option<String> {
    documents
        .into_iter()
        .find_map(|(name, document)| Some(format!("{name}: {}", unread_in(document, modules)?)))
}

fn unread_in(document: &Value, modules: &[(&str, &str)]) -> Option<String> {
    let mentioned = |path: &str| modules.iter().any(|(_, module)| mentions(module, path));
    for name in SETTINGS {
        if document.get(name).is_some() && !mentioned(&format!("data.{name}")) {
            return Some(format!(
                "`{name}` is read below `casemate`: [casemate.{name}]"
            ));
        }
    }
    let settings = document.get("casemate")?.as_object()?;
    let unknown = |name: &&String| {
        !SETTINGS.contains(&name.as_str()) && !mentioned(&format!("data.casemate.{name}"))
    };
    if let Some(unknown) = settings.keys().find(unknown) {
        let known = SETTINGS.join(", ");
        return Some(format!(
            "`casemate.{unknown}` is no setting; these are: {known}"
        ));
    }
    let reads = |(name, module): &(&str, &str)| {
        !name.starts_with("evidence") && module.contains("data.casemate.evidence")
    };
    let requires = settings.contains_key(REQUIREMENTS);
    if requires && !modules.iter().any(reads) {
        return Some(
            "there are requirements, and no rule of the policy reads `data.casemate.evidence`: its gate.rego is older than they are"
                .to_owned(),
        );
    }
    None
}

/// Whether a module speaks of this path, and not of one that only begins with it.
fn mentions(module: &str, path: &str) -> bool {
    let mut behind = module.split(path).skip(1);
    behind.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Whether a document that lies where none is read was meant to be read.
pub(crate) fn is_meant(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    SETTINGS
        .iter()
        .any(|name| text.contains(&format!("casemate.{name}")))
}

const REQUIREMENTS: &str = "requirements";
const SETTINGS: [&str; 4] = ["attestation_settings", "owners", REQUIREMENTS, "settings"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GATE: &[(&str, &str)] = &[("gate.rego", "import data.casemate.evidence")];

    fn told(document: &Value, modules: &[(&str, &str)]) -> String {
        unread([("data/a.toml", document)], modules).unwrap_or_default()
    }

    #[test]
    fn settings_that_are_read_are_nothing_to_tell() {
        for document in [
            json!({"casemate": {"requirements": [], "settings": {}, "attestation_settings": {}}}),
            json!({"mine": {"requirements": 1}}),
            json!({"casemate": 1}),
        ] {
            assert_eq!(told(&document, GATE), "", "{document}");
        }
    }

    #[test]
    fn what_is_misspelt_or_misplaced_is_told() {
        for name in ["requirement", "Requirements", "requirments", "setting"] {
            let document = json!({"casemate": {name: []}});
            assert!(told(&document, GATE).contains("is no setting"), "{name}");
        }
        let document = json!({"requirements": []});
        assert!(told(&document, GATE).contains("[casemate.requirements]"));
        assert_eq!(told(&document, &[("a.rego", "x := data.requirements")]), "");
        let document = json!({"casemate": {"requirement": []}});
        let other = [("a.rego", "x := data.casemate.requirements")];
        assert!(told(&document, &other).contains("is no setting"));
        assert_eq!(
            told(
                &json!({"casemate": {"mine": 1}}),
                &[("a.rego", "data.casemate.mine")]
            ),
            ""
        );
    }

    #[test]
    fn requirements_that_no_rule_reads_are_told() {
        let document = json!({"casemate": {"requirements": []}});
        let old = [
            ("gate.rego", "package casemate.gate"),
            ("evidence_test.rego", "import data.casemate.evidence"),
        ];
        assert!(told(&document, &old).contains("older"));
    }
}
