//! The forms that `--format` names.

use std::{fmt, str::FromStr};

use crate::{Assessment, Scan, json, markdown, sarif, text};

/// A form of report that goes to standard output. The HTML page is not one of them: it belongs to a
/// directory of reports, and [`crate::html`] makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people, on a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning services and editors.
    Sarif,
    /// For a comment on a pull request.
    Markdown,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Text, Self::Json, Self::Sarif, Self::Markdown];

    /// The name that `--format` takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Markdown => "markdown",
        }
    }

    /// The assessment in this form. `options` matter to text alone.
    pub fn assessment(self, assessment: &Assessment, options: text::Options) -> String {
        match self {
            Self::Text => text::assessment(assessment, options),
            Self::Json => json::assessment(assessment, json::Layout::Pretty),
            Self::Sarif => sarif::assessment(assessment),
            Self::Markdown => markdown::assessment(assessment),
        }
    }

    /// The scan in this form. `options` matter to text alone.
    pub fn scan(self, scan: &Scan, options: text::Options) -> String {
        match self {
            Self::Text => text::scan(scan, options),
            Self::Json => json::scan(scan, json::Layout::Pretty),
            Self::Sarif => sarif::scan(scan),
            Self::Markdown => markdown::scan(scan),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| FormatError(text.to_owned()))
    }
}

/// A text that does not name a form of report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format: those are text, json, sarif and markdown")]
pub struct FormatError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_name_that_leads_back_to_it() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert_eq!("pdf".parse::<Format>(), Err(FormatError("pdf".into())));
    }
}
