//! The words of `policy`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use super::signing::{Passphrase, Signer};
use crate::config::AssessSettings;

/// Where a policy comes from.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Source {
    /// A policy that overlays the built-in one: a directory of Rego and data, or a bundle (.tar.gz).
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) policy: Option<PathBuf>,

    /// The policy must be a bundle that somebody signed whom this store trusts. Its signature is beside it,
    /// as `casemate policy bundle --key` writes it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy_trust_store: Option<PathBuf>,
}

impl Source {
    /// What the command line names, and what it does not name out of the configuration.
    pub(crate) fn or(self, settings: &AssessSettings) -> Self {
        let Self {
            policy,
            policy_trust_store,
        } = self;
        Self {
            policy: policy.or_else(|| settings.policy.clone()),
            policy_trust_store: policy_trust_store.or_else(|| settings.policy_trust_store.clone()),
        }
    }
}

/// Work with gate policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Run the `test_*` rules of a policy, with coverage, and Gatekeeper's suites in it.
    Test {
        /// A directory, or a bundle (.tar.gz). Its Rego is tested as an overlay of the built-in policy.
        #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
        dir: PathBuf,
    },
    /// Hold files against a policy: `deny`, `violation` and `warn` rules in the habit of conftest, and
    /// Gatekeeper's constraints.
    Check {
        /// The files, YAML, JSON or TOML by their name; `-` for YAML or JSON on standard input.
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        inputs: Vec<PathBuf>,

        /// A directory of Rego and data, of Gatekeeper's templates and constraints, or of both; or a bundle
        /// (.tar.gz). Of what is built in, it has the library that it may import.
        #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        policy: PathBuf,

        /// The policy must be a bundle that somebody signed whom this store trusts.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        policy_trust_store: Option<PathBuf>,

        /// What was assessed, for rules about it: the `gate-input.json` of an assessment.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        outcomes: Option<PathBuf>,

        /// A file of objects that constraints may refer to, beside those that are checked; may be
        /// repeated.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        inventory: Vec<PathBuf>,

        /// The package that has the rules; may be repeated.
        #[arg(long, value_name = "PACKAGE", default_value = "main")]
        namespace: Vec<String>,

        /// Ask every package that has such rules.
        #[arg(long, conflicts_with = "namespace")]
        all_namespaces: bool,
    },
    /// Be the gate for an input: decide, keep what the policy obliges to, and record it.
    Eval(Box<Eval>),
    /// Approve the input of a gate, signed.
    Approve(Box<Approve>),
    /// Say why: each reason with its rule, the line, and what the rule read.
    Explain(Explain),
    /// Pack a policy as one file, signed if you like; or verify one.
    Bundle(Box<Bundle>),
    /// Say what another policy would have decided about recorded inputs.
    Replay(Replay),
}

/// Be the gate for an input.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 1 when the policy denies or an obligation is not kept, else 0."
)]
pub(crate) struct Eval {
    /// The gate's input as JSON, such as the `gate-input.json` of an assessment; `-` for standard input.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,

    #[command(flatten)]
    pub(crate) policy: Source,

    /// The record of the decision to write.
    #[arg(long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) record: Option<PathBuf>,

    /// Put the input into the record, so that it can be replayed by itself.
    #[arg(long, requires = "record")]
    pub(crate) with_input: bool,

    /// What is let through, to write: `context.request` of the input with what has to be masked masked.
    /// Nothing is written of a denial, and a file of an earlier run is removed.
    #[arg(long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) masked: Option<PathBuf>,

    /// Somebody's approval of the input, as `casemate policy approve` writes it; may be given more than once.
    #[arg(long, value_name = "FILE", requires = "trust_store", value_hint = ValueHint::FilePath)]
    pub(crate) approval: Vec<PathBuf>,

    /// Trust whom this store names with approvals.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: Option<PathBuf>,

    /// A transparency log to append the decision to.
    #[arg(long, value_name = "DIR", requires = "log_key", value_hint = ValueHint::DirPath)]
    pub(crate) log: Option<PathBuf>,

    /// The log's private key.
    #[arg(long, value_name = "KEY", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_key: Option<PathBuf>,

    /// Log salted digests: a file with a secret of at least 16 bytes.
    #[arg(long, value_name = "FILE", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_secret: Option<PathBuf>,

    /// A file for the log's records as they were before they were sealed, one a line.
    #[arg(long, value_name = "OUT", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_records: Option<PathBuf>,
}

/// Approve the input of a gate.
#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// The gate's input, to the byte of its meaning what the gate will be asked: its `now` too.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) input: PathBuf,

    #[command(flatten)]
    pub(crate) signer: Signer,

    /// The approval to write.
    #[arg(long, short, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,

    /// Why, for others to read.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    /// Replace what is no earlier signature.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Say why.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 1 when a record may not be acted on, since its time is over or the input that \
comes with it is another one; else 0."
)]
pub(crate) struct Explain {
    /// The record of a decision, or the input of a gate.
    #[arg(value_name = "RECORD|INPUT", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// The input that a record is of, where it is not in it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) policy: Source,
}

/// Pack a policy, or verify one.
#[derive(Args, Debug)]
#[command(
    group(ArgGroup::new("what").required(true).args(["dir", "verify"])),
    after_help = "Exit status: with --verify, 1 when the archive is not what somebody signed whom the store trusts, or \
does not load; else 0."
)]
pub(crate) struct Bundle {
    /// The policy to pack: a directory of Rego and data, or an earlier archive.
    #[arg(requires = "out", value_hint = ValueHint::AnyPath)]
    pub(crate) dir: Option<PathBuf>,

    /// The archive to write, in the format of OPA's bundles. The same policy gives the same bytes.
    #[arg(long, short, value_name = "FILE.tar.gz", requires = "dir", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,

    /// What to call it; records of its decisions have it.
    #[arg(long, value_name = "TEXT", requires = "dir")]
    pub(crate) revision: Option<String>,

    /// Sign it with this private key, in PEM or DER, or a pkcs11: URI: the signature gets the name of the archive
    /// with `.sigstore.json` behind it.
    #[arg(long, value_name = "FILE", requires = "dir", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,

    /// The library of a token's vendor, for a key in a token.
    #[arg(long, value_name = "FILE", requires = "key", value_hint = ValueHint::FilePath)]
    pub(crate) pkcs11_module: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) passphrase: Passphrase,

    /// The key's certificate.
    #[arg(long, value_name = "FILE", requires = "key", value_hint = ValueHint::FilePath)]
    pub(crate) cert: Option<PathBuf>,

    /// The certificates of those who issued it; may be given more than once.
    #[arg(long, value_name = "FILE", requires = "key", value_hint = ValueHint::FilePath)]
    pub(crate) cert_chain: Vec<PathBuf>,

    /// Replace a file in the place of the archive or of the signature that is none.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,

    /// Verify this archive instead.
    #[arg(long, value_name = "FILE", requires = "trusted", conflicts_with = "key", value_hint = ValueHint::FilePath)]
    pub(crate) verify: Option<PathBuf>,

    /// Trust whom this store names.
    #[arg(long, value_name = "FILE", group = "trusted", requires = "verify", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: Option<PathBuf>,

    /// The signature, where it has another name.
    #[arg(long, value_name = "FILE", requires = "trust_store", value_hint = ValueHint::FilePath)]
    pub(crate) signature: Option<PathBuf>,

    /// Trust this key with the signature that OPA puts into an archive: a public key or certificate in PEM, or a JSON
    /// Web Key or a set of them, which may be secrets.
    #[arg(long, value_name = "FILE", group = "trusted", requires = "verify", value_hint = ValueHint::FilePath)]
    pub(crate) verification_key: Option<PathBuf>,

    /// What OPA's signature has to be for.
    #[arg(long, value_name = "TEXT", requires = "verification_key")]
    pub(crate) scope: Option<String>,
}

impl Bundle {
    /// Who signs, if anybody does.
    pub(crate) fn signer(&self) -> Option<Signer> {
        self.key.clone().map(|key| Signer {
            key,
            pkcs11_module: self.pkcs11_module.clone(),
            passphrase: self.passphrase.clone(),
            cert: self.cert.clone(),
            cert_chain: self.cert_chain.clone(),
        })
    }
}

/// Say what another policy would have decided.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 1 when a verdict changes or an input cannot be asked again, else 0."
)]
pub(crate) struct Replay {
    /// Inputs of gates, records of decisions with their input in them or beside them as `gate-input.json`, and
    /// directories of them.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<PathBuf>,

    /// The new policy: a directory of Rego and data, or a bundle (.tar.gz). It overlays the built-in one.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) policy: PathBuf,

    /// The new policy must be a bundle that somebody signed whom this store trusts.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy_trust_store: Option<PathBuf>,

    /// The old policy. Without it, what a record says counts, and of an input alone what the built-in policy
    /// says.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) against: Option<PathBuf>,
}
