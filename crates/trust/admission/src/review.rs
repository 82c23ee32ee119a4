//! What an API server asks: `AdmissionReview` of `admission.k8s.io/v1`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>).

use casemate_core::AssetId;
use casemate_document::json::values_at_most;
use serde_json::Value;

/// A request for admission, read.
#[derive(Clone, Debug)]
pub struct Review {
    /// The whole document, as policies see it.
    pub document: Value,
    /// What was read of it.
    pub request: Request,
}

/// What is asked. The objects stay in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the answer has to name.
    pub uid: String,
    /// The group of the object's kind; empty for the core.
    pub group: String,
    /// The version of the object's kind.
    pub version: String,
    /// The object's kind.
    pub kind: String,
    /// The part of the object that is asked about, such as `status` or `exec`; empty for the whole.
    pub subresource: String,
    /// The object's name; what it begins with and a star, where the server makes the name.
    pub name: String,
    /// The namespace; empty for an object of the cluster.
    pub namespace: String,
    /// What is to be done.
    pub operation: Operation,
    /// Who asks.
    pub user: String,
    /// Whether nothing is kept, whatever the answer.
    pub is_dry_run: bool,
}

/// What is to be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// It is new.
    Create,
    /// It is changed.
    Update,
    /// It goes.
    Delete,
    /// Somebody opens a way to it: `exec`, `attach`, `proxy`.
    Connect,
}

impl Operation {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Connect];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// Why something is no request for admission. The texts are one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// No JSON, or nested too deep.
    #[error("the body is not JSON: {0}")]
    Json(String),
    /// More values than any object has.
    #[error("the body has more than {MAX_VALUES} values")]
    Many,
    /// Another document.
    #[error("it is no AdmissionReview of admission.k8s.io/v1: {0}")]
    Shape(String),
}

impl Review {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// See [`ReviewError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReviewError> {
        if values_at_most(bytes) > MAX_VALUES {
            return Err(ReviewError::Many);
        }
        // Nesting beyond 128 is an error of the library's.
        let document: Value =
            serde_json::from_slice(bytes).map_err(|error| ReviewError::Json(error.to_string()))?;
        Self::of(document)
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// See [`ReviewError`].
    pub fn of(document: Value) -> Result<Self, ReviewError> {
        let request = Request::of(&document).map_err(ReviewError::Shape)?;
        Ok(Self { document, request })
    }

    /// The review of a creation of `object`, for who has an object and no API server.
    ///
    /// # Errors
    ///
    /// What makes it no object.
    pub fn of_object(object: &Value) -> Result<Self, ReviewError> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let version = text("/apiVersion").unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let document = serde_json::json!({
            "apiVersion": API_VERSION,
            "kind": "AdmissionReview",
            "request": {
                "uid": "00000000-0000-0000-0000-000000000000",
                "kind": {"group": group, "version": version, "kind": text("/kind").unwrap_or_default()},
                "name": text("/metadata/name").unwrap_or_default(),
                "namespace": text("/metadata/namespace").unwrap_or_default(),
                "operation": "CREATE",
                "userInfo": {},
                "object": object,
                "oldObject": null,
                "dryRun": true,
            },
        });
        Self::of(document)
    }

    /// The object as it would be kept. None of a deletion.
    pub fn object(&self) -> Option<&Value> {
        self.document
            .pointer("/request/object")
            .filter(|it| !it.is_null())
    }

    /// What it was before.
    pub fn old_object(&self) -> Option<&Value> {
        self.document
            .pointer("/request/oldObject")
            .filter(|it| !it.is_null())
    }
}

impl Request {
    fn of(document: &Value) -> Result<Self, String> {
        let whole = Fields::of(document, "it")?;
        let (version, kind) = (whole.text("apiVersion")?, whole.text("kind")?);
        if kind != "AdmissionReview" || version != API_VERSION {
            return Err(format!(
                "`kind` is `{}` and `apiVersion` `{}`",
                short(kind),
                short(version)
            ));
        }
        let request = Fields::of(whole.get("request")?, "`request`")?;
        let kind = Fields::of(request.get("kind")?, "`request.kind`")?;
        let operation = request.text("operation")?;
        let operation = Operation::ALL
            .into_iter()
            .find(|it| it.as_str() == operation);
        let Some(operation) = operation else {
            return Err(
                "`request.operation` is none of CREATE, UPDATE, DELETE and CONNECT".to_owned(),
            );
        };
        let user = match request.optional("userInfo") {
            Some(user) => Fields::of(user, "`request.userInfo`")?.text("username")?,
            None => "",
        };
        let is_dry_run = match request.optional("dryRun") {
            None => false,
            Some(Value::Bool(is)) => *is,
            Some(_) => return Err("`request.dryRun` is neither true nor false".to_owned()),
        };
        let read = Self {
            uid: request.text("uid")?.to_owned(),
            group: kind.text("group")?.to_owned(),
            version: kind.text("version")?.to_owned(),
            kind: kind.text("kind")?.to_owned(),
            subresource: request.text("subResource")?.to_owned(),
            name: name(&request)?,
            namespace: request.text("namespace")?.to_owned(),
            operation,
            user: user.to_owned(),
            is_dry_run,
        };
        if read.uid.is_empty() {
            return Err("`request.uid` is missing".to_owned());
        }
        if read.kind.is_empty() || read.version.is_empty() {
            return Err("`request.kind` has no kind or no version".to_owned());
        }
        read.holds(&request)?;
        Ok(read)
    }

    /// Whether the objects are there that the operation is about, and of the kind that the request names: what would be judged as
    /// another kind would not be judged.
    fn holds(&self, request: &Fields<'_>) -> Result<(), String> {
        let (object, old) = (request.optional("object"), request.optional("oldObject"));
        match self.operation {
            Operation::Create | Operation::Update => {
                let object = object.ok_or("`request.object` is missing")?;
                let fields = Fields::of(object, "`request.object`")?;
                let (version, kind) = (fields.text("apiVersion")?, fields.text("kind")?);
                if kind != self.kind || version != self.api_version() {
                    return Err(format!(
                        "`request.object` is a `{}` of `{}`, and `request.kind` says another kind",
                        short(kind),
                        short(version)
                    ));
                }
                Ok(())
            }
            Operation::Delete if object.is_some() => {
                Err("`request.object` is there, and the operation is DELETE".to_owned())
            }
            Operation::Delete | Operation::Connect => {
                for (value, what) in [(object, "`request.object`"), (old, "`request.oldObject`")] {
                    if let Some(value) = value {
                        Fields::of(value, what)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Group and version, as objects have them.
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The object's identity in `cluster`.
    pub fn asset(&self, cluster: &str) -> AssetId {
        let kind = self.kind.to_lowercase();
        AssetId::Kubernetes {
            cluster: cluster.to_owned(),
            namespace: self.namespace.clone(),
            kind: match self.group.as_str() {
                "" => kind,
                group => format!("{kind}.{group}"),
            },
            name: self.name.clone(),
        }
    }

    /// The object for people: `Pod ml/web`.
    pub fn told(&self) -> String {
        let place = match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        };
        short(&format!("{} {place}", self.kind))
    }
}

/// The members of an object, each told by its name where it is wrong.
struct Fields<'a> {
    value: &'a Value,
    what: &'static str,
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, what: &'static str) -> Result<Self, String> {
        match value {
            Value::Object(_) => Ok(Self { value, what }),
            _ => Err(format!("{what} is no object")),
        }
    }

    fn get(&self, name: &str) -> Result<&'a Value, String> {
        let value = self.optional(name);
        value.ok_or_else(|| format!("{} has no `{name}`", self.what))
    }

    fn optional(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }

    /// A text; empty where there is none.
    fn text(&self, name: &str) -> Result<&'a str, String> {
        match self.optional(name) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(format!("`{name}` of {} is no string", self.what)),
        }
    }
}

/// The name of the request, or what the object begins its name with.
fn name(request: &Fields<'_>) -> Result<String, String> {
    let named = request.text("name")?;
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    let metadata = |of: &str| {
        request
            .optional(of)
            .and_then(|object| object.get("metadata"))
    };
    let of = metadata("object").or_else(|| metadata("oldObject"));
    let text = |key: &str| of.and_then(|it| it.get(key)).and_then(Value::as_str);
    Ok(match (text("name"), text("generateName")) {
        (Some(name), _) if !name.is_empty() => name.to_owned(),
        (_, Some(prefix)) => format!("{prefix}*"),
        _ => String::new(),
    })
}

/// What others wrote, in one short line.
fn short(text: &str) -> String {
    let line = text.chars().take(MAX_NAME);
    line.map(|c| if c.is_control() { '?' } else { c }).collect()
}

const API_VERSION: &str = "admission.k8s.io/v1";

/// An object of Kubernetes has at most 1.5 MiB in etcd, and 2 of them with a value every 15 bytes are 200,000; in memory a
/// value takes some hundred bytes by the time a policy is asked.
const MAX_VALUES: usize = 400_000;

/// Names have at most 253 characters.
const MAX_NAME: usize = 600;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-", "namespace": "ml"}})
    }

    fn review(request: &Value) -> Value {
        let mut whole = json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": {
            "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "namespace": "ml", "userInfo": {"username": "ada"}, "object": pod(),
        }});
        for (key, value) in request.as_object().expect("an object") {
            whole["request"][key] = value.clone();
        }
        whole
    }

    #[test]
    fn a_request_is_read_whole() {
        let read = Review::of(review(&json!({"dryRun": true}))).expect("a review");
        let request = &read.request;
        assert_eq!(request.told(), "Pod ml/web-*");
        assert_eq!((&*request.user, request.is_dry_run), ("ada", true));
        assert_eq!(
            request.asset("prod").to_string(),
            "urn:casemate:k8s:prod:ml:pod:web-%2A"
        );
        assert!(read.object().is_some() && read.old_object().is_none());
    }

    #[test]
    fn what_is_no_request_is_told_with_its_field() {
        for (request, expected) in [
            (json!({"uid": ""}), "`request.uid` is missing"),
            (json!({"uid": 7}), "`uid` of `request` is no string"),
            (
                json!({"operation": "PATCH"}),
                "`request.operation` is none of",
            ),
            (json!({"object": null}), "`request.object` is missing"),
            (json!({"object": []}), "`request.object` is no object"),
            (
                json!({"object": {"apiVersion": "v1", "kind": "Secret"}}),
                "`request.object` is a `Secret` of `v1`",
            ),
            (json!({"operation": "DELETE"}), "`request.object` is there"),
            (json!({"kind": {}}), "`request.kind` has no kind"),
            (json!({"dryRun": "yes"}), "`request.dryRun`"),
            (
                json!({"userInfo": "ada"}),
                "`request.userInfo` is no object",
            ),
        ] {
            let error = Review::of(review(&request))
                .expect_err(expected)
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
        let mut other = review(&json!({}));
        other["apiVersion"] = "admission.k8s.io/v1beta1".into();
        let error = Review::of(other).expect_err("another version").to_string();
        assert!(error.contains("v1beta1"), "{error}");
    }

    #[test]
    fn what_is_too_deep_or_too_much_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Review::read(deep.as_bytes()),
            Err(ReviewError::Json(_))
        ));
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert_eq!(
            Review::read(many.as_bytes()).expect_err("many"),
            ReviewError::Many
        );
        let text = json!(",[{".repeat(MAX_VALUES)).to_string();
        assert!(matches!(
            Review::read(text.as_bytes()),
            Err(ReviewError::Shape(_))
        ));
    }

    #[test]
    fn a_deletion_has_no_object_and_a_connection_one_of_its_own() {
        let gone = review(&json!({"operation": "DELETE", "object": null, "oldObject": pod()}));
        assert!(Review::of(gone).expect("a review").old_object().is_some());
        let exec = json!({"operation": "CONNECT", "subResource": "exec", "name": "web",
            "kind": {"group": "", "version": "v1", "kind": "PodExecOptions"},
            "object": {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]}});
        let read = Review::of(review(&exec)).expect("a review");
        assert_eq!(read.request.subresource, "exec");
    }
}
