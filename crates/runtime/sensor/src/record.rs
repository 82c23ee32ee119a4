//! What the kernel says of one thing that happened, as `bpf/record.h` lays it out.

use std::net::{IpAddr, Ipv6Addr};

/// A file or folder, whatever path leads to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Its number in its file system.
    pub inode: u64,
    /// The file system's device, as the kernel writes it: major in the upper twelve bits of 32, minor in the lower twenty.
    pub device: u32,
}

/// Blocks of a policy, a bit each, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocks(pub u64);

impl Blocks {
    /// So many blocks there are at most.
    pub const MAX: usize = 64;

    /// The places of the blocks, from the first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX).filter(move |at| self.0 >> at & 1 == 1)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One thing that a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, in nanoseconds since the machine was started, sleep included.
    pub time: u64,
    /// The process's cgroup of version 2; 1 where the machine has none below the root.
    pub cgroup: u64,
    /// What it was done to.
    pub object: Identity,
    /// What the process runs.
    pub executable: Identity,
    /// The blocks that it is about.
    pub blocks: Blocks,
    /// The blocks of whose allowed programs the process is one, or comes from one.
    pub workload: Blocks,
    /// What was done.
    pub kind: Kind,
    /// The process (a group of threads).
    pub process: u32,
    /// The thread.
    pub thread: u32,
    /// The process that it comes from.
    pub parent: u32,
    /// Who runs it.
    pub user: u32,
    /// The process's mount namespace.
    pub mount_namespace: u32,
    /// What the thread calls itself.
    pub name: String,
    /// The path of what it was done to, as the kernel knows it; empty where there is none.
    pub path: Vec<u8>,
    /// Each argument that a program was executed with, or the address that was called.
    pub arguments: Vec<Vec<u8>>,
    /// Each variable that an allowed program was executed with.
    pub environment: Vec<Vec<u8>>,
    /// Whether the path was too long to be written whole: its beginning is missing.
    pub is_cut: bool,
    /// Whether arguments or an environment were: their end is missing.
    pub is_text_cut: bool,
    /// Whether the executable is allowed, or what is asked for is listed.
    pub is_allowed: bool,
    /// Whether it was denied.
    pub is_denied: bool,
    /// Whether what is in the file is signed, where that is asked.
    pub signature: Option<Signature>,
}

/// Whether what is in a file is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It is, by somebody who is trusted.
    Signed,
    /// It is not.
    Unsigned,
    /// It was when it was last verified, and the file was changed since.
    Changed,
}

/// What a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It executed a program.
    Exec {
        /// Which has no name in any folder.
        is_in_memory: bool,
        /// Which runs as another user than the one who runs it.
        is_setuid: bool,
    },
    /// It made another process.
    Fork {
        /// That one.
        child: u32,
    },
    /// It ended.
    Exit {
        /// With this status, as wait(2) has it.
        status: u32,
        /// Having read so much of protected files.
        bytes: u64,
    },
    /// It opened a file, or asked to.
    Open {
        /// To write it.
        is_write: bool,
        /// To execute it.
        is_execute: bool,
    },
    /// It read protected files.
    Read {
        /// So much of them by now.
        bytes: u64,
    },
    /// It changed the name of a protected file, or of one in a protected folder.
    Change(Change),
    /// It mapped a file to execute what is in it.
    Map,
    /// It called an address.
    Connect {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// Without a connection.
        is_datagram: bool,
    },
    /// It called a socket by its path, which is the first argument.
    ConnectUnix,
    /// It opened a device.
    Device {
        /// The driver.
        major: u32,
        /// Which of its devices.
        minor: u32,
    },
    /// It looked into another process, or asked to.
    Access {
        /// That one.
        target: u32,
        /// By this system call; 0 where it is not known by which.
        call: u32,
        /// What came of it: a negative number is an error.
        result: i64,
    },
    /// It asked something of the kernel.
    Call {
        /// By this system call.
        call: u32,
        /// What came of it.
        result: i64,
    },
}

/// How the name of a file was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Create,
    /// It is another name of a file.
    Link,
    /// It is another than before.
    Rename,
    /// It is no more.
    Remove,
    /// It is the same, and what is in the file was cut off.
    Content,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// They end too early.
    #[error("a record ends after {0} bytes")]
    Short(usize),
    /// They are of a kind that is not known.
    #[error("no kind of record has the number {0}")]
    Kind(u32),
    /// Their texts are not as long as they say.
    #[error("the texts of a record are {has} bytes long, not {says}")]
    Length {
        /// What it says.
        says: usize,
        /// What there is.
        has: usize,
    },
    /// A change of names is one that is not known.
    #[error("no change of names has the number {0}")]
    Change(u32),
}

impl Record {
    /// Reads what the kernel wrote.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let (head, texts) = bytes
            .split_at_checked(HEADER)
            .ok_or(RecordError::Short(bytes.len()))?;
        let mut head = Cursor(head);
        let (time, cgroup) = (head.u64(), head.u64());
        let (inode, executable) = (head.u64(), head.u64());
        let (blocks, workload) = (Blocks(head.u64()), Blocks(head.u64()));
        let value = head.u64();
        let (device, executable_device) = (head.u32(), head.u32());
        let (kind, flags) = (head.u32(), head.u32());
        let has = |flag: u32| flags & flag != 0;
        let (process, thread, parent, user) = (head.u32(), head.u32(), head.u32(), head.u32());
        let (number, call, mount_namespace) = (head.u32(), head.u32(), head.u32());
        let (port, family) = (head.u16(), head.u16());
        let address = Ipv6Addr::from(head.take::<16>()).to_canonical();
        let lengths = [head.u16(), head.u16(), head.u16()].map(usize::from);
        let _ = head.u16();
        let name = head.take::<16>();
        let says = lengths.iter().sum();
        if says != texts.len() {
            let has = texts.len();
            return Err(RecordError::Length { says, has });
        }
        let (path, texts) = texts.split_at(lengths[0]);
        let (arguments, environment) = texts.split_at(lengths[1]);
        let result = i64::from_ne_bytes(value.to_ne_bytes());
        let kind = match kind {
            1 => Kind::Exec {
                is_in_memory: has(MEMORY),
                is_setuid: has(SETUID),
            },
            2 => Kind::Fork { child: number },
            3 => Kind::Exit {
                status: number,
                bytes: value,
            },
            4 => Kind::Open {
                is_write: has(WRITE),
                is_execute: has(EXECUTED),
            },
            5 => Kind::Read { bytes: value },
            6 => Kind::Change(match number {
                1 => Change::Create,
                2 => Change::Link,
                3 => Change::Rename,
                4 => Change::Remove,
                5 => Change::Content,
                other => return Err(RecordError::Change(other)),
            }),
            7 => Kind::Map,
            8 if family == AF_UNIX => Kind::ConnectUnix,
            8 => Kind::Connect {
                address,
                port,
                is_datagram: has(DATAGRAM),
            },
            9 => Kind::Device {
                major: number >> 20,
                minor: number & 0xf_ffff,
            },
            10 => Kind::Access {
                target: number,
                call,
                result,
            },
            11 => Kind::Call { call, result },
            other => return Err(RecordError::Kind(other)),
        };
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self {
            time,
            cgroup,
            object: Identity { inode, device },
            executable: Identity {
                inode: executable,
                device: executable_device,
            },
            blocks,
            workload,
            kind,
            process,
            thread,
            parent,
            user,
            mount_namespace,
            name: String::from_utf8_lossy(name).into_owned(),
            path: path_of(path, has(CUT)),
            arguments: texts_of(arguments),
            environment: texts_of(environment),
            is_cut: has(CUT),
            is_text_cut: has(CUT_TEXT),
            is_allowed: has(ALLOWED),
            is_denied: has(DENIED),
            signature: SIGNATURES
                .iter()
                .find(|(it, _)| has(*it))
                .map(|(_, it)| *it),
        })
    }
}

impl Record {
    /// What [`Record::parse`] reads it from.
    ///
    /// # Panics
    /// Where texts are longer than 65,535 bytes: the kernel writes none.
    pub fn to_bytes(&self) -> Vec<u8> {
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        let mut flags = flag(self.is_allowed, ALLOWED)
            | flag(self.is_denied, DENIED)
            | flag(self.is_cut, CUT)
            | flag(self.is_text_cut, CUT_TEXT);
        let signature = SIGNATURES
            .iter()
            .find(|(_, it)| Some(*it) == self.signature);
        flags |= signature.map_or(0, |(flag, _)| *flag);
        let (mut value, mut number, mut call, mut family, mut port) = (0, 0, 0, 0, 0);
        let mut address = Ipv6Addr::UNSPECIFIED;
        let of_result = |it: i64| u64::from_ne_bytes(it.to_ne_bytes());
        let kind = match self.kind {
            Kind::Exec {
                is_in_memory,
                is_setuid,
            } => {
                flags |= flag(is_in_memory, MEMORY) | flag(is_setuid, SETUID);
                1_u32
            }
            Kind::Fork { child } => {
                number = child;
                2
            }
            Kind::Exit { status, bytes } => {
                (number, value) = (status, bytes);
                3
            }
            Kind::Open {
                is_write,
                is_execute,
            } => {
                flags |= flag(is_write, WRITE) | flag(is_execute, EXECUTED);
                4
            }
            Kind::Read { bytes } => {
                value = bytes;
                5
            }
            Kind::Change(change) => {
                number = match change {
                    Change::Create => 1,
                    Change::Link => 2,
                    Change::Rename => 3,
                    Change::Remove => 4,
                    Change::Content => 5,
                };
                6
            }
            Kind::Map => 7,
            Kind::Connect {
                address: to,
                port: at,
                is_datagram,
            } => {
                flags |= flag(is_datagram, DATAGRAM);
                (address, family) = match to {
                    IpAddr::V4(it) => (it.to_ipv6_mapped(), AF_INET),
                    IpAddr::V6(it) => (it, AF_INET6),
                };
                port = at;
                8
            }
            Kind::ConnectUnix => {
                family = AF_UNIX;
                8
            }
            Kind::Device { major, minor } => {
                number = major << 20 | minor & 0xf_ffff;
                9
            }
            Kind::Access {
                target,
                call: by,
                result,
            } => {
                (number, call, value) = (target, by, of_result(result));
                10
            }
            Kind::Call { call: by, result } => {
                (call, value) = (by, of_result(result));
                11
            }
        };
        let path = names_of(&self.path, self.is_cut);
        let texts = [path, joined(&self.arguments), joined(&self.environment)];
        let mut bytes = Vec::with_capacity(HEADER + texts.iter().map(Vec::len).sum::<usize>());
        let longs = [
            self.time,
            self.cgroup,
            self.object.inode,
            self.executable.inode,
            self.blocks.0,
            self.workload.0,
            value,
        ];
        bytes.extend(longs.iter().flat_map(|it| it.to_ne_bytes()));
        let words = [
            self.object.device,
            self.executable.device,
            kind,
            flags,
            self.process,
            self.thread,
            self.parent,
            self.user,
            number,
            call,
            self.mount_namespace,
        ];
        bytes.extend(words.iter().flat_map(|it| it.to_ne_bytes()));
        bytes.extend([port, family].iter().flat_map(|it: &u16| it.to_ne_bytes()));
        bytes.extend(address.octets());
        let lengths = texts
            .iter()
            .map(|it| u16::try_from(it.len()).expect("texts are short"));
        bytes.extend(lengths.chain([0]).flat_map(u16::to_ne_bytes));
        let mut name = [0; 16];
        for (to, from) in name.iter_mut().zip(self.name.bytes().take(15)) {
            *to = from;
        }
        bytes.extend(name);
        texts.iter().for_each(|it| bytes.extend(it));
        bytes
    }
}

/// A path from its names, the last of them first. What is cut off is its beginning.
fn path_of(names: &[u8], is_cut: bool) -> Vec<u8> {
    let Some(names) = names.strip_suffix(&[0]) else {
        return Vec::new();
    };
    let mut path = Vec::with_capacity(names.len() + 4);
    for name in names.split(|byte| *byte == 0).rev() {
        // The root of what is not mounted anywhere has no name, or calls itself a slash.
        if !name.is_empty() && name != b"/" {
            path.push(b'/');
            path.extend_from_slice(name);
        }
    }
    if is_cut {
        path.splice(..0, *b"/...");
    }
    path
}

fn names_of(path: &[u8], is_cut: bool) -> Vec<u8> {
    let path = match is_cut {
        true => path.strip_prefix(b"/...").unwrap_or(path),
        false => path,
    };
    let names = path.split(|byte| *byte == b'/').rev();
    let mut bytes = Vec::new();
    for name in names.filter(|it| !it.is_empty()) {
        bytes.extend_from_slice(name);
        bytes.push(0);
    }
    bytes
}

fn joined(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    bytes
}

fn texts_of(texts: &[u8]) -> Vec<Vec<u8>> {
    let texts = texts.strip_suffix(&[0]).unwrap_or(texts);
    if texts.is_empty() {
        return Vec::new();
    }
    texts.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// Bytes of a header, which is as long as its fields.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk().expect("a header has its fields");
        self.0 = rest;
        *first
    }

    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.take())
    }
}

const HEADER: usize = 144;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

const WRITE: u32 = 1;
const ALLOWED: u32 = 1 << 1;
const DENIED: u32 = 1 << 2;
const MEMORY: u32 = 1 << 3;
const EXECUTED: u32 = 1 << 4;
const CUT: u32 = 1 << 5;
const SETUID: u32 = 1 << 6;
const CUT_TEXT: u32 = 1 << 11;
const DATAGRAM: u32 = 1 << 7;
const SIGNATURES: [(u32, Signature); 3] = [
    (1 << 8, Signature::Signed),
    (1 << 9, Signature::Unsigned),
    (1 << 10, Signature::Changed),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header of a kind, with texts behind it.
    fn bytes(kind: u32, flags: u32, path: &[u8], arguments: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        let length = |text: &[u8]| u16::try_from(text.len()).expect("short").to_ne_bytes();
        bytes[64..68].copy_from_slice(&kind.to_ne_bytes());
        bytes[68..72].copy_from_slice(&flags.to_ne_bytes());
        bytes[120..122].copy_from_slice(&length(path));
        bytes[122..124].copy_from_slice(&length(arguments));
        bytes.extend_from_slice(path);
        bytes.extend_from_slice(arguments);
        bytes
    }

    #[test]
    fn a_path_is_its_names_from_the_root() {
        let read =
            |path: &[u8], flags| Record::parse(&bytes(4, flags, path, b"")).map(|it| it.path);
        assert_eq!(
            read(b"a.gguf\0models\0srv\0", 0),
            Ok(b"/srv/models/a.gguf".to_vec())
        );
        assert_eq!(read(b"memfd:x\0", 0), Ok(b"/memfd:x".to_vec()));
        assert_eq!(read(b"a\0b\0", CUT), Ok(b"/.../b/a".to_vec()));
        assert_eq!(read(b"", 0), Ok(Vec::new()));
    }

    #[test]
    fn arguments_are_texts_and_may_be_empty() {
        let record =
            Record::parse(&bytes(1, MEMORY, b"sh\0bin\0", b"sh\0-c\0\0")).expect("a record");
        assert_eq!(record.arguments, [&b"sh"[..], b"-c", b""]);
        let is_in_memory = Kind::Exec {
            is_in_memory: true,
            is_setuid: false,
        };
        assert_eq!(record.kind, is_in_memory);
    }

    #[test]
    fn what_is_no_record_is_told() {
        assert_eq!(Record::parse(&[0; 143]), Err(RecordError::Short(143)));
        assert_eq!(
            Record::parse(&bytes(99, 0, b"", b"")),
            Err(RecordError::Kind(99))
        );
        assert_eq!(
            Record::parse(&bytes(6, 0, b"", b"")),
            Err(RecordError::Change(0))
        );
        let mut longer = bytes(4, 0, b"a\0", b"");
        longer.push(0);
        let is_longer = RecordError::Length { says: 2, has: 3 };
        assert_eq!(Record::parse(&longer), Err(is_longer));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for kind in [
            Kind::Exec {
                is_in_memory: true,
                is_setuid: false,
            },
            Kind::Fork { child: 7 },
            Kind::Exit {
                status: 9,
                bytes: 1 << 40,
            },
            Kind::Open {
                is_write: true,
                is_execute: false,
            },
            Kind::Read { bytes: 5 },
            Kind::Change(Change::Rename),
            Kind::Map,
            Kind::Connect {
                address: [192, 0, 2, 1].into(),
                port: 443,
                is_datagram: true,
            },
            Kind::ConnectUnix,
            Kind::Device {
                major: 195,
                minor: 255,
            },
            Kind::Access {
                target: 3,
                call: 101,
                result: -1,
            },
            Kind::Call {
                call: 321,
                result: 4,
            },
        ] {
            let record = Record {
                time: 1,
                cgroup: 2,
                object: Identity {
                    inode: 3,
                    device: 4,
                },
                executable: Identity {
                    inode: 5,
                    device: 6,
                },
                blocks: Blocks(7),
                workload: Blocks(8),
                kind,
                process: 9,
                thread: 10,
                parent: 11,
                user: 12,
                mount_namespace: 13,
                name: "python3".to_owned(),
                path: b"/srv/models/a.gguf".to_vec(),
                arguments: vec![b"a".to_vec(), Vec::new()],
                environment: vec![b"A=b".to_vec()],
                is_cut: false,
                is_text_cut: true,
                is_allowed: true,
                is_denied: false,
                signature: Some(Signature::Changed),
            };
            assert_eq!(Record::parse(&record.to_bytes()), Ok(record));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..400),
            kind in 0_u32..14,
            lengths in prop::array::uniform3(0_u16..100),
        ) {
            if bytes.len() >= HEADER {
                bytes[64..68].copy_from_slice(&kind.to_ne_bytes());
                for (at, length) in lengths.iter().enumerate() {
                    bytes[120 + 2 * at..122 + 2 * at].copy_from_slice(&length.to_ne_bytes());
                }
                bytes.truncate(HEADER + lengths.iter().map(|it| usize::from(*it)).sum::<usize>());
            }
            if let Ok(record) = Record::parse(&bytes) {
                let _ = record.to_bytes();
            }
        }
    }
}
