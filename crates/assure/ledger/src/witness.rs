//! What a witness does: it cosigns a checkpoint that continues the last one it cosigned
//! (<https://c2sp.org/tlog-witness>). Bytes in, bytes out; who calls keeps the state and the sockets.

mod state;

use std::fmt;

use crate::{
    Checkpoint, Hash, Signer, VerifierKey,
    merkle::verify_consistency,
    note::{MAX_NOTE, Note},
    proof::{MAX_HASHES, hash_lines},
    tile::number,
};

pub use self::state::{Keeping, origin_hash};

/// The body of `add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness cosigned last.
    pub old: u64,
    /// The proof that the new one continues it.
    pub proof: Vec<Hash>,
    /// The new one.
    pub note: Note,
}

impl AddCheckpoint {
    /// Reads a request of at most [`MAX_REQUEST`] bytes; `None` where it is not of the form.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_REQUEST {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let (old, rest) = text.strip_prefix("old ")?.split_once('\n')?;
        let old = number(old, u64::MAX)?;
        let (proof, note) = hash_lines(rest)?;
        let note = Note::parse(note.as_bytes()).ok()?;
        Some(Self { old, proof, note })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// A witness: its key, and the logs that it knows.
#[derive(Debug)]
pub struct Witness<'a> {
    /// What it cosigns with.
    pub signer: Signer<'a>,
    /// The keys of the logs that it knows, each under the origin it may sign for.
    pub logs: Vec<(String, VerifierKey)>,
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: it cosigned. `latest` is to be kept before `lines` are sent.
    Cosigned {
        /// The checkpoint with the log's signature and the cosignature.
        latest: Note,
        /// The cosignature, as a line.
        lines: String,
    },
    /// 400: the request is not of the form, or the old size is above the new one.
    Malformed,
    /// 403: no known key signed, or a signature in its name is forged.
    NotByTheLog,
    /// 404: the log is not known.
    UnknownLog,
    /// 409: the old size is not that of the last checkpoint, which is this.
    Stale(u64),
    /// 422: the new checkpoint is not proven to continue the last one.
    Inconsistent,
}

impl Answer {
    /// The status of HTTP.
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosigned { .. } => 200,
            Self::Malformed => 400,
            Self::NotByTheLog => 403,
            Self::UnknownLog => 404,
            Self::Stale(_) => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The type and the body of the response.
    pub fn body(&self) -> (&'static str, String) {
        match self {
            Self::Cosigned { lines, .. } => (TEXT, lines.clone()),
            Self::Stale(size) => ("text/x.tlog.size", format!("{size}\n")),
            Self::Malformed => (TEXT, "the request is not of the form\n".into()),
            Self::NotByTheLog => (TEXT, "it is not signed by a key of this log\n".into()),
            Self::UnknownLog => (TEXT, "this log is not known\n".into()),
            Self::Inconsistent => (TEXT, "it is not proven to continue the last one\n".into()),
        }
    }
}

impl Witness<'_> {
    /// The log that a request is about, whose last checkpoint [`answer`](Self::answer) asks for.
    ///
    /// # Errors
    ///
    /// The answer, where it does not depend on that.
    pub fn admit(&self, body: &[u8]) -> Result<Admitted, Answer> {
        let request = AddCheckpoint::parse(body).ok_or(Answer::Malformed)?;
        let checkpoint: Checkpoint = request.note.text().parse().map_err(|_| Answer::Malformed)?;
        let mut keys = self
            .logs
            .iter()
            .filter(|(origin, _)| origin == checkpoint.origin());
        let keys: Vec<VerifierKey> = keys.by_ref().map(|(_, key)| key.clone()).collect();
        if keys.is_empty() {
            return Err(Answer::UnknownLog);
        }
        let signed = request
            .note
            .verify(&keys)
            .map_err(|_| Answer::NotByTheLog)?;
        if request.old > checkpoint.size() {
            return Err(Answer::Malformed);
        }
        // What a stranger added is not cosigned, nor kept.
        let mut note = Note::new(request.note.text().to_owned()).map_err(|_| Answer::Malformed)?;
        for by in signed {
            let key = &keys[by.key];
            let mut lines = request.note.signatures().iter();
            let line = lines.find(|line| line.name == key.name() && line.id == key.id());
            note.push(line.ok_or(Answer::NotByTheLog)?.clone());
        }
        Ok(Admitted {
            request: AddCheckpoint { note, ..request },
            checkpoint,
        })
    }

    /// Answers a request, after `latest`, the checkpoint of this log that was cosigned last, at `time`
    /// in seconds since 1970. Nothing else may be cosigned for the log between reading `latest` and
    /// keeping the new one.
    pub fn answer(&self, admitted: Admitted, latest: Option<&Checkpoint>, time: u64) -> Answer {
        let Admitted {
            request,
            checkpoint,
        } = admitted;
        let last = latest.map_or((0, Hash::empty()), |last| (last.size(), last.root()));
        if request.old != last.0 {
            return Answer::Stale(last.0);
        }
        let next = (checkpoint.size(), checkpoint.root());
        if verify_consistency(last, next, &request.proof).is_err() {
            return Answer::Inconsistent;
        }
        let mut latest = request.note;
        let signature = self.signer.sign(latest.text(), time);
        let lines = format!("{signature}\n");
        latest.push(signature);
        Answer::Cosigned { latest, lines }
    }
}

/// A request of a known log, signed by it.
#[derive(Clone, Debug)]
pub struct Admitted {
    request: AddCheckpoint,
    checkpoint: Checkpoint,
}

impl Admitted {
    /// The log.
    pub fn origin(&self) -> &str {
        self.checkpoint.origin()
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
/// How many bytes a request may have: a note, the proof, and the first line.
pub const MAX_REQUEST: usize = MAX_NOTE + 45 * MAX_HASHES + 64;

#[cfg(test)]
mod tests;
