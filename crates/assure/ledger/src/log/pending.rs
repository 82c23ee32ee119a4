//! Entries that are in the log's directory and under no head yet: whoever has no key puts them there,
//! and whoever has it takes them in.

use std::io;

use casemate_core::Timestamp;

use super::{LogError, io_error, read::told};
use crate::{
    Hash,
    disk::{Disk, place},
    record, tile,
};

/// The pending entries.
///
/// The file begins with a line that has the size of the log they continue. Once the log is larger, they
/// are in it, and the file is left from an interrupted commit. Each entry is framed as in a bundle, with
/// its leaf hash behind it: a frame that is not whole is where writing was interrupted.
#[derive(Debug, Default)]
pub struct Pending {
    entries: Vec<Vec<u8>>,
    /// How many bytes of the file are whole; 0 where there is no file for this size.
    whole: u64,
    /// How many bytes the file has.
    length: u64,
}

impl Pending {
    /// Reads what waits to continue a log of `size` entries.
    pub(super) fn read(disk: &impl Disk, size: u64) -> Result<Self, LogError> {
        let bytes = match disk.read(PENDING, MAX_PENDING) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            bytes => bytes.map_err(told(PENDING))?,
        };
        let header = header(size);
        let Some(mut rest) = bytes.strip_prefix(header.as_bytes()) else {
            return Ok(Self::default());
        };
        let mut pending = Self {
            whole: header.len() as u64,
            length: bytes.len() as u64,
            ..Self::default()
        };
        while let Some((entry, behind)) = frame(rest) {
            pending.entries.push(entry.to_vec());
            pending.whole += (rest.len() - behind.len()) as u64;
            rest = behind;
        }
        Ok(pending)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in order.
    pub(super) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The time of the last record among them.
    pub(super) fn last_time(&self) -> Option<Timestamp> {
        let mut records = self
            .entries
            .iter()
            .rev()
            .filter_map(|entry| record::read(entry));
        records.next().map(|record| record.time)
    }

    /// Puts entries behind them, for a log of `size` entries. Those that are there when this returns
    /// stay, and of these either all or, after a crash, the first ones.
    pub(super) fn add(
        self,
        disk: &impl Disk,
        size: u64,
        entries: &[Vec<u8>],
    ) -> Result<(), LogError> {
        let mut frames = Vec::new();
        for (at, entry) in (size + self.len()..).zip(entries) {
            let pushed = tile::push_entry(&mut frames, entry);
            pushed.map_err(|error| LogError::Long { index: at, error })?;
            frames.extend_from_slice(&Hash::leaf(entry).0);
        }
        if self.whole == 0 {
            let bytes = [header(size).as_bytes(), &frames].concat();
            return place(disk, &[(PENDING.into(), bytes)]).map_err(io_error);
        }
        if self.whole < self.length {
            disk.truncate(PENDING, self.whole).map_err(told(PENDING))?;
        }
        disk.append(PENDING, &frames).map_err(told(PENDING))?;
        disk.sync(PENDING).map_err(told(PENDING))
    }

    /// Removes the file, since its entries are in the log.
    pub(super) fn clear(disk: &impl Disk) -> Result<(), LogError> {
        match disk.remove(PENDING) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(told(PENDING)),
        }
    }
}

fn header(size: u64) -> String {
    format!("casemate.log/pending@v1 {size}\n")
}

/// The first entry, and what follows its frame.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    (Hash::leaf(entry).0 == *hash).then_some((entry, rest))
}

const PENDING: &str = "pending";
/// How many bytes may wait.
const MAX_PENDING: u64 = 1 << 30;
