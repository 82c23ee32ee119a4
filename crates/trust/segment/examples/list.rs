//! What passes in the cluster that the files under a directory describe; what is not known, as errors.
//!
//! ```sh
//! cargo run --release -p casemate-segment --example list -- DIR [OTHER]
//! ```
//!
//! With OTHER, what is different there. As other programs for this, it takes for granted that pods have their
//! addresses in no block that a policy names, that policies hold pods on the network of their nodes, and that
//! what is not declared has no labels. What may pass but does not surely is behind a question mark.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to its reader"
)]

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use casemate_core::{Digest, FileSource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};
use casemate_segment::{Addresses, Analysis, Assumptions, Bounds, Connections, diff};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let analysis = analysis(&PathBuf::from(
        arguments.next().unwrap_or_else(|| ".".to_owned()),
    ))?;
    let mut lines: Vec<String> = match arguments.next() {
        Some(other) => {
            let other = self::analysis(&PathBuf::from(other))?;
            let line = |it: casemate_segment::Difference| {
                let (old, new) = (shown(&it.old), shown(&it.new));
                format!("{:?} {} => {} : {old} | {new}", it.change, it.from, it.to)
            };
            diff(&analysis, &other)
                .map_err(io::Error::other)?
                .into_iter()
                .map(line)
                .collect()
        }
        None => {
            let edges = analysis.edges().map_err(io::Error::other)?;
            edges
                .map(|it| format!("{} => {} : {}", it.from, it.to, shown(&it.connections)))
                .collect()
        }
    };
    lines.sort();
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

fn shown(it: &Bounds<Connections>) -> String {
    match it.is_exact() {
        true => it.least.to_string(),
        false => format!("{} ? {}", it.least, it.most),
    }
}

fn analysis(root: &Path) -> io::Result<Analysis> {
    let mut paths = Vec::new();
    list(root, &mut paths)?;
    paths.sort();
    let survey = PostureSurvey::new(Persona::Auditor);
    let mut readings = Vec::new();
    for path in &paths {
        let source = FileSource::new(File::open(path)?)?;
        let name: PathText = path
            .strip_prefix(root)
            .unwrap_or(path)
            .to_string_lossy()
            .as_ref()
            .into();
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        readings.extend(survey.read(&subject, &source));
    }
    let assumptions = Assumptions {
        pod_network: Some(Addresses::default()),
        holds_host_network: Some(true),
        declared_only: true,
        ..Assumptions::default()
    };
    let analysis = Analysis::of(PostureSurvey::world(readings), assumptions);
    for gap in analysis.gaps() {
        eprintln!("{}: {}", gap.origin.location(), gap.message);
    }
    Ok(analysis)
}

fn list(directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => list(&path, paths)?,
            false => paths.push(path),
        }
    }
    Ok(())
}
