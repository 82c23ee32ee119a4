//! The inventory of a tree: what is there, and what every check says of it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use casemate_core::{
    Asset, AssetId, AssetKind, Check, Class, Classify, Coverage, Digest, Finding, MemorySource,
    Outcome, PathText, Population, Populations, Reading, Source, Status, Subject, Survey,
};
use rayon::prelude::*;

use crate::{
    Entry, EntryKind, InventoryError, Listing, Options, Progress, Unreadable, classify,
    read::Content,
    rules::{CHECK, CHECK_FAILED, VERSION},
    sweep::{Hashing, in_order, sweep},
    walk,
};

/// What is in a tree, and what was said of it.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// How many regular files there are.
    pub files: u64,
    /// How many bytes they had when they were listed.
    pub bytes: u64,
    /// How many files of each kind there are, and their bytes.
    pub kinds: BTreeMap<AssetKind, Tally>,
    /// Every file that is of a kind, and every entry of which some check says other than that all
    /// is well; by path.
    pub assets: Vec<Asset>,
    /// Every outcome but those that only say that all is well with what is not a model: by path,
    /// the inventory's own first and then by check. The others are in `populations` alone.
    pub outcomes: Vec<Outcome>,
    /// All outcomes, folded. The leaves of each are ordered by the subjects' names.
    pub populations: Vec<Population>,
    /// What was left out because the options say so.
    pub skipped: Vec<PathText>,
}

/// How many, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What judges the files of a tree.
#[derive(Clone, Copy, Default)]
pub struct Judges<'a> {
    /// They say what a file is: the first that knows it, and our own last.
    pub classifiers: &'a [&'a dyn Classify],
    /// They judge one file at a time.
    pub checks: &'a [&'a dyn Check],
    /// They judge files together, once all are read.
    pub surveys: &'a [&'a dyn Survey],
}

/// Something that was read elsewhere than in a tree, and is judged as a file is.
#[derive(Clone, Debug)]
pub struct Given {
    /// What it is and how to speak of it, with the digest of its bytes.
    pub subject: Subject,
    /// It.
    pub bytes: Vec<u8>,
}

/// Walks `root` and puts every regular file before `judges`. For each entry there is also an outcome of the check
/// [`CHECK`](crate::CHECK): a file that was read to its end passes it.
///
/// Judges are fenced: one that panics costs the judgement of that file, or of those that it judges
/// together, and not the run. (The panic's message goes where the program's panic hook sends it.)
///
/// # Errors
///
/// [`InventoryError`] where `root` cannot be looked up, or the threads not be started.
pub fn assess(
    root: &Path,
    options: &Options,
    judges: &Judges<'_>,
    progress: &dyn Progress,
) -> Result<Inventory, InventoryError> {
    assess_with(Some(root), &[], options, judges, progress)
}

/// As [`assess`], and puts what is given before `judges` as well. It is judged together, and apart from
/// the tree: that a cluster has an object does not change what files declare. Without a `root`, there is
/// nothing else.
///
/// # Errors
///
/// As [`assess`].
pub fn assess_with(
    root: Option<&Path>,
    given: &[Given],
    options: &Options,
    judges: &Judges<'_>,
    progress: &dyn Progress,
) -> Result<Inventory, InventoryError> {
    let assessor = Assessor { options, judges };
    let mut inventory = Inventory::default();
    let mut whole = Gathered::default();
    let mut entries = 0;
    if let Some(root) = root {
        let listing = walk(root, options, progress)?;
        whole = assessor.tree(&listing, progress)?;
        whole.survey(judges.surveys);
        entries = listing.len();
        inventory.files = listing.files();
        inventory.bytes = listing.bytes();
        inventory.skipped = listing.skipped().to_vec();
    }
    // Surveys are not asked about nothing once more.
    if !given.is_empty() {
        let judged: Vec<Judged> = options
            .pool()?
            .install(|| given.par_iter().map(|it| assessor.given(it)).collect());
        for (at, judged) in judged.into_iter().enumerate() {
            inventory.files += 1;
            inventory.bytes = inventory
                .bytes
                .saturating_add(judged.len.unwrap_or_default());
            whole.accept(entries + at, judged);
        }
        whole.survey(judges.surveys);
    }
    Ok(Inventory {
        kinds: whole.kinds,
        assets: in_order(whole.assets),
        outcomes: in_order(whole.outcomes),
        populations: whole.populations.finish(),
        ..inventory
    })
}

struct Assessor<'a> {
    options: &'a Options,
    judges: &'a Judges<'a>,
}

/// What is said of one entry: the inventory's own outcome first.
struct Judged {
    asset: Asset,
    /// The length of a regular file that was read.
    len: Option<u64>,
    outcomes: Vec<Outcome>,
    readings: Vec<Read>,
}

/// What a survey keeps of a file, until all are read.
struct Read {
    /// Its place among the surveys.
    survey: usize,
    subject: Subject,
    reading: Reading,
}

impl Assessor<'_> {
    /// What is said of every entry of a tree.
    fn tree(&self, listing: &Listing, progress: &dyn Progress) -> Result<Gathered, InventoryError> {
        if let Some(entry) = listing.entries().find(|entry| {
            entry.root && !matches!(entry.kind, EntryKind::File | EntryKind::Directory)
        }) {
            let error = std::io::Error::other(format!("it is {}", entry.kind));
            return Err(InventoryError::Root {
                path: entry.file,
                error,
            });
        }
        let visit = |gathered: &mut Gathered,
                     index,
                     entry: Entry,
                     content: Result<Content<'_>, Unreadable>| {
            gathered.accept(index, self.judge(&entry, content));
        };
        let hashing = Hashing {
            short: true,
            long: &|entry, source| self.options.hash || !self.is_pack(entry, source),
        };
        let parts: Vec<Gathered> = sweep(listing, self.options, &hashing, progress, &visit)?;
        let mut whole = Gathered::default();
        for part in parts {
            whole.merge(part);
        }
        Ok(whole)
    }

    fn judge(&self, entry: &Entry, content: Result<Content<'_>, Unreadable>) -> Judged {
        let content = match content {
            Ok(content) => content,
            Err(Unreadable::Special(kind)) => return self.special(entry, kind),
            Err(error) => return self.unreadable(entry, &error),
        };
        let source: &dyn Source = &content;
        let mut failures = Vec::new();
        let class = self.class(entry, source, &mut failures);
        let subject = self.subject(entry, &class, content.digest, Some(source.len()));
        let (outcomes, readings) = self.ask(&subject, source, content.digest, &failures, &|| {
            content.changed()
        });
        Judged {
            asset: subject.asset,
            len: Some(entry.len),
            outcomes,
            readings,
        }
    }

    /// What is said of what is in memory.
    fn given(&self, given: &Given) -> Judged {
        let Given { subject, bytes } = given;
        let source = MemorySource(bytes.as_slice());
        let digest = Some(subject.digest);
        let (outcomes, readings) = self.ask(subject, &source, digest, &[], &|| false);
        Judged {
            asset: subject.asset.clone(),
            len: Some(bytes.len() as u64),
            outcomes,
            readings,
        }
    }

    /// Puts a subject before every judge. `failures` are those of classifiers, and `changed` says whether
    /// the bytes did not hold still.
    fn ask(
        &self,
        subject: &Subject,
        source: &dyn Source,
        digest: Option<Digest>,
        failures: &[String],
        changed: &dyn Fn() -> bool,
    ) -> (Vec<Outcome>, Vec<Read>) {
        let mut outcomes = Vec::with_capacity(self.judges.checks.len() + 1);
        outcomes.push(read(subject, digest));
        for check in self.judges.checks {
            let call = AssertUnwindSafe(|| check.check(subject, source));
            match catch_unwind(call) {
                Ok(outcome) => outcomes.extend(outcome),
                Err(_) => outcomes.push(failed(subject, check.name(), check.version())),
            }
        }
        let mut readings = Vec::new();
        for (at, survey) in self.judges.surveys.iter().enumerate() {
            let call = AssertUnwindSafe(|| survey.read(subject, source));
            match catch_unwind(call) {
                // What did not hold still is not judged.
                Ok(Some(_)) if changed() => outcomes.push(named(
                    outcome(subject, None, Status::Undetermined),
                    survey.name(),
                    survey.version(),
                )),
                Ok(Some(reading)) => readings.push(Read {
                    survey: at,
                    subject: subject.clone(),
                    reading,
                }),
                Ok(None) => {}
                Err(_) => outcomes.push(failed(subject, survey.name(), survey.version())),
            }
        }
        if digest.is_none() {
            outcomes.iter_mut().for_each(|outcome| outcome.input = None);
        }
        outcomes[1..].sort_by(|a, b| (&a.check, &a.version).cmp(&(&b.check, &b.version)));
        if let Some(classifier) = failures.first() {
            let finding =
                subject.finding(CHECK_FAILED, Vec::new(), None, "classify", &**classifier);
            let own = &mut outcomes[0];
            own.result = Status::Error;
            own.coverage = Coverage::Partial;
            own.reason = Some(classifier.clone());
            own.findings.push(finding);
        }
        if changed() {
            take_back(subject, &mut outcomes);
        }
        (outcomes, readings)
    }

    /// Whether a file is a long git pack, and nothing that somebody could load as a model.
    fn is_pack(&self, entry: &Entry, source: &dyn Source) -> bool {
        let begins = || source.read_vec(0, 4).is_ok_and(|start| start == b"PACK");
        // Not what fits into a thread's buffer: the result must not depend on how many there are.
        let is_long = source.len() > self.options.buffer as u64;
        is_long
            && begins()
            && self.class(entry, source, &mut Vec::new()).kind == AssetKind::VersionControl
    }

    fn class(&self, entry: &Entry, source: &dyn Source, failures: &mut Vec<String>) -> Class {
        let own: &dyn Classify = &classify::ByContent;
        for (at, classifier) in self.judges.classifiers.iter().chain([&own]).enumerate() {
            let call = AssertUnwindSafe(|| classifier.classify(&entry.path, source));
            match catch_unwind(call) {
                Ok(Some(class)) => return class,
                Ok(None) => {}
                Err(_) => failures.push(format!("classifier {} failed on this file", at + 1)),
            }
        }
        classify::UNKNOWN
    }

    /// `digest` and `len` are there where the file was read.
    fn subject(
        &self,
        entry: &Entry,
        class: &Class,
        digest: Option<Digest>,
        len: Option<u64>,
    ) -> Subject {
        let id = match digest {
            Some(digest) if class.kind == AssetKind::Model => AssetId::Artifact { digest },
            _ => AssetId::File {
                repository: self.options.repository.clone(),
                path: entry.path.clone(),
            },
        };
        let mut labels = BTreeMap::from([("format".to_owned(), class.format.to_owned())]);
        let sha256 = digest.map(|digest| ("sha256".to_owned(), digest.hex()));
        labels.extend(sha256);
        labels.extend(len.map(|len| ("size".to_owned(), len.to_string())));
        Subject {
            asset: Asset {
                id,
                kind: class.kind,
                name: entry.file.as_str().to_owned(),
                labels,
            },
            file: entry.file.clone(),
            path: entry.path.clone(),
            digest: digest.unwrap_or_else(|| Digest::of(b"")),
        }
    }

    /// An entry that is nothing to read.
    fn special(&self, entry: &Entry, kind: EntryKind) -> Judged {
        let class = Class {
            kind: AssetKind::Other,
            format: kind.format(),
        };
        let subject = self.subject(entry, &class, None, None);
        let mut outcome = outcome(&subject, None, Status::NotApplicable);
        outcome.reason = Some(match kind {
            EntryKind::Symlink => format!("{kind}, which is not followed"),
            _ => format!("{kind}, which is not read"),
        });
        Judged {
            asset: subject.asset,
            len: None,
            outcomes: vec![outcome],
            readings: Vec::new(),
        }
    }

    fn unreadable(&self, entry: &Entry, error: &Unreadable) -> Judged {
        let class = Class {
            kind: AssetKind::Other,
            format: entry.kind.format(),
        };
        let subject = self.subject(entry, &class, None, None);
        let mut outcome = outcome(&subject, None, Status::Error);
        outcome.coverage = Coverage::Partial;
        outcome.reason = Some(error.to_string());
        outcome.findings = vec![fault(&subject, error)];
        Judged {
            asset: subject.asset,
            len: (entry.kind == EntryKind::File).then_some(entry.len),
            outcomes: vec![outcome],
            readings: Vec::new(),
        }
    }
}

/// Says of a file that it was read, as far as it was.
fn read(subject: &Subject, digest: Option<Digest>) -> Outcome {
    if digest.is_some() {
        return outcome(subject, digest, Status::Pass);
    }
    let reason = "a git pack, which is named by its own digest: not digested again";
    Outcome {
        reason: Some(reason.to_owned()),
        ..outcome(subject, None, Status::NotApplicable)
    }
}

fn outcome(subject: &Subject, input: Option<Digest>, result: Status) -> Outcome {
    Outcome {
        check: CHECK.to_owned(),
        version: VERSION.to_owned(),
        subject: subject.asset.id.clone(),
        name: subject.asset.name.clone(),
        input,
        result,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings: Vec::new(),
    }
}

fn fault(subject: &Subject, error: &Unreadable) -> Finding {
    error.finding(&subject.asset.id, &subject.path, &subject.file)
}

/// What stands for the outcome of a check that panicked.
fn failed(subject: &Subject, check: &str, version: &str) -> Outcome {
    let message = format!("the check {check} failed on this file");
    let finding = subject.finding(CHECK_FAILED, Vec::new(), None, check, &*message);
    let failed = Outcome {
        coverage: Coverage::Partial,
        reason: Some(message),
        findings: vec![finding],
        ..outcome(subject, Some(subject.digest), Status::Error)
    };
    named(failed, check, version)
}

fn named(outcome: Outcome, check: &str, version: &str) -> Outcome {
    Outcome {
        check: check.to_owned(),
        version: version.to_owned(),
        ..outcome
    }
}

/// Takes back what was said of bytes that did not hold still. Findings stay: what was seen was
/// there.
fn take_back(subject: &Subject, outcomes: &mut [Outcome]) {
    let reason = Unreadable::Changed.to_string();
    for outcome in outcomes.iter_mut() {
        outcome.input = None;
        outcome.coverage = Coverage::Partial;
        if matches!(outcome.result, Status::Pass | Status::NotApplicable) {
            outcome.result = Status::Undetermined;
        }
        outcome.reason.get_or_insert_with(|| reason.clone());
    }
    outcomes[0]
        .findings
        .push(fault(subject, &Unreadable::Changed));
}

/// Whether an outcome only says that all is well.
fn is_plain(outcome: &Outcome) -> bool {
    let says_little = outcome.result == Status::Pass || outcome.check != CHECK;
    matches!(outcome.result, Status::Pass | Status::NotApplicable)
        && outcome.coverage == Coverage::Complete
        && outcome.findings.is_empty()
        && says_little
}

/// What one thread gathered.
#[derive(Default)]
struct Gathered {
    kinds: BTreeMap<AssetKind, Tally>,
    assets: Vec<(usize, Asset)>,
    outcomes: Vec<(usize, Outcome)>,
    readings: Vec<(usize, Read)>,
    populations: Populations,
}

impl Gathered {
    fn accept(&mut self, index: usize, judged: Judged) {
        let kind = judged.asset.kind;
        let readings = judged.readings.into_iter();
        self.readings.extend(readings.map(|read| (index, read)));
        if let Some(len) = judged.len {
            let tally = self.kinds.entry(kind).or_default();
            tally.files += 1;
            tally.bytes = tally.bytes.saturating_add(len);
        }
        let mut all_is_well = true;
        for outcome in judged.outcomes {
            self.populations.accept(index as u64, &outcome);
            let is_plain = is_plain(&outcome);
            all_is_well &= is_plain;
            if !is_plain || kind == AssetKind::Model {
                self.outcomes.push((index, outcome));
            }
        }
        if kind != AssetKind::Other || !all_is_well {
            self.assets.push((index, judged.asset));
        }
    }

    /// Lets each survey judge what it read.
    fn survey(&mut self, surveys: &[&dyn Survey]) {
        let mut readings = std::mem::take(&mut self.readings);
        readings.sort_by_key(|(index, read)| (read.survey, *index));
        let mut readings = readings.into_iter().peekable();
        for (at, survey) in surveys.iter().enumerate() {
            let mut subjects = Vec::new();
            let mut own = Vec::new();
            while let Some((index, read)) = readings.next_if(|(_, read)| read.survey == at) {
                subjects.push((index, read.subject));
                own.push(read.reading);
            }
            let outcomes = catch_unwind(AssertUnwindSafe(|| survey.judge(own)));
            let outcomes = outcomes
                .ok()
                .filter(|outcomes| outcomes.len() == subjects.len());
            let outcomes = outcomes.unwrap_or_else(|| {
                let failed = |(_, subject): &(usize, Subject)| {
                    failed(subject, survey.name(), survey.version())
                };
                subjects.iter().map(failed).map(Some).collect()
            });
            for ((index, subject), outcome) in subjects.into_iter().zip(outcomes) {
                let Some(outcome) = outcome else {
                    continue;
                };
                self.populations.accept(index as u64, &outcome);
                if is_plain(&outcome) && subject.asset.kind != AssetKind::Model {
                    continue;
                }
                self.outcomes.push((index, outcome));
                if subject.asset.kind == AssetKind::Other {
                    self.assets.push((index, subject.asset));
                }
            }
        }
        // Assets of no kind of which something else was told already.
        self.assets.sort_by_key(|&(index, _)| index);
        self.assets.dedup_by_key(|&mut (index, _)| index);
    }

    fn merge(&mut self, mut other: Self) {
        for (kind, tally) in other.kinds {
            let ours = self.kinds.entry(kind).or_default();
            ours.files += tally.files;
            ours.bytes = ours.bytes.saturating_add(tally.bytes);
        }
        self.assets.append(&mut other.assets);
        self.outcomes.append(&mut other.outcomes);
        self.readings.append(&mut other.readings);
        self.populations.merge(other.populations);
    }
}
