//! Numbers.

use super::{Function, MANY, int, of, text};
use crate::read::helm::template::{Data, Engine, Fail, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    of("atoi", 1, 1, |_, it| {
        Ok(int_of(text(&it[0])?.parse().unwrap_or(0)))
    }),
    of("int", 1, 1, |_, it| Ok(int_of(to_int(&it[0])))),
    of("int64", 1, 1, |_, it| Ok(long(to_int(&it[0])))),
    of("float64", 1, 1, |_, it| Ok(float_of(to_float(&it[0])))),
    of("toDecimal", 1, 1, to_decimal),
    of("add1", 1, 1, |_, it| {
        Ok(long(to_int(&it[0]).wrapping_add(1)))
    }),
    of("add", 0, MANY, |_, it| {
        Ok(long(it.iter().map(to_int).fold(0, i64::wrapping_add)))
    }),
    of("sub", 2, 2, |_, it| {
        Ok(long(to_int(&it[0]).wrapping_sub(to_int(&it[1]))))
    }),
    of("div", 2, 2, |_, it| divided(it, i64::checked_div)),
    of("mod", 2, 2, |_, it| divided(it, i64::checked_rem)),
    of("mul", 1, MANY, |_, it| {
        Ok(long(it.iter().map(to_int).fold(1, i64::wrapping_mul)))
    }),
    of("add1f", 1, 1, |_, it| Ok(float_of(to_float(&it[0]) + 1.0))),
    of("addf", 0, MANY, |_, it| {
        Ok(float_of(it.iter().map(to_float).sum()))
    }),
    of("subf", 1, MANY, |_, it| fold(it, |a, b| a - b)),
    of("divf", 1, MANY, |_, it| fold(it, |a, b| a / b)),
    of("mulf", 1, MANY, |_, it| fold(it, |a, b| a * b)),
    of("max", 1, MANY, |_, it| {
        Ok(long(it.iter().map(to_int).max().unwrap_or(0)))
    }),
    of("biggest", 1, MANY, |_, it| {
        Ok(long(it.iter().map(to_int).max().unwrap_or(0)))
    }),
    of("min", 1, MANY, |_, it| {
        Ok(long(it.iter().map(to_int).min().unwrap_or(0)))
    }),
    of("maxf", 1, MANY, |_, it| fold(it, f64::max)),
    of("minf", 1, MANY, |_, it| fold(it, f64::min)),
    of("ceil", 1, 1, |_, it| Ok(float_of(to_float(&it[0]).ceil()))),
    of("floor", 1, 1, |_, it| {
        Ok(float_of(to_float(&it[0]).floor()))
    }),
    of("round", 2, 3, round),
    of("until", 1, 1, |engine, it| {
        let end = int(&it[0])?;
        numbers(engine, 0, end, if end < 0 { -1 } else { 1 })
    }),
    of("untilStep", 3, 3, |engine, it| {
        numbers(engine, int(&it[0])?, int(&it[1])?, int(&it[2])?)
    }),
    of("seq", 0, 3, seq),
];

fn int_of(value: i64) -> Value {
    Value::new(Data::Int(value))
}

fn long(value: i64) -> Value {
    Value::new(Data::Int64(value))
}

fn float_of(value: f64) -> Value {
    Value::new(Data::Float(value))
}

/// As `cast.ToInt64`: what is no number is nought.
pub(super) fn to_int(value: &Value) -> i64 {
    match &value.data {
        Data::Int(value) | Data::Int64(value) => *value,
        #[allow(clippy::cast_possible_truncation, reason = "Go cuts it off as well")]
        Data::Float(value) => *value as i64,
        Data::Bool(value) => i64::from(*value),
        Data::Text(text) => {
            let text = text.as_str();
            // Zeros behind a point are cut off before the text is read.
            let whole = match text.split_once('.') {
                Some((whole, zeros)) if zeros.bytes().all(|it| it == b'0') => whole,
                _ => text,
            };
            whole.parse().unwrap_or(0)
        }
        _ => 0,
    }
}

#[allow(clippy::cast_precision_loss, reason = "as in Go")]
fn to_float(value: &Value) -> f64 {
    match &value.data {
        Data::Float(value) => *value,
        Data::Int(value) | Data::Int64(value) => *value as f64,
        Data::Bool(value) => f64::from(u8::from(*value)),
        Data::Text(text) => text.as_str().parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

fn to_decimal(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let text = super::string(engine, &values[0])?;
    Ok(long(i64::from_str_radix(&text, 8).unwrap_or(0)))
}

fn divided(values: &[Value], by: fn(i64, i64) -> Option<i64>) -> Result<Value, Fail> {
    let result = by(to_int(&values[0]), to_int(&values[1]));
    Ok(long(result.ok_or("a division by nought")?))
}

fn fold(values: &[Value], with: fn(f64, f64) -> f64) -> Result<Value, Fail> {
    let mut numbers = values.iter().map(to_float);
    let first = numbers.next().unwrap_or(0.0);
    Ok(float_of(numbers.fold(first, with)))
}

fn round(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let places = i32::try_from(int(&values[1])?).map_err(|_| "too many places")?;
    let from = values.get(2).map_or(0.5, to_float);
    let power = 10f64.powi(places);
    let digits = power * to_float(&values[0]);
    let rest = digits.abs().fract();
    let whole = digits.abs().trunc() + f64::from(u8::from(rest >= from));
    Ok(float_of(whole.copysign(digits) / power))
}

fn numbers(engine: &mut Engine, start: i64, end: i64, step: i64) -> Result<Value, Fail> {
    let mut items = Vec::new();
    let mut at = start;
    while step != 0 && (if step > 0 { at < end } else { at > end }) {
        engine.work(1)?;
        items.push(int_of(at));
        let Some(next) = at.checked_add(step) else {
            break;
        };
        at = next;
    }
    engine.list(items)
}

/// Numbers with spaces between them, the last one included.
fn seq(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let numbers: Vec<i64> = values.iter().map(int).collect::<Result<_, _>>()?;
    let (start, end, step) = match numbers[..] {
        [] => return engine.text(""),
        [end] => (1, end, if end < 1 { -1 } else { 1 }),
        [start, end] => (start, end, if end < start { -1 } else { 1 }),
        [start, step, end] => (start, end, step),
        _ => return Err("too many numbers".into()),
    };
    if step == 0 || (step > 0 && end < start) || (step < 0 && end > start) {
        return engine.text("");
    }
    let beyond = end.saturating_add(step.signum());
    let list = self::numbers(engine, start, beyond, step)?;
    let items = list.as_list().unwrap_or_default().iter();
    let texts: Vec<String> = items.map(|item| to_int(item).to_string()).collect();
    engine.text(texts.join(" "))
}
