//! `casemate segment zones`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use casemate_segment::intent::{derive, to_yaml};

use super::{read, tell};
use crate::{
    cli::{Format, Global, segment::Zones},
    output,
};

pub(super) fn run(global: &Global, arguments: &Zones) -> Result<ExitCode> {
    if global.format == Format::Json {
        bail!("a declaration is YAML, and written as that");
    }
    let read = read(global, &arguments.path, &arguments.known)?;
    output::print(&to_yaml(&derive(&read.analysis)))?;
    tell(global, &read.gaps);
    Ok(ExitCode::SUCCESS)
}
