//! What instances of resources declare: attributes, blocks, and blocks that are made.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use casemate_document::Span;

use super::{Env, Eval, Key, Memo, Module, Name, TOO_MUCH, pairs, place::object};
use crate::{
    Origin,
    read::terraform::{
        syntax::{Block, Body, ExprKind},
        value::{Field, Fields, Val},
    },
};

/// Words of the language in any resource, and none of the resource's own.
fn is_meta(name: &str) -> bool {
    matches!(
        name,
        "count" | "for_each" | "provider" | "depends_on" | "provisioner" | "connection"
    )
}

impl<'a> Eval<'a> {
    /// All that an instance of a resource declares. What it does not is not known.
    pub(crate) fn instance(&self, module: &Rc<Module<'a>>, block: &'a Block, key: &Key) -> Val {
        let mut items = BTreeMap::new();
        for (name, place) in names(&block.body) {
            let origin = Origin::new(&block.file, place);
            let value = self.instance_attribute(module, block, key, &name, &origin);
            items.insert(
                name,
                Field {
                    place: origin,
                    value,
                },
            );
        }
        let open = Some(self.later(module, block, key, "").into());
        let origin = Origin::new(&block.file, block.header);
        Val::map(Fields { items, open }, origin)
    }

    /// One attribute of an instance, or its blocks of that name.
    pub(crate) fn instance_attribute(
        &self,
        module: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
        name: &Arc<str>,
        origin: &Origin,
    ) -> Val {
        let address = self.address(module, block, key);
        let suffix = key.suffix();
        let memo = Memo::Attribute(block, suffix, name.clone());
        let value = self.once(module, memo, origin, || {
            let place = Origin::new(&block.file, block.header);
            self.for_key(key, &place, |names| {
                let env = Env {
                    module: Some(module),
                    file: &block.file,
                    names,
                };
                self.declared(env, &block.body, name).unwrap_or_else(|| {
                    self.answer(module, block, key, name).unwrap_or_else(|| {
                        Val::unknown(self.later(module, block, key, name), place.clone())
                    })
                })
            })
        });
        self.touched.borrow_mut().push(address);
        value
    }

    /// The address of an instance.
    pub(crate) fn address(&self, module: &Module<'a>, block: &Block, key: &Key) -> Arc<str> {
        let mode = if &*block.kind == "resource" {
            ""
        } else {
            &*block.kind
        };
        let dot = if mode.is_empty() { "" } else { "." };
        let labels = block.labels.join(".");
        format!("{}{mode}{dot}{labels}{}", module.address, key.suffix()).into()
    }

    pub(super) fn later(
        &self,
        module: &Module<'a>,
        block: &Block,
        key: &Key,
        name: &str,
    ) -> String {
        let address = self.address(module, block, key);
        let dot = if name.is_empty() { "" } else { "." };
        let when = match &*block.kind {
            "resource" => "known after apply",
            _ => "read when it is applied",
        };
        format!("{address}{dot}{name} is {when}")
    }

    /// What an attribute, or the blocks of a name, declare.
    fn declared(&self, env: Env<'_, 'a>, body: &Body, name: &str) -> Option<Val> {
        let attribute = (!is_meta(name)).then(|| body.attribute(name)).flatten();
        if let Some(attribute) = attribute {
            let env = Env {
                file: &attribute.file,
                ..env
            };
            return Some(self.expr(env, &attribute.expr));
        }
        let is_of = |block: &&Block| block_name(block) == Some(name);
        let mut blocks = body.blocks.iter().filter(is_of).peekable();
        let first = *blocks.peek()?;
        let place = Origin::new(&first.file, first.header);
        let mut items = Vec::new();
        for block in blocks {
            let env = Env {
                file: &block.file,
                ..env
            };
            if &*block.kind == "dynamic" {
                self.dynamic(env, block, &mut items);
            } else {
                items.push(self.body(env, &block.body, Origin::new(&block.file, block.header)));
            }
        }
        if let [item] = &items[..]
            && item.as_unknown().is_some()
        {
            return items.pop();
        }
        Some(Val::list(items, place))
    }

    /// The attributes and blocks of a block as one object.
    pub(crate) fn body(&self, env: Env<'_, 'a>, body: &Body, origin: Origin) -> Val {
        let mut items = BTreeMap::new();
        for (name, place) in names(body) {
            if let Some(value) = self.declared(env, body, &name) {
                let place = Origin::new(env.file, place);
                items.insert(name, Field { place, value });
            }
        }
        Val::map(Fields { items, open: None }, origin)
    }

    /// A block for each item. How many there are is not known where the items are not: then there is
    /// one that is not known.
    fn dynamic(&self, env: Env<'_, 'a>, block: &Block, items: &mut Vec<Val>) {
        let origin = Origin::new(&block.file, block.header);
        let (Some(for_each), Some(content)) = (
            block.body.attribute("for_each"),
            block.body.blocks("content").next(),
        ) else {
            items.push(Val::error(
                "a dynamic block has no for_each or no content",
                origin,
            ));
            return;
        };
        let named = block
            .body
            .attribute("iterator")
            .and_then(|it| match &it.expr.kind {
                ExprKind::Word(word) => Some(word.clone()),
                _ => it.expr.as_text().map(Arc::from),
            });
        let label = || block.labels.first().cloned();
        let iterator = named.or_else(label).unwrap_or_else(|| "".into());
        let of = self.expr(env, &for_each.expr);
        let open = of.as_fields().and_then(|fields| fields.open.clone());
        let pairs = match pairs(&of) {
            Ok(pairs) => pairs,
            Err(value) => {
                items.push(value.at(origin));
                return;
            }
        };
        for (key, value) in pairs {
            if !self.spend(1, &origin) {
                items.push(Val::unknown(TOO_MUCH, origin));
                return;
            }
            let name = Name {
                name: &iterator,
                value: object(vec![("key", key), ("value", value)], &origin),
                outer: env.names,
            };
            let env = Env {
                names: Some(&name),
                ..env
            };
            let place = Origin::new(&content.file, content.header);
            items.push(self.body(env, &content.body, place));
        }
        if let Some(why) = open {
            items.push(Val::unknown(why, origin));
        }
    }
}

/// The names of attributes and blocks, each once, in the order of the text.
pub(crate) fn names(body: &Body) -> Vec<(Arc<str>, Span)> {
    let mut names: Vec<(Arc<str>, Span)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let attributes = body
        .attributes
        .iter()
        .map(|it| (it.name.clone(), it.name_span));
    let blocks = body.blocks.iter();
    let blocks = blocks.filter_map(|it| Some((Arc::from(block_name(it)?), it.header)));
    for (name, span) in attributes.chain(blocks) {
        if !is_meta(&name) && seen.insert(name.clone()) {
            names.push((name, span));
        }
    }
    names
}

fn block_name(block: &Block) -> Option<&str> {
    match &*block.kind {
        "dynamic" => block.labels.first().map(|label| &**label),
        kind => (!is_meta(kind)).then_some(kind),
    }
}
