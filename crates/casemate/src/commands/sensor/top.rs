//! `casemate sensor top`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::IsTerminal,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use casemate_core::{Event, Field, Timestamp};
use casemate_sensor::{
    Observer, Place,
    live::{Sensor, Signals},
};

use super::run::{options, policy};
use crate::{
    cli::{Global, sensor::Top},
    output,
};

pub(super) fn run(global: &Global, arguments: &Top) -> Result<ExitCode> {
    let policy = policy(arguments.policy.as_deref())?;
    let signals = Signals::hold()?;
    let mut sensor = Sensor::start(&policy, options(global, false, None)?, Timestamp::now())?;
    let mut observer = Observer::new(Place::default());
    for entry in sensor.begun() {
        observer.take(&entry, Timestamp::now())?;
    }
    let is_terminal = std::io::stdout().is_terminal();
    let end = arguments.duration.map(Duration::from_secs);
    let (begun, mut drawn) = (Instant::now(), Instant::now());
    let mut view = View::default();
    loop {
        let mut failed = Ok(());
        sensor.wait(
            Duration::from_millis(100),
            Some(signals.as_fd()),
            &mut |entry| match observer.take(&entry, Timestamp::now()) {
                Ok(event) => event.iter().for_each(|it| view.take(it)),
                Err(error) => failed = Err(error),
            },
        )?;
        failed?;
        let is_over = signals.next()?.is_some() || end.is_some_and(|it| begun.elapsed() >= it);
        if is_terminal && drawn.elapsed() >= Duration::from_secs(1) {
            drawn = Instant::now();
            let size = terminal_size::terminal_size();
            let (columns, rows) = size.map_or((100, 40), |(it, that)| (it.0.into(), that.0.into()));
            // From the upper left corner on, over what is there.
            output::print("\x1b[H\x1b[J")?;
            output::print_lines(&view.text(columns, rows))?;
        }
        if is_over {
            break;
        }
    }
    if !is_terminal {
        output::print_lines(&view.text(usize::MAX, usize::MAX))?;
    }
    sensor.stop(&mut |_| ())?;
    Ok(ExitCode::SUCCESS)
}

/// Who touched models and devices, and whom they called.
#[derive(Debug, Default)]
struct View(BTreeMap<i64, Seen>);

#[derive(Debug, Default)]
struct Seen {
    image: String,
    container: String,
    opened: u64,
    denied: u64,
    bytes: i64,
    devices: BTreeSet<String>,
    peers: BTreeSet<String>,
    has_touched: bool,
    is_over: bool,
}

impl View {
    fn take(&mut self, event: &Event) {
        let Some(Field::Integer(process)) = event.fields.get("ProcessId") else {
            return;
        };
        let category = event.log_source.category.as_deref().unwrap_or_default();
        let is_begun = self.0.contains_key(process);
        // Whoever only starts and ends is not kept.
        if !is_begun && (self.0.len() >= MAX_KEPT || !BEGIN.contains(&category)) {
            return;
        }
        let seen = self.0.entry(*process).or_default();
        // Its number was given to another process.
        if seen.is_over {
            *seen = Seen::default();
        }
        let of = |name: &str| text(event, name);
        if let Some(image) = of("Image") {
            seen.image = image;
        }
        if let Some(container) = of("ContainerId") {
            seen.container = container.chars().take(12).collect();
        }
        seen.denied += u64::from(of("Action").as_deref() == Some("denied"));
        match category {
            "file_access" => {
                seen.opened += 1;
                seen.has_touched = true;
            }
            "file_read" => seen.bytes = seen.bytes.max(number(event, "Bytes")),
            "process_termination" => {
                seen.bytes = seen.bytes.max(number(event, "WeightsBytes"));
                seen.is_over = true;
            }
            "device_access" => {
                seen.devices.extend(of("DeviceClass"));
                seen.has_touched = true;
            }
            "network_connection" if seen.peers.len() < MAX_PEERS => {
                let peer = of("DestinationIp")
                    .map(|it| format!("{it}:{}", number(event, "DestinationPort")));
                seen.peers.extend(peer);
            }
            _ => {}
        }
        if seen.is_over && !seen.has_touched {
            self.0.remove(process);
        }
    }

    /// The rows that fit, those that read most first.
    fn text(&self, columns: usize, rows: usize) -> String {
        let mut text = format!(
            "{:>8} {:<12} {:>10} {:>6} {:>6} {:<8} {:<30} PEERS\n",
            "PID", "CONTAINER", "WEIGHTS", "OPENS", "DENIED", "DEVICES", "IMAGE"
        );
        let mut shown: Vec<_> = self.0.iter().filter(|(_, it)| it.has_touched).collect();
        shown.sort_by_key(|(_, it)| {
            (
                it.is_over,
                std::cmp::Reverse((it.bytes, it.denied, it.opened)),
            )
        });
        for (process, it) in shown.into_iter().take(rows.saturating_sub(2)) {
            let join = |all: &BTreeSet<String>| {
                all.iter().map(String::as_str).collect::<Vec<_>>().join(",")
            };
            let end = if it.is_over { "†" } else { "" };
            let line = format!(
                "{process:>7}{end:<1} {:<12} {:>10} {:>6} {:>6} {:<8} {:<30} {}",
                it.container,
                size(it.bytes),
                it.opened,
                it.denied,
                join(&it.devices),
                it.image,
                join(&it.peers)
            );
            let line: String = line.chars().take(columns).collect();
            // A text that is written cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

fn text(event: &Event, name: &str) -> Option<String> {
    match event.fields.get(name) {
        Some(Field::Text(it)) => Some(it.clone()),
        _ => None,
    }
}

fn number(event: &Event, name: &str) -> i64 {
    match event.fields.get(name) {
        Some(Field::Integer(it)) => *it,
        _ => 0,
    }
}

/// Bytes for people: `3.0 MiB`.
fn size(bytes: i64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut rest, mut unit) = (bytes, 0);
    let mut tenths = 0;
    while rest >= 1024 && unit + 1 < units.len() {
        tenths = rest % 1024 * 10 / 1024;
        (rest, unit) = (rest / 1024, unit + 1);
    }
    match unit {
        0 => format!("{rest} B"),
        _ => format!("{rest}.{tenths} {}", units[unit]),
    }
}

/// What makes a process worth a row, or may.
const BEGIN: &[&str] = &[
    "file_access",
    "device_access",
    "network_connection",
    "file_event",
];
const MAX_KEPT: usize = 10_000;
const MAX_PEERS: usize = 4;

#[cfg(test)]
mod tests {
    use casemate_core::LogSource;

    use super::*;

    fn event(category: &str, process: i64, fields: &[(&str, Field)]) -> Event {
        let log_source = LogSource {
            category: Some(category.to_owned()),
            ..LogSource::default()
        };
        let own = [
            ("ProcessId", Field::Integer(process)),
            ("Image", Field::from("/opt/server")),
        ];
        let fields = own
            .iter()
            .chain(fields)
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let now = Timestamp::UNIX_EPOCH;
        Event::new(now, now, "node", log_source, Vec::new(), fields.collect())
    }

    #[test]
    fn who_reads_most_stands_first_and_who_touched_nothing_not_at_all() {
        let mut view = View::default();
        view.take(&event(
            "file_access",
            7,
            &[("Action", Field::from("allowed"))],
        ));
        view.take(&event(
            "file_read",
            7,
            &[("Bytes", Field::Integer(3 << 20))],
        ));
        view.take(&event(
            "file_access",
            8,
            &[("Action", Field::from("denied"))],
        ));
        view.take(&event(
            "device_access",
            9,
            &[("DeviceClass", Field::from("gpu"))],
        ));
        view.take(&event(
            "network_connection",
            9,
            &[
                ("DestinationIp", Field::from("192.0.2.1")),
                ("DestinationPort", Field::Integer(443)),
            ],
        ));
        view.take(&event("process_creation", 10, &[]));
        view.take(&event("network_connection", 11, &[]));
        view.take(&event("process_termination", 11, &[]));
        view.take(&event(
            "process_termination",
            8,
            &[("WeightsBytes", Field::Integer(0))],
        ));
        let text = view.text(usize::MAX, usize::MAX);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[1].contains("      7 ") && lines[1].contains("3.0 MiB"),
            "{text}"
        );
        assert!(
            lines[2].contains("gpu") && lines[2].contains("192.0.2.1:443"),
            "{text}"
        );
        assert!(lines[3].contains("8†"), "{text}");
        assert_eq!(view.text(10, 3).lines().count(), 2);
    }
}
