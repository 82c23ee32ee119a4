//! Strings, and templates that become strings.

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, can_be_gone_through, delegate, string};

mod printf;
mod render;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("indexof", 2, |arguments, _| index("indexof", arguments)),
    Builtin::new("indexof_n", 2, |arguments, _| index("indexof_n", arguments)),
    Builtin::new("internal.template_string", 1, template_string),
    Builtin::new("lower", 1, lower),
    Builtin::new("sprintf", 2, sprintf),
    Builtin::new("strings.count", 2, strings_count),
    Builtin::new("strings.render_template", 2, render_template),
    Builtin::new("strings.replace_n", 2, replace_n),
    Builtin::new("upper", 1, upper),
];

/// Letter by letter, as Go has it: wherever it stands, and as one letter.
fn lower(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let lower = |c| match c {
        'İ' => 'i',
        c => alone(c, c.to_lowercase()),
    };
    Ok(Value::from(
        string(text)?.chars().map(lower).collect::<String>(),
    ))
}

/// As [`lower`]: what becomes several letters stays as it is, unless one letter stands for them.
fn upper(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let upper = |c| match c {
        // The Greek letters with an iota below, which has a place beside a capital.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            shifted(c, 8)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(c, 9),
        c => alone(c, c.to_uppercase()),
    };
    Ok(Value::from(
        string(text)?.chars().map(upper).collect::<String>(),
    ))
}

fn alone(of: char, mut letters: impl ExactSizeIterator<Item = char>) -> char {
    match letters.len() {
        1 => letters.next().unwrap_or(of),
        _ => of,
    }
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// The parts of `$"a {x}"`: strings as they are, and expressions as the sets of their values.
fn template_string(arguments: &[Value], _: Moment) -> Answer {
    let [Value::Array(parts)] = arguments else {
        return Err("expects an array".into());
    };
    can_be_gone_through(arguments)?;
    let mut text = String::new();
    for part in parts.iter() {
        match part {
            Value::Set(values) if values.is_empty() => text.push_str("<undefined>"),
            Value::Set(values) if values.len() == 1 => {
                values.iter().for_each(|value| text.push_str(&shown(value)));
            }
            Value::Set(_) => return Err("has an expression with several values".into()),
            part => text.push_str(&shown(part)),
        }
        if text.len() > MAX_TEXT {
            return Err(Fault::refuse("would make more than 16 MiB"));
        }
    }
    Ok(Value::from(text))
}

/// Where nothing stands, nobody can say; the library says at the beginning.
fn index(name: &'static str, arguments: &[Value]) -> Answer {
    if arguments.get(1) == Some(&Value::from("")) {
        return Err("is asked for an empty text".into());
    }
    delegate(name, arguments)
}

fn sprintf(arguments: &[Value], _: Moment) -> Answer {
    can_be_gone_through(arguments)?;
    let [format, Value::Array(arguments)] = arguments else {
        return Err("expects a string and an array".into());
    };
    printf::sprintf(string(format)?, &arguments.to_vec()).map(Value::from)
}

/// The library panics where `needle` is empty, and counts overlapping matches; OPA counts as Go's
/// `strings.Count` does.
fn strings_count(arguments: &[Value], _: Moment) -> Answer {
    let [search, needle] = arguments else {
        return Err("expects two strings".into());
    };
    let (search, needle) = (string(search)?, string(needle)?);
    let count = if needle.is_empty() {
        search.chars().count() + 1
    } else {
        search.matches(needle).count()
    };
    Ok(Value::from(count as u64))
}

fn render_template(arguments: &[Value], _: Moment) -> Answer {
    let [template, variables] = arguments else {
        return Err("expects a string and an object".into());
    };
    can_be_gone_through(arguments)?;
    render::render(string(template)?, variables).map(Value::from)
}

/// All at once, as Go's `strings.Replacer` does it: what one pattern has put there is not replaced by
/// the next, and where several match, the first counts.
fn replace_n(arguments: &[Value], _: Moment) -> Answer {
    let [Value::Object(patterns), text] = arguments else {
        return Err("expects an object and a string".into());
    };
    let text = string(text)?;
    let mut pairs = Vec::with_capacity(patterns.len());
    for (old, new) in patterns.iter_sorted() {
        pairs.push((string(old)?, string(new)?));
    }
    let mut replaced = String::with_capacity(text.len());
    let (mut at, mut was_empty) = (0, false);
    while let Some(rest) = text.get(at..) {
        let matches =
            |(old, _): &&(&str, &str)| rest.starts_with(old) && !(old.is_empty() && was_empty);
        let found = pairs.iter().find(matches);
        was_empty = found.is_some_and(|(old, _)| old.is_empty());
        if let Some((old, new)) = found {
            replaced.push_str(new);
            at += old.len();
        } else if let Some(c) = rest.chars().next() {
            replaced.push(c);
            at += c.len_utf8();
        } else {
            break;
        }
        if replaced.len() > MAX_TEXT {
            return Err(Fault::refuse("would make more than 16 MiB"));
        }
    }
    Ok(Value::from(replaced))
}

/// A value as OPA writes it into a text: a string without quotes, everything else as Rego.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        value => rego(value),
    }
}

/// A value as Rego. Recurses as deep as the value, like the library where it makes one.
fn rego(value: &Value) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    match value {
        Value::Array(items) => format!("[{}]", list(&mut items.iter().map(rego))),
        Value::Set(items) if items.is_empty() => "set()".to_owned(),
        Value::Set(items) => format!("{{{}}}", list(&mut items.iter_sorted().map(rego))),
        Value::Object(fields) => {
            let field = |(key, value): (&Value, &Value)| format!("{}: {}", rego(key), rego(value));
            format!("{{{}}}", list(&mut fields.iter_sorted().map(field)))
        }
        value => value.to_string(),
    }
}

/// In bytes.
pub(super) const MAX_TEXT: usize = 16 << 20;
