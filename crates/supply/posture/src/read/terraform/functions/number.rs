//! Numbers.

use super::{Answer, Args, Wrong, number_of, wrong};
use crate::read::terraform::value::Val;

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    Some(match name {
        "abs" => args.number(0).and_then(|it| args.count(it.abs())),
        "ceil" => args.number(0).and_then(|it| args.count(it.ceil())),
        "floor" => args.number(0).and_then(|it| args.count(it.floor())),
        "log" => log(args),
        "max" => fold(args, f64::max),
        "min" => fold(args, f64::min),
        "parseint" => parse(args),
        "pow" => power(args),
        "signum" => args
            .number(0)
            .and_then(|it| args.count(if it == 0.0 { 0.0 } else { it.signum() })),
        "sum" => sum(args),
        "tonumber" => to_number(args),
        _ => return None,
    })
}

fn log(args: &Args<'_>) -> Answer {
    let (number, base) = (args.number(0)?, args.number(1)?);
    // As Go: the quotient of natural logarithms.
    args.count(number.ln() / base.ln())
}

fn power(args: &Args<'_>) -> Answer {
    let (number, power) = (args.number(0)?, args.number(1)?);
    args.count(number.powf(power))
}

fn fold(args: &Args<'_>, pick: fn(f64, f64) -> f64) -> Answer {
    let numbers: Result<Vec<f64>, Wrong> = args.values.iter().map(number_of).collect();
    match numbers?.into_iter().reduce(pick) {
        Some(number) => args.count(number),
        None => Err(Wrong::Error("it takes a number".to_owned())),
    }
}

fn sum(args: &Args<'_>) -> Answer {
    let items = args.items(0)?;
    if items.is_empty() {
        return Err(Wrong::Error("the list is empty".to_owned()));
    }
    let numbers: Result<Vec<f64>, Wrong> = items.iter().map(number_of).collect();
    args.count(numbers?.iter().sum())
}

fn parse(args: &Args<'_>) -> Answer {
    let (text, base) = (args.text(0)?, args.whole(1)?);
    let base = u32::try_from(base).unwrap_or_default();
    if base > 36 {
        return Err(Wrong::Open("it is not computed here"));
    }
    if base < 2 {
        return Err(Wrong::Error("the base is not between 2 and 62".to_owned()));
    }
    let number = i64::from_str_radix(&text, base);
    let number = number.map_err(|_| Wrong::Error("it is no number of that base".to_owned()))?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is not exact becomes unknown"
    )]
    args.count(number as f64)
}

fn to_number(args: &Args<'_>) -> Answer {
    let value = args.value(0)?;
    if value.is_null() {
        return Ok(Val::null(args.origin()));
    }
    match value.as_number() {
        Some(number) => args.count(number),
        None => Err(wrong(value, "a number")),
    }
}
