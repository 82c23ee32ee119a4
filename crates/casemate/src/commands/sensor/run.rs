//! `casemate sensor run`, `casemate sensor release`.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use casemate_core::{Event, Timestamp};
use casemate_sensor::{
    Entry, Mode, Observer, Place, Policy, Protect, Record, Writer,
    live::{self, Counters, Options, Sensor, Signal, Signals},
};

use super::{check::meaning, sink::Sink, vouch::Models};
use crate::{
    cli::{
        Global,
        sensor::{Release, Run},
    },
    clock,
    config::read_bounded,
    output,
};

pub(super) fn run(global: &Global, arguments: &Run) -> Result<ExitCode> {
    let policy = policy(arguments.policy.as_deref())?;
    // Before anything is started: threads take the signals that are held back from who starts them.
    let signals = Signals::hold()?;
    let mut sink = Sink::open(&arguments.to)?;
    let mut recording = match &arguments.record {
        None => None,
        Some(path) => {
            let file = File::create_new(path);
            let file = file.with_context(|| format!("cannot record to {}", path.display()))?;
            Some(Writer::new(BufWriter::new(file))?)
        }
    };
    let is_enforcing = |it: &Protect| it.mode == Mode::Enforce;
    if arguments.enforce && !policy.protect.iter().any(is_enforcing) {
        bail!(
            "--enforce, but no block of the policy has mode = \"enforce\": nothing would be denied"
        );
    }
    let options = options(global, arguments.enforce, arguments.pin.clone())?;
    let mut sensor = Sensor::start(&policy, options, Timestamp::now())?;
    output::hint(global, meaning(sensor.tier()));
    for block in &policy.protect {
        let is_denied = arguments.enforce && is_enforcing(block);
        let does = if is_denied {
            "denied"
        } else {
            "told of, and not denied"
        };
        output::hint(
            global,
            &format!("  {}: what is not allowed is {does}", block.name),
        );
    }
    for gap in sensor.gaps() {
        output::hint(global, &format!("not as it says: {gap}"));
    }
    let mut watch = Watch {
        observer: Observer::new(Place::default()),
        events: 0,
        lost: [0; 2],
        is_enforcing: arguments.enforce,
        told: BTreeSet::new(),
    };
    for entry in sensor.begun() {
        watch.take(&entry, &mut sink, &mut recording)?;
    }
    let event = watch.observer.notice("start", &[], Timestamp::now());
    watch.tell(&mut sink, &event)?;
    let (begun, mut followed) = (Instant::now(), Instant::now());
    let end = arguments.duration.map(Duration::from_secs);
    loop {
        let mut failed = Ok(());
        sensor.wait(WAIT, Some(signals.as_fd()), &mut |entry| {
            if failed.is_ok() {
                failed = watch.take(&entry, &mut sink, &mut recording);
            }
        })?;
        failed?;
        watch.count(sensor.counters()?, &mut sink)?;
        sink.flush().or_else(|error| watch.forgive(error))?;
        let signal = signals.next()?;
        if signal == Some(Signal::End) || end.is_some_and(|it| begun.elapsed() >= it) {
            break;
        }
        if signal == Some(Signal::Again) || followed.elapsed() >= FOLLOW {
            followed = Instant::now();
            // What is protected stays so while the policy cannot be followed.
            let told = sensor
                .follow()
                .unwrap_or_else(|error| vec![format!("the policy is not followed anew: {error}")]);
            for gap in &told {
                if !watch.told.insert(gap.clone()) {
                    continue;
                }
                output::hint(global, &format!("not as it says: {gap}"));
                let event = watch.observer.gap(gap, Timestamp::now());
                watch.tell(&mut sink, &event)?;
            }
        }
    }
    let mut failed = Ok(());
    let counters = sensor.stop(&mut |entry| {
        if failed.is_ok() {
            failed = watch.take(&entry, &mut sink, &mut recording);
        }
    })?;
    failed?;
    let numbers = counters.map(|it| {
        [
            ("Seen", it.seen),
            ("Sent", it.sent),
            ("Dropped", it.dropped),
            ("Denied", it.denied),
        ]
    });
    let told = watch.observer.notice(
        "stop",
        numbers.as_ref().map_or(&[], |it| it),
        Timestamp::now(),
    );
    watch.tell(&mut sink, &told)?;
    sink.flush().or_else(|error| watch.forgive(error))?;
    if let Some(recording) = recording {
        recording.into_inner().flush().context("cannot record")?;
    }
    if let Some(counters) = counters {
        let Counters {
            seen,
            sent,
            dropped,
            denied,
            ..
        } = counters;
        let text = format!(
            "{} events; seen {seen} = sent {sent} + dropped {dropped}; denied {denied}",
            watch.events
        );
        output::hint(global, &text);
    }
    Ok(ExitCode::SUCCESS)
}

/// The policy in a file; without one, nothing is protected.
pub(super) fn policy(file: Option<&Path>) -> Result<Policy> {
    let Some(path) = file else {
        return Ok(Policy::default());
    };
    let named = || format!("{} is no policy of the sensor", path.display());
    read_bounded(path)?.parse().with_context(named)
}

pub(super) fn options(global: &Global, is_enforced: bool, pin: Option<PathBuf>) -> Result<Options> {
    Ok(Options {
        is_enforced,
        pin,
        verifier: Some(Arc::new(Models(clock::of(global)?))),
    })
}

/// What is made of what is seen.
struct Watch {
    observer: Observer,
    events: u64,
    /// Events that were dropped, and processes for which there was no room, by now.
    lost: [u64; 2],
    is_enforcing: bool,
    /// What was told already of the policy, and of events that cannot be written.
    told: BTreeSet<String>,
}

impl Watch {
    fn tell(&mut self, sink: &mut Sink, event: &Event) -> Result<()> {
        sink.write(event).or_else(|error| self.forgive(error))
    }

    /// Events that cannot be written are no reason to deny nothing any more.
    fn forgive(&mut self, error: anyhow::Error) -> Result<()> {
        let text = format!("events are lost: {error:#}");
        match self.is_enforcing {
            true if self.told.insert(text.clone()) => {
                // Nothing can be done for a standard error that cannot be written.
                let _ = writeln!(std::io::stderr(), "{text}");
                Ok(())
            }
            true => Ok(()),
            false => Err(error),
        }
    }

    fn take(
        &mut self,
        entry: &Entry,
        sink: &mut Sink,
        recording: &mut Option<Writer<BufWriter<File>>>,
    ) -> Result<()> {
        if let Entry::Record(bytes) = entry {
            let record = Record::parse(bytes)?;
            let asked = self.observer.asks_for_cgroups(&record);
            let cgroups = asked.then(|| Sensor::cgroups(record.process, record.mount_namespace));
            if let Some(cgroups) = cgroups.flatten() {
                self.put(&cgroups, sink, recording)?;
            }
        }
        self.put(entry, sink, recording)
    }

    fn put(
        &mut self,
        entry: &Entry,
        sink: &mut Sink,
        recording: &mut Option<Writer<BufWriter<File>>>,
    ) -> Result<()> {
        if let Some(recording) = recording {
            recording.write(entry).context("cannot record")?;
        }
        if let Some(event) = self.observer.take(entry, Timestamp::now())? {
            self.events += 1;
            self.tell(sink, &event)?;
        }
        Ok(())
    }

    /// What was lost is told when it is lost.
    fn count(&mut self, counters: Option<Counters>, sink: &mut Sink) -> Result<()> {
        let counters = counters.unwrap_or_default();
        let lost = [counters.dropped, counters.forgotten];
        if lost == self.lost {
            return Ok(());
        }
        let numbers = [
            ("Dropped", lost[0] - self.lost[0]),
            ("Forgotten", lost[1] - self.lost[1]),
            ("Seen", counters.seen),
        ];
        self.lost = lost;
        let event = self.observer.notice("dropped", &numbers, Timestamp::now());
        self.tell(sink, &event)
    }
}

pub(super) fn release(global: &Global, arguments: &Release) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let mut sink = Sink::open(&arguments.to)?;
    let observer = Observer::new(Place {
        node: live::node(),
        ..Place::default()
    });
    // Told first: what is let go of is not without a record.
    sink.write(&observer.notice("break-glass", &[], now))?;
    sink.flush()?;
    let count = live::release(&arguments.pin)?;
    output::hint(global, &format!("let go of what {count} sensors have kept"));
    Ok(ExitCode::SUCCESS)
}

/// Fewer events than the sensor is woken for come after so long.
const WAIT: Duration = Duration::from_millis(100);
const FOLLOW: Duration = Duration::from_secs(10);
