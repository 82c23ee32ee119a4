//! What rules say of themselves, and what the documentation says of them.

use std::collections::{BTreeSet, HashSet};

use super::FAMILIES;

fn ids() -> BTreeSet<String> {
    let rules = FAMILIES.iter().flat_map(|family| family.rules);
    rules.map(|(rule, _)| rule.id.to_string()).collect()
}

#[test]
fn every_identifier_that_a_rule_refers_to_has_its_title() {
    let known = include_str!("../../../../../content/references.txt");
    let known: HashSet<&str> = known
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(' ')?.0))
        .collect();
    for (rule, _) in FAMILIES.iter().flat_map(|family| family.rules) {
        for reference in rule.references.iter() {
            let id = reference.as_str();
            let is_known = id.starts_with("https://") || known.contains(id);
            assert!(is_known, "{} refers to {id}", rule.id);
        }
    }
}

#[test]
fn the_page_about_ai_has_every_question_and_every_rule() {
    let page = include_str!("../../../../../docs/src/posture/ai.md");
    let ids = ids();
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        Some((cells.first()?.parse::<usize>().ok()?, cells))
    });
    let mut named = BTreeSet::new();
    let mut numbers = Vec::new();
    for (number, cells) in rows {
        let [_, _, rules, not_asked] = cells[..] else {
            panic!("row {number} has other cells");
        };
        let rules: Vec<&str> = rules.split(", ").filter(|it| !it.is_empty()).collect();
        assert!(
            !rules.is_empty() || !not_asked.is_empty(),
            "row {number} says nothing"
        );
        // Those for secrets are in a room of their own.
        for rule in rules.iter().filter(|it| !it.starts_with("CM-SEC-")) {
            assert!(ids.contains(*rule), "row {number} names {rule}");
        }
        named.extend(rules.iter().map(|it| (*it).to_owned()));
        numbers.push(number);
    }
    assert_eq!(numbers, (1..=78).collect::<Vec<_>>());
    let own = ids.iter().filter(|id| id.starts_with("CM-AI-"));
    let left: Vec<&String> = own.filter(|id| !named.contains(*id)).collect();
    assert!(left.is_empty(), "no question has {left:?}");
}
