//! JSON that means one thing: RFC 8259 without duplicate names, within bounds.
//!
//! What is signed is read by more than one program, and two readers that disagree about the second
//! `predicateType` of an object disagree about what was signed.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

/// Reads one value of at most `limit` bytes, and nothing behind it.
///
/// # Errors
///
/// When it is longer, is not JSON in UTF-8, nests deeper than [`DEPTH`], names a member twice or is
/// not a `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::Long {
            bytes: bytes.len(),
            limit,
        });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Once { depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(serde_json::from_slice(bytes)?)
}

/// How deep values may nest. Nothing that is signed here goes beyond ten.
pub const DEPTH: usize = 64;

/// Why bytes are not the JSON that is asked for.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// There are too many.
    #[error("it has {bytes} bytes, and at most {limit} are read")]
    Long {
        /// How many there are.
        bytes: usize,
        /// How many are read.
        limit: usize,
    },
    /// It is not JSON, or not what is asked for.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
}

/// Reads a value for the sake of its names alone.
struct Once {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Once {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Once {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        match self.depth + 1 {
            depth if depth > DEPTH => Err(E::custom(format!("nested deeper than {DEPTH}"))),
            depth => Ok(depth),
        }
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Self { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<Name<'de>>()? {
            members.next_value_seed(Self { depth })?;
            let Name(name) = name;
            if names.contains(&name) {
                let shown: String = name.chars().take(60).collect();
                return Err(A::Error::custom(format!(
                    "the member {shown:?} stands twice"
                )));
            }
            names.insert(name);
        }
        Ok(())
    }
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Result<Value, JsonError> {
        from_slice(text.as_bytes(), 1 << 20)
    }

    #[test]
    fn reads_what_has_one_meaning() {
        for text in [
            "{}",
            "[1, 2.5e3, null, true]",
            r#"{"a": {"a": 1}, "b": [{"a": 1}]}"#,
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_a_name_that_stands_twice_however_it_is_spelled() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"x": [{"a": 1, "b": 2, "\u0061": 3}]}"#,
            r#"{"unknown": {"deep": {"k": 0, "k": 1}}}"#,
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains("stands twice"), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_not_one_value() {
        for text in [
            "",
            "{} {}",
            "{},",
            "\u{feff}{}",
            r#"{"a": 1,}"#,
            "NaN",
            "'a'",
            r#""\ud800""#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(from_slice::<Value>(b"\"\xff\"", 10).is_err());
    }

    #[test]
    fn refuses_what_is_too_deep_or_too_long() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(DEPTH)).is_ok());
        assert!(read(&nested(DEPTH + 1)).is_err());
        assert!(read(&nested(1 << 19)).is_err());
        assert!(matches!(
            from_slice::<Value>(b"[1]", 2),
            Err(JsonError::Long { bytes: 3, limit: 2 })
        ));
    }
}
