//! Which instances of resources and modules there are, and what those of modules give.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::{
    Call, Env, Eval, Key, Keys, Memo, Module, Name,
    place::{object, whole_number},
};
use crate::{
    Origin,
    read::terraform::{
        syntax::Block,
        value::{Field, Fields, Kind, Val},
    },
};

impl<'a> Eval<'a> {
    /// What `compute` gives under the names that an instance has. What nobody wrote stands at `origin`.
    pub(crate) fn for_key<T>(
        &self,
        key: &Key,
        origin: &Origin,
        compute: impl FnOnce(Option<&Name<'_>>) -> T,
    ) -> T {
        let (name, fields) = match key {
            Key::Single => return compute(None),
            #[expect(clippy::cast_precision_loss, reason = "counts are small")]
            Key::Index(at) => (
                "count",
                vec![("index", Val::number(*at as f64, origin.clone()))],
            ),
            Key::Each(key, value) => {
                let text = Val::text(key.clone(), value.origin.clone());
                ("each", vec![("key", text), ("value", value.clone())])
            }
            Key::Unknown(why) => {
                let unknown = || Val::unknown(why.clone(), origin.clone());
                let each = vec![("key", unknown()), ("value", unknown())];
                let outer = Name {
                    name: "count",
                    value: object(vec![("index", unknown())], origin),
                    outer: None,
                };
                return compute(Some(&Name {
                    name: "each",
                    value: object(each, origin),
                    outer: Some(&outer),
                }));
            }
        };
        compute(Some(&Name {
            name,
            value: object(fields, origin),
            outer: None,
        }))
    }

    /// The instances of a resource or a module that there are.
    pub(crate) fn keys(&self, module: &Rc<Module<'a>>, block: &'a Block) -> Rc<Keys> {
        let id: *const Block = block;
        if let Some(kept) = module.keys.borrow().get(&id) {
            let circle = || Rc::new(Keys::Unknown("how many there are depends on itself".into()));
            return kept.clone().unwrap_or_else(circle);
        }
        module.keys.borrow_mut().insert(id, None);
        let keys = Rc::new(self.count(module, block));
        module.keys.borrow_mut().insert(id, Some(keys.clone()));
        keys
    }

    fn count(&self, module: &Rc<Module<'a>>, block: &'a Block) -> Keys {
        let attribute = ["count", "for_each"]
            .iter()
            .find_map(|name| block.body.attribute(name));
        let Some(attribute) = attribute else {
            return Keys::Single;
        };
        let env = Env {
            module: Some(module),
            file: &attribute.file,
            names: None,
        };
        let value = self.expr(env, &attribute.expr);
        let why = |value: &Val| value.reason().unwrap_or_else(|| "it is no count".into());
        if &*attribute.name == "count" {
            return match whole_number(&value) {
                Some(count) if count <= MAX_INSTANCES => Keys::Count(count),
                Some(_) => {
                    self.spend(usize::MAX, &value.origin);
                    Keys::Unknown("there are more instances than are looked at".into())
                }
                None => Keys::Unknown(why(&value)),
            };
        }
        let keys: Option<Vec<(Arc<str>, Val)>> = match &value.kind {
            Kind::Map(fields) if fields.open.is_none() => {
                let item = |(key, field): (&Arc<str>, &Field)| (key.clone(), field.value.clone());
                Some(fields.items.iter().map(item).collect())
            }
            Kind::Set(items) => items
                .iter()
                .map(|item| Some((item.as_text()?, item.clone())))
                .collect(),
            Kind::List(items) if items.is_empty() => Some(Vec::new()),
            _ => None,
        };
        match keys {
            Some(keys) if keys.len() <= MAX_INSTANCES => Keys::Each(keys),
            Some(_) => {
                self.spend(usize::MAX, &value.origin);
                Keys::Unknown("there are more instances than are looked at".into())
            }
            None => Keys::Unknown(why(&value)),
        }
    }

    pub(super) fn output(
        &self,
        caller: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
        name: &Arc<str>,
        origin: &Origin,
    ) -> Val {
        let Some(module) = self.called(caller, block, key) else {
            let call = block.labels.first().map_or("?", |name| name);
            return Val::unknown(format!("module.{call} is not available"), origin.clone());
        };
        let Some(output) = module.directory.outputs.get(name) else {
            return Val::error(format!("the module has no output {name}"), origin.clone());
        };
        let Some(attribute) = output.body.attribute("value") else {
            return Val::error(format!("output.{name} has no value"), origin.clone());
        };
        let is_sensitive = output
            .body
            .attribute("sensitive")
            .and_then(|it| it.expr.as_bool());
        let value = self.once(&module, Memo::Output(name.clone()), origin, || {
            let env = Env {
                module: Some(&module),
                file: &attribute.file,
                names: None,
            };
            self.expr(env, &attribute.expr)
        });
        value.mark(is_sensitive == Some(true))
    }

    pub(super) fn outputs(
        &self,
        caller: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
        origin: &Origin,
    ) -> Val {
        let Some(module) = self.called(caller, block, key) else {
            let call = block.labels.first().map_or("?", |name| name);
            return Val::unknown(format!("module.{call} is not available"), origin.clone());
        };
        let mut items = BTreeMap::new();
        for (name, output) in &module.directory.outputs {
            let place = Origin::new(&output.file, output.header);
            let value = self.output(caller, block, key, name, &place);
            items.insert(name.clone(), Field { place, value });
        }
        Val::map(Fields { items, open: None }, origin.clone())
    }

    /// The instance of a module that a call makes, where the module is there.
    pub(crate) fn called(
        &self,
        caller: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
    ) -> Option<Rc<Module<'a>>> {
        let suffix = key.suffix();
        let id = (std::ptr::from_ref(block), suffix.clone());
        if let Some(kept) = caller.called.borrow().get(&id) {
            return kept.clone();
        }
        let name = block.labels.first()?;
        let dot = if caller.way.is_empty() { "" } else { "." };
        let way = format!("{}{dot}{name}", caller.way);
        let directory = self
            .tree
            .called(&self.root.path, caller.directory, &way, block);
        let count = self.modules.get() + 1;
        if caller.level >= MAX_LEVEL || count > MAX_MODULES {
            self.spend(usize::MAX, &Origin::new(&block.file, block.header));
            return None;
        }
        self.modules.set(count);
        let module = directory.map(|directory| {
            let address = format!("{}module.{name}{suffix}.", caller.address);
            let call = Call {
                caller: caller.clone(),
                block,
                key: key.clone(),
            };
            Rc::new(Module::new(
                directory,
                address,
                way,
                caller.level + 1,
                Some(call),
            ))
        });
        caller.called.borrow_mut().insert(id, module.clone());
        module
    }
}

impl Call<'_> {
    pub(super) fn origin(&self) -> Origin {
        Origin::new(&self.block.file, self.block.header)
    }
}

const MAX_INSTANCES: usize = 1000;

const MAX_MODULES: u32 = 5000;

const MAX_LEVEL: u16 = 16;
