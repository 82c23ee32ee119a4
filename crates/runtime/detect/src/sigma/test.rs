//! What a rule asks of one field, ready to be asked of events.

use std::{cmp::Ordering, net::IpAddr, sync::Arc};

use jiff::civil::{Date, Time};
use regex::Regex;

use super::texts::Texts;
use crate::{
    text::{Number, Scalar},
    view::{FieldId, View},
};

/// A question about an event.
#[derive(Clone, Debug)]
pub(crate) enum Search {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// A question that stands in several places.
    Shared(Arc<Self>),
    /// Of a field, or of every field where there is none.
    Item(Option<FieldId>, Arc<Test>),
}

/// A text that has to be in a field for a search to match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Witness {
    pub(crate) field: FieldId,
    pub(crate) literal: Literal,
}

/// A text without case: all of a value, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Literal {
    Whole(String),
    Part(String),
}

impl Literal {
    /// How much it says about what it is in.
    pub(crate) fn weight(&self) -> f64 {
        let (text, factor) = match self {
            Self::Whole(text) => (text, 4.0),
            Self::Part(text) => (text, 1.0),
        };
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        factor * f64::from(length).powi(2) + 0.1
    }
}

/// A number of a rule, and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Numeral {
    pub(crate) number: Number,
    pub(crate) text: Box<str>,
}

/// What is asked of a value.
#[derive(Debug)]
pub(crate) enum Test {
    Texts(Texts),
    Regexes(Vec<Regex>),
    Numbers(Vec<Numeral>),
    Compare(Comparison, Number),
    Networks(Vec<Network>),
    Part(Part, Box<Self>),
    Any(Vec<Self>),
    /// Each of the tests is passed by some value of the field.
    All(Vec<Self>),
    /// The field is there and passes the test with none of its values.
    Differs(Box<Self>),
    Null,
    Exists(bool),
    Reference(Reference),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Another field of the event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) field: FieldId,
    pub(crate) cased: bool,
    pub(crate) open_before: bool,
    pub(crate) open_behind: bool,
}

/// A network of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Search {
    pub(crate) fn matches(&self, event: &View<'_>) -> bool {
        match self {
            Self::All(searches) => searches.iter().all(|it| it.matches(event)),
            Self::Any(searches) => searches.iter().any(|it| it.matches(event)),
            Self::Not(search) => !search.matches(event),
            Self::Shared(search) => search.matches(event),
            Self::Item(field, test) => test.matches(event, *field),
        }
    }

    /// Texts of which one is in every event that matches, with what it costs to rest on them; none where there
    /// are no such texts.
    pub(crate) fn witnesses(&self, cost: &impl Fn(&Witness) -> f64) -> Option<(Vec<Witness>, f64)> {
        match self {
            Self::All(searches) => {
                let each = searches.iter().filter_map(|it| it.witnesses(cost));
                each.min_by(|(_, one), (_, other)| one.total_cmp(other))
            }
            Self::Any(searches) => union(searches.iter().map(|it| it.witnesses(cost))),
            Self::Not(_) | Self::Item(None, _) => None,
            Self::Shared(search) => search.witnesses(cost),
            Self::Item(Some(field), test) => test.witnesses(*field, cost),
        }
    }

    /// Every text that could be a witness.
    pub(crate) fn every_witness(&self, give: &mut impl FnMut(Witness)) {
        match self {
            Self::All(searches) | Self::Any(searches) => {
                searches.iter().for_each(|it| it.every_witness(give));
            }
            Self::Not(_) | Self::Item(None, _) => {}
            Self::Shared(search) => search.every_witness(give),
            Self::Item(Some(field), test) => test.every_witness(*field, give),
        }
    }
}

/// The witnesses of each of several, of which any may match.
fn union(each: impl Iterator<Item = Option<(Vec<Witness>, f64)>>) -> Option<(Vec<Witness>, f64)> {
    let mut all = (Vec::new(), 0.0);
    for witnesses in each {
        let (witnesses, cost) = witnesses?;
        all.0.extend(witnesses);
        all.1 += cost;
        if all.0.len() > MOST_WITNESSES {
            return None;
        }
    }
    Some(all)
}

impl Test {
    fn matches(&self, event: &View<'_>, field: Option<FieldId>) -> bool {
        let Some(id) = field else {
            return self.is_somewhere(event);
        };
        match self {
            Self::Null => event.values(id).is_empty(),
            Self::Exists(wanted) => event.has(id) == *wanted,
            Self::All(tests) => tests.iter().all(|it| it.matches(event, field)),
            Self::Any(tests) => tests.iter().any(|it| it.matches(event, field)),
            Self::Differs(test) => {
                let is_known = !event.values(id).is_empty()
                    && match &**test {
                        Self::Reference(other) => !event.values(other.field).is_empty(),
                        _ => true,
                    };
                is_known && !test.matches(event, field)
            }
            Self::Reference(other) => (event.values(id).iter())
                .any(|a| (event.values(other.field).iter()).any(|b| other.compares(a, b))),
            _ => event.values(id).iter().any(|it| self.passes(it)),
        }
    }

    fn witnesses(
        &self,
        field: FieldId,
        cost: &impl Fn(&Witness) -> f64,
    ) -> Option<(Vec<Witness>, f64)> {
        match self {
            Self::All(tests) => {
                let each = tests.iter().filter_map(|it| it.witnesses(field, cost));
                each.min_by(|(_, one), (_, other)| one.total_cmp(other))
            }
            Self::Any(tests) => union(tests.iter().map(|it| it.witnesses(field, cost))),
            _ => {
                let of = |literal| Witness { field, literal };
                let literals = self.literals().filter(|it| it.len() <= MOST_WITNESSES)?;
                let witnesses: Vec<Witness> = literals.into_iter().map(of).collect();
                let cost = witnesses.iter().map(cost).sum();
                Some((witnesses, cost))
            }
        }
    }

    fn every_witness(&self, field: FieldId, give: &mut impl FnMut(Witness)) {
        match self {
            Self::All(tests) | Self::Any(tests) => {
                tests.iter().for_each(|it| it.every_witness(field, give));
            }
            _ => {
                let literals = self.literals().into_iter().flatten();
                literals.for_each(|literal| give(Witness { field, literal }));
            }
        }
    }

    /// Texts of which one is in every value that passes.
    fn literals(&self) -> Option<Vec<Literal>> {
        match self {
            Self::Texts(texts) => texts.literals().map(<[Literal]>::to_vec),
            // A float is written in more ways than one.
            Self::Numbers(numbers) => (numbers.iter())
                .map(|it| match it.number {
                    Number::Integer(_) => Some(Literal::Whole(it.text.to_string())),
                    Number::Float(_) => None,
                })
                .collect(),
            _ => None,
        }
    }

    /// Keywords: each is looked for in every field.
    fn is_somewhere(&self, event: &View<'_>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|it| it.is_somewhere(event)),
            Self::Any(tests) => tests.iter().any(|it| it.is_somewhere(event)),
            _ => event.every().any(|it| self.passes(it)),
        }
    }

    fn passes(&self, value: &Scalar<'_>) -> bool {
        match self {
            Self::Texts(texts) => texts.matches(value),
            Self::Regexes(regexes) => regexes.iter().any(|it| it.is_match(&value.text)),
            Self::Numbers(numbers) => numbers.iter().any(|it| it.equals(value)),
            Self::Compare(comparison, number) => value
                .as_number()
                .and_then(|it| it.compare(*number))
                .is_some_and(|order| comparison.holds(order)),
            Self::Networks(networks) => value
                .text
                .parse()
                .is_ok_and(|address| networks.iter().any(|it| it.has(address))),
            Self::Part(part, test) => part
                .of(&value.text)
                .is_some_and(|number| test.passes_number(number)),
            // The others are about a field, and are asked of it.
            Self::Any(_)
            | Self::All(_)
            | Self::Differs(_)
            | Self::Null
            | Self::Exists(_)
            | Self::Reference(_) => false,
        }
    }

    fn passes_number(&self, value: i64) -> bool {
        let value = Number::Integer(value);
        match self {
            Self::Numbers(numbers) => {
                (numbers.iter()).any(|it| it.number.compare(value) == Some(Ordering::Equal))
            }
            Self::Compare(comparison, number) => {
                (value.compare(*number)).is_some_and(|order| comparison.holds(order))
            }
            _ => false,
        }
    }
}

impl Numeral {
    /// A number of a rule is a number of an event, or the text in which it is written.
    fn equals(&self, value: &Scalar<'_>) -> bool {
        match (self.number, value.number) {
            (number, Some(other)) => number.compare(other) == Some(Ordering::Equal),
            (Number::Integer(_), None) => *value.text == *self.text,
            (number, None) => Number::of_text(&value.text)
                .is_some_and(|it| it.compare(number) == Some(Ordering::Equal)),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Reference {
    fn compares(&self, value: &Scalar<'_>, other: &Scalar<'_>) -> bool {
        let (a, b): (&str, &str) = match self.cased {
            true => (&value.text, &other.text),
            false => (value.folded(), other.folded()),
        };
        match (self.open_before, self.open_behind) {
            (true, true) => a.contains(b),
            (true, false) => a.ends_with(b),
            (false, true) => a.starts_with(b),
            (false, false) => match (value.number, other.number) {
                (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
                _ => a == b,
            },
        }
    }
}

impl Network {
    /// The network that `text` writes; of an address alone, that address.
    ///
    /// # Errors
    ///
    /// Where it is none, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let network = Self::around(text)?;
        if bits(network.address) & !network.mask() != 0 {
            return Err("has bits set behind its prefix");
        }
        Ok(network)
    }

    /// The same, of an address within it as well.
    ///
    /// # Errors
    ///
    /// Where it is none, in words.
    pub(crate) fn around(text: &str) -> Result<Self, &'static str> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| "is no address")?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix.parse().map_err(|_| "has no prefix of digits")?,
        };
        if prefix > most {
            return Err("has a prefix longer than its address");
        }
        Ok(Self { address, prefix })
    }

    /// Whether the address is of the network; an IPv4 address that is written as IPv6 is both.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let is_in = |address: IpAddr| {
            address.is_ipv4() == self.address.is_ipv4()
                && bits(address) & self.mask() == bits(self.address) & self.mask()
        };
        is_in(address) || is_in(address.to_canonical())
    }

    fn mask(&self) -> u128 {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        let shift = u32::from(most - self.prefix);
        u128::MAX.checked_shl(shift).unwrap_or(0)
    }
}

/// Beyond so many texts a rule is asked of every event.
const MOST_WITNESSES: usize = 2_000;

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => address.into(),
    }
}

impl Part {
    /// The part of a date in ISO 8601, as it is written: no time zone is converted.
    fn of(self, text: &str) -> Option<i64> {
        let date: Date = text.get(..10)?.parse().ok()?;
        let time = || -> Option<Time> {
            let rest = text.get(10..)?;
            let rest = rest.strip_prefix(['T', 't', ' '])?;
            rest.get(..8).or(rest.get(..5))?.parse().ok()
        };
        Some(match self {
            Self::Minute => time()?.minute().into(),
            Self::Hour => time()?.hour().into(),
            Self::Day => date.day().into(),
            Self::Week => date.iso_week_date().week().into(),
            Self::Month => date.month().into(),
            Self::Year => date.year().into(),
        })
    }
}
