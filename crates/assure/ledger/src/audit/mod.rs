//! Recomputing a log, and naming what does not fit.
//!
//! Bundles and tiles say the same thing twice, and a signed head says which of them is right. So the tree
//! is computed twice, over the entries and over the hashes of the lowest tiles: where only one of the two
//! has the root that was signed, every difference is a fault of the other. Where neither has it, the
//! heads that the log has kept, and those that the caller has from before, tell between which two of
//! them it went wrong.

mod fault;

use casemate_core::Timestamp;

pub use self::fault::{Fault, Witnessed};
use crate::{
    Checkpoint, Hash,
    checkpoint::Trust,
    disk::Disk,
    log::{Edge, Log, LogError},
    record,
    tile::{Kind, Tile, WIDTH},
};

/// What came of recomputing a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How many entries were read.
    pub entries: u64,
    /// How many of them are records.
    pub records: u64,
    /// How many kept heads were held against the entries.
    pub heads: u64,
    /// What does not fit, at most [`MAX_FAULTS`] of it, in the order of entries where it has one.
    pub faults: Vec<Fault>,
}

/// Reads every entry and every tile of `log`, and holds them against its checkpoint, which the caller has
/// verified, against the heads that it has kept, as far as `trust` has their key, and against the
/// checkpoints `since`, which the caller has from before and has verified too.
///
/// # Errors
///
/// When the system says no.
pub fn audit<D: Disk>(
    log: &Log<D>,
    trust: &Trust,
    since: &[Checkpoint],
) -> Result<Audit, LogError> {
    let mut audit = Auditor::new(log, trust, since)?;
    let size = log.checkpoint().size();
    for bundle in 0..size.div_ceil(u64::from(WIDTH)) {
        audit.take(bundle)?;
    }
    Ok(audit.finish())
}

struct Auditor<'a, D> {
    log: &'a Log<D>,
    /// The tree over the entries, and the one over the hashes of the lowest tiles.
    over_entries: Edge,
    over_hashes: Edge,
    /// What is wrong if the entries are right, and if the hashes are.
    if_entries: Vec<Fault>,
    if_hashes: Vec<Fault>,
    faults: Vec<Fault>,
    heads: Vec<Head>,
    /// Heads that the entries do not have, and those that the hashes do not.
    forks: (Vec<Fork>, Vec<Fork>),
    agreed: (u64, u64),
    last: Option<(u64, Timestamp)>,
    records: u64,
}

/// A head that the entries must have.
struct Head {
    checkpoint: Checkpoint,
    by: Witnessed,
}

/// A head that they do not have, and the size of the last one that they do.
struct Fork {
    agreed: u64,
    size: u64,
    by: Witnessed,
}

impl<'a, D: Disk> Auditor<'a, D> {
    fn new(log: &'a Log<D>, trust: &Trust, since: &[Checkpoint]) -> Result<Self, LogError> {
        let head = log.checkpoint();
        let mut faults = Vec::new();
        let mut heads = vec![Head {
            checkpoint: head.clone(),
            by: Witnessed::Checkpoint,
        }];
        let log_alone = Trust {
            quorum: 0,
            ..trust.clone()
        };
        for size in log
            .history()?
            .into_iter()
            .filter(|size| *size <= head.size())
        {
            match log_alone.verify(&log.head(size)?) {
                Ok(kept) if kept.checkpoint.size() == size => heads.push(Head {
                    checkpoint: kept.checkpoint,
                    by: Witnessed::History,
                }),
                Ok(_) => faults.push(Fault::Head {
                    size,
                    reason: "it is of another size".into(),
                }),
                Err(error) => faults.push(Fault::Head {
                    size,
                    reason: error.to_string(),
                }),
            }
        }
        for earlier in since {
            match earlier.size().checked_sub(head.size()) {
                Some(1..) => faults.push(Fault::CutBack {
                    entries: head.size()..earlier.size(),
                    by: Witnessed::Since,
                }),
                _ => heads.push(Head {
                    checkpoint: earlier.clone(),
                    by: Witnessed::Since,
                }),
            }
        }
        heads.sort_by_key(|head| std::cmp::Reverse(head.checkpoint.size()));
        let mut auditor = Self {
            log,
            over_entries: Edge::default(),
            over_hashes: Edge::default(),
            if_entries: Vec::new(),
            if_hashes: Vec::new(),
            faults,
            heads,
            forks: (Vec::new(), Vec::new()),
            agreed: (0, 0),
            last: None,
            records: 0,
        };
        auditor.compare_heads();
        Ok(auditor)
    }

    /// Takes one bundle and its tile.
    fn take(&mut self, index: u64) -> Result<(), LogError> {
        let size = self.log.checkpoint().size();
        let place = |kind| Tile::of(kind, index, size).expect("a bundle that the log has");
        let (bundle, tile) = (place(Kind::Entries), place(Kind::Hashes(0)));
        let first = index * u64::from(WIDTH);
        let hashes = self.hashes(tile, first)?;
        let bytes = match self.log.tile_bytes(bundle) {
            Err(error) => {
                self.gone(bundle, first, &reason(error)?);
                Vec::new()
            }
            Ok(bytes) => bytes,
        };
        let entries = self.entries(bundle, first, &bytes);
        for at in 0..usize::from(bundle.width) {
            let entry = entries.get(at).copied();
            let leaf = entry.map(Hash::leaf);
            let hash = hashes.as_ref().map(|hashes| hashes[at]);
            let place = first + at as u64;
            if let (Some(entry), Some(leaf), Some(hash)) = (entry, leaf, hash)
                && leaf != hash
            {
                self.differs(place, entry, leaf, hashes.as_deref().unwrap_or_default());
            }
            // What is not what was logged would make what stands behind it look back-dated.
            if let Some(entry) = entry
                && leaf == hash.or(leaf)
            {
                self.date(place, entry);
            }
            // What is missing on one side is filled in from the other, so that the rest can be judged.
            let (Some(left), Some(right)) = (leaf.or(hash), hash.or(leaf)) else {
                self.gone(bundle, place, "its tile is of no use either");
                self.push(Hash::empty(), Hash::empty())?;
                continue;
            };
            self.push(left, right)?;
        }
        Ok(())
    }

    /// The hashes of a lowest tile, where it has as many as it must.
    fn hashes(&mut self, tile: Tile, first: u64) -> Result<Option<Vec<Hash>>, LogError> {
        match self.log.hashes(0, tile.index) {
            Ok(hashes) => Ok(Some(hashes)),
            Err(error) => {
                let entries = first..first + u64::from(tile.width);
                let reason = reason(error)?;
                self.report(Fault::Tile {
                    tile,
                    entries,
                    reason,
                });
                Ok(None)
            }
        }
    }

    /// The entries of a bundle that are whole, as many as it must have at the most.
    fn entries<'b>(&mut self, bundle: Tile, first: u64, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let (mut entries, mut rest) = (Vec::new(), bytes);
        while let Some((length, behind)) = rest.split_first_chunk::<2>()
            && let Some((entry, behind)) =
                behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            && entries.len() < usize::from(bundle.width)
        {
            entries.push(entry);
            rest = behind;
        }
        let next = first + entries.len() as u64;
        match entries.len() < usize::from(bundle.width) {
            true if !bytes.is_empty() => self.gone(bundle, next, "it ends before it"),
            false if !rest.is_empty() => self.report(Fault::Added {
                index: next,
                bundle,
            }),
            _ => {}
        }
        entries
    }

    fn gone(&mut self, bundle: Tile, index: u64, reason: &str) {
        self.report(Fault::Gone {
            index,
            bundle,
            reason: reason.to_owned(),
        });
    }

    /// An entry and the hash in its tile are not of the same.
    fn differs(&mut self, index: u64, entry: &[u8], leaf: Hash, hashes: &[Hash]) {
        let subject = record::read(entry).map(|record| record.subject.to_string());
        let first = index - index % u64::from(WIDTH);
        let fault = match hashes.iter().position(|hash| *hash == leaf) {
            Some(at) => Fault::Moved {
                index,
                from: first + at as u64,
                subject,
            },
            None => Fault::Entry { index, subject },
        };
        push(&mut self.if_hashes, fault);
        let tile = Tile::of(
            Kind::Hashes(0),
            first / u64::from(WIDTH),
            self.log.checkpoint().size(),
        );
        let fault = tile.map(|tile| Fault::Tile {
            tile,
            entries: index..index + 1,
            reason: "a hash was changed".into(),
        });
        fault
            .into_iter()
            .for_each(|fault| push(&mut self.if_entries, fault));
    }

    /// A record must not be older than one before it.
    fn date(&mut self, index: u64, entry: &[u8]) {
        let Some(record) = record::read(entry) else {
            return;
        };
        self.records += 1;
        match self.last {
            Some((after, floor)) if record.time < floor => self.report(Fault::BackDated {
                index,
                subject: record.subject.to_string(),
                time: record.time,
                after,
                floor,
            }),
            _ => self.last = Some((index, record.time)),
        }
    }

    /// Goes on with both trees by one leaf, and compares the higher tiles that are full with it.
    fn push(&mut self, entry: Hash, hash: Hash) -> Result<(), LogError> {
        let (mut of_entries, mut of_hashes) = (Vec::new(), Vec::new());
        self.over_entries.push_leaf(entry, &mut of_entries);
        self.over_hashes.push_leaf(hash, &mut of_hashes);
        self.compare_tiles(&of_entries, &of_hashes)?;
        self.compare_heads();
        Ok(())
    }

    fn compare_tiles(
        &mut self,
        of_entries: &[(Tile, Vec<u8>)],
        of_hashes: &[(Tile, Vec<u8>)],
    ) -> Result<(), LogError> {
        for ((tile, by_entries), (_, by_hashes)) in of_entries.iter().zip(of_hashes) {
            let (Kind::Hashes(level @ 1..), index) = (tile.kind, tile.index) else {
                continue;
            };
            let span = 1_u64 << (8 * u32::from(level));
            let first = index * u64::from(WIDTH) * span;
            let under = |at: usize| first + at as u64 * span..first + (at as u64 + 1) * span;
            match self.log.tile_bytes(*tile) {
                Err(error) => {
                    let reason = reason(error)?;
                    self.report(Fault::Tile {
                        tile: *tile,
                        entries: under(0),
                        reason,
                    });
                }
                Ok(found) => {
                    for (computed, faults) in [
                        (by_entries, &mut self.if_entries),
                        (by_hashes, &mut self.if_hashes),
                    ] {
                        let wrong = (computed.chunks(32).zip(found.chunks(32)))
                            .position(|(computed, found)| computed != found);
                        let wrong = wrong.or((computed.len() != found.len()).then_some(0));
                        let fault = wrong.map(|at| Fault::Tile {
                            tile: *tile,
                            entries: under(at),
                            reason: "a hash was changed".into(),
                        });
                        fault.into_iter().for_each(|fault| push(faults, fault));
                    }
                }
            }
        }
        Ok(())
    }

    /// Holds the heads of the size at hand against both trees.
    fn compare_heads(&mut self) {
        let size = self.over_entries.size();
        while let Some(head) = self.heads.pop_if(|head| head.checkpoint.size() == size) {
            for (edge, forks, agreed) in [
                (&self.over_entries, &mut self.forks.0, &mut self.agreed.0),
                (&self.over_hashes, &mut self.forks.1, &mut self.agreed.1),
            ] {
                match edge.root() == head.checkpoint.root() {
                    true if forks.is_empty() => *agreed = size,
                    true => {}
                    false => forks.push(Fork {
                        agreed: *agreed,
                        size,
                        by: head.by,
                    }),
                }
            }
        }
    }

    fn report(&mut self, fault: Fault) {
        push(&mut self.faults, fault);
    }

    fn finish(mut self) -> Audit {
        let partials = [self.over_entries.partials(), self.over_hashes.partials()];
        if let Err(error) = self.compare_tiles(&partials[0], &partials[1]) {
            self.report(Fault::Head {
                size: self.log.checkpoint().size(),
                reason: error.to_string(),
            });
        }
        let (by_entries, by_hashes) = std::mem::take(&mut self.forks);
        let (differences, forks) = match (by_entries.is_empty(), by_hashes.is_empty()) {
            // The hashes are those that were signed, or nothing tells which are.
            (_, true) => (std::mem::take(&mut self.if_hashes), by_hashes),
            (true, false) => (std::mem::take(&mut self.if_entries), by_entries),
            (false, false) => (std::mem::take(&mut self.if_hashes), by_hashes),
        };
        differences.into_iter().for_each(|fault| self.report(fault));
        // The first head that does not fit says where to look; those behind it cannot fit either.
        if let Some(fork) = forks.first() {
            self.report(Fault::Rewritten {
                within: fork.agreed..fork.size.max(fork.agreed + 1),
                head: fork.size,
                by: fork.by,
            });
        }
        self.faults.sort_by_key(Fault::entry);
        self.faults.dedup();
        Audit {
            entries: self.over_entries.size(),
            records: self.records,
            heads: self.log.history().map_or(0, |sizes| sizes.len() as u64),
            faults: self.faults,
        }
    }
}

/// Why a tile is of no use; or the error, where it is not the tile's fault.
fn reason(error: LogError) -> Result<String, LogError> {
    match error {
        LogError::Missing(_) => Ok("it is missing".into()),
        LogError::Tile { error, .. } => Ok(error.to_string()),
        LogError::Io { error, .. } if !is_ours(&error) => Ok(error.to_string()),
        error => Err(error),
    }
}

fn is_ours(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, InvalidInput, IsADirectory};
    !matches!(error.kind(), FileTooLarge | InvalidInput | IsADirectory)
}

fn push(faults: &mut Vec<Fault>, fault: Fault) {
    if faults.len() < MAX_FAULTS {
        faults.push(fault);
    }
}

/// How many faults of one kind are told.
pub const MAX_FAULTS: usize = 64;

#[cfg(test)]
mod tests;
