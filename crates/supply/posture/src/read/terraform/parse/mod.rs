//! From text to [`Body`]: HCL's native syntax.
//!
//! Why a parser of our own: `hcl-edit` is bounded as well, but gives nothing of a file with one mistake
//! in it, and has no place for the pieces of a heredoc. Here what follows a mistake is read, and the
//! mistake is told.

mod expr;
mod template;

use std::sync::Arc;

use casemate_document::{Error, Span};

use super::syntax::{Attribute, Block, Body, Expr, MAX_DEPTH, Part};
use crate::File;

/// What a file says, and the first mistake in it. What the mistake is in is left out.
pub(crate) fn file(file: &Arc<File>) -> (Body, Option<Error>) {
    let mut parser = Parser::new(file);
    let body = parser.body(true);
    let body = body.unwrap_or_else(|error| {
        parser.mistake.get_or_insert(error);
        Body::default()
    });
    (body, parser.mistake)
}

/// The template that the whole of `file` is.
pub(crate) fn template(file: &Arc<File>) -> Result<Vec<Part>, Error> {
    Parser::new(file).whole_template()
}

/// The template that `span` of `file` says, where `text` is what it says with its escapes undone.
pub(crate) fn text(file: &Arc<File>, text: &str, span: Span) -> Result<Expr, Error> {
    // Places in a text of JSON are those of the whole text: escapes move all that follows.
    let inner = Arc::new(File {
        subject: file.subject.clone(),
        text: text.into(),
    });
    let fixed = |error: Error| Error { span, ..error };
    let mut parser = Parser::new(&inner);
    parser.fixed = Some(span);
    let parts = parser.whole_template().map_err(fixed)?;
    parser.template_expr(parts, span).map_err(fixed)
}

/// The words of a way, such as a legacy `type = "list"` or a reference in a text: `aws_s3_bucket.a`.
pub(crate) fn expression(file: &Arc<File>, text: &str, span: Span) -> Result<Expr, Error> {
    let inner = Arc::new(File {
        subject: file.subject.clone(),
        text: text.into(),
    });
    let mut parser = Parser::new(&inner);
    parser.fixed = Some(span);
    parser.newlines = true;
    let expr = parser.expr()?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("something follows the expression"));
    }
    Ok(expr)
}

struct Parser<'a> {
    file: &'a Arc<File>,
    text: &'a str,
    at: usize,
    depth: u16,
    /// Whether line ends are white space here: between parentheses and brackets.
    newlines: bool,
    /// The place of everything, where the text is from within another.
    fixed: Option<Span>,
    mistake: Option<Error>,
}

type Parsed<T> = Result<T, Error>;

impl<'a> Parser<'a> {
    fn new(file: &'a Arc<File>) -> Self {
        Self {
            file,
            text: &file.text,
            at: 0,
            depth: 0,
            newlines: false,
            fixed: None,
            mistake: None,
        }
    }

    /// Attributes and blocks up to a closing brace, or to the end of the file.
    fn body(&mut self, is_file: bool) -> Parsed<Body> {
        self.deeper()?;
        let outer = std::mem::replace(&mut self.newlines, false);
        let mut body = Body::default();
        loop {
            self.blank();
            match self.peek() {
                None if is_file => break,
                None => return Err(self.wrong("a block is not closed")),
                Some(b'}') if !is_file => {
                    self.at += 1;
                    break;
                }
                Some(_) => {}
            }
            let start = self.at;
            if let Err(error) = self.item(&mut body) {
                self.mistake.get_or_insert(error);
                self.skip_item(start);
            }
        }
        self.newlines = outer;
        self.depth -= 1;
        Ok(body)
    }

    fn item(&mut self, body: &mut Body) -> Parsed<()> {
        let depth = self.depth;
        let item = self.item_at_depth(body);
        // A mistake leaves from within.
        self.depth = depth;
        self.newlines = false;
        item
    }

    fn item_at_depth(&mut self, body: &mut Body) -> Parsed<()> {
        let start = self.at;
        let name = self.word()?;
        let name_span = self.span_from(start);
        self.space();
        if self.peek() == Some(b'=') && self.peek_at(1) != Some(b'=') {
            self.at += 1;
            let expr = self.expr()?;
            self.end_of_item()?;
            body.attributes.push(Attribute {
                name,
                name_span,
                expr: Arc::new(expr),
                file: self.file.clone(),
            });
            return Ok(());
        }
        let mut labels = Vec::new();
        let mut header = name_span;
        loop {
            self.space();
            let start = self.at;
            match self.peek() {
                Some(b'{') => break,
                Some(b'"') => {
                    let label = self.template_quoted()?;
                    let text = label.as_text();
                    labels.push(
                        text.ok_or_else(|| self.wrong("a label is a plain text"))?
                            .into(),
                    );
                }
                Some(_) => labels.push(self.word()?),
                None => return Err(self.wrong("a block has no body")),
            }
            header = header.to(self.span_from(start));
        }
        let open = self.at;
        self.at += 1;
        let inner = self.body(false)?;
        let braces = self.span_from(open);
        self.end_of_item()?;
        body.blocks.push(Block {
            kind: name,
            labels,
            body: inner,
            header,
            braces,
            file: self.file.clone(),
        });
        Ok(())
    }

    /// An item ends with its line; in a block of one line with that.
    fn end_of_item(&mut self) -> Parsed<()> {
        self.space();
        match self.peek() {
            None | Some(b'\n' | b'}') => Ok(()),
            Some(_) => Err(self.wrong("something follows on the line")),
        }
    }

    /// Leaves the item that began at `start` behind: to the end of its line, and of what that opens.
    fn skip_item(&mut self, start: usize) {
        self.at = start.max(self.at.min(self.text.len()));
        let mut at = start;
        let bytes = self.text.as_bytes();
        let mut open = 0usize;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' | b'[' | b'(' => open += 1,
                b'}' | b']' | b')' if open > 0 => open -= 1,
                // The end of the block that the item is in.
                b'}' if at > start => break,
                b'\n' if open == 0 && at >= self.at => break,
                _ => {}
            }
            at += 1;
        }
        self.at = at.max(start + 1).min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    /// White space on a line, and comments; line ends too where they are white space.
    fn space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') if self.newlines => self.at += 1,
                Some(b'#') => self.line(),
                Some(b'/') if self.peek_at(1) == Some(b'/') => self.line(),
                Some(b'/') if self.peek_at(1) == Some(b'*') => {
                    let rest = &self.text[self.at + 2..];
                    let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                    self.at += 2 + end;
                }
                _ => return,
            }
        }
    }

    fn line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    /// White space, comments and line ends.
    fn blank(&mut self) {
        let outer = std::mem::replace(&mut self.newlines, true);
        self.space();
        self.newlines = outer;
    }

    fn word(&mut self) -> Parsed<Arc<str>> {
        let rest = &self.text[self.at..];
        let is_word = |(at, c): (usize, char)| {
            c == '_' || c.is_alphabetic() || (at > 0 && (c == '-' || c.is_alphanumeric()))
        };
        let end = rest.char_indices().find(|&it| !is_word(it));
        let end = end.map_or(rest.len(), |(at, _)| at);
        if end == 0 {
            return Err(self.wrong("a name is expected"));
        }
        self.at += end;
        Ok(rest[..end].into())
    }

    fn is_word(&self) -> bool {
        let c = self.text[self.at..].chars().next();
        c.is_some_and(|c| c == '_' || c.is_alphabetic())
    }

    /// The word, if it stands here and ends here.
    fn keyword(&mut self, word: &str) -> bool {
        let start = self.at;
        if self.is_word() && self.word().is_ok_and(|found| &*found == word) {
            return true;
        }
        self.at = start;
        false
    }

    fn take(&mut self, text: &str) -> bool {
        let is_there = self.text[self.at..].starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        self.space();
        if self.take(text) {
            return Ok(());
        }
        Err(self.wrong(format!("`{text}` is expected")))
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, offset: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + offset).copied()
    }

    fn deeper(&mut self) -> Parsed<()> {
        if self.depth >= MAX_DEPTH {
            return Err(self.wrong(format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        Ok(())
    }

    fn span_from(&self, start: usize) -> Span {
        self.fixed.unwrap_or_else(|| Span::new(start, self.at))
    }

    fn wrong(&self, message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            span: self.span_from(self.at),
        }
    }
}
