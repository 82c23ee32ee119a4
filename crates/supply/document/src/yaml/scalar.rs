//! What a plain scalar means.

use crate::Value;

/// Which words are more than text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// The core schema of YAML 1.2.2 (10.3).
    Core,
    /// What libyaml's users have of YAML 1.1: `yes` and `on` are booleans, `0644` is octal, and digits
    /// may have `_` between them. Numbers of base 60 and dates stay text, as in Go.
    Yaml11,
}

impl Schema {
    /// The value of a scalar written without quotes and without a tag.
    pub fn resolve(self, text: &str) -> Value {
        match self.word(text) {
            Some(value) => value,
            None if starts_a_number(text) => self.number(text),
            None => Value::String(text.into()),
        }
    }

    fn word(self, text: &str) -> Option<Value> {
        Some(match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
            ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
            _ if self == Self::Core => return None,
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
            _ => return None,
        })
    }

    fn number(self, text: &str) -> Value {
        let integer = match self {
            Self::Core => core_integer(text),
            Self::Yaml11 => old_integer(text),
        };
        let float = || {
            let digits = match self {
                Self::Core => text.to_owned(),
                Self::Yaml11 => text.replace('_', ""),
            };
            is_decimal(&digits).then(|| digits.parse().ok()).flatten()
        };
        integer
            .map(Value::Integer)
            .or_else(|| float().map(Value::Float))
            .unwrap_or_else(|| Value::String(text.into()))
    }
}

fn starts_a_number(text: &str) -> bool {
    matches!(
        text.as_bytes().first(),
        Some(b'-' | b'+' | b'.' | b'0'..=b'9')
    )
}

/// `[-+]?[0-9]+`, `0o[0-7]+`, `0x[0-9a-fA-F]+`.
fn core_integer(text: &str) -> Option<i64> {
    match (text.strip_prefix("0o"), text.strip_prefix("0x")) {
        (Some(digits), _) => radix("", digits, 8),
        (_, Some(digits)) => radix("", digits, 16),
        _ => {
            let (sign, digits) = split_sign(text);
            radix(sign, digits, 10)
        }
    }
}

/// As `strconv.ParseInt(text, 0, 64)` of Go after `_` is taken out.
fn old_integer(text: &str) -> Option<i64> {
    let plain = text.replace('_', "");
    let (sign, digits) = split_sign(&plain);
    let lower = digits.to_ascii_lowercase();
    let based = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, base)));
    match based {
        Some((digits, base)) => radix(sign, digits, base),
        None if digits.len() > 1 && digits.starts_with('0') => radix(sign, digits, 8),
        None => radix(sign, digits, 10),
    }
}

fn split_sign(text: &str) -> (&str, &str) {
    let length = usize::from(text.starts_with(['-', '+']));
    let (sign, digits) = text.split_at(length);
    (if sign == "-" { sign } else { "" }, digits)
}

fn radix(sign: &str, digits: &str, base: u32) -> Option<i64> {
    let are_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(base));
    are_digits
        .then(|| i64::from_str_radix(&format!("{sign}{digits}"), base).ok())
        .flatten()
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
fn is_decimal(text: &str) -> bool {
    let (_, digits) = split_sign(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(split_sign(exponent).1)),
        None => (digits, None),
    };
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !part.is_empty();
    has_digits && all(whole) && all(part) && exponent.is_none_or(|it| !it.is_empty() && all(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_their_schema_says() {
        let text = |text: &str| Value::String(text.into());
        for (written, core, old) in [
            ("yes", text("yes"), Value::Bool(true)),
            ("on", text("on"), Value::Bool(true)),
            ("NO", text("NO"), Value::Bool(false)),
            ("true", Value::Bool(true), Value::Bool(true)),
            ("~", Value::Null, Value::Null),
            ("0644", Value::Integer(644), Value::Integer(420)),
            ("0o17", Value::Integer(15), Value::Integer(15)),
            ("0x1F", Value::Integer(31), Value::Integer(31)),
            ("0b11", text("0b11"), Value::Integer(3)),
            ("-12", Value::Integer(-12), Value::Integer(-12)),
            ("+7", Value::Integer(7), Value::Integer(7)),
            ("1_000", text("1_000"), Value::Integer(1_000)),
            ("1.5e3", Value::Float(1_500.0), Value::Float(1_500.0)),
            (".5", Value::Float(0.5), Value::Float(0.5)),
            ("1.", Value::Float(1.0), Value::Float(1.0)),
            ("089", Value::Integer(89), Value::Float(89.0)),
            (
                "9223372036854775808",
                Value::Float(9.223_372_036_854_776e18),
                Value::Float(9.223_372_036_854_776e18),
            ),
            (
                "-.inf",
                Value::Float(f64::NEG_INFINITY),
                Value::Float(f64::NEG_INFINITY),
            ),
            ("12:30", text("12:30"), text("12:30")),
            ("2026-09-01", text("2026-09-01"), text("2026-09-01")),
            ("1.2.3", text("1.2.3"), text("1.2.3")),
            ("-", text("-"), text("-")),
            (".", text("."), text(".")),
            ("1e", text("1e"), text("1e")),
            ("--1", text("--1"), text("--1")),
            ("0x", text("0x"), text("0x")),
            ("infinity", text("infinity"), text("infinity")),
        ] {
            assert_eq!(Schema::Core.resolve(written), core, "{written}");
            assert_eq!(Schema::Yaml11.resolve(written), old, "{written}");
        }
    }
}
