//! `casemate sensor replay`.

use std::{fs::File, io::BufReader, process::ExitCode};

use anyhow::{Context, Result};
use casemate_sensor::{Observer, Place, Reader};

use super::sink::Sink;
use crate::{
    cli::{Global, sensor::Replay},
    clock, output,
};

pub(super) fn run(global: &Global, arguments: &Replay) -> Result<ExitCode> {
    let path = &arguments.recording;
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let now = clock::of(global)?.now();
    let mut sink = Sink::open(&arguments.to)?;
    let mut observer = Observer::new(Place::default());
    let mut entries = 0_u64;
    for entry in Reader::new(BufReader::new(file))? {
        let taken = match entry {
            Ok(entry) => observer.take(&entry, now).map_err(anyhow::Error::from),
            Err(error) => Err(error.into()),
        };
        entries += 1;
        match taken {
            Ok(event) => event.iter().try_for_each(|it| sink.write(it))?,
            Err(error) => {
                sink.flush()?;
                output::hint(
                    global,
                    &format!("{}: entry {entries}: {error}", path.display()),
                );
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    sink.flush()?;
    Ok(ExitCode::SUCCESS)
}
