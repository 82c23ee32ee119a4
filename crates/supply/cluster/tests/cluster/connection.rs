//! Who is spoken to, as whom, and by which way.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use casemate_cluster::{Accept, Api, Client, InCluster, Patience, RequestError};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde_json::json;

use crate::{
    QUICK, access, fixture,
    recorded::{Recorded, Reply},
};

/// A server with a certificate, which takes whoever has one of its authority.
fn secured() -> Recorded {
    let certificate = |name: &str| CertificateDer::from_pem_file(fixture(name)).expect("PEM");
    let mut roots = RootCertStore::empty();
    roots
        .add(certificate("authority.pem"))
        .expect("an authority");
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(
            verifier
                .allow_unauthenticated()
                .build()
                .expect("a verifier"),
        )
        .with_single_cert(vec![certificate("server.pem")], key)
        .expect("a certificate");
    let config = Arc::new(config);
    let wrap = move |mut socket: TcpStream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
        // Whoever does not like the certificate goes away.
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).ok()?;
        }
        let has_certificate = connection.peer_certificates().is_some();
        let stream = StreamOwned::new(connection, socket);
        has_certificate.then(|| Box::new(Closing(stream)) as Box<dyn crate::recorded::Stream>)
    };
    Recorded::wrapped(Box::new(wrap), |asked| {
        Reply::Json(200, json!({ "path": asked.path, "headers": asked.headers }))
    })
}

/// A connection that says goodbye, as TLS has it.
struct Closing(StreamOwned<ServerConnection, TcpStream>);

impl Read for Closing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Closing {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        let _ = self.0.flush();
    }
}

fn material(key: &str, name: &str) -> String {
    format!("{key}: '{}'", fixture(name).display())
}

fn ada() -> String {
    [
        material("client-certificate", "client.pem"),
        material("client-key", "client.key"),
    ]
    .join(", ")
}

fn trusting(name: &str) -> String {
    format!(", {}", material("certificate-authority", name))
}

fn asked(server: &Recorded, cluster: &str, user: &str) -> Result<String, RequestError> {
    let access = access(&server.kubeconfig("https", cluster, user), false).expect("a way");
    let body = Client::new(access, QUICK).get("/api", Accept::Json, 1 << 20)?;
    Ok(String::from_utf8(body).expect("UTF-8"))
}

#[test]
fn a_client_certificate_opens_a_server_that_the_authority_vouches_for() {
    let server = secured();
    let body = asked(&server, &trusting("authority.pem"), &ada()).expect("an answer");
    assert!(body.contains("\"/api\""), "{body}");
    // By the name of its certificate, whatever it is reached by.
    let named = format!("{}, tls-server-name: api.test", trusting("authority.pem"));
    assert!(asked(&server, &named, &ada()).is_ok());
}

#[test]
fn a_server_with_another_certificate_is_not_spoken_to() {
    let server = secured();
    for cluster in [
        trusting("other.pem"),
        format!(
            "{}, tls-server-name: another.test",
            trusting("authority.pem")
        ),
    ] {
        let error = asked(&server, &cluster, &ada()).expect_err("not it");
        assert!(matches!(error, RequestError::Tls(_)), "{error:?}");
    }
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn an_unverified_server_is_told_of() {
    let server = secured();
    let config = server.kubeconfig("https", ", insecure-skip-tls-verify: true", &ada());
    let way = access(&config, false).expect("a way");
    let told = way.unverified.clone().expect("a warning");
    assert!(told.starts_with("insecure-skip-tls-verify"), "{told}");
    let client = Client::new(way, QUICK);
    assert!(client.get("/api", Accept::Json, 1 << 20).is_ok());
    let verified = access(
        &server.kubeconfig("https", &trusting("authority.pem"), ""),
        false,
    );
    assert_eq!(verified.expect("a way").unverified, None);
}

#[test]
fn whoever_has_no_root_is_told_what_to_do() {
    let server = secured();
    let said = |cluster: &str, user: &str, scheme: &str| {
        let config = server.kubeconfig(scheme, cluster, user);
        access(&config, false).err().expect("no way").to_string()
    };
    assert!(said("", "", "https").contains("names no certificate-authority"));
    assert!(said(", certificate-authority: not-there.pem", "", "https").contains("not-there.pem"));
    assert!(
        said(", certificate-authority-data: YWJj", "", "https").contains("no certificate in PEM")
    );
    let half = material("client-certificate", "client.pem");
    assert!(said(&trusting("authority.pem"), &half, "https").contains("no client-key"));
    assert!(said(", proxy-url: 'socks5://x:1'", "", "http").contains("only proxies at http://"));
    assert!(said("", "token: \"a\\nb\"", "http").contains("no header can have"));
    let away = server
        .kubeconfig("http", "", "token: t")
        .replace("127.0.0.1", "192.0.2.1");
    let error = access(&away, false).err().expect("no way").to_string();
    assert!(error.contains("not sent over http"), "{error}");
}

#[test]
fn a_program_of_the_kubeconfig_runs_only_when_it_may() {
    let server = Recorded::plain(|asked| Reply::Json(200, json!({ "headers": asked.headers })));
    let plugin = "exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: [-c, \
        'echo \"{\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1\\\",\\\"kind\\\":\\\"ExecCredential\\\",\
        \\\"status\\\":{\\\"token\\\":\\\"of-a-plugin\\\"}}\"']}";
    let config = server.kubeconfig("http", "", plugin);
    let error = access(&config, false).err().expect("not run").to_string();
    assert!(
        error.contains("/bin/sh") && error.contains("--allow-exec"),
        "{error}"
    );
    let client = Client::new(access(&config, true).expect("a way"), QUICK);
    let body = client
        .get("/api", Accept::Json, 1 << 20)
        .expect("an answer");
    let body = String::from_utf8(body).expect("UTF-8");
    assert!(body.contains("authorization: bearer of-a-plugin"), "{body}");
}

#[test]
fn a_token_of_a_file_beside_the_kubeconfig_and_a_name_to_act_for_are_sent() {
    let server = Recorded::plain(|asked| Reply::Json(200, json!({ "headers": asked.headers })));
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("token"), "of-a-file\n").expect("a file");
    let path = directory.path().join("config");
    let user = "tokenFile: token, as: eve, as-groups: [g]";
    fs::write(&path, server.kubeconfig("http", "", user)).expect("a file");
    let way = casemate_cluster::Access::from_kubeconfig(&path, Some("test"), false).expect("a way");
    let body = Client::new(way, QUICK)
        .get("/api", Accept::Json, 1 << 20)
        .expect("an answer");
    let body = String::from_utf8(body).expect("UTF-8");
    for header in [
        "authorization: bearer of-a-file\\r\\n",
        "impersonate-user: eve",
        "impersonate-group: g",
    ] {
        assert!(body.contains(header), "{header}: {body}");
    }
}

#[test]
fn a_pod_knows_its_own_cluster() {
    let server = Recorded::plain(|_| Reply::Json(200, json!({})));
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy(fixture("authority.pem"), directory.path().join("ca.crt")).expect("a file");
    fs::write(directory.path().join("token"), "t").expect("a file");
    let pod = InCluster {
        host: "::1".to_owned(),
        port: server.address.port().to_string(),
        directory: directory.path().to_owned(),
    };
    let way = casemate_cluster::Access::in_cluster(&pod, "here").expect("a way");
    assert_eq!((way.cluster.as_str(), way.unverified), ("here", None));
}

#[test]
fn a_proxy_is_asked_for_a_way_and_hears_nothing_else() {
    let server = secured();
    let to = server.address;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let heard = std::thread::spawn(move || {
        let (mut here, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            here.read_exact(&mut byte).expect("a byte");
            head.push(byte[0]);
        }
        here.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .expect("an answer");
        let mut there = TcpStream::connect(to).expect("the server");
        let (mut back, mut forth) = (
            there.try_clone().expect("a half"),
            here.try_clone().expect("a half"),
        );
        let copying = std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut forth);
            let _ = forth.shutdown(std::net::Shutdown::Both);
        });
        let _ = std::io::copy(&mut here, &mut there);
        let _ = there.shutdown(std::net::Shutdown::Write);
        let _ = copying.join();
        String::from_utf8(head).expect("UTF-8")
    });
    let cluster = format!("{}, proxy-url: 'http://{proxy}'", trusting("authority.pem"));
    let body = asked(&server, &cluster, &ada()).expect("an answer");
    assert!(body.contains("\"/api\""), "{body}");
    let head = heard.join().expect("a head");
    assert_eq!(head, format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"));
}

#[test]
fn a_path_cannot_become_another_request() {
    let server = Recorded::plain(|_| Reply::Json(200, json!({})));
    let way = access(&server.kubeconfig("http", "", ""), false).expect("a way");
    let client = Client::new(way, QUICK);
    for path in ["api", "/api HTTP/1.1\r\nX: y", "/ä", ""] {
        assert!(client.get(path, Accept::Json, 10).is_err(), "{path:?}");
    }
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn nothing_is_asked_when_the_time_is_over() {
    let server = Recorded::plain(|_| Reply::Json(200, json!({})));
    let way = access(&server.kubeconfig("http", "", ""), false).expect("a way");
    let patience = Patience {
        whole: Duration::ZERO,
        ..QUICK
    };
    let error = Client::new(way, patience).get("/api", Accept::Json, 10);
    assert_eq!(error, Err(RequestError::Over(Duration::ZERO)));
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn a_credential_that_the_server_repeats_is_not_told() {
    let said = |reply: fn() -> Reply| {
        let server = Recorded::plain(move |_| reply());
        let config = server.kubeconfig("http", "", "token: secret-of-ada");
        let client = Client::new(access(&config, false).expect("a way"), QUICK);
        let error = client.get("/api", Accept::Json, 1 << 20).expect_err("no");
        error.to_string()
    };
    let refused = said(|| Reply::refused(403, "Bearer secret-of-ada is nobody"));
    assert_eq!(refused, "403 Forbidden: Bearer … is nobody");
    // Not a part of it either, where the message is cut.
    let cut = said(|| Reply::refused(403, &format!("{}secret-of-ada", "x".repeat(295))));
    assert!(!cut.contains("sec"), "{cut}");
    let redirect = said(|| {
        let long = "x".repeat(4000);
        let location = format!("https://u:p@h/?token=secret-of-ada&{long}");
        let text = format!("HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        Reply::Raw(text.into_bytes())
    });
    assert!(redirect.contains("https://…@h/?token=…&x"), "{redirect}");
    assert!(redirect.len() < 500, "{redirect}");
}

#[test]
fn a_password_in_a_url_is_not_told() {
    let server = Recorded::plain(|_| Reply::Json(200, json!({})));
    let proxied = server.kubeconfig("https", ", proxy-url: 'http://ada:hunter2@p:1'", "");
    let direct = server
        .kubeconfig("https", "", "")
        .replace("https://", "https://ada:hunter2@");
    for config in [proxied, direct] {
        let error = access(&config, false).err().expect("no way").to_string();
        assert!(
            !error.contains("hunter2") && error.contains("…@"),
            "{error}"
        );
    }
}

#[test]
#[cfg(unix)]
fn only_regular_files_are_read() {
    let server = Recorded::plain(|_| Reply::Json(200, json!({})));
    for file in ["/dev/null", "/dev/zero"] {
        let config = server.kubeconfig("http", "", &format!("tokenFile: {file}"));
        let error = access(&config, false).err().expect("no way").to_string();
        assert!(error.contains("no regular file"), "{error}");
    }
}
