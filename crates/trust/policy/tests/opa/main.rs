//! OPA's own conformance cases, and ours in the same form.
//!
//! Ours stand beside this file, in `cases/`. OPA's are not copied here; who has them (the directory
//! `v1` of open-policy-agent/opa `test/cases/testdata`, or of open-policy-agent/swift-opa, which
//! has them as JSON) sets `CASEMATE_OPA_CASES` to it and gets the numbers by category. What then
//! differs has to be what `known-differences.txt` says.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the files are the tests' own, and the suite says how many cases hold"
)]

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
mod bundle;
mod case;
mod compare;
// The library is made for no other machine.
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
mod interop;
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
mod shipped;

use std::{collections::BTreeMap, env, fs, path::Path};

use case::Outcome;

#[test]
fn our_own_cases_hold() {
    let cases = case::ours();
    assert!(cases.len() > 100, "{} cases", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| match case.run() {
            Outcome::Met => None,
            Outcome::Differs(how) => Some(format!("{}: {how}", case.note)),
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_known_differences_are_groups_with_reasons() {
    let mut reason = "";
    let mut notes = Vec::new();
    for line in KNOWN.lines() {
        match line.strip_prefix('#') {
            Some(text) => reason = text.trim(),
            None if line.is_empty() => reason = "",
            None => {
                assert!(!reason.is_empty(), "{line} has no reason");
                notes.push(line);
            }
        }
    }
    let mut unique = notes.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), notes.len(), "a case is listed twice");
    assert!(notes.len() <= MAX_KNOWN, "{} differences", notes.len());
}

#[test]
fn opas_cases_differ_only_where_we_say_so() {
    let Some(dir) = env::var_os("CASEMATE_OPA_CASES") else {
        return;
    };
    let cases = case::opas(Path::new(&dir));
    let mut failing = BTreeMap::new();
    let mut categories: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in &cases {
        let (met, all) = categories.entry(&case.category).or_default();
        *all += 1;
        match case.run() {
            Outcome::Met => *met += 1,
            Outcome::Differs(how) => {
                failing.insert(case.note.clone(), how);
            }
        }
    }
    print(&categories);
    if let Some(file) = env::var_os("CASEMATE_OPA_FAILURES") {
        let lines = failing.iter().map(|(note, how)| format!("{note}\t{how}\n"));
        fs::write(file, lines.collect::<String>()).expect("writes");
    }
    let known: Vec<&str> = KNOWN
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let new: Vec<_> = failing
        .iter()
        .filter(|(note, _)| !known.contains(&note.as_str()))
        .collect();
    let gone: Vec<_> = known
        .iter()
        .filter(|note| !failing.contains_key(**note))
        .collect();
    assert!(new.is_empty(), "differ and are not listed: {new:#?}");
    assert!(gone.is_empty(), "are listed and do not differ: {gone:#?}");
}

fn print(categories: &BTreeMap<&str, (usize, usize)>) {
    let sum = |names: &dyn Fn(&str) -> bool| {
        categories
            .iter()
            .filter(|(name, _)| names(name))
            .fold((0, 0), |sum, (_, of)| (sum.0 + of.0, sum.1 + of.1))
    };
    for (name, (met, all)) in categories.iter().filter(|(_, (met, all))| met < all) {
        println!("{met:5} of {all:5}  {name}");
    }
    for (title, (met, all)) in [
        ("all", sum(&|_| true)),
        (
            "but graphql and providers-aws",
            sum(&|name| !["graphql", "providers-aws"].contains(&name)),
        ),
    ] {
        let percent = 100.0 * met as f64 / all as f64;
        println!("{met:5} of {all:5}  {title}: {percent:.2} %");
    }
}

const KNOWN: &str = include_str!("known-differences.txt");

/// The list may shrink. To make it longer takes a reason that convinces a reviewer of this number.
const MAX_KNOWN: usize = 143;
