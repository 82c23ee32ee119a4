//! Files against policies in the habit of conftest: rules `deny`, `violation` and `warn` of a package.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Bundle, Engine as _, EngineError, Question, engine::Message, gatekeeper::ConstraintReport,
};

/// What the rules of `namespace` say of `input`, a file called `name`. They are those called `deny`,
/// `violation` or `warn`, with or without something behind it: `deny_root`. A rule gives a set or an
/// array of reasons, each a text or an object with a `msg`; `true` counts as a reason without a text.
///
/// What fails, or gives something else, denies.
///
/// # Errors
///
/// [`NoRules`], where the package has none of them: nothing would be checked.
pub fn check(
    bundle: &Bundle,
    namespace: &str,
    name: &str,
    question: &Question<'_>,
) -> Result<FileCheck, NoRules> {
    let package = format!("data.{namespace}.");
    let mut rules: Vec<(String, Kind)> = Vec::new();
    for site in bundle.rules() {
        if let Some(rule) = site.rule.strip_prefix(&package)
            && let Some(kind) = Kind::of(rule)
            && !rules.iter().any(|(known, _)| *known == site.rule)
        {
            rules.push((site.rule, kind));
        }
    }
    if rules.is_empty() {
        return Err(NoRules(namespace.to_owned()));
    }
    let mut file = FileCheck {
        file: name.to_owned(),
        namespace: namespace.to_owned(),
        rules: rules.len(),
        failures: Vec::new(),
        warnings: Vec::new(),
    };
    for (rule, kind) in rules {
        // One at a time: a rule that fails must not hide what the others say.
        let (reasons, failed) = match bundle.eval(&[&rule], question) {
            Ok(values) => reasons(&rule, values.into_iter().next().flatten()),
            Err(error) => (Vec::new(), Some(error)),
        };
        let list = match kind {
            Kind::Deny => &mut file.failures,
            Kind::Warn => &mut file.warnings,
        };
        list.extend(reasons);
        file.failures.extend(failed.map(|error| Reason {
            message: error.to_string(),
            rule,
            details: None,
        }));
    }
    Ok(file)
}

/// No rule of a package says anything of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("package {0} has no rule called deny, violation or warn")]
pub struct NoRules(String);

/// Files, and what the rules say of them. Its JSON is versioned by `schema`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CheckReport {
    /// The version of this shape: `casemate.policy-check/1`.
    pub schema: &'static str,
    /// Each file in each namespace, as they were given.
    pub files: Vec<FileCheck>,
    /// What the constraints of the policy say of the objects in the files, where it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraints: Option<ConstraintReport>,
}

impl CheckReport {
    /// The report of `files`.
    pub fn new(files: Vec<FileCheck>) -> Self {
        Self {
            schema: "casemate.policy-check/1",
            files,
            constraints: None,
        }
    }

    /// The same with what constraints say.
    #[must_use]
    pub fn with_constraints(mut self, constraints: Option<ConstraintReport>) -> Self {
        self.constraints = constraints;
        self
    }

    /// Whether nothing is denied. Warnings deny nothing.
    pub fn is_success(&self) -> bool {
        self.files.iter().all(|file| file.failures.is_empty())
            && self.constraints.iter().all(ConstraintReport::is_success)
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            for (word, reasons) in [("FAIL", &file.failures), ("WARN", &file.warnings)] {
                for reason in reasons {
                    let (name, space) = (&file.file, &file.namespace);
                    writeln!(f, "{word} - {name} - {space} - {}", reason.message)?;
                }
            }
        }
        if let Some(constraints) = &self.constraints {
            write!(f, "{constraints}")?;
            if self.files.is_empty() {
                return Ok(());
            }
        }
        let sum = |of: fn(&FileCheck) -> usize| self.files.iter().map(of).sum::<usize>();
        writeln!(
            f,
            "{} files, {} rules, {} failures, {} warnings",
            self.files.len(),
            sum(|file| file.rules),
            sum(|file| file.failures.len()),
            sum(|file| file.warnings.len())
        )
    }
}

/// What the rules of one package say of one file.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FileCheck {
    /// Its name, as it was given.
    pub file: String,
    /// The package.
    pub namespace: String,
    /// How many rules were asked.
    pub rules: usize,
    /// Why it is denied.
    pub failures: Vec<Reason>,
    /// What somebody should know.
    pub warnings: Vec<Reason>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reason {
    /// What the rule says.
    pub message: String,
    /// The rule's full path.
    pub rule: String,
    /// The object that the rule gave, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

#[derive(Clone, Copy)]
enum Kind {
    Deny,
    Warn,
}

impl Kind {
    fn of(rule: &str) -> Option<Self> {
        let is_called = |name: &str| match rule.strip_prefix(name) {
            Some(rest) => rest.is_empty() || rest.starts_with('_'),
            None => false,
        };
        match () {
            () if is_called("deny") || is_called("violation") => Some(Self::Deny),
            () if is_called("warn") => Some(Self::Warn),
            () => None,
        }
    }
}

/// The reasons that a rule gives, and what is wrong with the answer.
fn reasons(rule: &str, value: Option<Value>) -> (Vec<Reason>, Option<EngineError>) {
    let wrong = || {
        let text = format!("{rule} gives something that is no set of reasons");
        Some(EngineError::Evaluate(Message::new(&text)))
    };
    let items = match value {
        None | Some(Value::Bool(false)) => return (Vec::new(), None),
        Some(Value::Bool(true)) => vec![Value::from(rule)],
        Some(Value::Array(items)) => items,
        Some(_) => return (Vec::new(), wrong()),
    };
    let mut reasons = Vec::new();
    let mut failed = None;
    for item in items {
        let (message, details) = match item {
            Value::String(text) => (text, None),
            Value::Object(fields) => match fields.get("msg") {
                Some(Value::String(text)) => (text.clone(), Some(Value::Object(fields))),
                _ => {
                    failed = wrong();
                    continue;
                }
            },
            _ => {
                failed = wrong();
                continue;
            }
        };
        reasons.push(Reason {
            message: Message::new(&message).to_string(),
            rule: rule.to_owned(),
            details,
        });
    }
    (reasons, failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{file, now};

    fn checked(policy: &str, input: &str) -> Result<FileCheck, NoRules> {
        let bundle = Bundle::alone(vec![file("p.rego", policy)]).expect("loads");
        let question = Question {
            input: &serde_json::from_str(input).expect("JSON"),
            now: now(),
        };
        check(&bundle, "main", "a.json", &question)
    }

    #[test]
    fn rules_of_both_versions_and_every_habit_give_reasons() {
        let policy = "package main

deny[msg] {
	input.a
	msg := \"old\"
}

violation[{\"msg\": msg, \"details\": {\"n\": 1}}] {
	input.a
	msg := \"with\\nmore\"
}

warn_name[\"careful\"] {
	input.a
}

deny_all {
	input.a == 2
}

denying[\"not one of them\"] {
	input.a
}
";
        let file = checked(policy, r#"{"a": 2}"#).expect("has rules");
        let messages = |reasons: &[Reason]| {
            let messages = reasons.iter().map(|reason| reason.message.clone());
            messages.collect::<Vec<_>>()
        };
        assert_eq!(
            messages(&file.failures),
            ["old", "with\\u{a}more", "data.main.deny_all"]
        );
        assert_eq!(messages(&file.warnings), ["careful"]);
        assert_eq!(file.rules, 4);
        let report = CheckReport::new(vec![file]);
        assert!(!report.is_success());
        insta::assert_snapshot!(report);
        insta::assert_json_snapshot!(report);

        let clean = checked(policy, "{}").expect("has rules");
        assert!(CheckReport::new(vec![clean]).is_success());
    }

    #[test]
    fn what_fails_or_gives_something_else_denies_and_hides_nothing() {
        for (rule, expected) in [
            ("deny contains 1 / input.a if true", "p.rego:3:"),
            ("deny := {\"a\": 1} if input", "no set of reasons"),
            (
                "warn contains {\"message\": \"x\"} if input",
                "no set of reasons",
            ),
            ("warn contains 7 if input", "no set of reasons"),
        ] {
            let policy = format!("package main\n\n{rule}\n\nviolation contains \"also\" if true\n");
            let file = checked(&policy, r#"{"a": 0}"#).expect("has rules");
            let messages: Vec<&str> = file.failures.iter().map(|it| it.message.as_str()).collect();
            assert_eq!(messages.len(), 2, "{messages:?}");
            assert!(
                messages.iter().any(|it| it.contains(expected)),
                "{messages:?}"
            );
            assert!(messages.contains(&"also"));
        }
    }

    #[test]
    fn a_package_that_checks_nothing_is_an_error() {
        let error = checked("package other\n\ndeny contains 1\n", "{}").expect_err("no rules");
        assert!(error.to_string().contains("package main"), "{error}");
    }
}
