//! Repairs: the smallest change of a text that makes a finding go away, proven by judging again.
//!
//! ```text
//!   finding ──► Repair (a table, by rule) ──► Edit of the file's bytes ──► the whole survey again
//!                                                                          gone, and nothing new
//! ```
//!
//! An edit touches nothing but the attribute, so that comments and layout stay. A finding whose value
//! came from elsewhere is repaired where it is written; one whose place no edit is known for is not
//! repaired, and said to be not.

mod dockerfile;
mod edit;
mod repairs;
mod yaml;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use casemate_core::{Fingerprint, PathText};

pub use edit::Edit;
use repairs::Repair;

use crate::{
    File, PostureSurvey,
    check::{Found, Report},
};

/// What became of the findings of a tree.
#[derive(Debug, Default)]
pub struct Fixed {
    /// The files that are changed, by their path from the root, with their text before and after.
    pub files: BTreeMap<PathText, Change>,
    /// The findings that are gone.
    pub gone: Vec<Found>,
    /// Those that have a repair, and why it was not made.
    pub left: Vec<(Found, String)>,
}

/// A file before and after.
#[derive(Clone, Debug)]
pub struct Change {
    /// The file.
    pub file: Arc<File>,
    /// Its text after.
    pub text: Arc<str>,
}

/// Repairs what can be repaired of what `survey` says of `files`, and of that what is `wanted`.
///
/// Repairs are made together, and all files judged again: they count if their findings are gone and no
/// other came, whomever that would be told. Where that does not hold, each half is tried by itself, down to
/// the one that is to blame. What changes the place of another repair waits for the next round.
pub fn fix(survey: &PostureSurvey, files: &[Arc<File>], wanted: impl Fn(&Found) -> bool) -> Fixed {
    let mut now = files.to_vec();
    let mut gone = Vec::new();
    let mut refused: HashMap<Fingerprint, (Found, String)> = HashMap::new();
    loop {
        let judged = survey.judge_files(&now);
        let mut plan: Vec<(Found, Edit)> = Vec::new();
        for found in &judged.report.found {
            let is_wanted = survey.is_told(&found.rule) && wanted(found);
            let (Some(repair), true) = (Repair::of(&found.rule.id), is_wanted) else {
                continue;
            };
            if refused.contains_key(&found.fingerprint()) {
                continue;
            }
            match edit::of(repair, found, &judged.world) {
                Ok(edit) if plan.iter().any(|(_, other)| other.meets(&edit)) => {}
                Ok(edit) => plan.push((found.clone(), edit)),
                Err(why) => drop(refused.insert(found.fingerprint(), (found.clone(), why))),
            }
        }
        let mut round = Round {
            survey,
            files: &now,
            before: count(&judged.report),
            made: Vec::new(),
            refused: Vec::new(),
        };
        round.all(&plan);
        let Round {
            made, refused: no, ..
        } = round;
        refused.extend(
            no.into_iter()
                .map(|(found, why)| (found.fingerprint(), (found, why))),
        );
        if made.is_empty() {
            break;
        }
        let after = applied(&now, made.iter().map(|(_, edit)| edit));
        gone.extend(made.into_iter().map(|(found, _)| found.clone()));
        now = after;
    }
    let changed = files
        .iter()
        .zip(now)
        .filter(|(before, after)| !Arc::ptr_eq(before, after));
    let change = |(before, after): (&Arc<File>, Arc<File>)| {
        let (file, text) = (before.clone(), after.text.clone());
        (before.subject.path.clone(), Change { file, text })
    };
    let mut left: Vec<(Found, String)> = refused.into_values().collect();
    left.sort_by_cached_key(|(found, _)| {
        (found.attribute.origin.location(), found.rule.id.clone())
    });
    Fixed {
        files: changed.map(change).collect(),
        gone,
        left,
    }
}

/// How often each finding is there: two objects of one name have findings that cannot be told apart.
type Counts = HashMap<Fingerprint, usize>;

/// Repairs of different places, tried on the same files.
struct Round<'a> {
    survey: &'a PostureSurvey,
    files: &'a [Arc<File>],
    before: Counts,
    made: Vec<&'a (Found, Edit)>,
    refused: Vec<(Found, String)>,
}

impl<'a> Round<'a> {
    fn all(&mut self, repairs: &'a [(Found, Edit)]) {
        if repairs.is_empty() {
            return;
        }
        match (self.refusal(repairs), repairs) {
            (None, _) => self.made.extend(repairs),
            (Some(why), [(found, _)]) => self.refused.push((found.clone(), why.to_owned())),
            (Some(_), _) => {
                let (half, other) = repairs.split_at(repairs.len() / 2);
                self.all(half);
                self.all(other);
            }
        }
    }

    /// What is wrong with `repairs` on top of those that are made.
    fn refusal(&self, repairs: &[(Found, Edit)]) -> Option<&'static str> {
        let all = || self.made.iter().copied().chain(repairs);
        let files = applied(self.files, all().map(|(_, edit)| edit));
        let after = count(&self.survey.judge_files(&files).report);
        let mut expected = self.before.clone();
        for (found, _) in all() {
            if let Some(left) = expected.get_mut(&found.fingerprint()) {
                *left = left.saturating_sub(1);
            }
        }
        let stays = |(found, _): &(Found, Edit)| {
            let print = found.fingerprint();
            times(&after, print) > times(&expected, print)
        };
        if all().any(stays) {
            return Some("the repair does not make it go away");
        }
        let is_new = |(print, count): (&Fingerprint, &usize)| *count > times(&self.before, *print);
        let has_new = after.iter().any(is_new);
        has_new.then_some("the repair brings another finding")
    }
}

/// The files with all edits in them, no two of which are of the same place.
fn applied<'e>(files: &[Arc<File>], edits: impl Iterator<Item = &'e Edit>) -> Vec<Arc<File>> {
    let mut by_file: HashMap<*const File, Vec<&Edit>> = HashMap::new();
    for edit in edits {
        let place = Arc::as_ptr(&edit.file);
        by_file.entry(place).or_default().push(edit);
    }
    let file = |file: &Arc<File>| match by_file.remove(&Arc::as_ptr(file)) {
        None => file.clone(),
        Some(edits) => Arc::new(File {
            subject: file.subject.clone(),
            text: Edit::applied(&file.text, edits).into(),
        }),
    };
    files.iter().map(file).collect()
}

/// Of everything that is found, whoever wants to hear of it.
fn count(report: &Report) -> Counts {
    let mut counts = Counts::new();
    for found in &report.found {
        *counts.entry(found.fingerprint()).or_default() += 1;
    }
    counts
}

fn times(counts: &Counts, print: Fingerprint) -> usize {
    counts.get(&print).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
