//! Correlations at work: matches of rules are put in the order in which they happened, and then counted.
//!
//! ```text
//!   Hit ──► waiting (by time) ──► Running (a correlation) ──► Match
//!           until nothing can     └ groups, each a State      └──► Hit, of correlations of correlations
//!           come before it
//! ```

mod group;
mod running;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_core::{AssetId, Event, EventId, Field, Timestamp};

use crate::{
    detections::Detections,
    engine::Limits,
    matches::{Match, Notice, NoticeKind},
    sigma::rule::{Asks, Detection},
    view::COMPUTER,
};
use running::{Running, bounded};

/// That a rule matched: what correlations know of it.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) rule: usize,
    pub(crate) time: Timestamp,
    pub(crate) events: Arc<[EventId]>,
    pub(crate) captured: Arc<Captured>,
}

/// What correlations may ask of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captured {
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) source: String,
    pub(crate) assets: Vec<AssetId>,
}

impl Hit {
    pub(crate) fn new(rule: usize, event: &Event, captured: Arc<Captured>) -> Self {
        Self {
            rule,
            time: event.event_time,
            events: Arc::from([event.id]),
            captured,
        }
    }
}

/// All correlations, and what waits for them.
#[derive(Debug)]
pub(crate) struct Correlator {
    limits: Limits,
    rules: Vec<Detection>,
    is_alone: Vec<bool>,
    running: Vec<Running>,
    /// The fields that some correlation asks of events.
    asked: BTreeSet<String>,
    waiting: BTreeMap<(Timestamp, usize, EventId), Hit>,
    /// What happened before it is in order, and taken.
    released: Timestamp,
    notices: BTreeMap<(NoticeKind, String), u64>,
}

impl Correlator {
    pub(crate) fn new(detections: &Detections, limits: Limits) -> Self {
        let mut correlator = Self {
            limits,
            rules: detections.rules.clone(),
            is_alone: detections.is_alone.clone(),
            running: Vec::new(),
            asked: BTreeSet::new(),
            waiting: BTreeMap::new(),
            released: Timestamp::MIN,
            notices: BTreeMap::new(),
        };
        for (at, about) in &detections.correlations {
            let Asks::Matches(correlation) = &detections.rules[*at].asks else {
                continue;
            };
            let running = Running::new(*at, correlation, about.clone(), limits);
            correlator.asked.extend(running.asked());
            if running.is_out_of_reach() {
                correlator.note(NoticeKind::OutOfReach, *at);
            }
            correlator.running.push(running);
        }
        correlator
    }

    /// What correlations may ask of an event. Long texts are kept as their digests.
    pub(crate) fn capture(&self, event: &Event) -> Arc<Captured> {
        let field = |name: &String| {
            let field = match event.fields.get(name) {
                Some(field) => field.clone(),
                None if name == COMPUTER => Field::Text(event.source.clone()),
                None => return None,
            };
            let field = match field {
                Field::Text(text) => Field::Text(bounded(text)),
                field => field,
            };
            Some((name.clone(), field))
        };
        Arc::new(Captured {
            fields: self.asked.iter().filter_map(field).collect(),
            source: event.source.clone(),
            assets: event.assets.clone(),
        })
    }

    /// Takes a match of one event, to be put in order. An event that is delivered twice counts once.
    pub(crate) fn wait(&mut self, hit: Hit) {
        if hit.time < self.released {
            return self.note(NoticeKind::Late, hit.rule);
        }
        let key = (hit.time, hit.rule, hit.events[0]);
        self.waiting.insert(key, hit);
    }

    /// Releases what nothing can come before any more, now that something of this time was seen.
    pub(crate) fn advance(&mut self, seen: Timestamp) -> Vec<Match> {
        let before = seen.saturating_sub(self.limits.lateness);
        let mut matches = self.release(before.unwrap_or(Timestamp::MIN));
        while self.waiting.len() > self.limits.waiting {
            let Some(((time, rule, _), _)) = self.waiting.first_key_value() else {
                break;
            };
            let (time, rule) = (*time, *rule);
            self.note(NoticeKind::Hurried, rule);
            let behind = time.checked_add(jiff::SignedDuration::from_nanos(1));
            matches.extend(self.release(behind.unwrap_or(Timestamp::MAX)));
        }
        matches
    }

    pub(crate) fn finish(&mut self) -> Vec<Match> {
        let mut matches = self.release(Timestamp::MAX);
        // The windows that are open end with the events.
        while let Some(time) = self.running.iter().filter_map(Running::closing).min() {
            matches.extend(self.step(time, Vec::new()));
        }
        matches
    }

    pub(crate) fn notices(&mut self) -> Vec<Notice> {
        let notices = std::mem::take(&mut self.notices).into_iter();
        let notice = |((kind, rule), count)| Notice { kind, rule, count };
        notices.map(notice).collect()
    }

    fn note(&mut self, kind: NoticeKind, rule: usize) {
        let rule = self.rules[rule].id.clone();
        *self.notices.entry((kind, rule)).or_default() += 1;
    }

    /// Takes everything that happened before a time, in the order in which it happened.
    fn release(&mut self, before: Timestamp) -> Vec<Match> {
        let mut matches = Vec::new();
        if before <= self.released {
            return matches;
        }
        loop {
            let hit = self.waiting.first_key_value().map(|((time, ..), _)| *time);
            let closing = self.running.iter().filter_map(Running::closing).min();
            let next = [hit, closing].into_iter().flatten().min();
            let Some(time) = next.filter(|time| *time < before) else {
                break;
            };
            let mut hits = Vec::new();
            while let Some(entry) = self.waiting.first_entry() {
                if entry.key().0 != time {
                    break;
                }
                hits.push(entry.remove());
            }
            matches.extend(self.step(time, hits));
        }
        self.released = before;
        matches
    }

    /// Gives what happened at one time to every correlation, and what that makes match to those about it.
    fn step(&mut self, time: Timestamp, mut hits: Vec<Hit>) -> Vec<Match> {
        let mut matches = Vec::new();
        let mut forgotten = Vec::new();
        for running in &mut self.running {
            let made = running.step(time, &hits, &mut forgotten);
            for (group, hit) in made {
                let rule = &self.rules[hit.rule];
                if self.is_alone[hit.rule] {
                    matches.push(matched(rule, &hit, &group, self.limits.events));
                }
                hits.push(hit);
            }
        }
        for (kind, rule) in forgotten {
            self.note(kind, rule);
        }
        matches
    }
}

/// What a correlation found: the values that its events have in common, and how many were counted.
pub(crate) struct Found {
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) count: u64,
}

fn matched(rule: &Detection, hit: &Hit, found: &Found, most: usize) -> Match {
    let events = hit.events[hit.events.len().saturating_sub(most)..].to_vec();
    Match {
        id: Match::identity(&rule.id, &events, hit.time, &found.fields),
        rule: rule.id.clone(),
        title: rule.title.clone(),
        level: rule.level,
        event_time: hit.time,
        source: hit.captured.source.clone(),
        events,
        count: found.count,
        fields: found.fields.clone(),
        assets: hit.captured.assets.clone(),
    }
}
