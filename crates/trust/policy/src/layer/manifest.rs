//! The `.manifest` of OPA's bundles.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{PathPattern, engine::Message};

/// What a bundle says of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// What whoever packed it calls it.
    #[serde(default)]
    pub(crate) revision: String,
    /// The paths below `data` that it owns.
    #[serde(default = "everything")]
    pub(crate) roots: Vec<String>,
    rego_version: Option<u8>,
    #[serde(default)]
    file_rego_versions: BTreeMap<String, u8>,
    wasm: Option<Value>,
    metadata: Option<Value>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            revision: String::new(),
            roots: everything(),
            rego_version: None,
            file_rego_versions: BTreeMap::new(),
            wasm: None,
            metadata: None,
        }
    }
}

impl Manifest {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Json(Message::new(&error.to_string())))?;
        let versions = manifest.rego_version.iter();
        let mut versions = versions.chain(manifest.file_rego_versions.values());
        if let Some(version) = versions.find(|version| **version > 1) {
            return Err(ManifestError::Version(*version));
        }
        let patterns = manifest.file_rego_versions.keys();
        if let Some(wrong) = patterns.into_iter().find(|it| pattern(it).is_none()) {
            return Err(ManifestError::Pattern(Message::new(wrong)));
        }
        let roots = manifest.roots.iter();
        let roots: Vec<String> = roots
            .map(|root| root.trim_matches('/').to_owned())
            .collect();
        for (at, root) in roots.iter().enumerate() {
            let overlaps = |other: &&String| is_below(root, other) || is_below(other, root);
            if let Some(other) = roots[..at].iter().find(overlaps) {
                let pair = [root, other].map(|it| Message::new(it));
                return Err(ManifestError::Roots(pair[1].clone(), pair[0].clone()));
            }
        }
        Ok(Self { roots, ..manifest })
    }

    /// Whether a module of this package, and of this version, may be in the bundle as the file `name`.
    pub(crate) fn check_module(
        &self,
        name: &str,
        package: &[String],
        is_v1: bool,
    ) -> Result<(), ManifestError> {
        let path = package.join("/");
        if !self.roots.iter().any(|root| is_below(&path, root)) {
            return Err(ManifestError::Module(
                Message::new(name),
                Message::new(&path),
            ));
        }
        let wanted = self.version(name);
        match wanted {
            Some(1) if !is_v1 => Err(ManifestError::Older(Message::new(name))),
            _ => Ok(()),
        }
    }

    /// Whether all of `data` is below the roots.
    pub(crate) fn check_data(&self, data: &Value) -> Result<(), ManifestError> {
        let mut todo = vec![(data, String::new())];
        while let Some((value, path)) = todo.pop() {
            if self.roots.iter().any(|root| is_below(&path, root)) {
                continue;
            }
            let Value::Object(members) = value else {
                return Err(ManifestError::Data(Message::new(&path)));
            };
            for (name, value) in members {
                let path = match path.is_empty() {
                    true => name.clone(),
                    false => format!("{path}/{name}"),
                };
                todo.push((value, path));
            }
        }
        Ok(())
    }

    /// What it says that nothing here looks at.
    pub(crate) fn notes(&self) -> Vec<String> {
        let said = |what: &str, why: &str| format!("`{what}` of the manifest is left out: {why}");
        let wasm = self.wasm.as_ref();
        let wasm = wasm.map(|_| {
            said(
                "wasm",
                "what is compiled is not run, only the Rego that it is of",
            )
        });
        let metadata = self.metadata.as_ref();
        let metadata = metadata.map(|_| said("metadata", "policies do not see it"));
        wasm.into_iter().chain(metadata).collect()
    }

    /// The version of Rego that a file has to be in, where the manifest says one.
    fn version(&self, name: &str) -> Option<u8> {
        let mut versions = self.file_rego_versions.iter();
        let own = versions.find(|(it, _)| {
            it.trim_start_matches('/') == name || pattern(it).is_some_and(|it| it.matches(name))
        });
        own.map(|(_, version)| *version).or(self.rego_version)
    }
}

fn pattern(text: &str) -> Option<PathPattern> {
    // From the root of the bundle, with a slash or without.
    text.trim_start_matches('/').parse().ok()
}

/// Whether `path` is `root` or below it. Everything is below the empty one.
fn is_below(path: &str, root: &str) -> bool {
    match path.strip_prefix(root) {
        Some(rest) => root.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

fn everything() -> Vec<String> {
    vec![String::new()]
}

/// What is wrong with a manifest, or with what it is of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no manifest.
    #[error("it is none: {0}")]
    Json(Message),
    /// Another version of Rego.
    #[error("there is no version {0} of Rego")]
    Version(u8),
    /// A pattern of files.
    #[error("`{0}` is no pattern of files that is understood")]
    Pattern(Message),
    /// One root is below another.
    #[error("its roots `{0}` and `{1}` overlap")]
    Roots(Message, Message),
    /// A module is outside of the roots.
    #[error("`{0}` is of the package `{1}`, which is outside of its roots")]
    Module(Message, Message),
    /// A module is in an older version.
    #[error("`{0}` is Rego v0, and it says that it is v1")]
    Older(Message),
    /// Data is outside of the roots.
    #[error("there is data at `{0}`, which is outside of its roots")]
    Data(Message),
}
