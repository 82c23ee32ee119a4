//! The survey: every file is read on its own, and all are judged together.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use casemate_core::{
    Coverage, Finding, Location, Outcome, Reading, Rule, RuleId, Source, Status, Subject, Survey,
    Timestamp,
};
use casemate_document::{Lines, Span, decode};

use crate::{
    File, Origin, Problem, World,
    check::{
        Attribute, Check, FAMILIES, Found, NEED_OTHERS, Persona, Report, UserChecks, Workloads,
    },
    read::{self, Content, Draft, READERS},
};

/// Judges what the files of a tree declare.
pub struct PostureSurvey {
    rules: Vec<Rule>,
    /// Those that the reader does not want to hear of.
    muted: HashSet<RuleId>,
    user: Option<UserChecks>,
}

impl PostureSurvey {
    /// The survey for somebody.
    pub fn new(persona: Persona) -> Self {
        let rules = || FAMILIES.iter().flat_map(|family| family.rules);
        let muted = rules().filter(|(_, reader)| *reader > persona);
        Self {
            rules: rules().map(|(rule, _)| (*rule).clone()).collect(),
            muted: muted.map(|(rule, _)| rule.id.clone()).collect(),
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
        self.judge_kept(kept(readings)).0.report
    }

    /// What the readings declare together.
    pub fn world(readings: Vec<Reading>) -> World {
        gather(kept(readings)).0
    }

    /// The file, if there is a reader for it: what [`crate::fix::fix()`] takes.
    pub fn file(&self, subject: &Subject, source: &dyn Source) -> Option<Arc<File>> {
        let (file, unread) = text(subject, source)?;
        let is_read = unread.is_none() && read::read(&file).is_some();
        is_read.then_some(file)
    }

    /// Judges one object of Kubernetes, alone and at `now`: `text` is it as JSON, and is read as nothing else,
    /// whatever it may look like. Rules that only others can break or keep ([`check::NEED_OTHERS`]) say nothing.
    ///
    /// [`check::NEED_OTHERS`]: crate::check::NEED_OTHERS
    pub fn judge_object(&self, subject: &Subject, text: &str, now: Timestamp) -> Outcome {
        let file = Arc::new(File {
            subject: subject.clone(),
            text: text.into(),
        });
        let mut world = World::default();
        world.keep(&file);
        read::kubernetes::object(&file, &mut world);
        let mut report = self.ask(&world, now);
        report.forget(NEED_OTHERS);
        let told = [(file, true)];
        let outcome = self.outcomes(&told, &world, &report).pop().flatten();
        outcome.unwrap_or_else(|| self.outcome(&told[0].0))
    }

    /// How many rules somebody hears of.
    pub fn told_rules(&self) -> usize {
        self.rules.iter().filter(|rule| self.is_told(rule)).count()
    }

    /// Whether somebody wants to hear of `rule`. Who writes one does.
    pub(crate) fn is_told(&self, rule: &Rule) -> bool {
        !self.muted.contains(&rule.id)
    }
}

/// One file with what its reader keeps.
struct Kept {
    reader: usize,
    draft: Draft,
}

/// What this survey made of files; a reading of another one has none.
fn kept(readings: Vec<Reading>) -> Vec<Kept> {
    let kept = readings.into_iter().filter_map(|it| it.downcast().ok());
    kept.map(|kept| *kept).collect()
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
        let (judged, files) = self.judge_kept(kept(readings));
        self.outcomes(&files, &judged.world, &judged.report)
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
    let path = subject.path.as_str();
    let is_expected = read::is_named(path) || path.ends_with(".json");
    let most = if is_expected { MAX_BYTES } else { MAX_OTHERS };
    if source.len() > most {
        return unread(format!("longer than {} MiB, which is not read", most >> 20));
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
}

/// A file, and whether something is said of it.
type Told = (Arc<File>, bool);

impl PostureSurvey {
    /// Judges files that are in memory.
    pub(crate) fn judge_files(&self, files: &[Arc<File>]) -> Judged {
        let kept = files.iter().filter_map(|file| {
            let (reader, draft) = read::read(file)?;
            Some(Kept { reader, draft })
        });
        self.judge_kept(kept.collect()).0
    }

    fn judge_kept(&self, kept: Vec<Kept>) -> (Judged, Vec<Told>) {
        let (world, files) = gather(kept);
        // Checks of a policy were given their time with it.
        let now = self
            .user
            .as_ref()
            .map_or(Timestamp::UNIX_EPOCH, UserChecks::now);
        let report = self.ask(&world, now);
        (Judged { world, report }, files)
    }

    /// Every check.
    fn ask(&self, world: &World, now: Timestamp) -> Report {
        let mut report = Report::default();
        let workloads = Workloads::of(world);
        for family in FAMILIES {
            match family.check {
                Check::World(check) => check(world, &mut report),
                Check::Workloads(check) => check(&workloads, &mut report),
            }
        }
        if let Some(user) = &self.user {
            user.judge(world, now, &mut report);
        }
        report
    }
}

/// What was read, and the files with whether something is said of them.
fn gather(kept: Vec<Kept>) -> (World, Vec<Told>) {
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
    fn outcomes(&self, files: &[Told], world: &World, report: &Report) -> Vec<Option<Outcome>> {
        let plain = files.iter().map(|(file, _)| self.outcome(file));
        let mut outcomes: Vec<Outcome> = plain.collect();
        let mut places = Places::of(files);
        for found in report.found.iter().filter(|it| self.is_told(&it.rule)) {
            if let Some(at) = places.find(&found.attribute.origin) {
                outcomes[at].findings.push(finding(found, &mut places));
                outcomes[at].result = Status::Fail;
            }
        }
        // Why something is not known: first what was not understood, then what the files do not say,
        // then what is elsewhere.
        let mut reasons: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let (missing, elsewhere): (Vec<_>, Vec<_>) =
            world.problems().iter().partition(|it| it.is_partial);
        for problem in missing {
            if let Some(at) = places.find(&problem.origin) {
                outcomes[at].coverage = Coverage::Partial;
                let reason = places.problem(problem);
                reasons.entry(at).or_default().push(reason);
            }
        }
        for left in report.open.iter().filter(|it| self.is_told(&it.rule)) {
            let Attribute {
                address,
                path,
                origin,
            } = &left.attribute;
            if let Some(at) = places.find(origin) {
                if left.is_failure {
                    outcomes[at].coverage = Coverage::Partial;
                }
                let reason = format!("{} of {address} at {path}: {}", left.rule.id, left.why);
                reasons.entry(at).or_default().push(reason);
            }
        }
        for problem in elsewhere {
            if let Some(at) = places.find(&problem.origin) {
                let reason = places.problem(problem);
                reasons.entry(at).or_default().push(reason);
            }
        }
        for (at, reasons) in reasons {
            let outcome = &mut outcomes[at];
            if outcome.result == Status::Pass {
                outcome.result = Status::Undetermined;
            }
            outcome.reason = Some(sample(&reasons));
        }
        for outcome in &mut outcomes {
            let order =
                |a: &Finding, b: &Finding| (&a.location, &a.rule).cmp(&(&b.location, &b.rule));
            outcome.findings.sort_by(order);
        }
        // What is kept aside says nothing, unless something was found in it.
        let told = |(outcome, (_, is_told)): (Outcome, &Told)| {
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

/// The files by their paths, with where their lines begin: asked once of a file, and not for each finding.
struct Places<'a> {
    by_path: HashMap<&'a str, usize>,
    lines: HashMap<*const File, Lines<'a>>,
}

impl<'a> Places<'a> {
    fn of(files: &'a [Told]) -> Self {
        let path = |(at, (file, _)): (usize, &'a Told)| (file.subject.path.as_str(), at);
        Self {
            by_path: files.iter().enumerate().map(path).collect(),
            lines: HashMap::new(),
        }
    }

    /// Which of the files something stands in.
    fn find(&self, origin: &Origin) -> Option<usize> {
        self.by_path.get(origin.file.subject.path.as_str()).copied()
    }

    fn location(&mut self, origin: &'a Origin) -> Location {
        let lines = self.lines.entry(Arc::as_ptr(&origin.file));
        let lines = lines.or_insert_with(|| Lines::of(&origin.file.text));
        Location {
            region: Some(lines.region(origin.span)),
            ..origin.file.location()
        }
    }

    fn problem(&mut self, problem: &'a Problem) -> String {
        format!("{}: {}", self.location(&problem.origin), problem.message)
    }
}

fn finding<'a>(found: &'a Found, places: &mut Places<'a>) -> Finding {
    let Attribute {
        address,
        path,
        origin,
    } = &found.attribute;
    let subject = &origin.file.subject;
    let anchor = found.attribute.anchor();
    let region = places.location(origin).region;
    let finding = subject.finding(&found.rule, Vec::new(), region, &anchor, &*found.message);
    let finding = finding
        .with_evidence("resource", &**address)
        .with_evidence("attribute", &**path);
    let related = found.related.iter();
    let finding = related.fold(finding, |finding, it| {
        let place = format!("{} at {}", it.what, places.location(&it.origin));
        finding.with_evidence("through", place)
    });
    origin.steps().fold(finding, |finding, step| {
        let place = places.location(&step.origin).to_string();
        finding.with_evidence(step.role.as_str(), place)
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

/// What others name, a script or a setting, is short; data sets are not, and nothing is read of them.
const MAX_OTHERS: u64 = 1 << 20;

const HEAD: usize = 8 << 10;

const MAX_REASONS: usize = 3;

#[cfg(test)]
pub(crate) mod tests;
