//! Events in, matches out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use casemate_core::{Event, LogSource, Timestamp};
use jiff::SignedDuration;

use crate::{
    correlate::{Correlator, Hit},
    detections::Detections,
    index::Index,
    matches::{Match, Notice},
    sigma::rule::{Asks, Detection},
    view::{FieldNames, View},
};

/// What the engine may keep, and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after another event one may come that happened before it. Within it, what is found does
    /// not depend on the order in which events arrive; and so long does a correlation wait.
    pub lateness: SignedDuration,
    /// Matches that wait for others to come before them.
    pub waiting: usize,
    /// Groups of one correlation.
    pub groups: usize,
    /// What one correlation keeps, over all its groups: events, values and steps.
    pub kept: usize,
    /// Events that a match names.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lateness: SignedDuration::from_secs(30),
            waiting: 100_000,
            groups: 10_000,
            kept: 100_000,
            events: 100,
        }
    }
}

/// Rules at work. It has no clock: time is that of the events, and what [`Engine::advance`] says.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<Detection>,
    names: FieldNames,
    is_alone: Vec<bool>,
    is_correlated: Vec<bool>,
    /// The log sources that rules name, by number, and that of each rule.
    routes: HashMap<LogSource, usize>,
    route_of: Vec<usize>,
    index: Index,
    candidates: Vec<usize>,
    correlator: Correlator,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(detections: &Detections, limits: Limits) -> Self {
        let mut routes = HashMap::new();
        let mut route_of = vec![usize::MAX; detections.rules.len()];
        let questions = detections.rules.iter().enumerate();
        let questions = questions.filter_map(|(at, rule)| match &rule.asks {
            Asks::Events(question) => Some((at, question)),
            Asks::Matches(_) => None,
        });
        for (at, question) in questions.clone() {
            let next = routes.len();
            route_of[at] = *routes.entry(question.log_source.clone()).or_insert(next);
        }
        let about = detections.correlations.iter().flat_map(|(_, about)| about);
        let about: BTreeSet<usize> = about.copied().collect();
        Self {
            rules: detections.rules.clone(),
            names: detections.names.clone(),
            is_alone: detections.is_alone.clone(),
            is_correlated: (0..detections.rules.len())
                .map(|at| about.contains(&at))
                .collect(),
            routes,
            route_of,
            index: Index::new(questions.map(|(at, question)| (at, &*question.search))),
            candidates: Vec::new(),
            correlator: Correlator::new(detections, limits),
        }
    }

    /// Takes an event, and gives what it completes: matches of the event itself, and those of correlations that
    /// nothing can come before any more.
    pub fn observe(&mut self, event: &Event) -> Vec<Match> {
        let mut matches = Vec::new();
        let mut captured = None;
        let view = View::new(event, &self.names);
        let sources = sources(&self.routes, &event.log_source);
        self.index.candidates(&view, &mut self.candidates);
        for &at in &self.candidates {
            if !sources.contains(&self.route_of[at]) {
                continue;
            }
            let rule = &self.rules[at];
            let Asks::Events(question) = &rule.asks else {
                continue;
            };
            if !question.search.matches(&view) {
                continue;
            }
            if self.is_alone[at] {
                matches.push(alone(rule, event));
            }
            if self.is_correlated[at] {
                let captured = captured.get_or_insert_with(|| self.correlator.capture(event));
                self.correlator
                    .wait(Hit::new(at, event, Arc::clone(captured)));
            }
        }
        // A clock that runs ahead must not make the events of all others late.
        let seen = event.event_time.min(event.ingest_time);
        matches.extend(self.correlator.advance(seen));
        matches
    }

    /// Says that time has passed without events: none will come any more that happened before `now`, less the
    /// lateness.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Match> {
        self.correlator.advance(now)
    }

    /// Gives what is still waiting. Correlations take nothing after it.
    pub fn finish(&mut self) -> Vec<Match> {
        self.correlator.finish()
    }

    /// What was forgotten since the last time that this was asked.
    pub fn notices(&mut self) -> Vec<Notice> {
        self.correlator.notices()
    }
}

/// The log sources of rules that a log source is of: those that name all of it, and those that name less.
fn sources(routes: &HashMap<LogSource, usize>, source: &LogSource) -> Vec<usize> {
    let part = |part: &Option<String>| part.as_ref().map(|it| it.to_lowercase());
    let whole = LogSource {
        category: part(&source.category),
        product: part(&source.product),
        service: part(&source.service),
    };
    let named = |bits: u8| {
        let kept = |bit: u8, part: &Option<String>| part.clone().filter(|_| bits & bit != 0);
        let key = LogSource {
            category: kept(1, &whole.category),
            product: kept(2, &whole.product),
            service: kept(4, &whole.service),
        };
        routes.get(&key).copied()
    };
    (1..8).filter_map(named).collect()
}

fn alone(rule: &Detection, event: &Event) -> Match {
    let field = |name: &String| Some((name.clone(), event.fields.get(name)?.clone()));
    let fields: BTreeMap<_, _> = rule.fields.iter().filter_map(field).collect();
    let events = vec![event.id];
    Match {
        id: Match::identity(&rule.id, &events, event.event_time, &BTreeMap::new()),
        rule: rule.id.clone(),
        title: rule.title.clone(),
        level: rule.level,
        event_time: event.event_time,
        source: event.source.clone(),
        events,
        count: 1,
        fields,
        assets: event.assets.clone(),
    }
}
