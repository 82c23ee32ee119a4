//! JSON that names code or carries templates.

use std::io;

use casemate_core::Source;

use crate::{
    Verdict,
    cursor::{Cursor, ReadError},
    formats::{
        code::{CHAT_TEMPLATE, NAMES_CODE, NOTEBOOK},
        index::Index,
        template,
    },
    json::{Json, JsonError, Token},
    notes::{Notes, bytes, plain},
};

/// Judges text that may be JSON, one value or one a line. Gives its format, or nothing where it is
/// not JSON.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    source: &dyn Source,
    start: u64,
    notes: &mut Notes<'_>,
) -> io::Result<Option<&'static str>> {
    let mut input = Cursor::new(source, start);
    let mut format = "json";
    let mut key = String::new();
    let mut index = Index::default();
    // How deep the key stands that makes templates of all strings under it.
    let mut under: Option<usize> = None;
    loop {
        let mut json = Json::new(&mut input, KEPT);
        loop {
            let at = json.position();
            let token = match json.next() {
                Ok(Some(token)) => token,
                Ok(None) => break,
                Err(JsonError::Read(ReadError::Io(error))) => return Err(error),
                Err(_) => return Ok(None),
            };
            if token == Token::Key {
                key = String::from_utf8_lossy(json.text()).into_owned();
            }
            index.take(token, json.depth(), &key, json.text(), at, notes);
            match token {
                Token::Key => {
                    let outer = under.is_some_and(|depth| depth < json.depth());
                    if !outer {
                        under = key.contains("template").then(|| json.depth());
                    }
                }
                Token::String | Token::ObjectBegins | Token::ArrayBegins | Token::Number => {
                    let depth = json.depth();
                    let text = match token {
                        Token::String => Some(json.text()),
                        _ => None,
                    };
                    let found = meaning(&key, depth, token, text);
                    let rendered = under.is_some() && text.is_some_and(is_template);
                    let found = found.or(rendered.then_some(Meaning::Template));
                    if let Some(found) = found {
                        format = found.format();
                        found.note(&key, at, notes);
                    }
                    if token == Token::ObjectBegins {
                        // What an object holds stands under its own keys.
                        key.clear();
                    }
                }
                Token::ObjectEnds => {
                    key.clear();
                    if under.is_some_and(|depth| depth > json.depth()) {
                        under = None;
                    }
                }
                _ => {}
            }
        }
        // Another value may follow on the next line.
        loop {
            if index.is_there {
                format = "shard-index";
            }
            let window = match input.window() {
                Ok(window) => window,
                Err(ReadError::Io(error)) => return Err(error),
                Err(ReadError::End) => return Ok(Some(format)),
            };
            if window.is_empty() {
                return Ok(Some(format));
            }
            let blank = window
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            let done = blank < window.len();
            if input.skip(blank as u64).is_err() || done {
                break;
            }
        }
    }
}

/// What a key says about its file.
#[derive(Clone, Copy)]
enum Meaning {
    Template,
    NamesCode,
    Notebook,
}

fn meaning(key: &str, depth: usize, token: Token, text: Option<&[u8]>) -> Option<Meaning> {
    match key {
        "auto_map" => Some(Meaning::NamesCode),
        "_target_" | "__module__" | "loader_module" if text.is_some() => Some(Meaning::NamesCode),
        // A Keras configuration names the class of every layer and its module.
        "registered_name" | "class_name" if text.is_some() => Some(Meaning::NamesCode),
        "nbformat" if depth == 1 && token == Token::Number => Some(Meaning::Notebook),
        _ if key.starts_with("py/") => Some(Meaning::NamesCode),
        _ => None,
    }
}

/// Whether a string under a template's key is one. Of a long one only the beginning is known.
fn is_template(text: &[u8]) -> bool {
    text.len() >= KEPT || template::is_rendered(text)
}

impl Meaning {
    fn format(self) -> &'static str {
        match self {
            Self::Template => "chat-template",
            Self::NamesCode => "configuration-with-code",
            Self::Notebook => "notebook",
        }
    }

    fn note(self, key: &str, at: u64, notes: &mut Notes<'_>) {
        let key = plain(key);
        let (rule, message) = match self {
            Self::Template => (
                &CHAT_TEMPLATE,
                format!("{key} is a Jinja template, which this version does not judge"),
            ),
            Self::NamesCode => (
                &NAMES_CODE,
                format!("{key} names code, which this version does not judge"),
            ),
            Self::Notebook => (
                &NOTEBOOK,
                "this is a notebook, whose cells this version does not judge".to_owned(),
            ),
        };
        notes.observe(rule, Verdict::Unknown, bytes(at, 0), key, message);
    }
}

/// How much of a string is kept to see whether it is a template.
const KEPT: usize = 1 << 16;
