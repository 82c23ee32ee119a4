//! The server, over loopback.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use casemate_admission::{Certificates, Metrics, Records, Server, Stop};
use casemate_core::FixedClock;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};

use crate::kit::{Kit, document, looked_up, now, pod, privileged};

/// A server that runs until it is dropped.
struct Running {
    address: SocketAddr,
    plain: SocketAddr,
    certificates: Arc<Certificates>,
    metrics: Arc<Metrics>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Running {
    fn new(settings: &str) -> Self {
        Self::of(&Kit {
            settings,
            ..Kit::default()
        })
    }

    fn of(kit: &Kit<'_>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        install(dir.path(), "first");
        let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
        let certificates = Arc::new(Certificates::load(&cert, &key).expect("a certificate"));
        let metrics = Arc::new(Metrics::default());
        let file = fs::File::create(dir.path().join("records")).expect("a file");
        let (records, writer) = Records::begin(file, 100, Arc::clone(&metrics)).expect("a thread");
        let server = Server {
            judge: Arc::new(kit.judge()),
            certificates: Arc::clone(&certificates),
            metrics: Arc::clone(&metrics),
            records: Some(records),
            clock: Arc::new(FixedClock(now())),
            told: Arc::new(|_| {}),
        };
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let (listener, plain) = (listen(), listen());
        let address = |it: &TcpListener| it.local_addr().expect("an address");
        let (at, plain_at) = (address(&listener), address(&plain));
        let stop = Stop::default();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            server
                .run(listener, Some(plain), &stopped)
                .expect("it runs");
            writer.join().expect("it writes");
        });
        Self {
            address: at,
            plain: plain_at,
            certificates,
            metrics,
            stop,
            thread: Some(thread),
            dir,
        }
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        let length = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\n{length}Connection: close\r\n\r\n{body}"
        ))
    }

    fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // Of a request that is refused early, the rest finds nobody.
        let _ = stream.write_all(request.as_bytes());
        Answer::read(stream)
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let authority = fs::read(fixture("authority.pem")).expect("a file");
        roots
            .add(CertificateDer::from_pem_slice(&authority).expect("PEM"))
            .expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        let stream = TcpStream::connect(self.address).expect("a connection");
        StreamOwned::new(connection, stream)
    }

    fn plain(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.plain).expect("a connection");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        Answer::read(stream)
    }

    /// Ends it, and gives what it wrote.
    fn end(&mut self) -> String {
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends");
        }
        fs::read_to_string(self.dir.path().join("records")).expect("records")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
    }
}

struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn read(mut from: impl Read) -> Self {
        let mut bytes = Vec::new();
        // A peer that is refused may see the connection end without a farewell.
        let _ = from.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Self {
            status: status.unwrap_or(0),
            body: body.to_owned(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn install(dir: &Path, name: &str) {
    fs::copy(fixture(&format!("{name}.pem")), dir.join("tls.crt")).expect("copies");
    fs::copy(fixture(&format!("{name}.key")), dir.join("tls.key")).expect("copies");
}

fn body(request: Value) -> String {
    document(&request).to_string()
}

#[test]
fn requests_are_answered_recorded_and_counted() {
    let mut server = Running::new("");
    let good = server.post("/validate?timeout=10s", &body(json!({"uid": "a"})));
    assert_eq!(good.status, 200);
    assert_eq!(good.json()["response"]["uid"], "a");
    assert_eq!(good.json()["response"]["allowed"], true);
    let bad = body(json!({"uid": "b", "object": pod(privileged())}));
    assert_eq!(
        server.post("/validate", &bad).json()["response"]["allowed"],
        false
    );
    let patched = server.post("/mutate", &body(json!({"uid": "c"}))).json();
    assert_eq!(patched["response"]["patchType"], "JSONPatch");

    assert_eq!(server.plain("/livez").status, 200);
    assert_eq!(server.plain("/readyz").status, 200);
    let metrics = server.plain("/metrics").body;
    for line in [
        "casemate_admission_requests_total{operation=\"CREATE\",outcome=\"denied\"} 1",
        "casemate_admission_request_duration_seconds_count 3",
        "casemate_admission_repaired_total 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }
    let records = server.end();
    let uids = records.lines().map(|line| {
        let record: Value = serde_json::from_str(line).expect("a record");
        record["uid"].as_str().expect("a uid").to_owned()
    });
    assert_eq!(uids.collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(
        !records.contains("registry.example.org"),
        "the object is in the record"
    );
}

#[test]
fn what_is_no_request_is_refused_cleanly() {
    let server = Running::new("[limits]\nbody-bytes = 20000");
    let head = "POST /validate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    for (request, status) in [
        (format!("{head}Content-Length: 2\r\n\r\n{{}}"), 415),
        (
            format!("{head}Content-Type: application/json\r\nContent-Length: 30000\r\n\r\n"),
            413,
        ),
        (
            "GET /validate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
            405,
        ),
        (
            "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                .to_owned(),
            404,
        ),
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("{head}X: {}\r\n\r\n", "x".repeat(300_000)), 431),
    ] {
        assert_eq!(
            server.send(&request).status,
            status,
            "{}",
            &request[..60.min(request.len())]
        );
    }
    let chunk = "x".repeat(30_000);
    let chunked = format!(
        "{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n{chunk}\r\n0\r\n\r\n"
    );
    assert_eq!(server.send(&chunked).status, 413);
    for text in [
        "",
        "{",
        "[]",
        "{}",
        "\u{0}",
        &"[".repeat(19_000),
        &format!("{{\"a\":{}", "[{\"a\":".repeat(3_000)),
    ] {
        let answer = server.post("/validate", text);
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(
            answer.body.ends_with('\n') && answer.body.len() < 300,
            "{}",
            answer.body
        );
    }
    assert_eq!(
        server.post("/validate", &body(json!({}))).status,
        200,
        "it lives"
    );
    assert!(server.metrics.refused.value() >= 9);
}

#[test]
fn who_is_slow_is_sent_away() {
    let server = Running::new("[limits]\nread-seconds = 1");
    let head = "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(server.send(head).status, 408);
    // Half a head gets no answer but an end.
    assert_eq!(server.send("POST /validate HT").status, 0);
    // Neither does who never begins with TLS.
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    let mut none = Vec::new();
    assert_eq!(stream.read_to_end(&mut none).unwrap_or(0), 0);
}

#[test]
fn a_connection_that_is_kept_may_be_silent_between_requests() {
    let server = Running::new("[limits]\nread-seconds = 1");
    let mut stream = server.connect();
    let text = body(json!({"uid": "kept"}));
    for _ in 0..2 {
        let head = "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{text}", text.len());
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        while !answer.ends_with("}}") {
            let mut some = [0; 4096];
            let count = stream.read(&mut some).expect("an answer");
            assert!(count > 0, "it was closed: {answer}");
            answer.push_str(std::str::from_utf8(&some[..count]).expect("UTF-8"));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        thread::sleep(Duration::from_millis(1_500));
    }
    // Who has begun to ask again may not be slow.
    stream.write_all(b"POST /valid").expect("sent");
    let mut none = Vec::new();
    assert_eq!(stream.read_to_end(&mut none).unwrap_or(0), 0);
}

#[test]
fn a_large_request_is_answered() {
    let server = Running::new("[limits]\njudgements = 1");
    let mut large = pod(json!({}));
    large["metadata"]["annotations"] = json!({"a": "x".repeat(200_000)});
    for _ in 0..2 {
        let answer = server.post("/validate", &body(json!({"object": large})));
        assert_eq!(answer.json()["response"]["allowed"], true);
    }
}

#[test]
fn connections_beyond_the_bound_are_closed() {
    let server = Running::new("[limits]\nconnections = 1\nread-seconds = 30");
    let first = server.connect();
    while server.metrics.connections.value() == 0 {
        thread::yield_now();
    }
    let mut second = TcpStream::connect(server.address).expect("a connection");
    assert_eq!(second.read(&mut [0]).unwrap_or(0), 0);
    drop(first);
    while server.metrics.connections.value() > 0 {
        thread::yield_now();
    }
    assert_eq!(server.post("/validate", &body(json!({}))).status, 200);
    assert_eq!(server.metrics.turned_away.value(), 1);
}

const SHORT: &str = "[limits]\ndeadline-seconds = 2\njudgements = 1";

/// What `on-error` says, with a time of two seconds and a judgement at a time.
fn choices() -> [(String, bool); 2] {
    [
        (SHORT.to_owned(), false),
        (format!("on-error = \"allow\"\n{SHORT}"), true),
    ]
}

#[test]
fn a_judgement_that_takes_too_long_denies_and_who_gets_no_turn_is_decided_by_choice() {
    let late = body(json!({"uid": "late", "object": pod(looked_up())}));
    let next = body(json!({"uid": "next", "object": pod(privileged())}));
    for (settings, is_open) in choices() {
        let kit = Kit {
            settings: &settings,
            ..Kit::default()
        };
        let _held = kit.held.lock().expect("nobody panicked");
        let mut server = Running::of(&kit);
        let response = server.post("/validate", &late).json();
        assert_eq!(response["response"]["uid"], "late");
        assert_eq!(response["response"]["allowed"], false);
        assert_eq!(response["response"]["status"]["code"], 403);
        // What nobody waits for any more has the turn still.
        let response = server.post("/validate", &next).json();
        assert_eq!(response["response"]["allowed"], is_open, "{response}");
        let records = server.end();
        assert!(records.contains("it took longer than it may"));
        assert!(records.contains("too much is asked at once"));
    }
}

#[test]
fn what_comes_too_late_for_a_judgement_is_decided_by_choice() {
    let text = body(json!({"object": pod(privileged())}));
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    for (settings, is_open) in choices() {
        let server = Running::new(&settings);
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).expect("sent");
        stream.flush().expect("sent");
        while server.metrics.in_flight.value() == 0 {
            thread::yield_now();
        }
        // Its time has begun, and half of that is over then.
        thread::sleep(Duration::from_millis(1_001));
        stream.write_all(text.as_bytes()).expect("sent");
        let response = Answer::read(&mut stream).json();
        assert_eq!(response["response"]["allowed"], is_open, "{response}");
        let error = &response["response"]["auditAnnotations"]["error"];
        assert_eq!(error, "too much is asked at once");
    }
}

#[test]
fn rules_that_take_too_long_deny_whatever_was_chosen() {
    let endless =
        "some i in numbers.range(1, 100000)\n  some j in numbers.range(1, 100000)\n  i * j < 0";
    let rego = format!(
        "package own\nimport rego.v1\ndeny contains 1 if {{\n  {endless}\n}}\nwarn contains 2 if {{\n  {endless}\n}}\n"
    );
    let [_, (open, _)] = choices();
    let server = Running::of(&Kit {
        settings: &open,
        rego: &rego,
        ..Kit::default()
    });
    let response = server.post("/validate", &body(json!({}))).json();
    assert_eq!(response["response"]["allowed"], false, "{response}");
    assert_eq!(response["response"]["status"]["code"], 403, "{response}");
}

#[test]
fn a_repair_that_takes_too_long_is_decided_by_choice_too() {
    // What was repaired is judged again, by a check that does not end.
    let rego = "package casemate.checks.slow
import rego.v1
rule := {\"id\": \"CM-OWN-001\", \"title\": \"Slow\", \"severity\": \"low\", \"description\": \"Slow.\", \"remediation\": \"Wait.\"}
deny contains {\"resource\": \"x\", \"message\": \"m\"} if {
	some i in numbers.range(1, 100000)
	some j in numbers.range(1, 100000)
	i * j < 0
}
";
    for (settings, allowed) in choices() {
        let mut server = Running::of(&Kit {
            settings: &settings,
            rego,
            ..Kit::default()
        });
        let response = server.post("/mutate", &body(json!({}))).json();
        assert_eq!(response["response"]["allowed"], allowed);
        assert!(server.end().contains("it took longer than it may"));
    }
}

#[test]
fn a_certificate_is_replaced_without_a_failed_request() {
    let server = Running::new("");
    let shown = || {
        let mut stream = server.connect();
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .expect("a handshake");
        }
        stream.conn.peer_certificates().expect("certificates")[0].to_vec()
    };
    let before = shown();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(server.post("/validate", &body(json!({}))).status, 200);
                count += 1;
            }
            count
        });
        for name in ["second", "first", "second"] {
            // The certificate is there before its key is: they do not fit, and nothing changes.
            let cert = server.dir.path().join("tls.crt");
            fs::copy(fixture(&format!("{name}.pem")), cert).expect("copies");
            assert!(server.certificates.renew().is_err());
            assert!(!server.certificates.renew().expect("told once"));
            install(server.dir.path(), name);
            assert!(server.certificates.renew().expect("it fits"));
            assert!(!server.certificates.renew().expect("it is the same"));
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(asking.join().expect("no request fails") > 0);
    });
    assert_ne!(shown(), before);
}

#[test]
fn who_stops_answers_what_was_asked() {
    let mut server = Running::new("");
    let mut stream = server.connect();
    let text = body(json!({"uid": "last"}));
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.flush().expect("sent");
    while server.metrics.in_flight.value() == 0 {
        thread::yield_now();
    }
    server.stop.now();
    stream.write_all(text.as_bytes()).expect("sent");
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.json()["response"]["uid"], "last");
    assert!(server.end().contains("\"uid\":\"last\""));
}
