//! What is put to a template as `input.review`: an `AdmissionRequest` of Kubernetes.
//!
//! Specified by `k8s.io/api/admission/v1` and, for what is made of a manifest, by what Gatekeeper
//! makes of one: no operation, no user, and the object.

use serde_json::{Map, Value, json};

use super::{
    matching::{Namespace, Source},
    object::Meta,
};

/// One object, or a request about one, to be judged.
#[derive(Clone, Debug)]
pub struct Review {
    request: Map<String, Value>,
    object: Option<Meta>,
    old: Option<Meta>,
    namespace: Option<Namespace>,
    pub(crate) operation: String,
    pub(crate) source: Source,
}

/// Why something cannot be put to a template. The text is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReviewError(pub(crate) String);

impl Review {
    /// The review of an object of a manifest.
    ///
    /// # Errors
    ///
    /// What makes it no object of Kubernetes.
    pub fn of_object(object: &Value) -> Result<Self, ReviewError> {
        let meta = Meta::of(object).map_err(ReviewError)?;
        let mut request = blank();
        request.insert(
            "kind".to_owned(),
            json!({"group": meta.group, "version": meta.version, "kind": meta.kind}),
        );
        request.insert("object".to_owned(), object.clone());
        if !meta.name.is_empty() {
            request.insert("name".to_owned(), meta.name.clone().into());
        }
        if let Some(namespace) = &meta.namespace {
            request.insert("namespace".to_owned(), namespace.clone().into());
        }
        Ok(Self {
            request,
            object: Some(meta),
            old: None,
            namespace: None,
            operation: String::new(),
            source: Source::Original,
        })
    }

    /// The review of a request to an API server: the field `request` of an `AdmissionReview`. What is
    /// deleted is put to a template as `object` too, as Gatekeeper does it.
    ///
    /// # Errors
    ///
    /// What makes it no request, or one about no object.
    pub fn of_request(request: &Value) -> Result<Self, ReviewError> {
        let wrong = |text: &str| ReviewError(format!("the request is none: {text}"));
        let given = request
            .as_object()
            .ok_or_else(|| wrong("it is no object"))?;
        let mut request = blank();
        request.extend(
            given
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        let operation = match &request["operation"] {
            Value::String(operation) => operation.clone(),
            _ => return Err(wrong("`operation` is no string")),
        };
        if operation == "DELETE" {
            if request["oldObject"].is_null() {
                return Err(wrong("`oldObject` is null, and the operation is DELETE"));
            }
            let old = request["oldObject"].clone();
            request.insert("object".to_owned(), old);
        }
        let meta = |name: &str| match &request[name] {
            Value::Null => Ok(None),
            object => Meta::of(object)
                .map(Some)
                .map_err(|text| wrong(&format!("`{name}`: {text}"))),
        };
        let (object, old) = (meta("object")?, meta("oldObject")?);
        if object.is_none() && old.is_none() {
            return Err(wrong("it has neither `object` nor `oldObject`"));
        }
        if !matches!(
            request.get("namespace"),
            None | Some(Value::Null | Value::String(_))
        ) {
            return Err(wrong("`namespace` is no string"));
        }
        Ok(Self {
            object,
            old,
            namespace: None,
            operation,
            source: Source::Original,
            request,
        })
    }

    /// The same in a namespace that is known: `namespace` is its object.
    ///
    /// # Errors
    ///
    /// What makes it no namespace.
    pub fn in_namespace(mut self, namespace: &Value) -> Result<Self, ReviewError> {
        let meta = Meta::of(namespace).map_err(ReviewError)?;
        let Some(known) = meta.as_namespace() else {
            return Err(ReviewError("the namespace is of another kind".to_owned()));
        };
        self.namespace = Some(known);
        // The first is what Gatekeeper has since 3.22, the second what it had before.
        self.request
            .insert("namespaceObject".to_owned(), namespace.clone());
        self.request
            .insert("_unstable".to_owned(), json!({"namespace": namespace}));
        Ok(self)
    }

    /// The same of an object that comes from somewhere else.
    #[must_use]
    pub fn from_source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// The namespace that the request is about.
    pub fn namespace_name(&self) -> Option<&str> {
        let name = self.request.get("namespace").and_then(Value::as_str);
        name.filter(|name| !name.is_empty())
    }

    pub(crate) fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// The object and what it was before. One of them is there.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Meta> {
        self.object.iter().chain(&self.old)
    }

    pub(crate) fn value(&self) -> regorus::Value {
        regorus::Value::from(Value::Object(self.request.clone()))
    }
}

/// What an `AdmissionRequest` has when nothing is said.
fn blank() -> Map<String, Value> {
    let kind = json!({"group": "", "version": "", "kind": ""});
    let resource = json!({"group": "", "version": "", "resource": ""});
    let fields = [
        ("uid", json!("")),
        ("kind", kind),
        ("resource", resource),
        ("operation", json!("")),
        ("userInfo", json!({})),
        ("object", Value::Null),
        ("oldObject", Value::Null),
        ("options", Value::Null),
        ("namespaceObject", Value::Null),
    ];
    let named = fields.map(|(name, value)| (name.to_owned(), value));
    named.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_a_request_without_operation_and_user() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "b"}});
        let review = Review::of_object(&pod).expect("a review");
        let value = serde_json::to_value(review.value()).expect("JSON");
        assert_eq!(
            value["kind"],
            json!({"group": "", "version": "v1", "kind": "Pod"})
        );
        assert_eq!(value["operation"], "");
        assert_eq!(value["userInfo"], json!({}));
        assert_eq!(value["oldObject"], Value::Null);
        assert_eq!(value["namespaceObject"], Value::Null);
        assert_eq!(
            (&value["name"], &value["namespace"]),
            (&json!("a"), &json!("b"))
        );
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}});
        let review = review.in_namespace(&namespace).expect("a namespace");
        let value = serde_json::to_value(review.value()).expect("JSON");
        assert_eq!(value["namespaceObject"], namespace);
        assert_eq!(value["_unstable"]["namespace"], namespace);
    }

    #[test]
    fn what_is_deleted_is_the_object() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod"});
        let request = json!({"operation": "DELETE", "oldObject": pod, "object": null});
        let review = Review::of_request(&request).expect("a review");
        assert_eq!(review.objects().count(), 2);
        assert_eq!(
            serde_json::to_value(review.value()).expect("JSON")["object"],
            pod
        );
        for (request, expected) in [
            (json!([]), "the request is none: it is no object"),
            (
                json!({"operation": "DELETE", "object": pod}),
                "the request is none: `oldObject` is null, and the operation is DELETE",
            ),
            (
                json!({"operation": "CREATE"}),
                "the request is none: it has neither `object` nor `oldObject`",
            ),
            (
                json!({"object": {"kind": "Pod"}}),
                "the request is none: `object`: it has no `apiVersion`",
            ),
            (
                json!({"operation": 1}),
                "the request is none: `operation` is no string",
            ),
        ] {
            let error = Review::of_request(&request).expect_err("none");
            assert_eq!(error.to_string(), expected);
        }
    }
}
