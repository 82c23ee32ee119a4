//! Reading a source from front to back, with cheap steps over what need not be seen.

use std::io;

use casemate_core::Source;

/// A position in a source, with a window of bytes around it.
pub(crate) struct Cursor<'a> {
    source: &'a dyn Source,
    /// All the bytes, where the source has them in memory; then `buffer` stays empty.
    slice: Option<&'a [u8]>,
    buffer: Vec<u8>,
    /// Where the window begins in the source.
    base: u64,
    /// The next byte, counted from the window's beginning.
    at: usize,
    len: u64,
}

/// Where bytes lie in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the bytes end too early")]
    End,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(source: &'a dyn Source, at: u64) -> Self {
        let len = source.len();
        let mut cursor = Self {
            source,
            slice: source.as_slice(),
            buffer: Vec::new(),
            base: 0,
            at: 0,
            len,
        };
        cursor.seek(at.min(len));
        cursor
    }

    pub(crate) fn source(&self) -> &'a dyn Source {
        self.source
    }

    pub(crate) fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.len.saturating_sub(self.position())
    }

    pub(crate) fn seek(&mut self, to: u64) {
        if self.slice.is_some() {
            // The window is the whole slice, which fits in memory; so does every position in it.
            self.at = usize::try_from(to.min(self.len)).unwrap_or(usize::MAX);
            return;
        }
        if let Some(ahead) = to.checked_sub(self.base)
            && let Ok(ahead) = usize::try_from(ahead)
            && ahead <= self.buffer.len()
        {
            self.at = ahead;
            return;
        }
        self.base = to;
        self.at = 0;
        self.buffer.clear();
    }

    /// The bytes from the position on that are at hand; empty only at the end of the source.
    pub(crate) fn window(&mut self) -> Result<&[u8], ReadError> {
        if self.slice.is_none() && self.at >= self.buffer.len() {
            self.fill()?;
        }
        Ok(self.ahead())
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, ReadError> {
        if let Some(&byte) = self.bytes().get(self.at) {
            self.at += 1;
            return Ok(byte);
        }
        let byte = *self.window()?.first().ok_or(ReadError::End)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut out = [0; N];
        if let Some(bytes) = self.bytes().get(self.at..self.at + N) {
            out.copy_from_slice(bytes);
            self.at += N;
            return Ok(out);
        }
        for byte in &mut out {
            *byte = self.byte()?;
        }
        Ok(out)
    }

    /// Steps over `len` bytes without reading them.
    pub(crate) fn skip(&mut self, len: u64) -> Result<Extent, ReadError> {
        let at = self.position();
        let end = at.checked_add(len).filter(|&end| end <= self.len);
        self.seek(end.ok_or(ReadError::End)?);
        Ok(Extent { at, len })
    }

    /// Steps over a line and its newline, and says where the line lies without its last byte:
    /// Python cuts that off unseen, so that a line which the end of the file cuts loses a letter.
    pub(crate) fn line(&mut self) -> Result<Extent, ReadError> {
        let start = self.position();
        loop {
            let window = self.window()?;
            if window.is_empty() {
                let len = self.position() - start;
                let len = len.checked_sub(1).ok_or(ReadError::End)?;
                return Ok(Extent { at: start, len });
            }
            match memchr::memchr(b'\n', window) {
                Some(found) => {
                    self.at += found + 1;
                    let len = self.position() - start - 1;
                    return Ok(Extent { at: start, len });
                }
                None => self.at += window.len(),
            }
        }
    }

    /// The first two bytes of `extent`, or as many as it has.
    #[inline]
    pub(crate) fn start_of(&self, extent: Extent) -> Result<[u8; 2], ReadError> {
        let mut start = [0; 2];
        let len = usize::try_from(extent.len).unwrap_or(2).min(2);
        let here = extent.at.checked_sub(self.base);
        let here = here.and_then(|from| usize::try_from(from).ok());
        if let Some(bytes) = here.and_then(|from| self.bytes().get(from..from + len)) {
            start[..len].copy_from_slice(bytes);
        } else {
            self.source.read_at(extent.at, &mut start[..len])?;
        }
        Ok(start)
    }

    /// The first `limit` bytes of `extent`, from the window where they are in it.
    pub(crate) fn read(&self, extent: Extent, limit: usize) -> io::Result<Vec<u8>> {
        let len = usize::try_from(extent.len).unwrap_or(limit).min(limit);
        let here = extent.at.checked_sub(self.base);
        if let Some(from) = here.and_then(|from| usize::try_from(from).ok())
            && let Some(bytes) = from
                .checked_add(len)
                .and_then(|to| self.bytes().get(from..to))
        {
            return Ok(bytes.to_vec());
        }
        self.source.read_vec(extent.at, len)
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self.slice {
            Some(slice) => slice,
            None => &self.buffer,
        }
    }

    fn ahead(&self) -> &[u8] {
        self.bytes().get(self.at..).unwrap_or_default()
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        self.base = self.position();
        self.at = 0;
        // A first look at bytes that are no stream ends soon; it should not read far.
        let window = self
            .buffer
            .len()
            .saturating_mul(4)
            .clamp(FIRST_WINDOW, WINDOW);
        self.buffer.resize(window, 0);
        let read = self.source.read_at(self.base, &mut self.buffer);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        read?;
        Ok(())
    }
}

const FIRST_WINDOW: usize = 1024;
const WINDOW: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;
    use proptest::prelude::*;

    use super::*;

    /// The same bytes without the short cut for memory.
    struct Paged(Vec<u8>);

    impl Source for Paged {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            MemorySource(&self.0).read_at(offset, &mut buf[..])
        }
    }

    #[test]
    fn a_line_that_the_end_cuts_loses_its_last_letter() {
        let source = MemorySource(b"os\nsystem");
        let mut cursor = Cursor::new(&source, 0);
        assert_eq!(cursor.line().expect("line"), Extent { at: 0, len: 2 });
        assert_eq!(cursor.line().expect("line"), Extent { at: 3, len: 5 });
        assert!(cursor.line().is_err());
    }

    proptest! {
        #[test]
        fn memory_and_pages_read_alike(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..60),
            steps in proptest::collection::vec((0u8..4, 0u64..20), 0..20),
        ) {
            let memory = MemorySource(&bytes);
            let pages = Paged(bytes.clone());
            let (mut a, mut b) = (Cursor::new(&memory, 0), Cursor::new(&pages, 0));
            for (step, by) in steps {
                match step {
                    0 => prop_assert_eq!(a.byte().ok(), b.byte().ok()),
                    1 => prop_assert_eq!(a.skip(by).ok(), b.skip(by).ok()),
                    2 => prop_assert_eq!(a.line().ok(), b.line().ok()),
                    _ => { a.seek(by); b.seek(by.min(bytes.len() as u64)); }
                }
                prop_assert_eq!(a.position(), b.position());
                prop_assert!(a.position() <= bytes.len() as u64);
            }
        }
    }
}
