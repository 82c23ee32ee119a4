//! The survey: every file is read on its own, and all are judged together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use casemate_core::{Coverage, Finding, Outcome, Reading, Rule, Source, Status, Subject, Survey};
use casemate_document::decode;

use crate::{
    File, World,
    check::{FAMILIES, Found, Persona, Report},
    read::{self, Content, Draft, READERS},
};

/// Judges what the files of a tree declare.
#[derive(Debug)]
pub struct PostureSurvey {
    persona: Persona,
    rules: Vec<Rule>,
}

impl PostureSurvey {
    /// The survey for somebody.
    pub fn new(persona: Persona) -> Self {
        let rules = FAMILIES.iter().flat_map(|family| family.rules);
        Self {
            persona,
            rules: rules.map(|(rule, _)| (*rule).clone()).collect(),
        }
    }

    fn is_told(&self, rule: &Rule) -> bool {
        let mut rules = FAMILIES.iter().flat_map(|family| family.rules);
        rules.any(|(known, persona)| known.id == rule.id && *persona <= self.persona)
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
        if source.len() > MAX_BYTES {
            return None;
        }
        let length = usize::try_from(source.len()).ok()?;
        let bytes = source.read_vec(0, length).ok()?;
        let text = decode(&bytes).ok()?;
        let file = Arc::new(File {
            subject: subject.clone(),
            text: text.into(),
        });
        let (reader, draft) = read::read(&file)?;
        Some(Box::new(Kept { reader, draft }))
    }

    fn judge(&self, readings: Vec<Reading>) -> Vec<Outcome> {
        let kept: Vec<Kept> = readings
            .into_iter()
            .filter_map(|reading| reading.downcast().ok())
            .map(|kept| *kept)
            .collect();
        let (readers, mut drafts): (Vec<usize>, Vec<Draft>) =
            kept.into_iter().map(|it| (it.reader, it.draft)).unzip();
        let mut world = World::default();
        read::compose(&mut drafts, &mut world);
        let mut by_reader: Vec<Vec<Draft>> = READERS.iter().map(|_| Vec::new()).collect();
        let mut files = Vec::with_capacity(drafts.len());
        for (reader, draft) in readers.into_iter().zip(drafts) {
            if let Content::Text = draft.content {
                continue;
            }
            files.push(draft.file.clone());
            by_reader[reader].push(draft);
        }
        for (reader, drafts) in READERS.iter().zip(&by_reader) {
            (reader.gather)(drafts, &mut world);
        }
        let mut report = Report::default();
        for family in FAMILIES {
            (family.check)(&world, &mut report);
        }
        self.outcomes(&files, &world, &report)
    }
}

impl PostureSurvey {
    /// One outcome for each file: what was found there, or why nothing can be said.
    fn outcomes(&self, files: &[Arc<File>], world: &World, report: &Report) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = files.iter().map(|file| self.outcome(file)).collect();
        let place = |file: &Arc<File>| Arc::as_ptr(file);
        let places: HashMap<*const File, usize> = files
            .iter()
            .enumerate()
            .map(|(at, file)| (place(file), at))
            .collect();
        let mut open: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for found in report.found.iter().filter(|found| self.is_told(found.rule)) {
            if let Some(&at) = places.get(&place(&found.origin.file)) {
                outcomes[at].findings.push(finding(found));
                outcomes[at].result = Status::Fail;
            }
        }
        for left in report.open.iter().filter(|left| self.is_told(left.rule)) {
            if let Some(&at) = places.get(&place(&left.origin.file)) {
                let reason = format!(
                    "{} of {} at {}: {}",
                    left.rule.id, left.address, left.path, left.why
                );
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
        outcomes
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

fn finding(found: &Found) -> Finding {
    let subject = &found.origin.file.subject;
    let anchor = format!("{} {}", found.address, found.path);
    let region = Some(found.origin.region());
    let finding = subject.finding(found.rule, Vec::new(), region, &anchor, &*found.message);
    let finding = finding
        .with_evidence("resource", &*found.address)
        .with_evidence("attribute", &*found.path);
    let places = found.origin.places().into_iter();
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

const MAX_REASONS: usize = 3;

#[cfg(test)]
mod tests;
