//! Sets of connections by numbers, so that what two of them make together is made once.

use std::collections::HashMap;

use crate::Connections;

/// A set of connections in the table.
pub(super) type Id = u32;

/// Sets of connections, each once, with what they make together.
#[derive(Debug)]
pub(super) struct Table {
    sets: Vec<Connections>,
    ids: HashMap<Connections, Id>,
    made: HashMap<(Operation, Id, Id), Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

pub(super) const NONE: Id = 0;
pub(super) const ALL: Id = 1;

impl Default for Table {
    fn default() -> Self {
        let sets = vec![Connections::default(), Connections::all()];
        Self {
            ids: sets.iter().cloned().zip(0..).collect(),
            sets,
            made: HashMap::new(),
        }
    }
}

impl Table {
    pub(super) fn id(&mut self, set: Connections) -> Id {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        // Each is made by an operation that takes longer than counting to it.
        let id = Id::try_from(self.sets.len()).expect("fewer sets than memory has room for");
        self.sets.push(set.clone());
        self.ids.insert(set, id);
        id
    }

    pub(super) fn get(&self, id: Id) -> &Connections {
        &self.sets[id as usize]
    }

    fn make(&mut self, operation: Operation, a: Id, b: Id) -> Id {
        if let Some(id) = self.made.get(&(operation, a, b)) {
            return *id;
        }
        let (x, y) = (self.get(a), self.get(b));
        let set = match operation {
            Operation::Union => x.union(y),
            Operation::Intersection => x.intersection(y),
            Operation::Difference => x.difference(y),
        };
        let id = self.id(set);
        self.made.insert((operation, a, b), id);
        id
    }

    pub(super) fn one(&mut self, a: Id, b: Id) -> Id {
        match (a, b) {
            (NONE, it) | (it, NONE) => it,
            (ALL, _) | (_, ALL) => ALL,
            (a, b) if a == b => a,
            (a, b) => self.make(Operation::Union, a, b),
        }
    }

    pub(super) fn both(&mut self, a: Id, b: Id) -> Id {
        match (a, b) {
            (NONE, _) | (_, NONE) => NONE,
            (ALL, it) | (it, ALL) => it,
            (a, b) if a == b => a,
            (a, b) => self.make(Operation::Intersection, a, b),
        }
    }

    pub(super) fn without(&mut self, a: Id, b: Id) -> Id {
        match (a, b) {
            (it, NONE) => it,
            (NONE, _) | (_, ALL) => NONE,
            (a, b) if a == b => NONE,
            (a, b) => self.make(Operation::Difference, a, b),
        }
    }
}
