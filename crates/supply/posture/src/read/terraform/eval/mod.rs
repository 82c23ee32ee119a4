//! What expressions come to.
//!
//! Everything is computed when it is asked for, and once: a local name, a variable of one instance of
//! a module, an attribute of one instance of a resource. What asks for itself is not known. All work is
//! counted, so that a small text cannot ask for a large amount of it.

mod body;
mod call;
mod instance;
mod operate;
mod place;
mod policy;
mod template;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::Arc,
};

use super::{
    syntax::{Block, Expr, ExprKind, For, Part},
    tree::{Directory, Tree},
    value::{Field, Fields, Kind, Val},
};
use crate::{File, Origin};

pub(crate) use body::names;

/// Computes what one root module and all that it calls declare.
pub(crate) struct Eval<'a> {
    tree: &'a Tree,
    root: &'a Directory,
    steps: Cell<u32>,
    depth: Cell<u16>,
    modules: Cell<u32>,
    touched: RefCell<Vec<Arc<str>>>,
    exhausted: RefCell<Option<Origin>>,
}

/// One instance of a module.
pub(crate) struct Module<'a> {
    /// What the addresses in it begin with: nothing, or `module.a["k"].`.
    pub(crate) address: String,
    pub(crate) directory: &'a Directory,
    /// The names of the calls on the way here, between dots.
    way: String,
    level: u16,
    call: Option<Call<'a>>,
    memo: RefCell<HashMap<Memo, Option<Kept>>>,
    keys: RefCell<HashMap<*const Block, Option<Rc<Keys>>>>,
    called: RefCell<HashMap<Called, Option<Rc<Self>>>>,
}

/// A call, and what the address of an instance of it ends with.
type Called = (*const Block, String);

/// Who calls a module, and for which of its keys.
struct Call<'a> {
    caller: Rc<Module<'a>>,
    block: &'a Block,
    key: Key,
}

/// What is computed once in an instance of a module.
#[derive(PartialEq, Eq, Hash)]
enum Memo {
    Variable(Arc<str>),
    Local(Arc<str>),
    Output(Arc<str>),
    /// An attribute, or the blocks of a name, of an instance of a resource.
    Attribute(*const Block, String, Arc<str>),
}

/// A value, and the addresses of the resources that it is from.
#[derive(Clone)]
struct Kept {
    value: Val,
    from: Rc<[Arc<str>]>,
}

/// Which instances of a block there are.
pub(crate) enum Keys {
    Single,
    Count(usize),
    Each(Vec<(Arc<str>, Val)>),
    /// Nobody knows how many.
    Unknown(Arc<str>),
}

/// Which instance it is.
#[derive(Clone)]
pub(crate) enum Key {
    Single,
    Index(usize),
    Each(Arc<str>, Val),
    Unknown(Arc<str>),
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct Env<'e, 'a> {
    /// Nothing, where it must be constant.
    pub(crate) module: Option<&'e Rc<Module<'a>>>,
    pub(crate) file: &'e Arc<File>,
    pub(crate) names: Option<&'e Name<'e>>,
}

/// A name that only holds here, and those around it.
pub(crate) struct Name<'e> {
    name: &'e str,
    value: Val,
    outer: Option<&'e Self>,
}

impl Keys {
    /// Each of them.
    pub(crate) fn each(&self) -> Vec<Key> {
        match self {
            Self::Single => vec![Key::Single],
            Self::Count(count) => (0..*count).map(Key::Index).collect(),
            Self::Each(keys) => keys
                .iter()
                .map(|(key, value)| Key::Each(key.clone(), value.clone()))
                .collect(),
            Self::Unknown(why) => vec![Key::Unknown(why.clone())],
        }
    }
}

impl Key {
    /// What an address ends with.
    pub(crate) fn suffix(&self) -> String {
        match self {
            Self::Single => String::new(),
            Self::Index(at) => format!("[{at}]"),
            Self::Each(key, _) => format!("[{key:?}]"),
            Self::Unknown(_) => "[?]".to_owned(),
        }
    }
}

impl<'a> Eval<'a> {
    pub(crate) fn new(tree: &'a Tree, root: &'a Directory) -> Self {
        Self {
            tree,
            root,
            steps: Cell::new(MAX_STEPS),
            depth: Cell::new(0),
            modules: Cell::new(0),
            touched: RefCell::default(),
            exhausted: RefCell::default(),
        }
    }

    /// The root module.
    pub(crate) fn root(&self) -> Rc<Module<'a>> {
        Rc::new(Module::new(
            self.root,
            String::new(),
            String::new(),
            0,
            None,
        ))
    }

    /// Where the work became too much, if it did.
    pub(crate) fn exhausted(&self) -> Option<Origin> {
        self.exhausted.borrow().clone()
    }

    /// Counts work. Whether there may be so much.
    fn spend(&self, steps: usize, origin: &Origin) -> bool {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        match self.steps.get().checked_sub(steps) {
            Some(left) => {
                self.steps.set(left);
                true
            }
            None => {
                self.steps.set(0);
                self.exhausted
                    .borrow_mut()
                    .get_or_insert_with(|| origin.clone());
                false
            }
        }
    }

    /// What `expr` comes to.
    pub(crate) fn expr(&self, env: Env<'_, 'a>, expr: &Expr) -> Val {
        let origin = Origin::new(env.file, expr.span);
        if self.depth.get() >= MAX_DEPTH || !self.spend(1, &origin) {
            return Val::unknown(TOO_MUCH, origin);
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.expr_kind(env, expr, origin);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn expr_kind(&self, env: Env<'_, 'a>, expr: &Expr, origin: Origin) -> Val {
        match &expr.kind {
            ExprKind::Null => Val::null(origin),
            ExprKind::Bool(value) => Val::bool(*value, origin),
            ExprKind::Number(number) => Val::number(*number, origin),
            ExprKind::LongNumber => Val::unknown(
                "it is a number with more digits than are computed with",
                origin,
            ),
            ExprKind::Template(parts) => self.template(env, parts, origin),
            ExprKind::Tuple(items) => {
                let items = items.iter().map(|item| self.expr(env, item)).collect();
                Val::list(items, origin)
            }
            ExprKind::Object(entries) => self.object(env, entries, origin),
            ExprKind::Word(_) => self.way(env, expr, &[], origin),
            ExprKind::Way(root, steps) => self.way(env, root, steps, origin),
            ExprKind::Call(name, arguments, expands) => {
                self.call(env, name, arguments, *expands, origin)
            }
            ExprKind::Not(operand) => operate::not(&self.expr(env, operand), origin),
            ExprKind::Negate(operand) => operate::negate(&self.expr(env, operand), origin),
            ExprKind::Binary(operator, left, right) => {
                let left = self.expr(env, left);
                let right = self.expr(env, right);
                let (value, cost) = operate::binary(*operator, &left, &right, origin.clone());
                match self.spend(cost as usize, &origin) {
                    true => value,
                    false => Val::unknown(TOO_MUCH, origin),
                }
            }
            ExprKind::Conditional(parts) => self.conditional(env, parts, origin),
            ExprKind::For(parts) => self.for_expr(env, parts, origin),
            ExprKind::Parenthesis(inner) => self.expr(env, inner),
        }
    }

    fn object(&self, env: Env<'_, 'a>, entries: &[(Expr, Expr)], origin: Origin) -> Val {
        let mut fields = Fields::default();
        let mut is_sensitive = false;
        for (key, value) in entries {
            let place = Origin::new(env.file, key.span);
            let key = match &key.kind {
                ExprKind::Word(word) => Val::text(word.clone(), place.clone()),
                _ => self.expr(env, key),
            };
            is_sensitive |= key.is_sensitive;
            let value = self.expr(env, value);
            match (key.as_text(), key.as_unknown()) {
                (Some(key), _) => drop(fields.items.insert(key, Field { place, value })),
                (None, Some(unknown)) => fields.open = Some(unknown.why.clone()),
                (None, None) => return Val::error("a key is no string", origin),
            }
        }
        Val::map(fields, origin).mark(is_sensitive)
    }

    fn conditional(&self, env: Env<'_, 'a>, parts: &[Expr; 3], origin: Origin) -> Val {
        let [condition, yes, no] = parts;
        let condition = self.expr(env, condition);
        let (chosen, other) = match condition.as_bool() {
            Some(true) => (yes, no),
            Some(false) => (no, yes),
            None => {
                let Some(unknown) = condition.as_unknown() else {
                    return Val::error("a condition is no bool", origin);
                };
                let yes = self.expr(env, yes);
                let mut budget = MAX_COMPARED;
                return match yes.equals(&self.expr(env, no), &mut budget) {
                    Some(true) => yes,
                    _ => Val::new(Kind::Unknown(unknown.clone()), origin),
                };
            }
        };
        let value = self.expr(env, chosen).mark(condition.is_sensitive);
        // Both sides have one type, and that of a text and a number is a text.
        let other_is_text = match &other.kind {
            ExprKind::Template(parts) => !matches!(parts[..], [Part::Interpolation(_)]),
            _ => false,
        };
        match (&value.kind, value.as_text()) {
            (Kind::Number(_) | Kind::Bool(_), Some(text)) if other_is_text => {
                Val::text(text, value.origin.clone()).mark(value.is_sensitive)
            }
            _ => value,
        }
    }

    fn for_expr(&self, env: Env<'_, 'a>, parts: &For, origin: Origin) -> Val {
        let of = self.expr(env, &parts.of);
        let pairs = match pairs(&of) {
            Ok(pairs) => pairs,
            Err(value) => return value.at(origin),
        };
        let mut list: Vec<Val> = Vec::new();
        let mut fields: BTreeMap<Arc<str>, Vec<Field>> = BTreeMap::new();
        let mut open = of.as_fields().and_then(|fields| fields.open.clone());
        for (key, value) in pairs {
            if !self.spend(1, &origin) {
                return Val::unknown(TOO_MUCH, origin);
            }
            let key_name = Name {
                name: parts.key.as_deref().unwrap_or_default(),
                value: key,
                outer: env.names,
            };
            let name = Name {
                name: &parts.value,
                value,
                outer: Some(&key_name),
            };
            let env = Env {
                names: Some(&name),
                ..env
            };
            if let Some(condition) = &parts.condition {
                let condition = self.expr(env, condition);
                match (condition.as_bool(), condition.as_unknown()) {
                    (Some(true), _) => {}
                    (Some(false), _) => continue,
                    (None, Some(unknown)) if parts.result_key.is_some() => {
                        open = Some(unknown.why.clone());
                        continue;
                    }
                    (None, Some(_)) => return condition.at(origin),
                    (None, None) => return Val::error("a condition is no bool", origin),
                }
            }
            let result = self.expr(env, &parts.result);
            let Some(result_key) = &parts.result_key else {
                list.push(result);
                continue;
            };
            let key = self.expr(env, result_key);
            match (key.as_text(), key.as_unknown()) {
                (Some(text), _) => {
                    let place = key.origin.clone();
                    let fields = fields.entry(text).or_default();
                    if !parts.groups && !fields.is_empty() {
                        return Val::error("two results have one key", origin);
                    }
                    fields.push(Field {
                        place,
                        value: result,
                    });
                }
                (None, Some(unknown)) => open = Some(unknown.why.clone()),
                (None, None) => return Val::error("a key is no string", origin),
            }
        }
        if parts.result_key.is_none() {
            return match open {
                Some(why) => Val::unknown(why, origin),
                None => Val::list(list, origin),
            }
            .mark(of.is_sensitive);
        }
        let group = |(key, mut group): (Arc<str>, Vec<Field>)| {
            let place = group[0].place.clone();
            let value = if parts.groups {
                let items = group.into_iter().map(|field| field.value);
                Val::list(items.collect(), place.clone())
            } else {
                group.swap_remove(0).value
            };
            (key, Field { place, value })
        };
        let items = fields.into_iter().map(group).collect();
        Val::map(Fields { items, open }, origin).mark(of.is_sensitive)
    }

    /// Computes once, and keeps which resources it is from.
    fn once(
        &self,
        module: &Module<'a>,
        memo: Memo,
        origin: &Origin,
        compute: impl FnOnce() -> Val,
    ) -> Val {
        let kept = module.memo.borrow().get(&memo).cloned();
        match kept {
            Some(Some(kept)) => {
                self.touched.borrow_mut().extend(kept.from.iter().cloned());
                return kept.value;
            }
            Some(None) => return Val::error("it refers to itself", origin.clone()),
            None => {}
        }
        let name = match &memo {
            Memo::Attribute(block, key, name) => Memo::Attribute(*block, key.clone(), name.clone()),
            Memo::Variable(name) => Memo::Variable(name.clone()),
            Memo::Local(name) => Memo::Local(name.clone()),
            Memo::Output(name) => Memo::Output(name.clone()),
        };
        module.memo.borrow_mut().insert(name, None);
        let outer = self.touched.take();
        let value = compute();
        let mut from = self.touched.replace(outer);
        from.sort();
        from.dedup();
        self.touched.borrow_mut().extend(from.iter().cloned());
        let kept = Kept {
            value: value.clone(),
            from: from.into(),
        };
        // What was cut off for its depth is computed again from elsewhere.
        if self.depth.get() < MAX_DEPTH / 2 || value.as_unknown().is_none() {
            module.memo.borrow_mut().insert(memo, Some(kept));
        } else {
            module.memo.borrow_mut().remove(&memo);
        }
        value
    }

    /// What `compute` gives, with the resources that it is from.
    pub(crate) fn traced<T>(&self, compute: impl FnOnce() -> T) -> (T, Vec<Arc<str>>) {
        let outer = self.touched.take();
        let value = compute();
        let mut from = self.touched.replace(outer);
        from.sort();
        from.dedup();
        (value, from)
    }
}

impl<'a> Module<'a> {
    fn new(
        directory: &'a Directory,
        address: String,
        way: String,
        level: u16,
        call: Option<Call<'a>>,
    ) -> Self {
        Self {
            address,
            directory,
            way,
            level,
            call,
            memo: RefCell::default(),
            keys: RefCell::default(),
            called: RefCell::default(),
        }
    }
}

/// Keys and values of a collection, in the order in which Terraform walks it.
#[expect(clippy::cast_precision_loss, reason = "lists are shorter than 2^53")]
pub(super) fn pairs(of: &Val) -> Result<Vec<(Val, Val)>, Val> {
    match &of.kind {
        Kind::List(items) => {
            let pair = |(at, item): (usize, &Val)| {
                (
                    Val::number(at as f64, item.origin.clone()),
                    item.clone().mark(of.is_sensitive),
                )
            };
            Ok(items.iter().enumerate().map(pair).collect())
        }
        Kind::Set(items) => {
            let pair = |item: &Val| (item.clone(), item.clone().mark(of.is_sensitive));
            Ok(items.iter().map(pair).collect())
        }
        Kind::Map(fields) => {
            let pair = |(key, field): (&Arc<str>, &Field)| {
                let key = Val::text(key.clone(), field.place.clone());
                (key, field.value.clone().mark(of.is_sensitive))
            };
            Ok(fields.items.iter().map(pair).collect())
        }
        Kind::Unknown(_) => Err(of.clone()),
        _ => Err(Val::error("it is no collection", of.origin.clone())),
    }
}

pub(crate) const TOO_MUCH: &str = "it takes more work than is spent on it";

/// What one root module may take.
const MAX_STEPS: u32 = 1_000_000;

/// Expressions in each other, through names as well.
const MAX_DEPTH: u16 = 150;

pub(crate) const MAX_TEXT: usize = 1 << 20;

pub(super) const MAX_COMPARED: u32 = 100_000;
