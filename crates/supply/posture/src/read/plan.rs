//! Plans and states of Terraform in JSON: `terraform show -json`, and `terraform.tfstate`
//! (<https://developer.hashicorp.com/terraform/internals/json-format>).
//!
//! A plan knows what a provider answered. Where the configuration is there as well, a resource has the
//! values of the plan and the places of the configuration; they meet by address.

use std::{collections::HashMap, sync::Arc};

use casemate_document::{Limits, Node, Value as Written, json};

use super::{Content, Draft, Reader, terraform::said};
use crate::{Attr, File, Item, Language, Map, Origin, Resource, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

/// What no configuration stands beside, once all configuration was read.
pub(super) const REST: Reader = Reader {
    read: |_| None,
    gather: |_, world| {
        for resource in world.take_planned() {
            world.add(resource);
        }
    },
};

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let is_state = path.ends_with(".tfstate");
    let is_plan = path.ends_with(".json")
        && file.text.contains("\"format_version\"")
        && file.text.contains("\"root_module\"");
    if !is_state && !is_plan {
        return None;
    }
    let limits = Limits {
        depth: 64,
        ..Limits::default()
    };
    let content = match json::read(&file.text, &limits) {
        Ok((root, _)) => Content::Plan(Ok(root)),
        Err(error) => Content::Plan(Err(error)),
    };
    Some(Draft {
        file: file.clone(),
        content,
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        match &draft.content {
            Content::Plan(Ok(root)) => plan(root, &draft.file, world),
            Content::Plan(Err(error)) => {
                world.missing(&draft.file, error.span, error.message.clone());
            }
            _ => {}
        }
    }
}

fn plan(root: &Node, file: &Arc<File>, world: &mut World) {
    let changes = root.get("resource_changes").map_or(&[][..], Node::items);
    let unknown = changes.iter().filter_map(|change| {
        let address = change.get("address").and_then(Node::as_str)?;
        Some((address, change.at(["change", "after_unknown"])?))
    });
    let unknown: HashMap<&str, &Node> = unknown.collect();
    let values = root.get("planned_values").or_else(|| root.get("values"));
    let mut modules: Vec<&Node> = values
        .and_then(|it| it.get("root_module"))
        .into_iter()
        .collect();
    while let Some(module) = modules.pop() {
        modules.extend(module.get("child_modules").map_or(&[][..], Node::items));
        for resource in module.get("resources").map_or(&[][..], Node::items) {
            let text = |key: &str| resource.get(key).and_then(Node::as_str);
            let (Some(address), Some(of)) = (text("address"), text("type")) else {
                world.missing(file, resource.span, "a resource has no address");
                continue;
            };
            let reader = Reading {
                file,
                address,
                depth: 0,
            };
            let body = reader.attr(
                resource.get("values").unwrap_or(resource),
                unknown.get(address).copied(),
                resource.get("sensitive_values"),
            );
            add(text("mode"), of, address, body, world);
        }
    }
    state(root, file, world);
}

/// The resources of a state file of version 4.
fn state(root: &Node, file: &Arc<File>, world: &mut World) {
    for resource in root.get("resources").map_or(&[][..], Node::items) {
        let text = |key: &str| resource.get(key).and_then(Node::as_str);
        let (Some(of), Some(name)) = (text("type"), text("name")) else {
            world.missing(file, resource.span, "a resource has no type or no name");
            continue;
        };
        let mode = text("mode");
        let data = if mode == Some("data") { "data." } else { "" };
        let module = text("module")
            .map(|module| format!("{module}."))
            .unwrap_or_default();
        for instance in resource.get("instances").map_or(&[][..], Node::items) {
            let key = match instance.get("index_key").map(|key| &key.value) {
                Some(Written::Integer(at)) => format!("[{at}]"),
                Some(Written::String(key)) => format!("[{key:?}]"),
                _ => String::new(),
            };
            let address = format!("{module}{data}{of}.{name}{key}");
            let reader = Reading {
                file,
                address: &address,
                depth: 0,
            };
            let attributes = instance.get("attributes").unwrap_or(instance);
            add(
                mode,
                of,
                &address,
                reader.attr(attributes, None, None),
                world,
            );
        }
    }
}

fn add(mode: Option<&str>, of: &str, address: &str, body: Attr, world: &mut World) {
    let kind = match mode {
        Some("data") => format!("data.{of}"),
        _ => of.to_owned(),
    };
    world.plan(Resource {
        language: Language::Terraform,
        kind: kind.into(),
        address: address.into(),
        body,
    });
}

#[derive(Clone, Copy)]
struct Reading<'a> {
    file: &'a Arc<File>,
    address: &'a str,
    depth: usize,
}

impl Reading<'_> {
    /// A value beside which stand, of the same shape, what of it is not known and what is sensitive.
    /// The reader of JSON has bounded the depth.
    fn attr(self, node: &Node, unknown: Option<&Node>, sensitive: Option<&Node>) -> Attr {
        let origin = Origin::new(self.file, node.span);
        let is = |mark: Option<&Node>| mark.and_then(Node::as_bool) == Some(true);
        let inner = Self {
            depth: self.depth + 1,
            ..self
        };
        let value = match &node.value {
            _ if is(unknown) => self.later(),
            Written::Map(map) => {
                let mut items: Vec<Item> = Vec::new();
                for entry in map.entries() {
                    let below =
                        |mark: Option<&Node>| mark.and_then(|it| it.get(&entry.key)).cloned();
                    let (unknown, sensitive) = (below(unknown), below(sensitive));
                    items.push(Item {
                        key: entry.key.clone(),
                        place: Origin::new(self.file, entry.key_span),
                        value: inner.attr(&entry.value, unknown.as_ref(), sensitive.as_ref()),
                    });
                }
                // What is not known has no value at all.
                for entry in unknown.map_or(&[][..], Node::entries) {
                    if entry.value.as_bool() == Some(true) && map.get(&entry.key).is_none() {
                        items.push(Item {
                            key: entry.key.clone(),
                            place: origin.clone(),
                            value: Attr::new(self.later(), origin.clone()),
                        });
                    }
                }
                Value::Map(Arc::new(Map::new(items)))
            }
            Written::List(list) => {
                let item = |(at, item): (usize, &Node)| {
                    let below =
                        |mark: Option<&Node>| mark.and_then(|it| it.items().get(at)).cloned();
                    inner.attr(item, below(unknown).as_ref(), below(sensitive).as_ref())
                };
                Value::List(list.iter().enumerate().map(item).collect())
            }
            Written::String(text) => {
                let said = said(text, &origin, is(sensitive), true);
                said.unwrap_or_else(|| Value::String(text.clone()))
            }
            _ => Attr::of_node(node, self.file).value,
        };
        Attr {
            value,
            origin,
            is_sensitive: is(sensitive),
        }
    }

    fn later(self) -> Value {
        Value::Unknown(format!("a part of {} is known after apply", self.address).into())
    }
}

/// The value of a plan in the places of the configuration.
pub(super) fn placed(planned: &Attr, written: Option<&Attr>, near: &Origin) -> Attr {
    let origin = written.map_or(near, |written| &written.origin);
    let value = match &planned.value {
        Value::Map(map) => {
            let items = map.items().iter().map(|item| {
                let below = written.and_then(|it| match &it.value {
                    Value::Map(map) => map.item(&item.key),
                    _ => None,
                });
                Item {
                    key: item.key.clone(),
                    place: below.map_or(origin, |below| &below.place).clone(),
                    value: placed(&item.value, below.map(|below| &below.value), origin),
                }
            });
            Value::Map(Arc::new(Map::new(items.collect())))
        }
        Value::List(items) => {
            let below = written.map_or(&[][..], |it| match &it.value {
                Value::List(items) => items,
                _ => &[],
            });
            let items = items.iter().enumerate();
            Value::List(
                items
                    .map(|(at, item)| placed(item, below.get(at), origin))
                    .collect(),
            )
        }
        other => other.clone(),
    };
    Attr {
        value,
        origin: origin.clone(),
        is_sensitive: planned.is_sensitive || written.is_some_and(|it| it.is_sensitive),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Value, World, survey::tests};

    const PLAN: &str = r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
        {"address":"aws_s3_bucket.b","mode":"managed","type":"aws_s3_bucket","name":"b","values":{"acl":"public-read","bucket":null,"rule":[{"on":true}],"policy":"{\"Statement\":[{\"Effect\":\"Allow\"}]}"},"sensitive_values":{"acl":true}}],
        "child_modules":[{"address":"module.m","resources":[{"address":"module.m.t.a[0]","mode":"managed","type":"t","name":"a","index":0,"values":{"v":1}}]}]}},
        "resource_changes":[{"address":"aws_s3_bucket.b","change":{"after_unknown":{"arn":true,"rule":[{"id":true}]}}}]}"#;

    fn world(files: &[(&str, &str)]) -> World {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
        tests::world(&files.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_plan_alone_declares_its_resources() {
        let world = world(&[("plan.json", PLAN)]);
        let addresses: Vec<&str> = world.resources().iter().map(|it| &*it.address).collect();
        assert_eq!(addresses, ["aws_s3_bucket.b", "module.m.t.a[0]"]);
        let bucket = &world.resources()[0];
        assert!(
            bucket
                .body
                .get("acl")
                .ok()
                .is_some_and(|it| it.is_sensitive)
        );
        assert!(matches!(
            bucket.body.get("arn").ok().map(|it| &it.value),
            Some(Value::Unknown(_))
        ));
        let rule = bucket.at("rule").items().remove(0);
        assert!(rule.get("on").is_true().is_yes());
        assert!(matches!(rule.get("id").fact, crate::Fact::Unknown(_)));
        assert!(
            bucket.at("policy.Statement").items()[0]
                .get("Effect")
                .equals("Allow")
                .is_yes()
        );
    }

    #[test]
    fn values_of_a_plan_stand_in_the_places_of_the_configuration() {
        let text = "variable \"acl\" {}\nresource \"aws_s3_bucket\" \"b\" {\n  acl = var.acl\n}\n";
        let world = world(&[("main.tf", text), ("plan.json", PLAN)]);
        let buckets: Vec<_> = world.of_kind("aws_s3_bucket").collect();
        assert_eq!(buckets.len(), 1, "the plan and the configuration are one");
        let acl = buckets[0].at("acl");
        assert!(acl.equals("public-read").is_yes());
        assert_eq!(acl.origin().location().to_string(), "main.tf:3:9");
    }

    #[test]
    fn a_state_file_declares_its_instances() {
        let text = r#"{"version":4,"resources":[{"module":"module.m","mode":"managed","type":"t","name":"a","instances":[{"index_key":"x","attributes":{"v":1}}]}]}"#;
        let world = world(&[("terraform.tfstate", text)]);
        assert_eq!(&*world.resources()[0].address, "module.m.t.a[\"x\"]");
    }

    #[test]
    fn what_is_no_json_is_told() {
        assert_eq!(world(&[("terraform.tfstate", "{")]).problems().len(), 1);
    }
}
