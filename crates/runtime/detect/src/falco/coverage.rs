//! Which rules of Falco can be asked of our events, and what blocks the others.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    condition::{Check, Expr, Operator},
    fields::{self, Known, SEEN},
};

/// What can be said about the rules of some files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Each rule, in the order of the files.
    pub rules: Vec<RuleCoverage>,
}

/// What can be said about a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleCoverage {
    /// The rule's name.
    pub rule: String,
    /// The file that it was read from.
    pub file: String,
    /// Whether its file turns it on.
    pub is_enabled: bool,
    /// Whether it can be asked, and of how much.
    pub extent: Extent,
    /// The fields that no event has.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked_by: BTreeSet<String>,
    /// The system calls that it is about and that no event stands for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unseen: BTreeSet<String>,
    /// What is seen of it only in part, and fields that are known nearly.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub limits: BTreeSet<String>,
}

/// How much of what a rule is about is observed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Every field is known, if only nearly, and every system call is observed.
    Full,
    /// Every field is known; of some system calls nothing or not everything is observed.
    Partial,
    /// It cannot be asked.
    Blocked,
}

impl Coverage {
    /// How many rules have an extent.
    pub fn count(&self, extent: Extent) -> usize {
        self.rules
            .iter()
            .filter(|rule| rule.extent == extent)
            .count()
    }

    /// The fields that block rules, each with how many, those that block most before the others.
    pub fn blocking_fields(&self) -> Vec<(String, usize)> {
        let blocked = self.rules.iter().flat_map(|rule| &rule.blocked_by);
        let names: BTreeSet<&String> = blocked.clone().collect();
        let count = |name: &&String| blocked.clone().filter(|it| it == name).count();
        let mut fields: Vec<(String, usize)> = names
            .iter()
            .map(|name| ((*name).clone(), count(name)))
            .collect();
        fields.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
        fields
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| {
            names
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        for rule in &self.rules {
            let extent = match rule.extent {
                Extent::Full => "full",
                Extent::Partial => "partial",
                Extent::Blocked => "blocked",
            };
            write!(f, "{extent:8}{}", rule.rule)?;
            if !rule.is_enabled {
                f.write_str(" (turned off by its file)")?;
            }
            f.write_str("\n")?;
            for (what, names) in [
                ("no event has", &rule.blocked_by),
                ("not observed:", &rule.unseen),
                ("only so far:", &rule.limits),
            ] {
                if !names.is_empty() {
                    writeln!(f, "        {what} {}", list(names))?;
                }
            }
        }
        writeln!(
            f,
            "{} rules: {} fully evaluable, {} in part, {} blocked",
            self.rules.len(),
            self.count(Extent::Full),
            self.count(Extent::Partial),
            self.count(Extent::Blocked)
        )
    }
}

/// What can be said about a condition.
pub(crate) fn judge(rule: &str, file: &str, is_enabled: bool, expr: &Expr) -> RuleCoverage {
    let mut coverage = RuleCoverage {
        rule: rule.to_owned(),
        file: file.to_owned(),
        is_enabled,
        extent: Extent::Full,
        blocked_by: BTreeSet::new(),
        unseen: BTreeSet::new(),
        limits: BTreeSet::new(),
    };
    fields_of(expr, &mut coverage);
    let calls = Calls::of(expr);
    let mut is_seen = false;
    for call in calls.named() {
        match SEEN.iter().find(|(seen, _)| *seen == call) {
            None => drop(coverage.unseen.insert(call.clone())),
            Some((_, limit)) => {
                is_seen = true;
                let limit = limit.map(|limit| format!("{call}: {limit}"));
                coverage.limits.extend(limit);
            }
        }
    }
    let is_partly_seen =
        !coverage.unseen.is_empty() || coverage.limits.iter().any(|limit| limit.contains(": "));
    coverage.extent = match (coverage.blocked_by.is_empty(), calls.is_everything()) {
        (false, _) => Extent::Blocked,
        (true, true) => Extent::Partial,
        (true, false) if !is_seen => Extent::Blocked,
        (true, false) if is_partly_seen => Extent::Partial,
        (true, false) => Extent::Full,
    };
    if calls.is_everything() {
        coverage
            .limits
            .insert("every system call: those alone that are observed".into());
    }
    coverage
}

fn fields_of(expr: &Expr, coverage: &mut RuleCoverage) {
    match expr {
        Expr::All(exprs) | Expr::Any(exprs) => {
            exprs.iter().for_each(|expr| fields_of(expr, coverage));
        }
        Expr::Not(expr) => fields_of(expr, coverage),
        Expr::Macro(expr) => fields_of(expr, coverage),
        Expr::Check(check) => match fields::known(&check.field) {
            None => drop(coverage.blocked_by.insert(check.field.clone())),
            Some(Known::Exactly) => {}
            Some(Known::Nearly(how)) => {
                coverage.limits.insert(format!("{} ({how})", check.field));
            }
            Some(Known::Sign) if is_about_sign(check) => {
                let what = format!("{} (whether the call was denied)", check.field);
                coverage.limits.insert(what);
            }
            Some(Known::Sign) => {
                let what = format!("{} as a number", check.field);
                coverage.blocked_by.insert(what);
            }
        },
    }
}

/// Whether a check asks only whether a number is negative.
fn is_about_sign(check: &Check) -> bool {
    let value = check.values.first().map(String::as_str);
    matches!(
        (check.operator, value),
        (Operator::GreaterOrEqual | Operator::Less, Some("0"))
            | (
                Operator::Equal | Operator::Unequal | Operator::Greater,
                Some("-1")
            )
            | (Operator::Exists, _)
    )
}

/// The system calls for which a condition can hold: those that are named, or all but those.
#[derive(Clone, Debug)]
struct Calls {
    names: BTreeSet<String>,
    is_all_but: bool,
    /// Whether the condition asks for nothing else: only then its opposite is about the others.
    is_pure: bool,
}

impl Calls {
    fn of(expr: &Expr) -> Self {
        match expr {
            Expr::All(exprs) => Self::join(exprs, Self::and),
            Expr::Any(exprs) => Self::join(exprs, Self::or),
            Expr::Macro(expr) => Self::of(expr),
            Expr::Not(expr) => {
                let calls = Self::of(expr);
                match calls.is_pure {
                    true => Self {
                        is_all_but: !calls.is_all_but,
                        ..calls
                    },
                    false => Self::everything(),
                }
            }
            Expr::Check(check) => Self::of_check(check),
        }
    }

    fn of_check(check: &Check) -> Self {
        let is_type = matches!(&*check.field, "evt.type" | "syscall.type");
        let names = || check.values.iter().cloned().collect();
        match check.operator {
            Operator::Equal | Operator::In if is_type => Self {
                names: names(),
                is_all_but: false,
                is_pure: true,
            },
            Operator::Unequal if is_type => Self {
                names: names(),
                is_all_but: true,
                is_pure: true,
            },
            _ => Self::everything(),
        }
    }

    fn everything() -> Self {
        Self {
            names: BTreeSet::new(),
            is_all_but: true,
            is_pure: false,
        }
    }

    fn join(exprs: &[Expr], join: fn(Self, &Self) -> Self) -> Self {
        let calls = exprs.iter().map(Self::of);
        calls
            .reduce(|one, other| join(one, &other))
            .unwrap_or_else(Self::everything)
    }

    fn and(self, other: &Self) -> Self {
        let is_pure = self.is_pure && other.is_pure;
        let (names, is_all_but) = match (self.is_all_but, other.is_all_but) {
            (false, false) => (&self.names & &other.names, false),
            (false, true) => (&self.names - &other.names, false),
            (true, false) => (&other.names - &self.names, false),
            (true, true) => (&self.names | &other.names, true),
        };
        Self {
            names,
            is_all_but,
            is_pure,
        }
    }

    fn or(self, other: &Self) -> Self {
        let is_pure = self.is_pure && other.is_pure;
        let (names, is_all_but) = match (self.is_all_but, other.is_all_but) {
            (false, false) => (&self.names | &other.names, false),
            (false, true) => (&other.names - &self.names, true),
            (true, false) => (&self.names - &other.names, true),
            (true, true) => (&self.names & &other.names, true),
        };
        Self {
            names,
            is_all_but,
            is_pure,
        }
    }

    /// The calls that are named, where they are not all but those.
    fn named(&self) -> impl Iterator<Item = &String> {
        self.names.iter().filter(|_| !self.is_all_but)
    }

    fn is_everything(&self) -> bool {
        self.is_all_but
    }
}
