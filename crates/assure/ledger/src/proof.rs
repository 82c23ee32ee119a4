//! One file that proves one entry offline (<https://c2sp.org/tlog-proof>).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Hash,
    checkpoint::{BadHead, Head, Trust},
    merkle::{BadProof, verify_inclusion},
    note::MAX_NOTE,
    tile::number,
};

/// Where an entry is, the hashes from it to the root, and the signed root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Data for whoever reads it, which nothing vouches for.
    pub extra: Option<Vec<u8>>,
    /// The entry's place.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, as it was published.
    pub checkpoint: String,
}

impl TlogProof {
    /// Verifies that `entry` is in the log at the proof's index, under a checkpoint that `trust` accepts.
    ///
    /// # Errors
    ///
    /// When it is not, or the checkpoint is not trusted.
    pub fn verify(&self, entry: &[u8], trust: &Trust) -> Result<Head, Unproven> {
        self.verify_leaf(Hash::leaf(entry), trust)
    }

    /// The same for an entry of which the hash is at hand.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_leaf(&self, leaf: Hash, trust: &Trust) -> Result<Head, Unproven> {
        let head = trust.verify(self.checkpoint.as_bytes())?;
        let (size, root) = (head.checkpoint.size(), head.checkpoint.root());
        verify_inclusion(leaf, self.index, size, &self.hashes, root)?;
        Ok(head)
    }

    /// Reads a proof of at most [`MAX_PROOF`] bytes.
    ///
    /// # Errors
    ///
    /// Where it breaks the form.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadTlogProof> {
        if bytes.len() > MAX_PROOF {
            return Err(BadTlogProof::Long(bytes.len()));
        }
        std::str::from_utf8(bytes)
            .map_err(|_| BadTlogProof::Utf8)?
            .parse()
    }
}

impl FromStr for TlogProof {
    type Err = BadTlogProof;

    fn from_str(text: &str) -> Result<Self, BadTlogProof> {
        let rest = text.strip_prefix(HEADER).ok_or(BadTlogProof::Header)?;
        let (extra, rest) = match rest.strip_prefix("extra ") {
            None => (None, rest),
            Some(rest) => {
                let (extra, rest) = rest.split_once('\n').ok_or(BadTlogProof::Extra)?;
                let extra = STANDARD.decode(extra).map_err(|_| BadTlogProof::Extra)?;
                (Some(extra), rest)
            }
        };
        let index = rest
            .strip_prefix("index ")
            .and_then(|rest| rest.split_once('\n'));
        let (index, rest) = index.ok_or(BadTlogProof::Index)?;
        let index = number(index, u64::MAX).ok_or(BadTlogProof::Index)?;
        let (hashes, checkpoint) = hash_lines(rest).ok_or(BadTlogProof::Hashes)?;
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

/// At most [`MAX_HASHES`] lines with a hash each, an empty line, and what follows it.
pub(crate) fn hash_lines(text: &str) -> Option<(Vec<Hash>, &str)> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, behind) = rest.split_once('\n')?;
        rest = behind;
        if line.is_empty() {
            return Some((hashes, rest));
        }
        if hashes.len() == MAX_HASHES {
            return None;
        }
        hashes.push(Hash::from_base64(line)?);
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why a text is not a proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTlogProof {
    /// It is too long.
    #[error("it has {0} bytes, and at most {MAX_PROOF} are read")]
    Long(usize),
    /// It is not text.
    #[error("it is not UTF-8")]
    Utf8,
    /// It does not begin as a proof does.
    #[error("its first line is not `c2sp.org/tlog-proof@v1`")]
    Header,
    /// The line of extra data is not base64.
    #[error("its extra line is not base64")]
    Extra,
    /// There is no line with the index.
    #[error("it has no line `index N`")]
    Index,
    /// The hashes are not up to 63 lines of base64 before an empty one.
    #[error("its hashes are not up to {MAX_HASHES} lines of base64 with an empty line behind them")]
    Hashes,
}

/// Why an entry is not proven to be in a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The checkpoint is not trusted.
    #[error("the checkpoint of the proof: {0}")]
    Head(#[from] BadHead),
    /// The hashes do not lead from the entry to the root.
    #[error("the hashes do not lead from this entry to the root: {0}")]
    Path(#[from] BadProof),
}

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";
/// A path in a tree of 2^63 leaves has no more.
pub(crate) const MAX_HASHES: usize = 63;
/// How many bytes a proof may have: a note, and 64 KiB of extra data in base64.
pub const MAX_PROOF: usize = MAX_NOTE + (96 << 10);

#[cfg(test)]
mod tests {
    use casemate_attest::{KeyAlgorithm, SigningKey};

    use super::*;
    use crate::{
        Checkpoint, Note, Signer,
        merkle::{MemoryTree, inclusion, root},
        note::Scheme,
    };

    fn proven(index: u64, size: u64) -> (TlogProof, Trust) {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        let signer = Signer::new("log.example", Scheme::Ed25519, &key).expect("a signer");
        let leaves: MemoryTree = (0..size).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
        let Ok(root) = root(&mut &leaves, size);
        let Ok(hashes) = inclusion(&mut &leaves, index, size);
        let checkpoint = Checkpoint::new("log.example", size, root).expect("a checkpoint");
        let mut note = Note::new(checkpoint.to_string()).expect("a text");
        note.push(signer.sign(note.text(), 0));
        let proof = TlogProof {
            extra: None,
            index,
            hashes,
            checkpoint: note.to_string(),
        };
        (proof, Trust::in_log(signer.verifier().clone()))
    }

    #[test]
    fn a_proof_is_read_as_it_was_written_and_proves_its_entry_alone() {
        for (index, size) in [(0, 1), (3, 7), (299, 300)] {
            let (mut proof, trust) = proven(index, size);
            proof.extra = (index == 3).then(|| b"anything".to_vec());
            let read = TlogProof::parse(proof.to_string().as_bytes()).expect("a proof");
            assert_eq!(read, proof);
            assert!(read.verify(&index.to_be_bytes(), &trust).is_ok());
            assert!(read.verify(b"another", &trust).is_err());
        }
    }

    #[test]
    fn a_quorum_that_is_not_there_proves_nothing() {
        let (proof, mut trust) = proven(0, 1);
        trust.quorum = 1;
        let error = proof
            .verify(&0_u64.to_be_bytes(), &trust)
            .expect_err("no witness");
        assert!(matches!(
            error,
            Unproven::Head(BadHead::Witnesses {
                cosigned: 0,
                quorum: 1
            })
        ));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let hash = Hash::empty();
        for (text, why) in [
            (String::new(), BadTlogProof::Header),
            (
                "c2sp.org/tlog-proof@v1\nindex x\n\n".into(),
                BadTlogProof::Index,
            ),
            (
                "c2sp.org/tlog-proof@v1\nindex 01\n\n".into(),
                BadTlogProof::Index,
            ),
            (
                "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\n".into(),
                BadTlogProof::Extra,
            ),
            (
                "c2sp.org/tlog-proof@v1\nindex 1\nx\n\n".into(),
                BadTlogProof::Hashes,
            ),
            (
                format!("c2sp.org/tlog-proof@v1\nindex 1\n{hash}\n"),
                BadTlogProof::Hashes,
            ),
            (
                format!(
                    "c2sp.org/tlog-proof@v1\nindex 1\n{}\n",
                    format!("{hash}\n").repeat(64)
                ),
                BadTlogProof::Hashes,
            ),
        ] {
            assert_eq!(TlogProof::parse(text.as_bytes()), Err(why), "{text:?}");
        }
    }
}
