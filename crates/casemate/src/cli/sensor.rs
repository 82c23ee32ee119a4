//! The words of `sensor`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// See what workloads do with models and devices, and deny what they must not do.
#[derive(Debug, Subcommand)]
pub(crate) enum Sensor {
    /// Try what this machine can do: see, and deny. Leaves nothing behind.
    #[command(after_help = "Exit status: 0 when something works here, 1 when nothing does.")]
    Check,
    /// Watch, and protect what a policy says.
    Run(Run),
    /// List the models on this machine as signed, unsigned or changed.
    Models(Models),
    /// Show who touches models and devices, how much of them, and whom they call; live on a terminal.
    Top(Top),
    /// Make events of what was recorded, as they were made then.
    Replay(Replay),
    /// Let go of what is still denied after a sensor has ended (break-glass); leaves a record.
    Release(Release),
}

/// Watch.
#[derive(Args, Debug)]
#[command(
    after_help = "SIGINT and SIGTERM end it, and everything is detached. SIGHUP follows the paths of the policy again, which \
happens every ten seconds anyway. Needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN."
)]
pub(crate) struct Run {
    /// What is protected, and from whom; without it, everything is seen and nothing is protected.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) to: To,

    /// Deny what blocks say that are to be enforced; without it, they tell of it.
    #[arg(long)]
    pub(crate) enforce: bool,

    /// End after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<u64>,

    /// Keep what was seen in a file, for `casemate sensor replay`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) record: Option<PathBuf>,

    /// A folder of the BPF file system, in which what denies is kept: it denies on when the sensor is killed.
    #[arg(long, value_name = "DIR", requires = "enforce", value_hint = ValueHint::DirPath)]
    pub(crate) pin: Option<PathBuf>,
}

/// Show who touches models.
#[derive(Args, Debug)]
#[command(
    after_help = "Nothing is denied. SIGINT ends it. Without a terminal, the table is printed once, at the end."
)]
pub(crate) struct Top {
    /// What is protected, and from whom, as for `run`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,

    /// End after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<u64>,
}

/// Where events go.
#[derive(Args, Clone, Debug)]
pub(crate) struct To {
    /// The file that events are appended to, a line of JSON each; `-` for standard output, `unix:PATH` for a socket that somebody
    /// listens on.
    #[arg(long, value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) events: String,
}

/// List models.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when one of them is not signed, or changed.")]
pub(crate) struct Models {
    /// Folders to look through, without following links.
    #[arg(required = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Trust whom this store names.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: PathBuf,
}

/// Make events of what was recorded.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 1 when the recording is cut off or damaged; what comes before is told."
)]
pub(crate) struct Replay {
    /// What `casemate sensor run --record` wrote.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) recording: PathBuf,

    #[command(flatten)]
    pub(crate) to: To,
}

/// Let go.
#[derive(Args, Debug)]
pub(crate) struct Release {
    /// The folder that `--pin` named.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) pin: PathBuf,

    #[command(flatten)]
    pub(crate) to: To,
}
