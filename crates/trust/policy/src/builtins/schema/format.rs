//! The formats that a string can be said to have.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{is_pattern, matches};
use crate::builtins::Fault;

/// Whether `text` has the format; also where nobody knows it.
pub(super) fn is_met(format: &str, text: &str) -> Result<bool, Fault> {
    Ok(match format {
        "date" => is_date(text),
        "time" => is_time(text),
        "date-time" => is_date(text) || is_time(text) || is_moment(text),
        "hostname" => text.len() < 256 && text.split('.').all(is_label),
        "email" | "idn-email" => is_address(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "uri" | "iri" => has_scheme(text) && is_reference(text),
        "uri-reference" | "iri-reference" => is_reference(text),
        "uri-template" => is_reference(&text.replace(['{', '}'], "")) && is_balanced(text),
        "uuid" => matches(UUID, text)?,
        "regex" => text.is_empty() || is_pattern(text),
        "json-pointer" => matches(POINTER, text)?,
        "relative-json-pointer" => matches(RELATIVE_POINTER, text)?,
        _ => true,
    })
}

fn is_date(text: &str) -> bool {
    format!("{text}T00:00:00Z")
        .parse::<casemate_core::Timestamp>()
        .is_ok()
        && text.len() == 10
}

fn is_moment(text: &str) -> bool {
    let is_shaped = text.as_bytes().get(10) == Some(&b'T')
        && text.get(..10).is_some_and(is_date)
        && text
            .get(11..)
            .is_some_and(|time| is_time(time) && has_zone(time));
    is_shaped && !text.contains(' ')
}

/// `15:04:05`, with or without parts of a second and a zone.
fn is_time(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked(8) else {
        return false;
    };
    let two = |from: usize| -> Option<u8> {
        let digits = clock.get(from..from + 2)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let is_clock = clock.get(2..3) == Some(":")
        && clock.get(5..6) == Some(":")
        && two(0).is_some_and(|hour| hour < 24)
        && two(3).is_some_and(|minute| minute < 60)
        && two(6).is_some_and(|second| second < 60);
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(part) => {
            let zone = part.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == part.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    is_clock && (rest.is_empty() || is_zone(rest))
}

fn has_zone(time: &str) -> bool {
    time.ends_with('Z') || time.len() > 6 && is_zone(&time[time.len() - 6..])
}

fn is_zone(text: &str) -> bool {
    if text == "Z" {
        return true;
    }
    let digits = |from: usize, below: u8| {
        let digits = text.get(from..from + 2).unwrap_or("");
        digits.bytes().all(|byte| byte.is_ascii_digit())
            && digits.parse::<u8>().is_ok_and(|number| number < below)
    };
    text.len() == 6
        && text.starts_with(['+', '-'])
        && text.get(3..4) == Some(":")
        && digits(1, 25)
        && digits(4, 61)
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// One address, alone or in angle brackets behind a name.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let address = match text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
    {
        Some((_, address)) => address,
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let is_atom = |text: &str| {
        let is_plain = |c: char| {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
        };
        !text.is_empty() && text.chars().all(is_plain)
    };
    let is_dotted = |text: &str| text.split('.').all(is_atom);
    let is_quoted = local.len() > 2
        && local.starts_with('"')
        && local.ends_with('"')
        && !local[1..local.len() - 1].contains(['"', '\\', '\n']);
    let is_literal = domain.starts_with('[') && domain.ends_with(']');
    (is_dotted(local) || is_quoted) && (is_dotted(domain) || is_literal)
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_inner)
}

/// An address, or part of one, as Go reads it.
fn is_reference(text: &str) -> bool {
    let is_unwanted = |c: char| c.is_ascii_control() || c == '\\';
    if text.contains(is_unwanted) || text.starts_with(':') {
        return false;
    }
    let without_fragment = text.split('#').next().unwrap_or("");
    let rest = match text.split_once(':') {
        Some((_, rest)) if has_scheme(text) => rest,
        // A colon in the first part of a path would be taken for a scheme.
        Some((first, _)) if !first.contains(['/', '?', '#']) => return false,
        _ => without_fragment,
    };
    let authority = rest.strip_prefix("//").unwrap_or("");
    let authority = authority.split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains([' ', '<', '>', '"', '^', '`', '{', '|', '}']) {
        return false;
    }
    let host = authority.rsplit('@').next().unwrap_or("");
    let port = host.rsplit(']').next().unwrap_or("");
    if let Some((_, port)) = port.split_once(':')
        && !port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return false;
    }
    is_escaped(text)
}

/// Whether two hexadecimal digits stand behind each `%`; what a query has is not looked at.
fn is_escaped(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or("");
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn is_balanced(text: &str) -> bool {
    let mut is_open = false;
    for c in text.chars() {
        match c {
            '{' if is_open => return false,
            '{' => is_open = true,
            '}' => is_open = false,
            _ => {}
        }
    }
    !is_open
}

const UUID: &str = "^(?i)[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$";

/// RFC 6901.
const POINTER: &str = "^(?:/(?:[^~/]|~0|~1)*)*$";

const RELATIVE_POINTER: &str = "^(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~0|~1)*)*)$";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_what_their_specifications_say() {
        for (format, good, bad) in [
            ("date", "2026-02-28", "2026-02-30"),
            ("date", "2024-02-29", "2026-2-3"),
            ("time", "23:59:59", "24:00:00"),
            ("time", "23:59:59.5+02:00", "23:59"),
            ("date-time", "2026-09-01T12:00:00Z", "2026-09-01T12:00:00"),
            ("hostname", "a-b.example", "-a.example"),
            ("email", "a.b@example.com", "a.b"),
            ("email", "A B <a@example.com>", "a..b@example.com"),
            ("ipv4", "10.0.0.1", "10.0.0.256"),
            ("ipv6", "::1", "10.0.0.1"),
            ("uri", "https://example.com/a?b#c", "/a"),
            ("uri", "urn:x:y", "http://exa mple"),
            ("uri-reference", "../a", "a:b:c\\"),
            ("uri-template", "/a/{b}", "/a/{b"),
            ("uuid", "0189a1c2-0000-7000-8000-000000000000", "0189a1c2"),
            ("regex", "^a+$", "("),
            ("json-pointer", "/a~1b/0", "a"),
            ("relative-json-pointer", "1/a", "/a"),
        ] {
            assert_eq!(is_met(format, good), Ok(true), "{format}: {good}");
            assert_eq!(is_met(format, bad), Ok(false), "{format}: {bad}");
        }
        assert_eq!(is_met("of-tomorrow", "?"), Ok(true));
    }
}
