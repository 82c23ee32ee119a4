//! Manifests that stand in texts: the YAML of `kubectl_manifest`.

use std::sync::Arc;

use casemate_document::{
    Limits, Span,
    yaml::{self, Dialect},
};

use crate::{
    Attr, File, Item, Map, Origin, Value,
    read::terraform::said::{HOLE, HOLE_END},
};

/// The objects of a text of YAML that stands at `origin`, with a hole for each part that is not known; or
/// why it cannot be read.
pub(in crate::read::terraform) fn manifest(
    text: &str,
    origin: &Origin,
    is_sensitive: bool,
) -> Result<Vec<Attr>, String> {
    let (text, reasons) = numbered(text);
    let limits = Limits {
        bytes: 1 << 20,
        nodes: 50_000,
        depth: 64,
    };
    let stream = yaml::read(&text, Dialect::KUBERNETES, &limits);
    if let Some(error) = stream.error {
        return Err(format!("the YAML of a manifest: {}", error.message));
    }
    let file = Arc::new(File {
        subject: origin.file.subject.clone(),
        text: text.as_str().into(),
    });
    let lines = Lines::new(&text, origin);
    let placing = Placing {
        reasons: &reasons,
        origin,
        lines: lines.as_ref(),
        is_sensitive,
    };
    let documents = stream.documents.iter();
    let objects = documents.map(|it| placing.attr(&Attr::of_node(&it.root, &file)));
    Ok(objects.collect())
}

/// The text with a number in each hole instead of the reason, which may be no YAML.
fn numbered(text: &str) -> (String, Vec<Arc<str>>) {
    let mut reasons = Vec::new();
    let mut numbered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(HOLE) {
        let (why, after) = after.split_once(HOLE_END).unwrap_or((after, ""));
        numbered.push_str(before);
        numbered.push_str(&format!("{HOLE}{}{HOLE_END}", reasons.len()));
        reasons.push(why.into());
        rest = after;
    }
    numbered.push_str(rest);
    (numbered, reasons)
}

struct Placing<'a> {
    reasons: &'a [Arc<str>],
    origin: &'a Origin,
    lines: Option<&'a Lines>,
    is_sensitive: bool,
}

impl Placing<'_> {
    /// What was read of the text, in the places of the file that the text stands in. As deep as the
    /// limits of the reader.
    fn attr(&self, read: &Attr) -> Attr {
        let value = match &read.value {
            Value::String(text) => match self.reason(text) {
                Some(why) => Value::Unknown(why),
                None => read.value.clone(),
            },
            Value::List(items) => Value::List(items.iter().map(|it| self.attr(it)).collect()),
            Value::Map(map) => {
                let is_hole = |item: &&Item| self.reason(&item.key).is_some();
                let items = map.items().iter().filter(|item| !is_hole(item));
                let items = items.map(|item| Item {
                    key: item.key.clone(),
                    place: self.place(&item.place),
                    value: self.attr(&item.value),
                });
                let mut placed = Map::new(items.collect());
                let mut keys = map.items().iter().map(|item| &item.key);
                placed.open = keys.find_map(|key| self.reason(key));
                Value::Map(Arc::new(placed))
            }
            other => other.clone(),
        };
        Attr {
            value,
            origin: self.place(&read.origin),
            is_sensitive: self.is_sensitive,
        }
    }

    /// Why a text is not known.
    fn reason(&self, text: &str) -> Option<Arc<str>> {
        let (_, rest) = text.split_once(HOLE)?;
        let (number, _) = rest.split_once(HOLE_END)?;
        self.reasons.get(number.parse::<usize>().ok()?).cloned()
    }

    fn place(&self, read: &Origin) -> Origin {
        match self.lines {
            Some(lines) => Origin {
                span: Span::new(lines.at(read.span.start), lines.at(read.span.end)),
                ..self.origin.clone()
            },
            None => self.origin.clone(),
        }
    }
}

/// Where the lines of a text stand in its file: a heredoc may be indented, and has what is filled in.
struct Lines(Vec<Line>);

struct Line {
    /// Where it begins in the text.
    start: usize,
    /// Where it begins in the file.
    written: usize,
    /// How long it is there.
    length: usize,
    /// How much further in it begins there.
    indent: usize,
}

impl Lines {
    /// Nothing, where what is written has other lines than the text.
    fn new(text: &str, origin: &Origin) -> Option<Self> {
        let (own, written) = (text.split('\n'), origin.text().split('\n'));
        if own.clone().count() != written.clone().count() {
            return None;
        }
        let (mut start, mut at) = (0, origin.span.start as usize);
        let lines = own.zip(written).map(|(own, written)| {
            let blanks = |line: &str| line.len() - line.trim_start().len();
            let line = Line {
                start,
                written: at,
                length: written.len(),
                indent: blanks(written).saturating_sub(blanks(own)),
            };
            start += own.len() + 1;
            at += written.len() + 1;
            line
        });
        Some(Self(lines.collect()))
    }

    /// Where a byte of the text stands in the file.
    fn at(&self, byte: u32) -> usize {
        let byte = byte as usize;
        let next = self.0.partition_point(|line| line.start <= byte);
        let line = &self.0[next.saturating_sub(1)];
        line.written + line.length.min(byte - line.start + line.indent)
    }
}
