//! The bytes of a storage, wherever they lie.

use std::{io, sync::Arc};

use casemate_container::{ContainerError, Exceeded, Loaded, Member};
use casemate_core::{MemorySource, Source, Window};

use super::{gather::Reading, stream::Stream};
use crate::spool::Spool;

/// The bytes of one storage.
#[derive(Clone)]
pub(super) enum Bytes<'a> {
    /// In the file as they are.
    Window(Window<&'a dyn Source>),
    /// In a member of an archive that is compressed.
    Packed {
        member: Arc<Member<'a>>,
        at: u64,
        len: u64,
    },
    /// In a file that is compressed as a whole.
    Stream {
        stream: Arc<Stream<'a>>,
        at: u64,
        len: u64,
    },
    /// In a pickle that was compressed, or decoded from text.
    Memory {
        pickle: Arc<MemorySource<Vec<u8>>>,
        at: u64,
        len: u64,
    },
}

impl<'a> Bytes<'a> {
    /// The bytes of a member, or why they cannot be had.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(super) fn of_member(member: &Member<'a>) -> io::Result<Result<Self, String>> {
        if let Some(window) = member.stored() {
            return Ok(Ok(Self::Window(window)));
        }
        match member.read() {
            Ok(_) => {}
            Err(ContainerError::Io(error)) if is_of_the_medium(&error) => return Err(error),
            Err(error) => return Ok(Err(error.to_string())),
        }
        let Some(len) = member.size else {
            return Ok(Err("its size is not told".to_owned()));
        };
        Ok(Ok(Self::Packed {
            member: Arc::new(member.clone()),
            at: 0,
            len,
        }))
    }

    /// A part of them, cut to what there is.
    pub(super) fn part(mut self, from: u64, part: u64) -> Self {
        match &mut self {
            Self::Window(window) => *window = window.part(from, part),
            Self::Packed { at, len, .. }
            | Self::Stream { at, len, .. }
            | Self::Memory { at, len, .. } => {
                let from = from.min(*len);
                *at += from;
                *len = part.min(*len - from);
            }
        }
        self
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Window(window) => window.len(),
            Self::Packed { len, .. } | Self::Stream { len, .. } | Self::Memory { len, .. } => *len,
        }
    }

    /// In which order they can be read.
    pub(super) fn reading(&self) -> Reading {
        match self {
            Self::Window(_) | Self::Memory { .. } => Reading::Anywhere,
            Self::Packed { .. } | Self::Stream { .. } => Reading::Forward,
        }
    }

    /// Where they begin in what can only be read forward; nothing where the order does not matter.
    pub(super) fn turn(&self) -> Option<u64> {
        match self {
            Self::Stream { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Does `work` with the bytes.
    pub(super) fn with<T>(&self, work: impl FnOnce(&dyn Source) -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Window(window) => work(window),
            Self::Packed { member, at, len } => {
                let spool = Spool::sized(member, at.saturating_add(*len))?;
                work(&Window::new(&spool, *at, *len))
            }
            Self::Stream { stream, at, len } => work(&Window::new(stream.spool(), *at, *len)),
            Self::Memory { pickle, at, len } => work(&Window::new(&**pickle, *at, *len)),
        }
    }
}

/// Whether it is the medium that failed, and not that what it gave is broken or too much.
pub(super) fn is_of_the_medium(error: &io::Error) -> bool {
    let broken = matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    );
    !broken && Exceeded::of(error).is_none()
}

/// What is around the description of a tensor, so that extents of it can be had.
#[derive(Clone)]
pub(super) enum Around<'a> {
    File(&'a dyn Source),
    Window(Window<&'a dyn Source>),
    Stream(Arc<Stream<'a>>),
    Memory(Arc<MemorySource<Vec<u8>>>),
}

impl<'a> Around<'a> {
    pub(super) fn stream(stream: Stream<'a>) -> Self {
        Self::Stream(Arc::new(stream))
    }

    pub(super) fn loaded(loaded: Loaded<'a>) -> Self {
        match loaded {
            Loaded::Stored(window) => Self::Window(window),
            Loaded::Memory(memory) => Self::Memory(Arc::new(memory)),
        }
    }

    pub(super) fn source(&self) -> &dyn Source {
        match self {
            Self::File(source) => *source,
            Self::Window(window) => window,
            Self::Stream(stream) => &**stream,
            Self::Memory(memory) => &**memory,
        }
    }

    pub(super) fn extent(&self, at: u64, len: u64) -> Bytes<'a> {
        match self {
            Self::File(source) => Bytes::Window(Window::new(*source, at, len)),
            Self::Window(window) => Bytes::Window(window.part(at, len)),
            Self::Stream(stream) => Bytes::Stream {
                stream: Arc::clone(stream),
                at: 0,
                len: stream.len(),
            }
            .part(at, len),
            Self::Memory(memory) => Bytes::Memory {
                pickle: Arc::clone(memory),
                at: 0,
                len: memory.len(),
            }
            .part(at, len),
        }
    }

    /// The bytes that the characters of a text stand for; nothing where some stand for none.
    pub(super) fn decoded(&self, at: u64, len: u64) -> Option<Bytes<'a>> {
        let bytes = self
            .source()
            .read_vec(at, usize::try_from(len).ok()?)
            .ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
        let bytes = bytes.collect::<Option<Vec<u8>>>()?;
        Some(Bytes::Memory {
            at: 0,
            len: bytes.len() as u64,
            pickle: Arc::new(MemorySource(bytes)),
        })
    }
}
