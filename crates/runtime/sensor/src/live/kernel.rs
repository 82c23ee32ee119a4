//! The programs in the kernel: which of them it takes, and the tables that they look into.

use std::{fs::File, io::ErrorKind, os::fd::AsFd, path::Path};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader,
    maps::{
        Array, HashMap, Map, MapData, MapError, PerCpuArray, RingBuf,
        lpm_trie::{Key, LpmTrie},
    },
    programs::{CgroupAttachMode, Program, ProgramError, links::FdLink, lsm::LsmLinkId},
};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{
    machine::Workload,
    resolve::{Changed, Resolved},
};
use crate::{Blocks, Identity, OBJECT, policy::Peer};

/// What is there already stays (`BPF_NOEXIST`).
const NO_EXIST: u64 = 1;

/// Where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// To a tracepoint, whose arguments it sees by type.
    Trace(&'static str),
    /// To all that call addresses, at the root of the control groups.
    Cgroup,
    /// To a question of the security modules, which it may answer with no.
    Guard(&'static str),
}

/// Every program of the object.
pub(super) const PROGRAMS: &[(&str, Hook)] = &[
    ("executed", Hook::Trace("sched_process_exec")),
    ("forked", Hook::Trace("sched_process_fork")),
    ("exited", Hook::Trace("sched_process_exit")),
    ("connect_v4", Hook::Cgroup),
    ("connect_v6", Hook::Cgroup),
    ("send_v4", Hook::Cgroup),
    ("send_v6", Hook::Cgroup),
    ("guard_open", Hook::Guard("file_open")),
    ("guard_receive", Hook::Guard("file_receive")),
    ("guard_read", Hook::Guard("file_permission")),
    ("guard_map", Hook::Guard("mmap_file")),
    ("guard_protect", Hook::Guard("file_mprotect")),
    ("guard_truncate", Hook::Guard("path_truncate")),
    ("guard_socket", Hook::Guard("socket_create")),
    ("guard_execute", Hook::Guard("bprm_check_security")),
    ("guard_create", Hook::Guard("inode_create")),
    ("guard_mknod", Hook::Guard("inode_mknod")),
    ("guard_mkdir", Hook::Guard("inode_mkdir")),
    ("guard_symlink", Hook::Guard("inode_symlink")),
    ("guard_link", Hook::Guard("inode_link")),
    ("guard_rename", Hook::Guard("inode_rename")),
    ("guard_unlink", Hook::Guard("inode_unlink")),
    ("guard_rmdir", Hook::Guard("inode_rmdir")),
    ("guard_access", Hook::Guard("ptrace_access_check")),
    ("guard_traceme", Hook::Guard("ptrace_traceme")),
    ("guard_connect", Hook::Guard("socket_connect")),
    ("guard_send", Hook::Guard("socket_sendmsg")),
    // The last: what is asked to attach the others is nobody's business.
    ("called", Hook::Trace("sys_exit")),
];

/// Why nothing could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel does not say what its types are.
    #[error(
        "the kernel does not say what its types are (/sys/kernel/btf/vmlinux; CONFIG_DEBUG_INFO_BTF): {0}"
    )]
    Types(String),
    /// The object is refused as a whole.
    #[error("the kernel refuses the programs: {0}")]
    Object(String),
    /// A table is refused.
    #[error("table {table}: {error}")]
    Table {
        /// Which.
        table: &'static str,
        /// Why.
        error: String,
    },
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// What it is called.
    pub program: &'static str,
    /// Where it is attached.
    pub hook: Hook,
    /// Why it is not, in a line.
    pub refusal: Option<String>,
}

/// How much was seen. `seen = sent + dropped`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that happened.
    pub seen: u64,
    /// Events that were written.
    pub sent: u64,
    /// Events for which there was no room.
    pub dropped: u64,
    /// Times that something was denied.
    pub denied: u64,
    /// Processes for which there was no room.
    pub forgotten: u64,
}

/// The programs, loaded and attached as far as the kernel takes them.
pub(super) struct Kernel {
    ebpf: Ebpf,
    /// What holds the programs that deny to their hooks.
    guards: Vec<(&'static str, LsmLinkId)>,
    /// What became of each program.
    pub(super) probed: Vec<Probed>,
}

impl Kernel {
    /// Loads and attaches every program of the object that the kernel takes.
    pub(super) fn load() -> Result<Self, KernelError> {
        let types = Btf::from_sys_fs().map_err(|error| KernelError::Types(in_a_line(&error)))?;
        let ebpf = EbpfLoader::new()
            .btf(Some(&types))
            .load(OBJECT)
            .map_err(|error: EbpfError| KernelError::Object(in_a_line(&error)))?;
        let mut kernel = Self {
            ebpf,
            guards: Vec::new(),
            probed: Vec::new(),
        };
        kernel.beat(super::machine::since_start())?;
        kernel.set(&Rules::default())?;
        let root = control_groups();
        for (program, hook) in PROGRAMS {
            let refusal = kernel.attach(program, *hook, &types, root.as_ref()).err();
            kernel.probed.push(Probed {
                program,
                hook: *hook,
                refusal,
            });
        }
        match kernel.is_guarded()? {
            // The guards see what is called as well.
            true => kernel.detach(|hook| hook == Hook::Cgroup),
            // Half of them would hold less than is promised.
            false => kernel.detach(|hook| matches!(hook, Hook::Guard(_))),
        }
        Ok(kernel)
    }

    fn attach(
        &mut self,
        name: &'static str,
        hook: Hook,
        types: &Btf,
        root: Option<&File>,
    ) -> Result<(), String> {
        let program = self
            .ebpf
            .program_mut(name)
            .ok_or("it is not in the object")?;
        let attached: Result<(), ProgramError> = (|| {
            match (program, hook) {
                (Program::BtfTracePoint(it), Hook::Trace(hook)) => {
                    it.load(hook, types)?;
                    it.attach()?;
                }
                (Program::Lsm(it), Hook::Guard(hook)) => {
                    it.load(hook, types)?;
                    self.guards.push((name, it.attach()?));
                }
                (Program::CgroupSockAddr(it), Hook::Cgroup) => {
                    it.load()?;
                    if let Some(root) = root {
                        // A link of this kind stands beside those of others, whatever this says.
                        it.attach(root, CgroupAttachMode::Single)?;
                    }
                }
                _ => return Err(ProgramError::UnexpectedProgramType),
            }
            Ok(())
        })();
        if hook == Hook::Cgroup && root.is_none() {
            return Err("no control groups of version 2 are mounted".to_owned());
        }
        attached.map_err(|error| in_a_line(&error))
    }

    /// Whether the programs that deny are not only taken, but asked: a kernel that is started without `lsm=…,bpf` takes them and
    /// never asks. So something is denied to ourselves.
    fn is_guarded(&mut self) -> Result<bool, KernelError> {
        let has_all = |it: &Probed| !matches!(it.hook, Hook::Guard(_)) || it.refusal.is_none();
        if !self.probed.iter().all(has_all) {
            return Ok(false);
        }
        let Ok(file) = memfd_create(c"casemate-probe", MFdFlags::MFD_CLOEXEC) else {
            return Ok(false);
        };
        let Ok(identity) = super::resolve::identity(&file) else {
            return Ok(false);
        };
        let path = format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&file.as_fd())
        );
        let probe = 1_u64 << (Blocks::MAX - 1);
        self.table::<[u64; 2], u64>("protected")?
            .insert(key(identity), probe, 0)
            .map_err(of("protected"))?;
        self.set(&Rules {
            enforces: probe,
            is_guarded: true,
            own: 0,
            ..Rules::default()
        })?;
        let opened = File::open(path);
        self.set(&Rules::default())?;
        self.table::<[u64; 2], u64>("protected")?
            .remove(&key(identity))
            .map_err(of("protected"))?;
        Ok(opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied))
    }

    /// Detaches programs by where they are attached.
    pub(super) fn detach(&mut self, is_it: impl Fn(Hook) -> bool) {
        for (name, _) in PROGRAMS.iter().filter(|(_, hook)| is_it(*hook)) {
            // Who is not loaded need not be unloaded.
            let _ = match self.ebpf.program_mut(name) {
                Some(Program::Lsm(it)) => it.unload(),
                Some(Program::CgroupSockAddr(it)) => it.unload(),
                Some(Program::BtfTracePoint(it)) => it.unload(),
                _ => Ok(()),
            };
            self.guards.retain(|(guard, _)| guard != name);
        }
    }

    /// Whether everything that denies is attached and asked.
    pub(super) fn has_guards(&self) -> bool {
        let mut guards = PROGRAMS
            .iter()
            .filter(|(_, hook)| matches!(hook, Hook::Guard(_)));
        guards.all(|(name, _)| match self.ebpf.program(name) {
            Some(Program::Lsm(it)) => it.fd().is_ok(),
            _ => false,
        })
    }

    /// Writes the rules that hold of blocks.
    pub(super) fn set(&mut self, rules: &Rules) -> Result<(), KernelError> {
        let map = self.ebpf.map_mut("policy").ok_or_else(|| none("policy"))?;
        let mut array: Array<_, Words> = map.try_into().map_err(of("policy"))?;
        let words: Words = [
            rules.enforces,
            rules.has_egress,
            rules.asks_signature,
            rules.is_guarded.into(),
            rules.own.into(),
        ];
        array.set(0, words, 0).map_err(of("policy"))
    }

    /// Writes what is protected, and from whom: what is new first, and then what is old is taken away, so that nothing is open
    /// meanwhile; or not, where what is protected stays so under whatever name it has now.
    pub(super) fn protect(&mut self, now: &Resolved, is_growing: bool) -> Result<(), KernelError> {
        let filesystems = now.filesystems.iter().map(|it| (*it, 1_u32));
        self.put("filesystems", filesystems, is_growing)?;
        self.put(
            "programs",
            now.programs.iter().map(|(it, blocks)| (key(*it), blocks.0)),
            false,
        )?;
        self.put(
            "libraries",
            now.libraries
                .iter()
                .map(|(it, blocks)| (key(*it), blocks.0)),
            false,
        )?;
        let devices = now.devices.iter().map(|it| (*it, 1_u32));
        self.put("devices", devices, false)?;
        let map = self.ebpf.map_mut("egress").ok_or_else(|| none("egress"))?;
        let mut egress: LpmTrie<_, [u8; 20], u64> = map.try_into().map_err(of("egress"))?;
        let before: Vec<Key<[u8; 20]>> = egress.keys().filter_map(Result::ok).collect();
        let mut names = Vec::new();
        for (peer, blocks) in &now.egress {
            let it = peer_key(peer);
            egress.insert(&it, blocks.0, 0).map_err(of("egress"))?;
            names.push((it.prefix_len(), it.data()));
        }
        for it in before {
            if !names.contains(&(it.prefix_len(), it.data())) {
                egress.remove(&it).map_err(of("egress"))?;
            }
        }
        // Before what is protected: a file that nobody has vouched for yet is not opened.
        self.put(
            "verified",
            now.verified
                .iter()
                .map(|(it, changed)| (key(*it), changed_key(*changed))),
            false,
        )?;
        self.put(
            "protected",
            now.protected
                .iter()
                .map(|(it, blocks)| (key(*it), blocks.0)),
            is_growing,
        )
    }

    /// Tells of processes that were there already and run a program that is allowed, or come from one. Who was seen since is known.
    pub(super) fn workloads(&mut self, all: &[Workload]) -> Result<(), KernelError> {
        let mut table = self.table::<u32, [u64; 5]>("processes")?;
        for it in all {
            let value = [it.workload.0, it.runs.0, 0, 0, 0];
            match table.insert(it.process, value, NO_EXIST) {
                Err(MapError::SyscallError(error))
                    if error.io_error.kind() == ErrorKind::AlreadyExists => {}
                other => other.map_err(of("processes"))?,
            }
        }
        Ok(())
    }

    fn put<K: aya::Pod + PartialEq + Ord, V: aya::Pod + PartialEq>(
        &mut self,
        name: &'static str,
        entries: impl Iterator<Item = (K, V)>,
        is_growing: bool,
    ) -> Result<(), KernelError> {
        let mut table = self.table::<K, V>(name)?;
        let before: Vec<K> = table.keys().filter_map(Result::ok).collect();
        let mut kept = std::collections::BTreeSet::new();
        for (key, value) in entries {
            table.insert(key, value, 0).map_err(of(name))?;
            kept.insert(key);
        }
        let gone = before.iter().filter(|it| !is_growing && !kept.contains(it));
        for key in gone {
            table.remove(key).map_err(of(name))?;
        }
        Ok(())
    }

    fn table<K: aya::Pod, V: aya::Pod>(
        &mut self,
        name: &'static str,
    ) -> Result<HashMap<&mut MapData, K, V>, KernelError> {
        let map = self.ebpf.map_mut(name).ok_or_else(|| none(name))?;
        map.try_into().map_err(of(name))
    }

    /// What was counted, of all processors together.
    pub(super) fn counters(&self) -> Result<Counters, KernelError> {
        let map = self.ebpf.map("counters").ok_or_else(|| none("counters"))?;
        let array: PerCpuArray<_, u64> = map.try_into().map_err(of("counters"))?;
        let sum = |at: u32| -> Result<u64, KernelError> {
            let values = array.get(&at, 0).map_err(of("counters"))?;
            Ok(values.iter().sum())
        };
        Ok(Counters {
            seen: sum(0)?,
            sent: sum(1)?,
            dropped: sum(2)?,
            denied: sum(3)?,
            forgotten: sum(4)?,
        })
    }

    /// Says that somebody reads.
    pub(super) fn beat(&mut self, time: u64) -> Result<(), KernelError> {
        let map = self
            .ebpf
            .map_mut("heartbeat")
            .ok_or_else(|| none("heartbeat"))?;
        let mut array: Array<_, u64> = map.try_into().map_err(of("heartbeat"))?;
        array.set(0, time, 0).map_err(of("heartbeat"))
    }

    /// Where events come out.
    pub(super) fn events(&mut self) -> Result<RingBuf<MapData>, KernelError> {
        let map = self.ebpf.take_map("events").ok_or_else(|| none("events"))?;
        map.try_into().map_err(of("events"))
    }

    /// Keeps what denies attached when nobody holds it any more: in a folder of the BPF file system.
    pub(super) fn pin(&mut self, folder: &Path) -> Result<(), String> {
        for (name, id) in self.guards.drain(..) {
            let Some(Program::Lsm(program)) = self.ebpf.program_mut(name) else {
                return Err(format!("{name} is not loaded"));
            };
            let link = program.take_link(id).map_err(|error| in_a_line(&error))?;
            let pinned = FdLink::from(link).pin(folder.join(name));
            pinned.map_err(|error| in_a_line(&error))?;
        }
        for name in ["policy", "heartbeat"] {
            let map = self
                .ebpf
                .map(name)
                .ok_or_else(|| format!("{name} is not in the object"))?;
            map.pin(folder.join(name))
                .map_err(|error| in_a_line(&error))?;
        }
        Ok(())
    }
}

/// Lets this process pass where a sensor that is gone denies on, until it is let go of: what this one needs to protect is denied to it.
pub(super) fn take_over(folder: &Path) -> Result<(), String> {
    let open = |name: &str| MapData::from_pin(folder.join(name)).map(Map::Array);
    let mut beat: Array<_, u64> = open("heartbeat")
        .and_then(TryInto::try_into)
        .map_err(|error| in_a_line(&error))?;
    let mut policy: Array<_, Words> = open("policy")
        .and_then(TryInto::try_into)
        .map_err(|error| in_a_line(&error))?;
    let now = super::machine::since_start();
    beat.set(0, now, 0).map_err(|error| in_a_line(&error))?;
    let mut words = policy.get(&0, 0).map_err(|error| in_a_line(&error))?;
    words[OWN] = std::process::id().into();
    policy.set(0, words, 0).map_err(|error| in_a_line(&error))
}

/// `Rules`, as the kernel has them: `struct policy`.
type Words = [u64; 5];

/// Which of them is the sensor.
const OWN: usize = 4;

/// What holds of blocks, a bit each; and of the sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) enforces: u64,
    pub(super) has_egress: u64,
    pub(super) asks_signature: u64,
    pub(super) is_guarded: bool,
    pub(super) own: u32,
}

impl Default for Rules {
    /// Nothing holds, and of this process nothing is told.
    fn default() -> Self {
        Self {
            enforces: 0,
            has_egress: 0,
            asks_signature: 0,
            is_guarded: false,
            own: std::process::id(),
        }
    }
}

fn changed_key(it: Changed) -> [u64; 2] {
    [it.seconds, it.nanoseconds].map(|it| u64::from_ne_bytes(it.to_ne_bytes()))
}

fn key(it: Identity) -> [u64; 2] {
    [it.inode, it.device.into()]
}

/// The port and two zeros, then the address: a network without a port has port zero.
fn peer_key(it: &Peer) -> Key<[u8; 20]> {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&it.port.unwrap_or(0).to_be_bytes());
    bytes[4..].copy_from_slice(&it.address.octets());
    Key::new(32 + u32::from(it.bits), bytes)
}

fn of(table: &'static str) -> impl Fn(MapError) -> KernelError {
    move |error| KernelError::Table {
        table,
        error: in_a_line(&error),
    }
}

fn none(table: &'static str) -> KernelError {
    KernelError::Table {
        table,
        error: "it is not in the object".to_owned(),
    }
}

/// An error with its reasons, the log of the verifier left out.
fn in_a_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(it) = source {
        let more = it.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = it.source();
    }
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(". Verifier output").next().unwrap_or_default();
    line.trim().to_owned()
}

/// The root of the control groups of version 2, on a machine that has those of version 1 as well too.
fn control_groups() -> Option<File> {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    // A group below the root has a type; who is confined to one sees that as the root.
    let is_root = |it: &&&str| {
        let path = Path::new(it);
        path.join("cgroup.controllers").exists() && !path.join("cgroup.type").exists()
    };
    roots
        .iter()
        .find(is_root)
        .and_then(|it| File::open(it).ok())
}
