//! Credentials from a program that the kubeconfig names
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>).

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    AccessError,
    kubeconfig::{Cluster, Exec, Material},
};

/// What a plugin gave.
#[derive(Debug, Default)]
pub(crate) struct Credential {
    pub(crate) token: Option<Zeroizing<String>>,
    pub(crate) certificate: Option<Zeroizing<Vec<u8>>>,
    pub(crate) key: Option<Zeroizing<Vec<u8>>>,
}

/// Runs the plugin, in the directory of the kubeconfig where its command is a relative path.
///
/// # Errors
///
/// [`AccessError::Plugin`] where it does not run to its end in time, or prints no credentials.
pub(crate) fn run(
    exec: &Exec,
    cluster: &Cluster,
    authority: Option<&[u8]>,
    directory: &Path,
) -> Result<Credential, AccessError> {
    let failed = |why: String| failure(exec, why);
    if !VERSIONS.contains(&exec.api_version.as_str()) {
        let version = &exec.api_version;
        return Err(failed(format!(
            "its apiVersion {version} is none that is spoken here ({})",
            VERSIONS.join(", ")
        )));
    }
    if exec.needs_terminal {
        return Err(failed(
            "it wants a terminal (interactiveMode: Always), and has none here: give a token"
                .to_owned(),
        ));
    }
    let program = match exec.command.contains('/') {
        true => directory.join(&exec.command),
        false => exec.command.clone().into(),
    };
    let mut child = Command::new(program)
        .args(&exec.args)
        .env("KUBERNETES_EXEC_INFO", request(exec, cluster, authority))
        .envs(exec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let hint = exec.install_hint.as_deref().unwrap_or_default();
            failed(
                format!("it does not start: {error} {hint}")
                    .trim_end()
                    .to_owned(),
            )
        })?;
    let output = child.stdout.take();
    // On a thread of its own: a program that neither ends nor prints must not keep us.
    let reader = std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = output.map(|output| output.take(MAX_OUTPUT + 1).read_to_end(&mut bytes));
        read.and_then(Result::ok).map(|_| bytes)
    });
    let deadline = Instant::now() + TIMEOUT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("it took longer than {TIMEOUT:?}")));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    // What it left behind may still hold the pipe open.
    while !reader.is_finished() {
        if Instant::now() >= deadline {
            return Err(failed("its output has no end".to_owned()));
        }
        std::thread::sleep(POLL);
    }
    match reader.join() {
        Ok(Some(bytes)) if bytes.len() as u64 <= MAX_OUTPUT => parse(exec, &bytes),
        _ => Err(failed(
            "its output cannot be read, or is too long".to_owned(),
        )),
    }
}

fn request(exec: &Exec, cluster: &Cluster, authority: Option<&[u8]>) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let mut spec = json!({ "interactive": false });
    if exec.wants_cluster {
        spec["cluster"] = json!({
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.is_unverified,
            "certificate-authority-data": authority.map(|bytes| STANDARD.encode(bytes)),
            "proxy-url": cluster.proxy,
        });
    }
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec }).to_string()
}

fn parse(exec: &Exec, bytes: &[u8]) -> Result<Credential, AccessError> {
    let said: Value = serde_json::from_slice(bytes).map_err(|_| {
        failure(
            exec,
            "it did not print an ExecCredential in JSON".to_owned(),
        )
    })?;
    if said["kind"] != "ExecCredential" || said["apiVersion"] != *exec.api_version {
        let why = format!("it did not print an ExecCredential of {}", exec.api_version);
        return Err(failure(exec, why));
    }
    let of = |key: &str| said["status"][key].as_str().filter(|text| !text.is_empty());
    let pem = |key: &str| of(key).map(|text| Zeroizing::new(text.as_bytes().to_vec()));
    let credential = Credential {
        token: of("token").map(|text| Zeroizing::new(text.to_owned())),
        certificate: pem("clientCertificateData"),
        key: pem("clientKeyData"),
    };
    if credential.token.is_none() && credential.certificate.is_none() {
        return Err(failure(
            exec,
            "it gave neither a token nor a certificate".to_owned(),
        ));
    }
    Ok(credential)
}

impl Credential {
    /// Its certificate and key, as the kubeconfig would have them.
    pub(crate) fn identity(&self) -> (Option<Material>, Option<Material>) {
        let material = |it: &Option<Zeroizing<Vec<u8>>>| it.clone().map(Material::Data);
        (material(&self.certificate), material(&self.key))
    }
}

fn failure(exec: &Exec, why: String) -> AccessError {
    AccessError::Plugin {
        command: exec.command.clone(),
        why,
    }
}

const VERSIONS: &[&str] = &[
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

const MAX_OUTPUT: u64 = 1 << 20;
/// How long it may take: some ask somebody in a browser.
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(script: &str) -> Exec {
        Exec {
            api_version: VERSIONS[0].to_owned(),
            command: "/bin/sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: vec![("WHO".to_owned(), "ada".to_owned())],
            needs_terminal: false,
            wants_cluster: true,
            install_hint: None,
        }
    }

    fn ran(exec: &Exec) -> Result<Credential, String> {
        let cluster = Cluster {
            server: "https://one".to_owned(),
            authority: None,
            tls_server_name: None,
            is_unverified: false,
            proxy: None,
        };
        run(exec, &cluster, None, Path::new("/")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plugin_is_told_of_the_cluster_and_gives_a_token() {
        let script = r#"case "$KUBERNETES_EXEC_INFO" in *https://one*) ;; *) exit 3;; esac
            printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t-%s"}}' "$WHO""#;
        let credential = ran(&exec(script)).expect("a token");
        let token = credential.token.as_deref().map(String::as_str);
        assert_eq!(token, Some("t-ada"));
    }

    #[test]
    fn a_plugin_that_gives_nothing_is_told() {
        for (script, word) in [
            ("exit 3", "exit status: 3"),
            ("echo hello", "in JSON"),
            ("echo '{}'", "ExecCredential of"),
            (
                r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}'"#,
                "neither a token",
            ),
            ("head -c 3000000 /dev/zero", "it ended with"),
        ] {
            let error = ran(&exec(script)).expect_err("nothing");
            assert!(error.contains(word), "{script}: {error}");
        }
        let old = Exec {
            api_version: "client.authentication.k8s.io/v1alpha1".to_owned(),
            ..exec("")
        };
        assert!(ran(&old).expect_err("old").contains("v1alpha1"));
        let missing = Exec {
            command: "./not-there".to_owned(),
            install_hint: Some("Install it.".to_owned()),
            ..exec("")
        };
        assert!(ran(&missing).expect_err("missing").contains("Install it."));
    }
}
