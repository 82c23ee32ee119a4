//! An API server that says what was written down for it: enough of one to be read.
//!
//! The answers have the shapes that the documentation of the API and `api/discovery` of Kubernetes have;
//! no server was recorded, since none can be had where these tests run.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// All headers, in lower case.
    pub(crate) headers: String,
}

impl Asked {
    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// What is answered.
pub(crate) enum Reply {
    /// A status with a body in JSON.
    Json(u16, Value),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
    /// A body that goes on until nobody listens.
    Endless,
}

impl Reply {
    /// A refusal as the API server words it.
    pub(crate) fn refused(code: u16, message: &str) -> Self {
        Self::Json(
            code,
            json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message }),
        )
    }

    fn send(self, stream: &mut dyn Stream) {
        let written = match self {
            Self::Raw(bytes) => stream.write_all(&bytes),
            Self::Json(code, body) => {
                let form = match body["kind"] == "APIGroupDiscoveryList" {
                    true => ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                    false => "",
                };
                let body = body.to_string();
                // In chunks, as the API server does with what is long.
                let (first, second) = body.split_at(body.len() / 2);
                let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
                let text = format!(
                    "HTTP/1.1 {code} X\r\nContent-Type: application/json{form}\r\nTransfer-Encoding: chunked\r\n\r\n{}{}0\r\n\r\n",
                    chunk(first),
                    chunk(second)
                );
                stream.write_all(text.as_bytes())
            }
            Self::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"items\":[");
                while stream.write_all(&[b' '; 4096]).is_ok() {}
                Ok(())
            }
        };
        let _ = written.and_then(|()| stream.flush());
    }
}

pub(crate) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// How a connection becomes one to talk over.
pub(crate) type Wrap = dyn Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync;

/// A server on a thread of its own, for as long as the process.
pub(crate) struct Recorded {
    pub(crate) address: SocketAddr,
    /// Everything that was asked so far.
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorded {
    pub(crate) fn plain(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::wrapped(Box::new(|stream| Some(Box::new(stream))), answer)
    }

    pub(crate) fn wrapped(
        wrap: Box<Wrap>,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(mut stream) = wrap(stream) else {
                    continue;
                };
                if let Some(one) = request(&mut *stream) {
                    heard.lock().expect("one at a time").push(one.clone());
                    answer(&one).send(&mut *stream);
                }
            }
        });
        Self { address, asked }
    }

    /// Each request line so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("one at a time");
        let line = |it: &Asked| match it.query.is_empty() {
            true => format!("{} {}", it.method, it.path),
            false => format!("{} {}?{}", it.method, it.path, it.query),
        };
        asked.iter().map(line).collect()
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self, scheme: &str, cluster: &str, user: &str) -> String {
        let address = self.address;
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             contexts: [{{name: test, context: {{cluster: prod, user: ada}}}}]\n\
             clusters: [{{name: prod, cluster: {{server: '{scheme}://{address}'{cluster}}}}}]\n\
             users: [{{name: ada, user: {{{user}}}}}]\n"
        )
    }
}

fn request(stream: &mut dyn Stream) -> Option<Asked> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let text = String::from_utf8(bytes).ok()?;
    let (first, headers) = text.split_once("\r\n")?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.to_lowercase(),
    })
}

/// A cluster that has objects.
pub(crate) struct Objects {
    /// As somebody wrote them: with apiVersion and kind.
    pub(crate) objects: Vec<Value>,
    /// Whether it has aggregated discovery.
    pub(crate) is_aggregated: bool,
    /// How many objects a page has at most.
    pub(crate) page: usize,
}

/// Group, version, kind, name in paths, whether it stands in namespaces. `events` nobody asks for.
const SERVED: &[(&str, &str, &str, &str, bool)] = &[
    ("", "v1", "ConfigMap", "configmaps", true),
    ("", "v1", "Event", "events", true),
    ("", "v1", "Namespace", "namespaces", false),
    ("", "v1", "Pod", "pods", true),
    ("", "v1", "Secret", "secrets", true),
    ("", "v1", "Service", "services", true),
    ("", "v1", "ServiceAccount", "serviceaccounts", true),
    ("apps", "v1", "Deployment", "deployments", true),
    ("apps", "v1", "ReplicaSet", "replicasets", true),
    (
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        true,
    ),
    ("ray.io", "v1", "RayCluster", "rayclusters", true),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRole",
        "clusterroles",
        false,
    ),
];

impl Objects {
    pub(crate) fn of(objects: Vec<Value>) -> Self {
        Self {
            objects,
            is_aggregated: true,
            page: 500,
        }
    }

    /// What a server with these objects answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Reply {
        let body = match &*asked.path {
            "/api" if self.is_aggregated => Some(aggregated(true)),
            "/apis" if self.is_aggregated => Some(aggregated(false)),
            "/api" => Some(json!({ "kind": "APIVersions", "versions": ["v1"] })),
            "/apis" => Some(groups()),
            path => resources(path).or_else(|| self.list(path, asked)),
        };
        match body {
            Some(body) => Reply::Json(200, body),
            None => Reply::refused(404, "the server could not find the requested resource"),
        }
    }

    fn list(&self, path: &str, asked: &Asked) -> Option<Value> {
        let (resource, namespace, name) = SERVED.iter().find_map(|it| {
            let rest = path.strip_prefix(&root(it.0, it.1))?.strip_prefix('/')?;
            let parts: Vec<&str> = rest.split('/').collect();
            match parts[..] {
                [plural] if plural == it.3 => Some((it, None, None)),
                ["namespaces", namespace, plural] if plural == it.3 => {
                    Some((it, Some(namespace), None))
                }
                [plural, name] if plural == it.3 && !it.4 => Some((it, None, Some(name))),
                _ => None,
            }
        })?;
        let is_here = |object: &&Value| {
            let metadata = &object["metadata"];
            object["kind"] == resource.2
                && namespace.is_none_or(|namespace| metadata["namespace"] == namespace)
                && name.is_none_or(|name| metadata["name"] == name)
        };
        let mut there = self.objects.iter().filter(is_here);
        if name.is_some() {
            return there.next().map(|object| served(object, true));
        }
        let is_metadata = asked.headers.contains("as=partialobjectmetadatalist");
        let items: Vec<Value> = there
            .map(|object| served(object, is_metadata))
            .map(|mut object| {
                if is_metadata {
                    object = json!({ "metadata": object["metadata"] });
                }
                object
            })
            .collect();
        let start: usize = match asked.parameter("continue") {
            None => 0,
            Some(token) => token.strip_prefix("from%2F")?.parse().ok()?,
        };
        let limit: usize = asked.parameter("limit")?.parse().ok()?;
        let end = (start + limit.min(self.page)).min(items.len());
        let token = if end < items.len() {
            format!("from/{end}")
        } else {
            String::new()
        };
        let kind = match is_metadata {
            true => "PartialObjectMetadataList".to_owned(),
            false => format!("{}List", resource.2),
        };
        let version = match is_metadata {
            true => "meta.k8s.io/v1".to_owned(),
            false => root(resource.0, resource.1)
                .trim_start_matches("/apis/")
                .trim_start_matches("/api/")
                .to_owned(),
        };
        Some(json!({
            "kind": kind,
            "apiVersion": version,
            "metadata": { "resourceVersion": "812", "continue": token },
            "items": items[start..end],
        }))
    }
}

/// An object as a server gives it: with what it wrote there, and in lists without its kind.
fn served(object: &Value, is_alone: bool) -> Value {
    let mut object = object.clone();
    let name = object["metadata"]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    metadata
        .entry("uid")
        .or_insert_with(|| format!("uid-of-{name}").into());
    metadata.insert("resourceVersion".to_owned(), "4711".into());
    metadata.insert(
        "creationTimestamp".to_owned(),
        "2026-01-01T00:00:00Z".into(),
    );
    metadata.insert(
        "managedFields".to_owned(),
        json!([{ "manager": "kubectl" }]),
    );
    object["status"] = json!({ "observedGeneration": 1 });
    if !is_alone {
        let fields = object.as_object_mut().expect("an object");
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

fn root(group: &str, version: &str) -> String {
    match group.is_empty() {
        true => format!("/api/{version}"),
        false => format!("/apis/{group}/{version}"),
    }
}

const VERBS: &[&str] = &[
    "create", "delete", "get", "list", "patch", "update", "watch",
];

fn in_group(
    group: &str,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str, &'static str, bool)> {
    SERVED.iter().filter(move |it| it.0 == group)
}

fn all_groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = SERVED.iter().map(|it| it.0).collect();
    groups.dedup();
    groups
}

fn aggregated(is_core: bool) -> Value {
    let groups = all_groups()
        .into_iter()
        .filter(|group| group.is_empty() == is_core);
    let items = groups.map(|group| {
        let resources = in_group(group).map(|(_, _, kind, plural, is_namespaced)| {
            json!({
                "resource": plural,
                "responseKind": { "group": "", "kind": kind, "version": "" },
                "scope": if *is_namespaced { "Namespaced" } else { "Cluster" },
                "subresources": [{ "subresource": "status", "verbs": ["get"] }],
                "verbs": VERBS,
            })
        });
        json!({
            "metadata": { "name": group, "creationTimestamp": null },
            "versions": [{
                "version": "v1",
                "freshness": "Current",
                "resources": resources.collect::<Vec<_>>(),
            }],
        })
    });
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items.collect::<Vec<_>>(),
    })
}

fn groups() -> Value {
    let groups = all_groups().into_iter().filter(|group| !group.is_empty());
    let groups = groups.map(|group| {
        let version = json!({ "groupVersion": format!("{group}/v1"), "version": "v1" });
        json!({ "name": group, "versions": [version], "preferredVersion": version })
    });
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() })
}

fn resources(path: &str) -> Option<Value> {
    let group = all_groups()
        .into_iter()
        .find(|group| root(group, "v1") == path)?;
    let resources = in_group(group).flat_map(|(_, _, kind, plural, is_namespaced)| {
        let of = |name: String, verbs: &[&str]| {
            json!({ "name": name, "namespaced": is_namespaced, "kind": kind, "verbs": verbs })
        };
        [
            of((*plural).to_owned(), VERBS),
            of(format!("{plural}/status"), &["get", "patch", "update"]),
        ]
    });
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": path.trim_start_matches("/apis/").trim_start_matches("/api/"),
        "resources": resources.collect::<Vec<_>>(),
    }))
}
