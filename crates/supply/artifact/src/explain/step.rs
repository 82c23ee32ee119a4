//! The line of each kind of step.

use super::{
    Block, Effect, Mark, block,
    draft::{Draft, Kind},
    names,
    value::Line,
};
use crate::{
    Verdict,
    notes::plain,
    pickle::{
        effect::Mutation,
        tree::{Act, Array, Called, Id, Node, Step},
        value::Shape,
    },
};

impl Draft<'_, '_> {
    /// Tells a step, with the findings at it.
    pub(super) fn step(&mut self, step: &Step, mut marks: Vec<Mark>) {
        let tree = self.tree;
        if marks.is_empty() {
            marks.extend(self.mark_again(step.act));
        }
        let at = step.at;
        let mut line = match marks.is_empty() {
            true => Line::new(self.bounds.line, self.bounds.string),
            false => Line::new(self.bounds.marked_line, self.bounds.marked_string),
        };
        let effect = match step.act {
            Act::Import(id) => {
                if let Node::Global(symbol) = *tree.node(id) {
                    self.imported.insert(symbol);
                    line.push(&names::import(tree.symbol(symbol)));
                }
                if marks.is_empty() {
                    // A known import in the middle of a call does not take the call apart.
                    return self.write(at, Effect::Import, line.text, marks, Vec::new());
                }
                Effect::Import
            }
            Act::Call(id) => {
                let Some(called) = tree.called(id) else {
                    return;
                };
                return self.call_step(at, id, called, marks, line);
            }
            Act::Persistent(id) => return self.persistent(at, id, marks, line),
            Act::Extension(id) => {
                let code = match tree.node(id) {
                    Node::Extension(code) => *code,
                    _ => 0,
                };
                let name = self.result(id);
                line.push(&format!("{name}extension({code})"));
                Effect::Ask
            }
            Act::NotAName {
                object,
                module,
                name,
            } => {
                let result = self.result(object);
                line.push(&result);
                line.push("import_(");
                self.elements(&mut line, &[module, name], self.bounds.depth);
                line.push(")");
                Effect::Import
            }
            Act::State { object, state } => {
                self.value(&mut line, object, self.bounds.depth);
                line.push(".__setstate__(");
                self.value(&mut line, state, self.bounds.depth);
                line.push(")");
                Effect::State
            }
            Act::Put { how, object, items } => {
                return self.put(at, how, object, items, marks);
            }
        };
        let blocks = self.blocks(step.act, &marks);
        self.emit(
            Kind {
                at,
                effect,
                marks,
                blocks,
            },
            line,
        );
        if let Act::State { object, .. } = step.act {
            self.array(at, object);
        }
    }

    fn call_step(&mut self, at: u64, id: Id, called: &Called, marks: Vec<Mark>, mut line: Line) {
        let mut expression = Line::new(self.bounds.line, self.bounds.string);
        if !marks.is_empty() {
            expression = Line::new(self.bounds.marked_line, self.bounds.marked_string);
        }
        self.call(&mut expression, called);
        let is_simple = marks.is_empty()
            && self.uses.times(id) == 1
            && !self.uses.is_changed(id)
            && called.array.is_none()
            && expression.named.is_empty()
            && !expression
                .strings
                .iter()
                .any(|at| self.marks.has_string(*at))
            && expression.text.len() <= LONGEST_INSIDE;
        if is_simple {
            return self.wait(id, at, Effect::Call, expression.text);
        }
        if self.uses.times(id) > 0 || self.uses.is_changed(id) {
            self.flush();
            line.push(&self.result(id));
        }
        line.push(&expression.text);
        line.named = expression.named;
        line.strings = expression.strings;
        let blocks = self.blocks(Act::Call(id), &marks);
        let kind = Kind {
            at,
            effect: Effect::Call,
            marks,
            blocks,
        };
        self.emit(kind, line);
    }

    fn persistent(&mut self, at: u64, id: Id, marks: Vec<Mark>, mut line: Line) {
        let Node::Persistent(inner) = *self.tree.node(id) else {
            return;
        };
        let storage = self.storage(inner);
        let is_storage = storage.is_some();
        let mut expression = Line::new(self.bounds.line, self.bounds.string);
        match storage {
            Some(parts) => {
                expression.push("storage(");
                self.elements(&mut expression, &parts, self.bounds.depth);
            }
            None => {
                expression.push("persistent_load(");
                self.value(&mut expression, inner, self.bounds.depth);
            }
        }
        expression.push(")");
        if is_storage && marks.is_empty() && self.uses.times(id) == 1 {
            return self.wait(id, at, Effect::Ask, expression.text);
        }
        if self.uses.times(id) > 0 || self.uses.is_changed(id) {
            self.flush();
            line.push(&self.result(id));
        }
        line.push(&expression.text);
        line.named = expression.named;
        line.strings = expression.strings;
        let kind = Kind {
            at,
            effect: Effect::Ask,
            marks,
            blocks: Vec::new(),
        };
        self.emit(kind, line);
    }

    /// What says of a tensor's storage what it is, in the form torch gives it.
    fn storage(&self, id: Id) -> Option<Vec<Id>> {
        let items = self
            .tree
            .items_of(id, Shape::Tuple)
            .filter(|_| self.is_torch)?;
        let (&tag, rest) = items.split_first()?;
        let is_storage = self.tree.text(tag)? == "storage" && (4..=5).contains(&rest.len());
        is_storage.then(|| rest.to_vec())
    }

    fn put(&mut self, at: u64, how: Mutation, object: Id, items: Id, marks: Vec<Mark>) {
        let tree = self.tree;
        let items = tree.items(items).unwrap_or_default();
        let size = if how == Mutation::SetItem { 2 } else { 1 };
        let most = self.bounds.items;
        let mut marks = Some(marks);
        for (index, item) in items.chunks(size).enumerate() {
            let mut line = Line::new(self.bounds.line, self.bounds.string);
            self.value(&mut line, object, self.bounds.depth);
            if index == most {
                let more = items.len() / size - index;
                line.push(match how {
                    Mutation::SetItem => "[…] = …",
                    Mutation::Append => ".append(…)",
                    Mutation::Add => ".add(…)",
                });
                line.push(&format!("  # {more} more"));
            } else {
                match (how, item) {
                    (Mutation::SetItem, &[key, value]) => {
                        line.push("[");
                        self.value(&mut line, key, self.bounds.depth);
                        line.push("] = ");
                        self.value(&mut line, value, self.bounds.depth);
                    }
                    (Mutation::Add, _) => self.method(&mut line, ".add(", item),
                    _ => self.method(&mut line, ".append(", item),
                }
            }
            let kind = Kind {
                at,
                effect: Effect::Put,
                marks: marks.take().unwrap_or_default(),
                blocks: Vec::new(),
            };
            self.emit(kind, line);
            if index == most {
                break;
            }
        }
    }

    fn method(&mut self, line: &mut Line, name: &str, arguments: &[Id]) {
        line.push(name);
        self.elements(line, arguments, self.bounds.depth);
        line.push(")");
    }

    /// The array that joblib reads behind a wrapper.
    fn array(&mut self, at: u64, object: Id) {
        let Some(array) = self.tree.called(object).and_then(|called| called.array) else {
            return;
        };
        let mut line = Line::new(self.bounds.line, self.bounds.string);
        self.value(&mut line, object, self.bounds.depth);
        match array {
            Array::Bytes(extent) => line.push(&format!(".read_array()  # {} bytes", extent.len)),
            Array::Objects(objects) => {
                line.push(".read_array()  # a pickle of its own, which gives ");
                self.value(&mut line, objects, self.bounds.depth);
            }
        }
        let kind = Kind {
            at,
            effect: Effect::Array,
            marks: Vec::new(),
            blocks: Vec::new(),
        };
        self.emit(kind, line);
    }

    /// The finding of a name, at a step that is not the one where it is told.
    fn mark_again(&self, act: Act) -> Option<Mark> {
        let id = match act {
            Act::Import(id) => id,
            Act::Call(id) => self.tree.called(id)?.callee,
            _ => return None,
        };
        let name = plain(&self.tree.global(id)?.dotted());
        self.marks.of_name(&name).cloned()
    }

    /// The text in a step with a finding that deserves a look of its own.
    fn blocks(&mut self, act: Act, marks: &[Mark]) -> Vec<Block> {
        let is_marked = marks.iter().any(|mark| mark.verdict >= Verdict::Unknown);
        match act {
            Act::Call(id) if is_marked => {
                block::of_call(self.tree, id, &self.bounds, &mut self.spent.blocks)
            }
            _ => Vec::new(),
        }
    }
}

/// How long a call may be that stands inside of another line.
const LONGEST_INSIDE: usize = 72;
