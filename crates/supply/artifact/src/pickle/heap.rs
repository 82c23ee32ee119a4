//! The objects of a stream, in one flat table: no recursion to drop them, a bound on their number,
//! and a sweep for those that nothing refers to any more.

use super::value::{Container, Kind, KindSet, Ref, Shape, Value};

/// The table.
#[derive(Clone)]
pub(crate) struct Heap {
    values: Vec<Value>,
    /// The first of the chain of free places.
    free: Option<u32>,
    /// At how many values the next sweep is due.
    due: usize,
    details: Details,
    /// Whether what was added last keeps an import.
    met_import: bool,
    met_object: bool,
    /// Whether it is a tuple or a frozen set that holds wide integers, or others that may.
    met_wide: bool,
    /// Whether some text in it is as long as the name of a formula.
    met_formula: bool,
    exhausted: bool,
}

impl Ref {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const BOOL: Self = Self(1);
    pub(crate) const BYTES: Self = Self(2);
    pub(crate) const FLOAT: Self = Self(3);
    pub(crate) const BIG_INT: Self = Self(4);
    pub(crate) const EMPTY_TUPLE: Self = Self(5);
    pub(crate) const BUFFER: Self = Self(6);
    pub(crate) const EXTENSION: Self = Self(7);
    pub(crate) const LOST: Self = Self(8);

    const IMMEDIATE: u32 = 1 << 31;

    fn index(self) -> Option<usize> {
        (self.0 & Self::IMMEDIATE == 0).then_some(self.0 as usize)
    }
}

impl Heap {
    pub(crate) fn new() -> Self {
        let nothing = Container {
            shape: Shape::Tuple,
            elements: KindSet::default(),
            special: false,
            kept: false,
            count: 0,
            weight: 1.0,
            detail: 0,
        };
        Self {
            values: vec![
                Value::None,
                Value::Bool,
                Value::Bytes,
                Value::Float,
                Value::BigInt { print: 0, hash: 0 },
                nothing.into(),
                Value::Buffer,
                Value::Extension,
                Value::Lost,
            ],
            free: None,
            due: FIRST_SWEEP,
            details: Details::default(),
            met_import: false,
            met_object: false,
            met_wide: false,
            met_formula: false,
            exhausted: false,
        }
    }

    /// How many places a copy of it takes, free ones and remembered elements included.
    pub(crate) fn size(&self) -> usize {
        self.values.len() + self.details.ring.kept.len() + self.details.shapes.kept.len()
    }

    /// Whether objects have been lost for want of memory.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    #[inline]
    pub(crate) fn value(&self, reference: Ref) -> Value {
        match reference.index() {
            Some(at) => self.values[at],
            None => Value::Int(i64::from(reference.0.cast_signed() << 1 >> 1)),
        }
    }

    pub(crate) fn int(&mut self, number: i64) -> Ref {
        if (-(1 << 30)..1 << 30).contains(&number) {
            // The range was just tested; thirty-one bits hold it.
            let low = u32::from_le_bytes([0, 1, 2, 3].map(|at| number.to_le_bytes()[at]));
            return Ref(low | Ref::IMMEDIATE);
        }
        self.insert(Value::Int(number))
    }

    #[inline]
    pub(crate) fn insert(&mut self, value: Value) -> Ref {
        if let Some(at) = self.free {
            if let Value::Free(next) = self.values[at as usize] {
                self.free = (next != u32::MAX).then_some(next);
            }
            self.values[at as usize] = value;
            return Ref(at);
        }
        if self.values.len() >= MOST_VALUES {
            self.exhausted = true;
            return Ref::LOST;
        }
        let at = u32::try_from(self.values.len()).unwrap_or(Ref::LOST.0);
        self.values.push(value);
        Ref(at)
    }

    pub(crate) fn container(&mut self, shape: Shape, items: &[Ref]) -> Ref {
        (self.met_import, self.met_object) = (false, false);
        (self.met_wide, self.met_formula) = (false, false);
        if shape == Shape::Tuple && items.is_empty() {
            return Ref::EMPTY_TUPLE;
        }
        let mut container = Container {
            shape,
            elements: KindSet::default(),
            special: false,
            kept: false,
            count: 0,
            weight: 1.0,
            detail: 0,
        };
        self.add(&mut container, items);
        self.insert(container.into())
    }

    /// Adds `items` to the container that `to` is; does nothing where it is none.
    pub(crate) fn extend(&mut self, to: Ref, items: &[Ref]) {
        if let Some(at) = to.index()
            && let Some(mut container) = self.values[at].container()
        {
            self.add(&mut container, items);
            self.values[at] = container.into();
        }
    }

    /// The elements of a container, or the arguments in order, while they are remembered.
    pub(crate) fn items(&self, of: Ref) -> Option<&[Ref]> {
        match self.value(of) {
            Value::Container { count: 0, .. } => Some(&[]),
            Value::Container { detail, .. } => self.details.items(detail),
            _ => None,
        }
    }

    /// Notes that an object has got its state, and what is to be kept of that.
    pub(crate) fn set_built(&mut self, of: Ref, kept: Option<Ref>) {
        if let Some(at) = of.index()
            && let Value::Called { built, state, .. } = &mut self.values[at]
        {
            *built = true;
            *state = kept.unwrap_or(*state);
        }
    }

    /// Whether an object was made a key, or put into a set, last.
    #[inline]
    pub(crate) fn met_object(&self) -> bool {
        self.met_object
    }

    /// Whether a tuple or a frozen set was made last whose hash somebody may have chosen.
    #[inline]
    pub(crate) fn met_wide(&self) -> bool {
        self.met_wide
    }

    /// Whether a name as long as that of a formula was put into a container last.
    #[inline]
    pub(crate) fn met_formula(&self) -> bool {
        self.met_formula
    }

    /// Whether hashing this hashes an object that a call gave, or numbers that are not read.
    pub(crate) fn hashes_an_object(&self, item: Ref) -> bool {
        match self.value(item) {
            Value::Called { .. } => true,
            Value::Container {
                shape: Shape::Tuple | Shape::FrozenSet,
                elements,
                ..
            } => elements.has(Kind::Object) || elements.has(Kind::Float),
            _ => false,
        }
    }

    /// Whether [`Self::keeps_an_import`] is so of something that was put into a container last.
    #[inline]
    pub(crate) fn met_import(&self) -> bool {
        self.met_import
    }

    /// Whether whoever keeps `item` keeps an import: itself, or one in the tuple that it is.
    #[inline]
    pub(crate) fn keeps_an_import(&self, item: Ref) -> bool {
        match self.value(item) {
            Value::Global(_) => true,
            Value::Container {
                shape: Shape::Tuple,
                elements,
                kept: false,
                ..
            } => elements.has(Kind::Global),
            _ => false,
        }
    }

    /// Notes that the imports in a tuple have been told to be kept.
    pub(crate) fn set_kept(&mut self, tuple: Ref) {
        if let Some(at) = tuple.index()
            && let Value::Container { kept, .. } = &mut self.values[at]
        {
            *kept = true;
        }
    }

    /// Whether a sweep is due.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.free.is_none() && self.values.len() >= self.due
    }

    /// Frees every object that cannot be reached from `roots`.
    pub(crate) fn sweep(&mut self, roots: impl Iterator<Item = Ref>) {
        let mut reached = vec![false; self.values.len()];
        reached[..RESERVED].fill(true);
        let mut pending = Vec::new();
        let mut visit = |reference: Ref, pending: &mut Vec<Ref>| {
            if let Some(at) = reference.index()
                && !std::mem::replace(&mut reached[at], true)
            {
                pending.push(reference);
            }
        };
        for root in roots {
            visit(root, &mut pending);
            while let Some(next) = pending.pop() {
                match self.value(next) {
                    Value::Container { detail, .. } => {
                        for &item in self.details.items(detail).unwrap_or_default() {
                            visit(item, &mut pending);
                        }
                    }
                    Value::Called {
                        callee,
                        arguments,
                        state,
                        ..
                    } => {
                        visit(callee, &mut pending);
                        visit(arguments, &mut pending);
                        visit(state, &mut pending);
                    }
                    Value::Persistent(id) => visit(id, &mut pending),
                    _ => {}
                }
            }
        }
        let mut live = 0;
        self.free = None;
        for at in (RESERVED..self.values.len()).rev() {
            if reached[at] {
                live += 1;
                continue;
            }
            self.values[at] = Value::Free(self.free.unwrap_or(u32::MAX));
            self.free = u32::try_from(at).ok();
        }
        self.due = self.due.max(live * 2).max(FIRST_SWEEP);
    }

    /// Whether one of these keys and values, by turns, may be set under a special name: a computed
    /// one may be any.
    fn has_special_key(&self, items: &[Ref]) -> bool {
        let keys = items.iter().step_by(2);
        keys.into_iter().any(|&key| {
            matches!(
                self.value(key),
                Value::Str { special: true, .. } | Value::Called { .. } | Value::Lost
            )
        })
    }

    /// Whether one of these is an object and becomes a key of such a container, or a member.
    fn hashes_one(&self, shape: Shape, items: &[Ref]) -> bool {
        let keys = match shape {
            Shape::Dict => 2,
            Shape::Set | Shape::FrozenSet => 1,
            Shape::Tuple | Shape::List => return false,
        };
        let mut hashed = items.iter().step_by(keys);
        hashed.any(|&item| self.hashes_an_object(item))
    }

    /// Whether one of these keys may be a special name, and its value an import.
    pub(crate) fn plants(&self, items: &[Ref]) -> bool {
        items.chunks_exact(2).any(|pair| {
            matches!(self.value(pair[0]), Value::Str { special: true, .. })
                && matches!(self.value(pair[1]), Value::Global(_))
        })
    }

    fn add(&mut self, container: &mut Container, items: &[Ref]) {
        let mut weight = container.weight;
        let mut met_import = false;
        let mut met_object = false;
        let mut met_formula = false;
        let mut met_wide = container.shape == Shape::FrozenSet;
        for &item in items {
            let value = self.value(item);
            container.elements = container.elements.with(KindSet::of(value.kind()));
            met_object |= matches!(value, Value::Called { .. });
            weight += match value {
                Value::Container {
                    shape,
                    elements,
                    kept,
                    weight,
                    ..
                } => {
                    met_import |= !kept && shape == Shape::Tuple && elements.has(Kind::Global);
                    met_object |= elements.has(Kind::Object) || elements.has(Kind::Float);
                    met_wide |= matches!(shape, Shape::Tuple | Shape::FrozenSet);
                    weight
                }
                Value::Global(_) => {
                    met_import = true;
                    1.0
                }
                Value::Str { len, .. } => {
                    met_formula |= len < 32 && FORMULA_LENGTHS >> len & 1 != 0;
                    1.0
                }
                Value::Int(_) | Value::BigInt { .. } => {
                    met_wide |= item.index().is_some();
                    1.0
                }
                _ => 1.0,
            };
        }
        self.met_formula = met_formula;
        self.met_wide = met_wide
            && matches!(container.shape, Shape::Tuple | Shape::FrozenSet)
            && container.elements.is_within(NUMBERED);
        self.met_import = met_import;
        self.met_object = met_object && self.hashes_one(container.shape, items);
        container.weight = weight;
        if container.shape == Shape::Dict && !container.special {
            container.special = self.has_special_key(items);
        }
        container.detail = if container.count == 0 {
            let is_shape = container.shape == Shape::Tuple && container.elements == INTEGERS;
            self.details.start(items, is_shape)
        } else {
            self.details.append(container.detail, items)
        };
        let more = u16::try_from(items.len()).unwrap_or(u16::MAX);
        container.count = container.count.saturating_add(more);
    }
}

/// The elements of the containers that were made last and are small: what contracts and array
/// headers are read from, which follow at once. Older and larger ones are known by their summary.
#[derive(Clone, Default)]
struct Details {
    ring: Ring,
    /// Tuples of integers: an array's shape stands before all of its objects and is asked for
    /// behind them.
    shapes: Ring,
}

#[derive(Clone, Default)]
struct Ring {
    kept: Vec<(u32, Vec<Ref>)>,
    last: u32,
}

impl Details {
    fn items(&self, detail: u32) -> Option<&[Ref]> {
        let ring = match detail & SHAPE {
            0 => &self.ring,
            _ => &self.shapes,
        };
        let (owner, items) = ring.kept.get(detail as usize % RING)?;
        (detail != 0 && *owner == detail).then_some(items)
    }

    fn start(&mut self, items: &[Ref], is_shape: bool) -> u32 {
        if items.is_empty() || items.len() > MOST_ITEMS {
            return 0;
        }
        match is_shape {
            true => self.shapes.keep(items, SHAPE),
            false => self.ring.keep(items, 0),
        }
    }

    /// Adds to a container that grows, which no tuple does.
    fn append(&mut self, detail: u32, items: &[Ref]) -> u32 {
        let Some((owner, kept)) = self.ring.kept.get_mut(detail as usize % RING) else {
            return 0;
        };
        if detail == 0 || *owner != detail || kept.len() + items.len() > MOST_ITEMS {
            return 0;
        }
        kept.extend_from_slice(items);
        detail
    }
}

impl Ring {
    fn keep(&mut self, items: &[Ref], mark: u32) -> u32 {
        self.last = (self.last + 1) & !SHAPE;
        // Nothing is at zero.
        self.last = self.last.max(1);
        let detail = self.last | mark;
        let at = detail as usize % RING;
        if at >= self.kept.len() {
            self.kept.resize_with(at + 1, Default::default);
        }
        let (owner, kept) = &mut self.kept[at];
        *owner = detail;
        kept.clear();
        kept.extend_from_slice(items);
        detail
    }
}

/// How many values stand at the beginning of every heap.
const RESERVED: usize = 9;
const FIRST_SWEEP: usize = 1 << 18;
/// 64 MiB of values.
const MOST_VALUES: usize = 1 << 22;
/// How many containers' elements are remembered.
const RING: usize = 1 << 14;
/// What tells the details of a shape from others.
const SHAPE: u32 = 1 << 31;
const INTEGERS: KindSet = KindSet::of(Kind::Int);
/// How long the names are under which statsmodels keeps formulas, a bit for each length.
pub(crate) const FORMULA_LENGTHS: u32 = 1 << 10 | 1 << 11 | 1 << 16 | 1 << 17 | 1 << 18;
/// What a tuple holds of which anybody knows the hash.
const NUMBERED: KindSet = INTEGERS
    .with(KindSet::of(Kind::Tuple))
    .with(KindSet::of(Kind::FrozenSet));
/// How many elements are remembered of one container; a dictionary has two for each entry.
const MOST_ITEMS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_integers_need_no_place() {
        let mut heap = Heap::new();
        for number in [0, 1, -1, (1 << 30) - 1, -(1 << 30), 1 << 30, i64::MIN] {
            let reference = heap.int(number);
            assert!(matches!(heap.value(reference), Value::Int(n) if n == number));
        }
    }

    #[test]
    fn a_sweep_frees_what_nothing_reaches_and_keeps_the_rest() {
        let mut heap = Heap::new();
        let number = heap.int(1 << 40);
        let kept = heap.container(Shape::List, &[number]);
        for _ in 0..FIRST_SWEEP {
            heap.insert(Value::Lost);
        }
        assert!(heap.is_due());
        heap.sweep([kept].into_iter());
        assert!(!heap.is_due());
        assert_eq!(heap.items(kept), Some(&[number][..]));
        assert!(matches!(heap.value(number), Value::Int(n) if n == 1 << 40));
        let again = heap.insert(Value::Float);
        assert!(again.0 < 20, "a freed place is used again");
    }

    #[test]
    fn large_containers_are_known_by_their_summary() {
        let mut heap = Heap::new();
        let one = heap.int(1);
        let list = heap.container(Shape::List, &[]);
        for _ in 0..5 {
            heap.extend(list, &[one; 60]);
        }
        assert_eq!(heap.items(list), None);
        let container = heap.value(list).container().expect("a list");
        assert_eq!((container.count, container.weight), (300, 301.0));
    }
}
