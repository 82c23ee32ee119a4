//! The scorecard in the book: what is published about malicious model files, and what we say of it.
//!
//! `UPDATE_DOCS=1 cargo nextest run -p casemate-artifact --test scorecard` writes the page. It
//! refuses to write one that says less of any file than the page does now, or that leaves one out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use casemate_artifact::{Allowlist, Limits, Verdict, examine};
use casemate_core::MemorySource;
use serde::Deserialize;

#[derive(Deserialize)]
struct Tricks {
    trick: Vec<Trick>,
}

#[derive(Deserialize)]
struct Trick {
    file: String,
    technique: String,
    reference: String,
    minimum: Verdict,
}

#[derive(Deserialize)]
struct Advisories {
    advisory: Vec<Advisory>,
}

#[derive(Deserialize)]
struct Advisory {
    about: String,
    ids: Vec<String>,
    what: String,
    files: Vec<String>,
}

/// What an examination of one file says: its verdict, and the rules that stand for it.
struct Score {
    verdict: Verdict,
    rules: BTreeSet<&'static str>,
}

#[test]
fn the_scorecard_says_what_a_run_says_and_never_less_than_before() {
    let tricks: Tricks = manifest("tricks.toml");
    let advisories = advisories(&tricks);
    let scores: BTreeMap<&str, Score> = (tricks.trick.iter())
        .map(|trick| (trick.file.as_str(), score(&trick.file)))
        .collect();

    let path = root().join("docs/src/scorecard.md");
    let page = page(&tricks, &advisories, &scores);
    let before = floor(&read(&path));
    let mut fallen = String::new();
    for (file, was) in &before {
        match scores.get(file.as_str()) {
            Some(score) if score.verdict >= *was => {}
            Some(score) => fallen += &format!("{file}: was {was}, is {}\n", score.verdict),
            None => fallen += &format!("{file}: was {was}, is gone\n"),
        }
    }
    assert!(
        fallen.is_empty(),
        "the scorecard may only rise, and these fell:\n{fallen}"
    );

    let now = floor(&page);
    for trick in &tricks.trick {
        assert!(
            trick.minimum >= Verdict::Unknown,
            "{}: nothing here may be called clean",
            trick.file
        );
        assert!(
            now.get(&trick.file) >= Some(&Verdict::Unknown),
            "{} is clean, or has no row",
            trick.file
        );
    }
    assert!(now.len() > 200, "only {} files have a row", now.len());

    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).expect("written");
    }
    assert!(
        read(&path) == page,
        "the scorecard is stale: run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn every_advisory_has_a_row_and_every_row_a_file() {
    let tricks: Tricks = manifest("tricks.toml");
    let advisories = advisories(&tricks);
    let files: BTreeSet<&str> = tricks.trick.iter().map(|trick| &*trick.file).collect();
    let mut ids = BTreeSet::new();
    for advisory in &advisories {
        for file in &advisory.files {
            assert!(files.contains(&**file), "{:?} names {file}", advisory.ids);
        }
        for id in &advisory.ids {
            assert!(ids.insert(id), "{id} has two rows");
        }
    }
    assert!(advisories.len() > 90, "{}", advisories.len());
    for trick in &tricks.trick {
        let known = !is_advisory(&trick.reference) || ids.contains(&trick.reference);
        assert!(
            known,
            "{}: {} is not in advisories.py",
            trick.file, trick.reference
        );
    }
}

/// The advisories, each with the files that `advisories.py` names and those that refer to it.
fn advisories(tricks: &Tricks) -> Vec<Advisory> {
    let Advisories { mut advisory } = manifest("advisories.toml");
    for advisory in &mut advisory {
        for trick in &tricks.trick {
            if advisory.ids.contains(&trick.reference) && !advisory.files.contains(&trick.file) {
                advisory.files.push(trick.file.clone());
            }
        }
    }
    advisory
}

fn page(tricks: &Tricks, advisories: &[Advisory], scores: &BTreeMap<&str, Score>) -> String {
    let dangerous = |verdict: &Verdict| *verdict == Verdict::Dangerous;
    let of_files = scores.values().map(|score| score.verdict).filter(dangerous);
    let of_rows = (advisories.iter())
        .map(|advisory| sum(scores, &advisory.files).verdict)
        .filter(dangerous);
    let mut page = format!(
        "{HEAD}{} advisories, {} of them `dangerous` in every file that tries them. {} files, {} of \
         them `dangerous`, none clean.\n",
        advisories.len(),
        of_rows.count(),
        scores.len(),
        of_files.count(),
    );
    for about in in_order(advisories.iter().map(|advisory| &*advisory.about)) {
        write!(page, "\n## {about}\n\n{ADVISORY_COLUMNS}").expect("a string");
        for advisory in advisories {
            if advisory.about == about {
                page += &advisory_row(advisory, scores);
            }
        }
    }
    page += TECHNIQUES;
    let mut references = in_order(tricks.trick.iter().map(|trick| &*trick.reference));
    references.retain(|reference| !is_advisory(reference));
    references.sort_by_key(|reference| (reference.starts_with("CWE-"), reference.to_lowercase()));
    for reference in references {
        write!(page, "\n### {}\n\n{COLUMNS}", linked(reference)).expect("a string");
        for trick in &tricks.trick {
            if trick.reference == reference {
                page += &trick_row(trick, &scores[&*trick.file]);
            }
        }
    }
    page
}

fn advisory_row(advisory: &Advisory, scores: &BTreeMap<&str, Score>) -> String {
    let ids: Vec<String> = advisory.ids.iter().map(|id| linked(id)).collect();
    let files: Vec<String> = (advisory.files.iter())
        .map(|file| format!("`{file}`"))
        .collect();
    let sum = sum(scores, &advisory.files);
    format!(
        "| {} | {} | {} | {} | {} |\n",
        ids.join(", "),
        advisory.what,
        files.join(", "),
        sum.verdict,
        rules(&sum.rules)
    )
}

fn trick_row(trick: &Trick, score: &Score) -> String {
    format!(
        "| {} | `{}` | {} | {} |\n",
        trick.technique.replace('|', "\\|"),
        trick.file,
        score.verdict,
        rules(&score.rules)
    )
}

/// The least that is said of any of `files`, and the rules of all of them.
fn sum(scores: &BTreeMap<&str, Score>, files: &[String]) -> Score {
    let of: Vec<&Score> = files.iter().map(|file| &scores[&**file]).collect();
    Score {
        verdict: of
            .iter()
            .map(|score| score.verdict)
            .min()
            .expect("every advisory has a file"),
        rules: of
            .iter()
            .flat_map(|score| score.rules.iter().copied())
            .collect(),
    }
}

fn rules(ids: &BTreeSet<&'static str>) -> String {
    let linked: Vec<String> = ids
        .iter()
        .map(|id| format!("[{id}](rules/{id}.md)"))
        .collect();
    linked.join(", ")
}

/// A reference as a link, where it is known where it leads.
fn linked(reference: &str) -> String {
    let url = if reference.starts_with("CVE-") {
        format!("https://nvd.nist.gov/vuln/detail/{reference}")
    } else if reference.starts_with("GHSA-") {
        format!("https://github.com/advisories/{reference}")
    } else if let Some(id) = reference.strip_prefix("arXiv ") {
        format!("https://arxiv.org/abs/{id}")
    } else if let Some(number) = reference.strip_prefix("CWE-") {
        format!("https://cwe.mitre.org/data/definitions/{number}.html")
    } else {
        return reference.to_owned();
    };
    format!("[{reference}]({url})")
}

/// Whether `reference` is the number of an advisory, which has a row of its own.
fn is_advisory(reference: &str) -> bool {
    reference.starts_with("CVE-") || reference.starts_with("GHSA-")
}

/// Each of `names` once, in the order of their first appearance.
fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// What `page` says of each file: the row of a technique names one, that of an advisory the least
/// that is said of several.
fn floor(page: &str) -> BTreeMap<String, Verdict> {
    let mut floor = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [.., files, verdict, _] = cells[..] else {
            continue;
        };
        let Some(verdict) = VERDICTS.into_iter().find(|known| known.as_str() == verdict) else {
            continue;
        };
        for file in files.split(", ") {
            let least = floor
                .entry(file.trim_matches('`').to_owned())
                .or_insert(verdict);
            *least = verdict.max(*least);
        }
    }
    floor
}

fn score(file: &str) -> Score {
    let source = MemorySource(bytes(&folder().join(file)));
    let examination = examine(&source, Allowlist::builtin(), &Limits::default());
    Score {
        verdict: examination.verdict,
        rules: (examination.findings.iter())
            .filter(|found| found.verdict == examination.verdict)
            .map(|found| found.rule.id.as_str())
            .collect(),
    }
}

fn manifest<T: for<'a> Deserialize<'a>>(file: &str) -> T {
    toml::from_str(&read(&folder().join(file))).expect("a manifest")
}

fn folder() -> PathBuf {
    root().join("tests/fixtures/pickle-tricks")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn read(path: &Path) -> String {
    String::from_utf8(bytes(path)).expect("UTF-8")
}

#[expect(clippy::disallowed_methods, reason = "what is read is ours and small")]
fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const VERDICTS: [Verdict; 4] = [
    Verdict::Inert,
    Verdict::Known,
    Verdict::Unknown,
    Verdict::Dangerous,
];

const ADVISORY_COLUMNS: &str =
    "| advisory | about | our case | verdict | rule |\n|---|---|---|---|---|\n";
const COLUMNS: &str = "| technique | our case | verdict | rule |\n|---|---|---|---|\n";

const HEAD: &str = "\
# Scorecard

What has been published about malicious pickles, torch files and the containers they come in, a file of ours that tries
it, and what Casemate says of that file. The page is written by a test that examines every file
(`crates/supply/artifact/tests/scorecard.rs`), and its floor may only rise: the test fails when a file gets a better
verdict than the page gives it, or is gone.

The files are in `tests/fixtures/pickle-tricks`, put together by hand by `make.py` there; none is copied from anywhere.
Loading them is harmless: most run `true`. Advisories about a scanner describe a file that it did not recognise, so each is
a case for every scanner. Where several files try the same thing, the row gives the best verdict that any of them gets.
`unknown` is not clean: `casemate scan` ends with status 1.

";

const TECHNIQUES: &str = "
## Published techniques

What papers, loaders' own source and other scanners' tests describe, beside the advisories. CWE stands where a thing is as
old as the format.
";
