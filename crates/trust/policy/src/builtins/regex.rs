//! Regular expressions, as RE2 has them. The library makes what one works with anew for each call, which costs more
//! than a match; here each thread keeps it for the expressions that `regex.match` met last.

use std::{cell::RefCell, collections::BTreeMap};

use regex::{Error, Regex, RegexBuilder};
use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, bounded, delegate, re2, string};
use crate::memory;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("regex.match", 2, matches),
    Builtin::new("re_match", 2, matches),
    Builtin::new("regex.is_valid", 1, |arguments, _| {
        let pattern = arguments.first().and_then(|it| it.as_string().ok());
        let spelled = pattern.and_then(|it| re2::spelled(it));
        match spelled {
            Some(spelled) => delegate("regex.is_valid", &[spelled.into()]),
            None => Ok(false.into()),
        }
    }),
    Builtin::new("regex.find_n", 3, |arguments, _| {
        delegate("regex.find_n", &with_pattern(arguments, 0)?)
    }),
    Builtin::new("regex.find_all_string_submatch_n", 3, |arguments, _| {
        delegate(
            "regex.find_all_string_submatch_n",
            &with_pattern(arguments, 0)?,
        )
    }),
    Builtin::new("regex.split", 2, split),
    Builtin::new("regex.template_match", 4, template_match),
    Builtin::new("regex.replace", 3, |arguments, _| {
        bounded::of_growth("regex.replace", &with_pattern(arguments, 1)?, replaced)
    }),
];

/// The arguments of a builtin of the library, to which the pattern among them says what it says in RE2.
fn with_pattern(arguments: &[Value], at: usize) -> Result<Vec<Value>, Fault> {
    let mut arguments = arguments.to_vec();
    let pattern = arguments.get_mut(at).ok_or("expects a pattern")?;
    if let Value::String(text) = pattern {
        *pattern = re2::spelled(text).ok_or(INVALID)?.into();
    }
    Ok(arguments)
}

/// `regex.replace(text, pattern, new)`: as many matches as there are bytes, and the new text can have
/// all of them in it, once for each `$`.
fn replaced(arguments: &[Value]) -> Result<(), Fault> {
    let [text, _, Value::String(new)] = arguments else {
        return Ok(());
    };
    let (text, groups) = (bounded::length(text) + 1, new.matches('$').count());
    bounded::fits(text.saturating_mul(new.len().saturating_add(groups)))
}

/// `regex.match(pattern, text)`.
fn matches(arguments: &[Value], _: Moment) -> Answer {
    let [pattern, text] = arguments else {
        return Err("expects a pattern and a text".into());
    };
    let (pattern, text) = (string(pattern)?, string(text)?);
    KNOWN.with_borrow_mut(|known| {
        if let Some(regex) = known.get(pattern) {
            return Ok(Value::from(regex.is_match(text)));
        }
        let regex = compiled(pattern)?;
        let is_match = regex.is_match(text);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(pattern.to_owned(), regex);
        Ok(Value::from(is_match))
    })
}

/// `regex.split(pattern, text)`. What stands before a match at the very beginning that is empty is left out, as Go does.
fn split(arguments: &[Value], _: Moment) -> Answer {
    let [pattern, text] = arguments else {
        return Err("expects a pattern and a text".into());
    };
    let (pattern, text) = (string(pattern)?, string(text)?);
    let regex = compiled(pattern)?;
    if text.is_empty() && !pattern.is_empty() {
        return Ok(Value::from(vec![Value::from("")]));
    }
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for found in regex.find_iter(text) {
        memory::check().map_err(|why| Fault::refuse(&why.to_string()))?;
        end = found.start();
        if found.end() > 0 {
            parts.push(Value::from(&text[begin..end]));
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(text[begin..].into());
    }
    Ok(Value::from(parts))
}

/// `regex.template_match(template, text, begin, end)`: what stands between delimiters of the template is a regular expression, and the
/// rest is text.
fn template_match(arguments: &[Value], _: Moment) -> Answer {
    let [template, text, begin, end] = arguments else {
        return Err("expects a template, a text and two delimiters".into());
    };
    let delimiter = |value| match string(value)?.as_bytes() {
        [one] => Ok(char::from(*one)),
        _ => Err(Fault::from("expects delimiters of one character")),
    };
    let (template, text) = (string(template)?, string(text)?);
    let (begin, end) = (delimiter(begin)?, delimiter(end)?);
    let mut pattern = "^".to_owned();
    let (mut depth, mut from) = (0_usize, 0);
    for (at, next) in template.char_indices() {
        if next == begin {
            depth += 1;
            if depth == 1 {
                pattern += &regex::escape(&template[from..at]);
                from = at + next.len_utf8();
            }
        } else if next == end {
            depth = depth
                .checked_sub(1)
                .ok_or("has a delimiter that ends nothing")?;
            if depth == 0 {
                let within = re2::spelled(&template[from..at]).ok_or(INVALID)?;
                // Each is one by itself, or brackets of one would be closed by another.
                built(&format!("^{within}$"))?;
                pattern += &format!("({within})");
                from = at + next.len_utf8();
            }
        }
    }
    if depth > 0 {
        return Err("has a delimiter that is not ended".into());
    }
    pattern += &format!("{}$", regex::escape(&template[from..]));
    Ok(built(&pattern)?.is_match(text).into())
}

/// The regular expression that a pattern of RE2 is.
fn compiled(pattern: &str) -> Result<Regex, Fault> {
    built(&re2::spelled(pattern).ok_or(INVALID)?)
}

/// As large as the library allows.
fn built(pattern: &str) -> Result<Regex, Fault> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(MAX_SIZE).dfa_size_limit(MAX_MEMORY);
    builder.build().map_err(|error| match error {
        Error::CompiledTooBig(_) => {
            Fault::refuse("was given a regular expression that is too large")
        }
        _ => INVALID.into(),
    })
}

thread_local! {
    static KNOWN: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
}

const INVALID: &str = "was given an invalid regex";

const MAX_KNOWN: usize = 32;

/// In bytes, compiled: that of the library, which it has for all of its builtins.
const MAX_SIZE: usize = 100 << 10;

/// In bytes: what one keeps of how it matched.
const MAX_MEMORY: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builtins::delegate, testkit::now};

    #[test]
    fn what_matches_and_what_is_refused_is_what_the_library_says() {
        let moment = Moment::new(now(), true);
        let wide: String = (0..MAX_KNOWN).map(|at| format!("{at}|")).collect();
        let patterns = [
            "",
            "a+$",
            "(?i)^TOKEN",
            "[",
            "\\p{L}{2}",
            "[^a-c]|[[:digit:]]\\.",
            "(a{900}){900}",
            &wide,
        ];
        for round in 0..3 {
            for pattern in patterns {
                for text in ["", "aaa", "token", "éé", "b\na", "31"] {
                    let arguments = [pattern.into(), text.into()];
                    let (ours, theirs) = (
                        matches(&arguments, moment),
                        delegate("regex.match", &arguments),
                    );
                    if pattern == "(a{900}){900}" {
                        assert!(matches!(ours, Err(Fault::Refuse(_))), "{ours:?}");
                    }
                    assert_eq!(ours.ok(), theirs.ok(), "{round}: {pattern} {text}");
                }
            }
            // More than are kept.
            for at in 0..=MAX_KNOWN {
                let arguments = [format!("^x{at}$").as_str().into(), "x7".into()];
                assert_eq!(matches(&arguments, moment), Ok((at == 7).into()));
            }
        }
        assert!(matches(&[1.into(), "a".into()], moment).is_err());
    }
}
