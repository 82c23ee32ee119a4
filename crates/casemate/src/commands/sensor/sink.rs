//! Where events go, a line of JSON each.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    os::unix::net::UnixStream,
};

use anyhow::{Context, Result};
use casemate_core::Event;

use crate::cli::sensor::To;

pub(super) struct Sink(BufWriter<Box<dyn Write>>);

impl Sink {
    pub(super) fn open(to: &To) -> Result<Self> {
        let to: Box<dyn Write> = match to.events.strip_prefix("unix:") {
            Some(path) => {
                let socket = UnixStream::connect(path);
                Box::new(socket.with_context(|| format!("nobody listens on the socket {path}"))?)
            }
            None if to.events == "-" => Box::new(io::stdout()),
            None => {
                // What others wrote there stays.
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&to.events);
                Box::new(file.with_context(|| format!("cannot write events to {}", to.events))?)
            }
        };
        Ok(Self(BufWriter::with_capacity(1 << 16, to)))
    }

    pub(super) fn write(&mut self, event: &Event) -> Result<()> {
        serde_json::to_writer(&mut self.0, event).context("cannot write an event")?;
        self.0.write_all(b"\n").context("cannot write an event")
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.0.flush().context("cannot write events")
    }
}
