//! From what is computed to resources of the model.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use super::{
    eval::{Env, Eval, Key, Module, names},
    objects::manifest,
    syntax::Block,
    value::Val,
};
use crate::read::plan;
use crate::{Attr, Item, Language, Map, Origin, Resource, Value, World};

/// Adds all that a root module and those that it calls declare.
pub(super) fn root<'a>(eval: &Eval<'a>, world: &mut World) {
    let mut emit = Emit {
        eval,
        world,
        places: HashMap::new(),
        links: Vec::new(),
    };
    let module = eval.root();
    let default_tags = emit.default_tags(&module);
    emit.module(&module, &default_tags);
    let Emit { places, links, .. } = emit;
    for (from, path, to) in links {
        if let (Some(&from), Some(&to)) = (places.get(&from), places.get(&to)) {
            world.link(from, path, to);
        }
    }
}

struct Emit<'e, 'a> {
    eval: &'e Eval<'a>,
    world: &'e mut World,
    /// Where the resources of this root module are.
    places: HashMap<Arc<str>, usize>,
    links: Vec<(Arc<str>, Arc<str>, Arc<str>)>,
}

impl<'a> Emit<'_, 'a> {
    fn module(&mut self, module: &Rc<Module<'a>>, default_tags: &HashMap<Arc<str>, Val>) {
        for block in &module.directory.resources {
            for key in self.eval.keys(module, block).each() {
                self.resource(module, block, &key, default_tags);
            }
        }
        for (name, block) in &module.directory.calls {
            let mut is_there = true;
            for key in self.eval.keys(module, block).each() {
                let called = self.eval.called(module, block, &key);
                is_there &= called.is_some();
                let kind = if called.is_some() {
                    "module"
                } else {
                    "module-unavailable"
                };
                let address = format!("{}module.{name}{}", module.address, key.suffix());
                self.block(module, block, &key, kind, &address);
                if let Some(called) = called {
                    self.module(&called, default_tags);
                }
            }
            // Once, however many instances there are.
            if !is_there {
                let message = format!("module.{name} is not among the files");
                self.world.elsewhere(&block.file, block.header, message);
            }
        }
        for (name, block) in &module.directory.outputs {
            let address = format!("{}output.{name}", module.address);
            self.block(module, block, &Key::Single, "output", &address);
        }
        for (name, block) in &module.directory.variables {
            let address = format!("{}variable.{name}", module.address);
            self.variable(block, &address);
        }
        for block in &module.directory.providers {
            let name = block.labels.first().map_or("?", |name| name);
            let alias = block
                .body
                .attribute("alias")
                .and_then(|it| it.expr.as_text());
            let alias = alias.map(|alias| format!(".{alias}")).unwrap_or_default();
            let address = format!("{}provider.{name}{alias}", module.address);
            self.block(
                module,
                block,
                &Key::Single,
                &format!("provider.{name}"),
                &address,
            );
        }
        for settings in &module.directory.settings {
            for block in settings.body.blocks("backend") {
                let name = block.labels.first().map_or("?", |name| name);
                let address = format!("terraform.backend.{name}");
                self.block(
                    module,
                    block,
                    &Key::Single,
                    &format!("backend.{name}"),
                    &address,
                );
            }
        }
    }

    fn resource(
        &mut self,
        module: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
        default_tags: &HashMap<Arc<str>, Val>,
    ) {
        let address = self.eval.address(module, block, key);
        let origin = Origin::new(&block.file, block.header);
        let mut items = Vec::new();
        for (name, place) in names(&block.body) {
            let place = Origin::new(&block.file, place);
            let (value, from) = self.eval.traced(|| {
                self.eval
                    .instance_attribute(module, block, key, &name, &place)
            });
            for to in from.into_iter().filter(|to| *to != address) {
                self.links.push((address.clone(), name.clone(), to));
            }
            let partial = value.as_unknown().and_then(|it| it.partial.clone());
            let value = match partial {
                Some(text) if &*name == "yaml_body" => objects_of(&text, &value),
                _ => self.settle(&value),
            };
            items.push(Item {
                key: name,
                place,
                value,
            });
        }
        // What a data source answers says more of what it asks for.
        if &*block.kind == "data" && &*block.labels[0] == "aws_iam_policy_document" {
            let json = self
                .eval
                .instance_attribute(module, block, key, &"json".into(), &origin);
            let value = self.settle(&json);
            items.push(Item {
                key: "json".into(),
                place: origin.clone(),
                value,
            });
        }
        let of = &block.labels[0];
        let provider = of.split('_').next().unwrap_or_default();
        if let Some(tags) = default_tags.get(provider) {
            items.push(self.all_tags(tags, &items, &origin));
        }
        let kind = match &*block.kind {
            "resource" => of.clone(),
            mode => format!("{mode}.{of}").into(),
        };
        let body = Attr::new(Value::Map(Arc::new(Map::new(items))), origin);
        self.add(kind, address, body);
    }

    /// Tags of the provider, and over them those of the resource.
    fn all_tags(&self, tags: &Val, items: &[Item], origin: &Origin) -> Item {
        let default = self.settle(tags);
        let own = items
            .iter()
            .find(|item| &*item.key == "tags")
            .map(|item| &item.value);
        let value = match (&default.value, own.map(|own| &own.value)) {
            (Value::Unknown(_), _) | (_, None) => default,
            (_, Some(Value::Map(own))) => {
                let both = default.entries().iter().chain(own.items()).cloned();
                Attr::new(
                    Value::Map(Arc::new(Map::new(both.collect()))),
                    origin.clone(),
                )
            }
            (_, Some(_)) => own.cloned().unwrap_or(default),
        };
        Item {
            key: "tags_all".into(),
            place: origin.clone(),
            value,
        }
    }

    /// What the providers of the root module put on everything that they make.
    fn default_tags(&self, module: &Rc<Module<'a>>) -> HashMap<Arc<str>, Val> {
        let mut all = HashMap::new();
        for block in &module.directory.providers {
            let is_default = block.body.attribute("alias").is_none();
            let tags = block.body.blocks("default_tags").next();
            let tags = tags.and_then(|tags| tags.body.attribute("tags"));
            if let (true, Some(name), Some(tags)) = (is_default, block.labels.first(), tags) {
                let env = Env {
                    module: Some(module),
                    file: &tags.file,
                    names: None,
                };
                all.insert(name.clone(), self.eval.expr(env, &tags.expr));
            }
        }
        all
    }

    /// A block that is no resource, with what it says.
    fn block(
        &mut self,
        module: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
        kind: &str,
        address: &str,
    ) {
        let origin = Origin::new(&block.file, block.header);
        let (value, from) = self.eval.traced(|| {
            self.eval.for_key(key, &origin, |names| {
                let env = Env {
                    module: Some(module),
                    file: &block.file,
                    names,
                };
                self.eval.body(env, &block.body, origin.clone())
            })
        });
        let address: Arc<str> = address.into();
        let body = self.settle(&value);
        for to in from {
            self.links.push((address.clone(), "".into(), to));
        }
        self.add(kind.into(), address, body);
    }

    /// What a variable is when nobody gives it a value.
    fn variable(&mut self, block: &'a Block, address: &str) {
        let origin = Origin::new(&block.file, block.header);
        let mut items = Vec::new();
        for name in ["default", "sensitive"] {
            if let Some(attribute) = block.body.attribute(name) {
                let env = Env {
                    module: None,
                    file: &attribute.file,
                    names: None,
                };
                let value = self.settle(&self.eval.expr(env, &attribute.expr));
                let place = Origin::new(&attribute.file, attribute.name_span);
                items.push(Item {
                    key: name.into(),
                    place,
                    value,
                });
            }
        }
        let body = Attr::new(Value::Map(Arc::new(Map::new(items))), origin);
        self.add("variable".into(), address.into(), body);
    }

    fn settle(&self, value: &Val) -> Attr {
        let mut budget = MAX_NODES;
        value.settle(&mut budget)
    }

    fn add(&mut self, kind: Arc<str>, address: Arc<str>, body: Attr) {
        // Where the configuration does not say how many there are, a plan does.
        let instances = match address.strip_suffix("[?]") {
            Some(of) => self.world.planned_instances(of),
            None => {
                let planned = self.world.planned(&address);
                planned
                    .into_iter()
                    .map(|it| (address.clone(), it))
                    .collect()
            }
        };
        let place = self.world.resources().len();
        self.places.insert(address.clone(), place);
        if instances.is_empty() {
            self.place(kind, address, body);
            return;
        }
        for (address, planned) in instances {
            let body = plan::placed(&planned, Some(&body), &body.origin);
            self.place(kind.clone(), address, body);
        }
    }

    fn place(&mut self, kind: Arc<str>, address: Arc<str>, body: Attr) {
        self.world.add(Resource {
            language: Language::Terraform,
            kind,
            address,
            body,
        });
    }
}

/// The objects of a manifest of which a part is not known.
fn objects_of(text: &str, value: &Val) -> Attr {
    let objects = manifest(text, &value.origin, value.is_sensitive);
    let objects = objects.map_or_else(
        |why| Value::Unknown(why.into()),
        |it| Value::List(it.into()),
    );
    Attr {
        is_sensitive: value.is_sensitive,
        ..Attr::new(objects, value.origin.clone())
    }
}

/// Values of one attribute.
const MAX_NODES: u32 = 20_000;
