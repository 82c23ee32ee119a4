//! How long a policy of Gatekeeper takes to decide one object: `review DIR OBJECT.yaml`. The
//! templates and constraints below DIR are loaded once, those that stand twice once; then the object is
//! put to all of them, a thousand times.
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
    time::Instant,
};

use casemate_core::Timestamp;
use casemate_policy::{
    Limits,
    gatekeeper::{Constraints, Inventory, Point, Resource, Review},
};

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
    println!(
        "{} templates and {} constraints: loaded in {:?}",
        constraints.templates(),
        constraints.constraints(),
        started.elapsed()
    );
    let object = Resource::read("object.yaml", &fs::read(object)?)?;
    let object = object.first().ok_or("no object")?;
    let (inventory, now) = (Inventory::default(), Timestamp::UNIX_EPOCH);
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..1_000 {
        let started = Instant::now();
        let review = Review::of_object(&object.value)?;
        found = constraints
            .review(&review, &inventory, Point::Shift, now)
            .len();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    println!(
        "{found} violations; median {:?}, p99 {:?}",
        times[500], times[990]
    );
    Ok(())
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
