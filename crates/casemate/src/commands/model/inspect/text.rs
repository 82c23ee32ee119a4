//! An inspection for a terminal: one section for each kind of content, in columns.

use anstyle::Style;
use casemate_artifact::{MemberRow, Outline, TensorRow, Verdict};
use casemate_core::Coverage;
use casemate_report::{sanitise, text::Options};

use super::Report;
use crate::commands::model::page::{DIM, Page, size, style, thousands};

/// The whole page.
pub(super) fn page(report: &Report, is_full: bool, options: Options) -> String {
    let mut writing = Writing {
        page: Page::new(options),
        most: if is_full { usize::MAX } else { MOST_ROWS },
    };
    let bytes = thousands(report.bytes);
    let title = format!("{} · {}, {bytes} bytes", report.path, report.format);
    writing.page.heading(&title, report.verdict);
    if report.coverage == Coverage::Partial {
        let reason = report
            .reason
            .as_deref()
            .unwrap_or("not all of it was judged");
        writing.page.labelled("partial", reason);
    }
    if let Some(allowed) = &report.allowed {
        writing.page.labelled("by you", allowed);
    }
    writing.tensors(report);
    writing.metadata(report);
    writing.outlines(report);
    writing.imports(report);
    writing.members(report);
    writing.shards(report);
    writing.end(report);
    writing.page.finish()
}

struct Writing {
    page: Page,
    /// How many rows of a section are printed.
    most: usize,
}

/// What stands in a cell, and on which side.
enum Cell {
    Left(String),
    Right(String),
}

impl Writing {
    fn tensors(&mut self, report: &Report) {
        let content = &report.content;
        if content.tensors.is_empty() {
            return;
        }
        let totals = &content.totals;
        self.section(
            "tensors",
            &format!(
                "{} · {} parameters · {}",
                thousands(content.tensors.len() as u64),
                thousands(totals.parameters),
                size(totals.bytes)
            ),
        );
        if totals.dtypes.len() > 1 {
            let rows = totals.dtypes.iter().map(|of| {
                vec![
                    Cell::Left(of.dtype.clone()),
                    Cell::Right(thousands(of.tensors)),
                    Cell::Right(format!("{} parameters", thousands(of.parameters))),
                    Cell::Right(size(of.bytes)),
                ]
            });
            let rows: Vec<_> = rows.map(|row| (row, Style::new())).collect();
            self.table(&rows, 0);
            self.page.blank();
        }
        let rows: Vec<_> = (content.tensors.iter().take(self.most))
            .map(|tensor| (tensor_row(tensor), Style::new()))
            .collect();
        self.table(&rows, content.tensors.len());
    }

    fn shards(&mut self, report: &Report) {
        let Some(shards) = &report.shards else { return };
        self.section("shards", &thousands(shards.files.len() as u64));
        let rows: Vec<_> = (shards.files.iter().take(self.most))
            .map(|file| {
                let row = vec![
                    Cell::Left(file.name.clone()),
                    Cell::Right(format!("{} tensors", thousands(file.tensors))),
                    Cell::Right(size(file.bytes)),
                ];
                (row, Style::new())
            })
            .collect();
        self.table(&rows, shards.files.len());
        let count = shards.disagreements.len() as u64 + shards.more_disagreements;
        if count == 0 {
            return;
        }
        self.section("disagreements", &thousands(count));
        for sentence in shards.disagreements.iter().take(self.most) {
            let sentence = self.cut(sentence);
            self.page.raw(&format!("  {}\n", sanitise(&sentence)));
        }
        let shown = shards.disagreements.len().min(self.most) as u64;
        if count > shown {
            let more = thousands(count - shown);
            self.page.line(DIM, &format!("  … {more} more (--full)"));
        }
    }

    fn metadata(&mut self, report: &Report) {
        let content = &report.content;
        if content.metadata.is_empty() {
            return;
        }
        self.section("metadata", &thousands(content.metadata.len() as u64));
        let rows: Vec<_> = (content.metadata.iter().take(self.most))
            .map(|entry| {
                let mut row = vec![Cell::Left(entry.key.clone())];
                row.extend(entry.kind.clone().map(Cell::Left));
                row.push(Cell::Left(self.cut(&entry.value)));
                (row, Style::new())
            })
            .collect();
        self.table(&rows, content.metadata.len());
    }

    fn outlines(&mut self, report: &Report) {
        // A file of tensors is told by their list; an outline of one line says no more.
        let outlines: Vec<&Outline> = report.content.outlines.iter().collect();
        if outlines.is_empty() {
            return;
        }
        self.section("content", "");
        for outline in outlines {
            let mut place: Vec<String> = outline.members.clone();
            place.extend(outline.within.iter().map(|at| format!("bytes at {at}")));
            if outline.start > 0 {
                place.push(format!("at {}", outline.start));
            }
            let mut indent = 2;
            if !place.is_empty() {
                let place = format!("  {}", sanitise(&place.join(" › ")));
                self.page.line(DIM, &place);
                indent = 4;
            }
            for line in &outline.lines {
                let margin = " ".repeat(indent + usize::from(line.depth) * 2);
                let name = match line.name.is_empty() {
                    true => String::new(),
                    false => format!("{}: ", sanitise(&line.name)),
                };
                let text = self.cut(&line.text);
                self.page
                    .raw(&format!("{margin}{name}{}\n", sanitise(&text)));
            }
            if outline.left_out > 0 {
                let more = thousands(outline.left_out);
                let margin = " ".repeat(indent);
                self.page
                    .line(DIM, &format!("{margin}… {more} more (--full)"));
            }
        }
    }

    fn imports(&mut self, report: &Report) {
        let imports = &report.content.imports;
        if imports.is_empty() {
            return;
        }
        let mut sorted: Vec<_> = imports.iter().collect();
        sorted.sort_by_key(|row| (std::cmp::Reverse(row.standing), &row.name));
        self.section("imports", &thousands(imports.len() as u64));
        let rows: Vec<_> = (sorted.iter().take(self.most))
            .map(|row| {
                let times = |count: u64, what: &str| match count {
                    0 => String::new(),
                    count => format!("{what} {}", thousands(count)),
                };
                let cells = vec![
                    Cell::Left(row.standing.as_str().to_owned()),
                    Cell::Left(row.name.clone()),
                    Cell::Left(times(row.imports, "imported")),
                    Cell::Left(times(row.calls, "called")),
                ];
                let style = match row.standing {
                    Verdict::Known | Verdict::Inert => Style::new(),
                    worse => style(worse),
                };
                (cells, style)
            })
            .collect();
        self.table(&rows, imports.len());
    }

    fn members(&mut self, report: &Report) {
        let members = &report.content.members;
        if members.is_empty() {
            return;
        }
        self.section("members", &thousands(members.len() as u64));
        // Code is what a reader looks for, and stands behind hundreds of tensors.
        let (code, data): (Vec<&MemberRow>, Vec<&MemberRow>) =
            members.iter().partition(|row| is_code(row));
        let rows: Vec<_> = (code.into_iter().chain(data).take(self.most))
            .map(|row| {
                let format = match (is_code(row), row.format) {
                    (true, _) => "embedded code",
                    (false, Some(format)) => format,
                    (false, None) => "",
                };
                let cells = vec![
                    Cell::Left(row.path.join(" › ")),
                    Cell::Right(row.bytes.map_or_else(|| "?".to_owned(), thousands)),
                    Cell::Left(format.to_owned()),
                ];
                let style = if is_code(row) {
                    style(Verdict::Unknown)
                } else {
                    Style::new()
                };
                (cells, style)
            })
            .collect();
        self.table(&rows, members.len());
    }

    fn end(&mut self, report: &Report) {
        let left_out = &report.content.left_out;
        if !left_out.is_empty() {
            self.page.blank();
            let said = format!("more than can be listed: {}", left_out.join(", "));
            self.page.line(style(Verdict::Unknown), &said);
        }
        if report.verdict >= Verdict::Unknown {
            self.page.blank();
            let next = format!("casemate model explain {}", report.path);
            self.page.labelled("next", &next);
        }
    }

    fn section(&mut self, name: &str, about: &str) {
        self.page.blank();
        let name = self.page.paint(Style::new().bold(), name);
        let gap = if about.is_empty() { "" } else { "  " };
        self.page.raw(&format!("{name}{gap}{about}\n"));
    }

    /// Rows in columns as wide as what is in them, and how many of `all` are missing.
    fn table(&mut self, rows: &[(Vec<Cell>, Style)], all: usize) {
        let mut widths: Vec<usize> = Vec::new();
        let shown: Vec<Vec<(String, bool)>> = (rows.iter())
            .map(|(cells, _)| cells.iter().map(Cell::clean).collect())
            .collect();
        for row in &shown {
            for (column, (text, _)) in row.iter().enumerate() {
                let width = text.chars().count().min(WIDEST);
                match widths.get_mut(column) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        for (row, (_, style)) in shown.iter().zip(rows) {
            let mut line = String::from(" ");
            for ((text, is_right), width) in row.iter().zip(&widths) {
                line += &match is_right {
                    true => format!(" {text:>width$} "),
                    false => format!(" {text:<width$} "),
                };
            }
            self.page.line(*style, line.trim_end());
        }
        if all > rows.len() {
            let more = thousands((all - rows.len()) as u64);
            self.page.line(DIM, &format!("  … {more} more (--full)"));
        }
    }

    /// Text that has room on a line, unless everything is asked for.
    fn cut(&self, text: &str) -> String {
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) if self.most < usize::MAX => format!("{}…", &text[..end]),
            _ => text.to_owned(),
        }
    }
}

impl Cell {
    /// The text, harmless to print, and whether it stands to the right.
    fn clean(&self) -> (String, bool) {
        let (text, is_right) = match self {
            Self::Left(text) => (text, false),
            Self::Right(text) => (text, true),
        };
        (sanitise(text).into_owned(), is_right)
    }
}

fn tensor_row(tensor: &TensorRow) -> Vec<Cell> {
    let shape: Vec<String> = tensor.shape.iter().map(u64::to_string).collect();
    let mut row = vec![
        Cell::Left(tensor.name.clone()),
        Cell::Left(tensor.dtype.clone()),
        Cell::Left(format!("[{}]", shape.join(", "))),
        Cell::Right(size(tensor.bytes)),
    ];
    if let Some(other) = &tensor.shares {
        row.push(Cell::Left(format!("shares the storage of {other}")));
    }
    row
}

/// Whether a member is TorchScript, or Python that comes with a package.
fn is_code(row: &MemberRow) -> bool {
    let Some(name) = row.path.last() else {
        return false;
    };
    row.format == Some("python-source")
        || name.ends_with(".py")
        || name.contains("/code/") && !name.ends_with(".debug_pkl")
}

const MOST_ROWS: usize = 30;
const WIDEST: usize = 80;
const LONGEST: usize = 100;
