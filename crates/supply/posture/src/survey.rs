//! The survey: every file is read on its own, and all are judged together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use casemate_core::{
    Coverage, Finding, Outcome, Reading, Region, Rule, Source, Status, Subject, Survey,
};
use casemate_document::{Lines, Span, decode};

use crate::{
    File, World,
    check::{Attribute, FAMILIES, Found, Persona, Report, UserChecks},
    read::{self, Content, Draft, READERS},
};

/// Judges what the files of a tree declare.
pub struct PostureSurvey {
    persona: Persona,
    rules: Vec<Rule>,
    user: Option<UserChecks>,
}

impl PostureSurvey {
    /// The survey for somebody.
    pub fn new(persona: Persona) -> Self {
        let rules = FAMILIES.iter().flat_map(|family| family.rules);
        Self {
            persona,
            rules: rules.map(|(rule, _)| (*rule).clone()).collect(),
            user: None,
        }
    }

    /// The survey with checks of a policy beside its own.
    #[must_use]
    pub fn with_checks(mut self, checks: UserChecks) -> Self {
        self.rules.extend(checks.rules().cloned());
        self.user = Some(checks);
        self
    }

    /// Everything that is found in what was read, and everything that is open, for whomever.
    pub fn report(&self, readings: Vec<Reading>) -> Report {
        let kept = readings
            .into_iter()
            .filter_map(|reading| reading.downcast().ok());
        self.judge_kept(kept.map(|kept| *kept).collect()).report
    }

    /// The file, if there is a reader for it: what [`crate::fix::fix()`] takes.
    pub fn file(&self, subject: &Subject, source: &dyn Source) -> Option<Arc<File>> {
        let (file, unread) = text(subject, source)?;
        let is_read = unread.is_none() && read::read(&file).is_some();
        is_read.then_some(file)
    }

    /// Whether somebody wants to hear of `rule`. Who writes one does.
    pub(crate) fn is_told(&self, rule: &Rule) -> bool {
        let mut rules = FAMILIES.iter().flat_map(|family| family.rules);
        let known = rules.find(|(known, _)| known.id == rule.id);
        known.is_none_or(|(_, persona)| *persona <= self.persona)
    }
}

/// One file with what its reader keeps.
struct Kept {
    reader: usize,
    draft: Draft,
}

impl Survey for PostureSurvey {
    fn name(&self) -> &'static str {
        "posture"
    }

    fn version(&self) -> &str {
        VERSION
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn read(&self, subject: &Subject, source: &dyn Source) -> Option<Reading> {
        let (file, unread) = text(subject, source)?;
        let (reader, draft) = match unread {
            None => read::read(&file)?,
            Some(why) => {
                let content = Content::Unread(why);
                (0, Draft { file, content })
            }
        };
        Some(Box::new(Kept { reader, draft }))
    }

    fn judge(&self, readings: Vec<Reading>) -> Vec<Option<Outcome>> {
        let kept = readings
            .into_iter()
            .filter_map(|reading| reading.downcast().ok());
        self.judge_kept(kept.map(|kept| *kept).collect()).outcomes
    }
}

/// A file as text, or why it cannot be read as what its name says it is. Nothing, where it says nothing
/// and the bytes are no text.
fn text(subject: &Subject, source: &dyn Source) -> Option<(Arc<File>, Option<String>)> {
    let told = |text: Arc<str>, why: Option<String>| {
        let subject = subject.clone();
        Some((Arc::new(File { subject, text }), why))
    };
    let unread = |why: String| match read::is_named(subject.path.as_str()) {
        true => told("".into(), Some(why)),
        false => None,
    };
    if source.len() > MAX_BYTES {
        return unread(format!(
            "longer than {} MiB, which is not read",
            MAX_BYTES >> 20
        ));
    }
    // Most of what is no text shows it early, and need not be read to its end.
    let head = source.read_vec(0, HEAD).unwrap_or_default();
    let is_utf16 = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    if head.contains(&0) && !is_utf16 {
        return unread("it is no text".to_owned());
    }
    let length = usize::try_from(source.len()).ok()?;
    match source.read_vec(0, length) {
        Ok(bytes) => match decode(&bytes) {
            Ok(text) => told(text.into(), None),
            Err(error) => unread(error.to_string()),
        },
        Err(error) => unread(error.to_string()),
    }
}

/// Everything that came of judging.
pub(crate) struct Judged {
    pub(crate) world: World,
    pub(crate) report: Report,
    /// Of each file, unless it says nothing by itself.
    pub(crate) outcomes: Vec<Option<Outcome>>,
}

impl PostureSurvey {
    /// Judges files that are in memory.
    pub(crate) fn judge_files(&self, files: &[Arc<File>]) -> Judged {
        let kept = files.iter().filter_map(|file| {
            let (reader, draft) = read::read(file)?;
            Some(Kept { reader, draft })
        });
        self.judge_kept(kept.collect())
    }

    fn judge_kept(&self, kept: Vec<Kept>) -> Judged {
        let (world, files) = gather(kept);
        let mut report = Report::default();
        for family in FAMILIES {
            (family.check)(&world, &mut report);
        }
        if let Some(user) = &self.user {
            user.judge(&world, &mut report);
        }
        let outcomes = self.outcomes(&files, &world, &report);
        Judged {
            world,
            report,
            outcomes,
        }
    }
}

/// What was read, and the files with whether something is said of them.
fn gather(kept: Vec<Kept>) -> (World, Vec<(Arc<File>, bool)>) {
    let (readers, mut drafts): (Vec<usize>, Vec<Draft>) =
        kept.into_iter().map(|it| (it.reader, it.draft)).unzip();
    let mut world = World::default();
    read::compose(&mut drafts, &mut world);
    let mut by_reader: Vec<Vec<Draft>> = READERS.iter().map(|_| Vec::new()).collect();
    let mut files = Vec::with_capacity(drafts.len());
    for (reader, draft) in readers.into_iter().zip(drafts) {
        world.keep(&draft.file);
        if let Content::Unread(why) = &draft.content {
            world.missing(&draft.file, Span::default(), why.clone());
        }
        let is_told = !matches!(draft.content, Content::Text);
        files.push((draft.file.clone(), is_told));
        by_reader[reader].push(draft);
    }
    for (reader, drafts) in READERS.iter().zip(&by_reader) {
        (reader.gather)(drafts, &mut world);
    }
    (world, files)
}

impl PostureSurvey {
    /// One outcome for each file: what was found there, or why nothing can be said.
    fn outcomes(
        &self,
        files: &[(Arc<File>, bool)],
        world: &World,
        report: &Report,
    ) -> Vec<Option<Outcome>> {
        let plain = files.iter().map(|(file, _)| self.outcome(file));
        let mut outcomes: Vec<Outcome> = plain.collect();
        let place = |file: &Arc<File>| Arc::as_ptr(file);
        let places: HashMap<*const File, usize> = files
            .iter()
            .enumerate()
            .map(|(at, (file, _))| (place(file), at))
            .collect();
        let mut open: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        // Where the lines of a file begin is asked once, and not for each finding in it.
        let mut lines: HashMap<usize, Lines<'_>> = HashMap::new();
        let told = report.found.iter().filter(|it| self.is_told(&it.rule));
        for found in told {
            let origin = &found.attribute.origin;
            if let Some(&at) = places.get(&place(&origin.file)) {
                let lines = lines
                    .entry(at)
                    .or_insert_with(|| Lines::of(&files[at].0.text));
                let region = lines.region(origin.span);
                outcomes[at].findings.push(finding(found, region));
                outcomes[at].result = Status::Fail;
            }
        }
        for left in report.open.iter().filter(|left| self.is_told(&left.rule)) {
            if let Some(&at) = places.get(&place(&left.attribute.origin.file)) {
                let Attribute { address, path, .. } = &left.attribute;
                let reason = format!("{} of {address} at {path}: {}", left.rule.id, left.why);
                if left.is_failure {
                    outcomes[at].coverage = Coverage::Partial;
                }
                open.entry(at).or_default().push(reason);
            }
        }
        for (at, reasons) in open {
            let outcome = &mut outcomes[at];
            if outcome.result == Status::Pass {
                outcome.result = Status::Undetermined;
            }
            outcome.reason = Some(sample(&reasons));
        }
        for problem in world.problems() {
            let Some(&at) = places.get(&place(&problem.origin.file)) else {
                continue;
            };
            let outcome = &mut outcomes[at];
            if outcome.result == Status::Pass {
                outcome.result = Status::Undetermined;
            }
            if problem.is_partial {
                outcome.coverage = Coverage::Partial;
            } else if outcome.reason.is_some() {
                // What is not known here says more than what is elsewhere.
                continue;
            }
            outcome.reason = Some(format!(
                "{}: {}",
                problem.origin.location(),
                problem.message
            ));
        }
        for outcome in &mut outcomes {
            outcome
                .findings
                .sort_by(|a, b| (&a.location, &a.rule).cmp(&(&b.location, &b.rule)));
        }
        // What is kept aside says nothing, unless something was found in it.
        let told = |(outcome, (_, is_told)): (Outcome, &(Arc<File>, bool))| {
            (*is_told || outcome.result != Status::Pass).then_some(outcome)
        };
        outcomes.into_iter().zip(files).map(told).collect()
    }

    fn outcome(&self, file: &File) -> Outcome {
        let subject = &file.subject;
        Outcome {
            check: self.name().to_owned(),
            version: self.version().to_owned(),
            subject: subject.asset.id.clone(),
            name: subject.asset.name.clone(),
            input: Some(subject.digest),
            result: Status::Pass,
            coverage: Coverage::Complete,
            reason: None,
            facts: BTreeMap::new(),
            findings: Vec::new(),
        }
    }
}

fn finding(found: &Found, region: Region) -> Finding {
    let Attribute {
        address,
        path,
        origin,
    } = &found.attribute;
    let subject = &origin.file.subject;
    let anchor = found.attribute.anchor();
    let region = Some(region);
    let finding = subject.finding(&found.rule, Vec::new(), region, &anchor, &*found.message);
    let finding = finding
        .with_evidence("resource", &**address)
        .with_evidence("attribute", &**path);
    let related = found.related.iter();
    let finding = related.fold(finding, |finding, it| {
        let place = format!("{} at {}", it.what, it.origin.location());
        finding.with_evidence("through", place)
    });
    let places = origin.places().into_iter();
    places.fold(finding, |finding, place| {
        finding.with_evidence(place.role.as_str(), place.location.to_string())
    })
}

/// The first of them, and how many more there are.
fn sample(reasons: &[String]) -> String {
    let shown = reasons
        .iter()
        .take(MAX_REASONS)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    match reasons.len().checked_sub(MAX_REASONS) {
        None | Some(0) => shown,
        Some(more) => format!("{shown}; and {more} more"),
    }
}

/// Of the readers and the rules together.
const VERSION: &str = "1";

/// Nobody writes longer files of this kind; plans and states are the longest.
const MAX_BYTES: u64 = 64 << 20;

const HEAD: usize = 8 << 10;

const MAX_REASONS: usize = 3;

#[cfg(test)]
pub(crate) mod tests;
