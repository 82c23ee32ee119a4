//! The text of a LightGBM model, which its code in C++ parses when the model is loaded: it goes to where
//! the sizes of the trees say that they begin, and from node to node by their numbers.

use std::collections::HashMap;

use super::{Judge, index::Told};
use crate::{
    cursor::Extent,
    pickle::{
        effect::View,
        symbol::Symbol,
        value::{Form, Ref, Value},
    },
};

impl Judge<'_, '_, '_> {
    /// Judges the model in the state of a booster.
    pub(super) fn booster(&mut self, at: u64, symbol: &Symbol, state: Ref, view: &View<'_>) {
        if (&*symbol.module, &*symbol.path) != ("lightgbm.basic", "Booster") {
            return;
        }
        for key in ["_handle", "handle"] {
            let Some(model) = view.entry(state, key) else {
                continue;
            };
            let told = match view.value(model) {
                Value::None => Some(true),
                Value::Str {
                    form: Form::Utf8,
                    len,
                    at,
                    ..
                } => self.model(at, len.into(), view),
                _ => None,
            };
            self.lead_out(at, symbol, told);
        }
    }

    fn model(&mut self, at: u64, len: u64, view: &View<'_>) -> Told {
        self.indexed = self.indexed.checked_sub(len)?;
        let whole = usize::try_from(len).ok().filter(|&len| len <= MOST_TEXT)?;
        let bytes = view.input.read(Extent { at, len }, whole).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        Some(is_sound(&text))
    }
}

/// Whether all trees are where they should be, and every node leads to others of its tree.
fn is_sound(text: &str) -> bool {
    // What ends a line, or the text, for the parser and not for us.
    if text.contains(['\r', '\0']) {
        return false;
    }
    let Some(first) = text.find("\nTree=").map(|at| at + 1) else {
        // A model without trees has none to walk.
        return !text.contains("Tree=");
    };
    let (header, trees) = text.split_at(first);
    let header = fields(header);
    let number = |key: &str, most: i64| {
        let number = header.get(key).and_then(|value| value.parse::<i64>().ok());
        number.is_none_or(|number| (0..=most).contains(&number))
    };
    if !number("num_class", MOST_CLASSES) || !number("num_tree_per_iteration", MOST_CLASSES) {
        return false;
    }
    let features = header.get("max_feature_idx").and_then(|it| it.parse().ok());
    let features: i64 = features.unwrap_or(-1);
    let Some(sizes) = header.get("tree_sizes") else {
        return trees.split("\nTree=").all(|tree| is_a_tree(tree, features));
    };
    let mut at = 0usize;
    for size in sizes.split_ascii_whitespace() {
        let Ok(size) = size.parse::<usize>() else {
            return false;
        };
        let end = at.checked_add(size).filter(|&end| end <= trees.len());
        let tree = end.and_then(|end| trees.get(at..end));
        match tree {
            Some(tree) if tree.starts_with("Tree=") && is_a_tree(tree, features) => {}
            _ => return false,
        }
        at += size;
    }
    true
}

fn is_a_tree(text: &str, features: i64) -> bool {
    let fields = fields(text);
    let numbers = |key: &str| -> Option<Vec<i64>> {
        let value = fields.get(key).copied().unwrap_or_default();
        let numbers = value.split_ascii_whitespace().map(|it| it.parse().ok());
        numbers.collect()
    };
    let one = |key: &str| fields.get(key).and_then(|it| it.parse::<i64>().ok());
    let (Some(leaves), categories) = (one("num_leaves"), one("num_cat").unwrap_or(0)) else {
        return false;
    };
    if leaves == 1 {
        return true;
    }
    if !(1..MOST_NODES).contains(&leaves) || !(0..MOST_NODES).contains(&categories) {
        return false;
    }
    let arrays = [
        "split_feature",
        "left_child",
        "right_child",
        "decision_type",
    ]
    .map(numbers);
    let [Some(split), Some(left), Some(right), Some(decisions)] = arrays else {
        return false;
    };
    let is_long = |of: &Vec<i64>| i64::try_from(of.len()) == Ok(leaves - 1);
    if ![&split, &left, &right, &decisions].into_iter().all(is_long) {
        return false;
    }
    let leads = |(at, child): (i64, &i64)| match *child {
        // A leaf by its complement; an inner node stands behind the one that leads to it.
        leaf @ ..0 => -leaves <= leaf,
        inner => at < inner && inner < leaves - 1,
    };
    let down = |children: &[i64]| (0..).zip(children).all(leads);
    let known = |feature: &i64| (0..=features).contains(feature);
    down(&left)
        && down(&right)
        && split.iter().all(known)
        && numbers("leaf_features").is_some_and(|of| of.iter().all(known))
        && has_its_categories(&fields, categories, &decisions)
}

/// Whether the sets of categories, by which some nodes decide, are all there.
fn has_its_categories(fields: &HashMap<&str, &str>, count: i64, decisions: &[i64]) -> bool {
    let numbers = |key: &str| -> Option<Vec<f64>> {
        let value = fields.get(key).copied().unwrap_or_default();
        let numbers = value.split_ascii_whitespace().map(|it| it.parse().ok());
        numbers.collect()
    };
    let categorical = |&(decision, _): &(&i64, f64)| decision & 1 != 0;
    let Some(thresholds) = numbers("threshold").filter(|it| it.len() == decisions.len()) else {
        return false;
    };
    #[expect(clippy::cast_precision_loss, reason = "a count that is compared")]
    let most = count as f64;
    let mut sets = decisions.iter().zip(thresholds).filter(categorical);
    if !sets.all(|(_, set)| 0.0 <= set && set < most) {
        return false;
    }
    if count == 0 {
        return true;
    }
    let (Some(bounds), Some(words)) = (numbers("cat_boundaries"), numbers("cat_threshold")) else {
        return false;
    };
    #[expect(clippy::cast_precision_loss, reason = "a count that is compared")]
    let words = words.len() as f64;
    i64::try_from(bounds.len()) == Ok(count + 1)
        && bounds.is_sorted()
        && bounds.first().is_some_and(|&first| first >= 0.0)
        && bounds.last().is_some_and(|&last| last <= words)
}

/// The lines of a section that say what something is.
fn fields(text: &str) -> HashMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}

const MOST_TEXT: usize = 256 << 20;
/// More than any tree's numbers count.
const MOST_NODES: i64 = 1 << 31;
const MOST_CLASSES: i64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn model(size: usize, changed: (&str, &str)) -> String {
        let tree = "Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nthreshold=0 0.5\n\
                    decision_type=1 2\nleft_child=1 -1\nright_child=-2 -3\n\
                    leaf_value=1 2 3\ncat_boundaries=0 1\ncat_threshold=5\n\n\n";
        let tree = tree.replacen(changed.0, changed.1, 1);
        format!(
            "tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\ntree_sizes={}\n\n{tree}end of trees\n",
            tree.len() + size
        )
    }

    #[test]
    fn a_model_leads_to_its_own_leaves() {
        assert!(is_sound(&model(0, ("", ""))));
        assert!(is_sound("tree\nversion=v4\n"));
        for changed in [
            ("left_child=1", "left_child=0"),
            ("left_child=1", "left_child=2"),
            ("right_child=-2", "right_child=-4"),
            ("split_feature=0", "split_feature=2"),
            ("num_leaves=3", "num_leaves=300"),
            ("num_leaves=3", "num_leaves=-9223372036854775808"),
            ("right_child=-2", "right_child=-9223372036854775808"),
            ("num_cat=1", "num_cat=9223372036854775807"),
            ("threshold=0", "threshold=7"),
            ("cat_boundaries=0 1", "cat_boundaries=0 9"),
            ("decision_type=1 2", "decision_type=1"),
        ] {
            assert!(!is_sound(&model(0, changed)), "{changed:?}");
        }
        assert!(!is_sound(&model(100, ("", ""))));
    }
}
