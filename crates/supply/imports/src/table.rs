//! Which rules of others ask the same as which of ours: `content/imports/`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use casemate_core::RuleId;
use serde::Deserialize;

/// What the rules of other tools ask, as far as somebody judged it by reading both.
#[derive(Debug, Default)]
pub struct Table {
    rows: HashMap<(String, String), Vec<String>>,
}

/// A file of the table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The tool, as it is written in the names of its rules.
    tool: String,
    /// Its rules, and what they ask: rules of ours, or, where there is none, a word that other tools'
    /// rows share.
    same: BTreeMap<String, Vec<String>>,
}

impl Table {
    /// The table that is part of the program.
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let mut table = Table::default();
            for text in FILES {
                let file: File = toml::from_str(text).expect("a test reads it");
                table.add(file);
            }
            table
        });
        &TABLE
    }

    fn add(&mut self, file: File) {
        for (rule, same) in file.same {
            let key = (file.tool.clone(), canonical(&file.tool, &rule));
            self.rows.insert(key, same);
        }
    }

    /// What `rule` of `tool` asks: names of rules of ours, and words that rows of other tools share.
    pub(crate) fn asked(&self, tool: &str, rule: &str) -> &[String] {
        let key = (tool.to_owned(), canonical(tool, rule));
        self.rows.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Every rule of ours that the table names.
    pub fn ours(&self) -> impl Iterator<Item = &str> {
        let asked = self.rows.values().flatten().map(String::as_str);
        asked.filter(|name| is_ours(name))
    }
}

/// Whether what a row names is a rule of ours, and not a word.
pub(crate) fn is_ours(name: &str) -> bool {
    name.parse::<RuleId>().is_ok_and(|id| id.tool().is_none())
}

/// One spelling of a rule that its tool has spelled in several ways: Trivy's `DS002`, `AVD-DS-0002` and
/// `DS-0002` are one, and zizmor writes `zizmor/artipacked` in SARIF.
fn canonical(tool: &str, rule: &str) -> String {
    match tool {
        "trivy" => {
            let rule = rule.strip_prefix("AVD-").unwrap_or(rule);
            let digits = rule
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(rule.len());
            let (family, number) = rule.split_at(digits);
            match (family.ends_with('-'), number.parse::<u16>()) {
                (false, Ok(number)) if !family.is_empty() => format!("{family}-{number:04}"),
                _ => rule.to_owned(),
            }
        }
        "zizmor" => rule.strip_prefix("zizmor/").unwrap_or(rule).to_owned(),
        _ => rule.to_owned(),
    }
}

const FILES: [&str; 4] = [
    include_str!("../../../../content/imports/checkov.toml"),
    include_str!("../../../../content/imports/hadolint.toml"),
    include_str!("../../../../content/imports/trivy.toml"),
    include_str!("../../../../content/imports/zizmor.toml"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_rules_of_ours_or_a_word_that_another_tool_shares() {
        for text in FILES {
            let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            for (rule, same) in &file.same {
                assert!(!same.is_empty(), "{rule}");
                for name in same {
                    let is_word = name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                    assert!(is_ours(name) || is_word, "{rule}: {name}");
                }
                let id = RuleId::of_tool(&file.tool, rule).expect("a rule");
                assert_eq!(id.tool(), Some(&*file.tool), "{rule}");
            }
        }
        let table = Table::builtin();
        for ((tool, rule), same) in &table.rows {
            for word in same.iter().filter(|name| !is_ours(name)) {
                let shares = |((other, _), words): (&(String, String), &Vec<String>)| {
                    other != tool && words.contains(word)
                };
                assert!(
                    table.rows.iter().any(shares),
                    "{tool}:{rule}: nobody else has {word}"
                );
            }
        }
    }

    #[test]
    fn one_rule_is_found_under_all_of_its_spellings() {
        let asked = |rule| Table::builtin().asked("trivy", rule);
        assert!(!asked("DS-0002").is_empty());
        assert_eq!(asked("DS002"), asked("DS-0002"));
        assert_eq!(asked("AVD-DS-0002"), asked("DS-0002"));
        assert_eq!(asked("AVD-AWS-0089"), asked("AWS-0089"));
        assert_eq!(canonical("trivy", "CVE-2017-16137"), "CVE-2017-16137");
        let asked = |rule| Table::builtin().asked("zizmor", rule);
        assert_eq!(asked("zizmor/artipacked"), asked("artipacked"));
    }
}
