//! Records become events: with the names of what they are about.

use std::collections::BTreeMap;

use casemate_core::{AssetId, Event, Field, LogSource, PathText, Timestamp};
use jiff::SignedDuration;

use crate::{
    Blocks, Change, Entry, Kind, Record, RecordError, Signature,
    process::{Known, Processes, Program, text},
    recording::{Place, Process},
};

/// Makes events of records, in their order.
#[derive(Debug)]
pub struct Observer {
    place: Place,
    processes: Processes,
}

impl Observer {
    /// For one machine.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            processes: Processes::default(),
        }
    }

    /// Takes one thing that was seen, and gives the event that it is.
    pub fn take(
        &mut self,
        entry: &Entry,
        received: Timestamp,
    ) -> Result<Option<Event>, RecordError> {
        match entry {
            Entry::Place(place) => *self = Self::new(place.clone()),
            Entry::Process(it) => self.process(it),
            Entry::Cgroups(it) => self
                .processes
                .contain(it.process, it.mount_namespace, &it.text),
            Entry::Record(bytes) => return Ok(self.observe(&Record::parse(bytes)?, received)),
        }
        Ok(None)
    }

    /// An event of the sensor itself.
    pub fn notice(&self, operation: &str, numbers: &[(&str, u64)], now: Timestamp) -> Event {
        let mut fields = Fields::default();
        fields.put("Operation", operation);
        for (name, it) in numbers {
            fields.put(name, number(*it));
        }
        self.made("sensor", now, now, Vec::new(), fields)
    }

    /// An event that says what of the policy is not as it says.
    pub fn gap(&self, gap: &str, now: Timestamp) -> Event {
        let mut fields = Fields::default();
        fields.put("Operation", "gap");
        fields.put("Message", gap);
        self.made("sensor", now, now, Vec::new(), fields)
    }

    /// Tells of a process that was there already. Those that others come from are told of before them.
    fn process(&mut self, it: &Process) {
        let from = self.processes.of(it.parent);
        let program = from.and_then(|it| it.program.clone());
        let ancestors = from.map(|it| it.ancestors.iter().cloned());
        let known = Known {
            ancestors: program
                .into_iter()
                .chain(ancestors.into_iter().flatten())
                .collect(),
            program: Some(
                Program {
                    image: it.image.clone(),
                    command_line: it.command_line.clone(),
                    is_in_memory: false,
                }
                .into(),
            ),
            container: from.and_then(|it| it.container.clone()),
            workload: Blocks::default(),
        };
        self.processes.add(it.process, known);
    }

    /// Whether somebody should look which control groups the process of a record is in.
    pub fn asks_for_cgroups(&self, record: &Record) -> bool {
        let namespace = record.mount_namespace;
        // A number of a namespace is given to another container once the first is gone; that of the machine itself is not.
        let is_known =
            self.processes.knows(namespace) && self.processes.container(namespace).is_none();
        matches!(record.kind, Kind::Exec { .. }) && !is_known
    }

    /// The event that a record is; none where it only says which processes there are, or nobody asks for it.
    fn observe(&mut self, record: &Record, received: Timestamp) -> Option<Event> {
        self.processes.observe(record);
        let event = self.event(record, received);
        self.processes.end(record);
        event
    }

    fn event(&self, record: &Record, received: Timestamp) -> Option<Event> {
        let mut fields = Fields::default();
        let category = self.particulars(record, &mut fields)?;
        self.process_of(record, &mut fields);
        let since = SignedDuration::from_nanos(i64::try_from(record.time).ok()?);
        let time = self.place.started.checked_add(since).unwrap_or(received);
        let assets = self.assets(record);
        Some(self.made(category, time, received, assets, fields))
    }

    fn made(
        &self,
        category: &str,
        time: Timestamp,
        received: Timestamp,
        assets: Vec<AssetId>,
        fields: Fields,
    ) -> Event {
        let log_source = LogSource {
            category: Some(category.to_owned()),
            product: Some("linux".to_owned()),
            service: Some("casemate-sensor".to_owned()),
        };
        let node = self.place.node.clone();
        Event::new(time, received, node, log_source, assets, fields.0)
    }

    /// What only events of this kind say, and the category that they are of.
    fn particulars(&self, record: &Record, fields: &mut Fields) -> Option<&'static str> {
        let target = || text(&record.path);
        let category = match &record.kind {
            Kind::Fork { .. } => return None,
            Kind::Exec { is_setuid, .. } => {
                fields.put("IsSetuid", *is_setuid);
                let preload = record
                    .environment
                    .iter()
                    .find(|it| it.starts_with(b"LD_PRELOAD=") || it.starts_with(b"LD_AUDIT="));
                fields.text("Preload", preload.map(|it| text(it)));
                "process_creation"
            }
            Kind::Exit { status, bytes } => {
                fields.put("ExitCode", status >> 8 & 0xff);
                fields.put("ExitSignal", status & 0x7f);
                fields.put("WeightsBytes", number(*bytes));
                "process_termination"
            }
            Kind::Open { is_write, .. } if record.blocks.is_empty() => {
                let path = target();
                if let Some(of) = memory_of(&path) {
                    // Whoever looks at itself looks at nobody.
                    if of == record.process {
                        return None;
                    }
                    self.target_process(of, "open", fields);
                    "process_access"
                } else {
                    if !is_asked_for(&path) {
                        return None;
                    }
                    fields.put("Write", *is_write);
                    fields.text("TargetFilename", Some(path));
                    "file_open"
                }
            }
            Kind::Open {
                is_write,
                is_execute,
            } => {
                fields.put("Write", *is_write);
                fields.put("Execute", *is_execute);
                fields.put("IsAllowed", record.is_allowed);
                if let Some(signature) = record.signature {
                    let told = match signature {
                        Signature::Signed => "signed",
                        Signature::Unsigned => "unsigned",
                        Signature::Changed => "changed",
                    };
                    fields.put("IsSigned", told);
                }
                fields.text("TargetFilename", Some(target()));
                "file_access"
            }
            Kind::Read { bytes } => {
                fields.put("Bytes", number(*bytes));
                fields.text("TargetFilename", Some(target()));
                "file_read"
            }
            Kind::Change(change) => {
                let operation = match change {
                    Change::Create => "create",
                    Change::Link => "link",
                    Change::Rename => "rename",
                    Change::Remove => "unlink",
                    Change::Content => "truncate",
                };
                fields.put("Operation", operation);
                fields.put("IsAllowed", record.is_allowed);
                fields.text("TargetFilename", Some(target()));
                "file_event"
            }
            Kind::Map => {
                fields.put("IsListed", record.is_allowed);
                fields.text("ImageLoaded", Some(target()));
                "image_load"
            }
            Kind::Connect {
                address,
                port,
                is_datagram,
            } => {
                fields.text("DestinationIp", Some(address.to_string()));
                fields.put("DestinationPort", u32::from(*port));
                fields.put("Protocol", if *is_datagram { "udp" } else { "tcp" });
                fields.put("Initiated", true);
                // Where no block says whom its programs call, nothing is declared, and nothing is not.
                if record.is_allowed || !record.blocks.is_empty() {
                    fields.put("IsDeclared", record.is_allowed);
                }
                "network_connection"
            }
            Kind::ConnectUnix => {
                let path = record.arguments.first().map(|it| text(it));
                fields.text("TargetFilename", path);
                "unix_connection"
            }
            Kind::Device { major, minor } => {
                fields.put("Major", *major);
                fields.put("Minor", *minor);
                let path = target();
                let is_rdma = path.starts_with("/dev/infiniband/");
                fields.put("DeviceClass", if is_rdma { "rdma" } else { "gpu" });
                fields.text("TargetFilename", Some(path));
                "device_access"
            }
            Kind::Access {
                target,
                call,
                result,
            } => {
                self.target_process(*target, call_name(*call), fields);
                match call {
                    // Whoever guards has looked at the target, and says whose it is.
                    0 => fields.text("TargetWorkload", self.named(record.blocks)),
                    _ => fields.put("Result", *result),
                }
                "process_access"
            }
            Kind::Call { call, result } => {
                fields.put("Call", call_name(*call));
                fields.put("Result", *result);
                "kernel_call"
            }
        };
        Some(category)
    }

    fn target_process(&self, process: u32, call: &str, fields: &mut Fields) {
        fields.text("Call", Some(call.to_owned()));
        fields.put("TargetProcessId", process);
        let known = self.processes.of(process);
        let program = known.and_then(|it| it.program.as_ref());
        fields.text("TargetImage", program.map(|it| it.image.clone()));
        let workload = known.and_then(|it| self.named(it.workload));
        fields.text("TargetWorkload", workload);
    }

    /// What every event says: who it was.
    fn process_of(&self, record: &Record, fields: &mut Fields) {
        fields.put("ProcessId", record.process);
        fields.put("ParentProcessId", record.parent);
        fields.text("User", Some(record.user.to_string()));
        fields.text("ThreadName", Some(record.name.clone()));
        if let Some(known) = self.processes.of(record.process) {
            if let Some(program) = &known.program {
                fields.text("Image", Some(program.image.clone()));
                fields.text("CommandLine", Some(program.command_line.clone()));
                fields.put("ImageInMemory", program.is_in_memory);
            }
            if let Some(parent) = known.ancestors.first() {
                fields.text("ParentImage", Some(parent.image.clone()));
                fields.text("ParentCommandLine", Some(parent.command_line.clone()));
                // A thread of the kernel runs nothing.
                let images = known.ancestors.iter().map(|it| &*it.image);
                let images = images.filter(|it| !it.is_empty()).map(Field::from);
                fields.put("Ancestors", Field::List(images.collect()));
            }
        }
        let known = self.processes.of(record.process);
        let container = known.and_then(|it| it.container.as_ref());
        if let Some(it) = container.or(self.processes.container(record.mount_namespace)) {
            fields.text("ContainerId", Some(it.id.clone()));
            fields.text("PodUid", it.pod.clone());
        }
        fields.text("Protect", self.named(record.blocks));
        fields.text("Workload", self.named(record.workload));
        let is_judged = !record.blocks.is_empty()
            && !matches!(record.kind, Kind::Exit { .. } | Kind::Read { .. });
        if is_judged {
            let action = match (record.is_denied, record.is_allowed) {
                (true, _) => "denied",
                (false, true) => "allowed",
                (false, false) => "audited",
            };
            fields.put("Action", action);
        }
        if record.is_cut || record.is_text_cut {
            fields.put("IsCut", true);
        }
    }

    /// The names of blocks, by commas.
    fn named(&self, blocks: Blocks) -> Option<String> {
        let name = |at: usize| match self.place.blocks.get(at) {
            Some(name) => name.clone(),
            None => format!("block {at}"),
        };
        let names: Vec<String> = blocks.iter().map(name).collect();
        (!names.is_empty()).then(|| names.join(","))
    }

    fn assets(&self, record: &Record) -> Vec<AssetId> {
        let file = |path: &[u8]| AssetId::File {
            repository: self.place.node.clone(),
            path: PathText::from_bytes(path.strip_prefix(b"/").unwrap_or(path)),
        };
        let mut assets = Vec::new();
        if let Kind::Connect { address, port, .. } = record.kind {
            assets.push(AssetId::Endpoint {
                host: address.to_string(),
                port,
            });
        } else if !record.path.is_empty() {
            assets.push(file(&record.path));
        }
        assets
    }
}

/// Fields of an event. What is empty is not there.
#[derive(Debug, Default)]
struct Fields(BTreeMap<String, Field>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into().0);
    }

    fn text(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            self.0.insert(name.to_owned(), Field::Text(value));
        }
    }
}

struct Value(Field);

impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Self(Field::Bool(it))
    }
}

impl From<u32> for Value {
    fn from(it: u32) -> Self {
        Self(Field::Integer(it.into()))
    }
}

impl From<i64> for Value {
    fn from(it: i64) -> Self {
        Self(Field::Integer(it))
    }
}

impl From<&str> for Value {
    fn from(it: &str) -> Self {
        Self(Field::from(it))
    }
}

impl From<Field> for Value {
    fn from(it: Field) -> Self {
        Self(it)
    }
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// `/proc/PID/mem`, or that of a thread.
fn memory_of(path: &str) -> Option<u32> {
    let rest = path.strip_suffix("/mem")?.strip_prefix("/proc/")?;
    rest.split('/').next()?.parse().ok()
}

/// The kernel tells of names by their last four letters.
fn is_asked_for(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    MODELS.iter().any(|end| lower.ends_with(end))
        || lower.ends_with("token")
        || lower.ends_with("credentials")
}

fn call_name(call: u32) -> &'static str {
    let known = CALLS.iter().find(|(number, _)| *number == call);
    known.map_or("", |(_, name)| name)
}

/// Files that are executed when they are loaded, or may be.
const MODELS: &[&str] = &[
    ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy",
];

/// System calls that are told of (of x86-64).
const CALLS: &[(u32, &str)] = &[
    (101, "ptrace"),
    (105, "setuid"),
    (113, "setreuid"),
    (117, "setresuid"),
    (155, "pivot_root"),
    (165, "mount"),
    (175, "init_module"),
    (308, "setns"),
    (310, "process_vm_readv"),
    (311, "process_vm_writev"),
    (313, "finit_module"),
    (319, "memfd_create"),
    (321, "bpf"),
    (323, "userfaultfd"),
    (425, "io_uring_setup"),
    (429, "move_mount"),
    (438, "pidfd_getfd"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    fn record(process: u32, workload: u64, blocks: u64, kind: Kind) -> Record {
        Record {
            time: 0,
            cgroup: 1,
            object: Identity::default(),
            executable: Identity::default(),
            blocks: Blocks(blocks),
            workload: Blocks(workload),
            kind,
            process,
            thread: process,
            parent: 1,
            user: 0,
            mount_namespace: 1,
            name: "t".to_owned(),
            path: b"/opt/server".to_vec(),
            arguments: Vec::new(),
            environment: Vec::new(),
            is_cut: false,
            is_text_cut: false,
            is_allowed: false,
            is_denied: false,
            signature: None,
        }
    }

    fn observer() -> Observer {
        Observer::new(Place {
            blocks: vec!["weights".to_owned()],
            ..Place::default()
        })
    }

    fn fields(observer: &mut Observer, record: &Record) -> Option<BTreeMap<String, Field>> {
        let event = observer.observe(record, Timestamp::UNIX_EPOCH);
        event.map(|it| it.fields)
    }

    #[test]
    fn who_is_looked_into_is_said_with_its_workload() {
        let mut observer = observer();
        let exec = Kind::Exec {
            is_in_memory: false,
            is_setuid: false,
        };
        fields(&mut observer, &record(10, 1, 0, exec));
        let traced = Kind::Access {
            target: 10,
            call: 101,
            result: 0,
        };
        let seen = fields(&mut observer, &record(11, 0, 0, traced)).expect("an event");
        assert_eq!(seen["TargetWorkload"], Field::from("weights"));
        assert_eq!(seen["TargetImage"], Field::from("/opt/server"));
        // Whoever guards says whose it is, and not by which call.
        let guarded = Kind::Access {
            target: 99,
            call: 0,
            result: 0,
        };
        let seen = fields(&mut observer, &record(11, 0, 1, guarded)).expect("an event");
        assert_eq!(seen["TargetWorkload"], Field::from("weights"));
        assert!(!seen.contains_key("Call"), "{seen:?}");
    }

    #[test]
    fn a_peer_is_declared_only_where_a_block_says_whom_its_programs_call() {
        let called = |blocks, is_allowed| {
            let kind = Kind::Connect {
                address: [192, 0, 2, 1].into(),
                port: 443,
                is_datagram: false,
            };
            let record = Record {
                is_allowed,
                ..record(10, 1, blocks, kind)
            };
            let seen = fields(&mut observer(), &record).expect("an event");
            seen.get("IsDeclared").cloned()
        };
        assert_eq!(called(0, false), None);
        assert_eq!(called(0, true), Some(Field::Bool(true)));
        assert_eq!(called(1, false), Some(Field::Bool(false)));
    }
}
