//! Names with stars in them.

use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name, in which `*` stands for any run of characters: `system:node:*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether `name` matches. Takes time in proportion to the product of both lengths at most.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        // The first place for each part leaves the most for those behind it.
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// Whether every name matches.
    pub(crate) fn is_any(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether there is no star in what stands before the first slash of a path, or in a name and its tag's beginning.
    pub(crate) fn host_is_whole(&self) -> bool {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        match rest.split_once('/') {
            Some((host, _)) => !host.contains('*'),
            None => {
                rest.split_once(':')
                    .is_some_and(|(name, _)| !name.contains('*'))
                    || !rest.contains('*')
            }
        }
    }

    /// The pattern with its text as `spelled` has it.
    pub(crate) fn of(&self, spelled: impl FnOnce(&str) -> String) -> Self {
        Self(spelled(&self.0))
    }
}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_all_else_for_itself() {
        for (pattern, name, expected) in [
            ("kube-system", "kube-system", true),
            ("kube-system", "kube-system2", false),
            ("kube-*", "kube-", true),
            ("*", "", true),
            ("system:node:*", "system:node:a/b", true),
            ("*-gpu-*", "a-gpu-b", true),
            ("a*b*a", "aba", true),
            ("a*b*a", "ab", false),
            ("ab*ba", "aba", false),
            ("", "a", false),
        ] {
            let matched = Pattern(pattern.to_owned()).matches(name);
            assert_eq!(matched, expected, "{pattern} {name}");
        }
    }
}
