//! What of the code of an archive is reached: by the names in its pickles, and while it is loaded.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BUILT_IN, SCRIPT, Script,
    code::{Reading, Use},
};
use crate::{Verdict, examine::Examiner, notes::plain};

impl Script {
    /// Notes the files of code that torch never reads: none of the names in `states`, which are
    /// those of the archive's pickles, leads to them. And the names that no code defines.
    pub(crate) fn note_references(
        &self,
        states: &BTreeSet<String>,
        examiner: &mut Examiner<'_, '_>,
    ) {
        // Mobile models may leave the code out, and classes of libraries are never in it.
        let is_defined = |name: &String| {
            self.defined.contains(name) || name.starts_with(BUILT_IN) || self.files.is_empty()
        };
        for name in states
            .iter()
            .filter(|name| self.is_read() && !is_defined(name))
        {
            let name = plain(name);
            let message = format!("the state is of {name}, which the code does not define");
            let notes = &mut examiner.notes;
            notes.observe(&SCRIPT, Verdict::Dangerous, None, name, message);
        }
        let mut pending: Vec<&str> = states.iter().map(String::as_str).collect();
        let mut reached = vec![false; self.files.len()];
        let modules: BTreeMap<&str, usize> = (self.files.iter().enumerate())
            .filter_map(|(at, file)| Some((file.module.as_deref()?, at)))
            .collect();
        while let Some(name) = pending.pop() {
            // A class, or an attribute of one: whichever module is the nearest has it.
            let mut rest = Some(name);
            let found = loop {
                let Some(name) = rest else { break None };
                if let Some(&at) = modules.get(name) {
                    break Some(at);
                }
                rest = name.rsplit_once('.').map(|(before, _)| before);
            };
            let Some(at) = found.filter(|&at| !std::mem::replace(&mut reached[at], true)) else {
                continue;
            };
            let reading = &self.files[at].reading;
            pending.extend(reading.imports.iter().map(String::as_str));
            pending.extend(reading.uses.keys().filter_map(|used| match used {
                Use::Defined(name) => Some(name.as_str()),
                _ => None,
            }));
        }
        let unreached = self
            .files
            .iter()
            .zip(reached)
            .filter(|(_, reached)| !reached);
        for (file, _) in unreached.filter(|(file, _)| file.module.is_some()) {
            let notes = &mut examiner.notes;
            notes.enter(&file.member, None);
            let message = "nothing in the archive refers to the code of this file";
            notes.observe(&SCRIPT, Verdict::Unknown, None, "unreferenced", message);
            notes.leave();
        }
    }

    /// Whether all of the code has been read, and understood.
    pub(super) fn is_read(&self) -> bool {
        let is_read = |reading: &Reading| reading.left_out.is_empty() && reading.faults.is_empty();
        self.is_whole && self.files.iter().all(|file| is_read(&file.reading))
    }

    /// What may run while the archive is loaded: `__setstate__`, what it calls, and methods that
    /// stand for operators. The type of a value is not followed, so that a method goes by its name.
    pub(super) fn at_loading(&self) -> BTreeSet<&str> {
        let readings = || self.files.iter().map(|file| &file.reading);
        let methods: BTreeSet<&str> = readings()
            .flat_map(|reading| reading.methods.iter().map(String::as_str))
            .collect();
        if !methods.contains(AT_LOADING) {
            return BTreeSet::new();
        }
        let mut calls: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (caller, called) in readings().flat_map(|reading| &reading.calls) {
            calls.entry(caller).or_default().push(called);
        }
        let implied =
            |name: &&str| name.starts_with("__") && name.ends_with("__") && *name != "__getstate__";
        let mut reached: BTreeSet<&str> = methods.into_iter().filter(implied).collect();
        let mut pending: Vec<&str> = reached.iter().copied().collect();
        while let Some(caller) = pending.pop() {
            for &called in calls.get(caller).into_iter().flatten() {
                if reached.insert(called) {
                    pending.push(called);
                }
            }
        }
        reached
    }
}

/// The method that torch calls of each object that has one.
const AT_LOADING: &str = "__setstate__";
