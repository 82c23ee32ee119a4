//! What came of testing an artifact: in-toto's test result, version 0.1.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md>

use casemate_attest::ResourceDescriptor;
use serde::{Deserialize, Serialize};

use super::Predicate;

/// What came of the tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// The worst of them.
    pub result: TestOutcome,
    /// What they were run with.
    pub configuration: Vec<ResourceDescriptor>,
    /// Where to read more of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The names of those that passed.
    #[serde(default)]
    pub passed_tests: Vec<String>,
    /// Of those that passed with a warning.
    #[serde(default)]
    pub warned_tests: Vec<String>,
    /// Of those that failed.
    #[serde(default)]
    pub failed_tests: Vec<String>,
}

/// What came of one test, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TestOutcome {
    /// Nothing is wrong.
    Passed,
    /// Somebody should know something.
    Warned,
    /// Something is wrong.
    Failed,
}

impl TestOutcome {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Warned => "WARNED",
            Self::Failed => "FAILED",
        }
    }
}

impl TestResult {
    /// The result of tests of these names, each list in order, run with `configuration`.
    pub fn new(
        configuration: Vec<ResourceDescriptor>,
        [mut passed, mut warned, mut failed]: [Vec<String>; 3],
    ) -> Self {
        [&mut passed, &mut warned, &mut failed]
            .into_iter()
            .for_each(|names| names.sort());
        let result = match (warned.is_empty(), failed.is_empty()) {
            (_, false) => TestOutcome::Failed,
            (false, true) => TestOutcome::Warned,
            (true, true) => TestOutcome::Passed,
        };
        Self {
            result,
            configuration,
            url: None,
            passed_tests: passed,
            warned_tests: warned,
            failed_tests: failed,
        }
    }
}

impl Predicate for TestResult {
    const TYPE: &'static str = "https://in-toto.io/attestation/test-result/v0.1";

    fn says(&self) -> String {
        format!(
            "{}: {} passed, {} warned, {} failed",
            self.result.as_str(),
            self.passed_tests.len(),
            self.warned_tests.len(),
            self.failed_tests.len(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_that_of_the_worst_test() {
        let of = |passed: &[&str], warned: &[&str], failed: &[&str]| {
            let own = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
            TestResult::new(Vec::new(), [own(passed), own(warned), own(failed)])
        };
        assert_eq!(of(&["b", "a"], &[], &[]).result, TestOutcome::Passed);
        assert_eq!(of(&["b", "a"], &[], &[]).passed_tests, ["a", "b"]);
        assert_eq!(of(&["a"], &["b"], &[]).result, TestOutcome::Warned);
        let worst = of(&["a"], &["b"], &["c"]);
        assert_eq!(worst.says(), "FAILED: 1 passed, 1 warned, 1 failed");
    }
}
