//! How long a cluster takes, in milliseconds of one processor: to read its files, to decide the relation, to look at each pair of
//! it, to answer one question without it, to read who may become whom, and to look for a way from the first workload to the last
//! account. As `bench/segment/scale` asks.
//!
//! ```sh
//! cargo run --release -p casemate-segment --example scale -- DIR
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]
#![expect(clippy::disallowed_methods, reason = "what the kernel tells is short")]

use std::{
    env,
    fs::{self, File},
    io,
    path::Path,
    time::Instant,
};

use casemate_core::{Digest, FileSource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, World, check::Persona};
use casemate_segment::{Analysis, Assumptions, identity::Goal};

fn main() -> io::Result<()> {
    let directory = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let (world, read) = timed(|| world(Path::new(&directory)));
    let world = world?;
    let (analysis, modelled) = timed(|| Analysis::of(world, Assumptions::default()));

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
    let (accounts, identified) = timed(|| analysis.identities().accounts().len());
    let goals: Vec<Goal> = accounts
        .checked_sub(1)
        .map(Goal::Account)
        .into_iter()
        .collect();
    let (way, searched) = timed(|| analysis.way(&[0], &goals).map(|it| it.len()));
    let way = way.map_err(io::Error::other)?;
    let question = asked / f64::from(u32::try_from(QUESTIONS).expect("few"));
    println!(
        "{{\"read_ms\": {read:.1}, \"model_ms\": {modelled:.1}, \"relation_ms\": {related:.1}, \"pairs_ms\": {walked:.1}, \
         \"question_ms\": {question:.3}, \"identities_ms\": {identified:.1}, \"way_ms\": {searched:.1}, \"hops\": {way}, \"accounts\": {accounts}, \"workloads\": {count}, \"policies\": {}, \"endpoints\": {endpoints}, \
         \"classes\": {classes}, \"open_pairs\": {open}, \"steps\": {steps}}}",
        analysis.policies().len()
    );
    Ok(())
}

const QUESTIONS: usize = 100;

/// What `f` gives, and its milliseconds: of the processor, where Linux tells them, so that what else a machine does
/// counts less.
fn timed<T>(f: impl FnOnce() -> T) -> (T, f64) {
    let start = (Instant::now(), on_processor());
    let value = f();
    let elapsed = match (start.1, on_processor()) {
        (Some(before), Some(after)) => after - before,
        _ => start.0.elapsed().as_secs_f64(),
    };
    (value, elapsed * 1e3)
}

/// The seconds that this thread was on a processor.
fn on_processor() -> Option<f64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
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
