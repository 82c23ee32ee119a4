//! How fast requests are answered. `load serve POLICY CERT KEY` is a server of the built-in gate with the rules of POLICY, a file of
//! Rego; it says where it listens. `load ask ADDRESS REVIEW AUTHORITY RATE SECONDS CONNECTIONS` asks it, RATE times a second, on
//! connections that stay open, and says how long answers took. A request counts from the moment at which it was due, so that a
//! server that falls behind is seen to.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example reads what it is given and talks to its reader"
)]

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use casemate_admission::{
    Certificates, Judge, Metrics, NobodyVouches, Parts, Records, Server, Settings, Stop,
};
use casemate_core::{PathText, SystemClock, Timestamp};
use casemate_policy::{Bundle, gatekeeper::Inventory};
use casemate_posture::{
    PostureSurvey,
    check::{Persona, UserChecks},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

type Stream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", policy, cert, key] => serve(policy, cert, key),
        [
            "ask",
            address,
            review,
            authority,
            rate,
            seconds,
            connections,
        ] => {
            let (rate, seconds, connections) =
                (rate.parse()?, seconds.parse()?, connections.parse()?);
            let body = fs::read_to_string(review)?;
            ask(&Load {
                address,
                body: &body,
                authority,
                rate,
                seconds,
                connections,
            })
        }
        _ => Err("see the comment at the top".into()),
    }
}

fn serve(policy: &str, cert: &str, key: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let files = vec![(PathText::from_text("own.rego"), fs::read(policy)?)];
    let bundle = Bundle::overlay(files)?;
    let survey = PostureSurvey::new(Persona::Regular);
    let survey = survey.with_checks(UserChecks::of(&bundle, Timestamp::UNIX_EPOCH)?);
    let metrics = Arc::new(Metrics::default());
    let (records, _) = Records::begin(std::io::sink(), 4_096, Arc::clone(&metrics))?;
    let judge = Judge::new(Parts {
        survey,
        bundle,
        constraints: None,
        inventory: Inventory::default(),
        vouch: Box::new(NobodyVouches),
        settings: Settings::default(),
    })?;
    println!("{}", judge.told());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let server = Server {
        judge: Arc::new(judge),
        certificates: Arc::new(Certificates::load(Path::new(cert), Path::new(key))?),
        metrics,
        records: Some(records),
        clock: Arc::new(SystemClock),
        told: Arc::new(|_| {}),
    };
    Ok(server.run(listener, None, &Stop::default())?)
}

struct Load<'a> {
    address: &'a str,
    body: &'a str,
    authority: &'a str,
    /// Requests a second.
    rate: u32,
    seconds: u32,
    connections: u32,
}

fn ask(load: &Load<'_>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let streams: Result<Vec<Stream>, _> = (0..load.connections).map(|_| connect(load)).collect();
    let begin = Instant::now() + Duration::from_millis(100);
    let mut times = Vec::new();
    let mut denied = 0;
    thread::scope(|scope| {
        let asking = streams?
            .into_iter()
            .zip(0..)
            .map(|(stream, at)| scope.spawn(move || one(load, stream, begin, at)));
        let asking: Vec<_> = asking.collect();
        for thread in asking {
            let (taken, no) = thread.join().map_err(|_| "a thread failed")??;
            times.extend(taken);
            denied += no;
        }
        Ok::<(), Box<dyn Error + Send + Sync>>(())
    })?;
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 1_000).min(times.len() - 1)];
    let took = begin.elapsed().as_secs_f64();
    println!(
        "{{\"requests\": {}, \"denied\": {denied}, \"per_second\": {:.0}, \"p50_us\": {}, \"p90_us\": {}, \"p99_us\": {}, \"max_us\": {}}}",
        times.len(),
        times.len() as f64 / took,
        at(500).as_micros(),
        at(900).as_micros(),
        at(990).as_micros(),
        at(1_000).as_micros(),
    );
    Ok(())
}

type Taken = (Vec<Duration>, u32);

/// Every request of one connection, in its turn.
fn one(
    load: &Load<'_>,
    mut stream: Stream,
    begin: Instant,
    at: u32,
) -> Result<Taken, Box<dyn Error + Send + Sync>> {
    let request = format!(
        "POST /validate?timeout=10s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        load.body.len(),
        load.body
    );
    let (mut times, mut denied) = (Vec::new(), 0);
    for number in (at..load.rate * load.seconds).step_by(load.connections as usize) {
        let due = begin + Duration::from_secs(1) * number / load.rate;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        times.push(due.elapsed());
        denied += u32::from(String::from_utf8(body)?.contains("\"allowed\":false"));
    }
    Ok((times, denied))
}

fn connect(load: &Load<'_>) -> Result<Stream, Box<dyn Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(load.authority)?)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1")?)?;
    let stream = TcpStream::connect(load.address)?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(StreamOwned::new(connection, stream)))
}
