//! Templates, constraints, suites and objects: whatever they are, they are refused with a place, or
//! decided, the same way twice.

use std::time::Duration;

use casemate_core::Timestamp;
use casemate_policy::{
    Limits, TestResult,
    gatekeeper::{Action, ConstraintReport, Constraints, Inventory, Resource, Review, Suite},
};

use crate::policy::silence_what_is_fenced;

/// A policy in YAML, and after a line of three percent signs the objects.
pub fn run(data: &[u8]) {
    silence_what_is_fenced();
    let text = String::from_utf8_lossy(data);
    let (policy, objects) = text.split_once("\n%%%\n").unwrap_or((&text, ""));
    let objects_read = Resource::read("objects.yaml", objects.as_bytes());
    let objects_read = objects_read.unwrap_or_else(|faults| {
        printable(&faults.to_string());
        Vec::new()
    });
    for object in &objects_read {
        // A request to an API server, too, is what somebody sends.
        if let Ok(review) = Review::of_request(&object.value) {
            let _ = review.in_namespace(&object.value);
        }
    }
    let resources = match Resource::read("policy.yaml", policy.as_bytes()) {
        Ok(resources) => resources,
        Err(faults) => return printable(&faults.to_string()),
    };
    suites(&resources, objects.as_bytes());
    match Constraints::load(&resources, LIMITS) {
        Ok(constraints) => judges(&constraints, &objects_read),
        Err(faults) => {
            assert!(!faults.0.is_empty(), "refused without a reason");
            printable(&faults.to_string());
        }
    }
}

fn judges(constraints: &Constraints, objects: &[Resource]) {
    let report = || {
        let inventory = Inventory::default();
        ConstraintReport::of(constraints, objects, inventory, Timestamp::UNIX_EPOCH)
    };
    let first = report();
    let denied = first
        .violations
        .iter()
        .any(|it| it.violation.action == Action::Deny);
    assert_eq!(
        first.is_success(),
        !denied && first.malformed.is_empty(),
        "something is denied, and it passes"
    );
    let told = first.objects + first.others.len() + first.malformed.len();
    assert_eq!(told, objects.len(), "an object is not told of");
    let text = first.to_string();
    printable(&text);
    // One of two runs may take too long on a machine with other work to do.
    if !text.contains("time limit") {
        let second = report();
        assert!(
            first == second || second.to_string().contains("time limit"),
            "the same question, two answers"
        );
    }
}

/// Every file that a suite names is the one that is given.
fn suites(resources: &[Resource], file: &[u8]) {
    for resource in resources {
        match Suite::read(resource) {
            Ok(suite) => {
                let read = |_: &str| Ok(file.to_vec());
                for case in suite.run(&read, LIMITS, Timestamp::UNIX_EPOCH) {
                    let is_told = case.message.is_some();
                    assert!(case.result != TestResult::Fail || is_told, "{case:?}");
                    printable(&case.to_string());
                }
            }
            Err(faults) => printable(&faults.to_string()),
        }
    }
}

fn printable(text: &str) {
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(is_control), "{text:?}");
}

const LIMITS: Limits = Limits {
    time: Duration::from_millis(200),
    memory: 512 << 20,
};
