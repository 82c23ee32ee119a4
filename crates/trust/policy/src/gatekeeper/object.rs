//! Objects of Kubernetes, as far as matching and inventory need to know them.

use serde_json::Value;

use super::{matching::Namespace, selector::Labels};

/// What identifies an object and what selects it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Nothing for an object of the cluster, and for one that says no namespace.
    pub(crate) namespace: Option<String>,
    pub(crate) generate_name: Option<String>,
    pub(crate) labels: Labels,
}

impl Meta {
    /// Reads it from an object.
    ///
    /// # Errors
    ///
    /// What makes it no object of Kubernetes. An object whose labels cannot be read must not pass
    /// for one without labels.
    pub(crate) fn of(object: &Value) -> Result<Self, String> {
        let fields = object.as_object().ok_or("it is no object")?;
        let required = |name: &str| match fields.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
            Some(Value::String(_)) => Err(format!("`{name}` is empty")),
            Some(_) => Err(format!("`{name}` is no string")),
            None => Err(format!("it has no `{name}`")),
        };
        let (group, version) = split(required("apiVersion")?)?;
        let mut meta = Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: required("kind")?.to_owned(),
            ..Self::default()
        };
        let metadata = match fields.get("metadata") {
            None | Some(Value::Null) => return Ok(meta),
            Some(Value::Object(metadata)) => metadata,
            Some(_) => return Err("`metadata` is no object".to_owned()),
        };
        let text = |name: &str| match metadata.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("`metadata.{name}` is no string")),
        };
        meta.name = text("name")?.unwrap_or_default();
        meta.namespace = text("namespace")?;
        meta.generate_name = text("generateName")?;
        match metadata.get("labels") {
            None | Some(Value::Null) => {}
            Some(Value::Object(labels)) => {
                for (key, value) in labels {
                    let Value::String(value) = value else {
                        return Err("`metadata.labels` has a value that is no string".to_owned());
                    };
                    meta.labels.insert(key.clone(), value.clone());
                }
            }
            Some(_) => return Err("`metadata.labels` is no object".to_owned()),
        }
        Ok(meta)
    }

    pub(crate) fn is_namespace(&self) -> bool {
        self.kind == "Namespace" && self.group.is_empty()
    }

    /// `apps/v1`, and `v1` for what has no group.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The namespace that the object itself is.
    pub(crate) fn as_namespace(&self) -> Option<Namespace> {
        self.is_namespace().then(|| Namespace {
            name: self.name.clone(),
            labels: self.labels.clone(),
        })
    }
}

/// Group and version.
fn split(api_version: &str) -> Result<(&str, &str), String> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if version.is_empty() || version.contains('/') {
        return Err("`apiVersion` is neither a version nor a group and a version".to_owned());
    }
    Ok((group, version))
}

/// Whether a document says that it is an object of Kubernetes, rightly or not. A file of values or
/// a configuration does not.
pub(crate) fn is_meant(document: &Value) -> bool {
    document.get("apiVersion").is_some() || document.get("kind").is_some()
}

/// The objects that a list is made of, and their ways from it. Nothing, where it is no list. What an
/// item of a typed list (`PodList`) leaves out is what the list says.
pub(crate) fn items(list: Value) -> Result<Vec<Value>, Value> {
    let Value::Object(mut fields) = list else {
        return Err(list);
    };
    let kind = fields.get("kind").and_then(Value::as_str);
    let Some(of) = kind
        .and_then(|kind| kind.strip_suffix("List"))
        .map(str::to_owned)
    else {
        return Err(Value::Object(fields));
    };
    match fields.remove("items") {
        Some(Value::Array(mut items)) => {
            let version = fields.get("apiVersion").cloned();
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                if of.is_empty() {
                    continue;
                }
                item.entry("kind").or_insert_with(|| of.clone().into());
                if let Some(version) = &version {
                    item.entry("apiVersion").or_insert_with(|| version.clone());
                }
            }
            Ok(items)
        }
        Some(other) => {
            fields.insert("items".to_owned(), other);
            Err(Value::Object(fields))
        }
        None => Err(Value::Object(fields)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_object_is_told_and_never_taken_for_one_without_labels() {
        for (object, expected) in [
            (json!([]), "it is no object"),
            (json!({"kind": "Pod"}), "it has no `apiVersion`"),
            (
                json!({"apiVersion": 1, "kind": "Pod"}),
                "`apiVersion` is no string",
            ),
            (
                json!({"apiVersion": "a/b/c", "kind": "Pod"}),
                "`apiVersion` is neither a version nor a group and a version",
            ),
            (json!({"apiVersion": "v1", "kind": ""}), "`kind` is empty"),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": []}),
                "`metadata` is no object",
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": 1}}),
                "`metadata.namespace` is no string",
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": 1}}}),
                "`metadata.labels` has a value that is no string",
            ),
        ] {
            assert_eq!(Meta::of(&object), Err(expected.to_owned()));
        }
    }

    #[test]
    fn lists_are_taken_apart_and_their_items_know_what_they_are() {
        let list = json!({"apiVersion": "v1", "kind": "PodList", "items": [
            {"metadata": {"name": "a"}}, {"kind": "Other", "apiVersion": "b/v1"}, 7,
        ]});
        let items = items(list).expect("a list");
        assert_eq!(items[0]["kind"], "Pod");
        assert_eq!(items[0]["apiVersion"], "v1");
        assert_eq!(items[1]["kind"], "Other");
        assert_eq!(items[2], 7);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "items": []});
        assert_eq!(super::items(pod.clone()), Err(pod));
    }
}
