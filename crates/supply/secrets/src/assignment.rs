//! `key = "value"`, in the dress of every language and configuration format.

use std::ops::Range;

use serde::Deserialize;

/// A name that is given a literal value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The whole name: `AWS_SECRET_ACCESS_KEY`, `spring.datasource.password`.
    pub(crate) key: Range<usize>,
    /// The value without quotes.
    pub(crate) value: Range<usize>,
    /// What kind of place it stands in.
    pub(crate) place: Place,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In quotes, or between XML tags: a literal for certain.
    Quoted,
    /// Without quotes, alone on a line after its key: a literal in settings, an expression in code.
    Line,
    /// Without quotes, among other things.
    Bare,
}

/// Reads the assignment whose key holds the byte at `at`, if there is one, and says how far the
/// text is used up: nothing before that place needs to be read again. Looks no further than
/// [`REACH`] bytes in either direction.
pub(crate) fn read(text: &[u8], at: usize) -> (Option<Assignment>, usize) {
    let key = run(text, at);
    // A longer run is no name but data.
    if key.len() > KEY {
        return (None, key.end);
    }
    let mut cursor = Cursor {
        text,
        at: key.end,
        bare: 0,
    };
    let found = cursor.assignment(&key);
    let used = match &found {
        // Within quotes, or tags, there can be more.
        Some(found) if found.place == Place::Quoted => key.end,
        Some(found) => found.value.end,
        None => cursor.bare.max(key.end),
    };
    (found, used)
}

/// No byte further than this from the hit decides anything.
pub(crate) const REACH: usize = 2304;

/// The run of bytes around `at` that a name can have, as far as it is needed to tell a name.
fn run(text: &[u8], at: usize) -> Range<usize> {
    let from = at.saturating_sub(KEY);
    let before = text[from..at].iter().rev();
    let start = at - before.take_while(|&&b| is_key_byte(b)).count();
    let to = (at + KEY).min(text.len());
    let end = at + text[at..to].iter().take_while(|&&b| is_key_byte(b)).count();
    if end - start <= KEY && text[..start].ends_with(b"\\") {
        // `\nKEY` and `\u0026key` in a string: the escape is no part of the name.
        let escape = match text[start] {
            b'n' | b'r' | b't' => 1,
            b'u' => 5,
            _ => 0,
        };
        return (start + escape).min(at)..end;
    }
    start..end
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether the key is an option of a command (`--api-key`) or of Dockerfile's `ENV`, and so may be
/// followed by its value after a blank.
fn is_flag(text: &[u8], key: &Range<usize>) -> bool {
    text[key.clone()].starts_with(b"--")
        || [&b"ENV "[..], b"ARG ", b"setx "]
            .iter()
            .any(|word| text[..key.start].ends_with(word))
}

/// Whether the quoted key is the first argument of a call, whose second is then the value:
/// `setenv("API_KEY", …)`. In a list, what follows is another name.
fn is_argument(text: &[u8], key: &Range<usize>) -> bool {
    let before = &text[key.start.saturating_sub(LEAD)..key.start];
    let quoting = |byte: &&u8| matches!(byte, b'\\' | b'"' | b'\'' | b' ');
    before.iter().rev().find(|byte| !quoting(byte)) == Some(&b'(')
}

/// Whether only blanks, a list's dash or `export` stand between the line's start and the key.
fn begins_line(text: &[u8], key: &Range<usize>) -> bool {
    let from = key.start.saturating_sub(LEAD);
    let before = &text[from..key.start];
    let line = memchr::memrchr2(b'\n', b'\r', before).map_or(before, |at| &before[at + 1..]);
    if before.ends_with(b"\\n") {
        return true;
    }
    if line.len() == before.len() && from > 0 {
        return false;
    }
    let mut words = line
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    words.all(|word| {
        matches!(
            word,
            b"-" | b"export" | b"set" | b"ENV" | b"ARG" | b"\"" | b"'"
        )
    })
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
    /// Where a value without quotes ended, whatever became of it.
    bare: usize,
}

impl Cursor<'_> {
    fn assignment(&mut self, key: &Range<usize>) -> Option<Assignment> {
        if self.text[..key.start].ends_with(b"<") {
            return self.xml_element(key.clone());
        }
        let argument = self.closers() && is_argument(self.text, key);
        let annotated = self.operator(argument, is_flag(self.text, key))?;
        if annotated {
            self.annotation();
        }
        self.blanks();
        self.value(key.clone())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn looking_at(&self, what: &[u8]) -> bool {
        self.text[self.at..].starts_with(what)
    }

    fn skip(&mut self, most: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while self.at - start < most && self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        self.at - start
    }

    fn blanks(&mut self) {
        self.skip(BLANKS, |byte| matches!(byte, b' ' | b'\t'));
    }

    /// Skips what closes a quoted or indexed key: `"API_KEY"]`, also when escaped in a string.
    fn closers(&mut self) -> bool {
        let start = self.at;
        self.skip(CLOSERS, |byte| {
            matches!(byte, b'\\' | b'"' | b'\'' | b'`' | b']')
        });
        self.text[start..self.at]
            .iter()
            .any(|byte| matches!(byte, b'"' | b'\''))
    }

    /// Skips the sign between key and value; says whether a type may stand before the value.
    fn operator(&mut self, argument: bool, flag: bool) -> Option<bool> {
        let blanks = self.skip(BLANKS, |byte| matches!(byte, b' ' | b'\t'));
        for (sign, annotated) in [
            (&b"=="[..], None),
            (b"::", None),
            (b"=>", Some(false)),
            (b":=", Some(false)),
            (b"?=", Some(false)),
            (b"=", Some(false)),
            (b":", Some(true)),
        ] {
            if self.looking_at(sign) {
                self.at += sign.len();
                return annotated;
            }
        }
        if argument && self.looking_at(b",") {
            self.at += 1;
            return Some(false);
        }
        (flag && blanks > 0).then_some(false)
    }

    /// Skips a type and the sign after it: `key: str = …`, `key: Option<String> = …`.
    fn annotation(&mut self) {
        let start = self.at;
        self.blanks();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"_&<>[]|?. '".contains(&byte);
        let typed =
            self.skip(TYPE, letters) > 0 && self.looking_at(b"=") && !self.looking_at(b"==");
        self.at = if typed { self.at + 1 } else { start };
    }

    fn value(&mut self, key: Range<usize>) -> Option<Assignment> {
        let prefix = self.text[self.at..]
            .iter()
            .take(2)
            .take_while(|b| b"bBrRuUfF@$".contains(b));
        let prefix = prefix.count();
        let opening = self.text.get(self.at + prefix..)?;
        let backslashes = opening
            .iter()
            .take(3)
            .take_while(|&&byte| byte == b'\\')
            .count();
        if let Some(&quote @ (b'"' | b'\'' | b'`')) = opening.get(backslashes) {
            self.at += prefix + backslashes + 1;
            let value = self.until_quote(quote, backslashes > 0)?;
            let place = Place::Quoted;
            return Some(Assignment { key, value, place });
        }
        let start = self.at;
        let length = self.skip(VALUE, |byte| {
            !byte.is_ascii_whitespace() && !ENDS.contains(&byte)
        });
        self.bare = self.at;
        if length == VALUE {
            return None;
        }
        let value = start..self.at;
        // A call or an element of something: an expression, whatever its name looks like.
        if matches!(self.peek(), Some(b'(' | b'[')) {
            return None;
        }
        self.blanks();
        let alone = matches!(self.peek(), None | Some(b'\n' | b'\r')) || self.looking_at(b"\\n");
        let place = if alone && begins_line(self.text, &key) {
            Place::Line
        } else {
            Place::Bare
        };
        Some(Assignment { key, value, place })
    }

    /// The text up to `quote` on the same line. In a string within a string, the first backslash
    /// ends it as well: it can only belong to the closing quote or to the line's end.
    fn until_quote(&mut self, quote: u8, escaped: bool) -> Option<Range<usize>> {
        let start = self.at;
        while self.at - start < VALUE {
            match self.peek()? {
                b'\n' | b'\r' => return None,
                b'\\' if escaped => return Some(start..self.at),
                b'\\' => self.at += 2,
                byte if byte == quote => return Some(start..self.at),
                _ => self.at += 1,
            }
        }
        None
    }

    /// `<password attribute="…">value</password>`.
    fn xml_element(&mut self, key: Range<usize>) -> Option<Assignment> {
        self.skip(TYPE, |byte| !matches!(byte, b'<' | b'>' | b'\n'));
        if self.peek() != Some(b'>') {
            return None;
        }
        self.at += 1;
        let start = self.at;
        self.skip(VALUE, |byte| !matches!(byte, b'<' | b'\n' | b'\r'));
        let value = start..self.at;
        let place = Place::Quoted;
        (self.peek() == Some(b'<')).then_some(Assignment { key, value, place })
    }
}

const KEY: usize = 64;
const LEAD: usize = 32;
const BLANKS: usize = 24;
const CLOSERS: usize = 6;
const TYPE: usize = 40;
const VALUE: usize = 2048;

/// What ends a value without quotes, besides white space.
const ENDS: &[u8] = b"\"'`,;<>()[]{}\\";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<(&str, &str, Place)> {
        let at = text
            .to_lowercase()
            .find("key")
            .expect("every test has a key");
        let found = read(text.as_bytes(), at).0?;
        Some((&text[found.key], &text[found.value], found.place))
    }

    #[test]
    fn reads_the_assignments_of_many_languages() {
        use Place::{Bare, Line, Quoted};
        for (text, key, value, place) in [
            ("API_KEY = \"v1\"", "API_KEY", "v1", Quoted),
            ("api_key: str = 'v1'", "api_key", "v1", Quoted),
            ("api_key: Option<&str> = \"v1\"", "api_key", "v1", Quoted),
            ("export API_KEY=v1\n", "API_KEY", "v1", Line),
            ("  - api.key: v1\r\n", "api.key", "v1", Line),
            ("{\"apiKey\": \"v1\"}", "apiKey", "v1", Quoted),
            ("os.environ[\"API_KEY\"] = \"v1\"", "API_KEY", "v1", Quoted),
            (
                "os.environ[\\\"API_KEY\\\"] = \\\"v1\\\"\\n",
                "API_KEY",
                "v1",
                Quoted,
            ),
            ("define('API_KEY', 'v1');", "API_KEY", "v1", Quoted),
            ("'api_key' => 'v1',", "api_key", "v1", Quoted),
            ("apiKey := `v1`", "apiKey", "v1", Quoted),
            ("run --api-key v1 --x", "--api-key", "v1", Bare),
            ("ENV API_KEY v1\n", "API_KEY", "v1", Line),
            ("<apiKey enc=\"b64\">v1</apiKey>", "apiKey", "v1", Quoted),
            ("client(api_key=v1, y)", "api_key", "v1", Bare),
            ("api_key=b\"v1\"", "api_key", "v1", Quoted),
            ("a\\napi_key=v1\\n", "api_key", "v1", Line),
            ("a\\u0026api_key=v1\\u0026b", "api_key", "v1", Bare),
        ] {
            assert_eq!(of(text), Some((key, value, place)), "{text}");
        }
    }

    #[test]
    fn comparisons_paths_and_prose_assign_nothing() {
        for text in [
            "if api_key == \"v1\"",
            "api_key::new",
            "the key, v1",
            "a key",
            "key",
            "key = \"open\n\"",
            "<key>v1\n</key>",
            "key != \"v1\"",
            "['key', 'v1']",
            "key = f(x)",
            "key = f[1]",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        let long = format!("{}key = 'v1'", "x".repeat(80));
        assert_eq!(of(&long), None);
    }

    proptest! {
        #[test]
        fn reads_nothing_beyond_its_reach(
            text in "[\\\\\"'=: \nkey<>(),a-c.]{0,60}", far in 0usize..4000,
        ) {
            let mut text = text.into_bytes();
            text.extend(std::iter::repeat_n(b'v', far));
            text.extend_from_slice(b"\" 'key=value");
            for at in 0..text.len().min(80) {
                let near = &text[..text.len().min(at + REACH)];
                let (found, used) = read(&text, at);
                prop_assert_eq!((&found, used), (&read(near, at).0, read(near, at).1));
                prop_assert!(at <= used && used <= near.len());
                if let Some(found) = found {
                    prop_assert!(found.key.start <= at && at <= found.key.end);
                    prop_assert!(found.key.end <= found.value.start);
                }
            }
        }
    }
}
