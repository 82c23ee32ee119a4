//! How an allowed name may be used, and what a dangerous one does.

use serde::Deserialize;

use crate::pickle::{
    effect::Mutation,
    value::{Kind, KindSet},
};

/// How an allowed name may be used.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) is_class: bool,
    pub(crate) reduce: bool,
    pub(crate) new: bool,
    pub(crate) instance: bool,
    pub(crate) build: bool,
    pub(crate) is_value: bool,
    pub(crate) arguments: Contract,
    /// Whether a call may be given one value that is no tuple.
    pub(crate) bare: bool,
    /// What the globals and the objects among the arguments may be, by their dotted names: for what
    /// constructs or calls what it is given.
    pub(crate) names: Option<Vec<String>>,
    /// What the strings among the arguments may be: for what looks something up by them.
    pub(crate) texts: Option<Texts>,
    /// How picklers put items into its objects, where they do.
    pub(crate) fill: Option<Fill>,
    /// Why the caller allows it, where it is not built in.
    pub(crate) reason: Option<Box<str>>,
}

/// How items are put into an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fill {
    /// As into a dictionary.
    Key,
    /// As into a list.
    Order,
}

impl Row {
    /// Whether picklers put items into its objects in this way.
    pub(crate) fn is_filled(&self, how: Mutation) -> bool {
        match how {
            Mutation::SetItem => self.fill == Some(Fill::Key),
            Mutation::Append => self.fill == Some(Fill::Order),
            Mutation::Add => false,
        }
    }

    /// Whether it is a function that is called, and that nothing may keep to call it later.
    pub(crate) fn is_only_called(&self) -> bool {
        !self.is_class && !self.is_value && (self.reduce || self.new || self.instance)
    }

    /// What may be referred to and no more; a class, unless `kind` says otherwise.
    pub(super) fn named(kind: &str) -> Self {
        Self {
            is_class: matches!(kind, "class" | ""),
            reduce: false,
            new: false,
            instance: false,
            build: false,
            is_value: kind == "value",
            arguments: Contract {
                fixed: Vec::new(),
                rest: None,
            },
            bare: false,
            names: None,
            texts: None,
            fill: None,
            reason: None,
        }
    }
}

/// Texts that are allowed.
#[derive(Clone, Debug)]
pub(crate) struct Texts(pub(super) Vec<String>);

impl Texts {
    /// Whether `text` is one of them, or of a form among them.
    pub(crate) fn allow(&self, text: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.as_str() {
            "<zone>" => is_zone(text),
            "<range>" => is_range(text),
            "<type>" => is_type(text),
            "<fraction>" => is_fraction(text),
            allowed => allowed == text,
        })
    }
}

/// Whether a text names a time zone and, as a path, leads nowhere else.
fn is_zone(text: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    text.len() < 64
        && text
            .split('/')
            .all(|part| !part.is_empty() && part.chars().all(sound))
}

/// Whether a text names a type, a frequency or a time zone as pandas writes them, and leads to no
/// file: a `/` stands in the name of a plain zone only, which is none of `dateutil`'s.
fn is_type(text: &str) -> bool {
    let sound = |word: &str| {
        !word.contains(['/', '\\']) || (is_zone(word) && !word.starts_with("dateutil/"))
    };
    text.split([' ', ',', '[', ']']).all(sound)
}

/// Whether a text is an integer or a quotient of two, with no exponent.
fn is_fraction(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (numerator, denominator) = unsigned.split_once('/').unwrap_or((unsigned, "1"));
    digits(numerator) && digits(denominator)
}

/// Whether a text is the call of `range` with numbers, as `repr` writes it.
fn is_range(text: &str) -> bool {
    let numbers = |inner: &str| {
        inner
            .split(", ")
            .all(|number| number.parse::<i64>().is_ok())
    };
    let inner = text
        .strip_prefix("range(")
        .and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(numbers)
}

/// What a dangerous name does.
#[derive(Clone, Debug)]
pub(crate) struct Gadget {
    /// The predicate of a sentence: `runs a shell command`.
    pub(crate) what: String,
    pub(crate) references: Vec<String>,
}

/// The kinds of positional arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contract {
    pub(super) fixed: Vec<KindSet>,
    /// What any further arguments may be, where there may be some.
    pub(super) rest: Option<KindSet>,
}

impl Contract {
    pub(super) fn anything() -> Self {
        Self {
            fixed: Vec::new(),
            rest: Some(ANY),
        }
    }

    /// Whether nothing is said of what they may be.
    pub(crate) fn is_anything(&self) -> bool {
        self.fixed.is_empty() && self.rest == Some(ANY)
    }

    /// Whether arguments of these kinds keep the contract.
    pub(crate) fn allows(&self, arguments: &[Kind]) -> bool {
        if arguments.len() < self.fixed.len() {
            return false;
        }
        let (first, more) = arguments.split_at(self.fixed.len());
        let fits = |kind: &Kind, allowed: KindSet| KindSet::of(*kind).is_within(allowed);
        let first_fit = first
            .iter()
            .zip(&self.fixed)
            .all(|(kind, set)| fits(kind, *set));
        let rest = self.rest.unwrap_or_default();
        first_fit && more.iter().all(|kind| fits(kind, rest))
    }

    /// The same for arguments of which only the number and the kinds among them are known.
    pub(crate) fn allows_all(&self, count: u32, kinds: KindSet) -> bool {
        let fixed = u32::try_from(self.fixed.len()).unwrap_or(u32::MAX);
        let sets = self.fixed.iter().all(|set| kinds.is_within(*set));
        let rest = self.rest.unwrap_or_default();
        count >= fixed && sets && (count == fixed || kinds.is_within(rest))
    }
}

pub(super) const ANY: KindSet = KindSet(u16::MAX);
