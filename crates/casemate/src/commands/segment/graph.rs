//! `casemate segment graph`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use casemate_segment::draw;

use super::{read, tell};
use crate::{
    cli::{
        Format, Global,
        segment::{Drawing, Graph},
    },
    output,
};

pub(super) fn run(global: &Global, arguments: &Graph) -> Result<ExitCode> {
    if global.format == Format::Json {
        bail!("a drawing is no JSON: `segment list --format json` has what it shows");
    }
    let read = read(global, &arguments.path, &arguments.known)?;
    let drawing = match arguments.drawing {
        Drawing::Dot => draw::dot(&read.analysis)?,
        Drawing::Svg => draw::svg(&read.analysis)?,
    };
    output::print(&drawing)?;
    tell(global, &read.gaps);
    Ok(ExitCode::SUCCESS)
}
