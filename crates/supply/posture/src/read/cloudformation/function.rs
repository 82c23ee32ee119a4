//! What functions of a template come to.

use std::sync::Arc;

use casemate_document::{Node, Value as Written};

use super::{MAX_DEPTH, Template, names::snake};
use crate::{Attr, Fact, Item, Map, Origin, Role, Truth, Value};

impl Template<'_> {
    /// The value; none where it is `AWS::NoValue`. Keys of properties become Terraform's; those of
    /// policies and variables stay.
    pub(super) fn value(&self, node: &Node, depth: usize, names: bool) -> Option<Attr> {
        let origin = Origin::new(self.file, node.span);
        if depth > MAX_DEPTH {
            return Some(Attr::unknown("it is nested too deeply", origin));
        }
        if let Some((function, argument)) = function(node) {
            return self.call(&function, argument, &origin, depth + 1, names);
        }
        let value = match &node.value {
            Written::List(items) => Value::List(
                items
                    .iter()
                    .filter_map(|it| self.value(it, depth + 1, names))
                    .collect(),
            ),
            Written::Map(map) => {
                let items = map.entries().iter().filter_map(|entry| {
                    let stays = entry.key.ends_with("Document")
                        || ["KeyPolicy", "Variables", "Environment", "Tags"].contains(&&*entry.key);
                    let key: Arc<str> = if names {
                        snake(&entry.key).into()
                    } else {
                        entry.key.clone()
                    };
                    Some(Item {
                        key,
                        place: Origin::new(self.file, entry.key_span),
                        value: self.value(&entry.value, depth + 1, names && !stays)?,
                    })
                });
                Value::Map(Arc::new(Map::new(items.collect())))
            }
            _ => return Some(Attr::of_node(node, self.file)),
        };
        Some(Attr::new(value, origin))
    }

    fn call(
        &self,
        name: &str,
        argument: &Node,
        origin: &Origin,
        depth: usize,
        names: bool,
    ) -> Option<Attr> {
        let unknown = |why: String| Some(Attr::unknown(why, origin.clone()));
        let text = argument.as_str();
        let items = argument.items();
        match name {
            "Ref" if text == Some("AWS::NoValue") => None,
            "Ref" => Some(self.reference(text.unwrap_or_default(), origin)),
            "Fn::If" => {
                let [condition, yes, no] = items else {
                    return unknown("Fn::If takes three values".to_owned());
                };
                match self.condition(condition.as_str().unwrap_or_default(), depth) {
                    Truth::Yes => self.value(yes, depth, names),
                    Truth::No => self.value(no, depth, names),
                    Truth::Unknown(why) => Some(Attr::unknown(why, origin.clone())),
                }
            }
            "Fn::Sub" => {
                let template = text.or_else(|| items.first().and_then(Node::as_str));
                Some(self.substituted(template.unwrap_or_default(), items.get(1), origin, depth))
            }
            "Fn::Join" => self.joined(items, origin, depth),
            "Fn::FindInMap" => self.mapped(items, origin, depth),
            "Fn::Base64" => self.value(argument, depth, false),
            "Fn::GetAtt" => {
                let name = text.map_or_else(
                    || {
                        items
                            .iter()
                            .filter_map(Node::as_str)
                            .collect::<Vec<_>>()
                            .join(".")
                    },
                    str::to_owned,
                );
                unknown(format!("{name} is known after apply"))
            }
            _ => unknown(format!("{name} is answered when the stack is made")),
        }
    }

    fn joined(&self, items: &[Node], origin: &Origin, depth: usize) -> Option<Attr> {
        let unknown = |why: Arc<str>| Some(Attr::unknown(why, origin.clone()));
        let [separator, list] = items else {
            return unknown("Fn::Join takes two values".into());
        };
        let list = self.value(list, depth, false)?;
        let mut parts = Vec::new();
        for item in list.items() {
            match item.text() {
                Fact::Known(text) => parts.push(text),
                Fact::Unknown(why) => return unknown(why),
                Fact::Absent => {}
            }
        }
        let joined = parts.join(separator.as_str().unwrap_or_default());
        Some(Attr::new(Value::String(joined.into()), origin.clone()))
    }

    fn mapped(&self, items: &[Node], origin: &Origin, depth: usize) -> Option<Attr> {
        let unknown = |why: Arc<str>| Some(Attr::unknown(why, origin.clone()));
        let mut place = self.root.get("Mappings");
        for item in items {
            match self.value(item, depth, false)?.text() {
                Fact::Known(key) => place = place.and_then(|it| it.get(&key)),
                Fact::Unknown(why) => return unknown(why),
                Fact::Absent => return unknown("a key is no text".into()),
            }
        }
        match place {
            Some(found) => Some(Attr::of_node(found, self.file)),
            None => unknown("it is in no mapping".into()),
        }
    }

    fn reference(&self, name: &str, origin: &Origin) -> Attr {
        let Some(parameter) = self.parameters.get(name) else {
            return Attr::unknown(format!("{name} is known after apply"), origin.clone());
        };
        match parameter.get("Default") {
            Some(default) => {
                let value = Attr::of_node(default, self.file);
                let place = origin.clone().behind(Role::Default, value.origin.clone());
                Attr::new(value.value, place)
            }
            None => Attr::unknown(
                format!("the parameter {name} has no default"),
                origin.clone(),
            ),
        }
    }

    /// A text with `${name}` in it.
    fn substituted(&self, text: &str, own: Option<&Node>, origin: &Origin, depth: usize) -> Attr {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = behind.split_once('}') else {
                return Attr::unknown("a name is not closed", origin.clone());
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
                continue;
            }
            let own = own
                .and_then(|it| it.get(name))
                .and_then(|it| self.value(it, depth + 1, false));
            match own.unwrap_or_else(|| self.reference(name, origin)).text() {
                Fact::Known(text) => out.push_str(&text),
                Fact::Unknown(why) => return Attr::unknown(why, origin.clone()),
                Fact::Absent => return Attr::unknown(format!("{name} is no text"), origin.clone()),
            }
            if out.len() > MAX_TEXT {
                return Attr::unknown("the text is too long", origin.clone());
            }
        }
        out.push_str(rest);
        Attr::new(Value::String(out.into()), origin.clone())
    }

    pub(super) fn condition(&self, name: &str, depth: usize) -> Truth {
        if let Some(held) = self.held.borrow().get(name) {
            return held.clone();
        }
        let holds = match self.conditions.get(name) {
            Some(condition) => self.holds(condition, depth + 1),
            None => Truth::Unknown(format!("the condition {name} is not declared").into()),
        };
        self.held
            .borrow_mut()
            .insert(name.to_owned(), holds.clone());
        holds
    }

    fn holds(&self, node: &Node, depth: usize) -> Truth {
        if depth > MAX_DEPTH {
            return Truth::Unknown("conditions refer to each other".into());
        }
        let Some((name, argument)) = function(node) else {
            return Truth::Unknown("it is no condition".into());
        };
        let items = argument.items();
        match &*name {
            "Condition" => self.condition(argument.as_str().unwrap_or_default(), depth),
            "Fn::Not" => !Truth::all(items.iter().map(|it| self.holds(it, depth + 1))),
            "Fn::And" => Truth::all(items.iter().map(|it| self.holds(it, depth + 1))),
            "Fn::Or" => Truth::any(items.iter().map(|it| self.holds(it, depth + 1))),
            "Fn::Equals" => {
                let texts = items
                    .iter()
                    .map(|it| self.value(it, depth, false).map(|it| it.text()));
                match &texts.collect::<Vec<_>>()[..] {
                    [Some(Fact::Known(a)), Some(Fact::Known(b))] => Truth::from(a == b),
                    [Some(Fact::Unknown(why)), _] | [_, Some(Fact::Unknown(why))] => {
                        Truth::Unknown(why.clone())
                    }
                    _ => Truth::Unknown("it is no comparison".into()),
                }
            }
            _ => Truth::Unknown(format!("{name} is no condition").into()),
        }
    }

    /// The names that a value refers to. The reader has bounded the depth.
    pub(super) fn references(&self, node: &Node, names: &mut Vec<Arc<str>>) {
        if let Some((name, argument)) = function(node) {
            let text = argument
                .as_str()
                .or_else(|| argument.items().first().and_then(Node::as_str));
            match (&*name, text) {
                ("Ref" | "Fn::GetAtt", Some(text)) => {
                    names.push(text.split('.').next().unwrap_or_default().into());
                }
                ("Fn::Sub", Some(text)) => {
                    let found = text
                        .split("${")
                        .skip(1)
                        .filter_map(|it| it.split(['}', '.']).next());
                    names.extend(found.map(Arc::from));
                }
                _ => {}
            }
            self.references(argument, names);
            return;
        }
        for item in node.items() {
            self.references(item, names);
        }
        for entry in node.entries() {
            self.references(&entry.value, names);
        }
    }
}

/// The function that a value is, in its long or its short form, and its argument.
pub(super) fn function(node: &Node) -> Option<(String, &Node)> {
    match &node.value {
        Written::Tagged(tagged) => {
            let name = tagged.0.trim_start_matches('!');
            let long = matches!(name, "Ref" | "Condition");
            Some((
                if long {
                    name.to_owned()
                } else {
                    format!("Fn::{name}")
                },
                &tagged.1,
            ))
        }
        Written::Map(map) => match map.entries() {
            [entry]
                if entry.key.starts_with("Fn::")
                    || &*entry.key == "Ref"
                    || &*entry.key == "Condition" && entry.value.as_str().is_some() =>
            {
                Some((entry.key.to_string(), &entry.value))
            }
            _ => None,
        },
        _ => None,
    }
}

const MAX_TEXT: usize = 1 << 20;
