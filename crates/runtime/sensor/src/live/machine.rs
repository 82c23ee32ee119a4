//! Who runs on this machine, as `/proc` says.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
};

use casemate_core::Timestamp;
use jiff::SignedDuration;
use nix::{
    sys::{stat::stat, utsname::uname},
    time::{ClockId, clock_gettime},
};

use super::resolve::identity_of;
use crate::{Blocks, Cgroups, Identity, Process, process::text};

/// A process, and what it runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) executable: Option<Identity>,
}

/// The processes that run, each after the one that it comes from.
pub(super) fn processes() -> Vec<Running> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let mut all: BTreeMap<u32, Running> = entries
        .filter_map(number)
        .filter_map(|number| Some((number, running(number)?)))
        .collect();
    let mut ordered = Vec::with_capacity(all.len());
    // Numbers are given anew, so that who comes from whom is followed.
    while let Some(mut number) = all.keys().next().copied() {
        let mut line = Vec::new();
        while let Some(it) = all.remove(&number) {
            number = it.process.parent;
            line.push(it);
        }
        ordered.extend(line.into_iter().rev());
    }
    ordered
}

/// A process that runs a program that is allowed, or comes from one that does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    pub(super) process: u32,
    /// The blocks of whose programs it is one, or comes from one.
    pub(super) workload: Blocks,
    /// The blocks that allow what it runs itself.
    pub(super) runs: Blocks,
}

/// Of processes, those that run a program that is allowed, and those that come from one that does.
pub(super) fn workloads(
    running: &[Running],
    programs: &BTreeMap<Identity, Blocks>,
) -> Vec<Workload> {
    let mut all: BTreeMap<u32, Workload> = BTreeMap::new();
    for it in running {
        let runs = it
            .executable
            .and_then(|it| programs.get(&it))
            .copied()
            .unwrap_or_default();
        let from = all.get(&it.process.parent).map_or(0, |it| it.workload.0);
        let workload = Blocks(runs.0 | from);
        if !workload.is_empty() {
            let process = it.process.process;
            all.insert(
                process,
                Workload {
                    process,
                    workload,
                    runs,
                },
            );
        }
    }
    all.into_values().collect()
}

/// A process, while it is there.
pub(super) fn running(number: u32) -> Option<Running> {
    let folder = format!("/proc/{number}");
    let status = read(&format!("{folder}/status"))?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    let executable = format!("{folder}/exe");
    let image = fs::read_link(&executable).map(|it| text(it.as_os_str().as_bytes()));
    let arguments = read(&format!("{folder}/cmdline")).unwrap_or_default();
    let arguments = arguments.strip_suffix(&[0]).unwrap_or(&arguments);
    let arguments: Vec<u8> = arguments
        .iter()
        .map(|it| if *it == 0 { b' ' } else { *it })
        .collect();
    Some(Running {
        process: Process {
            process: number,
            parent: parent.trim().parse().ok()?,
            // A thread of the kernel runs nothing.
            image: image.unwrap_or_default(),
            command_line: text(&arguments),
        },
        executable: fs::metadata(&executable).ok().map(|it| identity_of(&it)),
    })
}

/// What control groups a process is in, while it is there.
pub(super) fn cgroups(process: u32, mount_namespace: u32) -> Option<Cgroups> {
    let bytes = read(&format!("/proc/{process}/cgroup"))?;
    Some(Cgroups {
        process,
        mount_namespace,
        text: text(&bytes),
    })
}

/// The executable of a process.
pub(super) fn executable(process: u32) -> Option<Identity> {
    let metadata = fs::metadata(format!("/proc/{process}/exe")).ok()?;
    Some(identity_of(&metadata))
}

/// Who runs a process.
pub(super) fn user(process: u32) -> u32 {
    fs::metadata(format!("/proc/{process}")).map_or(0, |it| it.uid())
}

/// The mount namespace of a process; 0 where it is not known.
pub(super) fn mount_namespace(process: u32) -> u32 {
    let namespace = stat(&*format!("/proc/{process}/ns/mnt"));
    namespace.map_or(0, |it| u32::try_from(it.st_ino).unwrap_or(0))
}

/// What this machine is called.
pub fn name() -> String {
    uname().map_or_else(
        |_| "localhost".to_owned(),
        |it| it.nodename().to_string_lossy().into_owned(),
    )
}

/// When the machine was started, by its own clock.
pub(super) fn started(now: Timestamp) -> Timestamp {
    let since = SignedDuration::from_nanos(i64::try_from(since_start()).unwrap_or(i64::MAX));
    now.checked_sub(since).unwrap_or(now)
}

/// Nanoseconds since the machine was started, sleep included.
pub(super) fn since_start() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME);
    time.map_or(0, |it| {
        let part = |it: i64| u64::try_from(it).unwrap_or(0);
        part(it.tv_sec()) * 1_000_000_000 + part(it.tv_nsec())
    })
}

/// A file of `/proc`, as far as anybody reads it.
fn read(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_READ).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

const MAX_READ: u64 = 1 << 20;
