//! Versions and constraints on them, as `Masterminds/semver` has them.

use std::{cmp::Ordering, fmt, rc::Rc};

use super::{Function, of, text, truth};
use crate::read::helm::template::{Data, Engine, Fail, Object, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    of("semver", 1, 1, |_, it| {
        let text = text(&it[0])?;
        let version = Version::parse(text).ok_or_else(|| no_version(text))?;
        Ok(Value::new(Data::Object(Rc::new(Object::Version(version)))))
    }),
    of("semverCompare", 2, 2, |engine, it| {
        let constraint = text(&it[0])?;
        let version = super::string(engine, &it[1])?;
        let no_constraint = || format!("{constraint:?} is no constraint");
        let constraint = Constraint::parse(constraint).ok_or_else(no_constraint)?;
        let version = Version::parse(&version).ok_or_else(|| no_version(&version))?;
        Ok(truth(constraint.takes(&version)))
    }),
];

fn no_version(text: &str) -> String {
    format!("{text:?} is no version")
}

/// A version by semver.org; what is left out of the first three numbers is nought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
    original: String,
}

impl Version {
    pub(in crate::read::helm) fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (plain, metadata) = plain.split_once('+').unwrap_or((plain, ""));
        let (plain, prerelease) = plain.split_once('-').unwrap_or((plain, ""));
        let mut numbers = [0; 3];
        let parts: Vec<&str> = plain.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        for (number, part) in numbers.iter_mut().zip(parts) {
            let are_digits = !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
            *number = are_digits.then(|| part.parse().ok()).flatten()?;
        }
        Some(Self {
            numbers,
            prerelease: prerelease.to_owned(),
            metadata: metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    /// What a template asks of a version.
    pub(super) fn method(
        &self,
        engine: &mut Engine,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, Fail> {
        let number = |at: usize| {
            let number = i64::try_from(self.numbers[at]).unwrap_or(i64::MAX);
            Ok(Value::new(Data::Int64(number)))
        };
        match (name, arguments) {
            ("Major", []) => number(0),
            ("Minor", []) => number(1),
            ("Patch", []) => number(2),
            ("Prerelease", []) => engine.text(self.prerelease.as_str()),
            ("Metadata", []) => engine.text(self.metadata.as_str()),
            ("Original", []) => engine.text(self.original.as_str()),
            ("String", []) => engine.text(self.to_string()),
            ("Compare" | "LessThan" | "GreaterThan" | "Equal", [other]) => {
                let Data::Object(object) = &other.data else {
                    return Err(super::wrong("a version", other));
                };
                let Object::Version(other) = &**object else {
                    return Err("something else where a version belongs".into());
                };
                let order = self.compare(other);
                Ok(match name {
                    "Compare" => Value::new(Data::Int(order as i64)),
                    "LessThan" => truth(order == Ordering::Less),
                    "GreaterThan" => truth(order == Ordering::Greater),
                    _ => truth(order == Ordering::Equal),
                })
            }
            _ => Err(format!("versions have no {name}").into()),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(
            || match (self.prerelease.as_str(), other.prerelease.as_str()) {
                ("", "") => Ordering::Equal,
                ("", _) => Ordering::Greater,
                (_, "") => Ordering::Less,
                (one, other) => compare_prereleases(one, other),
            },
        )
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn compare_prereleases(one: &str, other: &str) -> Ordering {
    let mut parts = one.split('.');
    let mut others = other.split('.');
    loop {
        let order = match (parts.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Alternatives, each of bounds that all must hold.
pub(in crate::read::helm) struct Constraint(Vec<Vec<Bound>>);

struct Bound {
    operator: String,
    version: Version,
    /// How many of the first three numbers are said.
    said: usize,
}

impl Constraint {
    pub(in crate::read::helm) fn parse(text: &str) -> Option<Self> {
        let mut alternatives = Vec::new();
        for alternative in text.split("||") {
            let mut bounds = Vec::new();
            let mut words = words(alternative).into_iter().peekable();
            while let Some(word) = words.next() {
                // A range with a dash: both ends are part of it.
                if words.peek().is_some_and(|it| it == "-") {
                    words.next();
                    bounds.push(Bound::parse(&format!(">={word}"))?);
                    bounds.push(Bound::parse(&format!("<={}", words.next()?))?);
                } else {
                    bounds.push(Bound::parse(&word)?);
                }
            }
            if bounds.is_empty() {
                bounds.push(Bound::parse("*")?);
            }
            alternatives.push(bounds);
        }
        Some(Self(alternatives))
    }

    pub(in crate::read::helm) fn takes(&self, version: &Version) -> bool {
        let mut alternatives = self.0.iter();
        alternatives.any(|bounds| bounds.iter().all(|bound| bound.holds(version)))
    }
}

/// Bounds apart: an operator belongs to the version behind it.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut pending = String::new();
    for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        let is_operator = word.chars().all(|c| "=!<>~^".contains(c));
        pending.push_str(word);
        if !is_operator {
            words.push(std::mem::take(&mut pending));
        }
    }
    words.extend((!pending.is_empty()).then_some(pending));
    words
}

impl Bound {
    fn parse(word: &str) -> Option<Self> {
        let start = word.find(|c: char| !"=!<>~^".contains(c))?;
        let (operator, rest) = word.split_at(start);
        let plain = rest.strip_prefix('v').unwrap_or(rest);
        let numbers = plain.split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<&str> = numbers.split('.').collect();
        let is_any = |part: &&str| matches!(*part, "x" | "X" | "*");
        let said = parts.iter().position(is_any).unwrap_or(parts.len());
        let version = match said < parts.len() {
            true => parts[..said].join("."),
            false => plain.to_owned(),
        };
        let version = if said == 0 { "0".to_owned() } else { version };
        let operator = match operator {
            "" | "==" => "=",
            "=>" => ">=",
            "=<" => "<=",
            "~>" => "~",
            known @ ("=" | "!=" | ">" | "<" | ">=" | "<=" | "~" | "^") => known,
            _ => return None,
        };
        Some(Self {
            operator: operator.to_owned(),
            version: Version::parse(&version)?,
            said,
        })
    }

    fn holds(&self, version: &Version) -> bool {
        // A release before another is taken only where the bound names one.
        if !version.prerelease.is_empty() && self.version.prerelease.is_empty() {
            return false;
        }
        let order = version.compare(&self.version);
        let same = |count: usize| version.numbers[..count] == self.version.numbers[..count];
        let is_part = self.said < 3;
        match self.operator.as_str() {
            "=" if is_part => same(self.said),
            "=" => order == Ordering::Equal,
            "!=" if is_part => !same(self.said),
            "!=" => order != Ordering::Equal,
            ">" if is_part => order == Ordering::Greater && !same(self.said),
            ">" => order == Ordering::Greater,
            "<" => order == Ordering::Less,
            ">=" => order != Ordering::Less,
            "<=" if is_part => order != Ordering::Greater || same(self.said),
            "<=" => order != Ordering::Greater,
            "~" => order != Ordering::Less && same(self.said.min(2)),
            _ => {
                let first = self.version.numbers.iter().position(|it| *it > 0);
                let fixed = first.map_or(self.said, |at| at + 1).min(3);
                order != Ordering::Less && same(fixed.min(self.said.max(1)))
            }
        }
    }
}
