//! From the steps of a tree to statements.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Block, Bounds, Effect, Mark, Statement, Stream, block::Ration, closure, names::Names,
    scribe::Marks, uses::Uses, value::Line,
};
use crate::{
    Verdict,
    pickle::{
        opcode,
        tree::{Act, Id, Node, Tree},
        value::{Shape, SymbolId},
    },
    witness::Interpreted,
};

/// Writes the statements of a stream.
pub(super) fn draft(
    tree: &Tree<'_>,
    stream: &Interpreted<'_>,
    bounds: Bounds,
    marks: &mut Marks,
    spent: &mut Spent,
) -> Stream {
    spent.blocks.begin();
    let uses = Uses::of(tree);
    let forced = match tree.steps().len() > bounds.statements {
        true => closure::forced(tree, &uses, marks, bounds.forced),
        false => BTreeSet::new(),
    };
    let mut draft = Draft {
        tree,
        uses,
        names: Names::of(tree),
        bounds,
        marks,
        spent,
        is_torch: stream.is_torch,
        labels: HashMap::new(),
        defined: HashSet::new(),
        imported: HashSet::new(),
        pending: Vec::new(),
        statements: Vec::new(),
        left_out: 0,
        gap: 0,
    };
    draft.steps(&forced);
    draft.end();
    let mut statements = draft.statements;
    let left_out = draft.left_out;
    statements.sort_by_key(|statement| statement.at);
    let verdict = statements.iter().map(|statement| statement.verdict).max();
    let head = stream.source.read_vec(stream.start, 2).unwrap_or_default();
    Stream {
        members: Vec::new(),
        within: Vec::new(),
        origin: stream.origin,
        start: stream.start,
        length: tree.end().saturating_sub(stream.start),
        protocol: match head[..] {
            [opcode::PROTO, protocol] => Some(protocol),
            _ => None,
        },
        verdict: verdict.unwrap_or_default(),
        statements,
        left_out,
    }
}

/// What the streams of one explanation share.
pub(super) struct Spent {
    /// How many bytes of lines there are.
    lines: usize,
    pub(super) blocks: Ration,
}

impl Spent {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            lines: 0,
            blocks: Ration::of(bounds),
        }
    }
}

/// A stream half written.
pub(super) struct Draft<'t, 'a> {
    pub(super) tree: &'t Tree<'a>,
    pub(super) uses: Uses,
    pub(super) names: Names,
    pub(super) bounds: Bounds,
    pub(super) marks: &'t mut Marks,
    pub(super) spent: &'t mut Spent,
    pub(super) is_torch: bool,
    labels: HashMap<Id, usize>,
    /// Containers whose line has been written.
    defined: HashSet<Id>,
    pub(super) imported: HashSet<SymbolId>,
    /// Calls that can stand inside of the line that uses them, in order.
    pending: Vec<Pending>,
    statements: Vec<Statement>,
    left_out: u64,
    /// How many effects were left out since the last statement.
    gap: u64,
}

/// A call that is known and used once.
struct Pending {
    id: Id,
    at: u64,
    effect: Effect,
    text: String,
}

/// A statement without its line.
pub(super) struct Kind {
    pub(super) at: u64,
    pub(super) effect: Effect,
    pub(super) marks: Vec<Mark>,
    pub(super) blocks: Vec<Block>,
}

impl<'t> Draft<'t, '_> {
    fn steps(&mut self, forced: &BTreeSet<usize>) {
        let tree = self.tree;
        for (index, step) in tree.steps().iter().enumerate() {
            if let Act::Import(id) = step.act
                && self.is_known_import(id)
                && !self.marks.has(step.at)
            {
                continue;
            }
            if self.statements.len() >= self.bounds.statements && !forced.contains(&index) {
                self.flush();
                self.left_out += 1;
                self.gap += 1;
                continue;
            }
            // An instruction that imports and calls is two steps, and the findings are the call's.
            let next = tree.steps().get(index + 1);
            let is_last = next.is_none_or(|next| next.at > step.at);
            let marks = match is_last {
                true => self.marks.take(step.at),
                false => Vec::new(),
            };
            self.step(step, marks);
        }
    }

    /// How the stream ends.
    fn end(&mut self) {
        let end = self.tree.end();
        let mut line = Line::new(self.bounds.line, self.bounds.string);
        let (at, effect) = match self.tree.root() {
            Some(root) => {
                line.push("return ");
                self.value(&mut line, root, self.bounds.depth);
                (end.saturating_sub(1), Effect::Return)
            }
            None => {
                let why = self.tree.fault().map(ToString::to_string);
                line.push(&format!("raise  # {}", why.unwrap_or_default()));
                (end, Effect::Break)
            }
        };
        let marks = self.marks.take(at);
        let kind = Kind {
            at,
            effect,
            marks,
            blocks: Vec::new(),
        };
        self.emit(kind, line);
        self.flush();
    }

    /// Lets a call wait for the line that uses it.
    pub(super) fn wait(&mut self, id: Id, at: u64, effect: Effect, text: String) {
        if self.pending.len() >= MOST_PENDING {
            self.flush();
        }
        self.pending.push(Pending {
            id,
            at,
            effect,
            text,
        });
    }

    /// The text of a call that waits, which then stands where it is used.
    pub(super) fn take_pending(&mut self, id: Id) -> Option<String> {
        let at = self.pending.iter().rposition(|waits| waits.id == id)?;
        Some(self.pending.remove(at).text)
    }

    /// Gives the calls that still wait lines of their own: what comes next does not use them.
    pub(super) fn flush(&mut self) {
        for waits in std::mem::take(&mut self.pending) {
            let text = self.result(waits.id) + &waits.text;
            self.write(waits.at, waits.effect, text, Vec::new(), Vec::new());
        }
    }

    /// Writes a statement, after the lines of the containers in it that have names.
    pub(super) fn emit(&mut self, kind: Kind, line: Line) {
        let (mut marks, mut blocks) = (kind.marks, kind.blocks);
        let mut open = vec![(None, line)];
        while let Some((of, line)) = open.last_mut() {
            let Some(id) = line.named.pop() else {
                let (of, line) = (*of, open.pop().map(|(_, line)| line));
                let Some(line) = line else { break };
                let strings: Vec<Mark> = (line.strings.iter())
                    .flat_map(|at| self.marks.take_of_string(*at))
                    .collect();
                if of.is_some() {
                    self.flush();
                    self.write(kind.at, Effect::Name, line.text, strings, Vec::new());
                } else {
                    marks.extend(strings);
                    self.flush();
                    self.write(
                        kind.at,
                        kind.effect,
                        line.text,
                        std::mem::take(&mut marks),
                        std::mem::take(&mut blocks),
                    );
                }
                continue;
            };
            if self.statements.len() + open.len() > self.bounds.statements + self.bounds.forced {
                continue;
            }
            if self.defined.insert(id)
                && let Node::Container { shape, items } = self.tree.node(id)
            {
                let mut line = Line::new(self.bounds.line, self.bounds.string);
                line.push(&self.result(id));
                self.container(&mut line, *shape, items, self.bounds.depth);
                open.push((Some(id), line));
            }
        }
    }

    pub(super) fn write(
        &mut self,
        at: u64,
        effect: Effect,
        text: String,
        marks: Vec<Mark>,
        blocks: Vec<Block>,
    ) {
        let usual = match effect {
            Effect::Name | Effect::Return | Effect::Break | Effect::Remark => Verdict::Inert,
            _ => Verdict::Known,
        };
        let verdict = marks.iter().map(|mark| mark.verdict).max();
        self.spent.lines = self.spent.lines.saturating_add(text.len());
        if self.spent.lines > self.bounds.lines {
            self.bounds = self.bounds.with_short_lines();
        }
        self.statements.push(Statement {
            at,
            effect,
            text,
            verdict: verdict.unwrap_or_default().max(usual),
            marks,
            blocks,
            left_out_before: std::mem::take(&mut self.gap),
        });
    }

    fn is_known_import(&self, id: Id) -> bool {
        matches!(self.tree.node(id), Node::Global(symbol) if self.imported.contains(symbol))
    }

    /// Whether a container has a line of its own: what is referred to in several places, or
    /// changed.
    pub(super) fn has_name(&self, id: Id) -> bool {
        if self.uses.is_changed(id) {
            return true;
        }
        if self.uses.times(id) < 2 {
            return false;
        }
        let is_atom = |id: &Id| {
            !matches!(
                self.tree.node(*id),
                Node::Container { .. } | Node::Called(_) | Node::Persistent(_)
            )
        };
        let is_small = self
            .tree
            .items_of(id, Shape::Tuple)
            .is_some_and(|items| items.len() <= 4 && items.iter().all(is_atom));
        !is_small
    }

    /// The name of a value.
    pub(super) fn label(&mut self, id: Id) -> String {
        let next = self.labels.len();
        format!("v{}", self.labels.entry(id).or_insert(next))
    }

    /// The beginning of a line that gives a value its name.
    pub(super) fn result(&mut self, id: Id) -> String {
        format!("{} = ", self.label(id))
    }
}

const MOST_PENDING: usize = 64;
