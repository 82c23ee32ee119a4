//! Asks the input what a definition asks first.

use std::{
    borrow::Cow,
    cell::Cell,
    time::{Duration, Instant},
};

use regorus::Value;

use crate::{builtins::Plain, until};

/// The first statements of a definition.
#[derive(Clone)]
pub(super) struct Lead {
    pub(super) steps: Vec<Step>,
    /// How many variables they have.
    pub(super) slots: usize,
}

#[derive(Clone)]
pub(super) enum Step {
    Each(Each),
    /// A variable gets a value.
    Let(usize, Term),
    /// What has to be there, and not false.
    Test(Term),
    /// What must not be there, or be false.
    Not(Term),
}

/// `some key, value in collection`, or `collection[_]`.
#[derive(Clone)]
pub(super) struct Each {
    pub(super) collection: Term,
    pub(super) key: Option<usize>,
    pub(super) value: Option<usize>,
    /// Whether what is there and no collection is an error.
    pub(super) is_strict: bool,
}

#[derive(Clone)]
pub(super) enum Term {
    Input,
    Known(Value),
    Local(usize),
    Field(Box<Self>, Value),
    Compare(Compare, Box<(Self, Self)>),
    In(Box<(Self, Self)>),
    Call(Plain, Vec<Self>),
    Collect(Box<Collect>),
}

/// `[item | …]`, which sees nothing of what is around it.
#[derive(Clone)]
pub(super) struct Collect {
    pub(super) lead: Lead,
    pub(super) item: Term,
}

pub(super) type Compare = fn(&Value, &Value) -> bool;

/// How much may still be asked of an input, in steps and in the text that they look at, and for how long.
pub(crate) struct Work {
    left: Cell<usize>,
    begun: Instant,
    time: Duration,
}

impl Work {
    /// What a rule may have, of which each may take `time`.
    pub(crate) fn within(time: Duration) -> Self {
        Self {
            left: Cell::new(MAX_WORK),
            begun: Instant::now(),
            time: until::left(time).min(MAX_TIME),
        }
    }
}

/// It is not decided here.
struct Open;

/// Whether nothing in `input` satisfies what a definition asks first.
pub(super) fn is_refuted(lead: &Lead, input: &Value, work: &Work) -> bool {
    let mut run = Run::of(lead, input, work);
    matches!(run.is_satisfied(&lead.steps, &mut |_| Ok(true)), Ok(false))
}

/// What is made of variables that satisfy all steps, and whether that is enough.
type End<'e> = &'e mut dyn FnMut(&Run<'_>) -> Result<bool, Open>;

struct Run<'a> {
    input: &'a Value,
    slots: Vec<Value>,
    work: &'a Work,
}

impl<'a> Run<'a> {
    fn of(lead: &Lead, input: &'a Value, work: &'a Work) -> Self {
        Self {
            input,
            slots: vec![Value::Undefined; lead.slots],
            work,
        }
    }

    /// Recurses for each step, of which there are few.
    fn is_satisfied(&mut self, steps: &[Step], end: End<'_>) -> Result<bool, Open> {
        let Some((step, rest)) = steps.split_first() else {
            return end(self);
        };
        self.spend(1)?;
        match step {
            Step::Test(term) => Ok(is_met(&*self.value(term)?) && self.is_satisfied(rest, end)?),
            Step::Not(term) => Ok(!is_met(&*self.value(term)?) && self.is_satisfied(rest, end)?),
            Step::Let(slot, term) => {
                let value = self.value(term)?.into_owned();
                if value == Value::Undefined {
                    return Ok(false);
                }
                self.slots[*slot] = value;
                self.is_satisfied(rest, end)
            }
            Step::Each(each) => match self.value(&each.collection)?.into_owned() {
                Value::Array(items) => {
                    let at = |at| each.key.map(|_| Value::from(at));
                    self.is_one_satisfied(
                        each,
                        items.iter().enumerate().map(|(n, it)| (at(n), it)),
                        rest,
                        end,
                    )
                }
                Value::Set(items) => self.is_one_satisfied(
                    each,
                    items.iter().map(|it| (Some(it.clone()), it)),
                    rest,
                    end,
                ),
                Value::Object(fields) => {
                    let fields = fields.iter().map(|(name, it)| (Some(name.clone()), it));
                    self.is_one_satisfied(each, fields, rest, end)
                }
                Value::Undefined => Ok(false),
                _ if each.is_strict => Err(Open),
                _ => Ok(false),
            },
        }
    }

    fn is_one_satisfied<'v>(
        &mut self,
        each: &Each,
        items: impl Iterator<Item = (Option<Value>, &'v Value)>,
        rest: &[Step],
        end: End<'_>,
    ) -> Result<bool, Open> {
        for (key, item) in items {
            self.spend(1)?;
            if let (Some(slot), Some(key)) = (each.key, key) {
                self.slots[slot] = key;
            }
            if let Some(slot) = each.value {
                self.slots[slot] = item.clone();
            }
            if self.is_satisfied(rest, end)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Recurses as deep as the term is, which is bounded where it is read.
    fn value<'s>(&'s self, term: &'s Term) -> Result<Cow<'s, Value>, Open> {
        Ok(match term {
            Term::Input => Cow::Borrowed(self.input),
            Term::Known(value) => Cow::Borrowed(value),
            Term::Local(slot) => Cow::Borrowed(&self.slots[*slot]),
            Term::Field(of, key) => match self.value(of)? {
                Cow::Borrowed(value) => Cow::Borrowed(&value[key]),
                Cow::Owned(value) => Cow::Owned(value[key].clone()),
            },
            Term::Compare(holds, sides) => {
                let (lhs, rhs) = (self.value(&sides.0)?, self.value(&sides.1)?);
                Cow::Owned(match *lhs == Value::Undefined || *rhs == Value::Undefined {
                    true => Value::Undefined,
                    false => {
                        self.spend_on([&*lhs, &*rhs])?;
                        Value::from(holds(&lhs, &rhs))
                    }
                })
            }
            Term::In(sides) => {
                let (value, collection) = (self.value(&sides.0)?, self.value(&sides.1)?);
                Cow::Owned(Value::from(self.is_in(&value, &collection)?))
            }
            Term::Call(builtin, arguments) => {
                let arguments: Result<Vec<Value>, Open> = arguments
                    .iter()
                    .map(|it| self.value(it).map(Cow::into_owned))
                    .collect();
                let arguments = arguments?;
                if arguments.contains(&Value::Undefined) {
                    return Ok(Cow::Owned(Value::Undefined));
                }
                self.spend(match (builtin.takes_pattern(), arguments.as_slice()) {
                    // At worst each part of a regular expression is held against each of a text.
                    (true, [Value::String(pattern), of]) => {
                        pattern.len().saturating_mul(1 + text(of))
                    }
                    (_, all) => all.iter().map(text).sum(),
                })?;
                Cow::Owned(builtin.answer(&arguments).ok_or(Open)?)
            }
            Term::Collect(collect) => Cow::Owned(self.collected(collect)?),
        })
    }

    fn collected(&self, collect: &Collect) -> Result<Value, Open> {
        let mut items = Vec::new();
        let mut run = Run::of(&collect.lead, self.input, self.work);
        run.is_satisfied(&collect.lead.steps, &mut |run| {
            run.spend(1)?;
            match run.value(&collect.item)?.into_owned() {
                // What the library makes of it, the library says.
                Value::Undefined => Err(Open),
                item => {
                    items.push(item);
                    Ok(false)
                }
            }
        })?;
        Ok(Value::from(items))
    }

    fn is_in(&self, value: &Value, collection: &Value) -> Result<bool, Open> {
        let mut is_it = |item: &Value| {
            self.spend_on([value, item])?;
            Ok(item == value)
        };
        match collection {
            Value::Array(items) => any(items.iter(), &mut is_it),
            Value::Set(items) => any(items.iter(), &mut is_it),
            Value::Object(fields) => any(fields.iter().map(|(_, item)| item), &mut is_it),
            _ => Ok(false),
        }
    }

    /// That two values are compared. What both are collections takes as long as they are large.
    fn spend_on(&self, sides: [&Value; 2]) -> Result<(), Open> {
        let is_collection =
            |it: &Value| matches!(it, Value::Array(_) | Value::Object(_) | Value::Set(_));
        if sides.into_iter().all(is_collection) {
            return Err(Open);
        }
        self.spend(sides.into_iter().map(text).min().unwrap_or_default())
    }

    fn spend(&self, work: usize) -> Result<(), Open> {
        let before = self.work.left.get();
        let mut left = before.saturating_sub(work.max(1));
        if before / INTERVAL != left / INTERVAL && self.work.begun.elapsed() > self.work.time {
            left = 0;
        }
        self.work.left.set(left);
        if left == 0 { Err(Open) } else { Ok(()) }
    }
}

fn any<'v>(
    mut items: impl Iterator<Item = &'v Value>,
    is_it: &mut dyn FnMut(&Value) -> Result<bool, Open>,
) -> Result<bool, Open> {
    items.try_fold(false, |found, item| Ok(found || is_it(item)?))
}

/// Whether a statement that says no more than this holds.
fn is_met(value: &Value) -> bool {
    !matches!(value, Value::Undefined | Value::Bool(false))
}

/// What to look at a value's text costs.
fn text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / BYTES_OF_A_STEP,
        _ => 0,
    }
}

const BYTES_OF_A_STEP: usize = 64;

/// Of work, until the clock is looked at again.
const INTERVAL: usize = 1_024;

/// Some 50 ms. A request of a few KiB takes a hundred for a definition.
const MAX_WORK: usize = 1_000_000;

/// Where work takes longer than it should.
const MAX_TIME: Duration = Duration::from_millis(200);
