//! What a witness remembers: of each log, the last checkpoint that it cosigned.

use std::io;

use sha2::{Digest as _, Sha256};

use super::{Answer, Witness};
use crate::{
    Checkpoint, Note,
    checkpoint::BadCheckpoint,
    disk::{Disk, place},
    log::LogError,
    note::MAX_NOTE,
};

/// A directory with a file for each log, named for the hash of its origin.
#[derive(Debug)]
pub struct Keeping<D>(D);

impl<D: Disk> Keeping<D> {
    /// What a witness remembers in a directory that nobody else writes into meanwhile.
    pub fn new(disk: D) -> Self {
        Self(disk)
    }

    /// Answers `add-checkpoint` at `time`, in seconds since 1970. What is cosigned is on the disk before
    /// this returns. One call at a time: between looking and keeping there must be no other.
    ///
    /// # Errors
    ///
    /// When the system says no, or what is remembered cannot be read; then nothing is cosigned.
    pub fn answer(
        &mut self,
        witness: &Witness<'_>,
        body: &[u8],
        time: u64,
    ) -> Result<Answer, LogError> {
        let admitted = match witness.admit(body) {
            Err(answer) => return Ok(answer),
            Ok(admitted) => admitted,
        };
        let name = origin_hash(admitted.origin());
        let latest = self.latest(&name)?.map(|(_, checkpoint)| checkpoint);
        let answer = witness.answer(admitted, latest.as_ref(), time);
        if let Answer::Cosigned { latest, .. } = &answer {
            let bytes = latest.to_string().into_bytes();
            let placed = place(&self.0, &[(name, bytes)]);
            placed.map_err(|(path, error)| LogError::Io { path, error })?;
        }
        Ok(answer)
    }

    /// The last checkpoint that was cosigned of the log whose [`origin_hash`] is this, with the
    /// signatures.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn latest(&self, origin_hash: &str) -> Result<Option<(Note, Checkpoint)>, LogError> {
        let is_hash = origin_hash.len() == 64 && origin_hash.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hash {
            return Ok(None);
        }
        let bytes = match self.0.read(origin_hash, MAX_NOTE as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| LogError::Io {
                path: origin_hash.to_owned(),
                error,
            })?,
        };
        let note = Note::parse(&bytes).map_err(BadCheckpoint::from)?;
        let checkpoint = note.text().parse()?;
        Ok(Some((note, checkpoint)))
    }
}

/// The SHA-256 hash of a log's origin in lower-case hexadecimal digits: its name in the paths of a witness.
pub fn origin_hash(origin: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(origin.as_bytes()).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
