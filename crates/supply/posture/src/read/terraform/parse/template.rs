//! Templates: quoted texts, heredocs, and whole files.

use std::sync::Arc;

use casemate_document::Span;

use super::{Parsed, Parser};
use crate::read::terraform::syntax::{Expr, ExprKind, ForPart, Part};

/// What a template is read as, before its directives are put into each other.
enum Piece {
    Text(String),
    Interpolation {
        expr: Expr,
        strips: (bool, bool),
    },
    Directive {
        directive: Directive,
        strips: (bool, bool),
    },
}

enum Directive {
    If(Expr),
    Else,
    EndIf,
    For(Option<Arc<str>>, Arc<str>, Expr),
    EndFor,
}

impl Parser<'_> {
    pub(super) fn template_quoted(&mut self) -> Parsed<Expr> {
        let start = self.at;
        self.at += 1;
        let mut pieces = Vec::new();
        let mut text = String::new();
        loop {
            let Some(c) = self.text[self.at..].chars().next() else {
                return Err(self.wrong("a text is not closed"));
            };
            match c {
                '"' => break,
                '\n' => return Err(self.wrong("a text is not closed on its line")),
                '\\' => text.push(self.escape()?),
                _ if self.literal_sign(&mut text) => {}
                _ => match self.piece()? {
                    Some(piece) => {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                        pieces.push(piece);
                    }
                    None => {
                        text.push(c);
                        self.at += c.len_utf8();
                    }
                },
            }
        }
        self.at += 1;
        pieces.push(Piece::Text(text));
        let parts = self.nest(pieces)?;
        let span = self.span_from(start);
        self.template_expr(parts, span)
    }

    /// `$${` and `%%{` are `${` and `%{` that begin nothing.
    fn literal_sign(&mut self, text: &mut String) -> bool {
        for sign in ["$${", "%%{"] {
            if self.take(sign) {
                text.push_str(&sign[1..]);
                return true;
            }
        }
        false
    }

    fn escape(&mut self) -> Parsed<char> {
        self.at += 1;
        let Some(c) = self.text[self.at..].chars().next() else {
            return Err(self.wrong("a text is not closed"));
        };
        self.at += c.len_utf8();
        let digits = match c {
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            '"' | '\\' => return Ok(c),
            'u' => 4,
            'U' => 8,
            _ => return Err(self.wrong("an escape is not one of HCL")),
        };
        let code = self.text.get(self.at..self.at + digits);
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        let c = code.and_then(char::from_u32);
        self.at += if c.is_some() { digits } else { 0 };
        c.ok_or_else(|| self.wrong("an escape is no character"))
    }

    /// `${ … }` or `%{ … }`, if it stands here.
    fn piece(&mut self) -> Parsed<Option<Piece>> {
        let is_interpolation = match self.text[self.at..].get(..2) {
            Some("${") => true,
            Some("%{") => false,
            _ => return Ok(None),
        };
        self.deeper()?;
        self.at += 2;
        let strips_left = self.take("~");
        let outer = std::mem::replace(&mut self.newlines, true);
        let piece = if is_interpolation {
            let expr = self.expr()?;
            let strips = (strips_left, self.close()?);
            Piece::Interpolation { expr, strips }
        } else {
            let directive = self.directive()?;
            let strips = (strips_left, self.close()?);
            Piece::Directive { directive, strips }
        };
        self.newlines = outer;
        self.depth -= 1;
        Ok(Some(piece))
    }

    fn close(&mut self) -> Parsed<bool> {
        self.space();
        let strips = self.take("~");
        self.expect("}")?;
        Ok(strips)
    }

    fn directive(&mut self) -> Parsed<Directive> {
        self.space();
        let word = self.word()?;
        Ok(match &*word {
            "if" => Directive::If(self.expr()?),
            "else" => Directive::Else,
            "endif" => Directive::EndIf,
            "for" => {
                let (key, value) = self.for_names()?;
                Directive::For(key, value, self.expr()?)
            }
            "endfor" => Directive::EndFor,
            _ => return Err(self.wrong("a directive is not one of HCL")),
        })
    }

    pub(super) fn heredoc(&mut self) -> Parsed<Expr> {
        let outer_start = self.at;
        self.at += 2;
        let is_flush = self.take("-");
        let marker = self.word()?;
        self.take("\r");
        if !self.take("\n") {
            return Err(self.wrong("a heredoc begins on the line after its marker"));
        }
        let start = self.at;
        let mut lines: Vec<Vec<Piece>> = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let line = rest.split('\n').next().unwrap_or_default();
            if line.trim() == &*marker {
                let end = self.at;
                self.at += line.trim_end().len();
                if is_flush {
                    flush(&mut lines);
                }
                let parts = self.nest(lines.into_iter().flatten().collect())?;
                let span = self.fixed.unwrap_or_else(|| Span::new(start, end));
                debug_assert!(outer_start < start);
                return self.template_expr(parts, span);
            }
            if rest.is_empty() {
                return Err(self.wrong("a heredoc is not closed"));
            }
            lines.push(self.heredoc_line()?);
        }
    }

    fn heredoc_line(&mut self) -> Parsed<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.text[self.at..].chars().next() {
            if self.literal_sign(&mut text) {
                continue;
            }
            if let Some(piece) = self.piece()? {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(piece);
                continue;
            }
            self.at += c.len_utf8();
            text.push(c);
            if c == '\n' {
                break;
            }
        }
        pieces.push(Piece::Text(text));
        Ok(pieces)
    }

    pub(super) fn whole_template(&mut self) -> Parsed<Vec<Part>> {
        let mut pieces = Vec::new();
        while self.at < self.text.len() {
            pieces.extend(self.heredoc_line()?);
        }
        self.nest(pieces)
    }

    /// An expression for the parts. A single `${x}` is x itself, and no text.
    pub(super) fn template_expr(&self, parts: Vec<Part>, span: Span) -> Parsed<Expr> {
        let depth = deepest(&parts);
        self.node_at(ExprKind::Template(parts), span, depth)
    }

    /// Puts directives into each other.
    fn nest(&mut self, mut pieces: Vec<Piece>) -> Parsed<Vec<Part>> {
        strip(&mut pieces);
        let mut open: Vec<Open> = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        for piece in pieces {
            let directive = match piece {
                Piece::Text(text) if text.is_empty() => continue,
                Piece::Text(text) => {
                    parts.push(Part::Text(text.into()));
                    continue;
                }
                Piece::Interpolation { expr, .. } => {
                    parts.push(Part::Interpolation(expr));
                    continue;
                }
                Piece::Directive { directive, .. } => directive,
            };
            match (directive, open.pop()) {
                (Directive::If(condition), outer) => {
                    open.extend(outer);
                    let before = std::mem::take(&mut parts);
                    open.push(Open::If(before, condition, None));
                }
                (Directive::For(key, value, of), outer) => {
                    open.extend(outer);
                    let before = std::mem::take(&mut parts);
                    open.push(Open::For(before, key, value, of));
                }
                (Directive::Else, Some(Open::If(before, condition, None))) => {
                    let yes = std::mem::take(&mut parts);
                    open.push(Open::If(before, condition, Some(yes)));
                }
                (Directive::EndIf, Some(Open::If(before, condition, yes))) => {
                    let last = std::mem::replace(&mut parts, before);
                    let (yes, no) = match yes {
                        Some(yes) => (yes, last),
                        None => (last, Vec::new()),
                    };
                    parts.push(Part::If(Box::new(condition), yes, no));
                }
                (Directive::EndFor, Some(Open::For(before, key, value, of))) => {
                    let body = std::mem::replace(&mut parts, before);
                    let part = ForPart {
                        key,
                        value,
                        of,
                        body,
                    };
                    parts.push(Part::For(Box::new(part)));
                }
                _ => return Err(self.wrong("a directive closes nothing")),
            }
            if open.len() > MAX_DIRECTIVES {
                return Err(self.wrong("directives are nested too deeply"));
            }
        }
        if !open.is_empty() {
            return Err(self.wrong("a directive is not closed"));
        }
        Ok(parts)
    }
}

/// A directive that is not closed, and what is before it.
enum Open {
    If(Vec<Part>, Expr, Option<Vec<Part>>),
    For(Vec<Part>, Option<Arc<str>>, Arc<str>, Expr),
}

/// Takes the white space away that `~` asks for, with line ends.
fn strip(pieces: &mut [Piece]) {
    for at in 0..pieces.len() {
        let (left, right) = match &pieces[at] {
            Piece::Text(_) => continue,
            Piece::Interpolation { strips, .. } | Piece::Directive { strips, .. } => *strips,
        };
        if left && let Some(Piece::Text(text)) = at.checked_sub(1).map(|at| &mut pieces[at]) {
            text.truncate(text.trim_end().len());
        }
        if right && let Some(Piece::Text(text)) = pieces.get_mut(at + 1) {
            *text = text.trim_start().to_owned();
            // Of a heredoc the next line is a piece of its own.
            if text.is_empty()
                && let Some(Piece::Text(next)) = pieces.get_mut(at + 2)
            {
                *next = next.trim_start().to_owned();
            }
        }
    }
}

/// Takes the indentation away that all lines share, as `<<-` asks for.
fn flush(lines: &mut [Vec<Piece>]) {
    let indent = |line: &Vec<Piece>| match line.first() {
        // Lines without anything on them do not count.
        Some(Piece::Text(text)) if line.len() == 1 && text.trim().is_empty() => None,
        Some(Piece::Text(text)) => Some(text.len() - text.trim_start_matches([' ', '\t']).len()),
        _ => Some(0),
    };
    let shared = lines.iter().filter_map(indent).min().unwrap_or_default();
    for line in lines {
        if let Some(Piece::Text(text)) = line.first_mut() {
            let space = text.len() - text.trim_start_matches([' ', '\t']).len();
            text.drain(..shared.min(space));
        }
    }
}

fn deepest(parts: &[Part]) -> u16 {
    let depth = |part: &Part| match part {
        Part::Text(_) => 0,
        Part::Interpolation(expr) => expr.depth,
        Part::If(condition, yes, no) => 1 + condition.depth.max(deepest(yes)).max(deepest(no)),
        Part::For(part) => 1 + part.of.depth.max(deepest(&part.body)),
    };
    parts.iter().map(depth).max().unwrap_or_default()
}

/// Bounds how deep what [`Parser::nest`] makes can be walked.
const MAX_DIRECTIVES: usize = 50;
