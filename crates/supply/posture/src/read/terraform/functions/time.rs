//! Times that are given.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use super::{Answer, Args, Wrong};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    Some(match name {
        "formatdate" => format(args),
        "timeadd" => add(args),
        "timecmp" => compare(args),
        _ => return None,
    })
}

/// The time. Other zones than UTC are kept by Terraform, and not here.
fn time(args: &Args<'_>, at: usize) -> Result<Timestamp, Wrong> {
    let text = args.text(at)?;
    let time = text.parse::<Timestamp>();
    let time = time.map_err(|_| Wrong::Error("it is no time of RFC 3339".to_owned()))?;
    if !text.ends_with('Z') {
        return Err(Wrong::Open("only times of UTC are computed with"));
    }
    Ok(time)
}

fn compare(args: &Args<'_>) -> Answer {
    args.count(match time(args, 0)?.cmp(&time(args, 1)?) {
        std::cmp::Ordering::Less => -1.0,
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => 1.0,
    })
}

fn add(args: &Args<'_>) -> Answer {
    let start = time(args, 0)?;
    let wrong = || Wrong::Error("it is no duration".to_owned());
    let nanoseconds = duration(&args.text(1)?).ok_or_else(wrong)?;
    let sum = start
        .as_nanosecond()
        .checked_add(nanoseconds)
        .ok_or_else(wrong)?;
    let sum = Timestamp::from_nanosecond(sum).map_err(|_| wrong())?;
    args.say(sum.to_string())
}

/// Nanoseconds of a duration as Go has it: `-1h30m`.
fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let (unit, size) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number * size;
        rest = &rest[unit.len()..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "below what 64 bits hold")]
    (!text.is_empty() && total < 9e18).then_some((sign * total) as i128)
}

fn format(args: &Args<'_>) -> Answer {
    let pattern = args.text(0)?;
    let time = time(args, 1)?.to_zoned(TimeZone::UTC);
    let month = MONTHS[usize::try_from(time.month() - 1).unwrap_or_default()];
    let day = DAYS[usize::try_from(time.weekday().to_monday_zero_offset()).unwrap_or_default()];
    let hour = time.hour();
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let mut out = String::new();
    let mut rest = &*pattern;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            rest = quoted(&rest[1..], &mut out)?;
            continue;
        }
        let end = rest.find(|next| next != c).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = &rest[end..];
        let _ = match word {
            "YYYY" => write!(out, "{:04}", time.year()),
            "YY" => write!(out, "{:02}", time.year() % 100),
            "MMMM" => write!(out, "{month}"),
            "MMM" => write!(out, "{}", &month[..3]),
            "MM" => write!(out, "{:02}", time.month()),
            "M" => write!(out, "{}", time.month()),
            "DD" => write!(out, "{:02}", time.day()),
            "D" => write!(out, "{}", time.day()),
            "EEEE" => write!(out, "{day}"),
            "EEE" => write!(out, "{}", &day[..3]),
            "hh" => write!(out, "{hour:02}"),
            "h" => write!(out, "{hour}"),
            "HH" => write!(out, "{half:02}"),
            "H" => write!(out, "{half}"),
            "AA" => write!(out, "{}", if hour < 12 { "AM" } else { "PM" }),
            "aa" => write!(out, "{}", if hour < 12 { "am" } else { "pm" }),
            "mm" => write!(out, "{:02}", time.minute()),
            "m" => write!(out, "{}", time.minute()),
            "ss" => write!(out, "{:02}", time.second()),
            "s" => write!(out, "{}", time.second()),
            "Z" => write!(out, "Z"),
            "ZZZ" | "ZZZZ" | "ZZZZZ" => match word.len() {
                3 => write!(out, "UTC"),
                4 => write!(out, "+0000"),
                _ => write!(out, "+00:00"),
            },
            _ if c.is_ascii_alphabetic() => {
                return Err(Wrong::Error("the format has an unknown word".to_owned()));
            }
            _ => write!(out, "{word}"),
        };
    }
    args.say(out)
}

/// Takes what stands up to the closing quote; two quotes are one that closes nothing.
fn quoted<'a>(mut rest: &'a str, out: &mut String) -> Result<&'a str, Wrong> {
    loop {
        let open = || Wrong::Error("a quote is not closed".to_owned());
        let (text, behind) = rest.split_once('\'').ok_or_else(open)?;
        out.push_str(text);
        match behind.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Ok(behind),
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
