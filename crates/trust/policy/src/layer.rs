//! The files of a caller, which lie over the built-in policy or stand alone.

mod data;
mod manifest;

use std::{collections::BTreeMap, sync::Arc};

use casemate_core::{Digest, Hasher, PathText, canonical_json};
use serde_json::{Map, Value, json};

pub(crate) use self::data::read;
pub use self::manifest::ManifestError;
use self::{
    data::{Overlap, is_structured, merge, mounted},
    manifest::Manifest,
};
use crate::{
    BundleError, EngineError,
    archive::{pack, unpack},
    engine::Message,
    library, settings,
};

/// The modules and data of a policy, read and not yet loaded.
///
/// A directory without a `.manifest` is read in the house's way: a file whose name ends in `.rego` is a
/// module, wherever it stands; a JSON, TOML or YAML file below `data/` is a document that is merged into
/// the root of `data`, as `opa eval --data` does it.
///
/// A directory with one, and an archive, are read as OPA reads a bundle
/// (<https://www.openpolicyagent.org/docs/management-bundles>): modules are the same, and a document is a
/// file called `data.json` or `data.yaml`, which is mounted at the path of its directory. What is outside
/// of the roots of the manifest is an error, and so is what two documents say of one path.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    pub(crate) modules: BTreeMap<PathText, Arc<[u8]>>,
    /// Each of them an object, to be merged into the root of `data`.
    pub(crate) documents: BTreeMap<PathText, Arc<Value>>,
    /// Where it is read as OPA reads a bundle.
    pub(crate) manifest: Option<Manifest>,
    pub(crate) notes: Vec<String>,
}

impl Layer {
    /// What a directory holds, by the paths from there.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn of_directory(files: Vec<(PathText, Vec<u8>)>) -> Result<Self, BundleError> {
        if files.iter().any(|(name, _)| name.as_str() == MANIFEST) {
            return Self::of_bundle(&files);
        }
        let mut layer = Self::default();
        for (name, bytes) in files {
            check_name(&name)?;
            if is_module(&name) {
                layer.modules.insert(name, bytes.into());
            } else if name.as_str().starts_with("data/") && is_structured(&name) {
                let document = read(&name, &bytes)?;
                if !document.is_object() {
                    return Err(wrong(&name, "the document is not an object"));
                }
                layer.documents.insert(name, document.into());
            } else if is_structured(&name) && settings::is_meant(&bytes) {
                return Err(BundleError::Misplaced(name));
            }
        }
        layer.checked()
    }

    /// What a `.tar.gz` holds.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn of_archive(bytes: &[u8]) -> Result<Self, BundleError> {
        let files = unpack(bytes)
            .map_err(|error| BundleError::Archive(Message::new(&error.to_string())))?;
        Self::of_bundle(&files)
    }

    /// The same, for who had [`crate::verify_signed`] verify the archive: there is nothing to note of its
    /// signature any more.
    #[must_use]
    pub fn with_signature_verified(mut self) -> Self {
        self.notes.retain(|note| note != NOT_VERIFIED);
        self
    }

    fn of_bundle(files: &[(PathText, Vec<u8>)]) -> Result<Self, BundleError> {
        let mut layer = Self::default();
        for (name, bytes) in files {
            check_name(name)?;
            match name.as_str() {
                MANIFEST => {
                    let manifest = Manifest::read(bytes);
                    layer.manifest = Some(manifest.map_err(BundleError::Manifest)?);
                }
                SIGNATURES => {}
                _ if is_module(name) => {
                    layer.modules.insert(name.clone(), bytes.clone().into());
                }
                // A delta says what is to be done to another bundle.
                "patch.json" => return Err(BundleError::Delta),
                _ if matches!(name.file_name(), "data.json" | "data.yaml" | "data.yml") => {
                    let document = mounted(name, read(name, bytes)?);
                    layer.documents.insert(name.clone(), document.into());
                }
                _ if is_structured(name) && settings::is_meant(bytes) => {
                    return Err(BundleError::Misplaced(name.clone()));
                }
                _ if is_compiled(name) => layer.notes.push(format!(
                    "`{name}` is left out: what is compiled is not run, only the Rego that it is of"
                )),
                _ => {}
            }
        }
        let manifest = layer.manifest.get_or_insert_default().clone();
        let mut layer = layer.checked()?;
        layer.notes.extend(manifest.notes());
        let data = layer.data()?;
        manifest.check_data(&data).map_err(BundleError::Manifest)?;
        if files.iter().any(|(name, _)| name.as_str() == SIGNATURES) {
            layer.notes.push(NOT_VERIFIED.to_owned());
        }
        Ok(layer)
    }

    fn checked(self) -> Result<Self, BundleError> {
        if self.modules.len() + self.documents.len() > MAX_FILES {
            return Err(BundleError::Many);
        }
        let modules: usize = self.modules.values().map(|bytes| bytes.len()).sum();
        if modules > MAX_BYTES {
            return Err(BundleError::Large);
        }
        self.data()?;
        Ok(self)
    }

    /// All documents as one.
    ///
    /// # Errors
    ///
    /// What two of them say differently. In a bundle they may not even agree.
    pub(crate) fn data(&self) -> Result<Value, BundleError> {
        let overlap = match self.manifest {
            Some(_) => Overlap::Refused,
            None => Overlap::Alike,
        };
        let mut data = Value::Object(Map::new());
        for (name, document) in &self.documents {
            merge(&mut data, document, overlap)
                .map_err(|path| wrong(name, &format!("another document has data.{path} too")))?;
        }
        Ok(data)
    }

    /// The digest of its modules, by name, and of its data as one: the same for a directory and for an
    /// archive that was made of it.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        for (name, bytes) in &self.modules {
            hasher.part(name.as_str().as_bytes()).part(bytes);
        }
        let data = self.data().unwrap_or_default();
        let data = canonical_json(&data).expect("it is JSON");
        hasher.part(b"data").part(&data);
        hasher.finish()
    }

    /// What whoever packed it calls it.
    pub fn revision(&self) -> Option<&str> {
        let revision = self.manifest.as_ref()?.revision.as_str();
        (!revision.is_empty()).then_some(revision)
    }

    /// What is left out, and what was not looked at.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The archive of it, in OPA's format: its modules as they are, its data as one document, and a manifest
    /// with `revision`. `versions` tells of each module whether it is Rego v1.
    ///
    /// # Errors
    ///
    /// When its data contradicts itself, or cannot be packed.
    pub(crate) fn pack(
        &self,
        revision: Option<&str>,
        versions: &BTreeMap<PathText, bool>,
    ) -> Result<Vec<u8>, BundleError> {
        let revision = revision.or(self.revision()).unwrap_or_default();
        let roots = self.manifest.as_ref().map(|it| it.roots.clone());
        let mut manifest = json!({
            "revision": revision,
            "roots": roots.unwrap_or_else(|| vec![String::new()]),
            "rego_version": 1,
        });
        let old = versions.iter().filter(|(_, is_v1)| !**is_v1);
        let old: Map<String, Value> = old
            .map(|(name, _)| (format!("/{name}"), 0.into()))
            .collect();
        if !old.is_empty() {
            manifest["file_rego_versions"] = old.into();
        }
        let json = |value: &Value| canonical_json(value).expect("it is JSON");
        let mut files = vec![(PathText::from_text(MANIFEST), json(&manifest))];
        let data = self.data()?;
        if data.as_object().is_some_and(|members| !members.is_empty()) {
            files.push((PathText::from_text("data.json"), json(&data)));
        }
        let modules = self.modules.iter();
        files.extend(modules.map(|(name, bytes)| (name.clone(), bytes.to_vec())));
        files.sort();
        pack(&files).map_err(|error| BundleError::Archive(Message::new(&error.to_string())))
    }
}

fn wrong(name: &PathText, what: &str) -> BundleError {
    let text = format!("{name}: {what}");
    BundleError::Load(EngineError::Data(Message::new(&text)))
}

fn check_name(name: &PathText) -> Result<(), BundleError> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if name.as_str().split('/').all(is_plain) && !library::is_file(name.as_str()) {
        return Ok(());
    }
    Err(BundleError::Name(name.clone()))
}

fn is_module(name: &PathText) -> bool {
    name.extension() == Some("rego")
}

fn is_compiled(name: &PathText) -> bool {
    name.extension() == Some("wasm") || name.file_name() == "plan.json"
}

const MANIFEST: &str = ".manifest";
const SIGNATURES: &str = ".signatures.json";
const NOT_VERIFIED: &str = "`.signatures.json`, a signature in OPA's way, was not verified";

const MAX_FILES: usize = 10_000;

const MAX_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests;
