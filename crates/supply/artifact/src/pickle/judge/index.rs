//! Numbers that libraries take for places in memory without a look: the nodes of trees, the indices of
//! sparse matrices, the knots of splines, the columns of a frame.

use super::Judge;
use crate::{
    Verdict,
    notes::plain,
    pickle::{
        effect::{Call, View},
        numbers::{Numbers, integer, length},
        rules::CONFUSED_STATE,
        symbol::Symbol,
        value::{Ref, Shape, Value},
    },
};

/// What can be told of numbers: whether all lead where something is, or nothing where they cannot be
/// read.
pub(super) type Told = Option<bool>;

impl Judge<'_, '_, '_> {
    /// Judges the indices in the state of an object.
    pub(super) fn indices(
        &mut self,
        at: u64,
        object: Ref,
        symbol: &Symbol,
        state: Ref,
        view: &View<'_>,
    ) {
        let Some(indexed) = Indexed::of(symbol) else {
            return;
        };
        let told = match indexed {
            Indexed::Tree => self.tree(object, state, view),
            Indexed::Predictor => self.predictor(state, view),
            Indexed::Compressed { by_row } => self.compressed(state, by_row, view),
            Indexed::Coordinates => self.coordinates(state, view),
            Indexed::Neighbours => self.neighbours(state, view),
            Indexed::Spline => spline(state, view),
            Indexed::Fitpack => fitpack(state, view),
            Indexed::Vectors => self.vectors(state, view),
            Indexed::Codes => self.categories(state, view),
            Indexed::Backed => match first_argument(object, view) {
                Some(class) if class.path.ends_with("Categorical") => self.categories(state, view),
                _ => Some(true),
            },
        };
        self.lead_out(at, symbol, told);
    }

    /// Judges where the blocks of a frame say that their columns are, and an index its labels.
    pub(super) fn blocks(&mut self, at: u64, symbol: &Symbol, call: Call, view: &View<'_>) {
        let managers = symbol.module.starts_with("pandas.core.internals");
        if managers && &*symbol.path == "BlockManager" {
            let told = self.columns(call, view);
            self.lead_out(at, symbol, told);
        }
        if symbol.module.starts_with("pandas.core.indexes") && &*symbol.path == "_new_Index" {
            let told = self.levels(call, view);
            self.lead_out(at, symbol, told);
        }
    }

    pub(super) fn lead_out(&mut self, at: u64, symbol: &Symbol, told: Told) {
        let name = plain(&symbol.dotted());
        let (verdict, message) = match told {
            Some(true) => return,
            Some(false) => (
                Verdict::Dangerous,
                format!("numbers in an object of {name} lead out of its memory"),
            ),
            None => (
                Verdict::Unknown,
                format!(
                    "whether numbers in an object of {name} lead out of its memory cannot be told"
                ),
            ),
        };
        self.note(
            &CONFUSED_STATE,
            verdict,
            at,
            format!("indices of {name}"),
            message,
        );
    }

    /// Whether an array may still be read: one can stand in many objects.
    fn pays(&mut self, numbers: Numbers) -> Option<Numbers> {
        self.indexed = self.indexed.checked_sub(numbers.cost())?;
        Some(numbers)
    }

    fn array(&mut self, state: Ref, key: &str, view: &View<'_>) -> Option<Numbers> {
        let numbers = Numbers::of(view.entry(state, key)?, view)?;
        self.pays(numbers)
    }

    /// scikit-learn's trees: each child stands behind its parent, and a leaf has none.
    fn tree(&mut self, object: Ref, state: Ref, view: &View<'_>) -> Told {
        let Value::Called { arguments, .. } = view.value(object) else {
            return None;
        };
        let &[features, classes, outputs] = view.heap.items(arguments)? else {
            return None;
        };
        let (features, outputs) = (number(features, view)?, number(outputs, view)?);
        let nodes = self.array(state, "nodes", view)?;
        if !nodes.is_record() || !matches!(nodes.size(), 56 | 64) {
            return None;
        }
        let classes = Numbers::of(classes, view)?.count(view)?;
        let count = i64::try_from(nodes.count(view)?).ok()?;
        if number(view.entry(state, "node_count")?, view)? != count
            || i64::try_from(classes) != Ok(outputs)
        {
            return Some(false);
        }
        let mut at = 0;
        nodes.each(view, |node| {
            let [left, right, feature] = [0, 8, 16].map(|from| word(node, from, 8, true));
            let inner = at < left && left < count && at < right && right < count;
            at += 1;
            left == -1 && right == -1 || inner && (0..features).contains(&feature)
        })
    }

    /// The trees of histograms: the same, in records of their own.
    fn predictor(&mut self, state: Ref, view: &View<'_>) -> Told {
        let nodes = self.array(state, "nodes", view)?;
        // Where the children are, whether it is a leaf, and which set of categories it has.
        let (left, leaf, set) = match nodes.size() {
            56 => (29, 49, Some((51, 52))),
            52 => (25, 45, Some((47, 48))),
            47 => (25, 45, None),
            _ => return None,
        };
        let sets = match view.entry(state, "raw_left_cat_bitsets") {
            Some(sets) => Numbers::of(sets, view)?.count(view)? / 8,
            None => 0,
        };
        let sets = i64::try_from(sets).ok()?;
        let count = i64::try_from(nodes.count(view)?).ok()?;
        if !nodes.is_record() {
            return None;
        }
        let mut at = 0;
        nodes.each(view, |node| {
            let children = [left, left + 4].map(|from| word(node, from, 4, false));
            let inner = children.iter().all(|&child| at < child && child < count);
            let has_set = set.is_none_or(|(is_categorical, index)| {
                node[is_categorical] == 0 || word(node, index, 4, false) < sets
            });
            at += 1;
            node[leaf] != 0 || inner && has_set
        })
    }

    /// SciPy's matrices of rows or columns one after the other.
    fn compressed(&mut self, state: Ref, by_row: bool, view: &View<'_>) -> Told {
        let (major, minor) = match *shape(state, view)? {
            [rows, columns] if by_row => (rows, columns),
            [rows, columns] => (columns, rows),
            [length] => (1, length),
            _ => return None,
        };
        let starts = self.array(state, "indptr", view)?;
        let indices = self.array(state, "indices", view)?;
        let held = i64::try_from(indices.count(view)?).ok()?;
        let values = i64::try_from(self.array(state, "data", view)?.count(view)?).ok()?;
        let lines = i64::try_from(starts.count(view)?).ok()? - 1;
        // Of blocks there are fewer lines and fewer indices than of numbers.
        let (high, area) = match (lines, held) {
            (..0, _) => return Some(false),
            (0, _) | (_, 0) => (1, 1),
            _ => (major / lines, values / held),
        };
        let wide = if high > 0 { (area / high).max(1) } else { 1 };
        let mut last = 0;
        let mut first = true;
        let rises = starts.integers(view, |start| {
            let sound = if first { start == 0 } else { start >= last };
            (first, last) = (false, start);
            sound
        })?;
        let fits = last <= held
            && last
                .checked_mul(high * wide)
                .is_some_and(|most| most <= values)
            && lines.checked_mul(high) == Some(major);
        let mut left = last;
        let within = indices.integers(view, |index| {
            left -= 1;
            left < 0 || (0..minor / wide).contains(&index)
        })?;
        Some(rises && (fits || lines == 0 && major == 0) && within)
    }

    /// SciPy's matrices of coordinates.
    fn coordinates(&mut self, state: Ref, view: &View<'_>) -> Told {
        let shape = shape(state, view)?;
        let axes: Vec<Ref> = match view.entry(state, "coords") {
            Some(axes) => view.heap.items(axes)?.to_vec(),
            None => vec![view.entry(state, "row")?, view.entry(state, "col")?],
        };
        if axes.len() != shape.len() {
            return Some(false);
        }
        let values = self.array(state, "data", view)?.count(view)?;
        let mut sound = true;
        for (axis, &extent) in axes.into_iter().zip(&shape) {
            let axis = self.pays(Numbers::of(axis, view)?)?;
            sound &= axis.count(view)? == values
                && axis.integers(view, |index| (0..extent).contains(&index))?;
        }
        Some(sound)
    }

    /// scikit-learn's trees of neighbours.
    fn neighbours(&mut self, state: Ref, view: &View<'_>) -> Told {
        let &[data, indices, nodes, bounds, _, levels, count, ..] = view.heap.items(state)? else {
            return None;
        };
        let mut array = |of| self.pays(Numbers::of(of, view)?);
        let (data, indices) = (array(data)?, array(indices)?);
        let (nodes, bounds) = (array(nodes)?, array(bounds)?);
        let points = i64::try_from(indices.count(view)?).ok()?;
        let (levels, count) = (number(levels, view)?, number(count, view)?);
        let wide = i64::try_from(data.count(view)?).ok()?.checked_div(points)?;
        let bounds = i64::try_from(bounds.count(view)?).ok()?;
        let known = nodes.is_record() && nodes.size() == 32;
        if !known {
            return None;
        }
        let sized = i64::try_from(nodes.count(view)?) == Ok(count)
            && (1..MOST_LEVELS).contains(&levels)
            && count == (1 << levels) - 1
            && count.checked_mul(wide).is_some_and(|most| most <= bounds);
        let mut at = 0;
        let inside = nodes.each(view, |node| {
            let [start, end, leaf] = [0, 8, 16].map(|from| word(node, from, 8, true));
            let children = at * 2 + 2;
            at += 1;
            0 <= start && start <= end && end <= points && (leaf != 0 || children < count)
        })?;
        let within = indices.integers(view, |index| (0..points).contains(&index))?;
        Some(sized && inside && within)
    }

    /// The vectors of a machine, so many of each class.
    fn vectors(&mut self, state: Ref, view: &View<'_>) -> Told {
        let counts = (view.entry(state, "_n_support")).or_else(|| view.entry(state, "n_support_"));
        // One that is not fitted has none.
        let (Some(counts), Some(vectors)) = (counts, view.entry(state, "support_")) else {
            return Some(true);
        };
        let counts = self.pays(Numbers::of(counts, view)?)?;
        let vectors = Numbers::of(vectors, view)?.count(view)?;
        let mut sum = Some(0i64);
        let positive = counts.integers(view, |count| {
            sum = sum.and_then(|sum| sum.checked_add(count));
            count >= 0
        })?;
        Some(positive && sum.and_then(|sum| u64::try_from(sum).ok()) == Some(vectors))
    }

    /// The codes of a categorical array: each stands for one of the categories, or for none.
    fn categories(&mut self, state: Ref, view: &View<'_>) -> Told {
        let (dtype, codes) = match view.value(state) {
            Value::Container {
                shape: Shape::Tuple,
                ..
            } => match *view.heap.items(state)? {
                [dtype, codes, ..] => (dtype, codes),
                _ => return None,
            },
            Value::Container {
                shape: Shape::Dict, ..
            } => match (view.entry(state, "_dtype"), view.entry(state, "_codes")) {
                (Some(dtype), Some(codes)) => (dtype, codes),
                _ => return Some(true),
            },
            // The array is made first, and gets its state then.
            _ => return Some(true),
        };
        match Numbers::of(dtype, view) {
            Some(categories) => self.codes(codes, categories.count(view)?, view),
            // Categories of pandas' own arrays, of which there is no telling how many they are.
            None => Some(true),
        }
    }

    /// The codes of an index of several levels.
    fn levels(&mut self, call: Call, view: &View<'_>) -> Told {
        let &[class, state] = view.heap.items(call.arguments)? else {
            return None;
        };
        let several = view
            .global(class)
            .is_some_and(|id| &*view.symbols.symbol(id).path == "MultiIndex");
        if !several {
            return Some(true);
        }
        let levels = view.heap.items(view.entry(state, "levels")?)?;
        let codes = (view.entry(state, "codes")).or_else(|| view.entry(state, "labels"))?;
        let codes = view.heap.items(codes)?;
        if levels.len() != codes.len() {
            return Some(false);
        }
        let mut sound = true;
        for (&level, &codes) in levels.iter().zip(codes) {
            if let Some(count) = length(level, view) {
                sound &= self.codes(codes, count, view)?;
            }
        }
        Some(sound)
    }

    fn codes(&mut self, codes: Ref, count: u64, view: &View<'_>) -> Told {
        let codes = self.pays(Numbers::of(codes, view)?)?;
        let count = i64::try_from(count).ok()?;
        codes.integers(view, |code| (-1..count).contains(&code))
    }

    /// The blocks of a frame: each column is one of as many as there are.
    fn columns(&mut self, call: Call, view: &View<'_>) -> Told {
        let items = view.heap.items(call.arguments)?;
        let Some(&blocks) = items.first() else {
            return Some(true);
        };
        let (mut total, mut reach, mut least) = (0i64, -1, 0);
        for &block in view.heap.items(blocks)? {
            let Value::Called { arguments, .. } = view.value(block) else {
                return None;
            };
            let &[_, place, ..] = view.heap.items(arguments)? else {
                return None;
            };
            if let Some(numbers) = Numbers::of(place, view) {
                let numbers = self.pays(numbers)?;
                numbers.integers(view, |column| {
                    total += 1;
                    reach = reach.max(column);
                    least = least.min(column);
                    true
                })?;
                continue;
            }
            let Value::Called { arguments, .. } = view.value(place) else {
                return None;
            };
            let numbers = view
                .heap
                .items(arguments)?
                .iter()
                .map(|&it| number(it, view));
            let &[start, stop, step] = &numbers.collect::<Option<Vec<i64>>>()?[..] else {
                return None;
            };
            let count = stop.checked_sub(start)?.checked_add(step - step.signum())?;
            let count = count.checked_div(step)?.max(0);
            let last = (count - 1).checked_mul(step)?.checked_add(start)?;
            if count > 0 {
                total = total.checked_add(count)?;
                reach = reach.max(start).max(last);
                least = least.min(start).min(last);
            }
        }
        Some(least >= 0 && reach < total)
    }
}

/// What an object has that is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indexed {
    Tree,
    Predictor,
    Compressed {
        by_row: bool,
    },
    Coordinates,
    Neighbours,
    Spline,
    Fitpack,
    Vectors,
    Codes,
    /// What may be any array of pandas.
    Backed,
}

impl Indexed {
    fn of(symbol: &Symbol) -> Option<Self> {
        let (module, path) = (&*symbol.module, &*symbol.path);
        let within = |prefix: &str| module.starts_with(prefix);
        Some(match path {
            "Tree" if module == "sklearn.tree._tree" => Self::Tree,
            "TreePredictor" if within("sklearn.") => Self::Predictor,
            "csr_matrix" | "csr_array" | "bsr_matrix" | "bsr_array" | "_csr_base" | "_bsr_base"
            | "_cs_matrix"
                if within("scipy.sparse") =>
            {
                Self::Compressed { by_row: true }
            }
            "csc_matrix" | "csc_array" | "_csc_base" if within("scipy.sparse") => {
                Self::Compressed { by_row: false }
            }
            "coo_matrix" | "coo_array" | "_coo_base" if within("scipy.sparse") => Self::Coordinates,
            "newObj" if within("sklearn.neighbors.") && module.ends_with("_tree") => {
                Self::Neighbours
            }
            "BSpline" if within("scipy.interpolate") => Self::Spline,
            _ if within("scipy.interpolate") && path.ends_with("Spline") => Self::Fitpack,
            "Categorical" if within("pandas") => Self::Codes,
            "__pyx_unpickle_NDArrayBacked" if within("pandas") => Self::Backed,
            "SVC" | "NuSVC" if within("sklearn.svm") => Self::Vectors,
            _ => return None,
        })
    }
}

/// Splines of SciPy's own: as many coefficients and knots as their degree needs.
fn spline(state: Ref, view: &View<'_>) -> Told {
    // Since 1.17 a pair, of which the second half is set.
    let of = |key: &str| view.entry(state, key);
    let degree = number(of("k")?, view)?;
    let count = |key: &str, slot: &str| {
        let array = of(key).or_else(|| of(slot))?;
        i64::try_from(Numbers::of(array, view)?.count(view)?).ok()
    };
    let (knots, coefficients) = (count("t", "_t")?, count("c", "_c")?);
    let needed = degree.checked_add(1)?.checked_mul(2)?;
    Some(degree >= 0 && knots >= needed && coefficients >= knots - degree - 1)
}

/// Splines of FITPACK, whose tables have room for five degrees.
fn fitpack(state: Ref, view: &View<'_>) -> Told {
    let few = |of: Ref| match view.value(of) {
        Value::Int(degree) => (0..=MOST_DEGREES).contains(&degree),
        _ => false,
    };
    let one = match view.entry(state, "_eval_args") {
        Some(arguments) => match *view.heap.items(arguments)? {
            [_, _, degree] => few(degree),
            _ => return None,
        },
        None => true,
    };
    let two = match view.entry(state, "degrees") {
        Some(degrees) => view.heap.items(degrees)?.iter().all(|&degree| few(degree)),
        None => true,
    };
    Some(one && two)
}

/// The import that the call which made `object` was given first.
fn first_argument<'v>(object: Ref, view: &'v View<'_>) -> Option<&'v Symbol> {
    let Value::Called { arguments, .. } = view.value(object) else {
        return None;
    };
    let first = *view.heap.items(arguments)?.first()?;
    view.global(first).map(|id| view.symbols.symbol(id))
}

/// The shape of a matrix.
fn shape(state: Ref, view: &View<'_>) -> Option<Vec<i64>> {
    let shape = view.entry(state, "_shape")?;
    let is_tuple = matches!(
        view.value(shape),
        Value::Container {
            shape: Shape::Tuple,
            ..
        }
    );
    let extents = view.heap.items(shape).filter(|_| is_tuple)?;
    let extents = extents.iter().map(|&extent| number(extent, view));
    extents
        .map(|extent| extent.filter(|&extent| extent >= 0))
        .collect()
}

/// An integer, of Python's or of NumPy's.
fn number(of: Ref, view: &View<'_>) -> Option<i64> {
    match view.value(of) {
        Value::Int(number) => Some(number),
        Value::Called { arguments, .. } => {
            let &[_, bytes] = view.heap.items(arguments)? else {
                return None;
            };
            let Value::Blob { len, at } = view.value(bytes) else {
                return None;
            };
            let len = u64::from(len).min(8);
            let bytes = view.input.read(crate::cursor::Extent { at, len }, 8).ok()?;
            integer(&bytes, true)
        }
        _ => None,
    }
}

/// The integer of `size` bytes at `from` of a record that has as many.
fn word(record: &[u8], from: usize, size: usize, signed: bool) -> i64 {
    let bytes = record.get(from..from + size).unwrap_or_default();
    integer(bytes, signed).unwrap_or(i64::MAX)
}

/// More levels than any tree has points for.
const MOST_LEVELS: i64 = 48;
const MOST_DEGREES: i64 = 5;
