//! Writing a log.

use std::ops::Range;

use casemate_core::Timestamp;

use super::{
    CHECKPOINT, Edge, HISTORY, Log, LogError, Pending, edge::Full, io_error, read::told, sweep,
};
use crate::{
    Checkpoint, Hash, Note, Signer,
    disk::{Disk, place},
    note::NoteSignature,
    record,
    tile::{self, Kind, Tile},
};

/// A log that somebody writes. What is pushed counts once it is committed, all of it together.
#[derive(Debug)]
pub struct Writer<D> {
    log: Log<D>,
    edge: Edge,
    pending: Pending,
    /// Full tiles that are not written yet.
    full: Vec<Full>,
    /// The time of the last record.
    floor: Option<Timestamp>,
}

/// What a commit put under a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The indexes of the entries, those that were pending included.
    pub range: Range<u64>,
    /// The new head.
    pub checkpoint: Checkpoint,
}

impl<D: Disk> Writer<D> {
    /// Makes a log without entries in an empty directory; its origin is the name of the key.
    ///
    /// # Errors
    ///
    /// When there is a log already, or the system says no.
    pub fn create(disk: D, signer: &Signer<'_>) -> Result<Self, LogError> {
        match Log::open(&disk) {
            Err(LogError::Absent) => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(LogError::Present),
        }
        let checkpoint = Checkpoint::new(signer.verifier().name(), 0, Hash::empty())?;
        let note = signed(&checkpoint, signer);
        let log = Log {
            disk,
            note,
            checkpoint,
        };
        log.publish(Vec::new())?;
        Self::over(log)
    }

    /// Opens a log, removes what an interrupted append left beyond its checkpoint, and verifies that
    /// the tiles at its right edge are those of the checkpoint.
    ///
    /// # Errors
    ///
    /// When there is no log, or its right edge does not fit its checkpoint.
    pub fn open(disk: D) -> Result<Self, LogError> {
        let log = Log::open(disk)?;
        sweep::sweep(&log.disk, log.checkpoint.size())?;
        Self::over(log)
    }

    fn over(log: Log<D>) -> Result<Self, LogError> {
        let edge = edge(&log)?;
        let pending = Pending::read(&log.disk, log.checkpoint.size())?;
        let floor = match pending.last_time() {
            Some(time) => Some(time),
            None => log.last_time()?,
        };
        Ok(Self {
            log,
            edge,
            pending,
            full: Vec::new(),
            floor,
        })
    }

    /// The log as it was at the last commit.
    pub fn log(&self) -> &Log<D> {
        &self.log
    }

    /// The index that the next entry gets.
    pub fn next(&self) -> u64 {
        match self.is_unchanged() {
            true => self.edge.size() + self.pending.len(),
            false => self.edge.size(),
        }
    }

    fn is_unchanged(&self) -> bool {
        self.edge.size() == self.log.checkpoint.size()
    }

    /// Takes an entry, behind those that are pending. Of the full tiles that come of it, some may be
    /// written at once, beyond the checkpoint.
    ///
    /// # Errors
    ///
    /// When it is longer than 65,535 bytes, is a record older than one before it, or a tile cannot be
    /// written. What is pushed is lost then.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), LogError> {
        self.floor = floor(self.floor, entry, self.next())?;
        if self.is_unchanged() {
            self.take_pending()?;
        }
        self.take(entry)
    }

    fn take_pending(&mut self) -> Result<(), LogError> {
        let entries = std::mem::take(&mut self.pending);
        entries
            .entries()
            .iter()
            .try_for_each(|entry| self.take(entry))
    }

    fn take(&mut self, entry: &[u8]) -> Result<(), LogError> {
        let index = self.edge.size();
        let pushed = self.edge.push(entry, &mut self.full);
        pushed.map_err(|error| LogError::Long { index, error })?;
        match self.full.len() < FLUSH {
            true => Ok(()),
            false => {
                place(&self.log.disk, &named(std::mem::take(&mut self.full))).map_err(io_error)
            }
        }
    }

    /// Puts entries where whoever has the key will find them. Returns the indexes they will have.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn stage(self, entries: &[Vec<u8>]) -> Result<Range<u64>, LogError> {
        let first = self.next();
        let mut last = self.floor;
        for (index, entry) in (first..).zip(entries) {
            last = floor(last, entry, index)?;
        }
        let size = self.log.checkpoint.size();
        self.pending.add(&self.log.disk, size, entries)?;
        Ok(first..first + entries.len() as u64)
    }

    /// Puts everything that is pushed or pending under a new head, signed by `signer`: tiles and bundles
    /// first, then the head. A crash leaves the old head or the new one. Without new entries, the head
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// When the key is not the log's, or the system says no.
    pub fn commit(&mut self, signer: &Signer<'_>) -> Result<Committed, LogError> {
        self.check_key(signer)?;
        if self.is_unchanged() {
            self.take_pending()?;
        }
        let old = self.log.checkpoint.size();
        let range = old..self.edge.size();
        if !range.is_empty() {
            let origin = self.log.checkpoint.origin();
            let checkpoint = Checkpoint::new(origin, range.end, self.edge.root())?;
            self.log.note = signed(&checkpoint, signer);
            self.log.checkpoint = checkpoint;
            let mut tiles = std::mem::take(&mut self.full);
            tiles.extend(self.edge.partials());
            self.log.publish(named(tiles))?;
        }
        // The file may also be left from a commit that was interrupted here.
        Pending::clear(&self.log.disk)?;
        self.remove_replaced(old)?;
        Ok(Committed {
            range,
            checkpoint: self.log.checkpoint.clone(),
        })
    }

    /// Adds cosignatures to the head.
    ///
    /// # Errors
    ///
    /// When the system says no.
    pub fn cosign(&mut self, signatures: Vec<NoteSignature>) -> Result<(), LogError> {
        signatures
            .into_iter()
            .for_each(|signature| self.log.note.push(signature));
        self.log.publish(Vec::new())
    }

    /// Whether `signer` is who signed the head.
    ///
    /// # Errors
    ///
    /// Whose name or key the log has instead.
    pub fn check_key(&self, signer: &Signer<'_>) -> Result<(), LogError> {
        let (origin, verifier) = (self.log.checkpoint.origin(), signer.verifier());
        if verifier.name() != origin {
            return Err(LogError::Origin {
                origin: origin.to_owned(),
                name: verifier.name().to_owned(),
            });
        }
        if self.log.note.verify(std::slice::from_ref(verifier)).is_ok() {
            return Ok(());
        }
        let by_log = self
            .log
            .note
            .signatures()
            .iter()
            .filter(|by| by.name == origin);
        let ids: Vec<String> = by_log.map(|by| by.id.to_string()).collect();
        Err(LogError::Key {
            found: ids.join(", "),
        })
    }

    /// Removes the partial tiles that were the right edge of the log of `old` entries, where full ones
    /// are in their places. Those of older heads went with theirs.
    fn remove_replaced(&self, old: u64) -> Result<(), LogError> {
        let kinds = (0..tile::levels(old))
            .map(Kind::Hashes)
            .chain([Kind::Entries]);
        for kind in kinds {
            let index = tile::widths(kind, old).0;
            let Some(tile::WIDTH) = Tile::of(kind, index, self.edge.size()).map(|now| now.width)
            else {
                continue;
            };
            let dir = Tile {
                kind,
                index,
                width: 1,
            };
            let dir = dir.to_string();
            let dir = dir.trim_end_matches("/1");
            for (width, _) in self.log.disk.list(dir).map_err(told(dir))? {
                let path = format!("{dir}/{width}");
                self.log.disk.remove(&path).map_err(told(&path))?;
            }
        }
        Ok(())
    }
}

impl<D: Disk> Log<D> {
    /// Writes tiles, then the head.
    fn publish(&self, mut files: Vec<(String, Vec<u8>)>) -> Result<(), LogError> {
        let head = self.note.to_string().into_bytes();
        let size = tile::digits(self.checkpoint.size());
        files.push((format!("{HISTORY}/{size}"), head.clone()));
        place(&self.disk, &files).map_err(io_error)?;
        place(&self.disk, &[(CHECKPOINT.into(), head)]).map_err(io_error)
    }
}

/// Reads the right edge of a log, and verifies it against the checkpoint.
fn edge<D: Disk>(log: &Log<D>) -> Result<Edge, LogError> {
    let size = log.checkpoint.size();
    let mut levels = Vec::new();
    for level in 0..tile::levels(size) {
        let (index, width) = tile::widths(Kind::Hashes(level), size);
        levels.push(match width {
            0 => Vec::new(),
            _ => log.hashes(level, index)?,
        });
    }
    let (index, width) = tile::widths(Kind::Entries, size);
    let bundle = match Tile::of(Kind::Entries, index, size) {
        None => Vec::new(),
        Some(tile) => {
            let bytes = log.tile_bytes(tile)?;
            let entries = tile::entries(&bytes, width);
            let entries = entries.map_err(|error| LogError::Tile { tile, error })?;
            let mut pairs = entries.iter().zip(&levels[0]);
            if let Some(at) = pairs.position(|(entry, hash)| Hash::leaf(entry) != *hash) {
                let first = index * u64::from(tile::WIDTH);
                return Err(LogError::Entry {
                    index: first + at as u64,
                });
            }
            bytes
        }
    };
    let edge = Edge::new(size, levels, bundle);
    match (edge.root(), log.checkpoint.root()) {
        (found, signed) if found == signed => Ok(edge),
        (found, signed) => Err(LogError::Root {
            size,
            found,
            signed,
        }),
    }
}

/// The time that the record behind `entry` must not be before.
fn floor(
    floor: Option<Timestamp>,
    entry: &[u8],
    index: u64,
) -> Result<Option<Timestamp>, LogError> {
    let Some(record) = record::read(entry) else {
        return Ok(floor);
    };
    match floor {
        Some(floor) if record.time < floor => Err(LogError::BackDated {
            index,
            time: record.time,
            floor,
        }),
        _ => Ok(Some(record.time)),
    }
}

fn signed(checkpoint: &Checkpoint, signer: &Signer<'_>) -> Note {
    let mut note = Note::new(checkpoint.to_string()).expect("a checkpoint is a text");
    note.push(signer.sign(note.text(), 0));
    note
}

fn named(tiles: Vec<Full>) -> Vec<(String, Vec<u8>)> {
    let names = tiles
        .into_iter()
        .map(|(tile, bytes)| (tile.to_string(), bytes));
    names.collect()
}

/// How many full tiles and bundles wait in memory for those behind them: some 8,000 entries.
const FLUSH: usize = 64;
