//! What every decoder does, and how it may fail.

use std::{fmt, io};

use super::input::Input;
use crate::Exceeded;

/// The decoder of a format of compressed streams, which may stand one after another.
pub(crate) trait Codec<'a>: Send {
    /// Steps over the header of the stream that begins here; no where none does, and the input is
    /// left where it was.
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault>;

    /// Decodes up to `buf.len()` bytes; none at the end of the stream. What comes before a broken
    /// place is given before the fault is.
    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault>;

    /// Steps over what follows the last byte of a stream, and says whether all its checksums and
    /// lengths are those of its bytes.
    fn end(&mut self, input: &mut Input<'a>) -> Result<bool, Fault>;

    /// From how many bytes the last bytes were decoded, and how many came of them; nothing where
    /// that is what was read of the input and given out.
    fn growth(&self) -> Option<(u64, u64)> {
        None
    }
}

/// Why decoding ended early.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The medium failed.
    Medium(io::Error),
    /// The bytes are at fault, or a limit was reached.
    Failure(Failure),
}

/// Why reading ended early. An [`io::Error`] cannot be given twice; this can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// What the bytes are not, with its article.
    Broken(&'static str),
    Truncated,
    /// What the stream needs and Casemate does not have.
    Unsupported(&'static str),
    Limit(Exceeded),
    /// The medium failed before.
    Unread,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(what) => write!(f, "broken {what}"),
            Self::Truncated => f.write_str("the member breaks off"),
            Self::Unsupported(what) => write!(f, "the member needs {what}, which is not supported"),
            Self::Limit(limit) => limit.fmt(f),
            Self::Unread => f.write_str("the member could not be read before"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Broken(_) => io::ErrorKind::InvalidData,
            Failure::Truncated => io::ErrorKind::UnexpectedEof,
            Failure::Unsupported(_) => io::ErrorKind::Unsupported,
            Failure::Limit(limit) => return limit.into(),
            Failure::Unread => io::ErrorKind::Other,
        };
        Self::new(kind, failure)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Medium(error)
    }
}

impl From<Exceeded> for Fault {
    fn from(limit: Exceeded) -> Self {
        Self::Failure(Failure::Limit(limit))
    }
}
