//! The words a user types.

pub(crate) mod admit;
pub(crate) mod attest;
pub(crate) mod cluster;
pub(crate) mod detect;
mod log;
pub(crate) mod policy;
pub(crate) mod segment;
pub(crate) mod sensor;
pub(crate) mod signing;

use std::path::PathBuf;

use casemate_core::{RuleId, Timestamp};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::log::{
    Append, Attest, Checkpoint, Export, Init, Log, Open, Prove, Verify, Vkey, Which, Witness,
};

/// The supply chain of models, judged without running it.
///
/// Casemate reads models, datasets, notebooks, code and manifests, executes none of them, and says
/// which of them are safe to load, which are not, and which nobody can tell.
#[derive(Debug, Parser)]
#[command(
    name = "casemate",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit status: 0 all is well; 1 the verdict is negative; 2 wrong usage, or \
our own input or output failed."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// How to print the result.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,

    /// Settings to use, as `casemate init` writes them. Never read from the assessed tree unless
    /// named here.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,

    /// Print no progress and no hints, only the result.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Say on standard error what is looked at, by what, and what is left out.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    /// The moment to take for now (RFC 3339), so that a run can be repeated to the byte.
    ///
    /// Without it, SOURCE_DATE_EPOCH (seconds since 1970) is taken, or else the system's clock.
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) now: Option<Timestamp>,
}

/// How to print a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs; `casemate schema` prints its schema.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// For a pull request.
    Markdown,
}

/// Whom findings about infrastructure are for. Each hears what those before hear.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Persona {
    /// Who ships: what to repair.
    #[default]
    Regular,
    /// Who hardens: what could be better.
    Pedantic,
    /// Who audits: everything worth a look.
    Auditor,
}

impl From<Persona> for casemate_posture::check::Persona {
    fn from(persona: Persona) -> Self {
        match persona {
            Persona::Regular => Self::Regular,
            Persona::Pedantic => Self::Pedantic,
            Persona::Auditor => Self::Auditor,
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge a whole project: inventory, every check, the gate, a report to read.
    Assess(Assess),
    /// Judge model files. No policy, no report directory; directories are walked.
    Scan(Scan),
    /// Repair what is wrong with infrastructure, one attribute at a time; shows a patch unless told to write.
    Fix(Fix),
    /// Look into one model file without loading it.
    #[command(subcommand)]
    Model(Model),
    /// Make a pair of keys.
    Keygen(signing::Keygen),
    /// Sign a model (OpenSSF Model Signing).
    Sign(signing::Sign),
    /// Say whether a model is what somebody signed. Opens no connection.
    Verify(signing::Verify),
    /// Say something of a model, signed: how it was made, what came of a scan, that it was verified.
    #[command(subcommand)]
    Attest(attest::Attest),
    /// Say whether attestations count and what a policy says of them. Opens no connection.
    VerifyAttestation(attest::VerifyAttestation),
    /// Work with gate policies (Rego).
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Ask who can reach whom in a cluster, and by which rule.
    #[command(subcommand)]
    Segment(segment::Segment),
    /// Decide what a Kubernetes cluster takes: an admission webhook, and the same decision about a file.
    #[command(subcommand)]
    Admit(admit::Admit),
    /// See what workloads do with models and devices, and deny what they must not do.
    #[command(subcommand)]
    Sensor(sensor::Sensor),
    /// Say what events mean: detections for AI workloads, Sigma's rules, Falco's rules.
    #[command(subcommand)]
    Detect(detect::Detect),
    /// Keep evidence in a transparency log, and verify one offline.
    #[command(subcommand)]
    Log(Log),
    /// Say what a rule means, why it matters and what to do.
    Explain {
        /// The rule, such as CM-PKL-001; or several.
        #[arg(required = true, value_name = "RULE")]
        rules: Vec<String>,
    },
    /// List every rule.
    Rules,
    /// Print the JSON Schema of an output, or list the schemas.
    Schema {
        /// The schema's name; without it, the names are listed.
        name: Option<String>,
    },
    /// Write a commented configuration with every setting at its default.
    Init {
        /// The file to write; it must not exist.
        #[arg(default_value = "casemate.toml", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages.
    Man {
        /// The directory to write them into.
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

/// Judge a whole project.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when the gate denies, 0 when it allows or warns.")]
pub(crate) struct Assess {
    /// The project [default: the working directory, unless a cluster is judged].
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: cluster::Cluster,

    /// The directory to write index.html, findings.json and findings.sarif into
    /// [default: casemate-report].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) policy: policy::Source,

    /// Somebody's approval of the gate's input, as `casemate policy approve` writes it; may be given more than
    /// once. Who it is from is asked of --trust-store.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) approval: Vec<PathBuf>,

    /// Whom the findings about infrastructure are for [default: regular].
    #[arg(long)]
    pub(crate) persona: Option<Persona>,

    /// An earlier report, as --out made it: what it has found already does not count again, so that only what
    /// is new fails. A dangerous model always counts, and so does what could not be examined.
    #[arg(long, value_name = "REPORT", value_hint = ValueHint::AnyPath)]
    pub(crate) diff: Option<PathBuf>,

    /// A report of another tool to join with this one: SARIF 2.1.0, Checkov's JSON or Trivy's; `-` is standard
    /// input. May be given more than once. It only adds: what both find is told once, as ours.
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) import: Vec<PathBuf>,

    /// The name of the repository in the identities of its files [default: local].
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: Option<String>,

    /// What is said of the project as one model, with its signatures; verified with --trust-store before the
    /// gate is asked. For models within the project, see `[[model]]` in the configuration.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) claims: Option<PathBuf>,

    /// A proof that a log has what is said; may be given more than once.
    #[arg(long, value_name = "FILE", requires = "claims", value_hint = ValueHint::FilePath)]
    pub(crate) log_proof: Vec<PathBuf>,

    /// Trust whom this store names with what is said of models.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: Option<PathBuf>,

    /// A transparency log to append the outcomes and the decision to, as records.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) log: Option<PathBuf>,

    /// The log's private key. Without it the records are pending until the log's next checkpoint.
    #[arg(long, value_name = "KEY", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_key: Option<PathBuf>,

    /// Log salted digests, so that the log tells nobody what was assessed: a file with a secret of at
    /// least 16 bytes.
    #[arg(long, value_name = "FILE", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_secret: Option<PathBuf>,

    /// A file for the records as they were before they were sealed, one a line: who opens a seal needs
    /// its record.
    #[arg(long, value_name = "OUT", requires = "log", value_hint = ValueHint::FilePath)]
    pub(crate) log_records: Option<PathBuf>,
}

/// Repair what is wrong with infrastructure.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when nothing is left to repair, 1 when a patch is shown or a finding \
that has a repair is left."
)]
pub(crate) struct Fix {
    /// The project, or one file.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// Repair findings of this rule alone; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Vec<RuleId>,

    /// Write the repaired files.
    #[arg(long)]
    pub(crate) write: bool,

    /// Whom the findings are for [default: regular].
    #[arg(long)]
    pub(crate) persona: Option<Persona>,

    #[command(flatten)]
    pub(crate) policy: policy::Source,
}

/// Judge model files.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when every file is completely understood and inert or \
known, else 1."
)]
pub(crate) struct Scan {
    /// Files, and directories to walk.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) allow: Allow,
}

/// Whose word counts besides the built-in allowlist.
#[derive(Args, Debug)]
pub(crate) struct Allow {
    /// A file of names that you allow pickles to use, besides those that are built in; may be
    /// given more than once.
    #[arg(long = "allow", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

/// Look into one model file.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// List what a file holds: tensors, values, objects, metadata, imports, members.
    Inspect(Inspect),
    /// Say what loading a file would do, as pseudo-Python with byte offsets.
    Explain(Explain),
    /// Turn a PyTorch checkpoint or NumPy archive into safetensors, executing nothing.
    Convert(Convert),
}

/// List what a file holds.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when the file could be read, whatever its verdict. Use `casemate \
scan` to judge it."
)]
pub(crate) struct Inspect {
    /// The file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// List everything: every tensor, attribute and member.
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) allow: Allow,
}

/// Say what loading a file would do.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: as `casemate scan`: 0 when the file is completely understood and \
inert or known, else 1."
)]
pub(crate) struct Explain {
    /// The file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Show everything: all statements, long strings and large containers whole.
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) allow: Allow,
}

/// Turn a checkpoint into safetensors.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 when everything is converted, 1 when something is refused.")]
pub(crate) struct Convert {
    /// A checkpoint, an archive of arrays, a safetensors file; the index of several, or the
    /// directory that holds one.
    #[arg(value_name = "IN", value_hint = ValueHint::AnyPath)]
    pub(crate) input: PathBuf,

    /// The safetensors file to write.
    #[arg(value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,

    /// Convert only entries whose name fits. `*` stands for any text, `?` for one character. May
    /// be given several times.
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,

    /// Take this from the beginning of names that begin with it.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) strip_prefix: String,

    /// Write several files with an index, none with more tensors than this: bytes, or a number
    /// with MB, GB, MiB or GiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_shard_size: Option<u64>,

    /// Leave out what is refused, and convert the rest.
    #[arg(long)]
    pub(crate) skip_refused: bool,

    /// Convert what is clean of a file that is dangerous or could not be judged whole, and leave
    /// out the rest.
    #[arg(long)]
    pub(crate) salvage: bool,

    /// Replace OUT if it exists.
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) allow: Allow,
}

/// A number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        unit => return Err(format!("there is no unit `{unit}`")),
    };
    let number: u64 = digits.parse().map_err(|error| format!("{error}"))?;
    match number.checked_mul(unit) {
        Some(size) if size > 0 => Ok(size),
        _ => Err("it is no size".to_owned()),
    }
}
