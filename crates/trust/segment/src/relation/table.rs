//! Sets of connections by numbers, so that what two of them make together is made once.

use std::{collections::HashMap, hash::Hash};

use crate::Connections;

/// What something is called in a table.
pub(super) type Id = u32;

/// Things by numbers, each once.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    pub(super) items: Vec<T>,
    ids: HashMap<T, Id>,
}

/// Sets of connections, with what they make together.
#[derive(Debug)]
pub(super) struct Table {
    sets: Numbered<Connections>,
    made: HashMap<(Operation, Id, Id), Id>,
    recent: Recent,
    /// How many ranges of ports all sets have.
    ranges: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

pub(super) const NONE: Id = 0;
pub(super) const ALL: Id = 1;

/// What was looked up last, which is asked for again many times and found without hashing.
#[derive(Debug)]
pub(super) struct Recent(Vec<([Id; 3], Id)>);

impl Default for Recent {
    fn default() -> Self {
        // No table has that many, so that nobody looks for it.
        Self(vec![([Id::MAX; 3], 0); RECENT])
    }
}

impl Recent {
    pub(super) fn get(&self, key: [Id; 3]) -> Option<Id> {
        let (there, id) = self.0[Self::place(key)];
        (there == key).then_some(id)
    }

    pub(super) fn put(&mut self, key: [Id; 3], id: Id) {
        self.0[Self::place(key)] = (key, id);
    }

    fn place([a, b, c]: [Id; 3]) -> usize {
        // Odd numbers spread neighbours (Knuth's multiplicative hashing).
        let mixed =
            a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca6b) ^ c.wrapping_mul(0xc2b2_ae35);
        (mixed >> 16) as usize % RECENT
    }
}

const RECENT: usize = 1 << 14;

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            ids: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    /// The number of one.
    pub(super) fn number(&mut self, item: T) -> Id {
        if let Some(id) = self.ids.get(&item) {
            return *id;
        }
        // Tables are found to be full long before.
        let id = Id::try_from(self.items.len()).expect("fewer than there are numbers");
        self.items.push(item.clone());
        self.ids.insert(item, id);
        id
    }
}

impl Default for Table {
    fn default() -> Self {
        let mut table = Self {
            sets: Numbered::default(),
            made: HashMap::new(),
            recent: Recent::default(),
            ranges: 0,
        };
        let fixed = [Connections::default(), Connections::all()].map(|it| table.id(it));
        debug_assert_eq!(fixed, [NONE, ALL]);
        table
    }
}

impl Table {
    pub(super) fn id(&mut self, set: Connections) -> Id {
        let before = self.sets.items.len();
        let ranges = set
            .ports()
            .map(|(_, ports)| ports.ranges().len())
            .sum::<usize>();
        let id = self.sets.number(set);
        if self.sets.items.len() > before {
            self.ranges += ranges;
        }
        id
    }

    pub(super) fn get(&self, id: Id) -> &Connections {
        &self.sets.items[id as usize]
    }

    /// Whether there is more in it than anybody means: policies made to fill it.
    pub(super) fn is_full(&self) -> bool {
        self.ranges > MAX_RANGES || self.made.len() > MAX_MADE
    }

    fn make(&mut self, operation: Operation, a: Id, b: Id) -> Id {
        let key = [operation as Id, a, b];
        if let Some(id) = self.recent.get(key) {
            return id;
        }
        if let Some(id) = self.made.get(&(operation, a, b)) {
            self.recent.put(key, *id);
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
        self.recent.put(key, id);
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

/// 32 MB of ranges, twice.
const MAX_RANGES: usize = 1 << 23;
/// 400 MB at most.
const MAX_MADE: usize = 1 << 24;
