//! How long a cluster takes, in milliseconds: to read its files, to decide the relation, to look at each pair of
//! it, and to answer one question without it. As `bench/segment/scale` asks.
//!
//! ```sh
//! cargo run --release -p casemate-segment --example scale -- DIR
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::{
    env,
    fs::{self, File},
    io,
    path::Path,
    time::Instant,
};

use casemate_core::{Digest, FileSource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, World, check::Persona};
use casemate_segment::{Analysis, Assumptions};

fn main() -> io::Result<()> {
    let directory = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let (world, read) = timed(|| world(Path::new(&directory)));
    let world = world?;
    let (analysis, modelled) = timed(|| Analysis::of(&world, Assumptions::default()));

    // Before the relation is there: a question does not need it.
    let count = analysis.cluster().workloads.len();
    let questions = (0..QUESTIONS).map(|at| (at * 37 % count, at * 61 % count));
    let (steps, asked) = timed(|| {
        let proofs = questions.map(|(from, to)| analysis.prove(from, to));
        proofs
            .map(|it| it.egress.steps.len() + it.ingress.steps.len())
            .sum::<usize>()
    });

    let (classes, related) = timed(|| analysis.classes());
    let (endpoints, classes) = classes.map_err(io::Error::other)?;
    let (open, walked) = timed(|| {
        let pairs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
        pairs
            .filter(|(from, to)| {
                analysis
                    .between(*from, *to)
                    .is_ok_and(|it| !it.most.is_empty())
            })
            .count()
    });
    let question = asked / f64::from(u32::try_from(QUESTIONS).expect("few"));
    println!(
        "{{\"read_ms\": {read:.1}, \"model_ms\": {modelled:.1}, \"relation_ms\": {related:.1}, \"pairs_ms\": {walked:.1}, \
         \"question_ms\": {question:.3}, \"workloads\": {count}, \"policies\": {}, \"endpoints\": {endpoints}, \
         \"classes\": {classes}, \"open_pairs\": {open}, \"steps\": {steps}}}",
        analysis.policies().len()
    );
    Ok(())
}

const QUESTIONS: usize = 100;

fn timed<T>(f: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let value = f();
    (value, start.elapsed().as_secs_f64() * 1e3)
}

fn world(directory: &Path) -> io::Result<World> {
    let survey = PostureSurvey::new(Persona::Auditor);
    let mut readings = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let source = FileSource::new(File::open(&path)?)?;
        let name: PathText = path
            .strip_prefix(directory)
            .unwrap_or(&path)
            .to_string_lossy()
            .as_ref()
            .into();
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        readings.extend(survey.read(&subject, &source));
    }
    Ok(PostureSurvey::world(readings))
}
