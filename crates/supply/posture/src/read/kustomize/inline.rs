//! Patches that stand in a kustomization as text, with their places there.

use std::sync::Arc;

use casemate_document::{
    Limits, Node, Span, Value as Written,
    yaml::{self, Dialect},
};

use crate::{Attr, File, Item, Map, Origin, Value};

/// The documents in a text of a kustomization.
pub(super) fn documents(written: &Attr) -> Vec<Attr> {
    let Some(text) = written.as_str() else {
        return Vec::new();
    };
    let stream = yaml::read(text, Dialect::KUBERNETES, &Limits::default());
    let lines = lines(text, written);
    let file = &written.origin.file;
    let place = |span: Span| match &lines {
        Some(lines) => Origin::new(
            file,
            Span::new(moved(lines, span.start), moved(lines, span.end)),
        ),
        None => written.origin.clone(),
    };
    let roots = stream.documents.iter();
    roots
        .map(|document| attr(&document.root, file, &place))
        .collect()
}

/// Where each line begins in the text, and where in the file: a block scalar stands there with spaces
/// before each line. None where it is written otherwise.
fn lines(text: &str, written: &Attr) -> Option<Vec<(usize, usize)>> {
    let start = written.origin.span.range().start;
    let block = written.origin.text();
    let mut at = start;
    let mut from = 0;
    let mut lines = Vec::new();
    let mut block_lines = block.split_inclusive('\n');
    for line in text.split_inclusive('\n') {
        let there = block_lines.next()?;
        let trimmed = line.trim_end();
        let indent = there.trim_end().len().checked_sub(trimmed.len())?;
        if !there.trim_end().ends_with(trimmed) {
            return None;
        }
        lines.push((from, at + indent));
        at += there.len();
        from += line.len();
    }
    Some(lines)
}

fn moved(lines: &[(usize, usize)], offset: u32) -> usize {
    let offset = offset as usize;
    let line = lines.partition_point(|(from, _)| *from <= offset);
    match line.checked_sub(1).and_then(|line| lines.get(line)) {
        Some((from, at)) => at + (offset - from),
        None => offset,
    }
}

fn attr(node: &Node, file: &Arc<File>, place: &dyn Fn(Span) -> Origin) -> Attr {
    let value = match &node.value {
        Written::List(items) => Value::List(items.iter().map(|it| attr(it, file, place)).collect()),
        Written::Map(map) => {
            let items = map.entries().iter().map(|entry| Item {
                key: entry.key.clone(),
                place: place(entry.key_span),
                value: attr(&entry.value, file, place),
            });
            Value::Map(Arc::new(Map::new(items.collect())))
        }
        Written::Tagged(tagged) => attr(&tagged.1, file, place).value,
        _ => Attr::of_node(node, file).value,
    };
    Attr::new(value, place(node.span))
}
