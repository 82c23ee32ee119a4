//! An explanation for a terminal: offsets to the left, findings beneath their statements.

use anstyle::Style;
use casemate_artifact::{Block, Effect, Mark, Origin, Statement, Stream, Verdict};
use casemate_core::Coverage;
use casemate_report::{sanitise, text::Options};

use super::Report;
use crate::commands::model::page::{DIM, LABELS, Page, style, thousands};

/// The whole page.
pub(super) fn page(report: &Report, options: Options) -> String {
    let mut writing = Writing {
        page: Page::new(options),
        column: 0,
    };
    writing.streams(report);
    writing.excerpts(report);
    writing.summary(report);
    writing.page.finish()
}

struct Writing {
    page: Page,
    /// How wide offsets are.
    column: usize,
}

impl Writing {
    fn streams(&mut self, report: &Report) {
        if report.streams.is_empty() {
            self.page.heading(
                &format!("{} · {}", report.path, report.format),
                report.verdict,
            );
            self.page.blank();
            return;
        }
        let mut skipped = 0;
        for (index, stream) in report.streams.iter().enumerate() {
            // Many streams that only hold data follow each other in some files.
            if index >= PLAIN_STREAMS && is_plain(stream) {
                skipped += 1;
                continue;
            }
            self.skipped(&mut skipped);
            self.stream(report, stream);
        }
        self.skipped(&mut skipped);
        if report.more_streams > 0 {
            let more = thousands(report.more_streams);
            self.page.line(
                DIM,
                &format!("… {more} more pickles, in which nothing was found"),
            );
            self.page.blank();
        }
    }

    fn skipped(&mut self, count: &mut u64) {
        if *count > 0 {
            let said = format!("… {} more pickles that only hold data", thousands(*count));
            self.page.line(DIM, &said);
            self.page.blank();
        }
        *count = 0;
    }

    fn stream(&mut self, report: &Report, stream: &Stream) {
        let last = stream.statements.last().map_or(0, |last| last.at);
        self.column = last.to_string().len().max(NARROWEST_OFFSET);
        self.page.heading(&title(report, stream), stream.verdict);
        for statement in &stream.statements {
            self.statement(statement);
        }
        self.page.blank();
    }

    fn statement(&mut self, statement: &Statement) {
        if statement.left_out_before > 0 {
            let more = thousands(statement.left_out_before);
            let gap = " ".repeat(self.column + GUTTER);
            self.page.line(DIM, &format!("{gap}… {more} more (--full)"));
        }
        let base = match statement.verdict {
            verdict @ (Verdict::Unknown | Verdict::Dangerous) => style(verdict),
            _ if statement.effect == Effect::Import => DIM,
            _ => Style::new(),
        };
        let (again, told): (Vec<&Mark>, Vec<&Mark>) = statement
            .marks
            .iter()
            .partition(|mark| mark.message.is_none());
        let mut text = statement.text.clone();
        for mark in again {
            text += &format!("  {} {}", sign(mark.verdict), mark.rule);
        }
        let mut told = told.into_iter().peekable();
        if !text.is_empty() {
            self.at(statement.at, base, &text, HANGING);
        }
        let mut said: Vec<(String, Vec<&str>, Verdict)> = Vec::new();
        for mark in told.by_ref() {
            let message = mark.message.clone().unwrap_or_default();
            match said.iter_mut().find(|(other, ..)| *other == message) {
                Some((_, rules, verdict)) => {
                    if !rules.contains(&mark.rule.as_str()) {
                        rules.push(&mark.rule);
                    }
                    *verdict = (*verdict).max(mark.verdict);
                }
                None => said.push((message, vec![&mark.rule], mark.verdict)),
            }
        }
        for (index, (message, rules, verdict)) in said.iter().enumerate() {
            let line = format!("{} {} {message}", sign(*verdict), rules.join(", "));
            match index == 0 && text.is_empty() {
                true => self.at(statement.at, style(*verdict), &line, HANGING),
                false => self.beneath(style(*verdict), &line),
            }
        }
        for block in &statement.blocks {
            self.block(block);
        }
    }

    /// A line at an offset.
    fn at(&mut self, at: u64, style: Style, text: &str, hanging: usize) {
        let offset = format!("{at:>width$}", width = self.column);
        let offset = self.page.paint(DIM, &offset);
        let indent = self.column + GUTTER;
        let rows = self.page.rows(text, indent, hanging);
        for (index, row) in rows.iter().enumerate() {
            let row = self.page.paint(style, row);
            self.page.raw(&match index {
                0 => format!("{offset}{}{row}\n", " ".repeat(GUTTER)),
                _ => format!("{}{row}\n", " ".repeat(indent + hanging)),
            });
        }
    }

    /// A line beneath a statement.
    fn beneath(&mut self, style: Style, text: &str) {
        let indent = self.column + GUTTER;
        for (index, row) in self.page.rows(text, indent, 2).iter().enumerate() {
            let row = self.page.paint(style, row);
            let hanging = if index == 0 { 0 } else { 2 };
            self.page
                .raw(&format!("{}{row}\n", " ".repeat(indent + hanging)));
        }
    }

    fn block(&mut self, block: &Block) {
        let margin = " ".repeat(self.column + GUTTER);
        self.page
            .line(DIM, &format!("{margin}┌ {}", sanitise(&block.what)));
        let bar = self.page.paint(DIM, "│");
        for line in block.text.lines() {
            // A tab would be an escape, and code is indented with them.
            let line = line.replace('\t', "    ");
            self.page
                .raw(&format!("{margin}{bar} {}\n", sanitise(&line)));
        }
        let end = match block.left_out {
            0 => format!("{margin}└"),
            more => format!("{margin}└ … {} bytes more", thousands(more)),
        };
        self.page.line(DIM, &end);
    }

    fn excerpts(&mut self, report: &Report) {
        for excerpt in &report.excerpts {
            self.column = NARROWEST_OFFSET.max(excerpt.at.to_string().len());
            let members = excerpt.members.join(" › ");
            let about = match members.is_empty() {
                true => format!("what {} is about", excerpt.rule),
                false => format!("{members}, what {} is about", excerpt.rule),
            };
            self.at(excerpt.at, style(Verdict::Unknown), &about, 0);
            self.block(&excerpt.block);
            self.page.blank();
        }
    }

    fn summary(&mut self, report: &Report) {
        let style = style(report.verdict).bold();
        let verdict = self.page.paint(style, report.verdict.as_str());
        let why = match (report.verdict, report.streams.is_empty()) {
            (Verdict::Inert, true) => "loading it runs nothing",
            (Verdict::Inert, false) => "loading it makes data, and imports and calls nothing",
            (Verdict::Known, _) => "it imports and calls only what the allowlist vouches for",
            (Verdict::Unknown, _) => "nobody vouches for all that it is or does",
            (Verdict::Dangerous, _) => "do not load it",
        };
        self.page
            .raw(&format!("{:LABELS$}{verdict}: {why}\n", "verdict"));
        if report.coverage == Coverage::Partial {
            let reason = report
                .reason
                .as_deref()
                .unwrap_or("not all of it was judged");
            self.page.labelled("partial", reason);
        }
        if let Some(allowed) = &report.allowed {
            self.page.labelled("by you", allowed);
        }
        let mut told: Vec<(&str, &str)> = Vec::new();
        let severity = report.findings.iter().map(|found| found.severity).max();
        for found in report
            .findings
            .iter()
            .filter(|found| Some(found.severity) == severity)
        {
            if !told.iter().any(|(_, message)| *message == found.message) {
                told.push((found.rule.as_str(), &found.message));
            }
        }
        let shown = told.len();
        let rest: Vec<(&str, &str)> = report
            .unplaced
            .iter()
            .filter_map(|&index| report.findings.get(index))
            .map(|found| (found.rule.as_str(), &*found.message))
            .filter(|(_, message)| !told.iter().any(|(_, other)| other == message))
            .collect();
        for (label, list) in [("because", &told[..shown]), ("besides", &rest[..])] {
            for (index, (rule, message)) in list.iter().take(MOST_REASONS).enumerate() {
                let label = if index == 0 { label } else { "" };
                self.page.labelled(label, &format!("{rule} {message}"));
            }
            if list.len() > MOST_REASONS {
                let more = list.len() - MOST_REASONS;
                self.page
                    .labelled("", &format!("… {more} more (`casemate scan`)"));
            }
        }
        let next = match told.first() {
            Some((rule, _)) => format!("casemate explain {rule}"),
            None => format!("casemate model inspect {}", report.path),
        };
        self.page.labelled("next", &next);
    }
}

/// Whether a stream has nothing but a value in it.
fn is_plain(stream: &Stream) -> bool {
    stream.verdict == Verdict::Inert
        && stream
            .statements
            .iter()
            .all(|statement| statement.effect == Effect::Return && statement.marks.is_empty())
}

/// Where a stream stands, and what it is.
fn title(report: &Report, stream: &Stream) -> String {
    let mut place = String::new();
    for at in stream.within.iter().rev() {
        place += &format!("the bytes at {at} in ");
    }
    for member in stream.members.iter().rev() {
        place += &format!("{member} in ");
    }
    place += &report.path.to_string();
    let what = match stream.origin {
        Origin::First => "pickle".to_owned(),
        Origin::Next => format!("another pickle, at {}", stream.start),
        Origin::Hidden => format!("hidden pickle, at {}", stream.start),
        Origin::Resumed => format!("what another reader reads, at {}", stream.start),
    };
    let protocol = stream
        .protocol
        .map_or_else(|| "0 or 1".to_owned(), |n| n.to_string());
    let length = thousands(stream.length);
    format!("{place} · {what}, protocol {protocol}, {length} bytes")
}

fn sign(verdict: Verdict) -> char {
    match verdict {
        Verdict::Dangerous => '✗',
        Verdict::Unknown => '?',
        Verdict::Known | Verdict::Inert => '·',
    }
}

const NARROWEST_OFFSET: usize = 6;
const GUTTER: usize = 2;
const HANGING: usize = 4;
const MOST_REASONS: usize = 5;
/// How many streams are told of in full however little they hold.
const PLAIN_STREAMS: usize = 6;
