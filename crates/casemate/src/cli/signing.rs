//! The words of `keygen`, `sign` and `verify`. The reference implementation's own spellings are kept
//! beside ours.

use std::path::PathBuf;

use casemate_attest::KeyAlgorithm;
use casemate_ledger::VerifierKey;
use casemate_provenance::HashType;
use clap::{ArgGroup, Args, ValueHint};

use super::size;

/// Make a pair of keys.
#[derive(Args, Debug)]
pub(crate) struct Keygen {
    /// The private key to write, in PKCS#8; the public one gets the same name with `.pub` behind it, or in the
    /// place of `.key`.
    #[arg(long, short, value_name = "FILE", default_value = "casemate.key", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,

    /// What the key signs with: ecdsa-p256, ecdsa-p384, ecdsa-p521 or ed25519. The OpenSSF Model
    /// Signing registry has the first three.
    #[arg(long, value_name = "NAME", default_value = "ecdsa-p256")]
    pub(crate) algorithm: KeyAlgorithm,

    #[command(flatten)]
    pub(crate) passphrase: Passphrase,

    /// Do not encrypt the private key.
    #[arg(long)]
    pub(crate) no_passphrase: bool,

    /// Replace keys that exist. What only they can verify stays without a signer.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Where the pass phrase of a private key comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Passphrase {
    /// A file whose first line is the pass phrase of the private key, or the PIN of the token that has it;
    /// `-` for standard input. Without it, CASEMATE_PASSPHRASE is taken, or else the terminal is asked.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,

    /// The pass phrase itself, which other users of this machine may read.
    #[arg(
        long = "password",
        value_name = "TEXT",
        hide = true,
        conflicts_with = "passphrase_file"
    )]
    pub(crate) passphrase: Option<String>,
}

/// Who signs.
#[derive(Args, Debug)]
pub(crate) struct Signer {
    /// The private key, in PEM or DER; or a pkcs11: URI (RFC 7512), of a key that stays in its token.
    #[arg(long, visible_alias = "private-key", aliases = ["private_key", "pkcs11-uri", "pkcs11_uri"], value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,

    /// The library of a token's vendor, for a key in a token. Without it, the URI names one, or else
    /// CASEMATE_PKCS11_MODULE does. Only in a build with the feature `pkcs11`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) pkcs11_module: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) passphrase: Passphrase,

    /// The key's certificate, and those of its issuers if they are in the same file. Without it, the first of --cert-chain is that.
    #[arg(long, visible_alias = "signing-certificate", aliases = ["signing_certificate", "signing-cert"], value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cert: Option<PathBuf>,

    /// The certificates of those who issued it, up to the root; may be given more than once. The root
    /// stays out of the signature.
    #[arg(long, visible_alias = "certificate-chain", alias = "certificate_chain", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cert_chain: Vec<PathBuf>,
}

/// Sign a model.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when the model is signed; 1 when it holds what cannot be signed."
)]
pub(crate) struct Sign {
    /// The model: a directory, or one file.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) signer: Signer,

    /// The signature to write. It is no part of the model, wherever it is.
    #[arg(long, short, visible_alias = "signature", alias = "output-bundle", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: PathBuf,

    /// How files are digested: sha256, blake2b or blake3. Everybody reads the first.
    #[arg(long, value_name = "NAME", default_value = "sha256")]
    pub(crate) hash: HashType,

    /// Sign ranges of this size instead of whole files: bytes, or a number with MB, GB, MiB or GiB.
    /// A large file is then digested by all cores.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) shard_size: Option<u64>,

    /// An earlier signature by the same key. With --digest-store, files that have not changed since
    /// are not read again.
    #[arg(long, value_name = "FILE", requires = "digest_store", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<PathBuf>,

    /// Where to keep what the file system says of each file, signed, for the next time.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) digest_store: Option<PathBuf>,

    /// Read every file, whatever the digest store says.
    #[arg(long)]
    pub(crate) strict: bool,

    /// Sign only what `casemate scan` calls clean; every file is judged as it is digested.
    #[arg(long)]
    pub(crate) scan: bool,

    /// A file of names that you allow pickles to use, as for `casemate scan`; may be given more than
    /// once.
    #[arg(long, value_name = "FILE", requires = "scan", value_hint = ValueHint::FilePath)]
    pub(crate) allow: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) logging: Logging,

    #[command(flatten)]
    pub(crate) scope: Scope,

    /// Sign the files of git at the top too: .git, .gitattributes, .github and .gitignore.
    #[arg(long, alias = "no-ignore-git_paths")]
    pub(crate) no_ignore_git_paths: bool,

    /// Replace what is neither an earlier signature nor a digest store.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Where a signature is logged.
#[derive(Args, Debug)]
pub(crate) struct Logging {
    /// A transparency log to append the record to that this signature exists.
    #[arg(long, value_name = "DIR", requires_all = ["log_key", "log_proof"], value_hint = ValueHint::DirPath)]
    pub(crate) log: Option<PathBuf>,

    /// The log's private key.
    #[arg(long, value_name = "KEY", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_key: Option<PathBuf>,

    /// The proof to write that the log has the record. It is no part of the model, wherever it is.
    #[arg(long, value_name = "OUT", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_proof: Option<PathBuf>,
}

/// What of a model is looked at.
#[derive(Args, Debug)]
pub(crate) struct Scope {
    /// A file or directory of the model to leave out; may be given more than once.
    #[arg(long, alias = "ignore_paths", value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) ignore_paths: Vec<PathBuf>,

    /// Follow symbolic links, as in a snapshot of the Hugging Face cache.
    #[arg(long, alias = "allow_symlinks")]
    pub(crate) allow_symlinks: bool,
}

/// Who is trusted.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Trust {
    /// Trust this public key.
    #[arg(long, visible_alias = "public-key", alias = "public_key", value_name = "PUB", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,

    /// Trust this root certificate; may be given more than once. Nobody else's is trusted, the
    /// system's neither.
    #[arg(long, visible_alias = "certificate-chain", aliases = ["certificate_chain", "cert-chain"], value_name = "ROOT", value_hint = ValueHint::FilePath)]
    pub(crate) trust: Vec<PathBuf>,

    /// Trust whom this store names, within its terms.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: Option<PathBuf>,
}

/// Verify a model against its signature.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("signed").required(true).multiple(true).args(["bundle", "claims"])),
    after_help = "Exit status: 0 when everything that was looked at is what a trusted signer signed, \
else 1. The class of the verdict says what is wrong: `casemate schema verdict`."
)]
pub(crate) struct Verify {
    /// The model: a directory, or one file.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,

    /// The signature; more than one where the trust store asks for several signers.
    #[arg(long, short, visible_alias = "signature", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: Vec<PathBuf>,

    /// What is said of the model, in one file of JSON Lines, with its signatures. Every line has to count.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) trust: Trust,

    /// Verify only files whose name fits, and say so. `*` stands for any text, `?` for one character.
    /// May be given more than once.
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,

    #[command(flatten)]
    pub(crate) scope: Scope,

    /// Allow files that nobody signed.
    #[arg(long, alias = "ignore_unsigned_files")]
    pub(crate) ignore_unsigned_files: bool,

    #[command(flatten)]
    pub(crate) logs: Logs,
}

/// What transparency logs must say, and by whose word. A trust store may say the same.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Transparency logs")]
pub(crate) struct Logs {
    /// A proof that a log has a signature, as `casemate sign --log` and `casemate log attest` write it; may be given more
    /// than once.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log_proof: Vec<PathBuf>,

    /// The verifier key of a log: only signatures count that this log has, or another that is trusted.
    /// May be given more than once.
    #[arg(long, value_name = "VKEY")]
    pub(crate) log_vkey: Vec<VerifierKey>,

    /// The verifier key of a witness; may be given more than once.
    #[arg(long, value_name = "VKEY")]
    pub(crate) witness_vkey: Vec<VerifierKey>,

    /// How many of the witnesses must have cosigned [default: all].
    #[arg(long, value_name = "N")]
    pub(crate) witnesses: Option<usize>,

    /// A checkpoint of the log that is known from elsewhere, such as from a witness; may be given more than
    /// once. Two of one size and with two roots are an equivocation.
    #[arg(long, value_name = "CHECKPOINT", value_hint = ValueHint::FilePath)]
    pub(crate) log_checkpoint: Vec<PathBuf>,

    /// A copy of the log, which every checkpoint must fit.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) log: Option<PathBuf>,
}
