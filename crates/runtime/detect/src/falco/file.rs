//! Files of Falco: lists, macros and rules, and how later ones change earlier ones.

use std::collections::BTreeMap;

use casemate_document::{
    Node, Span, Value, decode,
    yaml::{self, Dialect},
};

use crate::{
    detections::LIMITS,
    error::{Error, Text, quote},
};

/// What files declare, before names are looked up.
#[derive(Default)]
pub(crate) struct Declared {
    /// The items of each list, and an error that only has to be said.
    pub(crate) lists: BTreeMap<String, (Vec<String>, Error)>,
    pub(crate) macros: BTreeMap<String, Written>,
    pub(crate) rules: Vec<Declaration>,
    pub(crate) errors: Vec<Error>,
}

/// A condition, and where it stands.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// An error that only has to be said.
    pub(crate) at: Error,
}

pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) condition: Written,
    pub(crate) description: String,
    pub(crate) output: String,
    pub(crate) priority: String,
    pub(crate) tags: Vec<String>,
    pub(crate) is_enabled: bool,
    pub(crate) exceptions: Vec<Exception>,
}

/// What is left out of a rule: fields, how they are compared, and rows of values.
#[derive(Clone, Default)]
pub(crate) struct Exception {
    pub(crate) name: String,
    pub(crate) fields: Vec<String>,
    pub(crate) operators: Vec<String>,
    pub(crate) rows: Vec<Vec<Values>>,
}

/// What one field is compared with.
#[derive(Clone)]
pub(crate) enum Values {
    One(String),
    Several(Vec<String>),
}

impl Declared {
    pub(crate) fn file(&mut self, name: &str, bytes: &[u8]) {
        let whole = match decode(bytes) {
            Ok(text) => text,
            Err(error) => {
                let text = Text::new(name, "");
                let error =
                    text.error(Span::default(), error.to_string(), "save the file as UTF-8");
                return self.errors.push(error);
            }
        };
        let text = Text::new(name, &whole);
        let stream = yaml::read(&whole, Dialect::CORE, &LIMITS);
        if let Some(error) = &stream.error {
            let what = error.message.escape_debug().to_string();
            self.errors
                .push(text.error(error.span, what, "correct the YAML"));
        }
        for document in &stream.documents {
            if let Some(span) = document.repeated.first() {
                let what = format!("the key {} stands twice", quote(span.of(&whole)));
                (self.errors).push(text.error(*span, what, "join the two, or leave one out"));
                continue;
            }
            let is_list = matches!(document.root.value, Value::List(_) | Value::Null);
            if !is_list {
                let what = format!(
                    "{} stands where a list of rules should",
                    document.root.kind()
                );
                (self.errors).push(text.error(document.root.span, what, "write `- rule: …`"));
            }
            for node in document.root.items() {
                if let Err(error) = self.item(&text, node) {
                    self.errors.push(error);
                }
            }
        }
    }

    fn item(&mut self, text: &Text<'_>, node: &Node) -> Result<(), Error> {
        let keys = ["list", "macro", "rule"];
        let named = keys
            .iter()
            .find_map(|key| Some((*key, node.get(key)?.as_str()?)));
        let Some((kind, name)) = named else {
            let ignored = ["required_engine_version", "required_plugin_versions"];
            if ignored.iter().any(|key| node.get(key).is_some()) {
                return Ok(());
            }
            let what = "the entry is no rule, no macro and no list";
            return Err(text.error(node.span, what, "name it with `rule:`, `macro:` or `list:`"));
        };
        let known: &[&str] = match kind {
            "list" => &["list", "items", "append", "override"],
            "macro" => &["macro", "condition", "append", "override"],
            _ => &RULE,
        };
        let unknown = node
            .entries()
            .iter()
            .find(|entry| !known.contains(&&*entry.key));
        if let Some(entry) = unknown {
            let what = format!("a {kind} has no {}", quote(&entry.key));
            return Err(text.error(entry.key_span, what, "correct its name, or take it away"));
        }
        let change = Change { text, node };
        match kind {
            "list" => self.list(name, &change),
            "macro" => self.macros(name, &change),
            _ => self.rule(name, &change),
        }
    }

    fn list(&mut self, name: &str, change: &Change<'_, '_>) -> Result<(), Error> {
        let items = change.texts("items")?;
        match change.how("items")? {
            How::Append => match self.lists.get_mut(name) {
                Some((list, _)) => list.extend(items),
                None => return Err(change.unknown("list", name)),
            },
            _ => {
                let at = change.text.error(change.node.span, "", "");
                self.lists.insert(name.to_owned(), (items, at));
            }
        }
        Ok(())
    }

    fn macros(&mut self, name: &str, change: &Change<'_, '_>) -> Result<(), Error> {
        let condition = change.condition()?;
        match change.how("condition")? {
            How::Append => match self.macros.get_mut(name) {
                Some(written) => written.append(&condition),
                None => return Err(change.unknown("macro", name)),
            },
            _ => drop(self.macros.insert(name.to_owned(), condition)),
        }
        Ok(())
    }

    fn rule(&mut self, name: &str, change: &Change<'_, '_>) -> Result<(), Error> {
        let known = self.rules.iter_mut().find(|rule| rule.name == name);
        let only_enables = change.node.get("condition").is_none()
            && change.node.get("enabled").is_some()
            && change.node.get("override").is_none();
        if change.changes() || only_enables {
            return match known {
                Some(rule) => change.apply(rule),
                None => Err(change.unknown("rule", name)),
            };
        }
        let declaration = Declaration {
            name: name.to_owned(),
            file: change.text.file.to_owned(),
            condition: change.condition()?,
            description: change.string("desc"),
            output: change.string("output"),
            priority: change.string("priority"),
            tags: change.texts("tags")?,
            is_enabled: change.flag("enabled")?.unwrap_or(true),
            exceptions: change.exceptions()?,
        };
        match known {
            Some(rule) => *rule = declaration,
            None => self.rules.push(declaration),
        }
        Ok(())
    }
}

impl Written {
    fn append(&mut self, other: &Self) {
        self.text = format!("{} {}", self.text, other.text);
    }
}

enum How {
    Declare,
    Append,
    Replace,
}

/// An entry of a file.
struct Change<'r, 't> {
    text: &'r Text<'t>,
    node: &'r Node,
}

impl Change<'_, '_> {
    /// Whether it changes what another entry declares.
    fn changes(&self) -> bool {
        self.node.get("override").is_some()
            || self.node.get("append").and_then(Node::as_bool) == Some(true)
    }

    /// What it does with a key of the entry that it changes.
    fn how(&self, key: &str) -> Result<How, Error> {
        if self.flag("append")? == Some(true) {
            return Ok(How::Append);
        }
        let Some(node) = self.node.get("override") else {
            return Ok(How::Declare);
        };
        match node.get(key).map(Node::as_str) {
            Some(Some("append")) => Ok(How::Append),
            Some(Some("replace")) => Ok(How::Replace),
            None => Ok(How::Declare),
            Some(_) => {
                let what = format!("`override` of {} is neither append nor replace", quote(key));
                Err(self.text.error(node.span, what, "write one of them"))
            }
        }
    }

    /// Changes a rule in the keys that it names.
    fn apply(&self, rule: &mut Declaration) -> Result<(), Error> {
        if let Some(enabled) = self.flag("enabled")? {
            rule.is_enabled = enabled;
        }
        if self.node.get("condition").is_some() {
            match self.how("condition")? {
                How::Append => rule.condition.append(&self.condition()?),
                _ => rule.condition = self.condition()?,
            }
        }
        for (key, value) in [
            ("desc", &mut rule.description),
            ("output", &mut rule.output),
            ("priority", &mut rule.priority),
        ] {
            if self.node.get(key).is_some() {
                match self.how(key)? {
                    How::Append => *value = format!("{value} {}", self.string(key)),
                    _ => *value = self.string(key),
                }
            }
        }
        match self.how("tags")? {
            How::Append => rule.tags.extend(self.texts("tags")?),
            How::Replace => rule.tags = self.texts("tags")?,
            How::Declare => {}
        }
        if self.node.get("exceptions").is_none() {
            return Ok(());
        }
        let exceptions = self.exceptions()?;
        match self.how("exceptions")? {
            How::Append => exceptions.into_iter().for_each(|it| rule.except(it)),
            _ => rule.exceptions = exceptions,
        }
        Ok(())
    }

    fn condition(&self) -> Result<Written, Error> {
        match self.node.get("condition") {
            Some(node) if node.as_str().is_some() => Ok(Written {
                text: self.string("condition"),
                at: self.text.error(node.span, "", ""),
            }),
            _ => Err(self.wrong("condition", "the condition is missing, or is no text")),
        }
    }

    /// A text; empty where there is none.
    fn string(&self, key: &str) -> String {
        let text = self.node.get(key).and_then(Node::as_str);
        text.unwrap_or_default().to_owned()
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.node.get(key) {
            None => Ok(None),
            Some(node) if node.as_bool().is_some() => Ok(node.as_bool()),
            Some(_) => Err(self.wrong(key, "the value is neither true nor false")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Error> {
        let Some(node) = self.node.get(key) else {
            return Ok(Vec::new());
        };
        let texts: Option<Vec<String>> = node.items().iter().map(scalar).collect();
        match texts.filter(|_| matches!(node.value, Value::List(_))) {
            Some(texts) => Ok(texts),
            None => Err(self.wrong(key, "the value is no list of texts")),
        }
    }

    fn exceptions(&self) -> Result<Vec<Exception>, Error> {
        let nodes = self
            .node
            .get("exceptions")
            .map(Node::items)
            .unwrap_or_default();
        nodes.iter().map(|node| self.exception(node)).collect()
    }

    fn exception(&self, node: &Node) -> Result<Exception, Error> {
        let wrong = |what: &str| {
            self.text
                .error(node.span, what, "write name, fields, comps and values")
        };
        let list = |key: &str| match node.get(key) {
            None => Some((false, Vec::new())),
            Some(node) => match node.as_str() {
                Some(text) => Some((true, vec![text.to_owned()])),
                None => {
                    let items: Option<Vec<String>> = node.items().iter().map(scalar).collect();
                    Some((false, items?))
                }
            },
        };
        let name = node
            .get("name")
            .and_then(Node::as_str)
            .ok_or_else(|| wrong("an exception has no name"))?;
        let (is_single, fields) = list("fields").ok_or_else(|| wrong("`fields` is no list"))?;
        let (_, operators) = list("comps").ok_or_else(|| wrong("`comps` is no list"))?;
        let values = node.get("values").map(Node::items).unwrap_or_default();
        let rows = match is_single {
            // One field with all its values.
            true if values.is_empty() => Vec::new(),
            true => {
                let all: Option<Vec<String>> = values.iter().map(scalar).collect();
                vec![vec![Values::Several(
                    all.ok_or_else(|| wrong("a value is no text"))?,
                )]]
            }
            false => {
                let rows: Option<Vec<Vec<Values>>> = values.iter().map(row).collect();
                rows.ok_or_else(|| wrong("a row of values is no list"))?
            }
        };
        let default = if is_single { "in" } else { "=" };
        Ok(Exception {
            name: name.to_owned(),
            operators: match operators.is_empty() {
                true => vec![default.to_owned(); fields.len()],
                false => operators,
            },
            fields,
            rows,
        })
    }

    fn unknown(&self, kind: &str, name: &str) -> Error {
        let what = format!("there is no {kind} {} to change", quote(name));
        self.text.error(
            self.node.span,
            what,
            "give the file that declares it before this one",
        )
    }

    fn wrong(&self, key: &str, what: &str) -> Error {
        let span = self.node.get(key).unwrap_or(self.node).span;
        self.text.error(span, what, "correct it")
    }
}

impl Declaration {
    /// Adds the values of an exception to the one of the same name.
    fn except(&mut self, exception: Exception) {
        match self
            .exceptions
            .iter_mut()
            .find(|it| it.name == exception.name)
        {
            Some(known) => known.rows.extend(exception.rows),
            None => self.exceptions.push(exception),
        }
    }
}

/// A row of values of an exception.
fn row(node: &Node) -> Option<Vec<Values>> {
    let Value::List(items) = &node.value else {
        return None;
    };
    let values = items.iter().map(|item| match &item.value {
        Value::List(items) => {
            let values: Option<Vec<String>> = items.iter().map(scalar).collect();
            values.map(Values::Several)
        }
        _ => scalar(item).map(Values::One),
    });
    values.collect()
}

/// A value as text; quotes within it are those of Falco's language.
fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(text) => {
            let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
            Some(
                quoted('"')
                    .or_else(|| quoted('\''))
                    .unwrap_or(text)
                    .to_owned(),
            )
        }
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

const RULE: [&str; 16] = [
    "rule",
    "condition",
    "desc",
    "output",
    "priority",
    "tags",
    "enabled",
    "exceptions",
    "append",
    "override",
    "source",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "info",
];
