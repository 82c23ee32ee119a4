//! `casemate detect run`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::{Event, Timestamp};
use casemate_detect::{Engine, FalcoRules, Limits, Match, Notice, NoticeKind};
use casemate_report::sanitise;

use super::{detections, files, named};
use crate::{
    NEGATIVE,
    cli::{Format, Global, detect::Run},
    output,
};

pub(super) fn run(global: &Global, arguments: &Run) -> Result<ExitCode> {
    let (detections, errors) = detections(&arguments.rules, !arguments.no_builtin)?;
    for error in &errors {
        output::hint(global, &format!("not asked: {error}"));
    }
    let of_falco = files(&arguments.falco)?;
    let falco = FalcoRules::read(named(&of_falco)).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    if detections.rules().is_empty() && falco.rules().is_empty() {
        bail!("there is no rule to ask: name some with --rules or --falco");
    }
    let mut engine = Engine::new(&detections, Limits::default());
    let mut lost = 0;
    let mut told = Told {
        format: global.format,
        matches: 0,
        is_read: true,
    };
    let from: Box<dyn BufRead> = match arguments.events.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => {
            let file = File::open(&arguments.events);
            Box::new(BufReader::new(file.with_context(|| {
                format!("cannot read {}", arguments.events.display())
            })?))
        }
    };
    let is_pipe = arguments.events.to_str() == Some("-");
    let (mut unread, mut broken) = (0_u64, None);
    for (at, line) in Lines(from).enumerate() {
        let line = match line {
            Ok(line) => line,
            // What was found by now is told.
            Err(error) => {
                broken = Some(error);
                break;
            }
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let event: Event = match serde_json::from_slice(&line) {
            Ok(event) => event,
            Err(error) => {
                unread += 1;
                output::hint(global, &format!("line {} is no event: {error}", at + 1));
                continue;
            }
        };
        told.all(&engine.observe(&event))?;
        told.all(&falco.observe(&event))?;
        // Of what happens now, what is late is late by our clock. A file may be of any time, and in any order of machines.
        if is_pipe {
            told.all(&engine.advance(Timestamp::now()))?;
        }
        lost += notices(global, engine.notices());
        if !told.is_read {
            break;
        }
    }
    told.all(&engine.finish())?;
    lost += notices(global, engine.notices());
    if let Some(error) = broken {
        return Err(error).context("cannot read events");
    }
    if unread > 0 {
        bail!("{unread} lines are no events: what they would have matched is not known");
    }
    if lost > 0 {
        bail!(
            "of {lost} matches of rules it is not known whether correlations would have counted them"
        );
    }
    Ok(if told.matches == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

/// Tells what was forgotten, and how much of that might have mattered.
fn notices(global: &Global, notices: Vec<Notice>) -> u64 {
    let mut lost = 0;
    for it in notices {
        // Without a field to group by, an event is none that a correlation is about.
        if it.kind != NoticeKind::Ungrouped {
            lost += it.count;
        }
        let text = format!("{}: {} {}", it.rule, it.count, it.kind.as_str());
        output::hint(global, &text);
    }
    lost
}

/// Says what is found, as it is found.
struct Told {
    format: Format,
    matches: u64,
    is_read: bool,
}

impl Told {
    fn all(&mut self, matches: &[Match]) -> Result<()> {
        for it in matches {
            self.matches += 1;
            let line = match self.format {
                Format::Json => serde_json::to_string(it)?,
                _ => sanitise(&text(it)).into_owned(),
            };
            self.is_read &= output::print_on(&(line + "\n"))?;
        }
        Ok(())
    }
}

fn text(it: &Match) -> String {
    let fields: Vec<String> = it
        .fields
        .iter()
        .map(|(name, value)| {
            format!(
                "{name}={}",
                serde_json::to_string(value).unwrap_or_default()
            )
        })
        .collect();
    let level = it.level.as_str();
    format!(
        "{} {level:<8} {} {} [{}] {}",
        it.event_time,
        it.rule,
        it.title,
        it.source,
        fields.join(" ")
    )
}

/// Lines that are no longer than an event may be; a longer one is an error.
struct Lines(Box<dyn BufRead>);

impl Iterator for Lines {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match io::Read::take(&mut self.0, MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.len() as u64 == MAX_LINE => Some(Err(io::Error::other(format!(
                "a line is longer than {MAX_LINE} bytes"
            )))),
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    }
}

const MAX_LINE: u64 = 16 << 20;
