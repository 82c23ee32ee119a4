//! What a decision costs: `cargo run --release -p casemate-policy --example decisions -- POLICY INPUT COPIES`.
//! The policy is of package `admission`, and is loaded as often as is said, in a package for each copy;
//! a decision is what `deny` is in all of them.
//! Prints JSON, times in microseconds: of wall time, and as `cpu` of user and system time for one
//! decision. `bench/policy/speed` puts OPA beside it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the files are the measurement's own, and it tells its reader"
)]

use std::{
    error::Error,
    fs, thread,
    time::{Duration, Instant},
};

use casemate_core::Timestamp;
use casemate_policy::{Bundle, Engine as _, Question};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, policy, input, copies] = &arguments[..] else {
        return Err("POLICY INPUT COPIES".into());
    };
    let source = fs::read_to_string(policy)?;
    let text = fs::read_to_string(input)?;
    let copies: usize = copies.parse()?;
    let file = |copy| {
        let source = source.replacen("package admission", &format!("package admission{copy}"), 1);
        (format!("{copy}.rego").as_str().into(), source.into_bytes())
    };
    let rules: Vec<String> = (0..copies)
        .map(|copy| format!("data.admission{copy}.deny"))
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let load = Instant::now();
    let bundle = Bundle::alone((0..copies).map(file).collect())?;
    let load = load.elapsed();
    let now = "2026-09-01T12:00:00Z".parse()?;
    let decide = || decide(&bundle, &text, &rules, now);
    let answer = decide()?;
    let count = (4_000 / copies).max(100);
    let before = cpu()?;
    let alone = times(count, decide)?;
    let cost = (cpu()? - before) * 1e6 / count as f64;
    let together = many(count, decide)?;
    println!(
        "{}",
        json!({
            "copies": copies,
            "load": micros(load),
            "bytes": text.len(),
            "denials": answer.iter().filter_map(Value::as_array).map(Vec::len).sum::<usize>(),
            "answer": answer[0],
            "one_thread": {
                "decisions": count,
                "cpu": cost.round(),
                "p50": at(&alone, 50),
                "p99": at(&alone, 99),
            },
            "threads": together,
        })
    );
    Ok(())
}

/// From the text of the input to the values of the rules.
fn decide(bundle: &Bundle, text: &str, rules: &[&str], now: Timestamp) -> Decided {
    let input = serde_json::from_str(text)?;
    let question = Question { input: &input, now };
    let values = bundle.eval(rules, &question)?;
    let values: Option<Vec<Value>> = values.into_iter().collect();
    Ok(values.ok_or("undefined")?)
}

type Decided = Result<Vec<Value>, Box<dyn Error + Send + Sync>>;

fn times(
    count: usize,
    decide: impl Fn() -> Decided,
) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        decide()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// As many threads as there are cores, each with one decision after the other.
fn many(
    count: usize,
    decide: impl Fn() -> Decided + Sync,
) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let threads = thread::available_parallelism()?.get();
    let start = Instant::now();
    let mut all = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| times(count, &decide)))
            .collect();
        let mut all = Vec::new();
        for thread in running {
            all.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(all)
    })?;
    let wall = start.elapsed().as_secs_f64();
    all.sort_unstable();
    Ok(json!({
        "threads": threads,
        "decisions": all.len(),
        "per_second": (all.len() as f64 / wall).round(),
        "p50": at(&all, 50),
        "p99": at(&all, 99),
    }))
}

/// Seconds of user and system time of all threads of this process, to a hundredth.
fn cpu() -> Result<f64, Box<dyn Error + Send + Sync>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn at(sorted: &[Duration], percent: usize) -> Value {
    let at = sorted.len() * percent / 100;
    sorted
        .get(at.min(sorted.len() - 1))
        .map(|time| micros(*time))
        .into()
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}
