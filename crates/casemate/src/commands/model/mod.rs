//! `casemate model`: a module for each command.

mod convert;
mod destination;
pub(crate) mod explain;
pub(crate) mod inspect;
mod one_file;
mod origin;
mod page;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Global, Model};

pub(crate) use convert::Conversion;

/// Runs one of the commands about a model file.
pub(crate) fn run(global: &Global, command: &Model) -> Result<ExitCode> {
    match command {
        Model::Inspect(arguments) => inspect::run(global, arguments),
        Model::Explain(arguments) => explain::run(global, arguments),
        Model::Convert(arguments) => convert::run(global, arguments),
    }
}
