//! Our own word for what evaluates policies, so that nothing else knows which library does.

use std::{any::Any, fmt, time::Duration};

use casemate_core::Timestamp;
use serde_json::Value;

/// A policy that is loaded and can be asked.
pub trait Engine: Send + Sync {
    /// The values of `rules`, each named by its full path (`data.casemate.gate.deny`), in that
    /// order; `None` where a rule is undefined or does not exist. Every call begins afresh: nothing
    /// that one evaluation leaves behind reaches the next.
    ///
    /// # Errors
    ///
    /// What kept the policy from answering. There is no partial answer.
    fn eval(
        &self,
        rules: &[&str],
        question: &Question<'_>,
    ) -> Result<Vec<Option<Value>>, EngineError>;
}

/// What a policy is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The document that policies read as `input`.
    pub input: &'a Value,
    /// What `time.now_ns()` answers.
    pub now: Timestamp,
}

/// How much one evaluation may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time for each rule that is asked for; whoever exceeds it is denied.
    pub time: Duration,
    /// In bytes: how much the process may grow while the evaluation goes on. Evaluations that go on at the
    /// same time have it together, and whoever finds that it is used up is denied.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            memory: 512 << 20,
        }
    }
}

/// Why a policy could not be loaded, or gave no answer. The texts are one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A file is not Rego.
    #[error("{0}")]
    Parse(Message),
    /// A file asks for more than an evaluation can be promised to survive.
    #[error("{0}")]
    Refuse(Message),
    /// A data document cannot be read, or contradicts another one.
    #[error("{0}")]
    Data(Message),
    /// The evaluation failed.
    #[error("{0}")]
    Evaluate(Message),
    /// The evaluation took longer than it may.
    #[error("the policy took longer than its time limit")]
    Time,
    /// The process grew by more than an evaluation may take, while this one went on.
    #[error(
        "the policy, with others that were evaluated beside it, took more memory than its limit"
    )]
    Memory,
    /// The library panicked.
    #[error("the policy engine panicked: {0}")]
    Panic(Message),
    /// The evaluation could not be begun.
    #[error("no thread to evaluate the policy on: {0}")]
    Thread(Message),
}

/// One line of text that came from a policy or from what it was asked about: bounded, and without
/// control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(String);

impl Message {
    /// The first characters of `text`, with control characters escaped.
    pub fn new(text: &str) -> Self {
        let mut line = String::new();
        for c in text.chars().take(MAX_MESSAGE) {
            if is_unprintable(c) {
                line.extend(c.escape_unicode());
            } else {
                line.push(c);
            }
        }
        if text.chars().nth(MAX_MESSAGE).is_some() {
            line.push_str(" ...");
        }
        Self(line)
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a panic said.
    pub(crate) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::new(text.unwrap_or("without a message"))
    }

    /// What the library says on several lines with a picture of the source, on one line:
    /// `gate.rego:3:7: divide by zero`.
    pub(crate) fn of_diagnostic(text: &str) -> Self {
        let after = |mark: &str| {
            let mut lines = text.lines().map(str::trim_start);
            lines.find_map(|line| line.strip_prefix(mark))
        };
        match (after("--> "), after("error: ")) {
            (Some(place), Some(error)) => Self::new(&format!("{place}: {error}")),
            _ => Self::new(text.trim()),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Control characters, and those that change the direction of what stands beside them.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// In characters.
const MAX_MESSAGE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_printable_line() {
        assert_eq!(
            Message::new("a\u{1b}[31m\nb").as_str(),
            "a\\u{1b}[31m\\u{a}b"
        );
        let long = Message::new(&"x".repeat(5_000));
        assert_eq!(long.as_str().len(), MAX_MESSAGE + " ...".len());
    }

    #[test]
    fn a_diagnostic_keeps_its_place_and_its_error() {
        let text = "\n--> a.rego:2:16\n  |\n2 | x := 1/0\n  |  ^\nerror: divide by zero";
        assert_eq!(
            Message::of_diagnostic(text).as_str(),
            "a.rego:2:16: divide by zero"
        );
        assert_eq!(Message::of_diagnostic("plain\n").as_str(), "plain");
    }
}
