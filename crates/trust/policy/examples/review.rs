//! How long constraints of Gatekeeper take to decide one object: `review DIR OBJECT.yaml`. The
//! templates and constraints below DIR are loaded once, those that stand twice once; then the object is
//! put to all of them, a thousand times. Prints JSON, times in microseconds: of wall time, and as `cpu` of
//! user and system time for one review. `bench/policy/speed` asks for it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example reads what it is given and talks to its reader"
)]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use casemate_core::Timestamp;
use casemate_policy::{
    Limits,
    gatekeeper::{Constraints, Inventory, Point, Resource, Review},
};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [dir, object] = arguments.as_slice() else {
        return Err("review DIR OBJECT.yaml".into());
    };
    let mut resources: Vec<Resource> = Vec::new();
    for resource in read(dir)? {
        let name = |value: &serde_json::Value| {
            let name = value.pointer("/metadata/name").cloned();
            (value.get("kind").cloned(), name)
        };
        let is_known = |known: &Resource| name(&known.value) == name(&resource.value);
        if !resources.iter().any(is_known) {
            resources.push(resource);
        }
    }
    let started = Instant::now();
    let constraints = Constraints::load(&resources, Limits::default())?;
    let load = started.elapsed();
    let object = Resource::read("object.yaml", &fs::read(object)?)?;
    let object = object.first().ok_or("no object")?;
    let (inventory, now) = (Inventory::default(), Timestamp::UNIX_EPOCH);
    let mut times = Vec::new();
    let mut found = 0;
    let before = cpu()?;
    for _ in 0..COUNT {
        let started = Instant::now();
        let review = Review::of_object(&object.value)?;
        found = constraints
            .review(&review, &inventory, Point::Shift, now)
            .len();
        times.push(started.elapsed());
    }
    let cost = (cpu()? - before) * 1e6 / COUNT as f64;
    times.sort_unstable();
    println!(
        "{}",
        json!({
            "templates": constraints.templates(),
            "constraints": constraints.constraints(),
            "violations": found,
            "reviews": COUNT,
            "load": micros(load),
            "cpu": cost.round(),
            "p50": micros(times[COUNT / 2]),
            "p99": micros(times[COUNT * 99 / 100]),
        })
    );
    Ok(())
}

/// Seconds of user and system time of all threads of this process, to a hundredth.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

fn read(dir: &Path) -> Result<Vec<Resource>, Box<dyn Error>> {
    let (mut resources, mut todo) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                todo.push(entry?.path());
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let name = path.display().to_string();
            resources.extend(Resource::read(&name, &fs::read(&path)?)?);
        }
    }
    Ok(resources)
}

const COUNT: usize = 1_000;
