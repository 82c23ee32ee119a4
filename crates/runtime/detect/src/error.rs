//! What is wrong with a file of rules, where, and what to do about it.

use casemate_document::{Lines, Span};

/// Why a rule is not read. A rule that is not understood whole is not used at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}; {advice}")]
pub struct Error {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from one.
    pub line: u64,
    /// The column in characters, counted from one.
    pub column: u64,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do next, in the imperative.
    pub advice: String,
}

/// A file that is being read: makes errors that name it.
pub(crate) struct Text<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    lines: Lines<'a>,
}

impl<'a> Text<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let lines = Lines::of(text);
        Self { file, text, lines }
    }

    pub(crate) fn error(
        &self,
        span: Span,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Error {
        let place = self.lines.place(span.start as usize);
        Error {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
            advice: advice.into(),
        }
    }
}

/// A text of a rule as part of a message: in one line, without control characters, and not all of it.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_QUOTED).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.escape_debug())
}

const MOST_QUOTED: usize = 80;
