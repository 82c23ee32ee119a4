//! What is denied by BPF LSM, on a kernel that has it: Debian's, in a machine of its own (QEMU, without acceleration).
//!
//! This program is the test that starts the machine, and, within it, everything that runs there: the sensor, a program that may
//! open weights, and somebody who tries what he may not. So it is its own harness.
#![allow(clippy::print_stdout)]

mod attempts;
mod machine;
mod roles;

use std::env;

const TEST: &str = "what_is_not_allowed_is_denied_and_told";

fn main() {
    if let Ok(role) = env::var("CASEMATE_ROLE") {
        return roles::play(&role);
    }
    let words: Vec<String> = env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|it| it == word);
    if has("--list") {
        if !has("--ignored") {
            println!("{TEST}: test");
        }
    } else if !words
        .iter()
        .any(|it| !it.starts_with('-') && !TEST.contains(it.as_str()))
    {
        what_is_not_allowed_is_denied_and_told();
    }
}

fn what_is_not_allowed_is_denied_and_told() {
    let told = machine::run("attacker");
    for (name, is_denied) in attempts::told(&told) {
        assert!(is_denied, "{name} is not denied:\n{told}");
    }
    assert_eq!(attempts::told(&told).count(), attempts::COUNT, "{told}");
    assert!(told.contains(attempts::DONE), "{told}");
}
