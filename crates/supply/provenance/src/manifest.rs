//! What a model signature signs: the files of a model and their digests.
//!
//! OpenSSF Model Signing, version 1.0, section 5: the predicate of an in-toto statement. Bundles of
//! model-signing 0.2 have their digests in the statement's subjects, and are read too.

use std::{collections::BTreeSet, ops::Range};

use casemate_attest::{ResourceDescriptor, STATEMENT_V1, Statement, json};
use casemate_core::Digest;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    HashType,
    hash::{from_hex, hex},
    name,
};

/// The files of a model, as they are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What the signer calls the model; only a label.
    pub name: String,
    /// The files, or ranges of them, in the order that is signed.
    pub resources: Vec<Resource>,
    /// How they were found and digested.
    pub serialization: Serialization,
    /// Whether it is in the form of model-signing 0.2.
    pub is_legacy: bool,
}

/// A file of a model, or a range of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The file's name, relative to the model; `.` for a model that is one file.
    pub name: String,
    /// Which bytes of it, where the model is signed in shards.
    pub range: Option<Range<u64>>,
    /// Their digest.
    pub digest: Box<[u8]>,
}

/// How a model's files were found and digested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serialization {
    /// How many bytes a shard has, where files are signed in shards.
    pub shard_size: Option<u64>,
    /// How they are digested.
    pub hash: HashType,
    /// Whether symbolic links were followed.
    pub allow_symlinks: bool,
    /// What was left out: paths relative to the model, each with what is below.
    pub ignore_paths: Vec<String>,
}

impl Manifest {
    /// The digest that names the model: SHA-256 over the digests in their order. The names of the
    /// files are not in it.
    pub fn root(&self) -> Digest {
        let mut all = Vec::new();
        self.resources
            .iter()
            .for_each(|it| all.extend_from_slice(&it.digest));
        Digest::of(&all)
    }

    /// How many files there are, of which some may be in several ranges.
    pub fn files(&self) -> usize {
        let names: BTreeSet<&str> = self.resources.iter().map(|it| it.name.as_str()).collect();
        names.len()
    }

    /// Whether it signs the whole of the file `name`, which has this SHA-256 digest. Of a model that is signed by
    /// other digests, or in shards, only the name can be told.
    pub fn covers(&self, name: &str, sha256: &Digest) -> bool {
        let how = &self.serialization;
        let is_comparable = how.hash == HashType::Sha256 && how.shard_size.is_none();
        let mut named = self.resources.iter().filter(|it| it.name == name);
        named.any(|it| !is_comparable || *it.digest == sha256.as_bytes()[..])
    }

    /// The SHA-256 digest of the one file that the model is, where it is one and signed as a whole.
    pub fn file_digest(&self) -> Option<Digest> {
        let [only] = &self.resources[..] else {
            return None;
        };
        let is_whole = only.name == WHOLE && only.range.is_none();
        if !is_whole || self.serialization.hash != HashType::Sha256 {
            return None;
        }
        format!("sha256:{}", hex(&only.digest)).parse().ok()
    }

    /// The type of the statement's predicate.
    pub fn predicate_type(&self) -> &'static str {
        match self.is_legacy {
            true => LEGACY_PREDICATE,
            false => PREDICATE,
        }
    }

    /// The statement to sign.
    pub fn to_statement(&self) -> Vec<u8> {
        let subject = ResourceDescriptor::of(self.name.clone(), &self.root());
        let hash = self.serialization.hash.as_str();
        let resource = |it: &Resource| WireResource {
            name: match &it.range {
                Some(range) => format!("{}:{}:{}", it.name, range.start, range.end),
                None => it.name.clone(),
            },
            digest: hex(&it.digest),
            algorithm: hash.to_owned(),
        };
        let serialization = &self.serialization;
        let predicate = WirePredicate {
            resources: self.resources.iter().map(resource).collect(),
            serialization: WireSerialization {
                method: match serialization.shard_size {
                    Some(_) => "shards".to_owned(),
                    None => "files".to_owned(),
                },
                hash_type: hash.to_owned(),
                shard_size: serialization.shard_size.map(Into::into),
                allow_symlinks: serialization.allow_symlinks,
                ignore_paths: Some(serialization.ignore_paths.clone()),
            },
        };
        let statement = Statement::about(subject, PREDICATE, predicate);
        serde_json::to_vec(&statement).expect("a statement has only text keys")
    }

    /// Reads a statement that somebody signed.
    ///
    /// # Errors
    ///
    /// Why it is no manifest, or one that could be read in more than one way.
    pub fn from_statement(payload: &[u8]) -> Result<Self, ManifestError> {
        let head: Head = json::from_slice(payload, LONGEST_STATEMENT)?;
        if head.kind != STATEMENT_V1 {
            return Err(ManifestError::Statement(head.kind));
        }
        match head.predicate_type.as_str() {
            PREDICATE => Self::current(payload),
            LEGACY_PREDICATE => Self::legacy(payload),
            _ => Err(ManifestError::Predicate(head.predicate_type)),
        }
    }

    fn current(payload: &[u8]) -> Result<Self, ManifestError> {
        let statement: Statement<WirePredicate> = serde_json::from_slice(payload)?;
        let [subject] = &statement.subject[..] else {
            return Err(ManifestError::Subjects(statement.subject.len()));
        };
        let Some(signed_root) = subject.digest.get("sha256") else {
            return Err(ManifestError::NoRoot);
        };
        let WirePredicate {
            resources,
            serialization,
        } = statement.predicate;
        let serialization = Serialization::try_from(serialization)?;
        let algorithm = |text: &str| hash_type(text, serialization.shard_size).ok();
        let mut read = Vec::with_capacity(resources.len());
        for wire in resources {
            if algorithm(&wire.algorithm) != Some(serialization.hash) {
                return Err(ManifestError::Algorithm(wire.name, wire.algorithm));
            }
            let digest = from_hex(&wire.digest)
                .filter(|digest| digest.len() == serialization.hash.digest_len())
                .ok_or_else(|| ManifestError::Digest(wire.name.clone()))?;
            let (name, range) = match serialization.shard_size {
                None => (wire.name, None),
                Some(_) => split_range(&wire.name).ok_or(ManifestError::Range(wire.name))?,
            };
            read.push(Resource {
                name,
                range,
                digest,
            });
        }
        let manifest = Self {
            name: subject.name.clone().unwrap_or_default(),
            resources: read,
            serialization,
            is_legacy: false,
        };
        if !signed_root.eq_ignore_ascii_case(&manifest.root().hex()) {
            return Err(ManifestError::Root);
        }
        manifest.checked()
    }

    fn legacy(payload: &[u8]) -> Result<Self, ManifestError> {
        let statement: Statement<IgnoredAny> = serde_json::from_slice(payload)?;
        let mut resources = Vec::with_capacity(statement.subject.len());
        for subject in statement.subject {
            let name = subject.name.unwrap_or_default();
            let digest = subject.digest.get("sha256").and_then(|hex| from_hex(hex));
            let digest = digest.filter(|digest| digest.len() == HashType::Sha256.digest_len());
            let digest = digest.ok_or_else(|| ManifestError::Digest(name.clone()))?;
            resources.push(Resource {
                name,
                range: None,
                digest,
            });
        }
        let manifest = Self {
            name: String::new(),
            resources,
            serialization: Serialization {
                shard_size: None,
                hash: HashType::Sha256,
                allow_symlinks: false,
                ignore_paths: name::defaults(),
            },
            is_legacy: true,
        };
        manifest.checked()
    }

    /// Refuses names that are none, that stand twice, or of which one would be in another.
    fn checked(self) -> Result<Self, ManifestError> {
        if self.resources.is_empty() {
            return Err(ManifestError::Empty);
        }
        let mut seen = BTreeSet::new();
        for resource in &self.resources {
            // How the reference names a model that is one file.
            let is_whole = resource.name == WHOLE;
            if let Some(fault) = name::fault(&resource.name).filter(|_| !is_whole) {
                return Err(ManifestError::Name(resource.name.clone(), fault));
            }
            let begin = resource.range.as_ref().map(|range| range.start);
            if !seen.insert((resource.name.as_str(), begin)) {
                return Err(ManifestError::Twice(resource.name.clone()));
            }
        }
        let names: BTreeSet<&str> = seen.iter().map(|(name, _)| *name).collect();
        if names.contains(WHOLE) && names.len() > 1 {
            return Err(ManifestError::Twice(WHOLE.to_owned()));
        }
        for name in &names {
            let parents = name.match_indices('/').map(|(at, _)| &name[..at]);
            if let Some(parent) = parents.into_iter().find(|parent| names.contains(parent)) {
                return Err(ManifestError::Inside((*name).to_owned(), parent.to_owned()));
            }
        }
        let ignores = &self.serialization.ignore_paths;
        let all = |path: &&String| matches!(path.trim_matches('/'), "" | "." | "..");
        if let Some(path) = ignores.iter().find(all) {
            return Err(ManifestError::Ignores(path.clone()));
        }
        Ok(self)
    }
}

/// Splits `path:start:end`. A path may have colons of its own, so the last two count.
fn split_range(text: &str) -> Option<(String, Option<Range<u64>>)> {
    let (rest, end) = text.rsplit_once(':')?;
    let (name, start) = rest.rsplit_once(':')?;
    let number = |digits: &str| {
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        let shortest = digits == "0" || !digits.starts_with('0');
        (plain && shortest)
            .then(|| digits.parse::<u64>().ok())
            .flatten()
    };
    let range = number(start)?..number(end)?;
    (range.start < range.end).then(|| (name.to_owned(), Some(range)))
}

/// The hash type of a text: `sha256`, and what model-signing writes of shards, `sha256-sharded-1000`.
fn hash_type(text: &str, shard_size: Option<u64>) -> Result<HashType, String> {
    let plain = match (text.split_once("-sharded-"), shard_size) {
        (Some((plain, size)), Some(shard_size)) if size == shard_size.to_string() => plain,
        _ => text,
    };
    plain.parse()
}

impl TryFrom<WireSerialization> for Serialization {
    type Error = ManifestError;

    fn try_from(wire: WireSerialization) -> Result<Self, ManifestError> {
        let shard_size = match (wire.method.as_str(), wire.shard_size) {
            ("files", None) => None,
            ("shards", Some(size)) => Some(size.whole().ok_or(ManifestError::ShardSize)?),
            ("files" | "shards", _) => return Err(ManifestError::ShardSize),
            _ => return Err(ManifestError::Method(wire.method)),
        };
        let hash = hash_type(&wire.hash_type, shard_size);
        Ok(Self {
            shard_size,
            hash: hash.map_err(|_| ManifestError::HashType(wire.hash_type))?,
            allow_symlinks: wire.allow_symlinks,
            ignore_paths: wire.ignore_paths.unwrap_or_else(name::defaults),
        })
    }
}

/// Why a payload is not the manifest of a model.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON with one meaning.
    #[error("what is signed is not JSON that can be trusted: {0}")]
    Json(#[from] json::JsonError),
    /// It is JSON of another shape.
    #[error("what is signed is not of the shape of a model signature: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is no statement.
    #[error("what is signed is no in-toto statement of version 1, but {0:?}")]
    Statement(String),
    /// It says something else.
    #[error("what is signed is no model signature: its predicate is {0:?}")]
    Predicate(String),
    /// It is about none or several models.
    #[error("the signature is about {0} models, and must be about one")]
    Subjects(usize),
    /// The model has no digest.
    #[error("the signature has no sha256 digest of its model")]
    NoRoot,
    /// The model's digest is not that of its files.
    #[error("the digest of the model is not that of the files that are listed")]
    Root,
    /// No file is signed.
    #[error("the signature covers no file at all")]
    Empty,
    /// A name is no file's name.
    #[error("the signed name {0:?} {1}")]
    Name(String, &'static str),
    /// A name stands twice.
    #[error("the signed name {0:?} stands twice")]
    Twice(String),
    /// A name would be inside of a file.
    #[error("the signed name {0:?} would be inside of the signed file {1:?}")]
    Inside(String, String),
    /// A digest is none.
    #[error("the digest of {0:?} is none")]
    Digest(String),
    /// A digest is of another kind than the signature says.
    #[error("the digest of {0:?} is of kind {1:?}, which is not what the signature says")]
    Algorithm(String, String),
    /// The hash type is not known.
    #[error("the hash type {0:?} is not known")]
    HashType(String),
    /// The method is not known.
    #[error("the serialization method {0:?} is not known")]
    Method(String),
    /// A shard has no size, or a file has one.
    #[error("the shard size is missing, out of place or no number of bytes")]
    ShardSize,
    /// The name of a shard has no range.
    #[error("the shard {0:?} names no range of bytes")]
    Range(String),
    /// Everything would be left out.
    #[error("the signed ignore path {0:?} would leave out the whole model")]
    Ignores(String),
}

/// What is read before it is known what the rest is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(rename = "_type")]
    kind: String,
    predicate_type: String,
}

#[derive(Serialize, Deserialize)]
struct WirePredicate {
    resources: Vec<WireResource>,
    serialization: WireSerialization,
}

#[derive(Serialize, Deserialize)]
struct WireResource {
    name: String,
    digest: String,
    algorithm: String,
}

#[derive(Serialize, Deserialize)]
struct WireSerialization {
    method: String,
    hash_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_size: Option<serde_json::Number>,
    allow_symlinks: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_paths: Option<Vec<String>>,
}

trait Whole {
    /// The number, if it is a whole one above zero; Protocol Buffers write `1000.0`.
    fn whole(&self) -> Option<u64>;
}

impl Whole for serde_json::Number {
    fn whole(&self) -> Option<u64> {
        if let Some(number) = self.as_u64() {
            return (number > 0).then_some(number);
        }
        let text = self.as_f64().filter(|it| it.fract() == 0.0)?.to_string();
        text.parse().ok().filter(|number| *number > 0)
    }
}

/// The predicate of model signatures since model-signing 0.3.
pub const PREDICATE: &str = "https://model_signing/signature/v1.0";
/// That of model-signing 0.2.
pub(crate) const LEGACY_PREDICATE: &str = "https://model_signing/Digests/v0.1";
/// The name of the file, where the model is one.
pub const WHOLE: &str = ".";
/// How long a statement may be: that of a million files.
pub(crate) const LONGEST_STATEMENT: usize = 256 << 20;

/// How many files or shards may fit into one: each takes a digest and a hundred bytes beside it.
pub(crate) const MOST_RESOURCES: u64 = 2_000_000;

#[cfg(test)]
mod tests;
