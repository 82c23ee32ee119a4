//! A member's packed bytes, through a buffer.

use std::io;

use casemate_core::{Source, Window};

/// Buffered bytes of a member.
pub(super) struct Input<'a> {
    source: &'a dyn Source,
    start: u64,
    end: u64,
    /// Where in the source the buffer ends.
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(source: &'a dyn Source, window: &Window<&'a dyn Source>) -> Self {
        Self {
            source,
            start: window.start(),
            end: window.start() + window.len(),
            at: window.start(),
            buffer: Vec::new(),
            used: 0,
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

    pub(super) fn seek(&mut self, position: u64) {
        self.at = self.start.saturating_add(position).min(self.end);
        self.buffer.clear();
        self.used = 0;
    }

    /// The bytes that come next; none at the end.
    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            let want = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            self.buffer.resize(want.min(CHUNK), 0);
            let read = self.source.read_at(self.at, &mut self.buffer)?;
            self.buffer.truncate(read);
            self.used = 0;
            self.at += read as u64;
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
}

const CHUNK: usize = 32 << 10;
