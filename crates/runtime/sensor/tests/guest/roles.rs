//! What this program is when it is run as something else: the sensor, or a program that may open weights.

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

use casemate_core::Timestamp;
use casemate_sensor::{
    Observer, Place, Policy,
    live::{Options, Sensor, Tier},
};

/// Says what it does on standard output, a line each.
pub(crate) fn play(role: &str) {
    match role {
        "attacker" => crate::attempts::all(),
        "sensor" => sensor(),
        "read" => println!(
            "read {}",
            read().map_or_else(|it| it.to_string(), |it| it.to_string())
        ),
        "call" => {
            let cloud: SocketAddr = ([169, 254, 169, 254], 80).into();
            let called = TcpStream::connect_timeout(&cloud, Duration::from_secs(1));
            println!("called {:?}", called.map_err(|it| it.kind()));
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

fn read() -> std::io::Result<usize> {
    let mut bytes = Vec::new();
    File::open(WEIGHTS)?.read_to_end(&mut bytes)
}

fn sensor() {
    let policy: Policy = POLICY.parse().expect("a policy");
    let options = Options {
        is_enforced: true,
        pin: Some(PathBuf::from("/sys/fs/bpf/casemate")),
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

const POLICY: &str = "
[[protect]]
name = 'weights'
paths = ['/srv/models']
allow = ['/opt/server']
libraries = ['/lib', '/lib64']
mode = 'enforce'
";
