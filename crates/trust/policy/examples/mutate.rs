//! Real policies, changed at random, asked about real input, changed at random:
//! `cargo run --release -p casemate-policy --example mutate -- SEED FROM COUNT FOLDER [OUT]`,
//! where FROM is the first that is asked.
//!
//! FOLDER has policies (`.rego`) and inputs (`.json`). Says how many were loaded and what came of them;
//! what took more than a second, and what panicked inside the fence, is written to OUT. A crash of the
//! process is a crash.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the files are the hunt's own, and it tells its reader"
)]

use std::{
    collections::BTreeMap,
    error::Error,
    fs, panic,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use casemate_core::Timestamp;
use casemate_policy::{Bundle, BundleError, Engine as _, EngineError, Limits, Question, is_fenced};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, seed, from, count, folder, out @ ..] = &arguments[..] else {
        return Err("SEED FROM COUNT FOLDER [OUT]".into());
    };
    let quiet = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_fenced() {
            quiet(panic);
        }
    }));
    let (policies, inputs) = corpus(Path::new(folder))?;
    let mut random = Random(seed.parse::<u64>()? | 1);
    let mut results: BTreeMap<&str, u64> = BTreeMap::new();
    let mut longest = Duration::ZERO;
    let from = from.parse::<u64>()?;
    for number in 0..from + count.parse::<u64>()? {
        let mut policy = random.of(&policies).clone();
        for _ in 0..random.below(3) {
            mutate(&mut random, &mut policy, &policies);
        }
        let mut input = random.of(&inputs).clone();
        for _ in 0..random.below(4) {
            mutate(&mut random, &mut input, &inputs);
        }
        if number < from {
            continue;
        }
        let start = Instant::now();
        let result = ask(&policy, &input);
        let took = start.elapsed();
        longest = longest.max(took);
        *results.entry(result).or_default() += 1;
        let is_odd = took > Duration::from_secs(1) || result == "panic";
        if let (true, Some(out)) = (is_odd, out.first()) {
            let name = format!("{result}-{}ms-{seed}-{number}", took.as_millis());
            let text = format!("{policy}\n---\n{input}");
            fs::write(Path::new(out).join(name), text)?;
        }
    }
    println!(
        "seed {seed}: {results:?}, longest {} ms, peak {}",
        longest.as_millis(),
        peak().unwrap_or_default()
    );
    Ok(())
}

/// The most memory that the process ever had, where the kernel says so.
fn peak() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

fn ask(policy: &str, input: &str) -> &'static str {
    let files = vec![("a.rego".into(), policy.as_bytes().to_vec())];
    let bundle = match Bundle::alone(files) {
        Ok(bundle) => bundle.limited(Limits {
            time: Duration::from_millis(300),
            memory: 512 << 20,
        }),
        Err(BundleError::Load(EngineError::Panic(_))) => return "panic",
        Err(BundleError::Load(EngineError::Refuse(_))) => return "refused",
        Err(_) => return "no policy",
    };
    let input = serde_json::from_str(input).unwrap_or(Value::Null);
    let question = Question {
        input: &input,
        now: Timestamp::UNIX_EPOCH,
    };
    let rules: Vec<String> = bundle.rules().into_iter().map(|site| site.rule).collect();
    let mut result = "answered";
    for rule in rules.iter().take(12) {
        match bundle.eval(&[rule], &question) {
            Ok(_) => {}
            Err(EngineError::Panic(_)) => return "panic",
            Err(EngineError::Time) => result = "late",
            Err(EngineError::Memory) => result = "memory",
            Err(_) => result = "failed",
        }
    }
    result
}

fn mutate(random: &mut Random, text: &mut String, others: &[String]) {
    let mut words = split(text);
    let at = random.below(words.len() + 1);
    let to = (at + random.below(12)).min(words.len());
    let other = random.of(others).as_str();
    let other = split(other);
    let from = random.below(other.len() + 1);
    let piece = &other[from..(from + random.below(20)).min(other.len())];
    let owned = match random.below(7) {
        0 => {
            words.drain(at..to);
            words.concat()
        }
        1 => {
            let piece = words[at..to].to_vec();
            for _ in 0..=random.below(8) {
                words.splice(at..at, piece.iter().copied());
            }
            words.concat()
        }
        2 => {
            words.splice(at..at, piece.iter().copied());
            words.concat()
        }
        3 => {
            words.splice(at..to, piece.iter().copied());
            words.concat()
        }
        4 => {
            let odd = random.of(ODD);
            words.splice(at..(at + 1).min(to).max(at), [*odd]);
            words.concat()
        }
        5 => {
            let odd = random.of(ODD).repeat(1 + random.below(40));
            words.insert(at, &odd);
            words.concat()
        }
        _ => {
            let other = random.below(words.len() + 1);
            if at < words.len() && other < words.len() {
                words.swap(at, other);
            }
            words.concat()
        }
    };
    if owned.len() < MAX_LENGTH {
        *text = owned;
    }
}

/// Names, numbers and blanks whole, everything else by the character.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_same = |c: char| match first {
            _ if first.is_alphanumeric() || first == '_' => c.is_alphanumeric() || c == '_',
            _ if first.is_whitespace() => c.is_whitespace(),
            _ => false,
        };
        let end = rest.find(|c| !is_same(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end.max(first.len_utf8()));
        words.push(word);
        rest = behind;
    }
    words
}

fn corpus(folder: &Path) -> Result<(Vec<String>, Vec<String>), Box<dyn Error>> {
    let (mut policies, mut inputs) = (Vec::new(), vec!["{}".to_owned()]);
    let mut todo: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        for path in entries {
            let list = match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => {
                    todo.push(path);
                    continue;
                }
                Some("rego") => &mut policies,
                Some("json") => &mut inputs,
                _ => continue,
            };
            let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
            if text.len() < MAX_LENGTH {
                list.push(text);
            }
        }
    }
    if policies.is_empty() {
        return Err("no policies".into());
    }
    Ok((policies, inputs))
}

/// xorshift64*: the same seed, the same hunt.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % end.max(1)
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

const ODD: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "\"",
    "`",
    "$\"",
    "\\",
    "\n",
    "#",
    "é",
    "\u{0}",
    "\u{feff}",
    "😀",
    "1e999",
    "-",
    "0x",
    "99999999999999999999999999",
    "_",
    ".",
    "..",
    ":=",
    "=",
    "==",
    "|",
    "&",
    "not ",
    "some ",
    "every ",
    "with input as ",
    "else := ",
    "default ",
    "import ",
    "package ",
    "if ",
    "contains ",
    "in ",
    "input",
    "data",
    "walk(",
    "sprintf(",
    "regex.match(",
    "json.match_schema(",
    "io.jwt.decode(",
    "numbers.range(1, 100000)",
    "[x | x := ",
    "{x: y | ",
    "time.parse_ns(",
    "net.cidr_expand(",
    "array.concat(",
    "object.union(",
    "null",
    "true",
    "set()",
];

const MAX_LENGTH: usize = 20_000;
