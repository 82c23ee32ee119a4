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

mod edit;
mod repairs;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_core::{Fingerprint, PathText};

pub use edit::Edit;
pub use repairs::Repair;

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

/// Repairs what can be repaired of what `survey` says of `files`, or of the rules that `wanted` names.
///
/// Every repair is made alone and kept if its finding is gone then and no other came: judged again are
/// all files together.
pub fn fix(survey: &PostureSurvey, files: &[Arc<File>], wanted: impl Fn(&Found) -> bool) -> Fixed {
    let mut fixed = Fixed::default();
    let mut files = files.to_vec();
    let mut tried: BTreeSet<Fingerprint> = BTreeSet::new();
    loop {
        let judged = survey.judge_files(&files);
        let before = fingerprints(&judged.report);
        let next = judged.report.found.iter().find(|found| {
            let is_open = survey.is_told(&found.rule) && wanted(found);
            is_open && Repair::of(&found.rule.id).is_some() && !tried.contains(&found.fingerprint())
        });
        let Some(found) = next else {
            return fixed;
        };
        tried.insert(found.fingerprint());
        match attempt(survey, &files, found, &judged.world, &before) {
            Ok((at, file)) => {
                let path = file.subject.path.clone();
                let first = fixed
                    .files
                    .get(&path)
                    .map_or_else(|| files[at].clone(), |it| it.file.clone());
                let text = file.text.clone();
                fixed.files.insert(path, Change { file: first, text });
                fixed.gone.push(found.clone());
                files[at] = file;
            }
            Err(why) => fixed.left.push((found.clone(), why)),
        }
    }
}

/// The files with one finding repaired: which one is another now.
fn attempt(
    survey: &PostureSurvey,
    files: &[Arc<File>],
    found: &Found,
    world: &crate::World,
    before: &BTreeSet<Fingerprint>,
) -> Result<(usize, Arc<File>), String> {
    let repair = Repair::of(&found.rule.id).ok_or("no repair is known")?;
    let edit = edit::of(repair, found, world)?;
    let at = files.iter().position(|file| Arc::ptr_eq(file, &edit.file));
    let at = at.ok_or("it stands in a file that is not there")?;
    let changed = Arc::new(File {
        subject: edit.file.subject.clone(),
        text: edit.applied().into(),
    });
    let mut files = files.to_vec();
    files[at] = changed.clone();
    let after = fingerprints(&survey.judge_files(&files).report);
    if after.contains(&found.fingerprint()) {
        return Err("the repair does not make it go away".to_owned());
    }
    match after.difference(before).next() {
        Some(_) => Err("the repair brings another finding".to_owned()),
        None => Ok((at, changed)),
    }
}

/// Of everything that is found, whoever wants to hear of it.
fn fingerprints(report: &Report) -> BTreeSet<Fingerprint> {
    report.found.iter().map(Found::fingerprint).collect()
}

#[cfg(test)]
mod tests;
