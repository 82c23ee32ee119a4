//! Who vouches for images and models.

use casemate_core::Digest;
use serde_json::Value;

use crate::pattern::Pattern;

/// Knows what people who are trusted said, signed, of artifacts.
pub trait Vouch: Send + Sync {
    /// The statements about what has this digest, each in the shape of its own type, with its `predicateType`.
    fn said_of(&self, digest: &Digest) -> Vec<Value>;
}

/// Knows of nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyVouches;

impl Vouch for NobodyVouches {
    fn said_of(&self, _: &Digest) -> Vec<Value> {
        Vec::new()
    }
}

/// An image or a model that an object names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference<'a>(pub(crate) &'a str);

impl<'a> Reference<'a> {
    /// Those of an object, each once and in order: `image`, also of a volume that is one, and where models are loaded from.
    pub(crate) fn of(object: &'a Value) -> Vec<Self> {
        let mut found = Vec::new();
        let mut todo = vec![("", object)];
        while let Some((key, value)) = todo.pop() {
            match value {
                Value::String(text) if KEYS.contains(&key) && !text.is_empty() => {
                    found.push(Self(text))
                }
                Value::Object(fields) => {
                    for (name, below) in fields {
                        let is_of = |outer: &[&str]| outer.contains(&key);
                        todo.push(match name.as_str() {
                            "reference" if is_of(&["image"]) => ("image", below),
                            "uri" if is_of(&["model", "storageUris"]) => ("modelUri", below),
                            name => (name, below),
                        });
                    }
                }
                Value::Array(items) => todo.extend(items.iter().map(|item| (key, item))),
                _ => {}
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// The digest that it is pinned to: `name@sha256:…`.
    pub(crate) fn digest(&self) -> Option<Digest> {
        let (_, digest) = self.0.rsplit_once('@')?;
        digest
            .parse()
            .ok()
            .filter(|digest: &Digest| digest.to_string().starts_with("sha256:"))
    }
}

/// What there is against a reference that has to be signed: by one of `types`, where it fits one of `patterns`.
pub(crate) fn against(
    reference: &Reference<'_>,
    patterns: &[Pattern],
    types: &[String],
    vouch: &dyn Vouch,
) -> Option<String> {
    if !patterns.iter().any(|pattern| pattern.matches(reference.0)) {
        return None;
    }
    let Some(digest) = reference.digest() else {
        return Some(format!(
            "{} is not named by its digest, and may be another one tomorrow",
            reference.0
        ));
    };
    let is_signature = |said: &Value| {
        let kind = said.get("predicateType").and_then(Value::as_str);
        kind.is_some_and(|kind| types.iter().any(|known| known == kind))
    };
    match vouch.said_of(&digest).iter().any(is_signature) {
        true => None,
        false => Some(format!("nobody who is trusted signed {}", reference.0)),
    }
}

const KEYS: &[&str] = &["image", "modelUri", "storageUri"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_and_models_are_found_wherever_a_kind_keeps_them() {
        let object = json!({"spec": {
            "predictor": {"model": {"storageUri": "s3://a", "uri": "hf://b"}, "containers": [{"image": "c"}]},
            "volumes": [{"name": "image", "image": {"reference": "d", "pullPolicy": "Always"}}],
            "storageUris": [{"uri": "e", "mountPath": "/x"}],
            "initContainers": [{"image": "c"}, {"image": ""}],
            "url": {"uri": "f"},
        }});
        let found: Vec<&str> = Reference::of(&object).iter().map(|it| it.0).collect();
        assert_eq!(found, ["c", "d", "e", "hf://b", "s3://a"]);
    }

    #[test]
    fn only_a_digest_is_a_digest() {
        let hex = "0f".repeat(32);
        assert!(Reference(&format!("a:1@sha256:{hex}")).digest().is_some());
        for text in [
            "a:1",
            "a@sha256:0f",
            "a@latest",
            "sha256:0f",
            &format!("a@sha512:{hex}"),
        ] {
            assert_eq!(Reference(text).digest(), None, "{text}");
        }
    }
}
