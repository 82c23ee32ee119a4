//! Lines of text: indented, wrapped, painted.

use anstyle::{AnsiColor, Style};
use casemate_core::{Severity, Verdict};

use super::Options;
use crate::{Judgement, plain::sanitise};

/// Text that grows line by line.
pub(super) struct Page {
    text: String,
    options: Options,
}

impl Page {
    pub(super) fn new(options: Options) -> Self {
        let options = Options {
            width: options.width.max(NARROWEST),
            ..options
        };
        Self {
            text: String::new(),
            options,
        }
    }

    /// The text, without blank lines at its end.
    pub(super) fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.text
    }

    /// `text` in `style`, where colours are wanted. `text` is clean.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if !self.options.colour {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    /// One line as it is. `line` is clean.
    pub(super) fn raw(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// The title of a section. `title` is clean.
    pub(super) fn heading(&mut self, title: &str) {
        let title = self.paint(Style::new().bold().underline(), title);
        self.raw(&title);
    }

    /// `text`, sanitised and wrapped; its first line indented by `first`, the others by `rest`.
    pub(super) fn wrapped(&mut self, first: usize, rest: usize, text: &str) {
        self.wrap(&" ".repeat(first), rest, text);
    }

    /// `text` behind a label, with its further lines under its first.
    pub(super) fn labelled(&mut self, indent: usize, label: &str, text: &str) {
        let label = format!("{}{label}", " ".repeat(indent));
        self.wrap(&label, label.len(), text);
    }

    /// A line of a list of names and values.
    pub(super) fn entry(&mut self, name: &str, value: &str) {
        let name = format!("  {:<NAMES$}  ", sanitise(name));
        self.wrap(&name, NAMES + 4, value);
    }

    fn wrap(&mut self, lead: &str, indent: usize, text: &str) {
        let clean = sanitise(text);
        let mut line = lead.to_owned();
        let mut used = lead.chars().count();
        let mut empty = true;
        for word in clean.split(' ').filter(|word| !word.is_empty()) {
            let length = word.chars().count();
            if !empty && used + 1 + length > self.options.width {
                self.raw(&line);
                line = " ".repeat(indent);
                used = indent;
                empty = true;
            }
            if !empty {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
            empty = false;
        }
        self.raw(&line);
    }
}

pub(super) fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Info => Style::new().dimmed(),
    }
}

pub(super) fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Allow => AnsiColor::Green.on_default().bold(),
        Verdict::Warn => AnsiColor::Yellow.on_default().bold(),
        Verdict::Deny => AnsiColor::Red.on_default().bold(),
    }
}

pub(super) fn of_judgement(judgement: Judgement) -> Style {
    match judgement {
        Judgement::Inert => AnsiColor::Green.on_default(),
        Judgement::Known => AnsiColor::Cyan.on_default(),
        Judgement::Unknown => AnsiColor::Yellow.on_default(),
        Judgement::Dangerous => AnsiColor::Red.on_default().bold(),
    }
}

/// The fewest columns that text is laid out for.
const NARROWEST: usize = 40;
/// The columns that the names of a list take.
const NAMES: usize = 10;
