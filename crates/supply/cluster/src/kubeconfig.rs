//! The file in which `kubectl` has its clusters and users
//! (<https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_document::{
    Limits, Node, Value,
    yaml::{self, Dialect},
};
use zeroize::Zeroizing;

use crate::AccessError;

/// A kubeconfig that was read, and of which nothing was used yet.
#[derive(Debug)]
pub struct Kubeconfig {
    text: String,
    root: Node,
}

/// The server and the user of a context, as they are written: nothing was opened for them.
#[derive(Debug)]
pub struct Context {
    /// What the kubeconfig calls the cluster.
    pub(crate) cluster_name: String,
    pub(crate) cluster: Cluster,
    pub(crate) user: User,
}

/// A server, and how to know it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) server: String,
    pub(crate) authority: Option<Material>,
    pub(crate) tls_server_name: Option<String>,
    pub(crate) is_unverified: bool,
    pub(crate) proxy: Option<String>,
}

/// How to be known by a server.
#[derive(Debug, Default)]
pub(crate) struct User {
    pub(crate) certificate: Option<Material>,
    pub(crate) key: Option<Material>,
    pub(crate) token: Option<Zeroizing<String>>,
    pub(crate) token_file: Option<String>,
    pub(crate) exec: Option<Exec>,
    /// Headers that say whom to act for.
    pub(crate) impersonation: Vec<(&'static str, String)>,
}

/// Keys and certificates: in the kubeconfig, or in a file beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    File(String),
    Data(Zeroizing<Vec<u8>>),
}

/// A program that prints credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exec {
    pub(crate) api_version: String,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) needs_terminal: bool,
    pub(crate) wants_cluster: bool,
    pub(crate) install_hint: Option<String>,
}

impl Kubeconfig {
    /// Reads the text of one.
    ///
    /// # Errors
    ///
    /// [`AccessError::Kubeconfig`] where it is no YAML, or not one map.
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        let limits = Limits {
            bytes: MAX_BYTES,
            nodes: 200_000,
            depth: 32,
        };
        let stream = yaml::read(text, Dialect::KUBERNETES, &limits);
        if let Some(error) = stream.error {
            return Err(wrong(format!("it is no YAML: {error}")));
        }
        let mut roots = stream.documents.into_iter().map(|document| document.root);
        match (roots.next(), roots.next()) {
            (Some(root), None) if root.as_map().is_some() => Ok(Self {
                text: text.to_owned(),
                root,
            }),
            _ => Err(wrong("it is not one map".to_owned())),
        }
    }

    /// The cluster and the user of the context with this name, or of the current one.
    ///
    /// # Errors
    ///
    /// [`AccessError::Kubeconfig`] where something is not there, or is no longer part of Kubernetes.
    pub fn context(&self, name: Option<&str>) -> Result<Context, AccessError> {
        let current = self.text(&self.root, "current-context");
        let name = name.map(str::to_owned).or(current).ok_or_else(|| {
            let known = self.names("contexts").join(", ");
            wrong(format!(
                "it has no current-context; name one of its contexts with --context: {known}"
            ))
        })?;
        let context = self.named("contexts", "context", &name)?;
        let of = |key: &str| {
            let text = self.text(context, key);
            text.ok_or_else(|| wrong(format!("the context {name} names no {key}")))
        };
        let cluster_name = of("cluster")?;
        let cluster = self.cluster(&cluster_name)?;
        let user = match self.text(context, "user") {
            Some(user) => self.user(&user)?,
            None => User::default(),
        };
        Ok(Context {
            cluster_name,
            cluster,
            user,
        })
    }

    fn cluster(&self, name: &str) -> Result<Cluster, AccessError> {
        let node = self.named("clusters", "cluster", name)?;
        let server = self.text(node, "server");
        Ok(Cluster {
            server: server.ok_or_else(|| wrong(format!("the cluster {name} names no server")))?,
            authority: self.material(node, "certificate-authority")?,
            tls_server_name: self.text(node, "tls-server-name"),
            is_unverified: self.flag(node, "insecure-skip-tls-verify")?,
            proxy: self.text(node, "proxy-url"),
        })
    }

    fn user(&self, name: &str) -> Result<User, AccessError> {
        let node = self.named("users", "user", name)?;
        for (key, why) in REMOVED {
            if node.get(key).is_some_and(|node| !node.is_null()) {
                return Err(wrong(format!("the user {name} has {key}, {why}")));
            }
        }
        let mut impersonation = Vec::new();
        for (key, header) in [("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")] {
            impersonation.extend(self.text(node, key).map(|value| (header, value)));
        }
        let groups = self.texts(node, "as-groups")?.into_iter();
        impersonation.extend(groups.map(|group| ("Impersonate-Group", group)));
        Ok(User {
            certificate: self.material(node, "client-certificate")?,
            key: self.material(node, "client-key")?,
            token: self.text(node, "token").map(Zeroizing::new),
            token_file: self.text(node, "tokenFile"),
            exec: node
                .get("exec")
                .filter(|node| !node.is_null())
                .map(|node| self.exec(node, name))
                .transpose()?,
            impersonation,
        })
    }

    fn exec(&self, node: &Node, user: &str) -> Result<Exec, AccessError> {
        let of = |key: &str| {
            let text = self.text(node, key);
            text.ok_or_else(|| wrong(format!("the plugin of the user {user} has no {key}")))
        };
        let mut env = Vec::new();
        for item in items(node, "env")? {
            let name = self.text(item, "name");
            let name =
                name.ok_or_else(|| wrong("a variable of a plugin has no name".to_owned()))?;
            env.push((name, self.text(item, "value").unwrap_or_default()));
        }
        Ok(Exec {
            api_version: of("apiVersion")?,
            command: of("command")?,
            args: self.texts(node, "args")?,
            env,
            needs_terminal: self.text(node, "interactiveMode").as_deref() == Some("Always"),
            wants_cluster: self.flag(node, "provideClusterInfo")?,
            install_hint: self.text(node, "installHint"),
        })
    }

    /// What is called `name` in a list; of several the first, as for `kubectl`.
    fn named(&self, list: &str, member: &str, name: &str) -> Result<&Node, AccessError> {
        let mut there = items(&self.root, list)?.iter();
        let found = there.find(|item| self.text(item, "name").as_deref() == Some(name));
        let found = found.and_then(|item| item.get(member));
        found.ok_or_else(|| {
            let known = self.names(list).join(", ");
            wrong(format!("it has no {member} {name}; it has: {known}"))
        })
    }

    fn names(&self, list: &str) -> Vec<String> {
        let items = items(&self.root, list).unwrap_or_default().iter();
        items.filter_map(|item| self.text(item, "name")).collect()
    }

    /// A text; a plain number is one as well, as it was written. Empty is the same as absent.
    fn text(&self, node: &Node, key: &str) -> Option<String> {
        let node = node.get(key)?;
        let text = match &node.value {
            Value::String(text) => text.to_string(),
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) => {
                node.span.of(&self.text).to_owned()
            }
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    fn texts(&self, node: &Node, key: &str) -> Result<Vec<String>, AccessError> {
        let text = |item: &Node| match &item.value {
            Value::String(text) => Ok(text.to_string()),
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) => {
                Ok(item.span.of(&self.text).to_owned())
            }
            _ => Err(wrong(format!("an item of {key} is no text"))),
        };
        items(node, key)?.iter().map(text).collect()
    }

    fn flag(&self, node: &Node, key: &str) -> Result<bool, AccessError> {
        match node.get(key).map(|node| &node.value) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(wrong(format!("{key} is neither true nor false"))),
        }
    }

    /// What stands under `key`, or in the file that it names; the former wins.
    fn material(&self, node: &Node, key: &str) -> Result<Option<Material>, AccessError> {
        if let Some(data) = self.text(node, &format!("{key}-data")) {
            let compact: String = data.split_ascii_whitespace().collect();
            let bytes = STANDARD
                .decode(compact)
                .map_err(|_| wrong(format!("{key}-data is no base64")))?;
            return Ok(Some(Material::Data(Zeroizing::new(bytes))));
        }
        Ok(self.text(node, key).map(Material::File))
    }
}

fn items<'a>(node: &'a Node, key: &str) -> Result<&'a [Node], AccessError> {
    match node.get(key).map(|node| &node.value) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::List(items)) => Ok(items),
        Some(_) => Err(wrong(format!("{key} is no list"))),
    }
}

fn wrong(message: String) -> AccessError {
    AccessError::Kubeconfig(message)
}

/// What older kubeconfigs have and no Kubernetes takes any longer, or what we do not send.
const REMOVED: &[(&str, &str)] = &[
    (
        "username",
        "and Kubernetes 1.19 removed names with passwords: give it a token",
    ),
    (
        "password",
        "and Kubernetes 1.19 removed names with passwords: give it a token",
    ),
    (
        "auth-provider",
        "which Kubernetes 1.26 removed: give it an exec plugin or a token",
    ),
    (
        "as-user-extra",
        "which is not sent: give it a user that needs none",
    ),
];

/// The longest kubeconfig that is read.
pub(crate) const MAX_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: a
contexts:
- {name: a, context: {cluster: one, user: x}}
- {name: b, context: {cluster: two, user: y}}
- {name: c, context: {cluster: three, user: x}}
clusters:
- {name: one, cluster: {server: 'https://one', certificate-authority: ca.pem, certificate-authority-data: YWJj}}
- {name: two, cluster: {server: 'https://two', insecure-skip-tls-verify: true, tls-server-name: t}}
- {name: one, cluster: {server: 'https://later'}}
users:
- {name: x, user: {token: 0123, as: ada, as-groups: [g, h]}}
- name: y
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: get, args: [a, 1], env: [{name: K, value: v}]}
";

    #[test]
    fn a_context_has_its_cluster_and_its_user() {
        let config = Kubeconfig::parse(CONFIG).expect("a kubeconfig");
        let a = config.context(None).expect("the current one");
        assert_eq!(a.cluster.server, "https://one");
        let data = Material::Data(Zeroizing::new(b"abc".to_vec()));
        assert_eq!(a.cluster.authority, Some(data));
        assert_eq!(a.user.token.as_deref().map(String::as_str), Some("0123"));
        assert_eq!(a.user.impersonation.len(), 3);
        let b = config.context(Some("b")).expect("another one");
        assert!(b.cluster.is_unverified);
        let exec = b.user.exec.expect("a plugin");
        assert_eq!(exec.args, ["a", "1"]);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let config = Kubeconfig::parse(CONFIG).expect("a kubeconfig");
        let said = |name| {
            config
                .context(Some(name))
                .expect_err("not there")
                .to_string()
        };
        assert_eq!(
            said("z"),
            "the kubeconfig: it has no context z; it has: a, b, c"
        );
        assert_eq!(
            said("c"),
            "the kubeconfig: it has no cluster three; it has: one, two, one"
        );
    }

    #[test]
    fn what_kubernetes_removed_is_refused_with_what_to_do() {
        for (user, word) in [
            ("{username: a, password: b}", "removed names with passwords"),
            ("{auth-provider: {name: gcp}}", "exec plugin"),
        ] {
            let text = CONFIG.replace("{token: 0123, as: ada, as-groups: [g, h]}", user);
            let config = Kubeconfig::parse(&text).expect("a kubeconfig");
            let error = config.context(None).expect_err("removed").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_an_error() {
        for text in ["", "[]", "a: b\n---\nc: d\n", "a: [", "\t"] {
            assert!(Kubeconfig::parse(text).is_err(), "{text:?}");
        }
        let odd = Kubeconfig::parse("contexts: {a: b}\ncurrent-context: a\n").expect("a map");
        assert!(odd.context(None).is_err());
    }
}
