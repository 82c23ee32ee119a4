//! What templates share while they are executed: each other, and what they may cost.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use casemate_document::Span;

use super::{
    Text,
    tree::{Node, Template},
    value::{Data, List, Map, UNKNOWN_END, UNKNOWN_START, Value},
};
use crate::Origin;

/// Templates by their names, and the account of what they cost.
pub(crate) struct Engine {
    templates: HashMap<Rc<str>, Rc<Template>>,
    limits: Limits,
    steps: usize,
    bytes: usize,
    pub(super) depth: usize,
    /// The action that is executed.
    pub(super) here: Option<Rc<Origin>>,
    /// Every map that was made. A template can put maps into each other in a circle or as deep as it
    /// likes, so they are emptied one by one at the end.
    maps: Vec<Rc<Map>>,
    /// Why something is not known, by the number in its mark.
    doubts: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, usize>,
    /// Decisions that nobody can make before the chart is installed.
    undecided: Vec<(Origin, Rc<str>)>,
    /// Where they are, each of which is told of once.
    asked: HashSet<(usize, Span)>,
    /// What was read since it was taken last that another cluster or release has otherwise.
    pub(super) assumed: Option<&'static str>,
}

/// What one chart may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Nodes, calls and items of lists.
    pub(crate) steps: usize,
    /// Bytes of text, that between functions included.
    pub(crate) bytes: usize,
    /// Templates, blocks and parentheses in each other.
    pub(crate) depth: usize,
    /// Maps.
    pub(crate) maps: usize,
}

/// Why a template has no text.
#[derive(Debug)]
pub(crate) struct Fail {
    pub(crate) message: String,
    /// The innermost action.
    pub(crate) at: Option<Origin>,
    /// Whether the chart has cost all that it may.
    pub(crate) is_final: bool,
}

impl<T: Into<String>> From<T> for Fail {
    fn from(message: T) -> Self {
        Self {
            message: message.into(),
            at: None,
            is_final: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 8_000_000,
            bytes: 256 << 20,
            depth: 800,
            maps: 400_000,
        }
    }
}

impl Engine {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            templates: HashMap::new(),
            limits,
            steps: 0,
            bytes: 0,
            depth: 0,
            here: None,
            maps: Vec::new(),
            doubts: Vec::new(),
            numbers: HashMap::new(),
            undecided: Vec::new(),
            asked: HashSet::new(),
            assumed: None,
        }
    }

    /// Adds a template in the place of the one with its name. One with nothing in it replaces none.
    /// Gives what it replaced.
    pub(crate) fn define(&mut self, template: Template) -> Option<Rc<Template>> {
        let is_empty = |node: &Node| match node {
            Node::Text(range) => template.source.as_str()[range.clone()].trim().is_empty(),
            _ => false,
        };
        if template.nodes.iter().all(is_empty) && self.templates.contains_key(&template.name) {
            return None;
        }
        let name = template.name.clone();
        self.templates.insert(name, Rc::new(template))
    }

    pub(crate) fn template(&self, name: &str) -> Option<Rc<Template>> {
        self.templates.get(name).cloned()
    }

    /// Puts back what was there under `name`.
    pub(super) fn restore(&mut self, name: &Rc<str>, template: Option<Rc<Template>>) {
        match template {
            Some(template) => self.templates.insert(name.clone(), template),
            None => self.templates.remove(name),
        };
    }

    /// Counts work.
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), Fail> {
        self.steps = self.steps.saturating_add(steps);
        self.within(self.steps <= self.limits.steps, "takes too many steps")
    }

    /// Counts text.
    pub(crate) fn write(&mut self, bytes: usize) -> Result<(), Fail> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.within(self.bytes <= self.limits.bytes, "makes too much text")
    }

    /// Before a template that no other one called.
    pub(crate) fn begin(&mut self) {
        self.depth = 0;
        self.here = None;
    }

    pub(super) fn enter(&mut self) -> Result<(), Fail> {
        self.depth += 1;
        match self.depth <= self.limits.depth {
            true => Ok(()),
            false => Err("templates are nested too deep".into()),
        }
    }

    fn within(&self, is_within: bool, message: &str) -> Result<(), Fail> {
        match is_within {
            true => Ok(()),
            false => Err(Fail {
                message: format!("the chart {message} to be rendered here"),
                at: None,
                is_final: true,
            }),
        }
    }

    /// An empty map.
    pub(crate) fn map(&mut self) -> Result<Rc<Map>, Fail> {
        self.work(4)?;
        self.within(self.maps.len() < self.limits.maps, "makes too many maps")?;
        let map = Rc::new(Map::default());
        self.maps.push(map.clone());
        Ok(map)
    }

    pub(crate) fn map_of(
        &mut self,
        entries: impl IntoIterator<Item = (Rc<str>, Value)>,
    ) -> Result<Value, Fail> {
        let map = self.map()?;
        for (key, value) in entries {
            self.work(1)?;
            map.set(key, value);
        }
        Ok(Value::new(Data::Map(map)))
    }

    pub(crate) fn list(&mut self, items: Vec<Value>) -> Result<Value, Fail> {
        self.list_of(items, false)
    }

    /// A list of text.
    pub(crate) fn strings(&mut self, items: Vec<Value>) -> Result<Value, Fail> {
        self.list_of(items, true)
    }

    fn list_of(&mut self, items: Vec<Value>, is_strings: bool) -> Result<Value, Fail> {
        self.work(items.len() + 1)?;
        let depth = items.iter().map(|item| match &item.data {
            Data::List(list) => list.depth,
            _ => 0,
        });
        let depth = depth.max().unwrap_or(0) + 1;
        if depth > MAX_LISTS {
            return Err("lists are nested too deep".into());
        }
        Ok(Value::new(Data::List(Rc::new(List {
            items,
            depth,
            is_strings,
        }))))
    }

    /// Text that a function made.
    pub(crate) fn text(&mut self, text: impl Into<String>) -> Result<Value, Fail> {
        let text = text.into();
        self.write(text.len())?;
        Ok(Value::text(text))
    }

    /// The mark of something that is not known.
    pub(crate) fn doubt(&mut self, why: &Rc<str>) -> String {
        let next = self.doubts.len();
        let number = *self.numbers.entry(why.clone()).or_insert(next);
        if number == next {
            self.doubts.push(why.clone());
        }
        format!("{UNKNOWN_START}{number}{UNKNOWN_END}")
    }

    /// Why a text is not known: the reason behind its first mark.
    pub(crate) fn doubt_in(&self, text: &str) -> Option<Rc<str>> {
        let (_, rest) = text.split_once(UNKNOWN_START)?;
        let number = rest.split(UNKNOWN_END).next().unwrap_or_default();
        let known = number
            .parse()
            .ok()
            .and_then(|at: usize| self.doubts.get(at));
        Some(known.cloned().unwrap_or_else(|| "it is cut off".into()))
    }

    pub(super) fn undecided(&mut self, at: Option<&Rc<Origin>>, why: Rc<str>) {
        let Some(at) = at else { return };
        let file = Arc::as_ptr(&at.file) as usize;
        if self.asked.insert((file, at.span)) {
            self.undecided.push(((**at).clone(), why));
        }
    }

    /// The decisions that nobody could make since it was asked last.
    pub(crate) fn take_undecided(&mut self) -> Vec<(Origin, Rc<str>)> {
        std::mem::take(&mut self.undecided)
    }

    /// The text of a value, as `{{ value }}` has it, with its places.
    pub(crate) fn printed(&mut self, value: &Value) -> Result<Rc<Text>, Fail> {
        match &value.data {
            Data::Text(text) => {
                self.write(text.len())?;
                Ok(match (&value.origin, text.value()) {
                    (Some(_), None) if text.places(0..text.len()).next().is_none() => {
                        Rc::new(Text::of(text.as_str(), value.origin.as_ref()))
                    }
                    _ => text.clone(),
                })
            }
            Data::Nil => Ok(Rc::new(Text::plain(NO_VALUE))),
            _ => {
                let text = super::go_value(self, value, 0)?;
                self.write(text.len())?;
                Ok(Rc::new(Text::of(&text, value.origin.as_ref())))
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.maps.iter().for_each(|map| map.clear());
    }
}

/// What Go prints for nothing; Helm takes it out of what it renders.
pub(crate) const NO_VALUE: &str = "<no value>";

const MAX_LISTS: usize = 100;
