//! What findings, events and controls are about, under one identity.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Digest, DigestError, PathText};

/// The one identity that a scan, a kernel event, a reachability proof and an audit share.
///
/// Its text is a URN (RFC 8141), `urn:casemate:<type>:<part>:<part>…`. Parts are percent-encoded
/// but for unreserved characters, so that a colon in a name cannot move a boundary; a path keeps
/// its slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssetId {
    /// A model, wherever it lies and whatever it is called: `urn:casemate:artifact:sha256:…`.
    Artifact {
        /// The digest of its bytes.
        digest: Digest,
    },
    /// A file of a repository: `urn:casemate:file:<repository>:<path>`.
    File {
        /// The name the caller gave the repository.
        repository: String,
        /// The path from the root of the repository.
        path: PathText,
    },
    /// A Kubernetes object: `urn:casemate:k8s:<cluster>:<namespace>:<kind>:<name>`.
    Kubernetes {
        /// The name the caller gave the cluster.
        cluster: String,
        /// The namespace; empty for objects of the cluster.
        namespace: String,
        /// The kind with its group, as `kubectl` prints it: `deployment.apps`.
        kind: String,
        /// The object's name.
        name: String,
    },
    /// Somebody or something that acts: `urn:casemate:principal:<issuer>:<name>`.
    Principal {
        /// Who vouches for the name: a trust domain, an identity provider, a cloud account.
        issuer: String,
        /// The name there: a SPIFFE path, a subject, a role.
        name: String,
    },
    /// Something that answers on a network: `urn:casemate:endpoint:<host>:<port>`.
    Endpoint {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Training or evaluation data as a whole: `urn:casemate:dataset:<name>` or
    /// `urn:casemate:dataset:<name>:sha256:…`.
    Dataset {
        /// The name its catalogue knows it by.
        name: String,
        /// The digest of its manifest, where one version is meant.
        digest: Option<Digest>,
    },
}

impl AssetId {
    /// The identity without its digest: the same for every version of the same thing. A finding's
    /// fingerprint is made of this, so that retraining a model does not make its findings new.
    pub fn stem(&self) -> String {
        match self {
            Self::Artifact { .. } => format!("{PREFIX}artifact"),
            Self::Dataset { name, .. } => Self::Dataset {
                name: name.clone(),
                digest: None,
            }
            .to_string(),
            Self::File { .. }
            | Self::Kubernetes { .. }
            | Self::Principal { .. }
            | Self::Endpoint { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Self::Artifact { digest } => write!(f, "artifact:{digest}"),
            Self::File { repository, path } => {
                write!(
                    f,
                    "file:{}:{}",
                    encode(repository.as_bytes()),
                    encode(&path.to_bytes())
                )
            }
            Self::Kubernetes {
                cluster,
                namespace,
                kind,
                name,
            } => {
                let [cluster, namespace, kind, name] =
                    [cluster, namespace, kind, name].map(|part| encode(part.as_bytes()));
                write!(f, "k8s:{cluster}:{namespace}:{kind}:{name}")
            }
            Self::Principal { issuer, name } => {
                write!(
                    f,
                    "principal:{}:{}",
                    encode(issuer.as_bytes()),
                    encode(name.as_bytes())
                )
            }
            Self::Endpoint { host, port } => {
                write!(f, "endpoint:{}:{port}", encode(host.as_bytes()))
            }
            Self::Dataset { name, digest } => {
                write!(f, "dataset:{}", encode(name.as_bytes()))?;
                digest.iter().try_for_each(|digest| write!(f, ":{digest}"))
            }
        }
    }
}

impl FromStr for AssetId {
    type Err = AssetIdError;

    fn from_str(text: &str) -> Result<Self, AssetIdError> {
        let rest = text.strip_prefix(PREFIX).ok_or(AssetIdError::Prefix)?;
        let (kind, rest) = rest.split_once(':').ok_or(AssetIdError::Parts)?;
        let parts: Vec<&str> = rest.split(':').collect();
        let id = match (kind, &parts[..]) {
            ("artifact", _) => Self::Artifact {
                digest: rest.parse()?,
            },
            ("file", [repository, path]) => Self::File {
                repository: decode_text(repository)?,
                path: PathText::from_bytes(&decode(path)?),
            },
            ("k8s", [cluster, namespace, kind, name]) => Self::Kubernetes {
                cluster: decode_text(cluster)?,
                namespace: decode_text(namespace)?,
                kind: decode_text(kind)?,
                name: decode_text(name)?,
            },
            ("principal", [issuer, name]) => Self::Principal {
                issuer: decode_text(issuer)?,
                name: decode_text(name)?,
            },
            ("endpoint", [host, port]) => Self::Endpoint {
                host: decode_text(host)?,
                port: port.parse().map_err(|_| AssetIdError::Port)?,
            },
            ("dataset", [name]) => Self::Dataset {
                name: decode_text(name)?,
                digest: None,
            },
            ("dataset", [name, algorithm, hex]) => Self::Dataset {
                name: decode_text(name)?,
                digest: Some(format!("{algorithm}:{hex}").parse()?),
            },
            _ => return Err(AssetIdError::Parts),
        };
        // One identity has one spelling: `%41` for `A` or `080` for `80` would be a second one.
        if id.to_string() != text {
            return Err(AssetIdError::Encoding);
        }
        Ok(id)
    }
}

impl Serialize for AssetId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AssetId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for AssetId {
    fn schema_name() -> Cow<'static, str> {
        "AssetId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "The identity of an asset, as a URN.",
            "pattern": "^urn:casemate:(artifact|file|k8s|principal|endpoint|dataset):",
        })
    }
}

/// Why a text is not an asset's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetIdError {
    /// It does not begin as one.
    #[error("an asset id begins with `urn:casemate:`")]
    Prefix,
    /// The type is unknown, or has another number of parts.
    #[error("the asset id has an unknown type or the wrong number of parts")]
    Parts,
    /// A part is not percent-encoded the one way it can be.
    #[error("a part of the asset id is not percent-encoded as it should be")]
    Encoding,
    /// The port is not a number from 0 to 65535.
    #[error("the port of the asset id is not a number from 0 to 65535")]
    Port,
    /// The digest is not one.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// Something worth protecting or accusing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asset {
    /// Its identity.
    pub id: AssetId,
    /// What kind of thing it is.
    pub kind: AssetKind,
    /// What people call it; for a file, its path as the user gave it and the rest of the way.
    pub name: String,
    /// What else is known: `format`, `sha256`, `framework` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What kind of thing an asset is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AssetKind {
    /// Weights, with or without code: pickle, torch, safetensors, GGUF …
    Model,
    /// Data to train or evaluate with.
    Dataset,
    /// A Jupyter notebook.
    Notebook,
    /// Code that trains a model.
    TrainingCode,
    /// Code that serves a model.
    ServingCode,
    /// Other source code.
    SourceCode,
    /// Terraform or OpenTofu.
    Terraform,
    /// Kubernetes manifests, Helm charts, Kustomize.
    Kubernetes,
    /// A Dockerfile, Containerfile or Compose file.
    Container,
    /// A CI or ML pipeline.
    Pipeline,
    /// A lock file or a list of requirements.
    Lockfile,
    /// Settings: `.env`, INI, TOML, YAML, JSON that is nothing of the above.
    Configuration,
    /// Prose: Markdown, plain text.
    Document,
    /// An archive, or another container.
    Archive,
    /// Machine code: a program or a library.
    Executable,
    /// The bookkeeping of a version-control system.
    VersionControl,
    /// Anything else.
    Other,
}

impl AssetKind {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Notebook => "notebook",
            Self::TrainingCode => "training-code",
            Self::ServingCode => "serving-code",
            Self::SourceCode => "source-code",
            Self::Terraform => "terraform",
            Self::Kubernetes => "kubernetes",
            Self::Container => "container",
            Self::Pipeline => "pipeline",
            Self::Lockfile => "lockfile",
            Self::Configuration => "configuration",
            Self::Document => "document",
            Self::Archive => "archive",
            Self::Executable => "executable",
            Self::VersionControl => "version-control",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

const PREFIX: &str = "urn:casemate:";

/// Percent-encodes all but the unreserved characters of RFC 3986 and the slash.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn decode(text: &str) -> Result<Vec<u8>, AssetIdError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.ok_or(AssetIdError::Encoding)?);
        rest = &after[2..];
    }
    Ok(bytes)
}

fn decode_text(text: &str) -> Result<String, AssetIdError> {
    String::from_utf8(decode(text)?).map_err(|_| AssetIdError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_type_has_a_readable_urn() {
        let digest = Digest::of(b"abc");
        let file = AssetId::File {
            repository: "shop".into(),
            path: "models/a b:c.pkl".into(),
        };
        assert_eq!(
            file.to_string(),
            "urn:casemate:file:shop:models/a%20b%3Ac.pkl"
        );
        let object = AssetId::Kubernetes {
            cluster: "prod".into(),
            namespace: String::new(),
            kind: "clusterrole.rbac.authorization.k8s.io".into(),
            name: "system:node".into(),
        };
        assert_eq!(
            object.to_string(),
            "urn:casemate:k8s:prod::clusterrole.rbac.authorization.k8s.io:system%3Anode"
        );
        assert_eq!(
            AssetId::Artifact { digest }.to_string(),
            format!("urn:casemate:artifact:{digest}")
        );
    }

    #[test]
    fn the_stem_forgets_the_version_and_nothing_else() {
        let of = |text: &[u8]| AssetId::Artifact {
            digest: Digest::of(text),
        };
        assert_eq!(of(b"v1").stem(), of(b"v2").stem());
        let dataset = |version: &[u8]| AssetId::Dataset {
            name: "cards".into(),
            digest: Some(Digest::of(version)),
        };
        assert_eq!(dataset(b"1").stem(), "urn:casemate:dataset:cards");
        let endpoint = AssetId::Endpoint {
            host: "::1".into(),
            port: 8080,
        };
        assert_eq!(endpoint.stem(), "urn:casemate:endpoint:%3A%3A1:8080");
    }

    #[test]
    fn refuses_second_spellings_and_other_texts() {
        for (text, error) in [
            ("urn:other:file:a:b", AssetIdError::Prefix),
            ("urn:casemate:file:a", AssetIdError::Parts),
            ("urn:casemate:moon:a:b", AssetIdError::Parts),
            ("urn:casemate:file:%41:b", AssetIdError::Encoding),
            ("urn:casemate:file:a:%2", AssetIdError::Encoding),
            ("urn:casemate:file:a:%+1", AssetIdError::Encoding),
            ("urn:casemate:endpoint:a:080", AssetIdError::Encoding),
            ("urn:casemate:endpoint:a:99999", AssetIdError::Port),
            (
                "urn:casemate:artifact:md5:0",
                AssetIdError::Digest(DigestError::Algorithm),
            ),
        ] {
            assert_eq!(text.parse::<AssetId>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_json_name_of_a_kind_is_its_screen_name() {
        for kind in [
            AssetKind::TrainingCode,
            AssetKind::VersionControl,
            AssetKind::Lockfile,
        ] {
            let json = serde_json::to_value(kind).expect("a string");
            assert_eq!(json, kind.as_str());
        }
    }

    fn ids() -> impl Strategy<Value = AssetId> {
        let digest = any::<[u8; 4]>().prop_map(|seed| Digest::of(&seed));
        let text = || any::<String>();
        prop_oneof![
            digest
                .clone()
                .prop_map(|digest| AssetId::Artifact { digest }),
            (text(), proptest::collection::vec(any::<u8>(), 0..24)).prop_map(
                |(repository, path)| AssetId::File {
                    repository,
                    path: PathText::from_bytes(&path)
                }
            ),
            (text(), text(), text(), text()).prop_map(|(cluster, namespace, kind, name)| {
                AssetId::Kubernetes {
                    cluster,
                    namespace,
                    kind,
                    name,
                }
            }),
            (text(), text()).prop_map(|(issuer, name)| AssetId::Principal { issuer, name }),
            (text(), any::<u16>()).prop_map(|(host, port)| AssetId::Endpoint { host, port }),
            (text(), proptest::option::of(digest))
                .prop_map(|(name, digest)| AssetId::Dataset { name, digest }),
        ]
    }

    proptest! {
        #[test]
        fn every_identity_comes_back_from_its_text(id in ids()) {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn different_identities_have_different_texts(a in ids(), b in ids()) {
            prop_assert_eq!(a == b, a.to_string() == b.to_string());
        }

        #[test]
        fn no_text_panics_the_parser(text in ".{0,80}") {
            let _ = text.parse::<AssetId>();
            let _ = format!("urn:casemate:{text}").parse::<AssetId>();
        }
    }
}
