//! What somebody who is root tries.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use nix::{errno::Errno, sys::ptrace, unistd::Pid};

/// What was tried, and whether it was denied, as it was said in the machine.
pub(crate) fn told(text: &str) -> impl Iterator<Item = (&str, bool)> {
    text.lines()
        // The first of them stands behind what the console says.
        .filter_map(|line| Some(line.trim().split_once("attempt ")?.1))
        .filter_map(|it| it.split_once(": "))
        .map(|(name, came_of_it)| (name, came_of_it == "denied"))
}

/// So many things are tried.
pub(crate) const COUNT: usize = 29;

/// The last that is said in the machine.
pub(crate) const DONE: &str = "everything was tried";

pub(crate) fn all() {
    prepare();
    let mut sensor = start("sensor", "/test", &[]);
    assert_eq!(line(&mut sensor), "ready");

    let weights = "/srv/models/weights";
    tell("cat by root", is_refused(&cat(weights)));
    tell(
        "another interpreter",
        is_refused(&shell(&format!("read x < {weights}"))),
    );
    tell(
        "io_uring",
        shell(&format!("/opt/uring {weights}")).stdout == b"-1\n",
    );
    assert!(shell("mount --bind /srv/models /mnt").status.success());
    tell("a mount of the folder", is_refused(&cat("/mnt/weights")));
    tell("a symbolic link", is_refused(&cat("/tmp/symlink")));
    tell(
        "a copy of the program",
        as_role("read", "/tmp/copy", &[]).contains("read Operation not permitted"),
    );
    tell(
        "a new file in the folder",
        is_error(fs::write("/srv/models/new", "")),
    );
    tell(
        "a new folder in the folder",
        is_error(fs::create_dir("/srv/models/folder")),
    );
    tell(
        "to execute what lies there",
        is_refused(&shell("/srv/models/tool true")),
    );
    tell(
        "to write the program",
        is_error(File::options().write(true).open("/opt/server")),
    );
    tell("to cut the program off", is_error(truncate("/opt/server")));
    tell("to cut weights off", is_error(truncate(weights)));
    fs::write("/tmp/other", "other").expect("written");
    fs::copy("/tmp/other", "/srv/other").expect("copied");
    tell(
        "to take the place of one file",
        is_error(fs::rename("/srv/other", "/srv/one/file")),
    );
    // It is believed (y), and denied nevertheless (d).
    let said = shell(&format!("/opt/attack /opt/server {weights}")).stdout;
    tell(
        "to say that it is the program",
        if said == b"yd\n" { Ok(()) } else { Err(said) },
    );
    let mut server = start("wait", "/opt/server", &[]);
    assert_eq!(line(&mut server), "waits");
    let of_server = Pid::from_raw(i32::try_from(server.id()).expect("small"));
    tell(
        "to trace the program",
        ptrace::attach(of_server) == Err(Errno::EPERM),
    );
    let memory = File::open(format!("/proc/{of_server}/mem"));
    tell("to open its memory", is_error(memory));
    assert!(
        File::open(format!("/proc/{of_server}/environ")).is_ok(),
        "who lists processes may"
    );
    let of_sensor = Pid::from_raw(i32::try_from(sensor.id()).expect("small"));
    tell(
        "to trace the sensor",
        ptrace::attach(of_sensor) == Err(Errno::EPERM),
    );
    let sent = as_role("send", "/opt/server", &[]);
    tell(
        "to send to the cloud",
        sent.contains("sent Err(PermissionDenied)"),
    );
    tell(
        "to call the cloud",
        as_role("call", "/opt/server", &[]).contains("called Err(PermissionDenied)"),
    );
    tell(
        "a link from outside, made now",
        is_error(fs::hard_link(weights, "/hard")),
    );
    tell(
        "a link from outside, made before",
        is_refused(&cat("/before")),
    );
    tell(
        "to rename it",
        is_error(fs::rename(weights, "/srv/renamed")),
    );
    tell("to remove it", is_error(fs::remove_file(weights)));
    let preloaded = as_role("read", "/opt/server", &[("LD_PRELOAD", "/tmp/other.so")]);
    tell(
        "to preload a library",
        preloaded.contains("cannot be preloaded"),
    );
    let signed = |role| as_role(role, "/opt/server", &[]);
    assert!(
        signed("read signed").contains("read 4"),
        "what is signed is read"
    );
    let refused = "read Operation not permitted";
    tell(
        "to load what is not signed",
        signed("read unsigned").contains(refused),
    );
    assert!(
        signed("change signed").contains("changed 4"),
        "who is allowed may write"
    );
    tell(
        "to load what was changed",
        signed("read signed").contains(refused),
    );
    tell(
        "to hand it over open",
        as_role("hand", "/opt/server", &[])
            .contains("handed 0 bytes: cat: read error: Operation not permitted"),
    );

    assert!(
        as_role("read", "/opt/server", &[]).contains("read 1048576"),
        "who is allowed reads"
    );
    let has_told = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(100));
        let events = File::open("/tmp/events").expect("written");
        let lines = BufReader::new(events).lines().map_while(Result::ok);
        lines
            .filter(|it| it.contains("\"Action\":\"denied\""))
            .count()
            > 19
    });
    tell("without an event", has_told);

    sensor.kill().expect("killed");
    sensor.wait().expect("gone");
    tell("to kill the sensor", is_refused(&cat(weights)));
    // Another sensor takes over what the first has kept, which denies to it as well what it needs.
    let mut sensor = start("sensor", "/test", &[]);
    assert_eq!(line(&mut sensor), "ready");
    assert!(
        as_role("read", "/opt/server", &[]).contains("read 1048576"),
        "who is allowed reads"
    );
    sensor.kill().expect("killed");
    sensor.wait().expect("gone");
    server.kill().expect("killed");
    server.wait().expect("gone");
    casemate_sensor::live::release(Path::new("/sys/fs/bpf/casemate")).expect("let go");
    // Who detaches programs does it when nobody is in them any more.
    let is_free = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(100));
        cat(weights).status.success()
    });
    assert!(is_free, "what is let go of is free");
    println!("{DONE}");
}

fn truncate(path: &str) -> std::io::Result<()> {
    nix::unistd::truncate(path, 1).map_err(Into::into)
}

fn prepare() {
    fs::write("/srv/one/file", "one").expect("written");
    fs::write("/srv/models/weights", vec![7; 1 << 20]).expect("written");
    fs::write("/srv/signed/weights", "abcd").expect("written");
    fs::write("/srv/signed/others", "abcd").expect("written");
    fs::copy("/bin/busybox", "/srv/models/tool").expect("copied");
    fs::copy("/test", "/opt/server").expect("copied");
    fs::copy("/test", "/tmp/copy").expect("copied");
    for program in ["/srv/models/tool", "/opt/server", "/tmp/copy"] {
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("set");
    }
    fs::copy("/lib/x86_64-linux-gnu/libgcc_s.so.1", "/tmp/other.so").expect("copied");
    symlink("/srv/models/weights", "/tmp/symlink").expect("linked");
    fs::hard_link("/srv/models/weights", "/before").expect("linked");
}

fn tell<E: std::fmt::Debug>(name: &str, came_of_it: impl Into<Came<E>>) {
    match came_of_it.into().0 {
        Ok(()) => println!("attempt {name}: denied"),
        Err(error) => println!("attempt {name}: {error:?}"),
    }
}

struct Came<E>(Result<(), E>);

impl<E> From<Result<(), E>> for Came<E> {
    fn from(it: Result<(), E>) -> Self {
        Self(it)
    }
}

impl From<bool> for Came<&'static str> {
    fn from(is_denied: bool) -> Self {
        Self(if is_denied {
            Ok(())
        } else {
            Err("it came to pass")
        })
    }
}

fn is_refused(output: &Output) -> Result<(), String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match !output.status.success()
        && text.contains("ermission denied") | text.contains("not permitted")
    {
        true => Ok(()),
        false => Err(format!("{:?} {text}", output.status)),
    }
}

fn is_error<T>(result: std::io::Result<T>) -> Result<(), String> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        Err(other) => Err(other.to_string()),
        Ok(_) => Err("it came to pass".to_owned()),
    }
}

fn cat(path: &str) -> Output {
    Command::new("/bin/busybox")
        .args(["cat", path])
        .output()
        .expect("it starts")
}

fn shell(script: &str) -> Output {
    Command::new("/bin/busybox")
        .args(["sh", "-c", script])
        .output()
        .expect("it starts")
}

/// What this program says in a role, under another name.
fn as_role(role: &str, program: &str, environment: &[(&str, &str)]) -> String {
    let output = command(role, program, environment)
        .output()
        .expect("it starts");
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    of(&output.stdout) + &of(&output.stderr)
}

fn start(role: &str, program: &str, environment: &[(&str, &str)]) -> Child {
    let mut command = command(role, program, environment);
    command.stdout(Stdio::piped()).spawn().expect("it starts")
}

fn command(role: &str, program: &str, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command
        .env("CASEMATE_ROLE", role)
        .envs(environment.iter().copied());
    command
}

/// The first line that a program says.
fn line(child: &mut Child) -> String {
    let from = BufReader::new(child.stdout.as_mut().expect("a pipe"));
    from.lines()
        .next()
        .map_or_else(String::new, |it| it.expect("UTF-8"))
}
