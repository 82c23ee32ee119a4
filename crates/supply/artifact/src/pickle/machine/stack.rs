//! The stack with its marks, the memo, and the frames.

use super::{ENDLESS, Fault, Machine, SWOLLEN_RATIO, Surroundings};
use crate::pickle::{
    effect::{Effect, FrameFault, Mutation},
    opcode::Operand,
    value::{Ref, Shape, Value},
};

impl Machine {
    /// Puts what stands above `from` into the object below it.
    pub(super) fn put_in(
        &mut self,
        at: u64,
        how: Mutation,
        from: usize,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        let below = from.checked_sub(1).filter(|&below| below >= self.fence());
        let object = self.stack[below.ok_or(Fault::Underflow)?];
        let items = &self.stack[from..];
        if how == Mutation::SetItem && !items.len().is_multiple_of(2) {
            return Err(Fault::Operand("SETITEMS"));
        }
        let fits = match self.heap.value(object) {
            Value::Container { shape, .. } => matches!(
                (how, shape),
                (Mutation::Append, Shape::List)
                    | (Mutation::SetItem, Shape::Dict)
                    | (Mutation::Add, Shape::Set)
            ),
            _ => false,
        };
        let empty = items.is_empty();
        let special = how == Mutation::SetItem && self.heap.plants(items);
        if fits {
            self.heap.extend(object, items);
        }
        if !fits || self.heap.met_import() {
            self.keep_all(at, from, around);
        }
        if how != Mutation::Append && (!fits || self.heap.met_object()) {
            let keys = if how == Mutation::SetItem { 2 } else { 1 };
            self.hash_all(at, from, keys, around);
        }
        if how == Mutation::SetItem && (!fits || self.heap.met_formula()) {
            let items = self.stack.split_off(from);
            self.tell_items(at, &items, around);
        }
        self.stack.truncate(from);
        if fits {
            self.weigh(at, object, around);
        } else if !empty {
            let effect = Effect::Mutate {
                how,
                object,
                special,
            };
            self.report(at, effect, around);
        }
        Ok(())
    }

    pub(super) fn put_marked(
        &mut self,
        at: u64,
        how: Mutation,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        let mark = self.marks.pop().ok_or(Fault::NoMark)?;
        self.put_in(at, how, mark, around)
    }

    /// Reports the imports that a list, a dictionary or an object keeps of what stands above
    /// `from`.
    fn keep_all(&mut self, at: u64, from: usize, around: &mut Surroundings<'_, '_>) {
        for place in from..self.stack.len() {
            self.keep(at, self.stack[place], around);
        }
    }

    /// Reports the objects that are hashed of what stands above `from`: every one of `keys`.
    fn hash_all(&mut self, at: u64, from: usize, keys: usize, around: &mut Surroundings<'_, '_>) {
        for place in (from..self.stack.len()).step_by(keys) {
            let item = self.stack[place];
            if self.heap.hashes_an_object(item) {
                self.report(at, Effect::Hash { item }, around);
            }
        }
    }

    /// Reports keys and values, by turns.
    fn tell_items(&mut self, at: u64, items: &[Ref], around: &mut Surroundings<'_, '_>) {
        for pair in items.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            self.report(at, Effect::Item { key, value }, around);
        }
    }

    /// What [`Self::keep_all`] is for a list, this is for a tuple: it may turn out to be the arguments of a call, which gives its own
    /// imports nobody to keep, but those of tuples in it.
    pub(super) fn keep_tuples(&mut self, at: u64, from: usize, around: &mut Surroundings<'_, '_>) {
        for place in from..self.stack.len() {
            let item = self.stack[place];
            if !matches!(self.heap.value(item), Value::Global(_)) {
                self.keep(at, item, around);
            }
        }
    }

    /// Reports the imports that are kept with `item`.
    #[inline]
    pub(super) fn keep(&mut self, at: u64, item: Ref, around: &mut Surroundings<'_, '_>) {
        if !self.heap.keeps_an_import(item) {
            return;
        }
        if matches!(self.heap.value(item), Value::Global(_)) {
            return self.report(at, Effect::Keep { item }, around);
        }
        // Nothing is added to a tuple, so that once is enough, and remembered for as long as it is.
        self.heap.set_kept(item);
        let Some(items) = self.heap.items(item).map(<[Ref]>::to_vec) else {
            return self.report(at, Effect::Keep { item }, around);
        };
        for item in items {
            if matches!(self.heap.value(item), Value::Global(_)) {
                self.report(at, Effect::Keep { item }, around);
            }
        }
    }

    #[inline]
    pub(super) fn weigh(&mut self, at: u64, container: Ref, around: &mut Surroundings<'_, '_>) {
        let Value::Container { weight, .. } = self.heap.value(container) else {
            return;
        };
        if weight < self.swollen {
            return;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "orders of magnitude are compared"
        )]
        let written = (around.input.position() - self.start) as f32;
        if weight > written * SWOLLEN_RATIO {
            let endless = weight >= ENDLESS;
            self.swollen = if endless { f32::INFINITY } else { ENDLESS };
            self.report(at, Effect::Swollen { endless }, around);
        }
    }

    pub(super) fn get(&mut self, index: i64) -> Result<(), Fault> {
        if index > i64::from(u32::MAX) {
            // Python's memo takes any number. Nobody but an attacker writes such ones, and what is
            // under them is anything.
            self.push(Ref::LOST);
            return Ok(());
        }
        let index = u32::try_from(index).map_err(|_| Fault::Memo)?;
        match self.memo.find(index) {
            Some(value) => self.push(value),
            None if self.memo.is_exhausted() => self.push(Ref::LOST),
            None => return Err(Fault::Memo),
        }
        Ok(())
    }

    pub(super) fn put(
        &mut self,
        at: u64,
        index: i64,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        let value = self.top()?;
        let index = match u32::try_from(index) {
            Ok(index) => index,
            Err(_) if index > 0 => u32::MAX,
            Err(_) => return Err(Fault::Memo),
        };
        if self.memo.is_wasteful(index) && !self.told_wasteful {
            self.told_wasteful = true;
            self.report(at, Effect::WastefulMemo { index }, around);
        }
        self.memo.put(index, value);
        Ok(())
    }

    pub(super) fn enter_frame(&mut self, at: u64, len: i64, around: &mut Surroundings<'_, '_>) {
        if self.frame_end != u64::MAX {
            self.report(at, Effect::Frame(FrameFault::Nested), around);
        }
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        if len == 0 {
            self.report(at, Effect::Frame(FrameFault::Empty), around);
            self.frame_end = u64::MAX;
            return;
        }
        if len > around.input.remaining() {
            self.report(at, Effect::Frame(FrameFault::TooLong), around);
            self.frame_end = u64::MAX;
            return;
        }
        self.frame_end = around.input.position() + len;
    }

    pub(super) fn leave_frame(
        &mut self,
        at: u64,
        code: u8,
        operand: Operand,
        around: &mut Surroundings<'_, '_>,
    ) {
        let end = std::mem::replace(&mut self.frame_end, u64::MAX);
        if around.input.position() == end {
            return;
        }
        // A reader that keeps to the frame drops the piece of the operand that lies in it, and
        // reads all of the operand after the frame.
        let (resume, again) = match operand {
            Operand::Bytes(extent) if extent.at <= end => (end.saturating_add(extent.len), None),
            Operand::Line(_) | Operand::TwoLines(..) => (end, Some(code)),
            _ => (end + (around.input.position() - at - 1), None),
        };
        let fault = FrameFault::Crossed { resume, again };
        self.report(at, Effect::Frame(fault), around);
    }

    pub(super) fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    /// Where the topmost `count` values begin, if there are so many above the mark.
    pub(super) fn fence_checked(&self, count: usize) -> Result<usize, Fault> {
        let from = self.stack.len().checked_sub(count);
        from.filter(|&from| from >= self.fence())
            .ok_or(Fault::Underflow)
    }

    #[inline]
    pub(super) fn push(&mut self, value: Ref) {
        self.stack.push(value);
    }

    #[inline]
    pub(super) fn top(&self) -> Result<Ref, Fault> {
        self.fence_checked(1).map(|at| self.stack[at])
    }

    pub(super) fn pop(&mut self) -> Result<Ref, Fault> {
        let at = self.fence_checked(1)?;
        let value = self.stack[at];
        self.stack.truncate(at);
        Ok(value)
    }

    pub(super) fn push_empty(&mut self, shape: Shape) {
        let value = self.heap.container(shape, &[]);
        self.push(value);
    }

    pub(super) fn push_tuple(
        &mut self,
        at: u64,
        count: usize,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        let from = self.fence_checked(count)?;
        let value = self.heap.container(Shape::Tuple, &self.stack[from..]);
        if self.heap.met_import() {
            self.keep_tuples(at, from, around);
        }
        if self.heap.met_wide() {
            self.report(at, Effect::Wide { item: value }, around);
        }
        self.stack.truncate(from);
        self.push(value);
        self.weigh(at, value, around);
        Ok(())
    }

    pub(super) fn push_marked(
        &mut self,
        at: u64,
        shape: Shape,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        let value = self.pop_to_mark(at, shape, around)?;
        self.push(value);
        self.weigh(at, value, around);
        Ok(())
    }

    pub(super) fn pop_to_mark(
        &mut self,
        at: u64,
        shape: Shape,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<Ref, Fault> {
        let mark = self.marks.pop().ok_or(Fault::NoMark)?;
        let items = &self.stack[mark..];
        if shape == Shape::Dict && !items.len().is_multiple_of(2) {
            return Err(Fault::Operand("DICT"));
        }
        let value = self.heap.container(shape, items);
        if self.heap.met_import() {
            match shape {
                Shape::Tuple => self.keep_tuples(at, mark, around),
                _ => self.keep_all(at, mark, around),
            }
        }
        if self.heap.met_object() {
            let keys = if shape == Shape::Dict { 2 } else { 1 };
            self.hash_all(at, mark, keys, around);
        }
        if self.heap.met_wide() {
            self.report(at, Effect::Wide { item: value }, around);
        }
        if shape == Shape::Dict && self.heap.met_formula() {
            let items = self.stack.split_off(mark);
            self.tell_items(at, &items, around);
        }
        self.stack.truncate(mark);
        Ok(value)
    }
}
