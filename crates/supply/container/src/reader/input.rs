//! A member's packed bytes, through a buffer.

use std::io::{self, Read};

use casemate_core::{Source, Window};

use super::codec::{Failure, Fault};

/// Buffered bytes of a member.
pub(crate) struct Input<'a> {
    source: &'a dyn Source,
    start: u64,
    end: u64,
    /// Where in the source the buffer ends.
    at: u64,
    buffer: Vec<u8>,
    used: usize,
    /// What the medium said to a decoder that reads by itself.
    failure: Option<io::Error>,
    /// Whether a decoder that reads by itself asked for more than there is.
    dry: bool,
}

impl<'a> Input<'a> {
    pub(crate) fn new(window: &Window<&'a dyn Source>, source: &'a dyn Source) -> Self {
        Self {
            source,
            start: window.start(),
            end: window.start() + window.len(),
            at: window.start(),
            buffer: Vec::new(),
            used: 0,
            failure: None,
            dry: false,
        }
    }

    /// The same bytes from the same place on, for a decoder that keeps its input.
    pub(super) fn fork(&self) -> Self {
        Self {
            source: self.source,
            start: self.start,
            end: self.end,
            at: self.start + self.position(),
            buffer: Vec::new(),
            used: 0,
            failure: None,
            dry: false,
        }
    }

    pub(super) fn window(&self) -> Window<&'a dyn Source> {
        Window::new(self.source, self.start, self.end - self.start)
    }

    pub(super) fn rest(&self) -> Window<&'a dyn Source> {
        let at = self.start + self.position();
        Window::new(self.source, at, self.end - at)
    }

    /// How many bytes of the member were consumed.
    pub(super) fn position(&self) -> u64 {
        self.at - self.start - (self.buffer.len() - self.used) as u64
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.end - self.start - self.position()
    }

    pub(super) fn seek(&mut self, position: u64) {
        self.at = self.start.saturating_add(position).min(self.end);
        self.buffer.clear();
        self.used = 0;
        self.dry = false;
    }

    /// Steps over bytes, which need not be there.
    pub(super) fn skip(&mut self, count: u64) {
        let held = (self.buffer.len() - self.used) as u64;
        if count <= held {
            self.consume(count);
        } else {
            self.seek(self.position().saturating_add(count));
        }
    }

    /// The bytes that come next; none at the end.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            let want = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            self.buffer.resize(want.min(CHUNK), 0);
            let read = self.source.read_at(self.at, &mut self.buffer);
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            self.used = 0;
            self.at += read? as u64;
        }
        Ok(&self.buffer[self.used..])
    }

    pub(super) fn consume(&mut self, count: u64) {
        let left = self.buffer.len() - self.used;
        self.used += usize::try_from(count).unwrap_or(left).min(left);
    }

    /// Moves bytes out until `buf` is full or the member ends.
    pub(super) fn copy(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let next = self.fill()?;
            let count = next.len().min(buf.len() - done);
            if count == 0 {
                break;
            }
            buf[done..done + count].copy_from_slice(&next[..count]);
            self.used += count;
            done += count;
        }
        Ok(done)
    }

    /// The next `N` bytes, all of them.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        if self.copy(&mut bytes)? < N {
            return Err(Failure::Truncated.into());
        }
        Ok(bytes)
    }

    /// The next `N` bytes, left where they are; fewer where the member ends.
    pub(crate) fn peek<const N: usize>(&mut self) -> io::Result<Vec<u8>> {
        if self.buffer.len() - self.used < N {
            self.buffer.drain(..self.used);
            self.used = 0;
            let held = self.buffer.len();
            let want = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            self.buffer.resize(held + want.min(CHUNK), 0);
            let read = self.source.read_at(self.at, &mut self.buffer[held..]);
            self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
            let Ok(read) = read else {
                // The medium may fail behind what is asked for.
                let at = self.at - held as u64;
                let there = usize::try_from(self.end - at).unwrap_or(usize::MAX);
                return self.source.read_vec(at, N.min(there));
            };
            self.at += read as u64;
        }
        let ahead = &self.buffer[self.used..];
        Ok(ahead[..ahead.len().min(N)].to_vec())
    }

    /// Why a decoder that reads this by itself gave up: `what` is broken, unless the medium failed
    /// or the bytes ended.
    pub(super) fn fault(&mut self, what: &'static str) -> Fault {
        match self.failure.take() {
            Some(error) => Fault::Medium(error),
            None if self.dry => Failure::Truncated.into(),
            None => Failure::Broken(what).into(),
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let next = match self.fill() {
            Ok(next) => next,
            Err(error) => {
                let told = io::Error::from(error.kind());
                self.failure = Some(error);
                return Err(told);
            }
        };
        let count = next.len().min(buf.len());
        buf[..count].copy_from_slice(&next[..count]);
        self.used += count;
        self.dry |= count == 0 && !buf.is_empty();
        Ok(count)
    }
}

const CHUNK: usize = 32 << 10;
