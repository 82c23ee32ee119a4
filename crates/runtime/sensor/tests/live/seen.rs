//! What is done is seen, with who did it.

use casemate_core::Field;

use crate::kit::{Rig, category, text};

#[test]
fn a_program_is_seen_with_its_arguments_and_what_it_comes_from() {
    let mut rig = Rig::new("", false);
    let told = rig.path("marker");
    let script = format!("/bin/echo one {} > /dev/null; true", told.display());
    rig.run("/bin/sh", &["-c", &script]);
    let event = rig.seen(|it| {
        text(it, "CommandLine").starts_with("/bin/echo one") && category(it) == "process_creation"
    });
    assert!(text(&event, "Image").ends_with("/bin/echo"), "{event:#?}");
    assert!(text(&event, "ParentImage").ends_with("sh"), "{event:#?}");
    let Some(Field::List(ancestors)) = event.fields.get("Ancestors") else {
        panic!("it has none: {event:#?}");
    };
    assert!(ancestors.len() >= 2, "{event:#?}");
    rig.stop();
}

#[test]
fn who_opens_weights_is_seen_under_whatever_name() {
    let mut rig = Rig::new("", false);
    let weights = rig.path("models/weights.gguf");
    let alias = rig.path("alias");
    std::os::unix::fs::symlink(&weights, &alias).expect("linked");
    rig.run("/bin/cat", &[alias.to_str().expect("UTF-8")]);
    let server = rig.path("server");
    rig.run(&server, &[weights.to_str().expect("UTF-8")]);
    let path = weights.to_str().expect("UTF-8").to_owned();
    let by = |name: &str| {
        let (path, name) = (path.clone(), name.to_owned());
        move |it: &casemate_core::Event| {
            category(it) == "file_access"
                && text(it, "TargetFilename") == path
                && text(it, "Image").ends_with(&name)
        }
    };
    let other = rig.seen(by("/cat"));
    assert_eq!(text(&other, "Protect"), "weights");
    assert_eq!(text(&other, "Action"), "audited");
    assert_eq!(other.fields.get("IsAllowed"), Some(&Field::Bool(false)));
    let own = rig.seen(by("/server"));
    assert_eq!(text(&own, "Action"), "allowed");
    assert_eq!(text(&own, "Workload"), "weights");
    // All of it was read, and that is told when it ends.
    let ended = rig
        .seen(|it| category(it) == "process_termination" && text(it, "Image").ends_with("/server"));
    assert_eq!(
        ended.fields.get("WeightsBytes"),
        Some(&Field::Integer(4 << 20))
    );
    rig.stop();
}

#[test]
fn what_is_seen_is_sent_or_counted_as_dropped() {
    let mut rig = Rig::new("", false);
    for _ in 0..20 {
        rig.run("/bin/true", &[]);
    }
    rig.seen(|it| text(it, "Image").ends_with("/true"));
    let counters = rig
        .sensor()
        .counters()
        .expect("read")
        .expect("programs are in the kernel");
    assert!(counters.seen >= 40, "{counters:?}");
    // Others count while it is read; what was seen last may be on its way.
    assert!(
        counters.seen.abs_diff(counters.sent + counters.dropped) <= 8,
        "{counters:?}"
    );
    rig.stop();
}

#[test]
fn a_program_without_a_file_and_a_look_into_memory_are_seen() {
    let mut rig = Rig::new("", false);
    let script = "import os\nf = os.memfd_create('x')\nos.write(f, open('/bin/true','rb').read())\nos.execv(f'/proc/self/fd/{f}', ['nothing'])";
    rig.run("python3", &["-c", script]);
    let event =
        rig.seen(|it| category(it) == "process_creation" && text(it, "CommandLine") == "nothing");
    assert_eq!(event.fields.get("ImageInMemory"), Some(&Field::Bool(true)));
    rig.seen(|it| text(it, "Call") == "memfd_create");
    let script = format!("open('/proc/{}/mem','rb')", std::process::id());
    rig.run("python3", &["-c", &script]);
    let event = rig.seen(|it| category(it) == "process_access" && text(it, "Call") == "open");
    let own = i64::from(std::process::id());
    assert_eq!(
        event.fields.get("TargetProcessId"),
        Some(&Field::Integer(own))
    );
    rig.stop();
}

#[test]
fn who_is_called_is_seen() {
    let mut rig = Rig::new("egress = ['192.0.2.0/24:443']", false);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let script = format!("import socket\ns = socket.create_connection(('127.0.0.1', {port}))");
    rig.run("python3", &["-c", &script]);
    let of_port = Field::Integer(port.into());
    let event = rig.seen(|it| it.fields.get("DestinationPort") == Some(&of_port));
    assert_eq!(text(&event, "DestinationIp"), "127.0.0.1");
    assert_eq!(text(&event, "Protocol"), "tcp");
    rig.stop();
}
