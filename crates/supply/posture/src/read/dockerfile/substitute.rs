//! What `$name` stands for.

use std::collections::HashMap;

use crate::{Attr, Origin, Role, Value};

/// The variables of a stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    known: HashMap<String, (Attr, bool)>,
}

impl Variables {
    /// `ARG name`, `ARG name=default`. One without a default has that of `global`.
    pub(super) fn declare(&mut self, line: &str, origin: &Origin, global: Option<&Self>) {
        for (name, default) in pairs(line, false) {
            let outer = global.and_then(|global| global.known.get(&name));
            let value = match (default, outer) {
                (Some(default), _) => self.filled(&default, origin),
                (None, Some((value, _))) => value.clone(),
                (None, None) => Attr::unknown(
                    format!("the argument {name} has no default"),
                    origin.clone(),
                ),
            };
            self.known.entry(name).or_insert((value, false));
        }
    }

    /// `ENV name=value`.
    pub(super) fn set(&mut self, pairs: &[(String, Option<String>)], origin: &Origin) {
        for (name, value) in pairs {
            let value = self.filled(value.as_deref().unwrap_or_default(), origin);
            self.known.insert(name.clone(), (value, true));
        }
    }

    /// What a stage that is built on this one has.
    pub(super) fn inherited(&self) -> Self {
        let kept = self.known.iter().filter(|(_, (_, is_kept))| *is_kept);
        Self {
            known: kept.map(|(name, it)| (name.clone(), it.clone())).collect(),
        }
    }

    /// What a shell has of the variables called `names`: while it builds those of `ARG` too.
    pub(super) fn of_shell<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        is_building: bool,
    ) -> Vec<(&'n str, Attr)> {
        let known = names.filter_map(|name| Some((name, self.known.get(name)?)));
        known
            .filter(|(_, (_, is_kept))| is_building || *is_kept)
            .map(|(name, (value, _))| (name, value.clone()))
            .collect()
    }

    /// `text` with its variables filled in.
    pub(super) fn filled(&self, text: &str, origin: &Origin) -> Attr {
        let mut origin = origin.clone();
        match self.text(text, &mut origin) {
            Ok(text) => Attr::new(Value::String(text.into()), origin),
            Err(why) => Attr::unknown(why, origin),
        }
    }

    fn text(&self, text: &str, origin: &mut Origin) -> Result<String, String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '\\']) {
            result.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            if rest[at..].starts_with('\\') {
                let length = behind.chars().next().map_or(0, char::len_utf8);
                result.push_str(&behind[..length]);
                rest = &behind[length..];
                continue;
            }
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if let Some(inner) = behind.strip_prefix('{') {
                let (inner, after) = inner.split_once('}').ok_or("a `${` without an end")?;
                result.push_str(&self.braced(inner, origin)?);
                rest = after;
            } else {
                let length = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
                match &behind[..length] {
                    "" => result.push('$'),
                    name => result.push_str(&self.value(name, origin)?.unwrap_or_default()),
                }
                rest = &behind[length..];
            }
            // A variable may hold itself twice, and so on.
            if result.len() > MAX_LENGTH {
                return Err("longer than anybody writes".to_owned());
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    /// `name`, `name:-word`, `name:+word`; the other forms cut patterns off, which is not done here.
    fn braced(&self, inner: &str, origin: &mut Origin) -> Result<String, String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = inner.find(|c| !is_part(c)).unwrap_or(inner.len());
        let (name, operator) = inner.split_at(length);
        let value = self.value(name, origin);
        let unless = operator.strip_prefix(":-").or(operator.strip_prefix('-'));
        let instead = operator.strip_prefix(":+").or(operator.strip_prefix('+'));
        match (operator, unless, instead) {
            ("", ..) => Ok(value?.unwrap_or_default()),
            (_, Some(word), _) => match value? {
                Some(value) if !value.is_empty() => Ok(value),
                _ => Ok(word.to_owned()),
            },
            (_, _, Some(word)) => Ok(value?.map(|_| word.to_owned()).unwrap_or_default()),
            _ => Err(format!("`{operator}` cuts {name}")),
        }
    }

    /// The value, nothing where there is no such variable, or why it is not known.
    fn value(&self, name: &str, origin: &mut Origin) -> Result<Option<String>, String> {
        match self.known.get(name) {
            Some((attr, _)) => {
                *origin = origin.clone().behind(Role::Default, attr.origin.clone());
                match &attr.value {
                    Value::Unknown(why) => Err(why.to_string()),
                    _ => Ok(attr.as_str().map(str::to_owned)),
                }
            }
            None if BUILDER_VARIABLES.contains(&name) => Err(format!("the builder sets {name}")),
            None => Ok(None),
        }
    }
}

/// `name=value name="value"`, and for `ENV` also `name value`.
pub(super) fn pairs(line: &str, is_env: bool) -> Vec<(String, Option<String>)> {
    let words = words(line);
    if let ([name, _, ..], true) = (words.as_slice(), is_env)
        && !name.contains('=')
    {
        let rest = line.trim_start().split_once(char::is_whitespace);
        let rest = rest.map_or("", |(_, rest)| rest.trim());
        return vec![(name.clone(), Some(rest.to_owned()))];
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.clone(), None),
    };
    words.iter().map(pair).collect()
}

/// Words, with quotes taken away.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(mark), _) if c == mark => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

const MAX_LENGTH: usize = 1 << 16;

/// What the builder sets (<https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope>).
const BUILDER_VARIABLES: &[&str] = &[
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
];
