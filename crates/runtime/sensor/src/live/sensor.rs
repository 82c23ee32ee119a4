//! The sensor: what this machine can do, and what is seen on it.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aya::maps::{MapData, RingBuf};
use casemate_core::Timestamp;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::statfs::{FsType, statfs},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    fanotify::Answers,
    kernel::{Counters, Kernel, KernelError, PROGRAMS, Probed, Rules, take_over},
    machine,
    resolve::{ResolveError, Resolved, masks},
    vouch::{Verifier, Vouchers},
};
use crate::{Entry, Place, Policy};

/// What a machine can do, from the most to the least. Each is tried, not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Programs in the kernel see everything, and deny (BPF LSM).
    Guard,
    /// Programs in the kernel see; opens are denied by fanotify, calls of addresses by control groups.
    Trace,
    /// Opens of protected files are seen and denied, by fanotify; nothing else.
    Fanotify,
    /// Nothing works here.
    None,
}

/// Something that a machine can do, or why it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Capability {
    /// What it is called.
    pub name: String,
    /// Why it is not there, in a line.
    pub refusal: Option<String>,
}

/// How the sensor is started.
#[derive(Clone, Default)]
pub struct Options {
    /// Whether blocks that say so deny; otherwise all of them tell.
    pub is_enforced: bool,
    /// A folder of the BPF file system, in which what denies is kept when the sensor ends without being told to.
    pub pin: Option<PathBuf>,
    /// Who knows what is signed, for blocks that ask.
    pub verifier: Option<Arc<dyn Verifier>>,
}

/// Why the sensor cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// The policy cannot be followed.
    #[error(transparent)]
    Policy(#[from] ResolveError),
    /// The kernel refuses.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// What is asked for is not there.
    #[error("this machine cannot {0}")]
    Missing(String),
    /// Something of the machine failed.
    #[error("{0}")]
    Machine(String),
}

/// Tries what this machine can do, and leaves nothing behind.
pub fn probe() -> (Tier, Vec<Capability>) {
    let mut capabilities = Vec::new();
    let answers = Answers::probe();
    let mut tier = if answers.is_ok() {
        Tier::Fanotify
    } else {
        Tier::None
    };
    match Kernel::load() {
        Ok(kernel) => {
            tier = tier_of(&kernel, answers.is_ok());
            capabilities.extend(kernel.probed.iter().map(capability));
            let refusal = (!kernel.has_guards()).then(|| {
                let is_taken =
                    |it: &Probed| !it.program.starts_with("guard") || it.refusal.is_none();
                match kernel.probed.iter().all(is_taken) {
                    true => "taken, but never asked: start the kernel with bpf in lsm=".to_owned(),
                    false => "the kernel does not take all of its programs".to_owned(),
                }
            });
            capabilities.push(Capability {
                name: "guard".to_owned(),
                refusal,
            });
        }
        Err(error) => capabilities.push(Capability {
            name: "programs".to_owned(),
            refusal: Some(error.to_string()),
        }),
    }
    capabilities.push(Capability {
        name: "fanotify".to_owned(),
        refusal: answers.err(),
    });
    (tier, capabilities)
}

fn capability(it: &Probed) -> Capability {
    Capability {
        name: it.program.to_owned(),
        refusal: it.refusal.clone(),
    }
}

fn tier_of(kernel: &Kernel, has_answers: bool) -> Tier {
    let sees = |it: &Probed| it.program.starts_with("guard") || it.refusal.is_none();
    match (kernel.has_guards(), kernel.probed.iter().all(sees)) {
        (true, true) => Tier::Guard,
        (false, true) => Tier::Trace,
        _ if has_answers => Tier::Fanotify,
        _ => Tier::None,
    }
}

/// What sees.
pub struct Sensor {
    tier: Tier,
    kernel: Option<Kernel>,
    events: Option<RingBuf<MapData>>,
    answers: Option<Answers>,
    policy: Policy,
    options: Options,
    resolved: Arc<Resolved>,
    vouchers: Vouchers,
    begun: Vec<Entry>,
}

impl Sensor {
    /// Loads everything that this machine takes, and protects what the policy says. Blocks that would not be enforced as they say
    /// are an error.
    pub fn start(policy: &Policy, options: Options, now: Timestamp) -> Result<Self, SensorError> {
        let asks = policy.protect.iter().find(|it| it.signed.is_some());
        if let (Some(block), None) = (asks, &options.verifier) {
            return Err(SensorError::Missing(format!(
                "say what is signed, which block {:?} asks for",
                block.name
            )));
        }
        let stale = match &options.pin {
            Some(folder) => pinned(folder)?,
            None => Vec::new(),
        };
        for folder in &stale {
            take_over(folder).map_err(|error| at(folder, error))?;
        }
        // Nothing is signed until it is looked at, which may take long: until then it is not opened.
        let mut resolved = Resolved::of(policy, None)?;
        let has_answers = Answers::probe();
        let mut kernel = Kernel::load();
        let tier = match &kernel {
            Ok(kernel) => tier_of(kernel, has_answers.is_ok()),
            Err(_) if has_answers.is_ok() => Tier::Fanotify,
            Err(_) => Tier::None,
        };
        let [enforces, has_egress, asks_signature] = masks(policy, options.is_enforced);
        if tier == Tier::None {
            let why = kernel.err().map_or_else(String::new, |it| it.to_string());
            return Err(SensorError::Missing(format!(
                "see anything: {why}; run it as root"
            )));
        }
        if let (Tier::Trace, Err(error)) = (tier, &has_answers)
            && enforces != 0
        {
            return Err(SensorError::Missing(format!(
                "deny that files are opened: {error}"
            )));
        }
        if tier == Tier::Fanotify {
            kernel = Err(KernelError::Object(String::new()));
            let of_calls = policy.protect.iter().find(|it| it.egress.is_some());
            if let (Some(block), true) = (of_calls, options.is_enforced) {
                let what = format!(
                    "hold block {:?} to its egress: the kernel takes no programs",
                    block.name
                );
                return Err(SensorError::Missing(what));
            }
        }
        if options.pin.is_some() && tier != Tier::Guard {
            let what = "keep anything denied once the sensor is gone: that takes BPF LSM (see `casemate sensor check`)";
            return Err(SensorError::Missing(what.to_owned()));
        }
        let running = machine::processes();
        let mut events = None;
        let mut kernel = kernel.ok();
        if let Some(kernel) = &mut kernel {
            kernel.protect(&resolved, false)?;
            kernel.workloads(&machine::workloads(&running, &resolved.programs))?;
            // Who was made meanwhile comes from one that is known by now, or is seen now.
            kernel.workloads(&machine::workloads(
                &machine::processes(),
                &resolved.programs,
            ))?;
            kernel.set(&Rules {
                enforces,
                has_egress,
                asks_signature,
                is_guarded: tier == Tier::Guard,
                ..Rules::default()
            })?;
            if let Some(folder) = &options.pin {
                let own = folder.join(std::process::id().to_string());
                fs::create_dir_all(&own).map_err(|error| at(&own, error.to_string()))?;
                kernel.pin(&own).map_err(|error| at(&own, error))?;
                for folder in &stale {
                    unpin(folder)?;
                }
            }
            events = Some(kernel.events()?);
        }
        let mut vouchers = Vouchers::new(options.verifier.clone());
        if asks.is_some() {
            if let Some(kernel) = &mut kernel {
                // The first look is waited for, however long it takes.
                kernel.beat(u64::MAX / 2)?;
            }
            vouchers.look(policy, &mut resolved, true);
            if let Some(kernel) = &mut kernel {
                kernel.protect(&resolved, false)?;
            }
        }
        let resolved = Arc::new(resolved);
        let answers = match tier {
            Tier::Guard => None,
            _ if has_answers.is_err() => None,
            // What is only told needs no answers where programs see it.
            Tier::Trace if enforces == 0 => None,
            _ => Some(
                Answers::start(&resolved, [enforces, asks_signature], tier != Tier::Trace)
                    .map_err(|error| SensorError::Machine(format!("fanotify: {error}")))?,
            ),
        };
        let place = Place {
            node: machine::name(),
            started: machine::started(now),
            blocks: policy.protect.iter().map(|it| it.name.clone()).collect(),
        };
        let mut begun = vec![Entry::Place(place)];
        for it in running {
            let number = it.process.process;
            begun.push(Entry::Process(it.process));
            let namespace = machine::mount_namespace(number);
            begun.extend(machine::cgroups(number, namespace).map(Entry::Cgroups));
        }
        Ok(Self {
            tier,
            kernel,
            events,
            answers,
            policy: policy.clone(),
            options,
            resolved,
            vouchers,
            begun,
        })
    }

    /// What this machine can do.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// What of the policy is not as it says, to be told.
    pub fn gaps(&self) -> &[String] {
        &self.resolved.gaps
    }

    /// Where the sensor is, and who was there before it: what comes before everything that it sees.
    pub fn begun(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.begun)
    }

    /// Hands over what was seen, having waited for it at most so long, or until `more` can be read.
    pub fn wait(
        &mut self,
        at_most: Duration,
        more: Option<BorrowedFd<'_>>,
        tell: &mut dyn FnMut(Entry),
    ) -> Result<(), SensorError> {
        if let Some(kernel) = &mut self.kernel {
            kernel.beat(machine::since_start())?;
        }
        // Fewer bytes than those for which the sensor is woken are looked for when the time is over.
        let timeout = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        let mut ready: Vec<PollFd<'_>> = more
            .into_iter()
            .map(|it| PollFd::new(it, PollFlags::POLLIN))
            .collect();
        if let Some(events) = &self.events {
            ready.push(PollFd::new(events.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut ready, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(SensorError::Machine(format!("poll: {error}"))),
        }
        // Answers first: whoever was denied something may have ended since, and that is told after it.
        if let Some(answers) = &self.answers {
            answers.told().for_each(&mut *tell);
        }
        // Others go on meanwhile, and may be faster.
        self.drain(MOST_AT_ONCE, tell);
        Ok(())
    }

    fn drain(&mut self, at_most: usize, tell: &mut dyn FnMut(Entry)) {
        let Some(events) = &mut self.events else {
            return;
        };
        for _ in 0..at_most {
            let Some(bytes) = events.next() else { break };
            tell(Entry::Record(bytes.to_vec()));
        }
    }

    /// Follows the paths of the policy again, for files come and go, and gives what is not as it says that was so before. Programs are the
    /// ones that were there at the start: what takes the place of one is another. Where the kernel denies, what is protected stays so,
    /// wherever its path leads now.
    pub fn follow(&mut self) -> Result<Vec<String>, SensorError> {
        let mut now = Resolved::of(&self.policy, Some(&self.resolved))?;
        self.vouchers.look(&self.policy, &mut now, false);
        if now == *self.resolved {
            return Ok(Vec::new());
        }
        let now = Arc::new(now);
        if let Some(kernel) = &mut self.kernel {
            kernel.protect(&now, self.tier == Tier::Guard)?;
        }
        if let Some(answers) = &self.answers {
            answers
                .protect(&now)
                .map_err(|error| SensorError::Machine(format!("fanotify: {error}")))?;
        }
        let before = std::mem::replace(&mut self.resolved, now);
        let is_new = |it: &&String| !before.gaps.contains(it);
        Ok(self.resolved.gaps.iter().filter(is_new).cloned().collect())
    }

    /// What control groups a process is in, while it is there.
    pub fn cgroups(process: u32, mount_namespace: u32) -> Option<Entry> {
        machine::cgroups(process, mount_namespace).map(Entry::Cgroups)
    }

    /// What was counted; nothing where no programs are in the kernel.
    pub fn counters(&self) -> Result<Option<Counters>, SensorError> {
        let counters = self.kernel.as_ref().map(Kernel::counters).transpose()?;
        let answered = self.answers.as_ref().map_or(0, Answers::denied);
        Ok(counters.map(|it| Counters {
            denied: it.denied + answered,
            ..it
        }))
    }

    /// Detaches everything, what was kept included, and hands over what was seen until then.
    pub fn stop(mut self, tell: &mut dyn FnMut(Entry)) -> Result<Option<Counters>, SensorError> {
        if let Some(kernel) = &mut self.kernel {
            // What is counted from now on is what was seen.
            kernel.detach(|_| true);
        }
        if let Some(answers) = &self.answers {
            answers.told().for_each(&mut *tell);
        }
        self.drain(usize::MAX, tell);
        if let Some(folder) = &self.options.pin {
            unpin(&folder.join(std::process::id().to_string()))?;
            // Another sensor may have something in there.
            let _ = fs::remove_dir(folder);
        }
        self.counters()
    }
}

/// Lets go of what sensors that are gone have kept in a folder, and says how many there were.
pub fn release(folder: &Path) -> Result<usize, SensorError> {
    let pinned = pinned(folder)?;
    if pinned.is_empty() {
        let error = "no sensor has kept anything here; everything that is denied is still denied";
        return Err(at(folder, error.to_owned()));
    }
    for it in &pinned {
        unpin(it)?;
    }
    let _ = fs::remove_dir(folder);
    Ok(pinned.len())
}

/// The folders of sensors in a folder of the BPF file system.
fn pinned(folder: &Path) -> Result<Vec<PathBuf>, SensorError> {
    let wrong = |error: io::Error| at(folder, error.to_string());
    if !folder.exists() {
        let parent = folder.parent().unwrap_or(folder);
        return if is_bpf(parent) {
            Ok(Vec::new())
        } else {
            Err(no_bpf(parent))
        };
    }
    if !is_bpf(folder) {
        return Err(no_bpf(folder));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.join("policy").exists() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes what a sensor has kept, and nothing else.
fn unpin(folder: &Path) -> Result<(), SensorError> {
    let names = PROGRAMS.iter().map(|(name, _)| *name);
    for name in names.chain(["policy", "heartbeat"]) {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at(folder, error.to_string()));
            }
            _ => {}
        }
    }
    fs::remove_dir(folder).map_err(|error| at(folder, error.to_string()))
}

fn is_bpf(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|it| it.filesystem_type() == FsType(BPF_FS_MAGIC))
}

fn no_bpf(folder: &Path) -> SensorError {
    let error = "it is in no BPF file system: name a folder below /sys/fs/bpf (mount -t bpf bpf /sys/fs/bpf)";
    at(folder, error.to_owned())
}

fn at(folder: &Path, error: impl std::fmt::Display) -> SensorError {
    SensorError::Machine(format!("{}: {error}", folder.display()))
}

const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// Entries that are handed over before anything else is looked at.
const MOST_AT_ONCE: usize = 1 << 15;
