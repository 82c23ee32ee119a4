//! Reading a log: entries, proofs.

use std::{io, ops::Range};

use casemate_core::Timestamp;

use super::{CHECKPOINT, HISTORY, LogError, Pending};
use crate::{
    Checkpoint, Hash, Note, TlogProof,
    checkpoint::BadCheckpoint,
    disk::Disk,
    merkle,
    note::MAX_NOTE,
    record,
    tile::{self, Kind, MAX_BUNDLE, Tile, TileNodes, Tiles, WIDTH},
};

/// A log and its checkpoint, of which nobody has verified the signature.
#[derive(Debug)]
pub struct Log<D> {
    pub(super) disk: D,
    pub(super) note: Note,
    pub(super) checkpoint: Checkpoint,
}

impl<D: Disk> Log<D> {
    /// Reads the checkpoint of a log.
    ///
    /// # Errors
    ///
    /// When there is none, or it is malformed.
    pub fn open(disk: D) -> Result<Self, LogError> {
        let bytes = match disk.read(CHECKPOINT, MAX_NOTE as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(LogError::Absent),
            bytes => bytes.map_err(told(CHECKPOINT))?,
        };
        let note = Note::parse(&bytes).map_err(BadCheckpoint::from)?;
        let checkpoint = note.text().parse()?;
        Ok(Self {
            disk,
            note,
            checkpoint,
        })
    }

    /// The head.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The head with its signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// How many entries wait for the next head.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn pending(&self) -> Result<u64, LogError> {
        Ok(Pending::read(&self.disk, self.checkpoint.size())?.len())
    }

    /// The bytes of a tile or bundle as wide as it is in this log, or cut to that from the full one.
    pub(crate) fn tile_bytes(&self, tile: Tile) -> Result<Vec<u8>, LogError> {
        let limit = match tile.kind {
            Kind::Hashes(_) => 32 * u64::from(WIDTH),
            Kind::Entries => MAX_BUNDLE,
        };
        let read = |tile: Tile| match self.disk.read(&tile.to_string(), limit) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(told(&tile.to_string())),
        };
        if let Some(bytes) = read(tile)? {
            return Ok(bytes);
        }
        // The specification lets a log remove a partial tile once the full one is there.
        let full = match tile.width {
            WIDTH => None,
            _ => read(tile.full())?,
        };
        let mut bytes = full.ok_or(LogError::Missing(tile))?;
        let wanted = match tile.kind {
            Kind::Hashes(_) => 32 * usize::from(tile.width),
            Kind::Entries => {
                let entries = tile::entries(&bytes, WIDTH);
                let entries = entries.map_err(|error| LogError::Tile { tile, error })?;
                let kept = entries.iter().take(usize::from(tile.width));
                kept.map(|entry| 2 + entry.len()).sum()
            }
        };
        bytes.truncate(wanted);
        Ok(bytes)
    }

    /// The hashes of a tile of this log.
    pub(crate) fn hashes(&self, level: u8, index: u64) -> Result<Vec<Hash>, LogError> {
        let kind = Kind::Hashes(level);
        let tile = Tile::of(kind, index, self.checkpoint.size());
        let tile = tile.unwrap_or(Tile {
            kind,
            index,
            width: WIDTH,
        });
        let bytes = self.tile_bytes(tile)?;
        tile::hashes(&bytes, tile.width).map_err(|error| LogError::Tile { tile, error })
    }

    /// The entries of one bundle, each checked against its tile.
    fn bundle(&self, index: u64) -> Result<Vec<Vec<u8>>, LogError> {
        let size = self.checkpoint.size();
        let first = index * u64::from(WIDTH);
        let outside = LogError::Index { index: first, size };
        let tile = Tile::of(Kind::Entries, index, size).ok_or(outside)?;
        let bytes = self.tile_bytes(tile)?;
        let entries = tile::entries(&bytes, tile.width);
        let entries = entries.map_err(|error| LogError::Tile { tile, error })?;
        let hashes = self.hashes(0, index)?;
        let pairs = entries.iter().zip(&hashes);
        match pairs
            .into_iter()
            .position(|(entry, hash)| Hash::leaf(entry) != *hash)
        {
            Some(at) => Err(LogError::Entry {
                index: first + at as u64,
            }),
            None => Ok(entries.into_iter().map(<[u8]>::to_vec).collect()),
        }
    }

    /// One entry. That its tile belongs to the checkpoint is not verified; a proof does that.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not the one that its tile has the hash of.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let size = self.checkpoint.size();
        if index >= size {
            return Err(LogError::Index { index, size });
        }
        let mut bundle = self.bundle(index / u64::from(WIDTH))?;
        Ok(bundle.swap_remove(tile::within(index)))
    }

    /// Hands the entries of a range that is within the log to `each`, with their indexes.
    ///
    /// # Errors
    ///
    /// As [`entry`](Self::entry), and what `each` says.
    pub fn entries<E: From<LogError>>(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let width = u64::from(WIDTH);
        let mut index = range.start;
        while index < range.end {
            for entry in self.bundle(index / width)?.iter().skip(tile::within(index)) {
                if index == range.end {
                    break;
                }
                each(index, entry)?;
                index += 1;
            }
        }
        Ok(())
    }

    /// Where an entry with this hash is, the first of them.
    ///
    /// # Errors
    ///
    /// When a tile cannot be read.
    pub fn find(&self, leaf: Hash) -> Result<Option<u64>, LogError> {
        for tile in 0..self.checkpoint.size().div_ceil(u64::from(WIDTH)) {
            let hashes = self.hashes(0, tile)?;
            if let Some(at) = hashes.iter().position(|hash| *hash == leaf) {
                return Ok(Some(tile * u64::from(WIDTH) + at as u64));
            }
        }
        Ok(None)
    }

    /// The proof that entry `index` is in the log.
    ///
    /// # Errors
    ///
    /// When there is none, or a tile cannot be read or does not belong to the checkpoint.
    pub fn prove(&self, index: u64) -> Result<TlogProof, LogError> {
        let size = self.checkpoint.size();
        if index >= size {
            return Err(LogError::Index { index, size });
        }
        let mut nodes = TileNodes(Cached::new(self));
        self.check_root(&mut nodes)?;
        Ok(TlogProof {
            extra: None,
            index,
            hashes: merkle::inclusion(&mut nodes, index, size)?,
            checkpoint: self.note.to_string(),
        })
    }

    /// The proof that the log of `old` entries is the beginning of this one.
    ///
    /// # Errors
    ///
    /// When it is not that old, or a tile cannot be read or does not belong to the checkpoint.
    pub fn prove_consistency(&self, old: u64) -> Result<Vec<Hash>, LogError> {
        let size = self.checkpoint.size();
        if old > size {
            return Err(LogError::Index { index: old, size });
        }
        let mut nodes = TileNodes(Cached::new(self));
        self.check_root(&mut nodes)?;
        merkle::consistency(&mut nodes, old, size)
    }

    /// The root that the log had when it had `size` entries, by the tiles that it has now.
    ///
    /// # Errors
    ///
    /// When it has fewer, or a tile cannot be read or does not belong to the checkpoint.
    pub fn root_at(&self, size: u64) -> Result<Hash, LogError> {
        let now = self.checkpoint.size();
        if size > now {
            return Err(LogError::Index {
                index: size,
                size: now,
            });
        }
        let mut nodes = TileNodes(Cached::new(self));
        self.check_root(&mut nodes)?;
        merkle::root(&mut nodes, size)
    }

    fn check_root(&self, nodes: &mut TileNodes<Cached<'_, D>>) -> Result<(), LogError> {
        let (size, signed) = (self.checkpoint.size(), self.checkpoint.root());
        match merkle::root(nodes, size)? {
            found if found == signed => Ok(()),
            found => Err(LogError::Root {
                size,
                found,
                signed,
            }),
        }
    }

    /// The time of the last record in the log.
    pub(super) fn last_time(&self) -> Result<Option<Timestamp>, LogError> {
        for index in (0..self.checkpoint.size().div_ceil(u64::from(WIDTH))).rev() {
            let bundle = self.bundle(index)?;
            let mut records = bundle.iter().rev().filter_map(|entry| record::read(entry));
            if let Some(record) = records.next() {
                return Ok(Some(record.time));
            }
        }
        Ok(None)
    }

    /// The sizes of the heads that the log has kept, in order.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub fn history(&self) -> Result<Vec<u64>, LogError> {
        let mut sizes = Vec::new();
        for path in super::sweep::files(&self.disk, HISTORY)? {
            let digits = path
                .strip_prefix(HISTORY)
                .and_then(|path| path.strip_prefix('/'));
            sizes.extend(digits.and_then(tile::index));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// One head that the log has kept, as it was signed.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn head(&self, size: u64) -> Result<Vec<u8>, LogError> {
        let path = format!("{HISTORY}/{}", tile::digits(size));
        self.disk.read(&path, MAX_NOTE as u64).map_err(told(&path))
    }
}

pub(super) fn told(path: &str) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    |error| LogError::Io { path, error }
}

/// The tiles of a log, each read once.
struct Cached<'a, D> {
    log: &'a Log<D>,
    tiles: Vec<(u8, u64, Vec<Hash>)>,
}

impl<'a, D> Cached<'a, D> {
    fn new(log: &'a Log<D>) -> Self {
        let tiles = Vec::new();
        Self { log, tiles }
    }
}

impl<D: Disk> Tiles for Cached<'_, D> {
    type Error = LogError;

    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], LogError> {
        let known = |(l, i, _): &(u8, u64, _)| (*l, *i) == (level, index);
        let at = match self.tiles.iter().position(known) {
            Some(at) => at,
            None => {
                let hashes = self.log.hashes(level, index)?;
                self.tiles.push((level, index, hashes));
                self.tiles.len() - 1
            }
        };
        Ok(&self.tiles[at].2)
    }

    fn narrow(level: u8, index: u64) -> LogError {
        LogError::Missing(Tile {
            kind: Kind::Hashes(level),
            index,
            width: WIDTH,
        })
    }
}
