//! Lines for a terminal: labelled, wrapped, painted, and never obeyed.

use anstyle::{AnsiColor, Style};
use casemate_artifact::Verdict;
use casemate_report::{sanitise, text::Options};

/// Text that grows line by line.
pub(super) struct Page {
    text: String,
    options: Options,
}

impl Page {
    pub(super) fn new(options: Options) -> Self {
        Self {
            text: String::new(),
            options,
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Text as it is. It is clean, and ends with a line feed.
    pub(super) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// The beginning of a report on a file.
    pub(super) fn heading(&mut self, title: &str, verdict: Verdict) {
        let title = self.paint(Style::new().bold(), &sanitise(title));
        let verdict = self.paint(style(verdict), verdict.as_str());
        self.raw(&format!("{title} · {verdict}\n"));
    }

    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        for (index, row) in self.rows(text, LABELS, 0).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.text += &format!("{label:LABELS$}{row}\n");
        }
    }

    pub(super) fn line(&mut self, style: Style, text: &str) {
        let line = self.paint(style, text);
        self.text += &line;
        self.text.push('\n');
    }

    /// `text`, sanitised, in rows that fit behind `indent`; all but the first `hanging` shorter.
    pub(super) fn rows(&self, text: &str, indent: usize, hanging: usize) -> Vec<String> {
        let clean = sanitise(text);
        let width = self.options.width.max(NARROWEST).saturating_sub(indent);
        let mut rows = vec![String::new()];
        let mut used = 0;
        for word in clean.split_inclusive(' ') {
            let length = word.trim_end().chars().count();
            let room = width.saturating_sub(if rows.len() == 1 { 0 } else { hanging });
            if used > 0 && used + length > room {
                rows.push(String::new());
                used = 0;
            }
            used += word.chars().count();
            if let Some(row) = rows.last_mut() {
                row.push_str(word);
            }
        }
        for row in &mut rows {
            row.truncate(row.trim_end().len());
        }
        rows
    }

    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        match self.options.colour && style != Style::new() && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

/// How a verdict is painted.
pub(super) fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Inert => AnsiColor::Green.on_default(),
        Verdict::Known => AnsiColor::Cyan.on_default(),
        Verdict::Unknown => AnsiColor::Yellow.on_default(),
        Verdict::Dangerous => AnsiColor::Red.on_default(),
    }
}

/// `12,345`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in decimal units.
pub(super) fn size(bytes: u64) -> String {
    let mut unit = 0;
    let mut scale = 1u64;
    while unit < UNITS.len() - 1 && bytes / scale >= 1000 {
        scale *= 1000;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    // Tenths are cut and not rounded, so that the number never says more than there is.
    let tenth = bytes % scale / (scale / 10);
    format!("{}.{tenth} {}", bytes / scale, UNITS[unit])
}

pub(super) const DIM: Style = Style::new().dimmed();
/// The columns of labels.
pub(super) const LABELS: usize = 9;
const NARROWEST: usize = 40;
const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
