//! Suites: tests of templates and constraints, as `gator verify` runs them.
//!
//! Specified by Gatekeeper's "The gator CLI", writing test suites. A suite names files; who runs it
//! reads them.

use std::fmt;

use casemate_core::Timestamp;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Constraints, Faults, Field, Inventory, Point, Resource, Review, Violation,
    field::Wrong,
    reading::{fields, items, strings, text, unknown},
    template::group,
};
use crate::{Limits, TestResult, engine::Message};

/// A suite, read.
#[derive(Debug)]
pub struct Suite {
    file: String,
    tests: Vec<Test>,
    is_skipped: bool,
}

/// One template and one constraint, and objects that they are tried on.
#[derive(Debug)]
struct Test {
    name: String,
    line: u32,
    template: String,
    constraint: String,
    has_expansion: bool,
    cases: Vec<Case>,
    /// Whether the schema of the template has to refuse the constraint.
    is_invalid: bool,
    is_skipped: bool,
}

#[derive(Debug)]
struct Case {
    name: String,
    line: u32,
    object: String,
    inventory: Vec<String>,
    assertions: Vec<Assertion>,
    is_skipped: bool,
}

/// How many violations there have to be, of those whose message matches.
#[derive(Debug)]
struct Assertion {
    violations: Count,
    message: Option<Regex>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Some,
    None,
    Exactly(u64),
}

/// What came of one case, or of a test that has come to none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SuiteCase {
    /// The suite's file.
    pub file: String,
    /// The line that the case stands on, counted from one.
    pub line: u32,
    /// The name of the test.
    pub test: String,
    /// The name of the case; nothing where the test itself is told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// How many assertions were held against the violations.
    pub assertions: usize,
    /// What came of it.
    pub result: TestResult,
    /// What was expected and what was found, or why it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl fmt::Display for SuiteCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Message::new(&self.file);
        write!(f, "{file}: {}", Message::new(&self.test))?;
        if let Some(case) = &self.case {
            write!(f, "/{}", Message::new(case))?;
        }
        writeln!(f, ": {}", self.result)?;
        if matches!(self.result, TestResult::Fail | TestResult::Error) {
            writeln!(f, "  {file}:{}", self.line)?;
        }
        for line in self.message.iter().flat_map(|message| message.lines()) {
            writeln!(f, "  {}", Message::new(line))?;
        }
        Ok(())
    }
}

/// Reads a file that a suite names, by the way to it from the suite.
pub type ReadFile<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

impl Suite {
    /// Whether an object is meant to be one.
    pub fn is_meant(value: &Value) -> bool {
        group(value) == Some("test.gatekeeper.sh")
            && value.get("kind").and_then(Value::as_str) == Some("Suite")
    }

    /// Reads a suite.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn read(resource: &Resource) -> Result<Self, Faults> {
        let mut wrong = Vec::new();
        let suite = suite(resource, &mut wrong);
        match suite {
            Some(suite) if wrong.is_empty() => Ok(suite),
            _ => Err(Faults(resource.faults(wrong))),
        }
    }

    /// Runs every test. `now` is what `time.now_ns()` answers.
    pub fn run(&self, read: &ReadFile<'_>, limits: Limits, now: Timestamp) -> Vec<SuiteCase> {
        let tests = self.tests.iter();
        tests
            .flat_map(|test| self.run_test(test, read, limits, now))
            .collect()
    }

    fn run_test(
        &self,
        test: &Test,
        read: &ReadFile<'_>,
        limits: Limits,
        now: Timestamp,
    ) -> Vec<SuiteCase> {
        let whole = |result, message: Option<String>| SuiteCase {
            file: self.file.clone(),
            line: test.line,
            test: test.name.clone(),
            case: None,
            assertions: 0,
            result,
            message,
        };
        if self.is_skipped || test.is_skipped {
            return vec![whole(TestResult::Skip, None)];
        }
        if test.has_expansion {
            let why = "expansions are not evaluated".to_owned();
            return vec![whole(TestResult::Error, Some(why))];
        }
        let loaded = match load(test, read, limits) {
            Ok(loaded) => loaded,
            Err(why) => return vec![whole(TestResult::Error, Some(why))],
        };
        let constraints = match (loaded, test.is_invalid) {
            (Ok(constraints), false) => constraints,
            (Ok(_), true) => {
                let why = "the constraint is valid, and should not be".to_owned();
                return vec![whole(TestResult::Fail, Some(why))];
            }
            (Err(faults), true) if faults.0.iter().all(|fault| fault.is_schema) => {
                return vec![whole(TestResult::Pass, None)];
            }
            (Err(faults), _) => {
                return vec![whole(TestResult::Error, Some(faults.to_string()))];
            }
        };
        if let Some((place, reason)) = constraints.without_rego() {
            let why = format!("{place} is not evaluated: {reason}");
            return vec![whole(TestResult::Error, Some(why))];
        }
        let mut results = Vec::new();
        for case in &test.cases {
            let mut result = SuiteCase {
                line: case.line,
                case: Some(case.name.clone()),
                ..whole(TestResult::Skip, None)
            };
            if !case.is_skipped {
                match case.violations(&constraints, read, now) {
                    Ok(violations) => case.judge(&violations, &mut result),
                    Err(why) => {
                        result.result = TestResult::Error;
                        result.message = Some(why);
                    }
                }
            }
            results.push(result);
        }
        results
    }
}

/// The template and the constraint of a test, and apart from what keeps the files from being read
/// what is wrong with the constraint.
fn load(
    test: &Test,
    read: &ReadFile<'_>,
    limits: Limits,
) -> Result<Result<Constraints, Faults>, String> {
    let template = first(&test.template, read)?;
    let constraint = first(&test.constraint, read)?;
    let alone = [template, constraint];
    let template = Constraints::load(&alone[..1], limits).map_err(|faults| faults.to_string())?;
    if template.templates() == 0 {
        return Err(format!("{} is no template", test.template));
    }
    if !super::Constraint::is_meant(&alone[1].value) {
        return Err(format!("{} is no constraint", test.constraint));
    }
    Ok(Constraints::load(&alone, limits))
}

/// The object that a file begins with.
fn first(name: &str, read: &ReadFile<'_>) -> Result<Resource, String> {
    let mut all = objects(name, read)?;
    if all.is_empty() {
        return Err(format!("{name} holds no object"));
    }
    Ok(all.swap_remove(0))
}

fn objects(name: &str, read: &ReadFile<'_>) -> Result<Vec<Resource>, String> {
    Resource::read(name, &read(name)?).map_err(|faults| faults.to_string())
}

impl Case {
    fn violations(
        &self,
        constraints: &Constraints,
        read: &ReadFile<'_>,
        now: Timestamp,
    ) -> Result<Vec<Violation>, String> {
        let mut inventory = Inventory::default();
        for name in &self.inventory {
            for resource in objects(name, read)? {
                let inserted = inventory.insert(&resource.value);
                inserted.map_err(|why| format!("{}: {why}", resource.place()))?;
            }
        }
        let object = match objects(&self.object, read)?.as_slice() {
            [object] => object.value.clone(),
            all => {
                let count = all.len();
                return Err(format!("{} holds {count} objects, not one", self.object));
            }
        };
        let is_request = group(&object) == Some("admission.k8s.io")
            && object.get("kind").and_then(Value::as_str) == Some("AdmissionReview");
        let review = if is_request {
            Review::of_request(object.get("request").unwrap_or(&Value::Null))
        } else {
            Review::of_object(&object)
        };
        let review = review.map_err(|why| format!("{}: {why}", self.object))?;
        Ok(constraints.review(&review, &inventory, Point::Shift, now))
    }

    fn judge(&self, violations: &[Violation], result: &mut SuiteCase) {
        result.result = TestResult::Pass;
        result.assertions = self.assertions.len();
        for assertion in &self.assertions {
            let matching = violations.iter().filter(|violation| {
                let message = assertion.message.as_ref();
                message.is_none_or(|pattern| pattern.is_match(&violation.message))
            });
            let found = u64::try_from(matching.count()).unwrap_or(u64::MAX);
            let (holds, expected) = match assertion.violations {
                Count::Some => (found > 0, "at least one".to_owned()),
                Count::None => (found == 0, "none".to_owned()),
                Count::Exactly(count) => (found == count, count.to_string()),
            };
            if holds {
                continue;
            }
            let like = assertion.message.as_ref().map_or_else(String::new, |it| {
                format!(" like `{}`", Message::new(it.as_str()))
            });
            let mut message = format!("found {found} violations{like}, expected {expected}");
            for violation in violations.iter().take(MAX_TOLD) {
                message.push_str(&format!("\n- {}", violation.message));
            }
            result.result = TestResult::Fail;
            result.message = Some(message);
            return;
        }
    }
}

fn suite(resource: &Resource, wrong: &mut Vec<Wrong>) -> Option<Suite> {
    let root = Field::default();
    let object = fields(&resource.value, &root, wrong)?;
    let known = ["apiVersion", "kind", "metadata", "tests", "skip"];
    unknown(object, &root, &known, wrong);
    let at = Field::of(&["tests"]);
    let list = match object.get("tests") {
        None | Some(Value::Null) => &[],
        Some(tests) => items(tests, &at, wrong)?,
    };
    let mut tests = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let at = at.with(index);
        let line = resource.place_of(&at).line;
        tests.extend(test(value, &at, line, resource, wrong));
    }
    Some(Suite {
        file: resource.file().to_owned(),
        tests,
        is_skipped: flag(object, &root, "skip", wrong),
    })
}

fn test(
    value: &Value,
    field: &Field,
    line: u32,
    resource: &Resource,
    wrong: &mut Vec<Wrong>,
) -> Option<Test> {
    let object = fields(value, field, wrong)?;
    unknown(object, field, TEST, wrong);
    let at = field.with("cases");
    let list = match object.get("cases") {
        None | Some(Value::Null) => &[],
        Some(cases) => items(cases, &at, wrong)?,
    };
    let mut cases = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let at = at.with(index);
        let line = resource.place_of(&at).line;
        cases.extend(case(value, &at, line, wrong));
    }
    let is_invalid = flag(object, field, "invalid", wrong);
    if is_invalid && !cases.is_empty() {
        let message = "cannot stand beside `invalid`: there is nothing to try them on";
        wrong.push(Wrong::other(at, message));
    }
    Some(Test {
        name: optional(object, field, "name", wrong),
        line,
        template: required(object, field, "template", wrong),
        constraint: required(object, field, "constraint", wrong),
        has_expansion: !optional(object, field, "expansion", wrong).is_empty(),
        cases,
        is_invalid,
        is_skipped: flag(object, field, "skip", wrong),
    })
}

fn case(value: &Value, field: &Field, line: u32, wrong: &mut Vec<Wrong>) -> Option<Case> {
    let object = fields(value, field, wrong)?;
    unknown(object, field, CASE, wrong);
    let inventory = match object.get("inventory") {
        None | Some(Value::Null) => Vec::new(),
        Some(inventory) => strings(inventory, &field.with("inventory"), wrong)?,
    };
    let at = field.with("assertions");
    let mut assertions = Vec::new();
    if let Some(list) = object.get("assertions") {
        for (index, value) in items(list, &at, wrong)?.iter().enumerate() {
            assertions.extend(assertion(value, &at.with(index), wrong));
        }
    }
    let is_skipped = flag(object, field, "skip", wrong);
    if assertions.is_empty() && !is_skipped {
        wrong.push(Wrong::other(at, "is empty: nothing would be tested"));
    }
    Some(Case {
        name: optional(object, field, "name", wrong),
        line,
        object: required(object, field, "object", wrong),
        inventory,
        assertions,
        is_skipped,
    })
}

fn assertion(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Option<Assertion> {
    let object = fields(value, field, wrong)?;
    unknown(object, field, &["violations", "message"], wrong);
    let violations = match object.get("violations") {
        // YAML has words for yes and no.
        None | Some(Value::Null | Value::Bool(true)) => Count::Some,
        Some(Value::Bool(false)) => Count::None,
        Some(Value::String(text)) if text == "yes" => Count::Some,
        Some(Value::String(text)) if text == "no" => Count::None,
        Some(Value::Number(number)) if number.is_u64() => {
            Count::Exactly(number.as_u64().unwrap_or_default())
        }
        Some(_) => {
            let message = "is neither yes, no nor a count";
            wrong.push(Wrong::other(field.with("violations"), message));
            return None;
        }
    };
    let at = field.with("message");
    let message = match object.get("message") {
        None | Some(Value::Null) => None,
        Some(message) => {
            let message = text(message, &at, wrong)?;
            match RegexBuilder::new(&message).size_limit(MAX_PATTERN).build() {
                Ok(pattern) => Some(pattern),
                Err(_) => {
                    wrong.push(Wrong::other(at, "is no regular expression"));
                    return None;
                }
            }
        }
    };
    Some(Assertion {
        violations,
        message,
    })
}

fn optional(
    object: &Map<String, Value>,
    field: &Field,
    name: &str,
    wrong: &mut Vec<Wrong>,
) -> String {
    match object.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(value) => text(value, &field.with(name), wrong).unwrap_or_default(),
    }
}

fn required(
    object: &Map<String, Value>,
    field: &Field,
    name: &str,
    wrong: &mut Vec<Wrong>,
) -> String {
    let before = wrong.len();
    let text = optional(object, field, name, wrong);
    if text.is_empty() && wrong.len() == before {
        wrong.push(Wrong::other(field.with(name), "is required, and missing"));
    }
    text
}

fn flag(object: &Map<String, Value>, field: &Field, name: &str, wrong: &mut Vec<Wrong>) -> bool {
    match object.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            wrong.push(Wrong::other(field.with(name), "expects true or false"));
            false
        }
    }
}

const TEST: &[&str] = &[
    "name",
    "template",
    "constraint",
    "expansion",
    "cases",
    "invalid",
    "skip",
];

const CASE: &[&str] = &["name", "object", "inventory", "assertions", "skip"];

/// Violations of a case that failed.
const MAX_TOLD: usize = 20;

/// Of a compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;
