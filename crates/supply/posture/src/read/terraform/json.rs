//! JSON: texts of it that expressions make and read, and files of configuration in it
//! (<https://developer.hashicorp.com/terraform/language/syntax/json>).

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use casemate_document::{Error, Limits, Node, Span, Value as Written, json};

use super::{
    parse,
    said::hole,
    syntax::{Attribute, Block, Body, Expr, ExprKind},
    value::{Field, Fields, Kind, Val, number_text},
};
use crate::{File, Origin};

/// Writes the JSON of `value`, with holes for what is not known. Whether there are none.
pub(crate) fn encode(value: &Val, out: &mut String) -> bool {
    if out.len() > MAX_TEXT {
        return false;
    }
    match &value.kind {
        Kind::Null => out.push_str("null"),
        Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Kind::Number(number) => match number_text(*number) {
            Some(text) => out.push_str(&text),
            None => {
                let _ = write!(out, "{number}");
                return false;
            }
        },
        Kind::Text(text) => quote(text, out),
        Kind::Json(inner) => {
            let mut text = String::new();
            let is_whole = encode(inner, &mut text);
            quote(&text, out);
            return is_whole;
        }
        Kind::List(items) | Kind::Set(items) => {
            out.push('[');
            let mut is_whole = true;
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                is_whole &= encode(item, out);
            }
            out.push(']');
            return is_whole;
        }
        Kind::Map(fields) => {
            out.push('{');
            let mut is_whole = fields.open.is_none();
            for (at, (key, field)) in fields.items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                quote(key, out);
                out.push(':');
                is_whole &= encode(&field.value, out);
            }
            out.push('}');
            return is_whole;
        }
        Kind::Unknown(unknown) => {
            let partial = unknown.partial.clone();
            quote(&partial.unwrap_or_else(|| hole(&unknown.why).into()), out);
            return false;
        }
    }
    true
}

/// As Go's `encoding/json` does, which also escapes what HTML has a meaning for.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// The value of `text`.
pub(crate) fn decode(text: &str, origin: &Origin) -> Result<Val, Error> {
    let limits = Limits {
        bytes: MAX_TEXT,
        nodes: 100_000,
        depth: 90,
    };
    json::read(text, &limits).map(|(node, _)| value(&node, origin))
}

/// The value of a node. All of it is in one place: that of the text.
pub(crate) fn value(node: &Node, origin: &Origin) -> Val {
    let origin = origin.clone();
    match &node.value {
        Written::Null => Val::null(origin),
        Written::Bool(value) => Val::bool(*value, origin),
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is not exact becomes unknown"
        )]
        Written::Integer(number) => Val::number(*number as f64, origin),
        Written::Float(number) => Val::number(*number, origin),
        Written::String(text) => Val::text(text.clone(), origin),
        Written::List(items) => {
            let items = items.iter().map(|item| value(item, &origin)).collect();
            Val::list(items, origin)
        }
        Written::Map(map) => {
            let mut items = BTreeMap::new();
            for entry in map.entries() {
                let field = Field {
                    place: origin.clone(),
                    value: value(&entry.value, &origin),
                };
                items.insert(entry.key.clone(), field);
            }
            Val::map(Fields { items, open: None }, origin)
        }
        Written::Tagged(tagged) => value(&tagged.1, &origin),
    }
}

/// The body that a file of configuration says.
pub(crate) fn file(file: &Arc<File>, is_variables: bool) -> (Body, Option<Error>) {
    let limits = Limits {
        depth: 90,
        ..Limits::default()
    };
    let (root, _) = match json::read(&file.text, &limits) {
        Ok(read) => read,
        Err(error) => return (Body::default(), Some(error)),
    };
    let mut reader = Reader {
        file,
        body: Body::default(),
        mistake: None,
    };
    if is_variables {
        reader.body = reader.arguments(&root, &[], false);
    } else {
        reader.root(&root);
    }
    (reader.body, reader.mistake)
}

struct Reader<'a> {
    file: &'a Arc<File>,
    body: Body,
    mistake: Option<Error>,
}

impl Reader<'_> {
    fn root(&mut self, root: &Node) {
        for entry in root.entries() {
            let labels = match &*entry.key {
                "resource" | "data" | "ephemeral" => 2,
                "variable" | "output" | "module" | "provider" | "check" => 1,
                "locals" | "terraform" | "moved" | "import" | "removed" => 0,
                _ => continue,
            };
            self.labelled(
                &entry.key,
                entry.key_span,
                &entry.value,
                labels,
                &mut Vec::new(),
            );
        }
    }

    /// Blocks of `kind`, whose labels are keys of `labels` objects in each other.
    fn labelled(
        &mut self,
        kind: &Arc<str>,
        header: Span,
        node: &Node,
        labels: usize,
        before: &mut Vec<Arc<str>>,
    ) {
        if let Written::List(items) = &node.value {
            for item in items.iter() {
                // A list in a list is none that Terraform takes.
                if item.as_map().is_some() {
                    self.labelled(kind, header, item, labels, before);
                }
            }
            return;
        }
        if labels == 0 {
            let is_resource = matches!(&**kind, "resource" | "data" | "module");
            let nested: &[&str] = match &**kind {
                "terraform" => &["backend", "required_providers", "cloud"],
                _ => &[],
            };
            let mut body = self.arguments(node, nested, is_resource);
            if &**kind == "variable" {
                self.typed(&mut body);
            }
            self.body.blocks.push(Block {
                kind: kind.clone(),
                labels: before.clone(),
                body,
                header,
                braces: header,
                file: self.file.clone(),
            });
            return;
        }
        for entry in node
            .entries()
            .iter()
            .filter(|entry| !is_comment(&entry.key))
        {
            before.push(entry.key.clone());
            self.labelled(kind, entry.key_span, &entry.value, labels - 1, before);
            before.pop();
        }
    }

    /// A type is an expression in a text.
    fn typed(&mut self, body: &mut Body) {
        let attribute = body.attributes.iter_mut().find(|it| &*it.name == "type");
        let Some((text, attribute)) = attribute.and_then(|it| Some((it.expr.as_text()?, it)))
        else {
            return;
        };
        match parse::expression(self.file, &text, attribute.expr.span) {
            Ok(expr) => attribute.expr = Arc::new(expr),
            Err(error) => drop(self.mistake.get_or_insert(error)),
        }
    }

    /// The keys of an object as attributes, and as blocks those that only blocks can be.
    fn arguments(&mut self, node: &Node, nested: &[&str], has_dynamic: bool) -> Body {
        let mut body = Body::default();
        for entry in node
            .entries()
            .iter()
            .filter(|entry| !is_comment(&entry.key))
        {
            let key = &*entry.key;
            if has_dynamic && key == "dynamic" {
                self.dynamic(&entry.value, &mut body);
            } else if nested.contains(&key) {
                for (label, inner) in entry.value.entries().iter().map(|it| (&it.key, &it.value)) {
                    let inner = self.arguments(inner, &[], false);
                    body.blocks.push(Block {
                        kind: entry.key.clone(),
                        labels: vec![label.clone()],
                        body: inner,
                        header: entry.key_span,
                        braces: entry.value.span,
                        file: self.file.clone(),
                    });
                }
            } else {
                let expr = self.expr(&entry.value);
                body.attributes.push(Attribute {
                    name: entry.key.clone(),
                    name_span: entry.key_span,
                    expr: Arc::new(expr),
                    file: self.file.clone(),
                });
            }
        }
        body
    }

    fn dynamic(&mut self, node: &Node, body: &mut Body) {
        for entry in node.entries() {
            let blocks = match &entry.value.value {
                Written::List(items) => items.to_vec(),
                _ => vec![entry.value.clone()],
            };
            for node in &blocks {
                let mut inner = self.arguments(node, &[], false);
                inner.attributes.retain(|it| &*it.name != "content");
                if let Some(content) = node.get("content") {
                    let content_body = self.arguments(content, &[], true);
                    inner.blocks.push(Block {
                        kind: "content".into(),
                        labels: Vec::new(),
                        body: content_body,
                        header: content.span,
                        braces: content.span,
                        file: self.file.clone(),
                    });
                }
                body.blocks.push(Block {
                    kind: "dynamic".into(),
                    labels: vec![entry.key.clone()],
                    body: inner,
                    header: entry.key_span,
                    braces: entry.value.span,
                    file: self.file.clone(),
                });
            }
        }
    }

    /// A value as an expression: texts are templates.
    fn expr(&mut self, node: &Node) -> Expr {
        let span = node.span;
        let kind = match &node.value {
            Written::Null => ExprKind::Null,
            Written::Bool(value) => ExprKind::Bool(*value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "what is not exact becomes unknown"
            )]
            Written::Integer(number) => ExprKind::Number(*number as f64),
            Written::Float(number) => ExprKind::Number(*number),
            Written::String(text) => match parse::text(self.file, text, span) {
                Ok(expr) => return expr,
                Err(error) => {
                    self.mistake.get_or_insert(error);
                    ExprKind::Word("".into())
                }
            },
            Written::List(items) => {
                ExprKind::Tuple(items.iter().map(|item| self.expr(item)).collect())
            }
            Written::Map(map) => {
                let entries = map.entries().iter().filter(|entry| !is_comment(&entry.key));
                let entry = |entry: &casemate_document::Entry| {
                    let key = Node::new(Written::String(entry.key.clone()), entry.key_span);
                    (self.expr(&key), self.expr(&entry.value))
                };
                ExprKind::Object(entries.map(entry).collect())
            }
            Written::Tagged(tagged) => return self.expr(&tagged.1),
        };
        // The reader of JSON has bounded the depth.
        Expr {
            kind,
            span,
            depth: 0,
        }
    }
}

/// Keys that are there for people.
fn is_comment(key: &str) -> bool {
    key == "//"
}

const MAX_TEXT: usize = 1 << 20;
