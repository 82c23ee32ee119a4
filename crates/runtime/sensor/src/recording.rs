//! What was seen, kept: everything above the kernel runs from it again.
//!
//! ```text
//!  "CMSENSOR1\n"  entry*          entry = kind (u8)  length (u32, little-endian)  bytes
//!  kinds: 0 the place, 1 a record of the kernel, 2 a process that was there, 3 the control groups of one
//! ```
//!
//! Entries but records are JSON. A recording that is cut off ends with its last whole entry, and says so.

use std::io::{self, Read, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Where, and how its clock reads. The first of them.
    Place(Place),
    /// What the kernel wrote.
    Record(Vec<u8>),
    /// A process that was there already.
    Process(Process),
    /// What control groups a process is in.
    Cgroups(Cgroups),
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What it is called.
    pub node: String,
    /// When it was started, by its own clock: what times of records are added to.
    pub started: Timestamp,
    /// The names of the policy's blocks, in their order.
    pub blocks: Vec<String>,
}

/// A process that was there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its number.
    pub process: u32,
    /// That of the one that it comes from.
    pub parent: u32,
    /// The path of what it runs.
    pub image: String,
    /// What that was executed with.
    pub command_line: String,
}

/// What control groups a process is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cgroups {
    /// The process.
    pub process: u32,
    /// Its mount namespace; 0 where it is not known.
    pub mount_namespace: u32,
    /// `/proc/PID/cgroup`.
    pub text: String,
}

/// Why a recording cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It does not begin as recordings do.
    #[error("this is no recording of the sensor: it does not begin with CMSENSOR1")]
    Magic,
    /// It ends within an entry.
    #[error("the recording is cut off in entry {0}")]
    Cut(u64),
    /// An entry is nothing that is known.
    #[error("entry {entry} of the recording: {why}")]
    Entry {
        /// Which, from one.
        entry: u64,
        /// What is wrong.
        why: String,
    },
}

/// Writes a recording.
#[derive(Debug)]
pub struct Writer<W>(W);

impl<W: Write> Writer<W> {
    /// Begins one.
    pub fn new(mut to: W) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        Ok(Self(to))
    }

    /// Adds an entry.
    pub fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let (kind, bytes) = match entry {
            Entry::Place(it) => (0, serde_json::to_vec(it)?),
            Entry::Record(bytes) => return self.put(1, bytes),
            Entry::Process(it) => (2, serde_json::to_vec(it)?),
            Entry::Cgroups(it) => (3, serde_json::to_vec(it)?),
        };
        self.put(kind, &bytes)
    }

    fn put(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.0.write_all(&[kind])?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(bytes)
    }

    /// What it is written to.
    pub fn into_inner(self) -> W {
        self.0
    }
}

/// Reads a recording, entry by entry. After an error there is nothing more.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    entry: u64,
    is_over: bool,
}

impl<R: Read> Reader<R> {
    /// Begins to read one.
    pub fn new(mut from: R) -> Result<Self, RecordingError> {
        let mut magic = [0; MAGIC.len()];
        match from.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => Ok(Self {
                from,
                entry: 0,
                is_over: false,
            }),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Err(RecordingError::Magic),
        }
    }

    fn entry(&mut self) -> Result<Option<Entry>, RecordingError> {
        let mut head = Vec::with_capacity(5);
        Read::by_ref(&mut self.from)
            .take(5)
            .read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        self.entry += 1;
        let entry = self.entry;
        let [kind, length @ ..] =
            <[u8; 5]>::try_from(head).map_err(|_| RecordingError::Cut(entry))?;
        let length = u32::from_le_bytes(length);
        let wrong = |why: String| RecordingError::Entry { entry, why };
        if length > MAX_ENTRY {
            return Err(wrong(format!(
                "it is {length} bytes long, more than {MAX_ENTRY}"
            )));
        }
        let mut bytes = Vec::new();
        Read::by_ref(&mut self.from)
            .take(length.into())
            .read_to_end(&mut bytes)?;
        if bytes.len() < length as usize {
            return Err(RecordingError::Cut(entry));
        }
        let read = |error: serde_json::Error| wrong(error.to_string());
        let entry = match kind {
            0 => Entry::Place(serde_json::from_slice(&bytes).map_err(read)?),
            1 => Entry::Record(bytes),
            2 => Entry::Process(serde_json::from_slice(&bytes).map_err(read)?),
            3 => Entry::Cgroups(serde_json::from_slice(&bytes).map_err(read)?),
            other => return Err(wrong(format!("no kind of entry has the number {other}"))),
        };
        Ok(Some(entry))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let entry = self.entry().transpose();
        self.is_over = !matches!(entry, Some(Ok(_)));
        entry
    }
}

const MAGIC: &[u8] = b"CMSENSOR1\n";
const MAX_ENTRY: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recording() -> (Vec<Entry>, Vec<u8>) {
        let entries = vec![
            Entry::Place(Place {
                node: "gpu-1".to_owned(),
                started: Timestamp::UNIX_EPOCH,
                blocks: vec!["weights".to_owned()],
            }),
            Entry::Process(Process {
                process: 1,
                parent: 0,
                image: "/sbin/init".to_owned(),
                command_line: "init".to_owned(),
            }),
            Entry::Record(vec![0; 144]),
        ];
        let mut writer = Writer::new(Vec::new()).expect("memory");
        for entry in &entries {
            writer.write(entry).expect("memory");
        }
        (entries, writer.into_inner())
    }

    #[test]
    fn what_is_written_is_read() {
        let (entries, bytes) = recording();
        let read: Result<Vec<Entry>, _> = Reader::new(&bytes[..]).expect("a recording").collect();
        assert_eq!(read.expect("whole"), entries);
    }

    #[test]
    fn what_is_cut_off_says_so_wherever() {
        let (entries, bytes) = recording();
        for end in MAGIC.len()..bytes.len() {
            let mut whole = 0;
            let mut is_cut = false;
            for entry in Reader::new(&bytes[..end]).expect("a recording") {
                match entry {
                    Ok(entry) => {
                        assert_eq!(entry, entries[whole]);
                        whole += 1;
                    }
                    Err(RecordingError::Cut(at)) => is_cut = at == whole as u64 + 1,
                    Err(other) => panic!("{other}"),
                }
            }
            let ends: Vec<usize> = ends(&bytes);
            assert_eq!(is_cut, !ends.contains(&end), "{end}");
        }
    }

    /// Where entries end.
    fn ends(bytes: &[u8]) -> Vec<usize> {
        let (mut at, mut ends) = (MAGIC.len(), vec![MAGIC.len()]);
        while at < bytes.len() {
            let length = bytes[at + 1..at + 5].try_into().expect("four bytes");
            at += 5 + u32::from_le_bytes(length) as usize;
            ends.push(at);
        }
        ends
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let all: Vec<u8> = MAGIC.iter().chain(&bytes).copied().collect();
            let _ = Reader::new(&all[..]).expect("it begins right").count();
            prop_assert!(bytes.starts_with(MAGIC) || Reader::new(&bytes[..]).is_err());
        }
    }
}
