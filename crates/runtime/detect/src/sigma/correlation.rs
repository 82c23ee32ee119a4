//! Correlations: what the matches of rules have to have in common.

use std::{cmp::Ordering, collections::BTreeMap};

use casemate_document::{Node, Span, Value};
use jiff::SignedDuration;

use super::rule::unknown;
use crate::{
    error::{Error, Text, quote},
    text::Number,
};

/// A correlation, as its file has it.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// What is counted, or in what order things happen.
    pub kind: CorrelationKind,
    /// The rules whose matches it is about, by name or id.
    pub rules: Vec<String>,
    /// The fields whose values the matches have in common; aliases among them.
    pub group_by: Vec<String>,
    /// For an alias, the field of each rule by its name.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// How long it may take from the first to the last.
    pub timespan: SignedDuration,
    /// Whether the rules that it is about match on their own as well.
    pub generate: bool,
    pub(crate) condition: Condition,
    pub(crate) rule_spans: Vec<Span>,
}

/// The types of correlations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorrelationKind {
    /// How many events.
    EventCount,
    /// How many different values of fields.
    ValueCount,
    /// The sum of a field.
    ValueSum,
    /// The mean of a field.
    ValueAverage,
    /// Which of the rules, in any order.
    Temporal,
    /// All of the rules, in their order.
    TemporalOrdered,
}

/// What has to be true of a number, and of which.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    pub(crate) fields: Vec<String>,
    bounds: Vec<(Bound, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

impl Condition {
    pub(crate) fn holds(&self, value: f64) -> bool {
        self.bounds.iter().all(|(bound, limit)| {
            let Some(order) = value.partial_cmp(limit) else {
                return false;
            };
            match bound {
                Bound::Above => order.is_gt(),
                Bound::AtLeast => order.is_ge(),
                Bound::Below => order.is_lt(),
                Bound::AtMost => order.is_le(),
                Bound::Equal => order == Ordering::Equal,
                Bound::Unequal => order != Ordering::Equal,
            }
        })
    }

    /// The least count from which on it holds, where more never hurt.
    pub(crate) fn least(&self) -> Option<u64> {
        let mut least = 1;
        for (bound, limit) in &self.bounds {
            // Counts are bounded by MOST_COUNT when they are read.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let whole = limit.max(0.0).ceil() as u64;
            least = least.max(match bound {
                Bound::Above => whole + u64::from(limit.fract() == 0.0),
                Bound::AtLeast => whole,
                _ => return None,
            });
        }
        Some(least)
    }
}

/// Reads `correlation`.
///
/// # Errors
///
/// Everything that is not understood.
pub(crate) fn read(text: &Text<'_>, node: &Node) -> Result<Correlation, Vec<Error>> {
    let mut reader = Reader {
        text,
        errors: Vec::new(),
    };
    if let Some(entry) = unknown(node, &KEYS) {
        let what = format!("a correlation has no {}", quote(&entry.key));
        reader.error(entry.key_span, what, "correct its name, or take it away");
    }
    let kind = reader.kind(node);
    let (rules, rule_spans) = reader.rules(node);
    let group_by = reader.texts(node, "group-by").0;
    let timespan = reader.timespan(node);
    let generate = match node.get("generate").map(|it| (it.as_bool(), it.span)) {
        Some((None, span)) => {
            reader.error(span, "`generate` is true or false", "write one of them");
            false
        }
        Some((Some(generate), _)) => generate,
        None => false,
    };
    let aliases = reader.aliases(node, &rules, &group_by);
    let condition = kind.map(|kind| reader.condition(node, kind, rules.len()));
    match (kind, timespan, condition) {
        (Some(kind), Some(timespan), Some(condition)) if reader.errors.is_empty() => {
            Ok(Correlation {
                kind,
                rules,
                group_by,
                aliases,
                timespan,
                generate,
                condition,
                rule_spans,
            })
        }
        _ => Err(reader.errors),
    }
}

struct Reader<'r, 't> {
    text: &'r Text<'t>,
    errors: Vec<Error>,
}

impl Reader<'_, '_> {
    fn kind(&mut self, node: &Node) -> Option<CorrelationKind> {
        let word = node.get("type");
        let kind = match word.and_then(Node::as_str) {
            Some("event_count") => CorrelationKind::EventCount,
            Some("value_count") => CorrelationKind::ValueCount,
            Some("value_sum") => CorrelationKind::ValueSum,
            Some("value_avg") => CorrelationKind::ValueAverage,
            Some("temporal") => CorrelationKind::Temporal,
            Some("temporal_ordered") => CorrelationKind::TemporalOrdered,
            Some("value_percentile") => {
                let what = "the specification does not say which percentile is meant";
                self.error(
                    word.unwrap_or(node).span,
                    what,
                    "use value_avg, value_sum or value_count",
                );
                return None;
            }
            _ => {
                let what = "the correlation has no type that Sigma 2.1.0 has";
                let advice = "write event_count, value_count, value_sum, value_avg, temporal or temporal_ordered";
                self.error(word.unwrap_or(node).span, what, advice);
                return None;
            }
        };
        Some(kind)
    }

    fn rules(&mut self, node: &Node) -> (Vec<String>, Vec<Span>) {
        let (rules, spans) = self.texts(node, "rules");
        if rules.is_empty() {
            self.error(node.span, "the correlation names no rules", "add `rules:`");
        }
        for (at, (rule, span)) in rules.iter().zip(&spans).enumerate() {
            if rules[..at].contains(rule) {
                let what = format!("{} stands twice", quote(rule));
                self.error(*span, what, "leave one of them out");
            }
        }
        (rules, spans)
    }

    fn timespan(&mut self, node: &Node) -> Option<SignedDuration> {
        let Some(value) = node.get("timespan") else {
            self.error(
                node.span,
                "the correlation has no timespan",
                "add one, such as `5m`",
            );
            return None;
        };
        let read = || {
            let text = value.as_str()?;
            let unit = text.chars().next_back()?;
            let number = &text[..text.len() - unit.len_utf8()];
            let is_digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let number = is_digits.then(|| number.parse::<i64>().ok())??;
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return None,
            };
            let seconds = number.checked_mul(seconds)?;
            (1..=MOST_SECONDS).contains(&seconds).then_some(seconds)
        };
        let seconds = read();
        if seconds.is_none() {
            let what = "the timespan is no number with s, m, h or d, of at most 366 days";
            self.error(value.span, what, "write it as `90m`");
        }
        seconds.map(SignedDuration::from_secs)
    }

    fn aliases(
        &mut self,
        node: &Node,
        rules: &[String],
        group_by: &[String],
    ) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut aliases = BTreeMap::new();
        let node = node.get("aliases").filter(|it| !it.is_null());
        for entry in node.map(Node::entries).unwrap_or_default() {
            let mut fields = BTreeMap::new();
            for field in entry.value.entries() {
                match field.value.as_str() {
                    Some(name) if rules.iter().any(|rule| **rule == *field.key) => {
                        fields.insert((*field.key).to_owned(), name.to_owned());
                    }
                    _ => {
                        let what = format!(
                            "{} is no rule of the correlation with a field",
                            quote(&field.key)
                        );
                        self.error(
                            field.key_span,
                            what,
                            "write the rule as `rules` has it, and its field",
                        );
                    }
                }
            }
            let unnamed = rules.iter().find(|rule| !fields.contains_key(*rule));
            if let Some(rule) = unnamed {
                let what = format!("the alias has no field of {}", quote(rule));
                self.error(
                    entry.key_span,
                    what,
                    "add one: without it no match of the rule is counted",
                );
            }
            if !group_by.iter().any(|name| **name == *entry.key) {
                let what = format!("the alias {} is not used", quote(&entry.key));
                self.error(entry.key_span, what, "name it in `group-by`");
            }
            aliases.insert((*entry.key).to_owned(), fields);
        }
        if let Some(node) = node.filter(|it| it.as_map().is_none()) {
            self.error(
                node.span,
                "`aliases` is no map",
                "write each alias with its rules",
            );
        }
        aliases
    }

    fn condition(&mut self, node: &Node, kind: CorrelationKind, rules: usize) -> Condition {
        let is_temporal = matches!(
            kind,
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered
        );
        let Some(node) = node.get("condition").filter(|it| !it.is_null()) else {
            if !is_temporal {
                self.error(
                    node.span,
                    "the correlation has no condition",
                    "add one: `gte: 10`",
                );
            }
            return Condition {
                fields: Vec::new(),
                bounds: vec![(Bound::AtLeast, float(rules))],
            };
        };
        if let Some(expression) = node.as_str() {
            let what = format!("the condition {} is no map", quote(expression));
            self.error(
                node.span,
                what,
                "write a bound, such as `gte: 10`, or leave it out",
            );
        }
        let mut condition = Condition::default();
        for entry in node.entries() {
            if &*entry.key == "field" {
                condition.fields = self.texts(node, "field").0;
                continue;
            }
            self.bound(entry.key_span, &entry.key, &entry.value, &mut condition);
        }
        let wants_field = !is_temporal && kind != CorrelationKind::EventCount;
        if wants_field == condition.fields.is_empty() {
            let what = match wants_field {
                true => "the condition names no field",
                false => "a condition on events takes no field",
            };
            self.error(node.span, what, "add or remove `field:`");
        }
        let is_number = matches!(
            kind,
            CorrelationKind::ValueSum | CorrelationKind::ValueAverage
        );
        if is_number && condition.fields.len() > 1 {
            self.error(
                node.span,
                "a sum or a mean is of one field",
                "name one field",
            );
        }
        if condition.bounds.is_empty() {
            let what = "the condition has no bound";
            self.error(
                node.span,
                what,
                "write gt, gte, lt, lte, eq or neq with a number",
            );
        }
        let is_all = condition.least().is_some_and(|least| least == rules as u64);
        if kind == CorrelationKind::TemporalOrdered && !is_all {
            let what = "an order is of all rules";
            self.error(node.span, what, "leave the condition out");
        }
        condition
    }

    fn bound(&mut self, span: Span, key: &str, value: &Node, condition: &mut Condition) {
        let bound = match key {
            "gt" => Bound::Above,
            "gte" => Bound::AtLeast,
            "lt" => Bound::Below,
            "lte" => Bound::AtMost,
            "eq" => Bound::Equal,
            "neq" => Bound::Unequal,
            _ => {
                let what = format!("a condition has no {}", quote(key));
                return self.error(span, what, "write gt, gte, lt, lte, eq or neq");
            }
        };
        let number = match value.value {
            Value::Integer(number) => Some(Number::Integer(number)),
            Value::Float(number) if number.is_finite() => Some(Number::Float(number)),
            _ => None,
        };
        match number.map(Number::float) {
            Some(number) if number.abs() <= MOST_NUMBER => condition.bounds.push((bound, number)),
            _ => {
                let what = format!("the bound is no number up to {MOST_NUMBER}");
                self.error(value.span, what, "write a number, without quotes");
            }
        }
    }

    fn texts(&mut self, node: &Node, key: &str) -> (Vec<String>, Vec<Span>) {
        let Some(node) = node.get(key).filter(|it| !it.is_null()) else {
            return (Vec::new(), Vec::new());
        };
        let nodes = match &node.value {
            Value::List(nodes) => &nodes[..],
            _ => std::slice::from_ref(node),
        };
        let mut texts = Vec::new();
        let mut spans = Vec::new();
        for node in nodes {
            match node.as_str().filter(|text| !text.is_empty()) {
                Some(text) => {
                    texts.push(text.to_owned());
                    spans.push(node.span);
                }
                None => {
                    let what = format!("{} stands in `{key}`", node.kind());
                    self.error(node.span, what, "write a name as text");
                }
            }
        }
        (texts, spans)
    }

    fn error(&mut self, span: Span, what: impl Into<String>, advice: &str) {
        self.errors.push(self.text.error(span, what, advice));
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

const KEYS: [&str; 7] = [
    "type",
    "rules",
    "aliases",
    "group-by",
    "timespan",
    "condition",
    "generate",
];
const MOST_SECONDS: i64 = 366 * 86_400;
/// 2^53: beyond it a float does not hold every whole number.
const MOST_NUMBER: f64 = 9_007_199_254_740_992.0;
