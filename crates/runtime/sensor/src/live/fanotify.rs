//! Denials where the kernel takes no programs that say no: each open of a protected file waits for an answer (fanotify(7)).
//!
//! What is marked are files and folders themselves, so that links and mounts of them are covered. What is not: new names
//! (a file may be made in a protected folder, and stays empty), files in folders that are new since the marks were set, reading
//! what is open already, and everything once the sensor is gone.

use std::{
    cell::Cell,
    collections::BTreeSet,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, readlink},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::fanotify::{
        EventFFlags, Fanotify, FanotifyEvent, FanotifyResponse, InitFlags, MarkFlags, MaskFlags,
        Response,
    },
    sys::stat::{SFlag, fstat},
};

use super::{
    machine,
    resolve::{Changed, Resolved, identity},
};
use crate::{Blocks, Cgroups, Entry, Identity, Kind, Process, Record, Signature};

/// Answers for protected files.
pub(super) struct Answers {
    group: Arc<Fanotify>,
    rules: Arc<Mutex<Rules>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    told: Receiver<Told>,
    denied: Cell<u64>,
}

/// A question that was answered, and who asked.
struct Told {
    process: Option<Process>,
    cgroups: Option<Cgroups>,
    record: Record,
}

impl Told {
    fn of(mut record: Record) -> Self {
        let running = machine::running(record.process).map(|it| it.process);
        record.parent = running.as_ref().map_or(0, |it| it.parent);
        Self {
            process: running,
            cgroups: machine::cgroups(record.process, record.mount_namespace),
            record,
        }
    }
}

struct Rules {
    resolved: Arc<Resolved>,
    /// The blocks whose files are marked.
    marked: u64,
    enforces: u64,
    asks_signature: u64,
}

impl Rules {
    /// The paths that are marked.
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let paths = self.resolved.paths.iter();
        paths
            .filter(|(_, blocks)| blocks.0 & self.marked != 0)
            .map(|(path, _)| path)
    }
}

impl Answers {
    /// Whether the kernel asks for answers.
    pub(super) fn probe() -> Result<(), String> {
        let group = group().map_err(|error| format!("fanotify_init: {error}"))?;
        mark(&group, MarkFlags::FAN_MARK_ADD, &PathBuf::from("/"))
            .map_err(|error| format!("fanotify_mark: {error}"))
    }

    /// Marks what is protected, and answers from now on. Where others see what is opened, only the blocks that enforce are asked
    /// about, and only denials are told: whoever opens a marked file waits for the answer.
    pub(super) fn start(
        resolved: &Arc<Resolved>,
        [enforces, asks_signature]: [u64; 2],
        is_only_eye: bool,
    ) -> io::Result<Self> {
        let group = Arc::new(group()?);
        let own = Rules {
            resolved: Arc::clone(resolved),
            marked: if is_only_eye { u64::MAX } else { enforces },
            enforces,
            asks_signature,
        };
        let paths: Vec<PathBuf> = own.paths().cloned().collect();
        let rules = Arc::new(Mutex::new(own));
        let is_over = Arc::new(AtomicBool::new(false));
        let (tell, told) = channel();
        let thread = {
            let (group, rules, is_over) =
                (Arc::clone(&group), Arc::clone(&rules), Arc::clone(&is_over));
            thread::Builder::new()
                .name("answers".to_owned())
                .spawn(move || answer_all(&group, &rules, &is_over, &tell, is_only_eye))?
        };
        let answers = Self {
            group,
            rules,
            is_over,
            thread: Some(thread),
            told,
            denied: Cell::new(0),
        };
        for path in &paths {
            answers.mark(MarkFlags::FAN_MARK_ADD, path)?;
        }
        Ok(answers)
    }

    /// Marks what is protected now, and no longer what was.
    pub(super) fn protect(&self, resolved: &Arc<Resolved>) -> io::Result<()> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let before: BTreeSet<PathBuf> = rules.paths().cloned().collect();
        rules.resolved = Arc::clone(resolved);
        let now: BTreeSet<PathBuf> = rules.paths().cloned().collect();
        // Who waits for an answer waits for this too.
        drop(rules);
        for path in now.difference(&before) {
            self.mark(MarkFlags::FAN_MARK_ADD, path)?;
        }
        for path in before.difference(&now) {
            self.mark(MarkFlags::FAN_MARK_REMOVE, path)?;
        }
        Ok(())
    }

    /// What was asked and answered since.
    pub(super) fn told(&self) -> impl Iterator<Item = Entry> {
        self.told.try_iter().flat_map(|it| {
            self.denied
                .set(self.denied.get() + u64::from(it.record.is_denied));
            let process = it.process.map(Entry::Process);
            let cgroups = it.cgroups.map(Entry::Cgroups);
            let record = Entry::Record(it.record.to_bytes());
            process.into_iter().chain(cgroups).chain([record])
        })
    }

    /// How often it was no, of what was told.
    pub(super) fn denied(&self) -> u64 {
        self.denied.get()
    }

    fn mark(&self, flags: MarkFlags, path: &PathBuf) -> io::Result<()> {
        match mark(&self.group, flags, path) {
            // It went away meanwhile.
            Err(Errno::ENOENT) => Ok(()),
            other => Ok(other?),
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Who waits for an answer is let in when the group is closed.
            let _ = thread.join();
        }
    }
}

fn group() -> Result<Fanotify, Errno> {
    let flags = InitFlags::FAN_CLASS_CONTENT
        | InitFlags::FAN_CLOEXEC
        | InitFlags::FAN_NONBLOCK
        | InitFlags::FAN_UNLIMITED_MARKS
        | InitFlags::FAN_UNLIMITED_QUEUE;
    Fanotify::init(
        flags,
        EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC | EventFFlags::O_LARGEFILE,
    )
}

fn mark(group: &Fanotify, flags: MarkFlags, path: &PathBuf) -> Result<(), Errno> {
    let mask =
        MaskFlags::FAN_OPEN_PERM | MaskFlags::FAN_OPEN_EXEC_PERM | MaskFlags::FAN_EVENT_ON_CHILD;
    group.mark(
        flags | MarkFlags::FAN_MARK_DONT_FOLLOW,
        mask,
        AT_FDCWD,
        Some(path),
    )
}

fn answer_all(
    group: &Fanotify,
    rules: &Mutex<Rules>,
    is_over: &AtomicBool,
    tell: &Sender<Told>,
    is_only_eye: bool,
) {
    while !is_over.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(group.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(100_u8)).is_err() {
            continue;
        }
        let Ok(events) = group.read_events() else {
            continue;
        };
        for event in events {
            let Some(file) = event.fd() else { continue };
            let rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
            let record = judge(&event, file, &rules);
            drop(rules);
            // Who it is can be asked while it waits, and not later.
            let told = record
                .filter(|it| is_only_eye || it.is_denied)
                .map(Told::of);
            let is_denied = told.as_ref().is_some_and(|it| it.record.is_denied);
            let response = if is_denied {
                Response::FAN_DENY
            } else {
                Response::FAN_ALLOW
            };
            // An answer that cannot be given is one to somebody who is gone.
            let _ = group.write_response(FanotifyResponse::new(file, response));
            if let Some(told) = told {
                // Who is gone is told nothing.
                let _ = tell.send(told);
            }
        }
    }
}

/// What there is to tell of a question; nothing where it is about nothing that is protected.
fn judge(event: &FanotifyEvent, file: BorrowedFd<'_>, rules: &Rules) -> Option<Record> {
    let process = u32::try_from(event.pid()).ok()?;
    if process == std::process::id() {
        return None;
    }
    let object = identity(&file).ok()?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let path = readlink(&*format!("/proc/self/fd/{number}")).ok()?;
    let blocks = rules.blocks(&object, Path::new(&path))?;
    let is_execute = event.mask().contains(MaskFlags::FAN_OPEN_EXEC_PERM);
    let executable = machine::executable(process).unwrap_or_default();
    let programs = &rules.resolved.programs;
    // What is executed is not opened by the program that asks for it.
    let allowing = match is_execute {
        true => programs.get(&object),
        false => programs.get(&executable),
    };
    let allowing = allowing.copied().unwrap_or_default().0;
    let asking = blocks.0 & allowing & rules.asks_signature;
    let signature = (asking != 0)
        .then(|| rules.signature(object, file))
        .flatten();
    let is_unsigned = signature.is_some_and(|it| it != Signature::Signed);
    let against = blocks.0 & !allowing | if is_unsigned { asking } else { 0 };
    Some(Record {
        time: machine::since_start(),
        cgroup: 0,
        object,
        executable,
        blocks: if against == 0 {
            blocks
        } else {
            Blocks(against)
        },
        workload: Blocks::default(),
        kind: Kind::Open {
            is_write: false,
            is_execute,
        },
        process,
        thread: process,
        parent: 0,
        user: machine::user(process),
        mount_namespace: machine::mount_namespace(process),
        name: String::new(),
        path: std::os::unix::ffi::OsStringExt::into_vec(path),
        arguments: Vec::new(),
        environment: Vec::new(),
        is_cut: false,
        is_text_cut: false,
        is_allowed: against == 0,
        is_denied: against & rules.enforces != 0,
        signature,
    })
}

impl Rules {
    /// Whether what is in a file is signed; nothing of what is no file.
    fn signature(&self, object: Identity, file: BorrowedFd<'_>) -> Option<Signature> {
        let stat = fstat(file).ok()?;
        if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits() {
            return None;
        }
        let now = Changed {
            seconds: stat.st_ctime,
            nanoseconds: stat.st_ctime_nsec,
        };
        Some(match self.resolved.verified.get(&object) {
            None => Signature::Unsigned,
            Some(then) if *then == now => Signature::Signed,
            Some(_) => Signature::Changed,
        })
    }

    /// Of a file, or of the folder that it is new in.
    fn blocks(&self, object: &Identity, path: &Path) -> Option<Blocks> {
        let own = self.resolved.protected.get(object);
        let of_folder = || path.ancestors().find_map(|it| self.resolved.paths.get(it));
        own.or_else(of_folder).copied()
    }
}
