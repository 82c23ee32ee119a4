//! `Fn::ForEach`: an entry for each item of a list
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html>).

use std::sync::Arc;

use casemate_document::{Entry, Map, Node, Span, Value};

use super::function::function;

/// What the key of a loop begins with.
pub(super) const LOOP: &str = "Fn::ForEach::";

/// The template with what its loops make in their place, and why a loop stays as it is.
pub(super) fn unrolled(root: &Node) -> (Node, Vec<(Span, String)>) {
    let mut loops = Loops {
        root,
        left: MAX_NODES,
        refused: Vec::new(),
    };
    (loops.node(root, None), loops.refused)
}

struct Loops<'a> {
    root: &'a Node,
    /// How many values may still be made.
    left: usize,
    refused: Vec<(Span, String)>,
}

/// What the identifier of a loop stands for, and those of the loops around it.
#[derive(Clone, Copy)]
struct Name<'n> {
    name: &'n str,
    value: &'n str,
    outer: Option<&'n Self>,
}

type Names<'n> = Option<&'n Name<'n>>;

impl Loops<'_> {
    /// As deep as the document, which is bounded.
    fn node(&mut self, node: &Node, names: Names<'_>) -> Node {
        self.left = self.left.saturating_sub(1);
        if let Some(("Ref", argument)) = function(node).as_ref().map(|(of, it)| (&**of, *it))
            && let Some(value) = argument.as_str().and_then(|it| find(names, it))
        {
            return Node::new(Value::String(value.into()), node.span);
        }
        let value = match &node.value {
            Value::String(text) => Value::String(self.filled(text, names, node.span)),
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.node(item, names)).collect())
            }
            Value::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries().len());
                for entry in map.entries() {
                    self.entry(entry, names, &mut entries);
                }
                Value::Map(Arc::new(Map::new(entries)))
            }
            Value::Tagged(tagged) => {
                let inner = self.node(&tagged.1, names);
                Value::Tagged(Arc::new((tagged.0.clone(), inner)))
            }
            other => other.clone(),
        };
        Node::new(value, node.span)
    }

    fn entry(&mut self, entry: &Entry, names: Names<'_>, out: &mut Vec<Entry>) {
        if !entry.key.starts_with(LOOP) {
            out.push(Entry {
                key: self.filled(&entry.key, names, entry.key_span),
                key_span: entry.key_span,
                value: self.node(&entry.value, names),
            });
            return;
        }
        if let Err(why) = self.unroll(entry, names, out) {
            self.refused
                .push((entry.key_span, format!("{}: {why}", entry.key)));
            out.push(entry.clone());
        }
    }

    fn unroll(
        &mut self,
        entry: &Entry,
        names: Names<'_>,
        out: &mut Vec<Entry>,
    ) -> Result<(), String> {
        if !self.has_extensions() {
            return Err("it takes the transform AWS::LanguageExtensions".to_owned());
        }
        let [identifier, list, body] = entry.value.items() else {
            return Err("it takes an identifier, a list and what is repeated".to_owned());
        };
        let identifier = identifier.as_str().ok_or("its identifier is no text")?;
        for value in self.items(list, names)? {
            let name = Name {
                name: identifier,
                value: &value,
                outer: names,
            };
            for entry in body.entries() {
                if self.left == 0 {
                    return Err(format!("the loops make more than {MAX_NODES} values"));
                }
                self.entry(entry, Some(&name), out);
            }
        }
        Ok(())
    }

    fn has_extensions(&self) -> bool {
        let transform = self.root.get("Transform");
        let list = transform.map_or(&[][..], Node::items);
        let mut named = transform.into_iter().chain(list).filter_map(Node::as_str);
        named.any(|it| it == "AWS::LanguageExtensions")
    }

    /// The items of a list that is written, is the default of a parameter, or stands in a mapping.
    fn items(&mut self, list: &Node, names: Names<'_>) -> Result<Vec<Arc<str>>, String> {
        let list = self.node(list, names);
        let Some((of, argument)) = function(&list) else {
            let texts = list.items().iter().map(word);
            let texts: Option<Vec<Arc<str>>> = texts.collect();
            let texts = texts.filter(|it| !it.is_empty());
            return texts.ok_or_else(|| "its list has an item that is not known".to_owned());
        };
        match (&*of, argument.as_str(), argument.items()) {
            ("Ref", Some(name), _) => {
                let default = self.root.at(["Parameters", name, "Default"]);
                let default = default.and_then(word);
                let default = default.ok_or_else(|| format!("{name} has no default"))?;
                Ok(default.split(',').map(|it| it.trim().into()).collect())
            }
            ("Fn::FindInMap", _, [of, first, second]) => {
                let keys = [of, first, second].map(Node::as_str);
                let [Some(of), Some(first), Some(second)] = keys else {
                    return Err("the way to its list is not known".to_owned());
                };
                let found = self.root.at(["Mappings", of, first, second]);
                let found = found.ok_or("its list is in no mapping")?;
                let texts: Option<Vec<Arc<str>>> = found.items().iter().map(word).collect();
                texts.ok_or_else(|| "its list has an item that is no text".to_owned())
            }
            _ => Err(format!("its list is {of}, which is not known")),
        }
    }

    /// `text` with what `${name}` stands for, and for `&{name}` what of that a logical name may hold.
    fn filled(&mut self, text: &Arc<str>, names: Names<'_>, span: Span) -> Arc<str> {
        if names.is_none() || !text.contains('{') {
            return text.clone();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = &**text;
        while let Some(at) = rest.find("${").into_iter().chain(rest.find("&{")).min() {
            let end = rest[at..].find('}').map(|end| at + end);
            let found = end.and_then(|end| Some((end, find(names, &rest[at + 2..end])?)));
            let Some((end, value)) = found else {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
                continue;
            };
            out.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'&' => out.extend(value.chars().filter(char::is_ascii_alphanumeric)),
                _ => out.push_str(value),
            }
            rest = &rest[end + 1..];
            if out.len() > MAX_TEXT {
                self.left = 0;
                self.refused
                    .push((span, "it makes too long a text".to_owned()));
                return text.clone();
            }
        }
        out.push_str(rest);
        self.left = self.left.saturating_sub(out.len() / 64);
        out.into()
    }
}

fn find<'n>(mut names: Names<'n>, word: &str) -> Option<&'n str> {
    while let Some(name) = names {
        if name.name == word {
            return Some(name.value);
        }
        names = name.outer;
    }
    None
}

fn word(node: &Node) -> Option<Arc<str>> {
    match &node.value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// A stack has 500 resources at most
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
const MAX_NODES: usize = 200_000;

const MAX_TEXT: usize = 64 << 10;
