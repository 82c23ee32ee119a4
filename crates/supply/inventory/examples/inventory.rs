//! Prints how many files of each kind a tree holds: `cargo run --release -p casemate-inventory
//! --example inventory -- PATH`. Without checks, so that its time is the walk's own.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{env, error::Error, path::PathBuf};

use casemate_inventory::{Judges, Options, assess};

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::args_os()
        .nth(1)
        .map_or_else(|| ".".into(), PathBuf::from);
    let inventory = assess(&root, &Options::default(), &Judges::default(), &())?;
    for (kind, tally) in &inventory.kinds {
        println!(
            "{kind:16} {:>9} files {:>14} bytes",
            tally.files, tally.bytes
        );
    }
    for population in &inventory.populations {
        println!(
            "{} {}: {} {}",
            population.key.check,
            population.key.result.as_str(),
            population.count,
            population.root
        );
    }
    for outcome in &inventory.outcomes {
        println!(
            "{}: {}",
            outcome.name,
            outcome.reason.as_deref().unwrap_or_default()
        );
    }
    Ok(())
}
