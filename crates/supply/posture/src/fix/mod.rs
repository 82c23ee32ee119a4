//! Repairs: the smallest change of a text that makes a finding go away, proven by judging again.
//!
//! ```text
//!   finding ──► Repair (a table, by rule) ──► Edit of the file's bytes ──► the whole survey again
//!                                                                          gone, and nothing new
//! ```
//!
//! An edit touches nothing but the attribute, so that comments and layout stay. A finding whose value
//! came from elsewhere is repaired where it is written, if nothing else is changed by that; one whose
//! place no edit is known for is not repaired, and said to be not.

mod dockerfile;
mod edit;
mod hcl;
mod repairs;
mod uses;
mod yaml;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use casemate_core::{Fingerprint, PathText};

pub use edit::Edit;
use repairs::Repair;

use self::edit::{Places, Plan, Planned};
use crate::{
    File, PostureSurvey,
    check::{Found, Report},
    survey::Judged,
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
    let mut trials = MAX_TRIALS;
    let mut judged = survey.judge_files(&now);
    loop {
        let mut plan = Plan::default();
        let mut places = Places::of(&judged.world);
        for found in &judged.report.found {
            let is_wanted = survey.is_told(&found.rule) && wanted(found);
            let (Some(repair), true) = (Repair::of(&found.rule.id), is_wanted) else {
                continue;
            };
            if refused.contains_key(&found.fingerprint()) {
                continue;
            }
            match places.edit(repair, found) {
                Ok(place) => plan.add(found.clone(), place),
                Err(why) => drop(refused.insert(found.fingerprint(), (found.clone(), why))),
            }
        }
        let mut round = Round {
            survey,
            files: &now,
            before: count(&judged.report),
            judged: &judged,
            unknown: OnceCell::new(),
            made: Vec::new(),
            after: None,
            refused: Vec::new(),
            trials,
        };
        round.all(plan.edits());
        trials = round.trials;
        let Round {
            made,
            after,
            refused: no,
            ..
        } = round;
        refused.extend(
            no.into_iter()
                .map(|(found, why)| (found.fingerprint(), (found, why))),
        );
        let Some(after) = after else {
            break;
        };
        let repairs = made.into_iter().flat_map(|it| &it.repairs);
        gone.extend(repairs.map(|(found, _)| found.clone()));
        (now, judged) = after;
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
    judged: &'a Judged,
    /// What [`uses::unknown`] says of what was judged, once somebody asks.
    unknown: OnceCell<Option<&'static str>>,
    before: Counts,
    made: Vec<&'a Planned>,
    /// The files with what is made in them, and what is said of those.
    after: Option<(Vec<Arc<File>>, Judged)>,
    refused: Vec<(Found, String)>,
    /// How often all files may still be judged again.
    trials: usize,
}

impl<'a> Round<'a> {
    fn all(&mut self, repairs: &'a [Planned]) {
        if repairs.is_empty() {
            return;
        }
        let Some(left) = self.trials.checked_sub(1) else {
            let why = format!("more than {MAX_TRIALS} sets of repairs would have to be tried");
            return self.refuse(repairs, &why);
        };
        self.trials = left;
        match (self.tried(repairs), repairs) {
            (Ok(after), _) => {
                self.made.extend(repairs);
                self.after = Some(after);
            }
            (Err(why), [_]) => self.refuse(repairs, &why),
            (Err(_), _) => {
                let (half, other) = repairs.split_at(repairs.len() / 2);
                self.all(half);
                self.all(other);
            }
        }
    }

    fn refuse(&mut self, repairs: &[Planned], why: &str) {
        let found = repairs.iter().flat_map(|it| &it.repairs);
        let refused = found.map(|(found, _)| (found.clone(), why.to_owned()));
        self.refused.extend(refused);
    }

    /// The files with `repairs` on top of those that are made, and what is said of them; or what is wrong
    /// with them.
    fn tried(&self, repairs: &[Planned]) -> Result<(Vec<Arc<File>>, Judged), String> {
        let all = || self.made.iter().copied().chain(repairs);
        let files = applied(self.files, all().map(|it| &it.edit));
        let judged = self.survey.judge_files(&files);
        let after = count(&judged.report);
        let mut expected = self.before.clone();
        let found = || all().flat_map(|it| &it.repairs).map(|(found, _)| found);
        for found in found() {
            if let Some(left) = expected.get_mut(&found.fingerprint()) {
                *left = left.saturating_sub(1);
            }
        }
        // Nothing is found in what is not read.
        if judged.world.problems().len() > self.judged.world.problems().len() {
            return Err("the repair makes something that is not understood".to_owned());
        }
        let stays = |found: &Found| {
            let print = found.fingerprint();
            times(&after, print) > times(&expected, print)
        };
        if found().any(stays) {
            return Err("the repair does not make it go away".to_owned());
        }
        let is_new = |(print, count): (&Fingerprint, &usize)| *count > times(&self.before, *print);
        if after.iter().any(is_new) {
            return Err("the repair brings another finding".to_owned());
        }
        let is_shared = |it: &Planned| it.repairs.iter().any(|(_, own)| own.is_some());
        if !repairs.iter().any(is_shared) {
            return Ok((files, judged));
        }
        let elsewhere = |why: &str| format!("its value is decided elsewhere, and {why}");
        let unknown = self
            .unknown
            .get_or_init(|| uses::unknown(&self.judged.world));
        if let Some(why) = unknown {
            return Err(elsewhere(why));
        }
        let repaired = all().flat_map(|it| &it.repairs);
        let repaired = repaired.map(|(found, own)| own.as_ref().unwrap_or(&found.attribute.origin));
        match uses::other(&self.judged.world, &judged.world, repaired) {
            None => Ok((files, judged)),
            Some(other) => Err(elsewhere(&other)),
        }
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

/// Each judges everything, and whoever writes what does not hold decides how many there are.
const MAX_TRIALS: usize = 1_000;

#[cfg(test)]
mod tests;
