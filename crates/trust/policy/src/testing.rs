//! Tests that a policy brings along, as `opa test` runs them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use casemate_core::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{Bundle, Question, gatekeeper::SuiteCase, library, rego::Rego};

/// Runs every rule of `bundle` whose name begins with `test_`, each in an engine of its own and
/// with no input; a test brings its own by `with input as`. `now` is what `time.now_ns()` answers.
///
/// A test passes if its rule is `true`, and one with cases, `test_x[name] if ...`, if there is a case
/// and every case that says its name is `true`. A rule named `todo_test_...` is counted and not run.
pub fn test(bundle: &Bundle, now: Timestamp) -> TestReport {
    let mut report = TestReport::default();
    let Ok(rego) = bundle.rego() else {
        return report;
    };
    let mut covered: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for definition in &rego.index().definitions {
        let is_todo = definition.name.starts_with("todo_test_");
        let is_test = definition.name.starts_with("test_");
        if !(is_todo || is_test) || !seen.insert(&definition.site.rule) {
            continue;
        }
        let mut case = TestCase {
            name: definition.site.rule.clone(),
            file: definition.site.file.clone(),
            line: definition.site.line,
            result: TestResult::Skip,
            cases: BTreeMap::new(),
            message: None,
            prints: Vec::new(),
        };
        if is_test {
            let lines = run(rego, &mut case, now);
            for (file, lines) in lines {
                covered.entry(file).or_default().extend(lines);
            }
        }
        report.tests.push(case);
    }
    report.coverage = coverage(&rego.index().lines, &covered);
    report
}

/// What came of the tests of a policy. Its text is what `opa test` prints; its JSON is versioned by
/// `schema`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TestReport {
    /// The version of this shape: `casemate.policy-test/1`.
    pub schema: &'static str,
    /// Every test, in the order of files and lines.
    pub tests: Vec<TestCase>,
    /// What the tests ran through, by file.
    pub coverage: BTreeMap<String, FileCoverage>,
    /// What came of suites of Gatekeeper.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<SuiteCase>,
}

impl Default for TestReport {
    fn default() -> Self {
        Self {
            schema: "casemate.policy-test/1",
            tests: Vec::new(),
            coverage: BTreeMap::new(),
            suites: Vec::new(),
        }
    }
}

impl TestReport {
    /// Whether no test failed. What was skipped did not fail.
    pub fn is_success(&self) -> bool {
        self.count(TestResult::Fail) == 0 && self.count(TestResult::Error) == 0
    }

    /// How many tests, and cases of suites, came out as `result`.
    pub fn count(&self, result: TestResult) -> usize {
        let tests = self.tests.iter().map(|test| test.result);
        let suites = self.suites.iter().map(|case| case.result);
        tests.chain(suites).filter(|one| *one == result).count()
    }

    /// The share of lines that the tests ran through, in percent; 100 where there are none.
    pub fn percent(&self) -> f64 {
        let sum = |of: fn(&FileCoverage) -> usize| self.coverage.values().map(of).sum();
        percent(
            sum(|file| file.covered.len()),
            sum(|file| file.not_covered.len()),
        )
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.tests {
            writeln!(f, "{}: {}", test.name, test.result)?;
            if matches!(test.result, TestResult::Fail | TestResult::Error) {
                writeln!(f, "  {}:{}", test.file, test.line)?;
            }
            for (name, result) in &test.cases {
                writeln!(f, "  {name}: {result}")?;
            }
            for line in test.message.iter().chain(&test.prints) {
                writeln!(f, "  {line}")?;
            }
        }
        for case in &self.suites {
            write!(f, "{case}")?;
        }
        writeln!(f, "{}", "-".repeat(80))?;
        for result in [
            TestResult::Pass,
            TestResult::Fail,
            TestResult::Error,
            TestResult::Skip,
        ] {
            let count = self.count(result);
            if count > 0 || result == TestResult::Pass {
                let all = self.tests.len() + self.suites.len();
                writeln!(f, "{result}: {count}/{all}")?;
            }
        }
        if self.coverage.is_empty() && !self.suites.is_empty() {
            return Ok(());
        }
        writeln!(f, "COVERAGE: {:.1} %", self.percent())?;
        for (name, file) in &self.coverage {
            if !file.not_covered.is_empty() {
                let lines: Vec<String> = file.not_covered.iter().map(u32::to_string).collect();
                writeln!(f, "  {name}: not covered: {}", lines.join(", "))?;
            }
        }
        Ok(())
    }
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TestCase {
    /// The rule's full path.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// The line, counted from one.
    pub line: u32,
    /// What came of it.
    pub result: TestResult,
    /// Its cases, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cases: BTreeMap<String, TestResult>,
    /// Why it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prints: Vec<String>,
}

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TestResult {
    /// The rule is true.
    Pass,
    /// The rule is undefined, or something else than true.
    Fail,
    /// The rule could not be evaluated.
    Error,
    /// The rule was not evaluated, by its own wish.
    Skip,
}

impl fmt::Display for TestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Error => "ERROR",
            Self::Skip => "SKIPPED",
        })
    }
}

/// Which lines of a file the tests ran through. Lines with nothing to evaluate are in neither list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct FileCoverage {
    /// Lines that were evaluated by some test.
    pub covered: BTreeSet<u32>,
    /// Lines that no test evaluated.
    pub not_covered: BTreeSet<u32>,
    /// The share of the former, in percent.
    pub percent: f64,
}

/// Runs one test, and says which lines that took.
fn run(rego: &Rego, case: &mut TestCase, now: Timestamp) -> BTreeMap<String, BTreeSet<u32>> {
    let question = Question {
        input: &Value::Null,
        now,
    };
    let evaluated = rego.eval_covered(&case.name, &question);
    case.prints = evaluated.prints;
    case.result = match evaluated.value {
        Ok(Some(Value::Bool(true))) => TestResult::Pass,
        Ok(Some(value)) => {
            let cases = evaluated.cases.iter();
            let judged = cases.map(|keys| (keys.join("/"), result_of(&value, keys)));
            case.cases = judged.collect();
            match case.cases.values().all(|it| *it == TestResult::Pass) && !case.cases.is_empty() {
                true => TestResult::Pass,
                false => TestResult::Fail,
            }
        }
        Ok(None) => TestResult::Fail,
        Err(error) => {
            case.message = Some(error.to_string());
            TestResult::Error
        }
    };
    evaluated.lines
}

/// What came of the case that `keys` lead to.
fn result_of(value: &Value, keys: &[String]) -> TestResult {
    let mut at = Some(value);
    for key in keys {
        at = match at {
            Some(Value::Object(fields)) => fields.get(key),
            // In Rego v0 such a rule is a set.
            Some(Value::Array(names)) if names.iter().any(|name| name == key) => {
                Some(&Value::Bool(true))
            }
            _ => None,
        };
    }
    match at {
        Some(Value::Bool(true)) => TestResult::Pass,
        _ => TestResult::Fail,
    }
}

fn coverage(
    all: &BTreeMap<String, BTreeSet<u32>>,
    covered: &BTreeMap<String, BTreeSet<u32>>,
) -> BTreeMap<String, FileCoverage> {
    let nothing = BTreeSet::new();
    let file = |(name, lines): (&String, &BTreeSet<u32>)| {
        let ran = covered.get(name).unwrap_or(&nothing);
        let covered: BTreeSet<u32> = lines.intersection(ran).copied().collect();
        let not_covered: BTreeSet<u32> = lines.difference(ran).copied().collect();
        let percent = percent(covered.len(), not_covered.len());
        let file = FileCoverage {
            covered,
            not_covered,
            percent,
        };
        (name.clone(), file)
    };
    let own = all.iter().filter(|(name, _)| !library::is_file(name));
    own.map(file).collect()
}

fn percent(covered: usize, not_covered: usize) -> f64 {
    let count = |lines: usize| u32::try_from(lines).map_or(f64::MAX, f64::from);
    if covered + not_covered == 0 {
        return 100.0;
    }
    100.0 * count(covered) / count(covered + not_covered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{file, now};

    fn report(files: &[(&str, &str)]) -> TestReport {
        let mut all = vec![
            file("gate.rego", "package casemate.gate\ndeny := set()\n"),
            file("gate_test.rego", "package casemate.gate_test\n"),
            file("evidence.rego", "package casemate.evidence\n"),
            file("evidence_test.rego", "package casemate.evidence_test\n"),
            file("attestation.rego", "package casemate.attestation\n"),
            file(
                "attestation_test.rego",
                "package casemate.attestation_test\n",
            ),
        ];
        all.extend(files.iter().map(|(name, content)| file(name, content)));
        test(&Bundle::overlay(all).expect("loads"), now())
    }

    #[test]
    fn the_builtin_policy_passes_its_tests_and_they_cover_it() {
        let report = test(&Bundle::builtin(), now());
        assert!(report.is_success(), "{report}");
        assert!(report.count(TestResult::Pass) > 20, "{report}");
        for file in ["gate.rego", "attestation.rego", "evidence.rego"] {
            assert!(report.coverage[file].not_covered.is_empty(), "{report}");
        }
    }

    const POLICY: &str = "package a
allow if {
	input.x == 1
}

never if {
	input.x == 2
}
";

    const TESTS: &str = "package a_test
test_passes if {
	data.a.allow with input as {\"x\": 1}
}

test_fails if {
	print(\"x is\", 3)
	data.a.allow with input as {\"x\": 3}
}

test_is_not_true := \"yes\"

test_errs if {
	1 / 0 == 1
}

test_time := time.now_ns() > 0

test_cases[name] if {
	some name, case in {\"one\": {\"x\": 1}, \"two\": {\"x\": 3}}
	data.a.allow with input as case
}

test_all_cases[name] if {
	cases := {\"one\": {\"x\": 1}, \"another\": {\"x\": 1}}
	some name
	case := cases[name]
	data.a.allow with input as case
}

test_no_case[name] if {
	some name, _ in {}
}

todo_test_later if {
	false
}

helper_test_is_none if {
	true
}
";

    #[test]
    fn a_report_reads_as_opa_would_print_it() {
        let report = report(&[("a.rego", POLICY), ("a_test.rego", TESTS)]);
        assert!(!report.is_success());
        insta::assert_snapshot!(report);
        insta::assert_json_snapshot!(report);
    }

    #[test]
    fn no_test_sees_what_another_one_did() {
        let tests = "package t\n\
            test_a if { data.casemate.gate.deny == set() }\n\
            test_b if { count(data.casemate.gate.deny) == 1 with data.casemate.gate.deny as {1} }\n\
            test_c if { data.casemate.gate.deny == set() }\n";
        let report = report(&[("t.rego", tests)]);
        assert!(report.is_success(), "{report}");
        assert_eq!(report.count(TestResult::Pass), 3);
    }

    #[test]
    fn a_policy_without_tests_has_an_empty_report() {
        let report = report(&[]);
        assert!(report.tests.is_empty() && report.is_success());
        assert_eq!(report.percent(), 0.0);
    }
}
