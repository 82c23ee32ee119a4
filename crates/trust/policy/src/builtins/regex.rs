//! `regex.match`. The library makes what a regular expression works with anew for each call, which costs more
//! than the match; here each thread keeps it for the expressions that it met last.

use std::{cell::RefCell, collections::BTreeMap};

use regex::{Error, Regex, RegexBuilder};
use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, string};

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new("regex.match", 2, matches)];

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

/// As large as the library allows.
fn compiled(pattern: &str) -> Result<Regex, Fault> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(MAX_SIZE).dfa_size_limit(MAX_MEMORY);
    builder.build().map_err(|error| match error {
        Error::CompiledTooBig(_) => {
            Fault::refuse("was given a regular expression that is too large")
        }
        _ => "was given an invalid regex".into(),
    })
}

thread_local! {
    static KNOWN: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
}

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
            "a{9000}{9000}",
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
                    if pattern == "a{9000}{9000}" {
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
