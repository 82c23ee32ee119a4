//! The library that policies import: `content/policies/lib/`, one file for a subject.
//!
//! It is under every policy, also under one that nothing else built in is added to. Its packages are
//! its own: a rule or a document of the same path would change, unseen, what other rules rest on.

use std::sync::Arc;

use casemate_core::PathText;
use serde_json::Value;

use crate::{EngineError, engine::Message, syntax::RuleSite};

/// The files of the library, by names that no file of a caller's can have.
pub(crate) fn files() -> impl Iterator<Item = (PathText, Arc<[u8]>)> {
    let file = |(subject, text): &(&str, &str)| (name(subject), text.as_bytes().into());
    LIBRARY.iter().map(file)
}

/// Whether a file is one of the library by its name.
pub(crate) fn is_file(name: &str) -> bool {
    name.starts_with(FOLDER)
}

/// The file of the library that has just these bytes.
pub(crate) fn same_as(bytes: &[u8]) -> Option<PathText> {
    let mut all = LIBRARY.iter();
    let (subject, _) = all.find(|(_, text)| text.as_bytes() == bytes)?;
    Some(name(subject))
}

/// Refuses rules of others in a package of the library. `is_own` says which files are the library's.
pub(crate) fn check_rules<'a>(
    sites: impl IntoIterator<Item = &'a RuleSite>,
    is_own: impl Fn(&str) -> bool,
) -> Result<(), EngineError> {
    let Some((site, subject)) = sites.into_iter().find_map(|site| {
        let rest = site.rule.strip_prefix("data.casemate.")?;
        let subject = reserved(rest.split('.').next()?)?;
        (!is_own(&site.file)).then_some((site, subject))
    }) else {
        return Ok(());
    };
    let RuleSite { file, line, .. } = site;
    let text = format!(
        "{file}:{line}: `data.casemate.{subject}` is the library's, and no rule is added to it"
    );
    Err(EngineError::Refuse(Message::new(&text)))
}

/// What is wrong with a document that has something where the library is.
pub(crate) fn shadowed(document: &Value) -> Option<String> {
    let settings = document.get("casemate")?.as_object()?;
    let subject = settings.keys().find_map(|name| reserved(name))?;
    Some(format!(
        "`casemate.{subject}` is the library's, and no document may stand there"
    ))
}

/// Whether a module reads what was assessed, as far as its text tells.
pub(crate) fn reads_an_assessment(module: &str) -> bool {
    let paths = [
        ASSESSMENT,
        "findings",
        "outcomes",
        "relations",
        "statements",
    ];
    let mut paths = paths.iter().map(|name| format!("data.casemate.{name}"));
    paths.any(|path| module.contains(&path))
}

fn reserved(name: &str) -> Option<&'static str> {
    let subjects = LIBRARY.iter().map(|(subject, _)| *subject);
    subjects.chain([ASSESSMENT]).find(|known| *known == name)
}

fn name(subject: &str) -> PathText {
    format!("{FOLDER}{subject}.rego").as_str().into()
}

macro_rules! library_files {
    ($($subject:literal,)*) => {
        &[$((
            $subject,
            include_str!(concat!("../../../../content/policies/lib/", $subject, ".rego")),
        )),*]
    };
}

/// Each is a package `casemate.` of that name.
const LIBRARY: &[(&str, &str)] = library_files![
    "clock",
    "findings",
    "kubernetes",
    "outcomes",
    "ownership",
    "relations",
    "requests",
    "severity",
    "statements",
];

/// What an earlier assessment said, beside an input that says nothing of it.
pub(crate) const ASSESSMENT: &str = "assessment";

const FOLDER: &str = "@casemate/";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        Bundle, BundleError, Engine as _, GateInput, Question, test,
        testkit::{asset, failure, file, now},
    };

    macro_rules! tests_of {
        ($($subject:literal,)*) => {
            [$((
                concat!("lib/", $subject, "_test.rego"),
                include_str!(concat!("../../../../content/policies/lib/", $subject, "_test.rego")),
            )),*]
        };
    }

    #[test]
    fn the_library_passes_its_tests_and_they_cover_it() {
        let tests = tests_of![
            "clock",
            "findings",
            "kubernetes",
            "outcomes",
            "ownership",
            "relations",
            "requests",
            "severity",
            "statements",
        ];
        assert_eq!(tests.len(), LIBRARY.len());
        let own = LIBRARY
            .iter()
            .map(|(subject, text)| file(&format!("lib/{subject}.rego"), text));
        let all = own.chain(tests.map(|(name, text)| file(name, text)));
        let report = test(&Bundle::alone(all.collect()).expect("loads"), now());
        assert!(report.is_success(), "{report}");
        assert!(report.tests.len() > 50, "{report}");
        let names: Vec<&String> = report.coverage.keys().collect();
        assert_eq!(names.len(), 2 * LIBRARY.len(), "{names:?}");
        for (name, file) in &report.coverage {
            assert!(file.not_covered.is_empty(), "{name}: {report}");
        }
    }

    const POLICY: &str = "package main

import data.casemate.outcomes
import data.casemate.severity

deny contains \"worse\" if severity.at_least(input.severity, \"high\")

deny contains \"unclean\" if not outcomes.is_clean(input.model)
";

    fn denied(bundle: &Bundle, input: &Value) -> Option<Value> {
        let question = Question { input, now: now() };
        let values = bundle.eval(&["data.main.deny"], &question);
        values.expect("an answer").remove(0)
    }

    #[test]
    fn a_policy_alone_imports_it_and_sees_an_assessment_that_its_input_cannot_forge() {
        let alone = || Bundle::alone(vec![file("p.rego", POLICY)]).expect("loads");
        let mut assessment = GateInput::new("assess", asset(""), now());
        let files = json!([{"name": "./a", "path": "a"}, {"name": "./b", "path": "b"}]);
        assessment.context.insert("files".to_owned(), files.clone());
        let assessment = assessment.with_outcomes(&[failure("./b", casemate_core::Severity::High)]);
        let bundle = alone().beside(Some(&assessment)).expect("loads");
        let input = json!({"severity": "low", "model": "a"});
        assert_eq!(denied(&bundle, &input), Some(json!([])));
        let forged = json!({"severity": "critical", "model": "b", "outcomes": [], "context": {"files": files}});
        assert_eq!(denied(&bundle, &forged), Some(json!(["unclean", "worse"])));

        let error = alone().beside(None).err().expect("nothing to read");
        assert!(error.to_string().starts_with("p.rego reads"), "{error}");
        let hidden = POLICY.replace("import data.casemate.outcomes", "import data.casemate as c");
        let hidden = hidden.replace("outcomes.is", "c.outcomes.is");
        let bundle = Bundle::alone(vec![file("p.rego", &hidden)]).expect("loads");
        let bundle = bundle.beside(None).expect("loads");
        assert_eq!(denied(&bundle, &forged), Some(json!(["unclean", "worse"])));
    }

    #[test]
    fn a_severity_that_is_misspelt_is_an_error() {
        let policy = "package main\n\nimport data.casemate.severity\n\n\
                      deny contains \"bad\" if severity.at_least(\"high\", \"hgih\")\n";
        let bundle = Bundle::alone(vec![file("p.rego", policy)]).expect("loads");
        let question = Question {
            input: &Value::Null,
            now: now(),
        };
        let error = bundle.eval(&["data.main.deny"], &question);
        let error = error.expect_err("misspelt").to_string();
        assert!(error.contains("hgih is no severity"), "{error}");
    }

    #[test]
    fn nothing_of_the_caller_stands_where_the_library_is() {
        for (name, content, expected) in [
            (
                "mine.rego",
                "package casemate.severity\n\nat_least(_, _) if false\n",
                "mine.rego:3: `data.casemate.severity` is the library's",
            ),
            (
                "mine.rego",
                "package casemate\n\nseverity.order := []\n",
                "mine.rego:3: `data.casemate.severity` is the library's",
            ),
            (
                "mine.rego",
                "package casemate.assessment\n\noutcomes := []\n",
                "mine.rego:3: `data.casemate.assessment` is the library's",
            ),
            (
                "mine.rego",
                "package casemate.outcomes.all\n\nx := []\n",
                "mine.rego:3: `data.casemate.outcomes` is the library's",
            ),
            (
                "data/a.json",
                r#"{"casemate": {"severity": {"order": []}}}"#,
                "data/a.json: `casemate.severity` is the library's",
            ),
            (
                "data/a.toml",
                "[casemate.assessment]\noutcomes = []\n",
                "data/a.toml: `casemate.assessment` is the library's",
            ),
            (
                "@casemate/severity.rego",
                "package casemate.severity\n",
                "`@casemate/severity.rego` is not a path",
            ),
        ] {
            for lay in [Bundle::overlay, Bundle::alone] {
                let error: BundleError = lay(vec![file(name, content)]).err().expect(content);
                let error = error.to_string();
                assert!(error.starts_with(expected), "{error}");
            }
        }
    }

    #[test]
    fn a_file_of_the_callers_may_be_called_what_it_wants() {
        let policy = "package lib.severity\n\nx := data.casemate.severity.order[0]\n";
        let bundle = Bundle::alone(vec![file("lib/severity.rego", policy)]).expect("loads");
        let question = Question {
            input: &Value::Null,
            now: now(),
        };
        let values = bundle.eval(&["data.lib.severity.x"], &question);
        assert_eq!(values, Ok(vec![Some("info".into())]));
    }
}
