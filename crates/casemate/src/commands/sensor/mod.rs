//! `casemate sensor`.

mod check;
pub(crate) mod models;
mod replay;
mod run;
mod sink;
mod top;
mod vouch;

use std::process::ExitCode;

use anyhow::{Result, bail};

pub(crate) use self::check::Report;
use crate::cli::{Format, Global, sensor::Sensor};

/// Runs one of the commands about what is seen.
pub(crate) fn run(global: &Global, command: &Sensor) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("what a machine can do is told as text or json, and events as lines of json");
    }
    match command {
        Sensor::Check => check::run(global),
        Sensor::Run(arguments) => run::run(global, arguments),
        Sensor::Models(arguments) => models::run(global, arguments),
        Sensor::Top(arguments) => top::run(global, arguments),
        Sensor::Replay(arguments) => replay::run(global, arguments),
        Sensor::Release(arguments) => run::release(global, arguments),
    }
}
