//! A sensor over a folder of its own, one at a time.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use casemate_core::{Event, Field, Timestamp};
use casemate_sensor::{
    Observer, Place, Policy,
    live::{Options, Sensor, Tier, Verifier, Vouched},
};
use tempfile::TempDir;

/// Vouches for one file.
struct One(PathBuf);

impl Verifier for One {
    fn signed(&self, _: &Path, _: &Path) -> Vouched {
        Vouched {
            files: vec![self.0.clone()],
            notes: Vec::new(),
        }
    }
}

/// A folder `models` with a file of weights in it, and a program `server` that may open them.
pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    sensor: Option<Sensor>,
    observer: Observer,
    /// What was seen by now.
    pub(crate) events: Vec<Event>,
    // Others wait until it is closed: two sensors would tell each other's stories.
    _turn: File,
}

impl Rig {
    pub(crate) fn new(block: &str, is_enforced: bool) -> Self {
        let turn = File::create(std::env::temp_dir().join("casemate-sensor-test")).expect("a file");
        turn.lock().expect("locked");
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("models")).expect("made");
        fs::write(at("models/weights.gguf"), vec![7; 4 << 20]).expect("written");
        fs::write(at("models/other.gguf"), "other").expect("written");
        fs::copy("/bin/cat", at("server")).expect("copied");
        fs::set_permissions(at("server"), Permissions::from_mode(0o755)).expect("set");
        let text = format!(
            "[[protect]]\nname = 'weights'\npaths = ['{0}/models']\nallow = ['{0}/server']\n{block}",
            folder.path().display()
        );
        let policy: Policy = text.parse().expect("a policy");
        let options = Options {
            is_enforced,
            verifier: Some(Arc::new(One(folder.path().join("models/weights.gguf")))),
            ..Options::default()
        };
        let now = Timestamp::now();
        let mut sensor =
            Sensor::start(&policy, options, now).expect("root, and a kernel with types");
        assert!(sensor.tier() <= Tier::Trace, "{:?}", sensor.tier());
        let mut observer = Observer::new(Place {
            node: String::new(),
            started: now,
            blocks: Vec::new(),
        });
        for entry in sensor.begun() {
            observer.take(&entry, now).expect("an entry");
        }
        Self {
            folder,
            sensor: Some(sensor),
            observer,
            events: Vec::new(),
            _turn: turn,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program, and says what came of it.
    pub(crate) fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Output {
        let command = Command::new(program.as_ref()).args(arguments).output();
        command.expect("it starts")
    }

    /// The first event that a claim holds of; there is a failure where none comes.
    pub(crate) fn seen(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        let start = Instant::now();
        loop {
            if let Some(event) = self.events.iter().find(|it| is_it(it)) {
                return event.clone();
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "it is not seen; what is: {:#?}",
                self.events
            );
            self.wait();
        }
    }

    pub(crate) fn wait(&mut self) {
        let sensor = self.sensor.as_mut().expect("it runs");
        let (observer, events) = (&mut self.observer, &mut self.events);
        let now = Timestamp::now();
        sensor
            .wait(Duration::from_millis(50), None, &mut |entry| {
                events.extend(observer.take(&entry, now).expect("an entry"));
            })
            .expect("it waits");
    }

    pub(crate) fn sensor(&self) -> &Sensor {
        self.sensor.as_ref().expect("it runs")
    }

    pub(crate) fn stop(mut self) {
        self.sensor
            .take()
            .expect("it runs")
            .stop(&mut |_| ())
            .expect("it stops");
    }
}

pub(crate) fn category(event: &Event) -> &str {
    event.log_source.category.as_deref().unwrap_or_default()
}

pub(crate) fn text<'a>(event: &'a Event, name: &str) -> &'a str {
    match event.fields.get(name) {
        Some(Field::Text(it)) => it,
        _ => "",
    }
}
