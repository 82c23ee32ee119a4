//! What `format` asks of a string. Formats that Kubernetes does not know say nothing, and the rarer
//! ones that it knows (`isbn`, `creditcard`) are not asked either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use casemate_core::Timestamp;

pub(super) fn holds(format: &str, text: &str) -> bool {
    match format {
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "date-time" | "datetime" => text.parse::<Timestamp>().is_ok(),
        "date" => format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok(),
        "uuid" => is_uuid(text),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let width = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let is_plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain && bits.parse::<u32>().is_ok_and(|bits| bits <= width)
}

fn is_uuid(text: &str) -> bool {
    let hex: String = text.chars().filter(|&c| c != '-').collect();
    let places: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    hex.len() == 32
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (places.is_empty() || places == [8, 13, 18, 23])
}
