//! `casemate model`: a module for each command.

mod convert;
mod destination;
mod origin;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Global, Model};

pub(crate) use convert::Conversion;

/// Runs one of the commands about a model.
pub(crate) fn run(global: &Global, command: &Model) -> Result<ExitCode> {
    match command {
        Model::Convert(arguments) => convert::run(global, arguments),
    }
}
