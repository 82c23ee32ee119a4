//! The way to an API server: where it is, how to know it, and how to be known by it.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ClientConfig, pki_types::ServerName};
use zeroize::Zeroizing;

use crate::{
    AccessError, Kubeconfig, exec,
    http::{Server, tls, without_userinfo},
    kubeconfig::{MAX_BYTES, Material},
};

/// Everything that a connection needs.
pub struct Access {
    /// What the cluster is called: by its kubeconfig, or by its caller.
    pub cluster: String,
    pub(crate) server: Server,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(crate) proxy: Option<Server>,
    /// The headers of each request that say who asks.
    pub(crate) headers: Vec<(&'static str, Zeroizing<String>)>,
    /// Why what the server says cannot be trusted, where it cannot.
    pub unverified: Option<String>,
}

/// Where a pod finds its service account.
#[derive(Clone, Debug)]
pub struct InCluster {
    /// `KUBERNETES_SERVICE_HOST`.
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub port: String,
    /// The directory of `token` and `ca.crt`.
    pub directory: PathBuf,
}

impl Access {
    /// The way that a kubeconfig gives, by the context with this name or the current one. A credential
    /// plugin, which is a program that the file names, is run only with `allow_exec`.
    ///
    /// # Errors
    ///
    /// [`AccessError`] where a part is missing, cannot be read, or cannot be used.
    pub fn from_kubeconfig(
        path: &Path,
        context: Option<&str>,
        allow_exec: bool,
    ) -> Result<Self, AccessError> {
        let bytes = bounded(path)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| AccessError::Kubeconfig("it is not UTF-8".to_owned()))?;
        let chosen = Kubeconfig::parse(text)?.context(context)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let load = |material: Option<Material>| -> Result<_, AccessError> {
            Ok(match material {
                None => None,
                Some(Material::Data(bytes)) => Some(bytes),
                Some(Material::File(name)) => Some(bounded(&directory.join(name))?),
            })
        };
        let (cluster, mut user) = (chosen.cluster, chosen.user);
        let authority = load(cluster.authority.clone())?;
        let mut token = match &user.token_file {
            Some(name) => Some(text_of(&directory.join(name))?),
            None => user.token.take(),
        };
        let has_own = token.is_some() || user.certificate.is_some();
        if let Some(plugin) = user.exec.as_ref().filter(|_| !has_own) {
            if !allow_exec {
                return Err(AccessError::Plugin {
                    command: plugin.command.clone(),
                    why: "the kubeconfig asks to run this program for a credential, which is done only \
                          with --allow-exec; or give its user a token, such as `kubectl create token` prints"
                        .to_owned(),
                });
            }
            let authority = authority.as_deref().map(Vec::as_slice);
            let credential = exec::run(plugin, &cluster, authority, directory)?;
            (user.certificate, user.key) = credential.identity();
            token = credential.token;
        }
        let identity = match (load(user.certificate)?, load(user.key)?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (None, Some(_)) => return Err(half("client-key", "client-certificate")),
            (Some(_), None) => return Err(half("client-certificate", "client-key")),
        };
        let impersonation = user.impersonation.into_iter();
        let parts = Parts {
            cluster: chosen.cluster_name,
            server: Server::parse(&cluster.server).map_err(|why| {
                let server = without_userinfo(&cluster.server);
                AccessError::Kubeconfig(format!("server {server}: {why}"))
            })?,
            tls_server_name: cluster.tls_server_name,
            authority,
            is_unverified: cluster.is_unverified,
            proxy: cluster.proxy.as_deref().map(proxy).transpose()?,
            identity,
            token,
            others: impersonation
                .map(|(name, value)| (name, Zeroizing::new(value)))
                .collect(),
        };
        parts.access()
    }

    /// The way that a pod has to the cluster that it is in.
    ///
    /// # Errors
    ///
    /// As [`Access::from_kubeconfig`].
    pub fn in_cluster(pod: &InCluster, cluster: &str) -> Result<Self, AccessError> {
        let host = match pod.host.contains(':') {
            true => format!("[{}]", pod.host),
            false => pod.host.clone(),
        };
        let server = format!("https://{host}:{}", pod.port);
        let parts = Parts {
            cluster: cluster.to_owned(),
            server: Server::parse(&server).map_err(|why| AccessError::Tls { server, why })?,
            tls_server_name: None,
            authority: Some(bounded(&pod.directory.join("ca.crt"))?),
            is_unverified: false,
            proxy: None,
            identity: None,
            token: Some(text_of(&pod.directory.join("token"))?),
            others: Vec::new(),
        };
        parts.access()
    }
}

/// What may be a secret, and does not outlive its use.
type Bytes = Zeroizing<Vec<u8>>;

/// What was read of a kubeconfig, or of a pod's folder.
struct Parts {
    cluster: String,
    server: Server,
    tls_server_name: Option<String>,
    authority: Option<Bytes>,
    is_unverified: bool,
    proxy: Option<Server>,
    /// The chain of certificates and its key.
    identity: Option<(Bytes, Bytes)>,
    token: Option<Zeroizing<String>>,
    others: Vec<(&'static str, Zeroizing<String>)>,
}

impl Parts {
    fn access(self) -> Result<Access, AccessError> {
        let server = self.server.to_string();
        let refused = |why: String| AccessError::Tls {
            server: server.clone(),
            why,
        };
        let mut headers = self.others;
        if let Some(token) = &self.token {
            let bearer = Zeroizing::new(format!("Bearer {}", token.trim()));
            headers.insert(0, ("Authorization", bearer));
        }
        // What ends a line would begin another header.
        if headers
            .iter()
            .any(|(_, value)| !value.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        {
            return Err(AccessError::Kubeconfig(
                "a token or a name to act for has characters that no header can have".to_owned(),
            ));
        }
        if !self.server.is_tls {
            if !headers.is_empty() && !self.server.is_loopback() {
                return Err(refused(
                    "a credential is not sent over http; give the cluster an https server"
                        .to_owned(),
                ));
            }
            if self.proxy.is_some() {
                return Err(refused(
                    "an http server behind a proxy-url is not reached".to_owned(),
                ));
            }
        }
        let tls = match self.server.is_tls {
            false => None,
            true => {
                let name = self.tls_server_name.as_deref().unwrap_or(&self.server.host);
                let name = ServerName::try_from(name.to_owned()).map_err(|_| {
                    refused(format!("{name} is no name that a certificate can have"))
                })?;
                let authority = self.authority.as_deref().map(Vec::as_slice);
                let identity = self.identity.as_ref();
                let identity = identity.map(|(certificate, key)| (&certificate[..], &key[..]));
                let config =
                    tls::config(authority, identity, self.is_unverified).map_err(refused)?;
                Some((Arc::new(config), name))
            }
        };
        let unverified = match (self.server.is_tls, self.is_unverified) {
            (true, false) => None,
            (true, true) => Some(
                "insecure-skip-tls-verify: whoever is on the way can answer for the API server"
                    .to_owned(),
            ),
            (false, _) if self.server.is_loopback() => None,
            (false, _) => Some(
                "the server is reached over http: whoever is on the way can answer for it"
                    .to_owned(),
            ),
        };
        Ok(Access {
            cluster: self.cluster,
            server: self.server,
            tls,
            proxy: self.proxy,
            headers,
            unverified,
        })
    }
}

fn proxy(url: &str) -> Result<Server, AccessError> {
    match Server::parse(url) {
        Ok(server) if !server.is_tls && server.prefix.is_empty() => Ok(server),
        _ => Err(AccessError::Kubeconfig(format!(
            "proxy-url {}: only proxies at http://HOST:PORT are spoken to, by CONNECT",
            without_userinfo(url)
        ))),
    }
}

fn half(there: &str, missing: &str) -> AccessError {
    AccessError::Kubeconfig(format!("the user has a {there} and no {missing}"))
}

fn text_of(path: &Path) -> Result<Zeroizing<String>, AccessError> {
    let text = std::str::from_utf8(&bounded(path)?).map(|text| Zeroizing::new(text.to_owned()));
    text.map_err(|_| AccessError::Read {
        path: path.to_owned(),
        error: "it is not UTF-8".to_owned(),
    })
}

/// A file of the caller's, which is short.
fn bounded(path: &Path) -> Result<Bytes, AccessError> {
    let failed = |error: String| AccessError::Read {
        path: path.to_owned(),
        error,
    };
    // Before it is opened, since that already waits at a pipe and may do something at a device; and
    // after, since it may have become another.
    let is_file = |metadata: io::Result<Metadata>| match metadata {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(failed("it is no regular file".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    };
    is_file(fs::metadata(path))?;
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    is_file(file.metadata())?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(error.to_string()))?;
    match bytes.len() <= MAX_BYTES {
        true => Ok(bytes),
        false => Err(failed(format!("it is longer than {} MiB", MAX_BYTES >> 20))),
    }
}
