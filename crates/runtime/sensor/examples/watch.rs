//! Watches for a while, and says what was counted: for `bench/sensor`.
//!
//!     watch SECONDS [--policy FILE] [--stall MILLISECONDS]
//!
//! Events are made and thrown away. A reader that stalls sleeps before it reads again.
#![allow(clippy::print_stdout)]

use std::{
    env,
    io::Write,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use casemate_core::Timestamp;
use casemate_sensor::{
    Observer, Place, Policy,
    live::{Options, Sensor},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = env::args().skip(1);
    let seconds: u64 = words.next().ok_or("how long?")?.parse()?;
    let (mut policy, mut stall) = (Policy::default(), Duration::ZERO);
    while let Some(word) = words.next() {
        let value = words.next().ok_or("a value is missing")?;
        match word.as_str() {
            "--policy" => policy = read(&PathBuf::from(value))?.parse()?,
            "--stall" => stall = Duration::from_millis(value.parse()?),
            _ => return Err(format!("{word} is nothing").into()),
        }
    }
    let begun = Instant::now();
    let mut sensor = Sensor::start(&policy, Options::default(), Timestamp::now())?;
    let mut observer = Observer::new(Place::default());
    for entry in sensor.begun() {
        observer.take(&entry, Timestamp::now())?;
    }
    println!(
        "{{\"started_seconds\":{:.3}}}",
        begun.elapsed().as_secs_f64()
    );
    std::io::stdout().flush()?;
    let (begun, mut events) = (Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(stall);
        let now = Timestamp::now();
        sensor.wait(Duration::from_millis(100), None, &mut |entry| {
            events += u64::from(observer.take(&entry, now).is_ok_and(|it| it.is_some()));
        })?;
    }
    let counters = sensor.stop(&mut |entry| {
        events += u64::from(
            observer
                .take(&entry, Timestamp::now())
                .is_ok_and(|it| it.is_some()),
        );
    })?;
    let counters = counters.unwrap_or_default();
    println!(
        "{{\"events\":{events},\"seen\":{},\"sent\":{},\"dropped\":{}}}",
        counters.seen, counters.sent, counters.dropped
    );
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "whoever measures wrote it")]
fn read(path: &PathBuf) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
