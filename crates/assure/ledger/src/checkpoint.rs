//! The head of a log: its name, its size and its root (<https://c2sp.org/tlog-checkpoint>).

use std::{fmt, str::FromStr};

use crate::{
    Hash,
    note::{BadNote, MAX_NAME, Note, Signed, Untrusted, VerifierKey},
    tile::number,
};

/// What a checkpoint says, without who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    /// Lines behind the root, each with its line feed.
    extensions: String,
}

impl Checkpoint {
    /// The head of the log `origin`, which is a line of text and not empty.
    ///
    /// # Errors
    ///
    /// When it is not, or `size` does not fit into 63 bits.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, BadCheckpoint> {
        if origin.is_empty() || origin.len() > MAX_NAME || origin.contains(char::is_control) {
            return Err(BadCheckpoint::Origin);
        }
        if size > MAX_SIZE {
            return Err(BadCheckpoint::Size);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
            extensions: String::new(),
        })
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.root
    }
}

impl FromStr for Checkpoint {
    type Err = BadCheckpoint;

    fn from_str(text: &str) -> Result<Self, BadCheckpoint> {
        let mut lines = text.splitn(4, '\n');
        let mut line = || lines.next().ok_or(BadCheckpoint::Lines);
        let (origin, size, root, extensions) = (line()?, line()?, line()?, line()?);
        let size = number(size, MAX_SIZE).ok_or(BadCheckpoint::Size)?;
        let root = Hash::from_base64(root).ok_or(BadCheckpoint::Root)?;
        let mut checkpoint = Self::new(origin, size, root)?;
        let is_whole = extensions.is_empty()
            || (extensions.ends_with('\n')
                && !extensions.starts_with('\n')
                && !extensions.contains("\n\n"));
        if !is_whole {
            return Err(BadCheckpoint::Extension);
        }
        extensions.clone_into(&mut checkpoint.extensions);
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin,
            size,
            root,
            extensions,
        } = self;
        write!(f, "{origin}\n{size}\n{root}\n{extensions}")
    }
}

/// Why a text is not a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    /// It is no note.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// It has fewer than three lines.
    #[error("a checkpoint has three lines: origin, size and root")]
    Lines,
    /// The origin is empty, too long or holds a control character.
    #[error("the origin is a line of text of 1 to {MAX_NAME} bytes")]
    Origin,
    /// The size is no decimal number of at most 63 bits.
    #[error("the size is not a decimal number of at most 63 bits without zeros before it")]
    Size,
    /// The root is no hash in base64.
    #[error("the root is not 32 bytes in base64")]
    Root,
    /// A line behind the root is empty or not ended.
    #[error("a line behind the root is empty or not ended")]
    Extension,
}

/// Whose signatures a checkpoint must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The log's keys; one must have signed.
    pub log: Vec<VerifierKey>,
    /// The witnesses that are known.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned.
    pub quorum: usize,
}

/// A checkpoint and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// Who of the known witnesses cosigned, and when by their clock, in seconds since 1970.
    pub cosigned: Vec<(String, u64)>,
}

impl Trust {
    /// One log's key and no witness.
    pub fn in_log(key: VerifierKey) -> Self {
        Self {
            log: vec![key],
            witnesses: Vec::new(),
            quorum: 0,
        }
    }

    /// Reads a signed checkpoint and verifies it.
    ///
    /// # Errors
    ///
    /// When it is malformed, not signed by the log, signed by fewer witnesses than asked for, or a
    /// signature in a known name is forged.
    pub fn verify(&self, bytes: &[u8]) -> Result<Head, BadHead> {
        let note = Note::parse(bytes).map_err(BadCheckpoint::from)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        let keys = [self.log.as_slice(), &self.witnesses].concat();
        let signed = note.verify(&keys)?;
        if !signed.iter().any(|by| by.key < self.log.len()) {
            return Err(BadHead::NotByTheLog);
        }
        let witness = |by: &Signed| {
            let key = by.key.checked_sub(self.log.len())?;
            Some((self.witnesses[key].name().to_owned(), by.time?))
        };
        let cosigned: Vec<(String, u64)> = signed.iter().filter_map(witness).collect();
        match cosigned.len() < self.quorum {
            true => Err(BadHead::Witnesses {
                cosigned: cosigned.len(),
                quorum: self.quorum,
            }),
            false => Ok(Head {
                checkpoint,
                cosigned,
            }),
        }
    }
}

/// Why a signed checkpoint is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] BadCheckpoint),
    /// No known key signed it, or a signature is forged.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// Only witnesses signed it.
    #[error("a known witness signed it, and the log did not")]
    NotByTheLog,
    /// Too few witnesses cosigned it.
    #[error("{cosigned} known witnesses cosigned it, and {quorum} must")]
    Witnesses {
        /// How many did.
        cosigned: usize,
        /// How many must.
        quorum: usize,
    },
}

/// What other implementations read: a signed number of 64 bits.
pub const MAX_SIZE: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;

    /// c2sp.org/tlog-checkpoint, the example.
    const TEXT: &str = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let checkpoint: Checkpoint = TEXT.parse().expect("a checkpoint");
        assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(checkpoint.to_string(), TEXT);
        let extended = format!("{TEXT}more\nand more\n");
        let checkpoint: Checkpoint = extended.parse().expect("a checkpoint");
        assert_eq!(checkpoint.to_string(), extended);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        for (text, why) in [
            (String::new(), BadCheckpoint::Lines),
            (format!("a\n1\n{root}"), BadCheckpoint::Lines),
            (format!("\n1\n{root}\n"), BadCheckpoint::Origin),
            (format!("a\n01\n{root}\n"), BadCheckpoint::Size),
            (format!("a\n+1\n{root}\n"), BadCheckpoint::Size),
            (format!("a\n\n{root}\n"), BadCheckpoint::Size),
            (
                format!("a\n9223372036854775808\n{root}\n"),
                BadCheckpoint::Size,
            ),
            (format!("a\n1\n{}\n", &root[4..]), BadCheckpoint::Root),
            (format!("a\n1\n{root}\n\nb\n"), BadCheckpoint::Extension),
            (format!("a\n1\n{root}\nb"), BadCheckpoint::Extension),
        ] {
            assert_eq!(text.parse::<Checkpoint>(), Err(why), "{text:?}");
        }
    }
}
