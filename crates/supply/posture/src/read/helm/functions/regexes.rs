//! Regular expressions.

use regex::{NoExpand, Regex, RegexBuilder};

use super::{Function, int, of, text, truth};
use crate::read::helm::template::{Engine, Fail, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    of("regexMatch", 2, 2, |_, it| {
        Ok(truth(regex(&it[0])?.is_match(text(&it[1])?)))
    }),
    of("mustRegexMatch", 2, 2, |_, it| {
        Ok(truth(regex(&it[0])?.is_match(text(&it[1])?)))
    }),
    of("regexFind", 2, 2, find),
    of("mustRegexFind", 2, 2, find),
    of("regexFindAll", 3, 3, find_all),
    of("mustRegexFindAll", 3, 3, find_all),
    of("regexReplaceAll", 3, 3, replace),
    of("mustRegexReplaceAll", 3, 3, replace),
    of("regexReplaceAllLiteral", 3, 3, replace_literal),
    of("mustRegexReplaceAllLiteral", 3, 3, replace_literal),
    of("regexSplit", 3, 3, split),
    of("mustRegexSplit", 3, 3, split),
    of("regexQuoteMeta", 1, 1, quote),
];

/// The syntax of Go's expressions is that of this library but for details that charts do not use.
fn regex(value: &Value) -> Result<Regex, Fail> {
    let written = text(value)?;
    let regex = RegexBuilder::new(written).size_limit(MAX_BYTES).build();
    regex.map_err(|_| format!("{written:?} is no expression that is understood here").into())
}

fn find(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let found = regex(&values[0])?
        .find(text(&values[1])?)
        .map(|it| it.as_str().to_owned());
    engine.text(found.unwrap_or_default())
}

fn find_all(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let regex = regex(&values[0])?;
    let all = text(&values[1])?;
    let count = usize::try_from(int(&values[2])?).unwrap_or(usize::MAX);
    let found = regex
        .find_iter(all)
        .take(count)
        .map(|it| Value::text(it.as_str()));
    engine.strings(found.collect())
}

fn replace(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (all, new) = (text(&values[1])?, text(&values[2])?);
    let regex = regex(&values[0])?;
    let count = regex.find_iter(all).count();
    engine.write(count.saturating_mul(new.len().saturating_add(all.len())))?;
    engine.text(regex.replace_all(all, new).into_owned())
}

fn replace_literal(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (all, new) = (text(&values[1])?, text(&values[2])?);
    let regex = regex(&values[0])?;
    engine.write(regex.find_iter(all).count().saturating_mul(new.len()))?;
    engine.text(regex.replace_all(all, NoExpand(new)).into_owned())
}

fn split(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let regex = regex(&values[0])?;
    let all = text(&values[1])?;
    let parts: Vec<Value> = match usize::try_from(int(&values[2])?) {
        Ok(count) => regex.splitn(all, count).map(Value::text).collect(),
        Err(_) => regex.split(all).map(Value::text).collect(),
    };
    engine.strings(parts)
}

fn quote(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut out = String::new();
    for c in text(&values[0])?.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    engine.text(out)
}

const MAX_BYTES: usize = 1 << 20;
