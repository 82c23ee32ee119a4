//! Which rules an event could match, before they are asked.
//!
//! Most rules cannot match without one of a few texts in a field: these are their witnesses. All of them are
//! looked for at once, so that an event costs what its texts are long, and not what rules there are.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::{
    sigma::test::{Literal, Search, Witness},
    view::{FieldId, View},
};

/// The witnesses of rules.
#[derive(Debug, Default)]
pub(crate) struct Index {
    fields: Vec<(FieldId, FieldIndex)>,
    /// The rules without a witness, which are always asked.
    always: Vec<usize>,
}

#[derive(Debug, Default)]
struct FieldIndex {
    equals: HashMap<Box<str>, Vec<usize>>,
    parts: Option<AhoCorasick>,
    /// The rules of each part.
    of_part: Vec<Vec<usize>>,
}

impl Index {
    /// The index of rules, each under its number.
    pub(crate) fn new<'s>(rules: impl Iterator<Item = (usize, &'s Search)> + Clone) -> Self {
        // A text that many rules ask for says little about any of them.
        let mut frequency: HashMap<Witness, u32> = HashMap::new();
        for (_, search) in rules.clone() {
            search.every_witness(&mut |witness| {
                *frequency.entry(witness).or_default() += 1;
            });
        }
        let cost = |witness: &Witness| {
            let frequency = frequency.get(witness).copied().unwrap_or(1);
            f64::from(frequency) / witness.literal.weight()
        };
        let mut index = Self::default();
        let mut places: HashMap<FieldId, usize> = HashMap::new();
        let mut parts: HashMap<(usize, String), usize> = HashMap::new();
        let mut texts: Vec<Vec<String>> = Vec::new();
        for (rule, search) in rules {
            let Some((witnesses, _)) = search.witnesses(&cost) else {
                index.always.push(rule);
                continue;
            };
            for witness in witnesses {
                let place = *places.entry(witness.field).or_insert_with(|| {
                    index.fields.push((witness.field, FieldIndex::default()));
                    texts.push(Vec::new());
                    index.fields.len() - 1
                });
                let field = &mut index.fields[place].1;
                let rules = match witness.literal {
                    Literal::Whole(text) => field.equals.entry(text.into()).or_default(),
                    Literal::Part(text) => {
                        let part = parts.entry((place, text.clone())).or_insert_with(|| {
                            field.of_part.push(Vec::new());
                            texts[place].push(text);
                            field.of_part.len() - 1
                        });
                        &mut field.of_part[*part]
                    }
                };
                if rules.last() != Some(&rule) {
                    rules.push(rule);
                }
            }
        }
        index.build(texts);
        index
    }

    fn build(&mut self, texts: Vec<Vec<String>>) {
        for ((_, field), texts) in self.fields.iter_mut().zip(texts) {
            if texts.is_empty() {
                continue;
            }
            let automaton = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(texts);
            match automaton {
                Ok(automaton) => field.parts = Some(automaton),
                // More than an automaton holds: the rules are asked one by one.
                Err(_) => self.always.extend(field.of_part.iter().flatten()),
            }
        }
        self.always.sort_unstable();
        self.always.dedup();
    }

    /// The rules that could match, in the order of their numbers.
    pub(crate) fn candidates(&self, event: &View<'_>, found: &mut Vec<usize>) {
        found.clear();
        found.extend(&self.always);
        for (id, field) in &self.fields {
            for value in event.values(*id) {
                let text = value.folded();
                found.extend(field.equals.get(text).into_iter().flatten());
                if let Some(parts) = &field.parts {
                    // A long text may hold one part as often as it likes.
                    let mut is_seen = vec![false; field.of_part.len()];
                    let mut left = is_seen.len();
                    for part in parts.find_overlapping_iter(text) {
                        let part = part.pattern().as_usize();
                        if !std::mem::replace(&mut is_seen[part], true) {
                            found.extend(&field.of_part[part]);
                            left -= 1;
                        }
                        if left == 0 {
                            break;
                        }
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::LazyLock};

    use casemate_core::{Event, Field, LogSource, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::{Asks, Detections};

    /// Rules over two fields, of every kind that has a witness and of some that have none.
    static RULES: LazyLock<Detections> = LazyLock::new(rules);

    fn rules() -> Detections {
        let searches = [
            "{A: ab}",
            "{A: [ab, 'b*'], B|contains: a}",
            "{A|contains|all: [a, b]}",
            "{A|startswith: a, B|endswith: b}",
            "{A: 'a?b'}",
            "{A: '*'}",
            "{A: 12}",
            "{A: [1, a], B: null}",
            "{A|neq: ab}",
            "{A|re: 'a+b'}",
            "{A|cased: aB}",
            "{A|base64offset|contains: aba}",
            "[{A: a}, {B: b}]",
            "[a, b1]",
            "{A|fieldref: B}",
            "{A|windash: -a}",
            "{A: ''}",
        ];
        let mut text = String::new();
        for (number, search) in searches.iter().enumerate() {
            for condition in ["s", "not s", "s or t", "s and t", "1 of them and not t"] {
                text += &format!(
                    "---\ntitle: r{number} {condition}\nlogsource: {{product: x}}\ndetection:\n  \
                     s: {search}\n  t: {{B|contains: ab}}\n  _u: {{A: x}}\n  \
                     condition: ({condition}) or (t and _u)\n"
                );
            }
        }
        Detections::read([("rules", text.as_bytes())]).unwrap_or_else(|it| panic!("{it:?}"))
    }

    proptest! {
        #[test]
        fn no_rule_that_matches_is_left_out(
            a in prop::option::of("[aAbB1-2x -]{0,4}"), b in prop::option::of("[ab1]{0,4}"), number in 0..20i64,
        ) {
            let detections = &*RULES;
            let mut fields = BTreeMap::new();
            fields.extend(a.map(|it| ("A".to_owned(), Field::Text(it))));
            fields.extend(b.map(|it| ("B".to_owned(), Field::Text(it))));
            fields.entry("A".to_owned()).or_insert(Field::Integer(number));
            let time = Timestamp::UNIX_EPOCH;
            let event = Event::new(time, time, "n", LogSource::default(), Vec::new(), fields);
            let view = View::new(&event, &detections.names);
            let searches = detections.rules.iter().enumerate().filter_map(|(at, rule)| match &rule.asks {
                Asks::Events(question) => Some((at, &*question.search)),
                Asks::Matches(_) => None,
            });
            let index = Index::new(searches.clone());
            let mut candidates = Vec::new();
            index.candidates(&view, &mut candidates);
            for (at, search) in searches {
                prop_assert!(!search.matches(&view) || candidates.contains(&at), "{}", detections.rules[at].title);
            }
        }
    }
}
