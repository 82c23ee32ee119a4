//! `casemate completions` and `casemate man`.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::{
    cli::{Cli, Global},
    output,
};

/// Prints the completions of `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "casemate", &mut script);
    output::print(&String::from_utf8(script).context("the completions are not UTF-8")?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page for each command into `dir`.
pub(crate) fn manual(global: &Global, dir: &Path) -> Result<ExitCode> {
    let cannot = || format!("cannot write manual pages into {}", dir.display());
    fs::create_dir_all(dir).with_context(cannot)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, dir).with_context(cannot)?;
    output::hint(
        global,
        &format!("wrote manual pages into {}", dir.display()),
    );
    Ok(ExitCode::SUCCESS)
}
