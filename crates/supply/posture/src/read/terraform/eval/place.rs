//! What names lead to: variables, local names, resources, and modules.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::{Env, Eval, Key, Keys, Memo, Module, Name};
use crate::{
    Origin, Role,
    read::terraform::{
        syntax::{Block, Expr, ExprKind, Step},
        types::Type,
        value::{Field, Fields, Kind, Val},
    },
};

/// Where a way has come to. What is behind a resource is computed when it is asked for, so that two of
/// them may ask for each other's attributes.
enum Place<'a> {
    Value(Val),
    /// All instances of a resource.
    Resource(Rc<Module<'a>>, &'a Block),
    Instance(Rc<Module<'a>>, &'a Block, Key),
    /// All instances of a module.
    Calls(Rc<Module<'a>>, &'a Block),
    Outputs(Rc<Module<'a>>, &'a Block, Key),
}

impl<'a> Eval<'a> {
    /// What is at the end of a way.
    pub(super) fn way(&self, env: Env<'_, 'a>, root: &Expr, steps: &[Step], origin: Origin) -> Val {
        let ExprKind::Word(word) = &root.kind else {
            let place = Place::Value(self.expr(env, root));
            return self.walk(env, place, steps, &origin).at(origin);
        };
        let (place, role, taken) = self.begin(env, word, steps, &origin);
        let value = self.walk(env, place, &steps[taken.min(steps.len())..], &origin);
        let from = value.origin.clone();
        value.at(origin.behind(role, from))
    }

    /// Where the first word leads, what is there, and how many steps that took.
    fn begin(
        &self,
        env: Env<'_, 'a>,
        word: &Arc<str>,
        steps: &[Step],
        origin: &Origin,
    ) -> (Place<'a>, Role, usize) {
        if let Some(value) = named(env.names, word) {
            return (Place::Value(value), Role::Local, 0);
        }
        let names: Vec<&Arc<str>> = steps
            .iter()
            .map_while(|step| match step {
                Step::Attribute(name) => Some(name),
                _ => None,
            })
            .collect();
        let error = |why: String| {
            (
                Place::Value(Val::error(why, origin.clone())),
                Role::Reference,
                steps.len(),
            )
        };
        let unknown = |why: &str| {
            (
                Place::Value(Val::unknown(why, origin.clone())),
                Role::Reference,
                steps.len(),
            )
        };
        let Some(module) = env.module else {
            return error(format!("`{word}` is no constant"));
        };
        match (&**word, &names[..]) {
            ("var", [name, ..]) => {
                let (value, role) = self.variable(module, name, origin);
                (Place::Value(value), role, 1)
            }
            ("local", [name, ..]) => (
                Place::Value(self.local(module, name, origin)),
                Role::Local,
                1,
            ),
            ("path", [name, ..]) => {
                let path = |path: &str| {
                    if path.is_empty() {
                        ".".to_owned()
                    } else {
                        path.to_owned()
                    }
                };
                match &***name {
                    "module" => {
                        // Relative to the root module, where Terraform is run.
                        let text = relative(&self.root.path, &module.directory.path);
                        (
                            Place::Value(Val::text(path(&text), origin.clone())),
                            Role::Reference,
                            1,
                        )
                    }
                    "root" => (
                        Place::Value(Val::text(".", origin.clone())),
                        Role::Reference,
                        1,
                    ),
                    _ => unknown("the working directory is not known"),
                }
            }
            ("terraform" | "tofu", _) => unknown("the workspace is chosen when it is run"),
            ("self", _) => unknown("it refers to itself"),
            ("each" | "count", _) => error(format!("`{word}` is of no resource here")),
            ("module", [name, ..]) => match module.directory.calls.get(*name) {
                Some(block) => (Place::Calls(module.clone(), block), Role::Reference, 1),
                None => error(format!("module.{name} is not declared")),
            },
            (mode @ ("data" | "ephemeral"), [of, name, ..]) => {
                match module.directory.resource(mode, of, name) {
                    Some(block) => (Place::Resource(module.clone(), block), Role::Reference, 2),
                    None => error(format!("{mode}.{of}.{name} is not declared")),
                }
            }
            (_, [name, ..]) => match module.directory.resource("resource", word, name) {
                Some(block) => (Place::Resource(module.clone(), block), Role::Reference, 1),
                None => error(format!("{word}.{name} is not declared")),
            },
            _ => error(format!("`{word}` is not declared")),
        }
    }

    fn walk(&self, env: Env<'_, 'a>, mut place: Place<'a>, steps: &[Step], origin: &Origin) -> Val {
        let mut steps = steps.iter();
        while let Some(step) = steps.next() {
            place = match step {
                Step::Attribute(name) => self.attribute(place, name, origin),
                Step::Index(index) => {
                    let index = self.expr(env, index);
                    self.index(place, &index, origin)
                }
                Step::FullSplat => {
                    return self.splat(env, place, steps.as_slice(), origin);
                }
                Step::AttributeSplat => {
                    let rest = steps.as_slice();
                    let of_each = rest
                        .iter()
                        .take_while(|it| matches!(it, Step::Attribute(_)))
                        .count();
                    let value = self.splat(env, place, &rest[..of_each], origin);
                    return self.walk(env, Place::Value(value), &rest[of_each..], origin);
                }
            };
        }
        self.whole(place, origin)
    }

    /// `steps` of each item.
    fn splat(&self, env: Env<'_, 'a>, place: Place<'a>, steps: &[Step], origin: &Origin) -> Val {
        let mut is_sensitive = false;
        let items: Vec<Place<'a>> = match place {
            Place::Resource(module, block) => match &*self.keys(&module, block) {
                Keys::Unknown(why) => return Val::unknown(why.clone(), origin.clone()),
                Keys::Each(_) => {
                    return Val::error(
                        "resources with for_each are a map, which has no splat",
                        origin.clone(),
                    );
                }
                keys => {
                    let instance = |key| Place::Instance(module.clone(), block, key);
                    keys.each().into_iter().map(instance).collect()
                }
            },
            Place::Calls(module, block) => match &*self.keys(&module, block) {
                Keys::Unknown(why) => return Val::unknown(why.clone(), origin.clone()),
                Keys::Each(_) => {
                    return Val::error(
                        "modules with for_each are a map, which has no splat",
                        origin.clone(),
                    );
                }
                keys => {
                    let instance = |key| Place::Outputs(module.clone(), block, key);
                    keys.each().into_iter().map(instance).collect()
                }
            },
            Place::Value(value) => match &value.kind {
                Kind::List(items) | Kind::Set(items) => {
                    is_sensitive = value.is_sensitive;
                    items.iter().cloned().map(Place::Value).collect()
                }
                Kind::Null => Vec::new(),
                Kind::Unknown(_) => return value.at(origin.clone()),
                // What is no list is a list of itself.
                _ => vec![Place::Value(value)],
            },
            single => vec![single],
        };
        let items = items
            .into_iter()
            .map(|item| self.walk(env, item, steps, origin));
        Val::list(items.collect(), origin.clone()).mark(is_sensitive)
    }

    fn attribute(&self, place: Place<'a>, name: &Arc<str>, origin: &Origin) -> Place<'a> {
        Place::Value(match place {
            Place::Value(value) => field(&value, name, origin),
            Place::Resource(module, block) => match &*self.keys(&module, block) {
                Keys::Single => self.instance_attribute(&module, block, &Key::Single, name, origin),
                Keys::Unknown(why) => Val::unknown(why.clone(), origin.clone()),
                _ => Val::error("it has instances, and none is named", origin.clone()),
            },
            Place::Instance(module, block, key) => {
                self.instance_attribute(&module, block, &key, name, origin)
            }
            Place::Calls(module, block) => match &*self.keys(&module, block) {
                Keys::Single => self.output(&module, block, &Key::Single, name, origin),
                Keys::Unknown(why) => Val::unknown(why.clone(), origin.clone()),
                _ => Val::error("it has instances, and none is named", origin.clone()),
            },
            Place::Outputs(module, block, key) => self.output(&module, block, &key, name, origin),
        })
    }

    fn index(&self, place: Place<'a>, index: &Val, origin: &Origin) -> Place<'a> {
        let (module, block) = match &place {
            Place::Value(value) => return Place::Value(item(value, index, origin)),
            Place::Instance(..) | Place::Outputs(..) => {
                let value = self.whole(place, origin);
                return Place::Value(item(&value, index, origin));
            }
            Place::Resource(module, block) | Place::Calls(module, block) => (module, *block),
        };
        if let Some(unknown) = index.as_unknown() {
            return Place::Value(Val::new(Kind::Unknown(unknown.clone()), origin.clone()));
        }
        let keys = self.keys(module, block);
        let found = match &*keys {
            Keys::Unknown(why) => return Place::Value(Val::unknown(why.clone(), origin.clone())),
            Keys::Count(count) => whole_number(index).filter(|at| at < count).map(Key::Index),
            Keys::Each(items) => {
                let text = index.as_text();
                let mut items = items.iter();
                let found = items.find(|(key, _)| Some(key) == text.as_ref());
                found.map(|(key, value)| Key::Each(key.clone(), value.clone()))
            }
            Keys::Single => None,
        };
        match (found, place) {
            (Some(key), Place::Resource(module, block)) => Place::Instance(module, block, key),
            (Some(key), Place::Calls(module, block)) => Place::Outputs(module, block, key),
            _ => Place::Value(Val::error("there is no such instance", origin.clone())),
        }
    }

    /// All of what is at a place.
    fn whole(&self, place: Place<'a>, origin: &Origin) -> Val {
        match place {
            Place::Value(value) => value,
            Place::Instance(module, block, key) => self.instance(&module, block, &key),
            Place::Outputs(module, block, key) => self.outputs(&module, block, &key, origin),
            Place::Resource(module, block) => {
                let keys = self.keys(&module, block);
                self.collected(&keys, origin, |key| self.instance(&module, block, key))
            }
            Place::Calls(module, block) => {
                let keys = self.keys(&module, block);
                self.collected(&keys, origin, |key| {
                    self.outputs(&module, block, key, origin)
                })
            }
        }
    }

    fn collected(&self, keys: &Keys, origin: &Origin, one: impl Fn(&Key) -> Val) -> Val {
        match keys {
            Keys::Single => one(&Key::Single),
            Keys::Count(count) => {
                let items = (0..*count).map(|at| one(&Key::Index(at)));
                Val::list(items.collect(), origin.clone())
            }
            Keys::Each(keys) => {
                let mut items = BTreeMap::new();
                for (key, value) in keys {
                    let value = one(&Key::Each(key.clone(), value.clone()));
                    let place = value.origin.clone();
                    items.insert(key.clone(), Field { place, value });
                }
                Val::map(Fields { items, open: None }, origin.clone())
            }
            Keys::Unknown(why) => Val::unknown(why.clone(), origin.clone()),
        }
    }

    fn local(&self, module: &Rc<Module<'a>>, name: &Arc<str>, origin: &Origin) -> Val {
        let Some(attribute) = module.directory.locals.get(name) else {
            return Val::error(format!("local.{name} is not declared"), origin.clone());
        };
        self.once(module, Memo::Local(name.clone()), origin, || {
            let env = Env {
                module: Some(module),
                file: &attribute.file,
                names: None,
            };
            self.expr(env, &attribute.expr)
        })
    }

    /// The value of a variable, and what gave it.
    fn variable(&self, module: &Rc<Module<'a>>, name: &Arc<str>, origin: &Origin) -> (Val, Role) {
        let Some(block) = module.directory.variables.get(name) else {
            return (
                Val::error(format!("var.{name} is not declared"), origin.clone()),
                Role::Default,
            );
        };
        let is = |key: &str| block.body.attribute(key).and_then(|it| it.expr.as_bool());
        let given = module.call.as_ref().and_then(|call| {
            let attribute = call.block.body.attribute(name)?;
            Some((attribute, Role::Argument))
        });
        let value = || {
            let last = module
                .directory
                .values
                .iter()
                .rev()
                .find_map(|body| body.attribute(name));
            Some((last?, Role::Value))
        };
        let given = match module.call {
            Some(_) => given,
            None => value(),
        };
        let role = given.map_or(Role::Default, |(_, role)| role);
        let value = self.once(module, Memo::Variable(name.clone()), origin, || {
            let constant = |file| Env {
                module: None,
                file,
                names: None,
            };
            let default = || match block.body.attribute("default") {
                Some(default) => self.expr(constant(&default.file), &default.expr),
                None => {
                    let place = Origin::new(&block.file, block.header);
                    Val::unknown(format!("var.{name} has no default"), place)
                }
            };
            let value = match (given, &module.call) {
                (Some((attribute, _)), Some(call)) => {
                    self.for_key(&call.key, &call.origin(), |names| {
                        let env = Env {
                            module: Some(&call.caller),
                            file: &attribute.file,
                            names,
                        };
                        self.expr(env, &attribute.expr)
                    })
                }
                (Some((attribute, _)), None) => {
                    self.expr(constant(&attribute.file), &attribute.expr)
                }
                (None, _) => default(),
            };
            let value = match is("nullable") {
                Some(false) if value.is_null() => default(),
                _ => value,
            };
            let Some(of) = block.body.attribute("type") else {
                return value;
            };
            Type::of(&of.expr).convert(&value, &|expr| self.expr(constant(&of.file), expr))
        });
        let is_secret = is("sensitive") == Some(true) || is("ephemeral") == Some(true);
        (value.mark(is_secret), role)
    }
}

fn named(mut names: Option<&Name<'_>>, word: &str) -> Option<Val> {
    while let Some(name) = names {
        if name.name == word {
            return Some(name.value.clone());
        }
        names = name.outer;
    }
    None
}

/// An object of what has these names.
pub(super) fn object(fields: Vec<(&str, Val)>, origin: &Origin) -> Val {
    let field = |(name, value): (&str, Val)| {
        let place = value.origin.clone();
        (Arc::from(name), Field { place, value })
    };
    let items = fields.into_iter().map(field).collect();
    Val::map(Fields { items, open: None }, origin.clone())
}

/// The value under a key of an object.
pub(super) fn field(value: &Val, name: &str, origin: &Origin) -> Val {
    match &value.kind {
        Kind::Map(fields) => match (fields.items.get(name), &fields.open) {
            (Some(field), _) => field.value.clone(),
            (None, Some(why)) => Val::unknown(why.clone(), origin.clone()),
            (None, None) => Val::error(format!("there is no `{name}`"), origin.clone()),
        },
        Kind::Unknown(unknown) => {
            let mut unknown = (**unknown).clone();
            unknown.partial = None;
            Val::new(Kind::Unknown(Arc::new(unknown)), origin.clone())
        }
        _ => Val::error(format!("there is no `{name}`"), origin.clone()),
    }
    .mark(value.is_sensitive)
}

/// What is under an index.
fn item(value: &Val, index: &Val, origin: &Origin) -> Val {
    if let Some(unknown) = index.as_unknown() {
        return Val::new(Kind::Unknown(unknown.clone()), origin.clone());
    }
    match &value.kind {
        Kind::List(items) => {
            let item = whole_number(index).and_then(|at| items.get(at));
            match item {
                Some(item) => item.clone(),
                None => Val::error("there is no such item", origin.clone()),
            }
        }
        Kind::Map(_) | Kind::Unknown(_) => match index.as_text() {
            Some(key) => field(value, &key, origin),
            None => Val::error("it is no key", origin.clone()),
        },
        _ => Val::error("it has no items", origin.clone()),
    }
    .mark(value.is_sensitive || index.is_sensitive)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked before"
)]
pub(super) fn whole_number(value: &Val) -> Option<usize> {
    let number = value.as_number()?;
    (number.fract() == 0.0 && (0.0..=1e9).contains(&number)).then_some(number as usize)
}

/// The way from one directory to another.
fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (from, to) = (parts(from), parts(to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - shared);
    up.chain(to[shared..].iter().cloned())
        .collect::<Vec<_>>()
        .join("/")
}
