//! The words of `casemate log`.

use std::{net::SocketAddr, path::PathBuf};

use casemate_core::Digest;
use casemate_ledger::VerifierKey;
use clap::{ArgGroup, Args, Subcommand, ValueHint};

/// Keep evidence in a transparency log.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Make a log without entries, and print the key that verifies it.
    Init(Init),
    /// Put entries behind those that a log has.
    Append(Append),
    /// Log that signatures exist, and write the file that proves it.
    Attest(Attest),
    /// Sign what is pending, print the log's head, and have witnesses cosign it.
    Checkpoint(Checkpoint),
    /// Write a file that proves one entry offline.
    Prove(Prove),
    /// Recompute a log, or verify a proof.
    Verify(Verify),
    /// Show that a sealed entry is the seal of a record.
    Open(Open),
    /// Print the entries of a log as lines of JSON.
    Export(Export),
    /// Print the verifier key of a private key.
    Vkey(Vkey),
    /// Cosign the checkpoints of others' logs.
    #[command(subcommand)]
    Witness(Witness),
}

/// Make a log.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The directory, which has no log yet.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// The log's name for everybody, such as a domain with a path. It cannot be changed.
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: String,

    #[command(flatten)]
    pub(crate) key: Key,
}

/// A private key.
#[derive(Args, Debug)]
pub(crate) struct Key {
    /// The Ed25519 private key, PKCS#8 in PEM. If it is encrypted, CASEMATE_PASSPHRASE has its pass
    /// phrase.
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

/// Append entries.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when an entry is refused; then nothing is appended.")]
pub(crate) struct Append {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// Files, each of them an entry; `-` for standard input.
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Take each line for an entry, without its line feed.
    #[arg(long)]
    pub(crate) lines: bool,

    /// The log's private key, to put the entries under a new checkpoint at once. Without it they are
    /// pending, which nothing protects, until `casemate log checkpoint --key`.
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

/// Log signatures.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("signed").required(true).multiple(true).args(["bundle", "claims"])),
    after_help = "Exit status: 1 when something is no signature of one artifact, or the log refuses \
the record; then nothing is appended."
)]
pub(crate) struct Attest {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// A signature or another signed statement, whoever made it: a Sigstore bundle. Several are in one record, and
    /// about one artifact. Whether they verify is not asked.
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: Vec<PathBuf>,

    /// A claims file, of which every line is a signed statement about one artifact.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) key: Key,

    /// The proof to write, which holds the record too.
    #[arg(long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) proof: PathBuf,
}

/// Open a seal.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when no entry is a seal of this record.")]
pub(crate) struct Open {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// The index of the sealed entry [default: the first that is the seal of the record].
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u64>,

    /// The record as it was before it was sealed, such as a line of `casemate assess --log-records`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) record: PathBuf,

    #[command(flatten)]
    pub(crate) with: With,
}

/// What a seal is opened with.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct With {
    /// The secret that it was sealed with, which opens every seal. The salt is printed, which opens this one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) secret: Option<PathBuf>,

    /// The salt of this record alone, in hexadecimal.
    #[arg(long, value_name = "SALT")]
    pub(crate) salt: Option<String>,
}

/// Sign and have cosigned.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when a witness refuses.")]
pub(crate) struct Checkpoint {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// The log's private key, to put what is pending under a new checkpoint.
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,

    /// A witness to ask for a cosignature: its submission prefix. May be given several times.
    #[arg(long, value_name = "URL", requires = "witness_vkey")]
    pub(crate) witness: Vec<String>,

    /// The verifier key of a witness; cosignatures by others are not kept.
    #[arg(long, value_name = "VKEY")]
    pub(crate) witness_vkey: Vec<VerifierKey>,
}

/// Prove an entry.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when there is no such entry.")]
pub(crate) struct Prove {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Put the entry itself into the proof, so that the one file is enough. With --bundle it always is.
    #[arg(long)]
    pub(crate) embed: bool,

    /// The file to write.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
}

/// One entry.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The entry's index.
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u64>,

    /// The SHA-256 digest of the entry's bytes; the first entry that has it.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<Digest>,

    /// A signature: the first record that names it.
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: Option<PathBuf>,
}

/// Verify a log or a proof.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when everything fits, 1 when something does not, malformed files \
included."
)]
pub(crate) struct Verify {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "proof")]
    pub(crate) dir: Option<PathBuf>,

    /// A proof to verify, in the place of a log.
    #[arg(long, value_name = "FILE", requires = "entry", conflicts_with = "dir", value_hint = ValueHint::FilePath)]
    pub(crate) proof: Option<PathBuf>,

    /// The entry that it proves.
    #[arg(long, value_name = "FILE", requires = "proof", value_hint = ValueHint::FilePath)]
    pub(crate) entry: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) trust: Trust,

    /// A checkpoint of this log from before, such as one that a witness keeps. May be given several
    /// times; the more there are, the narrower is told where a rewritten history begins.
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "proof", value_hint = ValueHint::FilePath)]
    pub(crate) since: Vec<PathBuf>,
}

/// Whose signatures count.
#[derive(Args, Debug)]
pub(crate) struct Trust {
    /// The log's verifier key. May be given several times, after a change of keys.
    #[arg(long, required = true, value_name = "VKEY")]
    pub(crate) vkey: Vec<VerifierKey>,

    /// The verifier key of a witness. May be given several times.
    #[arg(long, value_name = "VKEY")]
    pub(crate) witness_vkey: Vec<VerifierKey>,

    /// How many of these witnesses must have cosigned [default: all].
    #[arg(long, value_name = "N", requires = "witness_vkey")]
    pub(crate) witnesses: Option<usize>,
}

/// Export entries.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The log.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,

    /// The index of the first entry.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) from: u64,

    /// The index behind the last entry [default: all].
    #[arg(long, value_name = "N")]
    pub(crate) to: Option<u64>,
}

/// Print a verifier key.
#[derive(Args, Debug)]
pub(crate) struct Vkey {
    /// The key's name: a log's origin, or a witness' name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) key: Key,

    /// Of a witness, and not of a log.
    #[arg(long)]
    pub(crate) witness: bool,
}

/// Cosign others' checkpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Answer `add-checkpoint` over HTTP until it is stopped, one request at a time.
    Serve {
        #[command(flatten)]
        witness: WitnessOf,

        /// Where to listen. The protocol has no secrets and no client's identity, but it has no limits
        /// for strangers either: put a proxy before it.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Answer one `add-checkpoint` request from a file.
    Cosign {
        #[command(flatten)]
        witness: WitnessOf,

        /// The body of the request; `-` for standard input.
        #[arg(value_hint = ValueHint::FilePath)]
        request: PathBuf,
    },
}

/// Who cosigns what.
#[derive(Args, Debug)]
pub(crate) struct WitnessOf {
    /// The witness' name for everybody.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) key: Key,

    /// The directory with the last checkpoint of each log. Whoever loses it can be told two histories.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state: PathBuf,

    /// The verifier key of a log, whose name is the log's origin. May be given several times.
    #[arg(long, required = true, value_name = "VKEY")]
    pub(crate) log: Vec<VerifierKey>,
}
