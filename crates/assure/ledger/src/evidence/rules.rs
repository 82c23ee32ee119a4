//! Whose word counts of what is in a log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use casemate_attest::{LogTrust, TrustedWitness};
use casemate_core::{Seen, Timestamp};

use crate::{
    Checkpoint, Note, VerifierKey,
    checkpoint::BadHead,
    note::{BadVerifierKey, VerifyingKey},
};

/// Which logs and witnesses are trusted, and how many of these must have cosigned.
#[derive(Debug)]
pub struct Rules {
    logs: Vec<VerifierKey>,
    witnesses: Vec<(VerifierKey, TrustedWitness)>,
    quorum: usize,
    now: Timestamp,
}

impl Rules {
    /// The rules of a verifier, for judging `now`.
    ///
    /// # Errors
    ///
    /// When a key cannot be read, or could not do what it is to be trusted for.
    pub fn new(trust: &LogTrust, now: Timestamp) -> Result<Self, BadRules> {
        let read = |vkey: &String| {
            let key: Result<VerifierKey, _> = vkey.parse();
            key.map_err(|error| BadRules::Key(vkey.clone(), error))
        };
        let logs: Vec<VerifierKey> = trust.logs.iter().map(read).collect::<Result<_, _>>()?;
        if logs.is_empty() {
            return Err(BadRules::NoLog);
        }
        let mut witnesses: Vec<(VerifierKey, TrustedWitness)> = Vec::new();
        for witness in &trust.witnesses {
            let key = read(&witness.vkey)?;
            if !key.is_cosigner() {
                return Err(BadRules::NoWitness(key.name().to_owned()));
            }
            // Whoever holds one key is one witness, and a log is none of itself.
            let others = witnesses.iter().map(|(other, _)| other).chain(&logs);
            if let Some(other) = others.into_iter().find(|it| it.has_key_of(&key)) {
                let names = [other.name(), key.name()].map(str::to_owned);
                return Err(BadRules::Twice(names));
            }
            witnesses.push((key, witness.clone()));
        }
        let names: BTreeSet<&str> = witnesses.iter().map(|(key, _)| key.name()).collect();
        match (trust.quorum.unwrap_or(names.len()), names.len()) {
            (quorum, all) if quorum > all => Err(BadRules::Quorum(quorum, all)),
            (quorum, _) => Ok(Self {
                logs,
                witnesses,
                quorum,
                now,
            }),
        }
    }

    /// A head that a log which is trusted has signed, whoever cosigned it.
    pub(super) fn head(&self, bytes: &[u8]) -> Result<Checkpoint, String> {
        Ok(self.read(bytes, &[])?.0)
    }

    /// A head that enough witnesses have cosigned too, and when the last of them that was needed did.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(Checkpoint, Option<Seen>), String> {
        let keys: Vec<VerifierKey> = self.witnesses.iter().map(|(key, _)| key.clone()).collect();
        let (head, cosigned) = self.read(bytes, &keys)?;
        let (mut seen, mut why) = (BTreeMap::new(), Vec::new());
        for (witness, time) in cosigned {
            let (key, terms) = &self.witnesses[witness];
            let time = i64::try_from(time).ok();
            let time = time.and_then(|time| Timestamp::from_second(time).ok());
            let time = time.unwrap_or(Timestamp::MAX);
            match terms.counts(time, self.now) {
                Err(told) => why.push(told),
                // A witness that changes its key is one witness.
                Ok(()) => {
                    let first = seen.entry(key.name()).or_insert(time);
                    *first = time.min(*first);
                }
            }
        }
        let mut seen: Vec<(Timestamp, &str)> = seen.into_iter().map(|(by, at)| (at, by)).collect();
        seen.sort_unstable();
        if seen.len() < self.quorum {
            let (have, need) = (seen.len(), self.quorum);
            let mut told =
                format!("{have} witnesses that count cosigned its head, and {need} must");
            why.iter().for_each(|why| told += &format!("; {why}"));
            return Err(told);
        }
        // One of so many must be honest, and had seen it by then, whatever the others say. These are named
        // all the same: who asks for more than the quorum has to see them.
        let last = self.quorum.checked_sub(1).and_then(|at| seen.get(at));
        let time = last.map(|(time, _)| *time);
        let by = seen.iter().map(|(_, name)| (*name).to_owned()).collect();
        Ok((head, time.map(|time| Seen { time, by })))
    }

    /// A head that is signed by the log that it says it is of, and who of `witnesses` says to have cosigned
    /// it when. No other log's key counts for it.
    fn read(
        &self,
        bytes: &[u8],
        witnesses: &[VerifierKey],
    ) -> Result<(Checkpoint, Vec<(usize, u64)>), String> {
        let untrusted = |error: &dyn fmt::Display| format!("its head is not trusted: {error}");
        let note = Note::parse(bytes).map_err(|error| untrusted(&error))?;
        let parsed: Result<Checkpoint, _> = note.text().parse();
        let head = parsed.map_err(|error| untrusted(&error))?;
        let of_it = self.logs.iter().filter(|key| key.name() == head.origin());
        let mut keys: Vec<VerifierKey> = of_it.cloned().collect();
        let logs = keys.len();
        if logs == 0 {
            let origin = head.origin();
            return Err(format!("it is of the log `{origin}`, which is not trusted"));
        }
        keys.extend_from_slice(witnesses);
        let signed = note.verify(&keys).map_err(|error| untrusted(&error))?;
        if !signed.iter().any(|by| by.key < logs) {
            return Err(untrusted(&BadHead::NotByTheLog));
        }
        let cosigned = signed
            .iter()
            .filter_map(|by| Some((by.key.checked_sub(logs)?, by.time?)));
        Ok((head, cosigned.collect()))
    }
}

impl VerifierKey {
    /// Whether the same private key signs for both, whatever they are called and how it signs.
    fn has_key_of(&self, other: &Self) -> bool {
        match (self.key(), other.key()) {
            (
                VerifyingKey::Ed25519(a) | VerifyingKey::Cosignature(a),
                VerifyingKey::Ed25519(b) | VerifyingKey::Cosignature(b),
            ) => a == b,
            #[cfg(feature = "ml-dsa")]
            (a, b) => a == b,
        }
    }
}

/// Why nobody's word can count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRules {
    /// A key cannot be read.
    #[error("`{0}`: {1}")]
    Key(String, BadVerifierKey),
    /// No log is trusted.
    #[error("no log is trusted; name one")]
    NoLog,
    /// A witness has a key that cosigns nothing.
    #[error("the key of `{0}` is of a log, and not of a witness")]
    NoWitness(String),
    /// One key stands for two.
    #[error("`{}` and `{}` have one key", .0[0], .0[1])]
    Twice([String; 2]),
    /// More witnesses are asked for than there are.
    #[error("{0} witnesses are asked for, and {1} are named")]
    Quorum(usize, usize),
}
