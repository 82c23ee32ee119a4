//! Parts of a text: expressions and commands in a script, with their places.

use std::ops::Range;

use casemate_document::Span;

use crate::{Attr, Cursor, Fact, Origin, expression::Expression, fence, read::actions};

/// The text at `cursor`.
pub(crate) fn text<'a>(cursor: &Cursor<'a>) -> Option<(&'a Attr, &'a str)> {
    let attr = cursor.fact.clone().ok()?;
    Some((attr, attr.as_str()?))
}

/// The place of `range` of the text of `attr`: quotes and indentation stand between the two, so that
/// it is looked for. Where it is not found the place is that of the whole.
pub(crate) fn place(attr: &Attr, text: &str, range: Range<usize>) -> Origin {
    let whole = attr.origin.clone();
    let Some(part) = text.get(range.clone()) else {
        return whole;
    };
    let needle = part.lines().map(str::trim).find(|line| !line.is_empty());
    let Some(needle) = needle else {
        return whole;
    };
    let start = range.start + part.find(needle).unwrap_or_default();
    let before = text[..start].matches(needle).count();
    let written = written(&whole);
    let mut found = written.of(&whole.file.text).match_indices(needle);
    let Some((at, _)) = found.nth(before) else {
        return whole;
    };
    let start = written.start as usize + at;
    Origin {
        span: Span::new(start, start + needle.len()),
        ..whole
    }
}

/// Where the text at `origin` is written: of an alias, what its anchor names, and what follows it.
fn written(origin: &Origin) -> Span {
    let Some(name) = origin.text().strip_prefix('*') else {
        return origin.span;
    };
    let before = &origin.file.text[..origin.span.start as usize];
    let anchor = format!("&{name}");
    let is_name = |rest: &str| rest.starts_with(|c: char| c.is_whitespace());
    let mut anchors = before.rmatch_indices(&anchor);
    let found = anchors.find(|(at, _)| is_name(&before[at + anchor.len()..]));
    found.map_or(origin.span, |(at, _)| {
        Span::new(at + anchor.len(), before.len())
    })
}

/// An expression in a text.
pub(in crate::check) struct Expansion<'a> {
    attr: &'a Attr,
    text: &'a str,
    /// Where its inside begins in the text.
    start: usize,
    /// What stands inside its fence.
    pub(in crate::check) inner: &'a str,
    /// With its fence.
    pub(in crate::check) fence: Range<usize>,
    /// It.
    pub(in crate::check) expression: Expression,
}

impl Expansion<'_> {
    /// What stands at `part` of it.
    pub(in crate::check) fn written(&self, part: Span) -> &str {
        part.of(self.inner).trim()
    }

    /// Where `part` of it stands.
    pub(crate) fn place(&self, part: Span) -> Origin {
        let range = self.start + part.start as usize..self.start + part.end as usize;
        place(self.attr, self.text, range)
    }

    /// Where it stands, with its fence.
    pub(in crate::check) fn whole(&self) -> Origin {
        place(self.attr, self.text, self.fence.clone())
    }
}

/// The expressions in the text at `cursor`. What is none was told when the file was read.
pub(in crate::check) fn expansions<'a>(cursor: &Cursor<'a>) -> Vec<Expansion<'a>> {
    let Some((attr, text)) = text(cursor) else {
        return Vec::new();
    };
    let expansion = |it: fence::Fence<'a>| {
        let expression = actions::expression::parse(it.inner).ok()?;
        Some(Expansion {
            attr,
            text,
            start: it.inner.as_ptr() as usize - text.as_ptr() as usize,
            inner: it.inner,
            fence: it.span.range(),
            expression,
        })
    };
    fence::fences(text)
        .into_iter()
        .filter_map(expansion)
        .collect()
}

/// The expression of a condition, which needs no fence.
pub(in crate::check) fn condition<'a>(cursor: &Cursor<'a>) -> Option<Expansion<'a>> {
    if let Some(first) = expansions(cursor).into_iter().next() {
        return Some(first);
    }
    let (attr, text) = text(cursor)?;
    if text.contains("${{") {
        return None;
    }
    Some(Expansion {
        attr,
        text,
        start: 0,
        inner: text,
        fence: 0..text.len(),
        expression: actions::expression::parse(text).ok()?,
    })
}

/// Every text below `cursor`, each place once: aliases repeat what they name.
pub(in crate::check) fn texts<'a>(cursor: &Cursor<'a>) -> Vec<Cursor<'a>> {
    let mut seen = std::collections::HashSet::new();
    let mut texts = Vec::new();
    collect(cursor, &mut seen, &mut texts);
    texts
}

fn collect<'a>(
    cursor: &Cursor<'a>,
    seen: &mut std::collections::HashSet<Span>,
    texts: &mut Vec<Cursor<'a>>,
) {
    let Fact::Known(attr) = &cursor.fact else {
        return;
    };
    if attr.as_str().is_some() {
        if seen.insert(attr.origin.span) {
            texts.push(cursor.clone());
        }
        return;
    }
    for item in cursor.items() {
        collect(&item, seen, texts);
    }
    for (_, entry) in cursor.entries() {
        collect(&entry, seen, texts);
    }
}
