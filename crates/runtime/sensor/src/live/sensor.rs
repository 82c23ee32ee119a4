//! The sensor: what this machine can do, and what is seen on it.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use aya::maps::{MapData, RingBuf};
use casemate_core::Timestamp;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    fanotify::Answers,
    kernel::{Counters, Kernel, KernelError, Probed, Rules},
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
        let mut resolved = Resolved::of(policy)?;
        let mut vouchers = Vouchers::new(options.verifier.clone());
        vouchers.look(policy, &mut resolved, true);
        let resolved = Arc::new(resolved);
        let has_answers = Answers::probe();
        let mut kernel = Kernel::load();
        let tier = match &kernel {
            Ok(kernel) => tier_of(kernel, has_answers.is_ok()),
            Err(_) if has_answers.is_ok() => Tier::Fanotify,
            Err(_) => Tier::None,
        };
        let [enforces, has_egress, has_libraries, asks_signature] =
            masks(policy, options.is_enforced);
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
            kernel.protect(&resolved)?;
            kernel.workloads(&machine::workloads(&running, &resolved.programs))?;
            kernel.set(&Rules {
                enforces,
                has_egress,
                has_libraries,
                asks_signature,
                is_guarded: tier == Tier::Guard,
                ..Rules::default()
            })?;
            if let Some(folder) = &options.pin {
                let wrong =
                    |error: String| SensorError::Machine(format!("{}: {error}", folder.display()));
                fs::create_dir_all(folder).map_err(|error| wrong(error.to_string()))?;
                kernel.pin(folder).map_err(wrong)?;
            }
            events = Some(kernel.events()?);
        }
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
        let number = self.events.as_ref().map(AsRawFd::as_raw_fd);
        if let (Some(events), Some(_)) = (&self.events, number) {
            ready.push(PollFd::new(events.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut ready, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(SensorError::Machine(format!("poll: {error}"))),
        }
        if let Some(events) = &mut self.events {
            while let Some(bytes) = events.next() {
                tell(Entry::Record(bytes.to_vec()));
            }
        }
        if let Some(answers) = &self.answers {
            for record in answers.told() {
                tell(Entry::Record(record.to_bytes()));
            }
        }
        Ok(())
    }

    /// Follows the paths of the policy again: files come and go, and programs are replaced.
    pub fn follow(&mut self) -> Result<bool, SensorError> {
        let mut now = Resolved::of(&self.policy)?;
        self.vouchers.look(&self.policy, &mut now, false);
        if now == *self.resolved {
            return Ok(false);
        }
        let now = Arc::new(now);
        if let Some(kernel) = &mut self.kernel {
            kernel.protect(&now)?;
        }
        if let Some(answers) = &self.answers {
            answers
                .protect(&now)
                .map_err(|error| SensorError::Machine(format!("fanotify: {error}")))?;
        }
        self.resolved = now;
        Ok(true)
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

    /// Detaches everything, what was kept included.
    pub fn stop(self) -> Result<(), SensorError> {
        match &self.options.pin {
            Some(folder) => release(folder),
            None => Ok(()),
        }
    }
}

/// Lets go of what a sensor that is gone has kept in a folder.
pub fn release(folder: &std::path::Path) -> Result<(), SensorError> {
    let wrong =
        |error: std::io::Error| SensorError::Machine(format!("{}: {error}", folder.display()));
    match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(wrong(error)),
        Ok(entries) => {
            for entry in entries {
                fs::remove_file(entry.map_err(wrong)?.path()).map_err(wrong)?;
            }
        }
    }
    fs::remove_dir(folder).map_err(wrong)
}
