//! Networks of IP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Answer, Args, Wrong};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    Some(match name {
        "cidrhost" => host(args),
        "cidrnetmask" => mask(args),
        "cidrsubnet" => subnet(args),
        "cidrsubnets" => subnets(args),
        "cidrcontains" => contains(args),
        _ => return None,
    })
}

/// A network: its address without the bits of hosts, and how many bits are its own.
#[derive(Clone, Copy)]
struct Network {
    address: u128,
    length: u32,
    /// 32 or 128.
    width: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::Error("it is no network".to_owned());
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let (address, width) = match address.parse().map_err(|_| wrong())? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let length: u32 = length.parse().map_err(|_| wrong())?;
        if length > width {
            return Err(wrong());
        }
        let hosts = low_bits(width - length);
        Ok(Self {
            address: address & !hosts,
            length,
            width,
        })
    }

    fn show(self, address: u128) -> String {
        match u32::try_from(address) {
            Ok(address) if self.width == 32 => Ipv4Addr::from(address).to_string(),
            _ => Ipv6Addr::from(address).to_string(),
        }
    }
}

/// As many ones.
fn low_bits(count: u32) -> u128 {
    1u128.checked_shl(count).map_or(u128::MAX, |it| it - 1)
}

fn host(args: &Args<'_>) -> Answer {
    let network = Network::parse(&args.text(0)?)?;
    let number = args.number(1)?;
    let hosts = low_bits(network.width - network.length);
    #[expect(clippy::cast_possible_truncation, reason = "numbers are below 2^53")]
    let number = number as i64;
    let offset = u128::from(number.unsigned_abs());
    let too_large = || Wrong::Error("there is no such host".to_owned());
    let host = match number {
        0.. if offset <= hosts => offset,
        ..0 => (hosts + u128::from(hosts < u128::MAX))
            .checked_sub(offset)
            .ok_or_else(too_large)?,
        _ => return Err(too_large()),
    };
    args.say(network.show(network.address | host))
}

fn mask(args: &Args<'_>) -> Answer {
    let network = Network::parse(&args.text(0)?)?;
    if network.width != 32 {
        return Err(Wrong::Error("only IPv4 has such masks".to_owned()));
    }
    let hosts = low_bits(32 - network.length);
    args.say(network.show(u128::from(u32::MAX) & !hosts))
}

fn subnet(args: &Args<'_>) -> Answer {
    let network = Network::parse(&args.text(0)?)?;
    let bits = u32::try_from(args.whole(1)?).unwrap_or(u32::MAX);
    let number = args.number(2)?;
    let wrong = || Wrong::Error("there is no such network".to_owned());
    let length = network
        .length
        .checked_add(bits)
        .filter(|it| *it <= network.width);
    let length = length.ok_or_else(wrong)?;
    if number < 0.0 || number.fract() != 0.0 {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    let number = number as u128;
    if number > low_bits(bits) {
        return Err(wrong());
    }
    let shifted = number
        .checked_shl(network.width - length)
        .unwrap_or_default();
    args.say(format!(
        "{}/{length}",
        network.show(network.address | shifted)
    ))
}

fn subnets(args: &Args<'_>) -> Answer {
    let network = Network::parse(&args.text(0)?)?;
    let wrong = || Wrong::Error("there is no such network".to_owned());
    let end = network.address | low_bits(network.width - network.length);
    let mut next = Some(network.address);
    let mut networks = Vec::new();
    for at in 1..args.values.len() {
        let bits = u32::try_from(args.whole(at)?).unwrap_or(u32::MAX);
        let length = network
            .length
            .checked_add(bits)
            .filter(|it| *it <= network.width);
        let length = length.filter(|_| bits > 0).ok_or_else(wrong)?;
        let hosts = low_bits(network.width - length);
        let start = next.ok_or_else(wrong)?;
        // The next one that is a multiple of its size.
        let start = start.checked_add(hosts).ok_or_else(wrong)? & !hosts;
        let last = start | hosts;
        if last > end {
            return Err(wrong());
        }
        networks.push(format!("{}/{length}", network.show(start)));
        next = last.checked_add(1);
    }
    args.texts(networks.into_iter())
}

fn contains(args: &Args<'_>) -> Answer {
    let network = Network::parse(&args.text(0)?)?;
    let other = args.text(1)?;
    let other = match other.contains('/') {
        true => Network::parse(&other)?,
        false => Network::parse(&format!("{other}/{}", network.width))?,
    };
    let hosts = low_bits(network.width - network.length);
    let is_in = other.width == network.width && other.length >= network.length;
    args.is(is_in && other.address & !hosts == network.address)
}
