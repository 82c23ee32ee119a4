//! What else is in the cluster: `data.inventory`.

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::{Map, Value};

use super::{matching::Namespace, object::Meta};

/// Objects that policies can refer to, by namespace, group and version, kind and name.
#[derive(Debug, Default)]
pub struct Inventory {
    tree: Map<String, Value>,
    namespaces: BTreeMap<String, Namespace>,
    /// The tree as the engine has it, made when it is first asked for.
    read: OnceLock<regorus::Value>,
}

impl Inventory {
    /// Adds an object; one of the same kind and name is replaced.
    ///
    /// # Errors
    ///
    /// What makes it no object of Kubernetes.
    pub fn insert(&mut self, object: &Value) -> Result<(), String> {
        let meta = Meta::of(object)?;
        if let Some(namespace) = meta.as_namespace() {
            self.namespaces.insert(meta.name.clone(), namespace);
        }
        let version = meta.api_version();
        let mut way: Vec<&str> = match &meta.namespace {
            Some(namespace) => vec!["namespace", namespace],
            None => vec!["cluster"],
        };
        way.extend([version.as_str(), &meta.kind]);
        let mut at = &mut self.tree;
        for name in way {
            let below = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
            // Nothing else than objects is ever put on the way to a name.
            let Value::Object(below) = below else {
                return Err("the inventory is broken".to_owned());
            };
            at = below;
        }
        at.insert(meta.name, object.clone());
        self.read = OnceLock::new();
        Ok(())
    }

    /// Adds a namespace that is known without being given: constraints find its labels, and templates
    /// do not find it.
    pub(crate) fn assume(&mut self, namespace: &Value) {
        if let Ok(meta) = Meta::of(namespace)
            && let Some(known) = meta.as_namespace()
        {
            self.namespaces.entry(meta.name).or_insert(known);
        }
    }

    /// The object of a namespace.
    pub fn namespace(&self, name: &str) -> Option<&Value> {
        let kinds = self.tree.get("cluster")?.get("v1")?;
        kinds.get("Namespace")?.get(name)
    }

    pub(crate) fn labelled(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name)
    }

    pub(crate) fn value(&self) -> &regorus::Value {
        let read = || regorus::Value::from(Value::Object(self.tree.clone()));
        self.read.get_or_init(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_lie_where_templates_look_for_them() {
        let mut inventory = Inventory::default();
        for object in [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "a"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "a"}, "spec": 1}),
        ] {
            inventory.insert(&object).expect("an object");
        }
        assert!(inventory.namespace("a").is_some());
        let tree = serde_json::to_value(inventory.value()).expect("JSON");
        let web = &tree["namespace"]["a"]["apps/v1"]["Deployment"]["web"];
        assert_eq!(web["spec"], 1, "the last one counts");
        assert!(tree["cluster"]["v1"]["Namespace"]["a"].is_object());
        assert!(inventory.insert(&json!({"kind": "Pod"})).is_err());
    }
}
