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
        && PARTS.iter().any(|part| file.text.contains(part));
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
    if let Some(why) = unread(root) {
        world.missing(file, root.span, why);
    }
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
            let Some(attributes) = instance.get("attributes") else {
                let why = format!("{address} has no attributes of a schema that is known");
                world.missing(file, instance.span, why);
                continue;
            };
            let mut body = reader.attr(attributes, None, None);
            mark(&mut body, instance.get("sensitive_attributes"));
            add(mode, of, &address, body, world);
        }
    }
}

/// Why a state says nothing of what there is. Before version 4 resources were in modules.
fn unread(root: &Node) -> Option<String> {
    if root.get("encrypted_data").is_some() {
        return Some("the state is encrypted: assess `tofu show -json`".to_owned());
    }
    let version = root.get("version").and_then(Node::as_integer)?;
    let modules = root.get("modules").map_or(&[][..], Node::items);
    let has_resources = |it: &Node| {
        let resources = it.get("resources");
        resources.is_some_and(|it| !it.entries().is_empty())
    };
    modules
        .iter()
        .any(has_resources)
        .then(|| format!("a state of version {version} is not read: assess `terraform show -json`"))
}

/// Marks what must not be shown, as a whole where it is a part of something.
fn mark(body: &mut Attr, ways: Option<&Node>) {
    for way in ways.map_or(&[][..], Node::items) {
        let first = way.items().first().and_then(|step| step.get("value"));
        let attribute = first.and_then(Node::as_str);
        if let (Some(name), Some(map)) = (attribute, body.map_mut())
            && let Some(attribute) = map.get_mut(name)
        {
            attribute.is_sensitive = true;
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

/// What there is in a plan or a state, also in one that is cut off.
const PARTS: &[&str] = &[
    "\"root_module\"",
    "\"planned_values\"",
    "\"resource_changes\"",
];

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
    fn a_plan_says_how_many_there_are() {
        let text = "variable \"n\" {}\nresource \"t\" \"a\" {\n  count = var.n\n  v     = count.index\n}\n";
        let plan = r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
            {"address":"t.a[0]","mode":"managed","type":"t","name":"a","index":0,"values":{"v":0}},
            {"address":"t.a[1]","mode":"managed","type":"t","name":"a","index":1,"values":{"v":1}}]}}}"#;
        let world = world(&[("main.tf", text), ("plan.json", plan)]);
        let found = world.of_kind("t").map(|it| {
            let value = it.at("v");
            let place = value.origin().location();
            format!("{} {} {place}", it.address, value.shown())
        });
        let expected = ["t.a[0] 0 main.tf:4:11", "t.a[1] 1 main.tf:4:11"];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_state_file_declares_its_instances() {
        let text = r#"{"version":4,"resources":[{"module":"module.m","mode":"managed","type":"t","name":"a","instances":[{"index_key":"x","attributes":{"v":1}}]}]}"#;
        let world = world(&[("terraform.tfstate", text)]);
        assert_eq!(&*world.resources()[0].address, "module.m.t.a[\"x\"]");
    }

    #[test]
    fn what_a_state_hides_is_not_shown() {
        let text = r#"{"version":4,"resources":[{"mode":"managed","type":"t","name":"a","instances":[{"attributes":{"p":"x","q":"y"},"sensitive_attributes":[[{"type":"get_attr","value":"p"}]]}]}]}"#;
        let world = world(&[("terraform.tfstate", text)]);
        let shown = ["p", "q"].map(|name| world.resources()[0].at(name).shown());
        assert_eq!(shown, ["(sensitive)", "y"]);
    }

    #[test]
    fn a_state_that_is_not_read_is_told() {
        for (text, why) in [
            (
                r#"{"version":3,"modules":[{"path":["root"],"resources":{"t.a":{"type":"t","primary":{"attributes":{"v":"1"}}}}}]}"#,
                "version 3",
            ),
            (
                r#"{"serial":1,"encrypted_data":"AAAA","encryption_version":"v0"}"#,
                "encrypted",
            ),
            (
                r#"{"version":4,"resources":[{"mode":"managed","type":"t","name":"a","instances":[{"attributes_flat":{"v":"1"}}]}]}"#,
                "t.a has no attributes",
            ),
        ] {
            let world = world(&[("terraform.tfstate", text)]);
            assert!(world.resources().is_empty());
            assert!(world.problems()[0].message.contains(why), "{text}");
        }
        let backend = r#"{"version":3,"backend":{"type":"s3"},"modules":[{"path":["root"],"outputs":{},"resources":{}}]}"#;
        assert!(
            world(&[("terraform.tfstate", backend)])
                .problems()
                .is_empty()
        );
    }

    #[test]
    fn what_is_no_json_is_told() {
        assert_eq!(world(&[("terraform.tfstate", "{")]).problems().len(), 1);
    }

    #[test]
    fn a_plan_that_is_nested_too_deeply_is_told() {
        let deep = 50_000;
        let text = format!(
            "{{\"format_version\":\"1.2\",\"planned_values\":{}1{}}}",
            "{\"a\":".repeat(deep),
            "}".repeat(deep)
        );
        assert_eq!(world(&[("plan.json", &text)]).problems().len(), 1);
    }
}
