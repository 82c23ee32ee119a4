//! Files against policies in the habit of conftest: rules `deny`, `violation` and `warn` of a package.

use std::{collections::BTreeSet, fmt, iter};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Bundle, Engine as _, EngineError, Question, engine::Message, gatekeeper::ConstraintReport,
    syntax::RuleSite,
};

/// What the rules of `namespace` say of `input`, a file called `name`. They are those called `deny`,
/// `violation` or `warn`, with or without something behind it: `deny_root`. A rule gives a set or an
/// array of reasons, each a text or an object with a `msg`; `true` counts as a reason without a text.
///
/// What fails, or gives something else, denies.
///
/// Rules called `exception` name rules that do not count, as conftest has it: each gives a list of names
/// without what they begin with, `root` for `deny_root`. What such a rule says is told as excepted, and
/// denies nothing.
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
    for site in bundle.definitions().map(|it| &it.site) {
        if let Some(rule) = site.rule.strip_prefix(&package)
            && let Some(kind) = Kind::of(rule)
            && !rules.iter().any(|(known, _)| *known == site.rule)
        {
            rules.push((site.rule.clone(), kind));
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
        exceptions: Vec::new(),
    };
    // Together, which begins once; and one at a time where that fails: a rule that fails must not hide what the others say.
    let exception = format!("{package}exception");
    let asked = rules.iter().map(|(rule, _)| rule.as_str());
    let names: Vec<&str> = iter::once(exception.as_str()).chain(asked).collect();
    let mut together = bundle.eval(&names, question).ok().map(Vec::into_iter);
    let mut next = |rule: &str| match &mut together {
        Some(values) => Ok(values.next().flatten()),
        None => bundle
            .eval(&[rule], question)
            .map(|values| values.into_iter().next().flatten()),
    };
    let excepted = match excepted(&exception, next(&exception)) {
        Ok(names) => names,
        Err(failure) => {
            file.failures.push(failure);
            BTreeSet::new()
        }
    };
    for (rule, kind) in rules {
        let (reasons, failed) = match next(&rule) {
            Ok(value) => reasons(&rule, value),
            Err(error) => (Vec::new(), Some(error)),
        };
        let list = match kind {
            _ if excepted.contains(Kind::bare(&rule[package.len()..])) => &mut file.exceptions,
            Kind::Deny => &mut file.failures,
            Kind::Warn => &mut file.warnings,
        };
        list.extend(reasons);
        // No rule was written for a rule that breaks.
        file.failures.extend(failed.map(|error| Reason {
            message: error.to_string(),
            rule,
            details: None,
        }));
    }
    Ok(file)
}

/// The packages of `bundle` that have such rules, in order: what conftest asks with `--all-namespaces`.
pub fn namespaces(bundle: &Bundle) -> BTreeSet<String> {
    let rules = bundle.rules().into_iter();
    let packages = rules.filter_map(|site| {
        let (package, rule) = site.rule.strip_prefix("data.")?.rsplit_once('.')?;
        Kind::of(rule).map(|_| package.to_owned())
    });
    packages.collect()
}

/// The first rule in a file that `is_own` which is called as if it denied or warned, and stands in a package of the house where no
/// gate, check or other rule asks it.
pub(crate) fn unasked(bundle: &Bundle, is_own: impl Fn(&str) -> bool) -> Option<&RuleSite> {
    let reads = bundle.definitions().flat_map(|it| &it.reads);
    let reads: BTreeSet<&str> = reads.map(String::as_str).collect();
    let is_unasked = |site: &&RuleSite| {
        let path = site.rule.strip_prefix("data.");
        let Some((package, rule)) = path.and_then(|it| it.rsplit_once('.')) else {
            return false;
        };
        let is_asked = match package {
            "casemate.gate" | "casemate.attestation" => ["deny", "warn"].contains(&rule),
            _ => !UNASKED.contains(&package),
        };
        Kind::of(rule).is_some()
            && !is_asked
            && is_own(&site.file)
            && !reads.contains(site.rule.as_str())
    };
    bundle.definitions().map(|it| &it.site).find(is_unasked)
}

/// The names that `rule`, which is called `exception`, gives with its value, or why it gives none.
fn excepted(
    rule: &str,
    value: Result<Option<Value>, EngineError>,
) -> Result<BTreeSet<String>, Reason> {
    let failed = |message: String| Reason {
        message,
        rule: rule.to_owned(),
        details: None,
    };
    let lists = match value {
        Ok(None) => return Ok(BTreeSet::new()),
        Ok(Some(Value::Array(lists))) => lists,
        Ok(Some(_)) => {
            return Err(failed(format!(
                "{rule} gives something that is no set of lists"
            )));
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut names = BTreeSet::new();
    for list in lists {
        let list: Vec<String> = serde_json::from_value(list)
            .map_err(|_| failed(format!("{rule} gives something that is no list of names")))?;
        names.extend(list);
    }
    Ok(names)
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
            let told = [
                ("FAIL", &file.failures),
                ("WARN", &file.warnings),
                ("EXCP", &file.exceptions),
            ];
            for (word, reasons) in told {
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
            "{} files, {} rules, {} failures, {} warnings, {} exceptions",
            self.files.len(),
            sum(|file| file.rules),
            sum(|file| file.failures.len()),
            sum(|file| file.warnings.len()),
            sum(|file| file.exceptions.len())
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
    /// What the policy itself excepts: it denies nothing.
    pub exceptions: Vec<Reason>,
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

    /// The name by which exceptions call a rule.
    fn bare(rule: &str) -> &str {
        let mut beginnings = ["violation_", "deny_", "warn_"].into_iter();
        beginnings
            .find_map(|beginning| rule.strip_prefix(beginning))
            .unwrap_or(rule)
    }
}

/// Packages of the house in which no rule is asked for what it denies. A check stands in a package below the second.
const UNASKED: &[&str] = &["casemate.evidence", "casemate.checks"];

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
    fn exceptions_name_rules_and_are_told() {
        let policy = "package main

deny_root contains \"runs as root\" if input.a

violation_root contains \"too\" if input.a

deny contains \"stays\" if input.a

exception contains [\"root\"] if input.a == 2

exception contains [\"deny\"] if input.a == 3
";
        let told = |input| {
            let file = checked(policy, input).expect("has rules");
            (file.failures.len(), file.exceptions.len())
        };
        assert_eq!(told(r#"{"a": 1}"#), (3, 0));
        assert_eq!(told(r#"{"a": 2}"#), (1, 2));
        assert_eq!(told(r#"{"a": 3}"#), (2, 1));
        assert_eq!(told("{}"), (0, 0));
    }

    #[test]
    fn an_exception_that_breaks_excepts_nothing_and_denies() {
        for exception in [
            "exception contains [1 / input.zero] if true",
            "exception contains 7 if true",
            "exception := \"root\"",
            "exception contains [7] if true",
        ] {
            let policy =
                format!("package main\n\ndeny_root contains \"x\" if true\n\n{exception}\n");
            let file = checked(&policy, r#"{"zero": 0}"#).expect("has rules");
            let messages: Vec<&str> = file.failures.iter().map(|it| it.message.as_str()).collect();
            assert_eq!(messages.len(), 2, "{exception}: {messages:?}");
            assert!(messages.contains(&"x") && file.exceptions.is_empty());
        }
    }

    #[test]
    fn every_package_with_such_rules_is_a_namespace() {
        let files = [
            ("a.rego", "package b.c\n\ndeny contains 1 if false\n"),
            ("b.rego", "package a\n\nwarn_x contains 1 if false\n"),
            ("c.rego", "package lib\n\ndenying := 1\n"),
        ];
        let files = files.map(|(name, text)| file(name, text));
        let bundle = Bundle::alone(files.into()).expect("loads");
        assert_eq!(Vec::from_iter(namespaces(&bundle)), ["a", "b.c"]);
    }

    #[test]
    fn a_rule_that_nobody_asks_does_not_load_over_the_house() {
        let load = |package: &str, rules: &str| {
            let policy = format!("package {package}\n\nimport rego.v1\n\n{rules}\n");
            Bundle::overlay(vec![file("own.rego", &policy)]).map(drop)
        };
        let deny = "deny contains \"never\"";
        for (package, rules) in [
            ("casemate.evidence", deny),
            ("casemate.checks", deny),
            ("casemate.gate", "violation_old contains \"never\""),
            ("casemate.gate", "deny_root contains \"never\""),
            ("casemate.attestation", "warn_old contains \"never\""),
        ] {
            let error = load(package, rules).expect_err(package).to_string();
            let rule = rules.split(' ').next().unwrap_or_default();
            let expected = format!("own.rego:5: nothing asks `data.{package}.{rule}`");
            assert!(error.starts_with(&expected), "{error}");
        }
        let asked = "deny contains msg if some msg in deny_root\n\ndeny_root contains \"x\"";
        for (package, rules) in [
            ("casemate.gate", deny),
            ("casemate.gate", asked),
            ("casemate.attestation", deny),
            ("casemate.own", deny),
            ("casemate.evidence", "own := 1"),
        ] {
            assert_eq!(load(package, rules), Ok(()), "{package}: {rules}");
        }
        let policy = format!("package casemate.evidence\n\n{deny}\n");
        assert!(
            Bundle::alone(vec![file("own.rego", &policy)]).is_ok(),
            "of a policy alone, whoever asks names the package"
        );
    }

    #[test]
    fn a_package_that_checks_nothing_is_an_error() {
        let error = checked("package other\n\ndeny contains 1\n", "{}").expect_err("no rules");
        assert!(error.to_string().contains("package main"), "{error}");
    }
}
