//! A compressed member too large for memory, read as if it could be read anywhere: forward steps
//! go on decompressing, backward steps begin again.

use std::{
    io::{self, Read},
    sync::{Mutex, PoisonError},
};

use casemate_container::{Member, MemberReader};
use casemate_core::Source;

/// A member as a source.
pub(crate) struct Spool<'a> {
    member: Member<'a>,
    len: u64,
    head: Vec<u8>,
    broken: Option<io::Error>,
    whole: Option<MemberReader<'a>>,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    reader: MemberReader<'a>,
    at: u64,
    /// How often reading may still begin again.
    restarts: u32,
}

impl<'a> Spool<'a> {
    /// A source over `member`. All of it is decompressed once, for its length.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(crate) fn new(member: &Member<'a>) -> io::Result<Self> {
        let reopen = || member.read().map_err(io::Error::other);
        let mut reader = reopen()?;
        let mut head = Vec::new();
        let mut buffer = vec![0; BUFFER];
        let mut len = 0;
        let broken = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break None,
                Ok(read) => {
                    len += read as u64;
                    if head.len() < HEAD {
                        head.extend_from_slice(&buffer[..read]);
                    }
                }
                Err(error) => break Some(error),
            }
        };
        let state = Mutex::new(State {
            reader: reopen()?,
            at: 0,
            restarts: MOST_RESTARTS,
        });
        Ok(Self {
            member: member.clone(),
            len,
            head,
            broken,
            whole: Some(reader),
            state,
        })
    }

    /// A source over a member that is known to have `len` bytes: nothing is decompressed before it
    /// is read.
    ///
    /// # Errors
    ///
    /// Where the bytes cannot be had at all.
    pub(crate) fn sized(member: &Member<'a>, len: u64) -> io::Result<Self> {
        let state = Mutex::new(State {
            reader: member.read().map_err(io::Error::other)?,
            at: 0,
            restarts: MOST_RESTARTS,
        });
        Ok(Self {
            member: member.clone(),
            len,
            head: Vec::new(),
            broken: None,
            whole: None,
            state,
        })
    }

    /// The reader that has read all of it, if one has.
    pub(crate) fn whole(&self) -> Option<&MemberReader<'a>> {
        self.whole.as_ref()
    }

    /// Why the member breaks off, if it does.
    pub(crate) fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }
}

impl Source for Spool<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = buf.len().min(there);
        let buf = &mut buf[..want];
        if let Ok(from) = usize::try_from(offset)
            && let Some(bytes) = self.head.get(from..).and_then(|head| head.get(..want))
        {
            buf.copy_from_slice(bytes);
            return Ok(want);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if offset < state.at {
            let left = state.restarts.checked_sub(1);
            state.restarts = left.ok_or_else(|| io::Error::other(TOO_OFTEN))?;
            state.reader = self.member.read().map_err(io::Error::other)?;
            state.at = 0;
        }
        let ahead = offset - state.at;
        let State { reader, at, .. } = &mut *state;
        *at += io::copy(&mut reader.by_ref().take(ahead), &mut io::sink())?;
        let mut read = 0;
        while read < want {
            match reader.read(&mut buf[read..])? {
                0 => break,
                n => read += n,
            }
        }
        *at += read as u64;
        Ok(read)
    }
}

const BUFFER: usize = 64 * 1024;
const HEAD: usize = 1 << 20;
const MOST_RESTARTS: u32 = 64;
const TOO_OFTEN: &str = "a compressed member would have to be decompressed too often";
