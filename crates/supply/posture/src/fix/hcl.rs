//! Edits of HCL that leave everything else as it is, its layout by `terraform fmt` included.

use std::{collections::HashMap, ptr, sync::Arc};

use casemate_document::Span;

use super::edit::{Edit, Place};
use crate::{
    Attr, Cursor, File, Origin, Value,
    read::terraform::{self, Attribute, Block, Body},
};

/// The blocks of files by the place of their headers. A file is parsed once, however many of its
/// resources are repaired.
#[derive(Default)]
pub(super) struct Blocks {
    by_file: HashMap<*const File, HashMap<Span, Block>>,
}

impl Blocks {
    /// The edit by which the attribute at `cursor` says `word`, and where the attribute stands if its
    /// value does not stand there.
    pub(super) fn set(&mut self, cursor: &Cursor<'_>, word: &str) -> Result<Place, String> {
        let word = match word {
            "true" | "false" => word.to_owned(),
            text => format!("\"{text}\""),
        };
        let origin = cursor.origin();
        if !is_native(&origin.file) {
            return Err("it stands in JSON, and HCL alone is edited".to_owned());
        }
        if cursor.missing().is_empty() {
            return replaced(origin, word);
        }
        if origin.from.is_some() || is_value(cursor.nearest()) {
            let why = format!("what it would be put into is a value: {origin:?}");
            return Err(why);
        }
        let blocks = self.by_file.entry(Arc::as_ptr(&origin.file));
        let blocks = blocks.or_insert_with(|| by_header(terraform::parse(&origin.file).0));
        let block = blocks.get(&origin.span);
        let block = block.ok_or("the block that it would be put into was not found")?;
        let (span, text) = inserted(&origin.file.text, block, cursor.missing(), &word)?;
        Ok(Place::own(Edit {
            file: origin.file.clone(),
            span,
            text,
        }))
    }
}

/// Of a list with one item that item: blocks of which there is one.
pub(super) fn only<'a>(cursor: Cursor<'a>) -> Cursor<'a> {
    match cursor.items().as_slice() {
        [item] => item.clone(),
        _ => cursor,
    }
}

fn is_native(file: &File) -> bool {
    let path = file.subject.path.as_str();
    [".tf", ".tofu", ".tfvars"]
        .iter()
        .any(|end| path.ends_with(end))
}

/// Whether it is no block: what is between `=` and the end of the line.
fn is_value(attr: &Attr) -> bool {
    let written = attr.origin.text();
    !matches!(attr.value, Value::Map(_)) || written.starts_with('{')
}

/// `word` in place of the literal that the value is.
fn replaced(own: &Origin, word: String) -> Result<Place, String> {
    let last = own.steps().last();
    let origin = last.map_or(own, |step| &step.origin);
    if !is_native(&origin.file) {
        return Err("its value comes from a file that is no HCL".to_owned());
    }
    if !is_literal(origin.text()) {
        return Err(format!("its value is computed: {own:?}"));
    }
    let edit = Edit {
        file: origin.file.clone(),
        span: origin.span,
        text: word,
    };
    Ok(match ptr::eq(origin, own) {
        true => Place::own(edit),
        false => Place {
            edit,
            own: Some(own.clone()),
        },
    })
}

fn is_literal(text: &str) -> bool {
    let quoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match quoted {
        Some(inside) => !inside.contains(['"', '\\', '$', '%', '\n']),
        None => {
            matches!(text, "true" | "false" | "null")
                || !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
        }
    }
}

fn by_header(body: Body) -> HashMap<Span, Block> {
    let mut blocks = HashMap::new();
    let mut open = body.blocks;
    while let Some(mut block) = open.pop() {
        for inner in &mut block.body.blocks {
            // What is in them is asked for by itself.
            let body = std::mem::take(&mut inner.body);
            open.push(Block {
                body,
                ..inner.clone()
            });
        }
        blocks.insert(block.header, block);
    }
    blocks
}

/// `keys`, the last of them an attribute and the others blocks in each other, at the end of `block`.
fn inserted(
    text: &str,
    block: &Block,
    keys: &[String],
    word: &str,
) -> Result<(Span, String), String> {
    let (name, parents) = keys.split_last().ok_or("there is nothing to put in")?;
    if !keys.iter().all(|key| is_name(key)) {
        return Err("its place is no name of an attribute".to_owned());
    }
    if is_there(&block.body, &keys[0]) {
        return Err(format!("`{}` is there, and is no block", keys[0]));
    }
    let braces = block.braces.of(text);
    let inside = braces.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    let inside = inside.ok_or("the braces of its block were not found")?;
    let layout = Layout::of(text, block);
    if !inside.contains('\n') {
        let attribute = format!("{name} = {word}");
        return Ok((
            block.braces,
            opened(inside.trim(), &layout, parents, &attribute),
        ));
    }
    let end = block.braces.end as usize - 1;
    let at = start_of_line(text, end);
    if !text[at..end].trim().is_empty() {
        return Err("something stands before the brace that closes its block".to_owned());
    }
    let plain = format!("{name} ");
    let (name, is_apart) = match Before::of(text, block, at) {
        _ if !parents.is_empty() => (plain, !is_open_above(text, block, at)),
        Before::Attribute(width) if name.len() < width => (format!("{name:<width$}"), false),
        Before::Attribute(_) | Before::Block => (plain, true),
        Before::Nothing => (plain, false),
    };
    let blank = if is_apart { layout.newline } else { "" };
    let lines = layout.lines(parents, &format!("{name}= {word}"));
    Ok((Span::new(at, at), format!("{blank}{lines}")))
}

/// A block of one line on several.
fn opened(inside: &str, layout: &Layout<'_>, parents: &[String], attribute: &str) -> String {
    let (mut before, mut attribute) = (inside.to_owned(), attribute.to_owned());
    if let (Some((a, rest)), Some((b, word)), []) =
        (inside.split_once('='), attribute.split_once('='), parents)
    {
        let (a, b) = (a.trim(), b.trim());
        let width = a.len().max(b.len());
        before = format!("{a:<width$} = {}", rest.trim());
        attribute = format!("{b:<width$} = {}", word.trim());
    }
    let mut lines = format!("{{{}", layout.newline);
    if !before.is_empty() {
        lines.push_str(&layout.line(1, &before));
        let blank = if parents.is_empty() {
            ""
        } else {
            layout.newline
        };
        lines.push_str(blank);
    }
    lines.push_str(&layout.lines(parents, &attribute));
    lines.push_str(&format!("{}}}", layout.outer));
    lines
}

/// Whether the line above is empty, or opens the block.
fn is_open_above(text: &str, block: &Block, at: usize) -> bool {
    let above = start_of_line(text, at.saturating_sub(1));
    above <= block.braces.start as usize || text[above..at].trim().is_empty()
}

fn is_there(body: &Body, name: &str) -> bool {
    let is_dynamic =
        |it: &Block| &*it.kind == "dynamic" && it.labels.iter().any(|it| &**it == name);
    body.attribute(name).is_some()
        || body.blocks(name).next().is_some()
        || body.blocks.iter().any(is_dynamic)
}

/// What stands on the line above what is put in.
enum Before {
    /// An attribute, with how many columns there are from its name to its `=`: `terraform fmt` has
    /// those of lines that follow each other be the same.
    Attribute(usize),
    /// The brace that opens the block, an empty line, or a comment.
    Nothing,
    /// The end of a block.
    Block,
}

impl Before {
    fn of(text: &str, block: &Block, at: usize) -> Self {
        let above = start_of_line(text, at.saturating_sub(1));
        let stands_above =
            |it: &&Attribute| start_of_line(text, it.name_span.start as usize) == above;
        if let Some(attribute) = block.body.attributes.iter().find(stands_above) {
            let between = attribute.name_span.end as usize..attribute.expr.span.start as usize;
            let between = text.get(between).unwrap_or_default();
            let spaces = between.find('=').unwrap_or(1);
            let name = attribute.name_span.end - attribute.name_span.start;
            return Self::Attribute(name as usize + spaces);
        }
        let mut blocks = block.body.blocks.iter();
        let ends_above = |it: &Block| start_of_line(text, it.braces.end as usize) == above;
        match blocks.any(ends_above) {
            true => Self::Block,
            false => Self::Nothing,
        }
    }
}

/// How lines of a block are written.
struct Layout<'t> {
    newline: &'static str,
    outer: &'t str,
    inner: String,
    /// What one step in is.
    step: String,
}

impl<'t> Layout<'t> {
    fn of(text: &'t str, block: &Block) -> Self {
        let outer = indentation(text, block.header.start as usize);
        let (attributes, blocks) = (&block.body.attributes, &block.body.blocks);
        let starts = attributes.iter().map(|it| it.name_span.start);
        let starts = starts.chain(blocks.iter().map(|it| it.header.start));
        let is_inside = |at: &u32| start_of_line(text, *at as usize) > block.braces.start as usize;
        let first = starts.filter(is_inside).min();
        let step = match outer.contains('\t') {
            true => "\t",
            false => "  ",
        };
        let inner = match first {
            Some(at) => indentation(text, at as usize).to_owned(),
            None => format!("{outer}{step}"),
        };
        let own = inner.strip_prefix(outer).filter(|it| !it.is_empty());
        let header = &text[block.header.start as usize..];
        let line = &header[..header.find('\n').unwrap_or_default()];
        Self {
            newline: match line.ends_with('\r') {
                true => "\r\n",
                false => "\n",
            },
            outer,
            step: own.unwrap_or(step).to_owned(),
            inner,
        }
    }

    fn line(&self, depth: usize, text: &str) -> String {
        let step = self.step.repeat(depth.saturating_sub(1));
        format!("{}{step}{text}{}", self.inner, self.newline)
    }

    /// Blocks in each other with an attribute in the innermost.
    fn lines(&self, parents: &[String], attribute: &str) -> String {
        let depth = parents.len();
        let open = parents.iter().enumerate();
        let open = open.map(|(at, parent)| self.line(at + 1, &format!("{parent} {{")));
        let close = (0..depth).rev().map(|at| self.line(at + 1, "}"));
        let attribute = self.line(depth + 1, attribute);
        open.chain([attribute]).chain(close).collect()
    }
}

fn indentation(text: &str, at: usize) -> &str {
    let line = &text[start_of_line(text, at)..];
    let rest = line.trim_start_matches([' ', '\t']);
    &line[..line.len() - rest.len()]
}

fn start_of_line(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}

/// A name as providers have them.
fn is_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_lowercase())
        && key
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
