//! `${NAME}` in Compose, and files of variables.

use std::{collections::HashMap, sync::Arc};

use casemate_document::Span;

use crate::{Attr, File, Item, Map, Origin, Role, Value};

/// Variables of a file.
#[derive(Default)]
pub(super) struct Variables {
    known: HashMap<String, (String, Origin)>,
    order: Vec<String>,
}

impl Variables {
    /// Those of `file`: `NAME=value` in lines.
    pub(super) fn of(file: Option<&Arc<File>>) -> Self {
        let mut variables = Self::default();
        let Some(file) = file else {
            return variables;
        };
        let mut start = 0;
        for line in file.text.split_inclusive('\n') {
            let end = start + line.trim_end().len();
            let text = line.trim();
            let text = text.strip_prefix("export ").unwrap_or(text);
            if let Some((name, value)) = text.split_once('=')
                && !text.starts_with('#')
            {
                let value = value.trim();
                let quoted = ['"', '\''].iter().find_map(|mark| {
                    value
                        .strip_prefix(*mark)?
                        .split_once(*mark)
                        .map(|(value, _)| value)
                });
                let plain = value.split(" #").next().unwrap_or_default().trim_end();
                let origin = Origin::new(file, Span::new(start, end));
                let name = name.trim().to_owned();
                variables.order.push(name.clone());
                variables
                    .known
                    .insert(name, (quoted.unwrap_or(plain).to_owned(), origin));
            }
            start += line.len();
        }
        variables
    }

    /// As the items of a map at `origin`, which names the file.
    pub(super) fn items(&self, role: Role, origin: &Origin) -> Vec<Item> {
        let item = |name: &String| {
            let (value, from) = &self.known[name];
            let place = origin.clone().behind(role, from.clone());
            Item {
                key: name.as_str().into(),
                place: place.clone(),
                value: Attr::new(Value::String(value.as_str().into()), place),
            }
        };
        self.order.iter().map(item).collect()
    }

    /// `attr` with the variables in its texts filled in. The depth of documents is bounded.
    pub(super) fn filled(&self, attr: &Attr) -> Attr {
        let value = match &attr.value {
            Value::String(text) if text.contains('$') => {
                let mut origin = attr.origin.clone();
                let value = match self.text(text, &mut origin, 0) {
                    Ok(text) => Value::String(text.into()),
                    Err(why) => Value::Unknown(why.into()),
                };
                return Attr {
                    value,
                    origin,
                    is_sensitive: attr.is_sensitive,
                };
            }
            Value::List(items) => Value::List(items.iter().map(|it| self.filled(it)).collect()),
            Value::Map(map) => {
                let items = map.items().iter().map(|item| Item {
                    value: self.filled(&item.value),
                    ..item.clone()
                });
                let mut filled = Map::new(items.collect());
                filled.open.clone_from(&map.open);
                Value::Map(Arc::new(filled))
            }
            other => other.clone(),
        };
        Attr {
            value,
            ..attr.clone()
        }
    }

    fn text(&self, text: &str, origin: &mut Origin, depth: usize) -> Result<String, String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            result.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if let Some(after) = behind.strip_prefix('$') {
                result.push('$');
                rest = after;
            } else if let Some(inner) = behind.strip_prefix('{') {
                let end = closing(inner).ok_or("a `${` without an end")?;
                result.push_str(&self.braced(&inner[..end], origin, depth)?);
                rest = &inner[end + 1..];
            } else {
                let length = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
                match &behind[..length] {
                    "" => result.push('$'),
                    name => result.push_str(&self.value(name, origin)?),
                }
                rest = &behind[length..];
            }
            if result.len() > MAX_LENGTH {
                return Err("longer than anybody writes".to_owned());
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn braced(&self, inner: &str, origin: &mut Origin, depth: usize) -> Result<String, String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = inner.find(|c| !is_part(c)).unwrap_or(inner.len());
        let (name, operator) = inner.split_at(length);
        let known = self.known.get(name);
        let is_colon = operator.starts_with(':');
        let is_set = known.is_some_and(|(value, _)| !is_colon || !value.is_empty());
        let operator = operator.trim_start_matches(':');
        if depth > MAX_DEPTH {
            return Err("nested too deep".to_owned());
        }
        match (operator.chars().next(), is_set) {
            // The caller's environment may say otherwise; the default is what the files say.
            (Some('-'), false) => self.text(&operator[1..], origin, depth + 1),
            (Some('+'), true) => self.text(&operator[1..], origin, depth + 1),
            (Some('+'), false) => Ok(String::new()),
            (None | Some('-' | '?'), _) => self.value(name, origin),
            _ => Err(format!("`{operator}` is no way to fill {name} in")),
        }
    }

    fn value(&self, name: &str, origin: &mut Origin) -> Result<String, String> {
        match self.known.get(name) {
            Some((value, from)) => {
                *origin = origin.clone().behind(Role::Value, from.clone());
                Ok(value.clone())
            }
            None => Err(format!("{name} is set by who starts it")),
        }
    }
}

/// Where the `}` of a `${` is, others in it left out.
fn closing(text: &str) -> Option<usize> {
    let mut level = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => level += 1,
            '}' if level == 0 => return Some(at),
            '}' => level -= 1,
            _ => {}
        }
    }
    None
}

const MAX_DEPTH: usize = 16;
const MAX_LENGTH: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::survey;

    #[test]
    fn variables_have_the_value_of_their_file_or_their_default() {
        let compose = b"services:\n  a:\n    image: \"x:${TAG:-latest}\"\n  b:\n    image: x:${VERSION}\n  c:\n    image: x:${OTHER}\n";
        let outcomes = survey(&[
            ("compose.yml", compose),
            (".env", b"VERSION=latest # now\n"),
        ]);
        let compose = outcomes
            .iter()
            .find(|it| it.name == "compose.yml")
            .expect("read");
        let floating = compose
            .findings
            .iter()
            .filter(|it| it.rule.as_str() == "CM-CMP-007");
        let places: Vec<String> = floating.map(|it| it.location.to_string()).collect();
        assert_eq!(places, ["compose.yml:3:12", "compose.yml:5:12"]);
        let reason = compose.reason.as_deref().unwrap_or_default();
        assert!(reason.contains("OTHER is set by who starts it"), "{reason}");
    }

    #[test]
    fn nested_defaults_end() {
        let text = "${A:-".repeat(5_000) + &"}".repeat(5_000);
        let file = Arc::new(File {
            subject: casemate_core_subject(),
            text: "".into(),
        });
        let mut origin = Origin::new(&file, Span::default());
        assert!(Variables::default().text(&text, &mut origin, 0).is_err());
    }

    fn casemate_core_subject() -> casemate_core::Subject {
        use casemate_core::{Asset, AssetId, AssetKind, Digest, Subject};
        Subject {
            asset: Asset {
                id: AssetId::File {
                    repository: "local".into(),
                    path: "a".into(),
                },
                kind: AssetKind::Other,
                name: "a".to_owned(),
                labels: std::collections::BTreeMap::new(),
            },
            file: "a".into(),
            path: "a".into(),
            digest: Digest::of(b""),
        }
    }
}
