//! How every parser reads: by position, from something that knows its length.

use std::{any::Any, fs::File, io, sync::OnceLock};

/// Bytes that can be read at any position. Never a path, never a whole file: a parser that takes a
/// `Source` cannot open anything else, and reads a 100 GB checkpoint at the cost of its header.
pub trait Source: Send + Sync {
    /// The length in bytes, fixed when the source was made.
    fn len(&self) -> u64;

    /// Reads into `buf` from `offset`, and says how many bytes it read. Fewer than asked, zero
    /// included, means that the source ends there.
    ///
    /// # Errors
    ///
    /// What the medium says. Reading past the end is not an error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// All the bytes, where they are in memory already.
    fn as_slice(&self) -> Option<&[u8]> {
        None
    }

    /// Where readers leave for each other what they learned at some cost.
    fn memo(&self) -> Option<&Memo> {
        None
    }

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads exactly `buf.len()` bytes from `offset`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] when the source ends earlier, or what the medium says.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if self.read_at(offset, buf)? < buf.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Reads up to `len` bytes from `offset` into a new buffer, which is never larger than what the
    /// source has there. The caller bounds `len`.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn read_vec(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let there = self.len().saturating_sub(offset);
        let mut buf = vec![0; len.min(usize::try_from(there).unwrap_or(usize::MAX))];
        let read = self.read_at(offset, &mut buf)?;
        buf.truncate(read);
        Ok(buf)
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buf)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        (**self).as_slice()
    }

    fn memo(&self) -> Option<&Memo> {
        (**self).memo()
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buf)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        (**self).as_slice()
    }

    fn memo(&self) -> Option<&Memo> {
        (**self).memo()
    }
}

/// One fact about a source, of whatever type its first reader gives it. Many checks read one file
/// after each other, and all begin by asking what it is.
#[derive(Debug, Default)]
pub struct Memo(OnceLock<Box<dyn Any + Send + Sync>>);

impl Memo {
    /// The fact, if there is one and it is a `T`.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.get()?.downcast_ref()
    }

    /// Leaves the fact, unless there is one.
    pub fn set<T: Any + Send + Sync>(&self, fact: T) {
        self.0.get_or_init(|| Box::new(fact));
    }
}

/// Bytes in memory: `&[u8]`, `Vec<u8>`, `Arc<[u8]>`.
#[derive(Clone, Debug)]
pub struct MemorySource<B>(pub B);

impl<B: AsRef<[u8]> + Send + Sync> Source for MemorySource<B> {
    fn len(&self) -> u64 {
        self.0.as_ref().len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.as_ref();
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let read = buf.len().min(bytes.len() - start);
        buf[..read].copy_from_slice(&bytes[start..start + read]);
        Ok(read)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(self.0.as_ref())
    }
}

/// An open file, read by position (`pread`), so that a file that shrinks meanwhile is a short read
/// and not a signal, as it would be with a memory map.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
}

impl FileSource {
    /// A source over a regular file that is open for reading. Its length is taken now.
    ///
    /// # Errors
    ///
    /// What `fstat` says.
    pub fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;

        let there = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = buf.len().min(there);
        let mut read = 0;
        while read < want {
            match self
                .file
                .read_at(&mut buf[read..want], offset + read as u64)
            {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

/// A part of a source, seen as a source of its own. It never reaches outside its part.
#[derive(Clone, Copy, Debug)]
pub struct Window<S> {
    inner: S,
    start: u64,
    len: u64,
}

impl<S: Source> Window<S> {
    /// The part of `inner` that begins at `start` and has `len` bytes, cut to what `inner` has.
    pub fn new(inner: S, start: u64, len: u64) -> Self {
        let start = start.min(inner.len());
        let len = len.min(inner.len() - start);
        Self { inner, start, len }
    }

    /// Where the part begins in the source around it.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The part of this part that begins at `start` and has `len` bytes, cut to what there is.
    #[must_use]
    pub fn part(&self, start: u64, len: u64) -> Self
    where
        S: Copy,
    {
        let start = start.min(self.len);
        Self {
            inner: self.inner,
            start: self.start + start,
            len: len.min(self.len - start),
        }
    }
}

impl<S: Source> Source for Window<S> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        if there == 0 {
            return Ok(0);
        }
        let want = buf.len().min(there);
        self.inner.read_at(self.start + offset, &mut buf[..want])
    }

    fn as_slice(&self) -> Option<&[u8]> {
        let start = usize::try_from(self.start).ok()?;
        let end = start.checked_add(usize::try_from(self.len).ok()?)?;
        self.inner.as_slice()?.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reading_past_the_end_is_short_and_not_an_error() {
        let source = MemorySource(b"abc");
        let mut buf = [0; 4];
        assert_eq!(source.read_at(1, &mut buf).expect("memory"), 2);
        assert_eq!(source.read_at(u64::MAX, &mut buf).expect("memory"), 0);
        let short = source
            .read_exact_at(1, &mut buf)
            .expect_err("three bytes are not four");
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(source.read_vec(2, usize::MAX).expect("memory"), b"c");
    }

    proptest! {
        #[test]
        fn a_window_is_the_slice_it_names(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            start in 0u64..50, len in 0u64..50, offset in 0u64..50, want in 0usize..50,
        ) {
            let clip = |at: u64| usize::try_from(at).expect("small").min(bytes.len());
            let slice = &bytes[clip(start)..clip(start + len)];
            let window = Window::new(MemorySource(&bytes), start, len);
            prop_assert_eq!(window.as_slice(), Some(slice));
            prop_assert_eq!(window.len(), slice.len() as u64);
            let from = usize::try_from(offset).expect("small").min(slice.len());
            let to = (from + want).min(slice.len());
            prop_assert_eq!(window.read_vec(offset, want).expect("memory"), &slice[from..to]);
            let source = MemorySource(&bytes);
            let source: &dyn Source = &source;
            let part = Window::new(source, start, len).part(offset, want as u64);
            prop_assert_eq!(part.as_slice(), Some(&slice[from..to]));
        }
    }
}
