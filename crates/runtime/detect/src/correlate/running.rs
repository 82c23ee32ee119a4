//! One correlation at work, over all its groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_core::{Digest, EventId, Field, Timestamp};

use super::{
    Captured, Found, Hit,
    group::{Group, Step},
};
use crate::{engine::Limits, matches::NoticeKind, sigma::correlation::Correlation, text::render};

/// The values that the events of a group have in common.
type Key = Arc<[String]>;

/// A correlation, and what it remembers.
#[derive(Debug)]
pub(crate) struct Running {
    rule: usize,
    correlation: Arc<Correlation>,
    /// The rules that it is about, in their order.
    about: Vec<usize>,
    /// For each of them, the fields to group by.
    keys: Vec<Vec<String>>,
    limits: Limits,
    groups: BTreeMap<Key, Group>,
    /// When each group ends.
    ends: BTreeSet<(Timestamp, Key)>,
    /// The groups, those with the least to lose before the others.
    ranks: BTreeSet<(usize, Timestamp, Key)>,
    kept: usize,
}

impl Running {
    pub(crate) fn new(
        rule: usize,
        correlation: &Arc<Correlation>,
        about: Vec<usize>,
        limits: Limits,
    ) -> Self {
        let field = |name: &String, rule: &String| match correlation.aliases.get(name) {
            Some(fields) => fields.get(rule).unwrap_or(name).clone(),
            None => name.clone(),
        };
        let key = |rule: &String| {
            let group_by = correlation.group_by.iter();
            group_by.map(|name| field(name, rule)).collect()
        };
        Self {
            rule,
            correlation: Arc::clone(correlation),
            about,
            keys: correlation.rules.iter().map(key).collect(),
            limits,
            groups: BTreeMap::new(),
            ends: BTreeSet::new(),
            ranks: BTreeSet::new(),
            kept: 0,
        }
    }

    /// The fields that it asks of events.
    pub(crate) fn asked(&self) -> impl Iterator<Item = String> {
        let counted = self.correlation.condition.fields.iter();
        self.keys.iter().flatten().chain(counted).cloned()
    }

    /// Whether it has to remember more than it may.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        let least = Group::least(&self.correlation);
        least.is_some_and(|least| usize::try_from(least).is_ok_and(|it| it > self.limits.kept))
    }

    /// When the next window ends that is judged at its end.
    pub(crate) fn closing(&self) -> Option<Timestamp> {
        if !Group::is_judged_at_end(&self.correlation) {
            return None;
        }
        self.ends.first().map(|(time, _)| *time)
    }

    /// Takes the hits of one time that it is about, and ends what ends with it.
    pub(crate) fn step(
        &mut self,
        time: Timestamp,
        hits: &[Hit],
        forgotten: &mut Vec<(NoticeKind, usize)>,
    ) -> Vec<(Found, Hit)> {
        let mut made = Vec::new();
        self.drop_before(time);
        let place = |hit: &Hit| self.about.iter().position(|rule| *rule == hit.rule);
        let mut mine: Vec<(usize, &Hit)> = hits
            .iter()
            .filter_map(|hit| Some((place(hit)?, hit)))
            .collect();
        // What happens at one time happens in the order of the rules.
        mine.sort_by(|(a, one), (b, other)| (a, &one.events).cmp(&(b, &other.events)));
        for (place, hit) in mine {
            match self.key(place, hit) {
                Some(key) => made.extend(self.take(place, hit, &key, forgotten)),
                None => forgotten.push((NoticeKind::Ungrouped, self.rule)),
            }
        }
        while self.closing() == Some(time) {
            if let Some((_, key)) = self.ends.first().cloned() {
                let group = self.forget(&key);
                let step = group.and_then(|group| group.end(&self.correlation));
                made.extend(step.map(|step| self.found(&key, time, step)));
            }
        }
        made
    }

    fn take(
        &mut self,
        place: usize,
        hit: &Hit,
        key: &Key,
        forgotten: &mut Vec<(NoticeKind, usize)>,
    ) -> Option<(Found, Hit)> {
        let old = self.forget(key);
        let mut group = old.unwrap_or_else(|| Group::new(&self.correlation, hit.time));
        let step = group.take(&self.correlation, place, hit, self.limits.events);
        let made = step.map(|step| self.found(key, hit.time, step));
        self.keep(key, group);
        while self.groups.len() > self.limits.groups || self.kept > self.limits.kept {
            let Some((_, _, least)) = self.ranks.first().cloned() else {
                break;
            };
            self.forget(&least);
            forgotten.push((NoticeKind::Evicted, self.rule));
        }
        made
    }

    /// The values of the fields to group by; none where one is missing.
    fn key(&self, place: usize, hit: &Hit) -> Option<Key> {
        let value = |name: &String| hit.captured.fields.get(name).and_then(render).map(bounded);
        let values: Option<Vec<String>> = self.keys[place].iter().map(value).collect();
        values.map(Into::into)
    }

    fn keep(&mut self, key: &Key, group: Group) {
        self.kept += group.kept();
        self.ends.insert((group.ends, Arc::clone(key)));
        self.ranks
            .insert((group.kept(), group.last, Arc::clone(key)));
        self.groups.insert(Arc::clone(key), group);
    }

    fn forget(&mut self, key: &Key) -> Option<Group> {
        let group = self.groups.remove(key)?;
        self.kept -= group.kept();
        self.ends.remove(&(group.ends, Arc::clone(key)));
        self.ranks
            .remove(&(group.kept(), group.last, Arc::clone(key)));
        Some(group)
    }

    /// Forgets groups of which nothing counts any more.
    fn drop_before(&mut self, time: Timestamp) {
        while let Some((_, key)) = self.ends.first().filter(|(end, _)| *end < time).cloned() {
            self.forget(&key);
        }
    }

    fn found(&self, key: &Key, time: Timestamp, step: Step) -> (Found, Hit) {
        let names = self.correlation.group_by.iter().cloned();
        let values = key.iter().cloned().map(Field::Text);
        let fields: BTreeMap<String, Field> = names.zip(values).collect();
        let mut captured = Captured::clone(&step.captured);
        captured.fields.extend(fields.clone());
        let hit = Hit {
            rule: self.rule,
            time,
            events: in_order(step.events),
            captured: Arc::new(captured),
        };
        let count = step.count;
        (Found { fields, count }, hit)
    }
}

/// Each event once.
fn in_order(events: Vec<EventId>) -> Arc<[EventId]> {
    let mut seen = BTreeSet::new();
    events.into_iter().filter(|it| seen.insert(*it)).collect()
}

/// A value of a group in a length that a table can hold many of.
pub(super) fn bounded(text: String) -> String {
    if text.len() <= MOST_VALUE {
        return text;
    }
    let start: String = text.chars().take(MOST_VALUE / 8).collect();
    format!("{start}… ({})", Digest::of(text.as_bytes()))
}

const MOST_VALUE: usize = 1_024;
