//! What logs say of signed statements, by proofs that somebody brings along with them.
//!
//! A proof is one file: its extra line has the record that was logged, its hashes lead from that record to
//! a head, and the head is signed by a log and cosigned by witnesses. Nothing of the record is read before
//! all of that has verified.

mod rules;

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Claim, Digest, LogProof, Logged, RecordSubject, Seen, SignedStatement,
};

pub use self::rules::{BadRules, Rules};
use crate::{
    Checkpoint, Hash, TlogProof,
    disk::Disk,
    log::{Log, LogError},
    merkle::verify_inclusion,
    record,
};

/// Proofs and heads that were brought along, held against [`Rules`].
#[derive(Debug)]
pub struct Evidence {
    rules: Rules,
    /// Each by its name, with what it proves or why it counts for nothing.
    proofs: Vec<(String, Result<Proven, String>)>,
    /// Every head that a log which is trusted has signed, with the file that it is in.
    heads: Vec<(String, Checkpoint)>,
    equivocations: Vec<String>,
}

/// A record that is in a log.
#[derive(Debug)]
struct Proven {
    log: String,
    index: u64,
    size: u64,
    subject: AssetId,
    statements: Vec<SignedStatement>,
    seen: Option<Seen>,
}

impl Evidence {
    /// Nothing yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            proofs: Vec::new(),
            heads: Vec::new(),
            equivocations: Vec::new(),
        }
    }

    /// Takes a proof, which `name` is the name of for reports; or why there is none.
    pub fn add_proof(&mut self, name: String, bytes: Result<&[u8], String>) {
        let parsed = bytes.and_then(|bytes| {
            TlogProof::parse(bytes).map_err(|error| format!("it is malformed: {error}"))
        });
        // What a log has signed it has signed, whatever is proven with it.
        if let Ok(proof) = &parsed
            && let Ok(head) = self.rules.head(proof.checkpoint.as_bytes())
        {
            self.add_head(name.clone(), head);
        }
        let proven = parsed.and_then(|proof| self.prove(&proof));
        self.proofs.push((name, proven));
    }

    /// Takes a head that is known from elsewhere.
    ///
    /// # Errors
    ///
    /// When no log that is trusted signed it.
    pub fn add_checkpoint(&mut self, name: String, bytes: &[u8]) -> Result<(), String> {
        let head = self.rules.head(bytes)?;
        self.add_head(name, head);
        Ok(())
    }

    /// Holds the heads that were taken against a copy of their log, and says of which nothing can be told,
    /// since it is of a longer log than the copy.
    ///
    /// # Errors
    ///
    /// When the copy's own head is not signed by a log that is trusted, or its tiles do not have that head's
    /// root: what it says proves nothing then.
    pub fn compare<D: Disk>(&mut self, name: &str, copy: &Log<D>) -> Result<Vec<String>, BadCopy> {
        let own = self.rules.head(copy.note().to_string().as_bytes());
        let own = own.map_err(BadCopy::Head)?;
        copy.root_at(own.size())?;
        let (mut unknown, mut forks) = (Vec::new(), Vec::new());
        for (file, head) in self
            .heads
            .iter()
            .filter(|(_, it)| it.origin() == own.origin())
        {
            if head.size() > own.size() {
                unknown.push(format!(
                    "{name} has {} entries of `{}`, and nothing to hold the head of {} entries in {file} against",
                    own.size(),
                    own.origin(),
                    head.size()
                ));
                continue;
            }
            let root = copy.root_at(head.size())?;
            if root != head.root() {
                forks.push(fork(head, file, root, name));
            }
        }
        self.equivocations.extend(forks);
        self.add_head(name.to_owned(), own);
        Ok(unknown)
    }

    fn add_head(&mut self, name: String, head: Checkpoint) {
        let mut same = self.heads.iter();
        let other = same.find(|(_, it)| {
            it.origin() == head.origin() && it.size() == head.size() && it.root() != head.root()
        });
        if let Some((file, other)) = other {
            let told = fork(other, file, head.root(), &name);
            if !self.equivocations.contains(&told) {
                self.equivocations.push(told);
            }
        }
        self.heads.push((name, head));
    }

    fn prove(&self, proof: &TlogProof) -> Result<Proven, String> {
        let entry = proof.extra.as_deref();
        let entry = entry.ok_or("it has no extra line, and so not the record that it proves")?;
        let (head, seen) = self.rules.verify(proof.checkpoint.as_bytes())?;
        let (leaf, size) = (Hash::leaf(entry), head.size());
        verify_inclusion(leaf, proof.index, size, &proof.hashes, head.root())
            .map_err(|error| format!("its hashes do not lead to the head of the log: {error}"))?;
        let record = record::read(entry).ok_or("what it proves is no record")?;
        match (record.subject, record.claim) {
            (RecordSubject::Asset(subject), Claim::Attestation { statements }) => Ok(Proven {
                log: head.origin().to_owned(),
                index: proof.index,
                size,
                subject,
                statements,
                seen,
            }),
            (_, Claim::Sealed { .. }) => {
                Err("the record that it proves is sealed, and names no signature".into())
            }
            _ => Err("the record that it proves is not of a signature".into()),
        }
    }
}

impl LogProof for Evidence {
    fn find(&self, bundle: &Digest) -> Result<Vec<Logged>, String> {
        let (mut found, mut why) = (Vec::new(), BTreeMap::new());
        for (name, proof) in &self.proofs {
            let proven = match proof {
                Ok(proven) => proven,
                Err(told) => {
                    why.insert(name, told.as_str());
                    continue;
                }
            };
            let statements = proven.statements.iter();
            let of_it = statements.filter(|it| it.bundle == *bundle);
            let before = found.len();
            found.extend(of_it.map(|statement| Logged {
                bundle: *bundle,
                log: proven.log.clone(),
                index: proven.index,
                size: proven.size,
                subject: proven.subject.clone(),
                predicate_type: statement.predicate_type.clone(),
                seen: proven.seen.clone(),
            }));
            if found.len() == before {
                why.insert(name, "it is of another signature");
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let told: Vec<String> = why
            .into_iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        Err(match told.is_empty() {
            true => "no proof was given".into(),
            false => told.join("; "),
        })
    }

    fn equivocations(&self) -> &[String] {
        &self.equivocations
    }
}

fn fork(head: &Checkpoint, file: &str, root: Hash, name: &str) -> String {
    format!(
        "`{}` has two histories: its {} entries have the root {} in {file}, and {root} in {name}",
        head.origin(),
        head.size(),
        head.root()
    )
}

/// Why a copy of a log says nothing.
#[derive(Debug, thiserror::Error)]
pub enum BadCopy {
    /// Its head is not trusted.
    #[error("its head: {0}")]
    Head(String),
    /// It cannot be read, or does not fit its head.
    #[error(transparent)]
    Log(#[from] LogError),
}

#[cfg(test)]
mod tests;
