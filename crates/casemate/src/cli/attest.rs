//! The words of `attest` and `verify-attestation`.

use std::path::PathBuf;

use casemate_core::Digest;
use casemate_provenance::LOCAL_BUILDER;
use clap::{Args, Subcommand, ValueHint};

use super::{
    policy::Source,
    signing::{Logs, Scope, Signer, Trust},
};

/// Say something of a model, signed.
#[derive(Debug, Subcommand)]
pub(crate) enum Attest {
    /// Run a command that makes a model, and say how it was made (SLSA provenance).
    Train(Train),
    /// Judge every file of a model, and say what came of it (in-toto test result).
    TestResult(TestResult),
    /// Verify a model with what is said of it, and say what came of it (SLSA verification summary).
    Vsa(Box<Vsa>),
    /// Put what is said of a model into one file.
    Claims(Claims),
}

/// What is written, and of what.
#[derive(Args, Debug)]
pub(crate) struct Statement {
    #[command(flatten)]
    pub(crate) signer: Signer,

    /// The attestation to write. It is no part of the model, wherever it is.
    #[arg(long, short, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: PathBuf,

    #[command(flatten)]
    pub(crate) scope: Scope,

    /// Replace what is no earlier signature.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Run a command that makes a model.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when the command succeeded and the attestation is written; 1 when it failed, \
when an input changed meanwhile, or when the model cannot be signed; 2 when it could not be begun."
)]
pub(crate) struct Train {
    /// The model that the command makes: a directory, or one file.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,

    /// What goes in: a file or directory of data, code, a base model, a lock file; may be given more
    /// than once. It is digested before the command runs and after.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) input: Vec<PathBuf>,

    /// A parameter that the run was given, for others to read; may be given more than once.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) parameters: Vec<(String, String)>,

    /// Record this environment variable too, with its value; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Vec<String>,

    /// Who runs the command: a URI that those who verify know.
    #[arg(long, value_name = "URI", default_value = LOCAL_BUILDER)]
    pub(crate) builder_id: String,

    /// A claims file that lies in the model and is no part of it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) statement: Statement,

    /// The command, behind `--`.
    #[arg(last = true, required = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,
}

/// Judge every file of a model.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when every file is clean, as `casemate scan` has it; 1 when one is not, which \
is attested too, and when the model cannot be signed."
)]
pub(crate) struct TestResult {
    /// The model: a directory, or one file.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,

    /// A claims file that lies in the model and is no part of it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) allow: super::Allow,

    #[command(flatten)]
    pub(crate) statement: Statement,
}

/// Verify a model with what is said of it.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when it passes; 1 when it does not, which is attested too, and when the model \
cannot be signed."
)]
pub(crate) struct Vsa {
    /// The model: a directory, or one file.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,

    /// What is said of the model, with its signatures.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: PathBuf,

    #[command(flatten)]
    pub(crate) trusted: Trusted,

    #[command(flatten)]
    pub(crate) logs: Logs,

    #[command(flatten)]
    pub(crate) policy: Source,

    #[command(flatten)]
    pub(crate) gate: Gate,

    /// Where others find that policy.
    #[arg(long, value_name = "URI", default_value = LOCAL_POLICY)]
    pub(crate) policy_uri: String,

    /// As what the model is verified, so that it passes for nothing else: a URI.
    #[arg(long, value_name = "URI")]
    pub(crate) resource_uri: String,

    /// Who verifies: a URI that those who read the summary know.
    #[arg(long, value_name = "URI", default_value = LOCAL_VERIFIER)]
    pub(crate) verifier_id: String,

    #[command(flatten)]
    pub(crate) statement: Statement,
}

/// What the policy may oblige to.
#[derive(Args, Debug)]
pub(crate) struct Gate {
    /// Somebody's approval of the gate's input, as `casemate policy approve` writes it, for a policy that obliges
    /// to it; may be given more than once. Who it is from is asked of those who are trusted.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) approval: Vec<PathBuf>,

    /// Write what the policy is asked, for those who approve it with `casemate policy approve`. It says the time: a later
    /// run asks the same with the same --now.
    #[arg(long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) gate_input: Option<PathBuf>,
}

/// Who is trusted, where the key is the one that signs.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Trusted {
    /// Trust this public key.
    #[arg(long, value_name = "PUB", value_hint = ValueHint::FilePath)]
    pub(crate) trust_key: Option<PathBuf>,

    /// Trust this root certificate; may be given more than once.
    #[arg(long, value_name = "ROOT", value_hint = ValueHint::FilePath)]
    pub(crate) trust: Vec<PathBuf>,

    /// Trust whom this store names, within its terms.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: Option<PathBuf>,
}

/// Put what is said of a model into one file.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when the file is written; 1 when a bundle is none, or is about something else."
)]
pub(crate) struct Claims {
    /// The model: a directory, or one file.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) model: PathBuf,

    /// A signature or attestation of the model, or an earlier claims file; may be given more than once.
    #[arg(long, required = true, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) add: Vec<PathBuf>,

    /// The file to write. It is no part of the model, wherever it is.
    #[arg(long, short, value_name = "FILE", default_value = "claims.jsonl", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) scope: Scope,

    /// Replace what is neither a signature nor a claims file.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Verify attestations.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when every bundle is an attestation that counts, is about what was asked for, and \
no policy denies; else 1."
)]
pub(crate) struct VerifyAttestation {
    /// Sigstore bundles, one in a file or one on each line.
    #[arg(required = true, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) bundles: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) trust: Trust,

    /// They have to be about this model: a directory, or one file.
    #[arg(long, value_name = "PATH", conflicts_with = "subject", value_hint = ValueHint::AnyPath)]
    pub(crate) model: Option<PathBuf>,

    /// They have to be about this.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) subject: Option<Digest>,

    /// They have to be of this type.
    #[arg(long, value_name = "URI")]
    pub(crate) predicate_type: Option<String>,

    #[command(flatten)]
    pub(crate) policy: Source,

    #[command(flatten)]
    pub(crate) gate: Gate,

    #[command(flatten)]
    pub(crate) scope: Scope,

    #[command(flatten)]
    pub(crate) logs: Logs,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter is NAME=VALUE".to_owned()),
    }
}

/// Who verifies, by default: whoever has this machine and the key.
const LOCAL_VERIFIER: &str = "urn:casemate:verifier:local";
/// Which policy, where nobody says where it is: its digest tells.
const LOCAL_POLICY: &str = "urn:casemate:policy:attestation";
