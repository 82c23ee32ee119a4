//! `casemate segment zones`.

use std::{fs::File, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_core::{FileSource, Source};
use casemate_segment::{
    intent::{derive, observe, to_yaml},
    observed::{self as recorded, Seen},
};

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
    let intent = match arguments.observed.is_empty() {
        true => derive(&read.analysis)?,
        false => {
            let (intent, strangers) = observe(&read.analysis, &seen(global, arguments)?);
            if let Some(more) = strangers.len().checked_sub(MAX_TOLD).filter(|it| *it > 0) {
                output::hint(global, &format!("{more} more were seen and are in no zone"));
            }
            for party in strangers.iter().take(MAX_TOLD) {
                let what = format!("{party} was seen and is in no zone");
                output::hint(global, &casemate_report::sanitise(&what));
            }
            intent
        }
    };
    output::print(&to_yaml(&intent))?;
    tell(global, &read.gaps);
    Ok(ExitCode::SUCCESS)
}

/// What was seen, by all files.
fn seen(global: &Global, arguments: &Zones) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for file in &arguments.observed {
        let named = file.display();
        let text = text(file)?;
        let format = match arguments.observed_format {
            Some(format) => format.into(),
            None => recorded::Format::of(&text).with_context(|| {
                format!("{named} is not recognised; name its format with --observed-format")
            })?,
        };
        let observed = format.read(&text);
        let whose = format.as_str();
        for (line, why) in &observed.gaps {
            let told = format!("{named}:{line} is no record of {whose} that is understood: {why}");
            output::hint(global, &casemate_report::sanitise(&told));
        }
        if observed.more_gaps > 0 {
            let told = format!(
                "{named}: {} more records are not understood",
                observed.more_gaps
            );
            output::hint(global, &casemate_report::sanitise(&told));
        }
        if observed.seen.is_empty() {
            bail!("{named} has no record of {whose} of a connection that was taken");
        }
        seen.extend(observed.seen);
    }
    Ok(seen)
}

/// A file of flows may be much longer than what somebody writes by hand.
fn text(file: &Path) -> Result<String> {
    let named = file.display();
    let source = File::open(file).and_then(FileSource::new);
    let source = source.with_context(|| format!("cannot read {named}"))?;
    let length = usize::try_from(source.len()).unwrap_or(usize::MAX);
    if length > MAX_FLOWS {
        bail!(
            "{named} is longer than {} MiB; split it and name each part",
            MAX_FLOWS >> 20
        );
    }
    let bytes = source.read_vec(0, length);
    let bytes = bytes.with_context(|| format!("cannot read {named}"))?;
    String::from_utf8(bytes).with_context(|| format!("{named} is no text"))
}

/// In bytes.
const MAX_FLOWS: usize = 256 << 20;
const MAX_TOLD: usize = 20;
