//! Scans files and directories, to try a detector out and to measure the engine:
//! `cargo run --release -p casemate-secrets --example scan -- PATH…`
#![allow(clippy::print_stdout)]

use std::{collections::BTreeMap, env, fs, io, path::PathBuf, time::Instant};

use casemate_container::{Magic, sniff};
use casemate_core::{FileSource, Source};
use casemate_secrets::{Detectors, Scan};

fn main() -> io::Result<()> {
    let start = Instant::now();
    let detectors = Detectors::builtin();
    println!(
        "{} detectors in {:?}",
        detectors.rules().len(),
        start.elapsed()
    );

    let mut paths: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let mut by_rule: BTreeMap<String, usize> = BTreeMap::new();
    let (mut files, mut bytes, mut found) = (0_u64, 0_u64, 0_usize);
    let start = Instant::now();
    while let Some(path) = paths.pop() {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            let entries = fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.path()));
            paths.extend(entries.collect::<io::Result<Vec<_>>>()?);
            continue;
        }
        if !kind.is_file() {
            continue;
        }
        let source = FileSource::new(fs::File::open(&path)?)?;
        if !matches!(sniff(&source)?.magic, Magic::Text(_)) {
            continue;
        }
        files += 1;
        bytes += source.len();
        let Scan { matches, cut } = detectors.scan(&source);
        found += matches.len();
        for found in matches {
            *by_rule.entry(found.rule.to_string()).or_default() += 1;
            let key = found.key.unwrap_or_default();
            let place = match found.region {
                casemate_core::Region::Text { line, column, .. } => format!("{line}:{column}"),
                casemate_core::Region::Bytes { start, .. } => start.to_string(),
            };
            println!(
                "{}:{place}: {} {key} {}",
                path.display(),
                found.rule,
                found.redacted
            );
        }
        if let Some(cut) = cut {
            println!("{}: {cut}", path.display());
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)] // a rate for people
    let rate = bytes as f64 / 1e6 / seconds;
    println!("{by_rule:?}");
    println!("{files} text files, {bytes} bytes, {found} found, {seconds:.3} s, {rate:.0} MB/s");
    Ok(())
}
