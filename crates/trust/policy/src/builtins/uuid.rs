//! Unique identifiers (RFC 9562, and the DCE's version 2).

use std::collections::BTreeMap;

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, string};

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new("uuid.parse", 1, parse)];

fn parse(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let bytes = read(string(text)?)?;
    let variant = match bytes[8] >> 5 {
        0..=3 => "Reserved",
        4 | 5 => "RFC4122",
        6 => "Microsoft",
        _ => "Future",
    };
    let version = bytes[6] >> 4;
    let mut fields: BTreeMap<Value, Value> = BTreeMap::new();
    let mut set = |key: &str, value: Value| {
        fields.insert(Value::from(key), value);
    };
    set("variant", Value::from(variant));
    set("version", Value::from(u64::from(version)));
    if matches!(version, 1 | 2) {
        let node: Vec<String> = bytes[10..]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        set("nodeid", Value::from(node.join("-")));
        set("macvariables", Value::from(address_kind(bytes[10])));
        let sequence = u64::from(bytes[8] & 0x3f) << 8 | u64::from(bytes[9]);
        set("clocksequence", Value::from(sequence));
        set("time", Value::from(nanoseconds(&bytes)));
    }
    if version == 2 {
        let id = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        set("id", Value::from(u64::from(id)));
        set(
            "domain",
            Value::from(match bytes[9] {
                0 => "Person".to_owned(),
                1 => "Group".to_owned(),
                2 => "Org".to_owned(),
                other => format!("Domain{other}"),
            }),
        );
    }
    Ok(Value::from(fields))
}

/// Thirty-two digits, with or without dashes, in braces or as a URN.
fn read(text: &str) -> Result<[u8; 16], Fault> {
    const WRONG: &str = "was given something that is not a UUID";
    let text = match text.len() {
        45 => text
            .get(..9)
            .filter(|start| start.eq_ignore_ascii_case("urn:uuid:"))
            .and_then(|_| text.get(9..))
            .ok_or(WRONG)?,
        38 => text.get(1..37).ok_or(WRONG)?,
        32 | 36 => text,
        _ => return Err(WRONG.into()),
    };
    let is_dashed = text.len() == 36;
    let mut digits = Vec::with_capacity(32);
    for (at, c) in text.chars().enumerate() {
        if is_dashed && matches!(at, 8 | 13 | 18 | 23) {
            if c != '-' {
                return Err(WRONG.into());
            }
            continue;
        }
        let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or(WRONG)?);
    }
    let mut bytes = [0; 16];
    if digits.len() != 32 {
        return Err(WRONG.into());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(bytes)
}

/// Since 1970; the identifier counts hundreds of them since 1582.
fn nanoseconds(bytes: &[u8; 16]) -> i64 {
    let low = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let middle = u16::from_be_bytes([bytes[4], bytes[5]]);
    let high = u16::from_be_bytes([bytes[6], bytes[7]]) & 0x0fff;
    let ticks = i64::from(high) << 48 | i64::from(middle) << 32 | i64::from(low);
    ticks.wrapping_sub(GREGORIAN).wrapping_mul(100)
}

fn address_kind(first: u8) -> &'static str {
    match first & 3 {
        0 => "global:unicast",
        1 => "global:multicast",
        2 => "local:unicast",
        _ => "local:multicast",
    }
}

/// Hundreds of nanoseconds from 15 October 1582 to 1970.
const GREGORIAN: i64 = 122_192_928_000_000_000;
