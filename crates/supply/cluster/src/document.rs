//! One object of a cluster, as a document to be judged.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use casemate_core::{Asset, AssetId, AssetKind, Digest, PathText, Subject};
use serde_json::{Map, Value};

use crate::discovery::Resource;

/// An object, and how to speak of it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its identity, its place for people, and a path that no other object of the cluster has.
    pub subject: Subject,
    /// It, as JSON in lines, without what the server alone writes.
    pub text: String,
}

/// What an object is called: group, kind, namespace and name, in the order in which objects are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn of(object: &Value, resource: &Resource) -> Self {
        let of = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        Self {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: of("namespace").to_owned(),
            name: of("name").to_owned(),
        }
    }
}

impl Document {
    /// The document of an object of `resource`, where its text has at most `room` bytes.
    pub(crate) fn of(
        cluster: &str,
        resource: &Resource,
        object: Value,
        room: usize,
    ) -> Option<Self> {
        let key = Key::of(&object, resource);
        let object = declared(object, resource);
        let text = lines(&object, room)?;
        let place = match key.namespace.is_empty() {
            true => key.name.clone(),
            false => format!("{}/{}", key.namespace, key.name),
        };
        let file = format!(
            "cluster {cluster}: {} {} {place}",
            resource.api_version(),
            key.kind
        );
        // All objects of a cluster are together, so they are in one directory; a name has no slash but
        // by mistake. The version is left out: the object is the same in all of them.
        let whole = [cluster, &resource.qualified(), &key.namespace, &key.name];
        let whole = whole.map(|part| part.replace(['/', '\0'], "_"));
        let path = format!("clusters/{}.yaml", whole.join(":"));
        let id = AssetId::Kubernetes {
            cluster: cluster.to_owned(),
            namespace: key.namespace,
            kind: resource.qualified(),
            name: key.name,
        };
        let digest = Digest::of(text.as_bytes());
        let labels = [
            ("format", "kubernetes".to_owned()),
            ("sha256", digest.hex()),
            ("size", text.len().to_string()),
        ];
        let file = PathText::from_bytes(file.as_bytes());
        Some(Self {
            subject: Subject {
                asset: Asset {
                    id,
                    kind: AssetKind::Kubernetes,
                    name: file.as_str().to_owned(),
                    labels: BTreeMap::from(labels.map(|(key, value)| (key.to_owned(), value))),
                },
                file,
                path: PathText::from_bytes(path.as_bytes()),
                digest,
            },
            text,
        })
    }
}

/// JSON in lines, unless it is longer than `room`: an indent for each of many short items deep inside
/// makes a hundred bytes of one, so the writing itself has to stop.
fn lines(object: &Value, room: usize) -> Option<String> {
    let mut bounded = Bounded {
        bytes: Vec::new(),
        room,
    };
    serde_json::to_writer_pretty(&mut bounded, object).ok()?;
    bounded.write_all(b"\n").ok()?;
    String::from_utf8(bounded.bytes).ok()
}

struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(buf.len()) > self.room {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The object as somebody declares it: with the kind that its list leaves out, and without its status,
/// its history and what the server counts.
fn declared(object: Value, resource: &Resource) -> Value {
    let Value::Object(mut fields) = object else {
        return object;
    };
    fields.insert("apiVersion".to_owned(), resource.api_version().into());
    fields.insert("kind".to_owned(), resource.kind.clone().into());
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        for field in OF_THE_SERVER {
            metadata.remove(*field);
        }
        without_copies(metadata);
    }
    Value::Object(fields)
}

/// `kubectl apply` keeps a copy of the whole object beside it, which would be found in twice, and of a
/// Secret would be all of it.
fn without_copies(metadata: &mut Map<String, Value>) {
    let Some(Value::Object(annotations)) = metadata.get_mut("annotations") else {
        return;
    };
    annotations.remove(LAST_APPLIED);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

const OF_THE_SERVER: &[&str] = &[
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
