//! What stands behind the name of a field: `CommandLine|windash|contains|all`.

use super::{
    encode::Utf16,
    test::{Comparison, Part},
};
use crate::error::quote;

/// The modifiers of a field, in an order that a reader can follow.
#[derive(Debug, Default)]
pub(crate) struct Modifiers {
    /// What is done to the values, in the order in which it is written.
    pub(crate) changes: Vec<Change>,
    pub(crate) kind: Kind,
    pub(crate) part: Option<Part>,
    pub(crate) all: bool,
    pub(crate) cased: bool,
    pub(crate) neq: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Open { before: bool, behind: bool },
    Dashes,
    Utf16(Utf16),
    Base64,
    Base64Offset,
}

/// As what the values are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Plain,
    Regex {
        insensitive: bool,
        lines: bool,
        dot_all: bool,
    },
    Network,
    Exists,
    Compare(Comparison),
    Reference,
}

/// What is wrong, and what to do about it.
pub(crate) type Wrong = (String, &'static str);

impl Modifiers {
    /// Reads what follows the name of a field.
    ///
    /// # Errors
    ///
    /// At a modifier that Sigma 2.1.0 does not have, or that does not go with the ones before it.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Wrong> {
        let mut modifiers = Self::default();
        for word in words {
            modifiers.add(word)?;
        }
        modifiers.are_consistent()?;
        Ok(modifiers)
    }

    fn add(&mut self, word: &str) -> Result<(), Wrong> {
        let twice = |is_set: &mut bool| match std::mem::replace(is_set, true) {
            false => Ok(()),
            true => Err((
                format!("the modifier {} stands twice", quote(word)),
                "leave one of them out",
            )),
        };
        let open = |before, behind| Change::Open { before, behind };
        match word {
            "all" => return twice(&mut self.all),
            "cased" => return twice(&mut self.cased),
            "neq" => return twice(&mut self.neq),
            "contains" => self.changes.push(open(true, true)),
            "startswith" => self.changes.push(open(false, true)),
            "endswith" => self.changes.push(open(true, false)),
            "windash" => self.changes.push(Change::Dashes),
            "wide" | "utf16le" => self.changes.push(Change::Utf16(Utf16::LittleEndian)),
            "utf16be" => self.changes.push(Change::Utf16(Utf16::BigEndian)),
            "utf16" => self.changes.push(Change::Utf16(Utf16::Marked)),
            "base64" => self.changes.push(Change::Base64),
            "base64offset" => self.changes.push(Change::Base64Offset),
            "i" | "m" | "s" => return self.add_flag(word),
            "expand" => {
                return Err((
                    "placeholders (`expand`) are not filled in".into(),
                    "write the values in their place, without `expand`",
                ));
            }
            _ => return self.add_kind(word),
        }
        Ok(())
    }

    /// A sub-modifier of `re`.
    fn add_flag(&mut self, word: &str) -> Result<(), Wrong> {
        let Kind::Regex {
            insensitive,
            lines,
            dot_all,
        } = &mut self.kind
        else {
            return Err((
                format!("{} is a modifier of `re`", quote(word)),
                "write it behind `re`",
            ));
        };
        match word {
            "i" => *insensitive = true,
            "m" => *lines = true,
            _ => *dot_all = true,
        }
        Ok(())
    }

    fn add_kind(&mut self, word: &str) -> Result<(), Wrong> {
        let kind = match word {
            "re" => Kind::Regex {
                insensitive: false,
                lines: false,
                dot_all: false,
            },
            "cidr" => Kind::Network,
            "exists" => Kind::Exists,
            "lt" => Kind::Compare(Comparison::Less),
            "lte" => Kind::Compare(Comparison::LessOrEqual),
            "gt" => Kind::Compare(Comparison::Greater),
            "gte" => Kind::Compare(Comparison::GreaterOrEqual),
            "fieldref" => Kind::Reference,
            _ => return self.add_part(word),
        };
        if self.kind != Kind::Plain {
            return Err((
                format!("{} does not go with the modifiers before it", quote(word)),
                "ask both in a selection of their own",
            ));
        }
        self.kind = kind;
        Ok(())
    }

    fn add_part(&mut self, word: &str) -> Result<(), Wrong> {
        let part = match word {
            "minute" => Part::Minute,
            "hour" => Part::Hour,
            "day" => Part::Day,
            "week" => Part::Week,
            "month" => Part::Month,
            "year" => Part::Year,
            _ => {
                return Err((
                    format!("{} is no modifier of Sigma 2.1.0", quote(word)),
                    "correct its name, in small letters",
                ));
            }
        };
        if self.part.replace(part).is_some() {
            return Err((
                "two parts of a date are asked for at once".into(),
                "ask for each in a field of its own",
            ));
        }
        Ok(())
    }

    fn are_consistent(&self) -> Result<(), Wrong> {
        let is_open = |change: &Change| matches!(change, Change::Open { .. });
        let mut behind = self.changes.iter().skip_while(|it| !is_open(it)).skip(1);
        // `contains|windash` is the habit of most rules.
        if behind.any(|it| *it != Change::Dashes) {
            return Err((
                "behind `contains`, `startswith` or `endswith` only `windash` may stand, and only one of them".into(),
                "write it behind the modifiers that change the value",
            ));
        }
        let takes_changes = match self.kind {
            Kind::Plain => self.part.is_none(),
            Kind::Reference => self.changes.iter().all(is_open),
            _ => false,
        };
        if !self.changes.is_empty() && !takes_changes {
            return Err((
                "modifiers of text stand beside one that takes the value as something else".into(),
                "leave one of them out",
            ));
        }
        if self.cased && !matches!(self.kind, Kind::Plain | Kind::Reference) {
            return Err((
                "`cased` is for text: `re` is cased without it".into(),
                "leave it out",
            ));
        }
        if self.part.is_some() && !matches!(self.kind, Kind::Plain | Kind::Compare(_)) {
            return Err((
                "a part of a date is a number".into(),
                "compare it by value, or with lt, lte, gt or gte",
            ));
        }
        if self.all && self.kind == Kind::Exists {
            return Err(("`exists` takes one value".into(), "leave `all` out"));
        }
        Ok(())
    }
}
