//! Who listens to the examination and writes down each stream with what was found in it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    rc::Rc,
};

use casemate_core::{Region, Source};

use super::{Bounds, Effect, Excerpt, Explanation, Mark, Statement, Stream, draft, excerpt};
use crate::{
    Examination, Verdict,
    pickle::{rules, tree::Tree},
    witness::{Interpreted, Place, Seen, Witness},
};

/// The witness that explains.
pub(super) struct Scribe {
    bounds: Bounds,
    spent: draft::Spent,
    /// What was noted in each place.
    heard: BTreeMap<u32, Heard>,
    notes: usize,
    streams: Vec<(u32, Stream)>,
    more_streams: u64,
    excerpts: Vec<Excerpt>,
    told: HashSet<(u32, u64)>,
}

/// What was noted in one place.
#[derive(Default)]
struct Heard {
    notes: BTreeMap<Key, Note>,
    names: Rc<Named>,
}

/// Names of which a finding tells once, whatever is done with them how often: the last such
/// finding, and where it is.
type Named = HashMap<String, (u64, Mark)>;

/// Something that was noted at some byte.
struct Note {
    verdict: Verdict,
    message: String,
    members: Vec<String>,
    /// Whether it stands at a statement.
    is_placed: bool,
}

/// What was noted in one stream, for whoever writes its statements.
#[derive(Default)]
pub(super) struct Marks {
    /// Marks of steps, by where their opcodes stand.
    steps: BTreeMap<u64, Vec<(Mark, Key)>>,
    /// Marks of strings, by where their text begins.
    strings: BTreeMap<u64, Vec<(Mark, Key)>>,
    /// The names that were noted anywhere in the place.
    names: Rc<Named>,
    /// The marks that stand at a statement.
    placed: HashSet<Key>,
}

/// Where something was noted, of which rule, and what recognises it.
type Key = (u64, &'static str, String);

impl Scribe {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            spent: draft::Spent::new(&bounds),
            heard: BTreeMap::new(),
            notes: 0,
            streams: Vec::new(),
            more_streams: 0,
            excerpts: Vec::new(),
            told: HashSet::new(),
        }
    }

    pub(super) fn conclude(mut self, examination: Examination) -> Explanation {
        // What lies inside of a place has been told before it.
        self.streams.sort_by_key(|(place, _)| *place);
        self.remark();
        let mut placed = HashSet::new();
        for ((_, rule, anchor), note) in self.heard.values().flat_map(|heard| &heard.notes) {
            if note.is_placed {
                placed.insert((&note.members[..], *rule, &anchor[..]));
            }
        }
        let unplaced = examination
            .findings
            .iter()
            .enumerate()
            .filter(|(_, found)| {
                !placed.contains(&(
                    &found.members[..],
                    found.rule.id.as_str(),
                    &found.anchor[..],
                ))
            });
        Explanation {
            unplaced: unplaced.map(|(index, _)| index).collect(),
            examination,
            streams: self.streams.into_iter().map(|(_, stream)| stream).collect(),
            more_streams: self.more_streams,
            excerpts: self.excerpts,
        }
    }

    /// Gives what was noted within a stream, and at none of its statements, lines of their own.
    fn remark(&mut self) {
        for (place, heard) in &mut self.heard {
            let first = self.streams.partition_point(|(other, _)| other < place);
            let here = self.streams[first..].iter_mut();
            let mut here: Vec<&mut Stream> = here
                .take_while(|(other, _)| other == place)
                .map(|(_, stream)| stream)
                .collect();
            here.sort_by_key(|stream| stream.start);
            for ((at, rule, _), note) in heard.notes.iter_mut().filter(|(_, note)| !note.is_placed)
            {
                let after = here.partition_point(|stream| stream.start <= *at);
                let Some(stream) = after.checked_sub(1).map(|last| &mut *here[last]) else {
                    continue;
                };
                if *at > stream.start.saturating_add(stream.length) {
                    continue;
                }
                note.is_placed = true;
                stream.verdict = stream.verdict.max(note.verdict);
                if let Some(last) = stream.statements.last_mut()
                    && last.effect == Effect::Remark
                    && last.at == *at
                {
                    last.verdict = last.verdict.max(note.verdict);
                    last.marks.push(note.mark(rule));
                    continue;
                }
                stream.statements.push(Statement {
                    at: *at,
                    effect: Effect::Remark,
                    text: String::new(),
                    verdict: note.verdict,
                    marks: vec![note.mark(rule)],
                    blocks: Vec::new(),
                    left_out_before: 0,
                });
            }
            for stream in here {
                stream.statements.sort_by_key(|statement| statement.at);
            }
        }
    }

    /// What was noted in `place` from `start` to `end`.
    fn marks(&self, place: u32, start: u64, end: u64) -> Marks {
        let Some(heard) = self.heard.get(&place) else {
            return Marks::default();
        };
        let mut marks = Marks {
            names: Rc::clone(&heard.names),
            ..Marks::default()
        };
        let from = (start, "", String::new());
        for (key, note) in heard.notes.range(from..) {
            let (at, rule, _) = key;
            if *at > end {
                break;
            }
            let marks = match *rule == rules::NESTED_PICKLE.id.as_str() {
                true => &mut marks.strings,
                false => &mut marks.steps,
            };
            let mark = (note.mark(rule), key.clone());
            marks.entry(*at).or_default().push(mark);
        }
        marks
    }
}

impl Heard {
    /// Remembers what was found of a name.
    fn name(&mut self, at: u64, seen: &Seen<'_>) {
        let rule = seen.rule.id.as_str();
        let last = self.names.get(seen.anchor);
        if last.is_some_and(|(last, mark)| (*last, &mark.rule[..]) >= (at, rule)) {
            return;
        }
        let mark = Mark {
            rule: rule.to_owned(),
            verdict: seen.verdict,
            message: None,
        };
        // While a stream is being written nothing is noted, and nobody else holds the names.
        Rc::make_mut(&mut self.names).insert(seen.anchor.to_owned(), (at, mark));
    }
}

impl Note {
    fn mark(&self, rule: &str) -> Mark {
        Mark {
            rule: rule.to_owned(),
            verdict: self.verdict,
            message: Some(self.message.clone()),
        }
    }
}

impl Witness for Scribe {
    fn observed(&mut self, place: &Place<'_>, seen: Seen<'_>) {
        let Some(Region::Bytes { start, .. }) = seen.region else {
            return;
        };
        let heard = self.heard.entry(place.number).or_default();
        if heard.notes.len() >= MOST_NOTES_IN_A_PLACE || self.notes >= MOST_NOTES {
            return;
        }
        self.notes += 1;
        if IN_NAMES.iter().any(|named| named.id == seen.rule.id) {
            heard.name(start, &seen);
        }
        let key = (start, seen.rule.id.as_str(), seen.anchor.to_owned());
        heard.notes.entry(key).or_insert_with(|| Note {
            verdict: seen.verdict,
            message: seen.message.to_owned(),
            members: place.named(),
            is_placed: false,
        });
    }

    fn interpreted(&mut self, place: &Place<'_>, stream: &Interpreted<'_>) {
        if !self.told.insert((place.number, stream.start)) {
            return;
        }
        let is_full = self.streams.len() >= self.bounds.streams;
        let is_marked = self.heard.contains_key(&place.number);
        if is_full && (!is_marked || self.streams.len() >= self.bounds.streams * 10) {
            self.more_streams += 1;
            return;
        }
        // A medium that fails has been told of by the examination.
        let Ok(tree) = Tree::read(stream.source, stream.start) else {
            return;
        };
        let mut marks = self.marks(place.number, stream.start, tree.end());
        if is_full && marks.steps.is_empty() && marks.strings.is_empty() {
            self.more_streams += 1;
            return;
        }
        let written = Stream {
            members: place.named(),
            within: place.within.to_vec(),
            ..draft::draft(&tree, stream, self.bounds, &mut marks, &mut self.spent)
        };
        self.streams.push((place.number, written));
        if let Some(heard) = self.heard.get_mut(&place.number) {
            for key in marks.placed {
                if let Some(note) = heard.notes.get_mut(&key) {
                    note.is_placed = true;
                }
            }
        }
    }

    fn recognised(&mut self, place: &Place<'_>, source: &dyn Source, format: &'static str) {
        if format == "python-source" && !place.members.is_empty() {
            self.program(place, source);
        }
    }
}

impl Scribe {
    fn program(&mut self, place: &Place<'_>, source: &dyn Source) {
        if self.excerpts.len() < MOST_PROGRAMS {
            let excerpt = excerpt::program(source, place.named(), self.bounds.block);
            self.excerpts.extend(excerpt);
        }
    }
}

impl Marks {
    /// The places of marks of steps, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = u64> {
        self.steps.keys().copied()
    }

    pub(super) fn has(&self, at: u64) -> bool {
        self.steps.contains_key(&at)
    }

    pub(super) fn has_string(&self, at: u64) -> bool {
        self.strings.contains_key(&at)
    }

    /// The marks of the step at a byte, which then stand at its statement, and at no other.
    pub(super) fn take(&mut self, at: u64) -> Vec<Mark> {
        take(&self.steps, at, &mut self.placed)
    }

    /// The marks of the string that begins at a byte.
    pub(super) fn take_of_string(&mut self, at: u64) -> Vec<Mark> {
        take(&self.strings, at, &mut self.placed)
    }

    /// What was found of a name somewhere in the file.
    pub(super) fn of_name(&self, name: &str) -> Option<&Mark> {
        self.names.get(name).map(|(_, mark)| mark)
    }
}

fn take(from: &BTreeMap<u64, Vec<(Mark, Key)>>, at: u64, placed: &mut HashSet<Key>) -> Vec<Mark> {
    let here = from.get(&at).into_iter().flatten();
    let new = here.filter(|(_, key)| placed.insert(key.clone()));
    new.map(|(mark, _)| mark.clone()).collect()
}

/// Rules of which a finding stands for all that is done with a name.
const IN_NAMES: &[&casemate_core::Rule] = &[
    &rules::DANGEROUS_CALL,
    &rules::DANGEROUS_IMPORT,
    &rules::DOTTED_PATH,
    &rules::UNLISTED_CALL,
    &rules::UNLISTED_IMPORT,
];
const MOST_PROGRAMS: usize = 8;
const MOST_NOTES_IN_A_PLACE: usize = 20_000;
const MOST_NOTES: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Detail;

    #[test]
    fn marks_are_those_of_the_stream_and_names_are_not_copied() {
        let mut scribe = Scribe::new(Bounds::of(Detail::Full));
        let place = Place {
            number: 7,
            members: &[],
            within: &[],
        };
        for start in 0..1000 {
            let seen = Seen {
                rule: &rules::UNLISTED_IMPORT,
                verdict: Verdict::Unknown,
                region: Some(Region::Bytes { start, length: 1 }),
                anchor: &format!("foo{start}.bar"),
                message: "",
            };
            scribe.observed(&place, seen);
        }
        let marks = scribe.marks(7, 10, 12);
        assert_eq!(marks.places().collect::<Vec<_>>(), [10, 11, 12]);
        assert!(marks.of_name("foo999.bar").is_some());
        assert!(Rc::ptr_eq(&marks.names, &scribe.heard[&7].names));
        assert_eq!(scribe.marks(8, 10, 12).places().count(), 0);
    }
}
