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
        // What a program reads out of its settings, nothing loads by that name.
        if object.get("kind").is_some_and(|kind| kind == "ConfigMap") {
            return found;
        }
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

/// A pattern of what has to be signed, in both spellings.
pub(crate) struct Signed {
    written: Pattern,
    /// Which of its spellings somebody wrote says nothing about what it names.
    of_host: Option<Pattern>,
}

impl Signed {
    pub(crate) fn new(written: &Pattern) -> Self {
        Self {
            of_host: written.host_is_whole().then(|| written.of(canonical)),
            written: written.clone(),
        }
    }

    fn matches(&self, name: &str) -> bool {
        let of_host = self.of_host.as_ref();
        self.written.matches(name) || of_host.is_some_and(|it| it.matches(name))
    }
}

/// What there is against a reference that has to be signed: by one of `types`, where it fits one of `patterns`.
pub(crate) fn against(
    reference: &Reference<'_>,
    patterns: &[Signed],
    types: &[String],
    vouch: &dyn Vouch,
) -> Option<String> {
    let canonical = canonical(reference.0);
    let fits = |pattern: &Signed| pattern.matches(reference.0) || pattern.matches(&canonical);
    if !patterns.iter().any(fits) {
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

/// The one spelling of a reference among those that name the same: the host in lower case and without the port that it has
/// anyway, and what an image without a host means.
fn canonical(reference: &str) -> String {
    if let Some((scheme, rest)) = reference.split_once("://") {
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return format!("{}://{}{path}", scheme.to_lowercase(), plain(host));
    }
    let is_host =
        |it: &str| it.contains(['.', ':']) || it == "localhost" || it.to_lowercase() != it;
    let (host, path) = match reference.split_once('/') {
        Some((host, path)) if is_host(host) => (plain(host), path),
        _ => (DOCKER.to_owned(), reference),
    };
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => DOCKER.to_owned(),
        _ => host,
    };
    match host == DOCKER && !path.contains('/') && path != "*" {
        true => format!("{host}/library/{path}"),
        false => format!("{host}/{path}"),
    }
}

fn plain(host: &str) -> String {
    let host = host.to_lowercase();
    let without = host
        .strip_suffix(":443")
        .or_else(|| host.strip_suffix(":80"));
    let host = without.unwrap_or(&host);
    host.strip_suffix('.').unwrap_or(host).to_owned()
}

/// The models that an InferenceService names by a key of the cluster's storage and a path in it, for people.
pub(crate) fn stored(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if object
        .get("kind")
        .is_none_or(|kind| kind != "InferenceService")
    {
        return found;
    }
    let mut todo: Vec<&Value> = object.get("spec").into_iter().collect();
    while let Some(value) = todo.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(storage) = fields.get("storage").and_then(Value::as_object) {
                    let text = |key| storage.get(key).and_then(Value::as_str).unwrap_or_default();
                    found.push(format!(
                        "the model in the storage `{}` at `{}`",
                        text("key"),
                        text("path")
                    ));
                }
                todo.extend(fields.values());
            }
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

const DOCKER: &str = "docker.io";

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
    fn a_configuration_names_nothing_that_is_loaded() {
        let object = json!({"kind": "ConfigMap", "data": {"image": "a"}});
        assert_eq!(Reference::of(&object), []);
    }

    #[test]
    fn a_pattern_fits_every_spelling_of_what_it_names() {
        let is_against = |pattern: &str, reference: &str| {
            let patterns = [Signed::new(&pattern.parse().expect("a pattern"))];
            against(&Reference(reference), &patterns, &[], &NobodyVouches).is_some()
        };
        for (pattern, reference, expected) in [
            ("registry.example.org/*", "Registry.Example.org/a", true),
            ("registry.example.org/*", "registry.example.org:443/a", true),
            ("registry.example.org/*", "registry.example.org./a", true),
            ("registry.example.org:443/*", "registry.example.org/a", true),
            (
                "registry.example.org/*",
                "registry.example.org:5000/a",
                false,
            ),
            ("docker.io/*", "nginx", true),
            ("docker.io/library/*", "index.docker.io/nginx:1", true),
            ("nginx:*", "docker.io/library/nginx:1", true),
            ("index.docker.io/*", "org/a", true),
            (
                "oci://registry.example.org/*",
                "OCI://REGISTRY.example.org/a",
                true,
            ),
            ("quay.io/*", "nginx", false),
            ("*", "nginx", true),
        ] {
            assert_eq!(
                is_against(pattern, reference),
                expected,
                "{pattern} {reference}"
            );
        }
    }

    #[test]
    fn a_model_in_the_storage_of_the_cluster_is_told() {
        let mut object = json!({"kind": "InferenceService", "spec": {"predictor": {"model": {
            "storage": {"key": "own", "path": "fraud"}}}}});
        assert_eq!(
            stored(&object),
            ["the model in the storage `own` at `fraud`"]
        );
        object["kind"] = "Deployment".into();
        assert_eq!(stored(&object), [] as [&str; 0]);
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
