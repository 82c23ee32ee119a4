//! Numbers as schemas compare them: by their value, whatever they are written as.

use std::cmp::Ordering;

use serde_json::{Number, Value as Json};

/// A decimal: digits, and the power of ten they are to be taken times.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    power: i32,
}

impl Decimal {
    fn read(number: &Number) -> Option<Self> {
        let text = number.to_string();
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (text.as_str(), 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: i128 = format!("{whole}{part}").parse().ok()?;
        let mut power = power.checked_sub(i32::try_from(part.len()).ok()?)?;
        while digits != 0 && digits % 10 == 0 {
            digits /= 10;
            power += 1;
        }
        Some(Self { digits, power })
    }

    /// The digits of both, of the same power.
    fn aligned(self, other: Self) -> Option<(i128, i128)> {
        let power = self.power.min(other.power);
        let digits = |of: Self| {
            let zeros = u32::try_from(of.power.checked_sub(power)?).ok()?;
            of.digits.checked_mul(10_i128.checked_pow(zeros)?)
        };
        Some((digits(self)?, digits(other)?))
    }
}

pub(super) fn compare(left: &Number, right: &Number) -> Ordering {
    let exact = || {
        let (left, right) = Decimal::read(left)?.aligned(Decimal::read(right)?)?;
        Some(left.cmp(&right))
    };
    exact().unwrap_or_else(|| float(left).total_cmp(&float(right)))
}

pub(super) fn is_multiple(number: &Number, step: &Number) -> bool {
    let exact = || {
        let (number, step) = Decimal::read(number)?.aligned(Decimal::read(step)?)?;
        Some(number.checked_rem(step)? == 0)
    };
    exact().unwrap_or_else(|| float(number) % float(step) == 0.0)
}

/// `1.0` is an integer too.
pub(super) fn is_integer(number: &Number) -> bool {
    match Decimal::read(number) {
        Some(decimal) => decimal.digits == 0 || decimal.power >= 0,
        None => float(number).fract() == 0.0,
    }
}

/// A whole number that is not negative, as limits of lengths are.
pub(super) fn count(value: &Json) -> Option<i64> {
    let number = value.as_number().filter(|number| is_integer(number))?;
    let Decimal { digits, power } = Decimal::read(number)?;
    let digits = digits.checked_mul(10_i128.checked_pow(u32::try_from(power).unwrap_or(0))?)?;
    i64::try_from(digits).ok()
}

/// Equal numbers are written alike.
pub(super) fn canonical(number: &Number) -> String {
    match Decimal::read(number) {
        Some(Decimal { digits: 0, .. }) => "0".to_owned(),
        Some(Decimal { digits, power }) if (0..20).contains(&power) => {
            let zeros = "0".repeat(usize::try_from(power).unwrap_or(0));
            format!("{digits}{zeros}")
        }
        _ => number.to_string(),
    }
}

/// As few digits as say which number it is, as Go writes a `big.Float`.
pub(super) fn shown(number: &Number) -> String {
    let value = float(number);
    let scientific = format!("{value:e}");
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return value.to_string();
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().expect(text)
    }

    #[test]
    fn numbers_are_their_values() {
        assert!(is_multiple(&number("0.3"), &number("0.1")));
        assert!(is_multiple(&number("1e2"), &number("25")));
        assert!(!is_multiple(&number("0.35"), &number("0.1")));
        assert!(is_integer(&number("1.0")) && is_integer(&number("1e3")));
        assert!(!is_integer(&number("1.5")));
        assert_eq!(compare(&number("1.10"), &number("1.1")), Ordering::Equal);
        assert_eq!(compare(&number("-2"), &number("1e-3")), Ordering::Less);
        assert_eq!(canonical(&number("10.0")), canonical(&number("1e1")));
        assert_eq!(count(&Json::from(3.0)), Some(3));
    }

    #[test]
    fn numbers_are_shown_as_go_shows_them() {
        for (text, expected) in [
            ("100", "100"),
            ("1.50", "1.5"),
            ("-0.25", "-0.25"),
            ("999999", "999999"),
            ("12345678901", "1.2345678901e+10"),
            ("1000000", "1e+06"),
            ("0.00001", "1e-05"),
            ("0", "0"),
        ] {
            assert_eq!(shown(&number(text)), expected);
        }
    }
}
