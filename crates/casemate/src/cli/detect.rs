//! The words of `detect`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Say what events mean: Sigma's rules and correlations, Falco's rules, and detections of our own for AI workloads.
#[derive(Debug, Subcommand)]
pub(crate) enum Detect {
    /// Look for what rules look for, in events.
    Run(Run),
    /// Say whether files of Sigma are understood.
    #[command(after_help = "Exit status: 1 when one of them is not.")]
    Check {
        /// Files and directories of rules.
        #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        rules: Vec<PathBuf>,
    },
    /// Say which rules of Falco can be asked of our events, and what blocks the others.
    Coverage {
        /// Files and directories of rules, the later ones over the earlier ones.
        #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        rules: Vec<PathBuf>,
    },
}

/// Look for what rules look for.
#[derive(Args, Debug)]
#[command(
    after_help = "Events are lines of JSON, as `casemate sensor run` writes them; what it writes may be piped in. Exit status: 1 when \
something is found, 0 when nothing is."
)]
pub(crate) struct Run {
    /// The file with the events; `-` for standard input.
    #[arg(default_value = "-", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) events: PathBuf,

    /// Rules of Sigma beside our own: a file or a directory; may be repeated. What is not understood is told and left out.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) rules: Vec<PathBuf>,

    /// Rules of Falco: a file or a directory; may be repeated.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) falco: Vec<PathBuf>,

    /// Leave out our own detections.
    #[arg(long)]
    pub(crate) no_builtin: bool,
}
