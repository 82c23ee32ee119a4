//! What this program is when it is run as something else: the sensor, or a program that may open weights.

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use casemate_core::Timestamp;
use casemate_sensor::{
    Observer, Place, Policy,
    live::{Options, Sensor, Tier, Verifier, Vouched},
};

/// Says what it does on standard output, a line each.
pub(crate) fn play(role: &str) {
    match role {
        "attacker" => crate::attempts::all(),
        "sensor" => sensor(),
        "read" => println!("read {}", told(read(WEIGHTS))),
        "read signed" => println!("read {}", told(read(SIGNED))),
        "read unsigned" => println!("read {}", told(read(UNSIGNED))),
        "change signed" => println!("changed {}", told(change(SIGNED))),
        "call" => {
            let cloud: SocketAddr = ([169, 254, 169, 254], 80).into();
            let called = TcpStream::connect_timeout(&cloud, Duration::from_secs(1));
            println!("called {:?}", called.map_err(|it| it.kind()));
        }
        "send" => {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("a port");
            let sent = socket.send_to(b"x", "169.254.169.254:80");
            println!("sent {:?}", sent.map_err(|it| it.kind()));
        }
        // What it has open is handed to a program that may not open it.
        "hand" => {
            let weights = File::open(WEIGHTS).expect("it is allowed");
            let output = Command::new("/bin/busybox")
                .arg("cat")
                .stdin(weights)
                .output();
            let output = output.expect("it starts");
            println!(
                "handed {} bytes: {}",
                output.stdout.len(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        "wait" => {
            println!("waits");
            thread::sleep(Duration::from_secs(600));
        }
        other => panic!("{other}"),
    }
}

fn told(result: std::io::Result<usize>) -> String {
    result.map_or_else(|it| it.to_string(), |it| it.to_string())
}

fn read(path: &str) -> std::io::Result<usize> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)
}

fn change(path: &str) -> std::io::Result<usize> {
    File::options().append(true).open(path)?.write(b"more")
}

/// Vouches for one file.
struct One;

impl Verifier for One {
    fn signed(&self, _: &Path, _: &Path) -> Vouched {
        Vouched {
            files: vec![PathBuf::from(SIGNED)],
            notes: Vec::new(),
        }
    }
}

fn sensor() {
    let policy: Policy = POLICY.parse().expect("a policy");
    let options = Options {
        is_enforced: true,
        pin: Some(PathBuf::from("/sys/fs/bpf/casemate")),
        verifier: Some(Arc::new(One)),
    };
    let mut sensor = Sensor::start(&policy, options, Timestamp::now()).expect("it starts");
    assert_eq!(sensor.tier(), Tier::Guard);
    let mut observer = Observer::new(Place::default());
    let mut events = File::create("/tmp/events").expect("made");
    for entry in sensor.begun() {
        observer.take(&entry, Timestamp::now()).expect("an entry");
    }
    println!("ready");
    loop {
        let each = &mut |entry| {
            let event = observer.take(&entry, Timestamp::now()).expect("an entry");
            if let Some(event) = event {
                serde_json::to_writer(&events, &event).expect("written");
                events.write_all(b"\n").expect("written");
            }
        };
        sensor
            .wait(Duration::from_millis(100), None, each)
            .expect("it waits");
    }
}

const WEIGHTS: &str = "/srv/models/weights";
const SIGNED: &str = "/srv/signed/weights";
const UNSIGNED: &str = "/srv/signed/others";

const POLICY: &str = "
[[protect]]
name = 'weights'
paths = ['/srv/models']
allow = ['/opt/server']
libraries = ['/lib', '/lib64']
mode = 'enforce'

[[protect]]
name = 'signed weights'
paths = ['/srv/signed']
allow = ['/opt/server']
libraries = ['/lib', '/lib64']
signed = '/trust.toml'
mode = 'enforce'

[[protect]]
name = 'one file'
paths = ['/srv/one/file']
allow = []
mode = 'enforce'
";
