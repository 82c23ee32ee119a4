//! What one run of one tool says, whatever the format of its report.

use std::fmt;

use casemate_core::{Confidence, Region, Severity};

use crate::{fields::Wrong, place::Written, read::MAX_RESULTS};

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OASIS SARIF 2.1.0.
    Sarif,
    /// What `checkov -o json` prints.
    Checkov,
    /// What `trivy --format json` prints, version 2 of its schema.
    Trivy,
}

impl Format {
    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "SARIF 2.1.0",
            Self::Checkov => "Checkov JSON",
            Self::Trivy => "Trivy JSON",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one run of one tool says.
#[derive(Debug)]
pub struct Run {
    /// The tool's name.
    pub tool: String,
    /// Its version, where the report has one.
    pub version: Option<String>,
    /// The format of the report.
    pub format: Format,
    /// Whether it is what this program wrote itself.
    pub is_ours: bool,
    /// What it reports.
    pub(crate) said: Vec<Said>,
    /// Why the run was not whole, or could not be read whole.
    pub(crate) gaps: Gaps,
    /// Results that say that all is well, or that there is nothing to say.
    pub(crate) quiet: u64,
    /// Results beyond the most that are kept.
    pub(crate) over: usize,
}

impl Run {
    pub(crate) fn new(tool: &str, version: Option<&str>, format: Format) -> Self {
        Self {
            tool: crate::fields::line(tool, MOST_NAME),
            version: version.map(|version| crate::fields::line(version, MOST_NAME)),
            format,
            is_ours: false,
            said: Vec::new(),
            gaps: Gaps::default(),
            quiet: 0,
            over: 0,
        }
    }

    /// Takes a result, or tells which could not be read and why.
    pub(crate) fn take(
        &mut self,
        said: Result<Option<Said>, Wrong>,
        place: impl FnOnce() -> String,
    ) {
        match said {
            // Who reads the report refuses it then; what is over is not kept until it does.
            Ok(Some(_)) if self.said.len() >= MAX_RESULTS => self.over += 1,
            Ok(Some(said)) => self.said.push(said),
            Ok(None) => self.quiet += 1,
            Err(wrong) => self.gaps.push(format!("{}: {wrong}", place())),
        }
    }
}

/// Reasons, of which the first are kept and the rest counted.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    first: Vec<String>,
    more: u64,
}

impl Gaps {
    pub(crate) fn push(&mut self, reason: String) {
        if self.first.len() < MOST_GAPS {
            self.first.push(reason);
        } else {
            self.more += 1;
        }
    }

    /// All of them in one line, if there are any.
    pub(crate) fn told(&self) -> Option<String> {
        let first = self.first.join("; ");
        match (self.first.is_empty(), self.more) {
            (true, _) => None,
            (false, 0) => Some(first),
            (false, more) => Some(format!("{first}; and {more} more")),
        }
    }
}

/// One result.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The tool's name of the rule.
    pub(crate) rule: String,
    /// What the tool says of the rule.
    pub(crate) about: About,
    /// What is wrong.
    pub(crate) message: String,
    pub(crate) severity: Severity,
    /// The tool's own word, and what it was taken for.
    pub(crate) word: String,
    pub(crate) confidence: Confidence,
    /// Where, as the tool wrote it.
    pub(crate) place: Written,
    pub(crate) region: Option<Region>,
    /// The address of the resource, where the tool has one.
    pub(crate) resource: Option<String>,
    /// What the tool itself recognises the result by.
    pub(crate) recognised: Option<String>,
    /// Why it was accepted there, where it was.
    pub(crate) accepted: Option<String>,
    /// What the tool's own comparison with an earlier run says.
    pub(crate) baseline: Option<String>,
    /// That the tool leaves it open, and why.
    pub(crate) open: Option<&'static str>,
    /// What else it says.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// What a tool says of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) remediation: Option<String>,
    pub(crate) references: Vec<String>,
}

/// Lines of a text, from one; a tool that knows none gives zero, or what ends before it begins.
pub(crate) fn lines(start: Option<i64>, end: Option<i64>) -> Option<Region> {
    text_region([start, None, end, None])
}

/// The line and column of the beginning, and the line and column of the end.
pub(crate) fn text_region(
    [line, column, end_line, end_column]: [Option<i64>; 4],
) -> Option<Region> {
    let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0);
    let line = positive(line)?;
    let column = positive(column).unwrap_or(1);
    let end_line = positive(end_line).unwrap_or(line).max(line);
    let end_column = positive(end_column).unwrap_or(1);
    let end_column = match end_line == line {
        true => end_column.max(column),
        false => end_column,
    };
    Some(Region::Text {
        line,
        column,
        end_line,
        end_column,
    })
}

/// How many reasons are named.
const MOST_GAPS: usize = 5;
/// Characters of a tool's name or version.
const MOST_NAME: usize = 64;
/// Characters of a message.
pub(crate) const MOST_MESSAGE: usize = 1000;
/// Characters of what is said of a rule.
pub(crate) const MOST_ABOUT: usize = 2000;
/// Characters of a title or a name.
pub(crate) const MOST_TITLE: usize = 200;
/// References of one rule.
pub(crate) const MOST_REFERENCES: usize = 20;
