//! Which definition of a rule, in which file and line, gives a reason.

use std::collections::BTreeSet;

use crate::{
    Bundle, GateInput, GateReason, Question,
    decide::{Given, to_value},
    gate::Rules,
    syntax::RuleSite,
};

/// Where reasons of one answer come from.
///
/// Each definition of `deny`, `warn` and `obligations` is evaluated by itself, in a fresh engine, so
/// that what it contributes is known and not guessed. The limits of that:
///
/// - What is named is the definition whose head holds the reason, not the rules that it rests on.
/// - Bodies of one head (`deny contains x if { ... } { ... }` in Rego v0, and `else`) are one
///   definition.
/// - A definition that only fails beside others (two complete rules that contradict each other) has
///   no source other than the place that its message names.
pub(crate) struct Sources {
    /// By the list that they are of.
    lists: Vec<(&'static str, Vec<Contribution>)>,
}

/// A definition, and what it gives by itself, sorted.
type Contribution = (RuleSite, Vec<GateReason>);

impl Sources {
    /// Evaluates the definitions of every list that one of `reasons` stands in.
    pub(crate) fn of<'a>(
        bundle: &Bundle,
        input: &GateInput,
        reasons: impl Iterator<Item = &'a Given>,
    ) -> Self {
        let rules = Rules::of(&input.gate);
        let all = [
            ("deny", rules.deny),
            ("warn", rules.warn),
            ("obligations", rules.obligations),
        ];
        let lists: BTreeSet<&str> = reasons.map(|it| it.list).collect();
        let asked = all.into_iter().filter(|(list, _)| lists.contains(list));
        let lists = asked.map(|(list, rule)| (list, contributions(bundle, input, list, rule)));
        Self {
            lists: lists.collect(),
        }
    }

    /// Of nothing: no definition is asked, and none is found.
    pub(crate) fn none() -> Self {
        Self { lists: Vec::new() }
    }

    /// The definitions that give this reason, in the order of files and lines; several, where several
    /// give the same.
    pub(crate) fn find(&self, given: &Given) -> Vec<RuleSite> {
        let list = self.lists.iter().filter(|(list, _)| *list == given.list);
        let gives = |reasons: &[GateReason]| {
            let wanted = given.reason.order();
            reasons
                .binary_search_by(|it| it.order().cmp(&wanted))
                .is_ok()
        };
        list.flat_map(|(_, definitions)| definitions)
            .filter(|(_, reasons)| gives(reasons))
            .map(|(site, _)| site.clone())
            .collect()
    }
}

/// What each definition of `rule` gives by itself. One that fails alone gives nothing.
fn contributions(
    bundle: &Bundle,
    input: &GateInput,
    list: &'static str,
    rule: &str,
) -> Vec<Contribution> {
    let (Ok(rego), Ok(document)) = (bundle.rego(), to_value(input)) else {
        return Vec::new();
    };
    let question = Question {
        input: &document,
        now: input.now,
    };
    rego.index()
        .of(rule)
        .map(|definition| {
            let value = rego.eval_definition(definition, &question).ok().flatten();
            let reasons = value.and_then(|value| GateReason::list(list, value).ok());
            (definition.site.clone(), reasons.unwrap_or_default())
        })
        .collect()
}
