//! What an assessment leaves in a log.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use casemate_core::{
    AssetId, Clock, Decision, Digest, Outcome, Population, Producer, Record, Secret,
};
use casemate_ledger::{Hash, log::LogError, note::Scheme};
use casemate_report::Logged;

use super::{open_writer, origin, read, read_key, signer};
use crate::commands::signing::write_whole;

/// Where an assessment is logged.
pub(crate) struct Ledger {
    /// The log.
    pub(crate) dir: PathBuf,
    /// Its private key; without it, records are pending.
    pub(crate) key: Option<PathBuf>,
    /// The secret that records are sealed with.
    pub(crate) secret: Option<PathBuf>,
    /// Where the records go as they were before.
    pub(crate) records: Option<PathBuf>,
}

/// What an assessment says.
pub(crate) struct Said<'a> {
    /// The tree as a whole.
    pub(crate) root: &'a AssetId,
    pub(crate) populations: &'a [Population],
    pub(crate) outcomes: &'a [Outcome],
    pub(crate) decision: &'a Decision,
}

impl Ledger {
    /// Appends the populations, the outcomes that are more than a clean pass, and the decision; and gives
    /// the leaf of the decision's entry too.
    pub(crate) fn append(&self, said: &Said<'_>, clock: &dyn Clock) -> Result<(Logged, Digest)> {
        let key = self.key.as_deref().map(read_key).transpose()?;
        let secret = self.secret.as_deref().map(read_secret).transpose()?;
        let mut writer = open_writer(&self.dir)?;
        // The time is taken behind the lock, so that two runs cannot record in the wrong order.
        let records = records(said, clock);
        if let Some(path) = &self.records {
            let mut lines = Vec::new();
            for record in &records {
                lines.extend(record.to_json());
                lines.push(b'\n');
            }
            // Before the log is, since nobody opens a seal without its record.
            write_whole(path, &lines, true)?;
        }
        let records = records.iter().map(|record| match &secret {
            Some(secret) => record.sealed(secret).to_json(),
            None => record.to_json(),
        });
        let entries: Vec<Vec<u8>> = records.collect();
        let name = origin(writer.log()).to_owned();
        let first = writer.next();
        let logged = match &key {
            Some(key) => (entries.iter().try_for_each(|entry| writer.push(entry))).and_then(|()| {
                let signer = signer(&name, Scheme::Ed25519, key);
                let signer = signer.map_err(|_| LogError::Key {
                    found: "Ed25519".into(),
                })?;
                writer.commit(&signer).map(drop)
            }),
            None => writer.stage(&entries).map(drop),
        };
        logged.with_context(|| self.dir.display().to_string())?;
        let last = entries.last().context("a decision is an entry")?;
        let leaf = format!("sha256:{}", Hash::leaf(last).to_hex()).parse()?;
        let logged = Logged {
            origin: name,
            first,
            last: first + entries.len() as u64 - 1,
            pending: key.is_none(),
        };
        Ok((logged, leaf))
    }
}

fn records(said: &Said<'_>, clock: &dyn Clock) -> Vec<Record> {
    let time = clock.now();
    let populations = said
        .populations
        .iter()
        .map(|population| Record::of_population(population, said.root.clone(), time, producer()));
    let outcomes = said
        .outcomes
        .iter()
        .map(|outcome| Record::of_outcome(outcome, time, producer()));
    let decision = Record::of_decision(said.decision, time, producer());
    populations.chain(outcomes).chain([decision]).collect()
}

/// This program.
pub(super) fn producer() -> Producer {
    Producer {
        name: "casemate".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

pub(super) fn read_secret(path: &Path) -> Result<Secret> {
    match Secret::new(read(path, MAX_SECRET)?) {
        Some(secret) => Ok(secret),
        None => bail!(
            "{} has less than 16 bytes, which is no secret",
            path.display()
        ),
    }
}

const MAX_SECRET: u64 = 4096;
