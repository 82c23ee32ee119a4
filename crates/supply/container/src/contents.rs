//! What is in a container, whatever its format.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::{self, Read},
};

use casemate_core::{Coverage, MemorySource, PathText, Region, Rule, Source, Window};

use crate::{
    Budget, Exceeded, MemberReader,
    reader::{Packing, ReadRules},
};

/// One container, opened: what is in it, and what is odd about it.
#[derive(Debug)]
pub struct Contents<'a> {
    /// `zip`, `tar`, `7z`, `gzip`, `zlib`, `bzip2`, `xz`, `lzma`, `zstd` or `lz4`.
    pub format: &'static str,
    /// What is in it, in the order of the bytes; the union of every view a reader may take.
    pub members: Vec<Member<'a>>,
    /// What is odd about it, in the order of the bytes.
    pub anomalies: Vec<Anomaly>,
    /// Whether every byte was accounted for and every member can be read.
    pub coverage: Coverage,
    /// Why coverage is partial.
    pub reason: Option<String>,
    /// How often each rule was noted: a hostile container can break one at every member.
    noted: BTreeMap<&'static str, usize>,
}

impl Contents<'_> {
    pub(crate) fn new(format: &'static str) -> Self {
        Self {
            format,
            members: Vec::new(),
            anomalies: Vec::new(),
            coverage: Coverage::Complete,
            reason: None,
            noted: BTreeMap::new(),
        }
    }

    /// Adds an anomaly, up to a number of one rule; a message beyond it costs nothing.
    pub(crate) fn note(
        &mut self,
        rule: &'static Rule,
        member: Option<&PathText>,
        region: Option<Region>,
        anchor: &str,
        message: fmt::Arguments<'_>,
    ) {
        let count = self.noted.entry(rule.id.as_str()).or_default();
        *count += 1;
        if *count > ANOMALIES {
            self.leave_out(format_args!(
                "{} is broken more than {ANOMALIES} times",
                rule.id
            ));
            return;
        }
        self.anomalies.push(Anomaly {
            rule,
            member: member.map(|name| name.as_str().to_owned()),
            region,
            anchor: anchor.to_owned(),
            message: message.to_string(),
        });
    }

    /// Puts the anomalies in the order of the bytes.
    pub(crate) fn sort(&mut self) {
        self.anomalies.sort_by(|a, b| {
            let key = |anomaly: &Anomaly| match anomaly.region {
                Some(Region::Bytes { start, .. }) => start,
                _ => 0,
            };
            (key(a), &a.rule.id, &a.anchor).cmp(&(key(b), &b.rule.id, &b.anchor))
        });
    }

    /// Something was left out. The first reason is kept: later ones follow from it or repeat it.
    pub(crate) fn leave_out(&mut self, reason: fmt::Arguments<'_>) {
        self.coverage = Coverage::Partial;
        self.reason.get_or_insert_with(|| reason.to_string());
    }
}

/// One thing in a container.
#[derive(Clone)]
pub struct Member<'a> {
    /// Its name, as the container spells it. Hostile: it may climb, be absolute, repeat, or hold
    /// control characters.
    pub name: PathText,
    /// How many bytes it declares to have when decompressed; `None` where the format does not say.
    pub size: Option<u64>,
    /// What it is.
    pub kind: Kind,
    pub(crate) view: View,
    pub(crate) encrypted: bool,
    pub(crate) body: Body<'a>,
    pub(crate) crc: Option<u32>,
    pub(crate) rules: &'static ReadRules,
    pub(crate) source: &'a dyn Source,
    pub(crate) budget: Budget,
}

impl<'a> Member<'a> {
    /// Its bytes, where they lie in the container as they are: random access, nothing copied.
    pub fn stored(&self) -> Option<Window<&'a dyn Source>> {
        match self.body {
            Body::Stored { start, len } => Some(Window::new(self.source, start, len)),
            _ => None,
        }
    }

    /// Its bytes, decompressed, front to back. Reaching a limit of the [`Budget`] is an
    /// [`io::Error`] that holds an [`Exceeded`]; bytes that come before a broken place are given
    /// before the error is.
    ///
    /// # Errors
    ///
    /// Where the bytes cannot be had at all: an unsupported method, or no body in the file.
    pub fn read(&self) -> Result<MemberReader<'a>, ContainerError> {
        let (packing, start, len) = match &self.body {
            Body::Stored { start, len } => (Packing::None, *start, *len),
            Body::Packed {
                packing,
                start,
                len,
            } => (packing.clone(), *start, *len),
            Body::Unsupported { method } => {
                return Err(ContainerError::Method {
                    name: self.name.clone(),
                    method: method.clone(),
                });
            }
            Body::Missing => return Err(ContainerError::Missing(self.name.clone())),
        };
        let window = Window::new(self.source, start, len);
        Ok(MemberReader::new(self, packing, window))
    }

    /// Its bytes as a source: in place where they are stored, decompressed into memory otherwise.
    ///
    /// # Errors
    ///
    /// As [`Member::read`], and [`Exceeded::Memory`]. A member that breaks off is an error too: to
    /// look at what comes before the break, read it.
    pub fn load(&self) -> Result<Loaded<'a>, ContainerError> {
        if let Some(window) = self.stored() {
            return Ok(Loaded::Stored(window));
        }
        let limit = self.budget.memory;
        let mut bytes = Vec::new();
        self.read()?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(ContainerError::Io(Exceeded::Memory(limit).into()));
        }
        Ok(Loaded::Memory(MemorySource(bytes)))
    }

    /// Whether a reader may take bytes from it. What the container calls it does not decide that:
    /// programs that read a zip in place ask neither for links nor for directories.
    pub fn holds_bytes(&self) -> bool {
        match self.body {
            Body::Stored { len, .. } | Body::Packed { len, .. } => {
                self.kind == Kind::File || len > 0
            }
            Body::Unsupported { .. } => true,
            Body::Missing => self.kind == Kind::File,
        }
    }

    /// Which description of the container names it.
    pub fn view(&self) -> View {
        self.view
    }

    /// Whether the container says that it is encrypted. What [`Member::read`] gives is then what
    /// a reader that ignores the flag sees.
    pub fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// How many bytes its body takes in the container, and where, if it has one.
    pub fn region(&self) -> Option<Region> {
        let (start, length) = match self.body {
            Body::Stored { start, len } | Body::Packed { start, len, .. } => (start, len),
            Body::Unsupported { .. } | Body::Missing => return None,
        };
        Some(Region::Bytes { start, length })
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("kind", &self.kind)
            .field("view", &self.view)
            .field("encrypted", &self.encrypted)
            .field("region", &self.region())
            .finish_non_exhaustive()
    }
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to what stands here, as it is spelled.
    Symlink(PathText),
    /// Another name of the member with this name.
    Hardlink(PathText),
    /// A device, FIFO or anything else that a container of files has no business to hold.
    Special,
}

/// Which of a container's descriptions names a member. Formats with only one say [`View::Both`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// The central directory only.
    Central,
    /// The local header only: a reader that trusts the directory does not see it.
    Local,
    /// All of them, and they agree.
    Both,
}

/// A member's bytes as a [`Source`].
pub enum Loaded<'a> {
    /// In place.
    Stored(Window<&'a dyn Source>),
    /// Decompressed.
    Memory(MemorySource<Vec<u8>>),
}

impl Source for Loaded<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::Stored(window) => window.len(),
            Self::Memory(memory) => memory.len(),
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(window) => window.read_at(offset, buf),
            Self::Memory(memory) => memory.read_at(offset, buf),
        }
    }

    fn as_slice(&self) -> Option<&[u8]> {
        match self {
            Self::Stored(window) => window.as_slice(),
            Self::Memory(memory) => memory.as_slice(),
        }
    }
}

/// Something odd about a container.
#[derive(Clone, Debug)]
pub struct Anomaly {
    /// What is wrong.
    pub rule: &'static Rule,
    /// The member it is about.
    pub member: Option<String>,
    /// Where in the container.
    pub region: Option<Region>,
    /// What recognises it in another run: a name, never an offset.
    pub anchor: String,
    /// One sentence. Names in it are escaped.
    pub message: String,
}

/// Where a member's bytes are.
#[derive(Clone)]
pub(crate) enum Body<'a> {
    Stored {
        start: u64,
        len: u64,
    },
    Packed {
        packing: Packing<'a>,
        start: u64,
        len: u64,
    },
    Unsupported {
        method: Cow<'static, str>,
    },
    Missing,
}

/// Why a container or a member could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The medium failed, the bytes are broken, or a limit was reached ([`Exceeded::of`]).
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The member's packing is not one that Casemate decodes.
    #[error("member {:?} is packed as {method}, which is not supported", .name.as_str())]
    Method {
        /// The member.
        name: PathText,
        /// The packing, as the field names it, or its number.
        method: Cow<'static, str>,
    },
    /// The directory names a member whose bytes are not in the file.
    #[error("member {:?} has no body in the file", .0.as_str())]
    Missing(PathText),
}

/// How many anomalies of one rule are kept.
const ANOMALIES: usize = 100;
