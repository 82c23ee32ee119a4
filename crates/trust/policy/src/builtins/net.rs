//! Networks and addresses.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, delegate, string};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("net.cidr_contains_matches", 2, contains_matches),
    Builtin::new("net.cidr_expand", 1, expand),
    Builtin::new("net.cidr_intersects", 2, intersects),
    Builtin::new("net.cidr_merge", 1, merge),
];

/// The addresses from `first` to `last`, both included, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    is_v6: bool,
    first: u128,
    last: u128,
}

impl Range {
    /// A network, or, where `alone` says how long the prefix of an address is, also a single address.
    fn read(text: &str, alone: Option<fn(IpAddr) -> u32>) -> Result<Self, Fault> {
        const WRONG: &str = "was given something that is not a network";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                let digits = prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
                let prefix = prefix.parse::<u32>().ok().filter(|_| digits);
                (address, Some(prefix.ok_or(WRONG)?))
            }
            None if alone.is_some() => (text, None),
            None => return Err(WRONG.into()),
        };
        let address: IpAddr = address.parse().map_err(|_| WRONG)?;
        let (is_v6, bits, value) = match address {
            IpAddr::V4(address) => (false, 32, u128::from(address.to_bits())),
            IpAddr::V6(address) => (true, 128, address.to_bits()),
        };
        let prefix = prefix
            .or_else(|| alone.map(|of| of(address)))
            .unwrap_or(bits);
        let host = host_mask(bits.checked_sub(prefix).ok_or(WRONG)?);
        Ok(Self {
            is_v6,
            first: value & !host,
            last: value | host,
        })
    }

    fn contains(&self, other: &Self) -> bool {
        self.is_v6 == other.is_v6 && self.first <= other.first && other.last <= self.last
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.is_v6 == other.is_v6 && self.first <= other.last && other.first <= self.last
    }

    /// The fewest networks that are the range.
    fn networks(mut self) -> Vec<String> {
        let mut networks = Vec::new();
        let width: u32 = if self.is_v6 { 128 } else { 32 };
        loop {
            let mut bits = self.first.trailing_zeros().min(width);
            while bits > 0 && self.first.saturating_add(host_mask(bits)) > self.last {
                bits -= 1;
            }
            let address = self.address();
            networks.push(format!("{address}/{}", width - bits));
            match self
                .first
                .checked_add(host_mask(bits))
                .and_then(|end| end.checked_add(1))
            {
                Some(next) if next <= self.last => self.first = next,
                _ => return networks,
            }
        }
    }

    fn address(&self) -> IpAddr {
        if self.is_v6 {
            return IpAddr::V6(Ipv6Addr::from_bits(self.first));
        }
        let bits = u32::try_from(self.first).unwrap_or(u32::MAX);
        IpAddr::V4(Ipv4Addr::from_bits(bits))
    }
}

/// The prefix of the network that an address was in before there were prefixes, as Go has it and so
/// OPA where it merges.
fn class(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => match address.octets()[0] {
            0..0x80 => 8,
            0x80..0xc0 => 16,
            _ => 24,
        },
        IpAddr::V6(_) => 128,
    }
}

fn whole(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn host_mask(bits: u32) -> u128 {
    1_u128.checked_shl(bits).map_or(u128::MAX, |bit| bit - 1)
}

fn intersects(arguments: &[Value], _: Moment) -> Answer {
    let [a, b] = arguments else {
        return Err("expects two strings".into());
    };
    let (a, b) = (
        Range::read(string(a)?, None)?,
        Range::read(string(b)?, None)?,
    );
    Ok(Value::from(a.overlaps(&b)))
}

/// The fewest networks that hold the given networks and addresses.
fn merge(arguments: &[Value], _: Moment) -> Answer {
    let items: Vec<&Value> = match arguments {
        [Value::Array(items)] => items.iter().collect(),
        [Value::Set(items)] => items.iter().collect(),
        _ => return Err("expects an array or a set".into()),
    };
    let mut ranges = Vec::with_capacity(items.len());
    for item in items {
        let text = string(item)?;
        if text.contains(':') && !text.contains('/') {
            return Err("was given an address of IPv6 without the length of its prefix".into());
        }
        ranges.push(Range::read(text, Some(class))?);
    }
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last)
                if last.is_v6 == range.is_v6 && range.first <= last.last.saturating_add(1) =>
            {
                last.last = last.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    let networks = merged.into_iter().flat_map(Range::networks);
    Ok(Value::from(
        networks.map(Value::from).collect::<BTreeSet<_>>(),
    ))
}

/// The pairs of a network and what it contains, each by its key, or itself where it is in a set.
fn contains_matches(arguments: &[Value], _: Moment) -> Answer {
    let [networks, addresses] = arguments else {
        return Err("expects two collections".into());
    };
    let (networks, addresses) = (keyed(networks)?, keyed(addresses)?);
    if networks.len().saturating_mul(addresses.len()) > MAX_PAIRS {
        return Err(Fault::refuse("would compare more than ten million pairs"));
    }
    let mut pairs = BTreeSet::new();
    for (key, network) in &networks {
        let network = Range::read(network, None)?;
        for (other, address) in &addresses {
            if network.contains(&Range::read(address, Some(whole))?) {
                pairs.insert(Value::from(vec![key.clone(), other.clone()]));
            }
        }
    }
    Ok(Value::from(pairs))
}

/// Each text and what it is called. A text can stand first in an array of its own.
fn keyed(value: &Value) -> Result<Vec<(Value, &str)>, Fault> {
    let items: Vec<(Value, &Value)> = match value {
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered
                .map(|(at, item)| (Value::from(at as u64), item))
                .collect()
        }
        Value::Set(items) => items.iter().map(|item| (item.clone(), item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, item)| (key.clone(), item))
            .collect(),
        Value::String(_) => vec![(value.clone(), value)],
        _ => return Err("expects a string or a collection".into()),
    };
    items
        .into_iter()
        .map(|(key, item)| match item {
            Value::Array(parts) => match parts.first() {
                Some(Value::String(text)) => Ok((key, &**text)),
                _ => Err(Fault::from(ELEMENT)),
            },
            Value::String(text) => Ok((key, &**text)),
            _ => Err(Fault::from(ELEMENT)),
        })
        .collect()
}

fn expand(arguments: &[Value], _: Moment) -> Answer {
    if let Some(Value::String(range)) = arguments.first()
        && let Some((address, prefix)) = range.split_once('/')
        && let Ok(prefix) = prefix.parse::<u32>()
    {
        let bits: u32 = if address.contains(':') { 128 } else { 32 };
        if bits.saturating_sub(prefix) > MAX_HOST_BITS {
            return Err(Fault::refuse("would make more than 65,536 addresses"));
        }
    }
    delegate("net.cidr_expand", arguments)
}

const ELEMENT: &str = "expects elements that are strings, or arrays that begin with one";

const MAX_HOST_BITS: u32 = 16;

const MAX_PAIRS: usize = 10_000_000;
