//! What a correlation remembers of the events that have the same values.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use casemate_core::{EventId, Timestamp};
use jiff::SignedDuration;

use super::{Captured, Hit, running::bounded};
use crate::{
    sigma::correlation::{Correlation, CorrelationKind},
    text::{Scalar, render},
};

type Events = Arc<[EventId]>;

/// A group, while something of it still counts.
#[derive(Debug)]
pub(super) struct Group {
    /// When nothing of it counts any more, or when it is judged.
    pub(super) ends: Timestamp,
    /// Its last event.
    pub(super) last: Timestamp,
    matched: Option<Timestamp>,
    captured: Arc<Captured>,
    state: State,
}

/// That the condition holds.
pub(super) struct Step {
    pub(super) events: Vec<EventId>,
    pub(super) count: u64,
    pub(super) captured: Arc<Captured>,
}

#[derive(Debug)]
enum State {
    /// As many of the last events as have to be counted.
    Count(VecDeque<(Timestamp, Events)>),
    /// As many of the values that came last as have to be counted.
    Values(Values),
    Sum(VecDeque<(Timestamp, f64, Events)>),
    /// The last event of each rule.
    Temporal(Vec<Option<(Timestamp, Events)>>),
    /// For each rule, the way to it that began last.
    Ordered(Vec<Option<(Timestamp, Vec<EventId>)>>),
    /// A window that is judged at its end.
    Window(Window),
}

#[derive(Debug, Default)]
struct Values {
    order: BTreeMap<(Timestamp, u64), String>,
    places: BTreeMap<String, ((Timestamp, u64), Events)>,
    next: u64,
}

#[derive(Debug, Default)]
struct Window {
    count: u64,
    sum: f64,
    values: BTreeSet<String>,
    rules: BTreeSet<usize>,
    events: VecDeque<EventId>,
}

impl Group {
    /// Whether more events could make the condition false, so that it is judged when the window ends.
    pub(super) fn is_judged_at_end(correlation: &Correlation) -> bool {
        correlation.condition.least().is_none() || correlation.kind == CorrelationKind::ValueAverage
    }

    /// How many events or values have to be kept for the condition to hold.
    pub(super) fn least(correlation: &Correlation) -> Option<u64> {
        match correlation.kind {
            CorrelationKind::EventCount | CorrelationKind::ValueCount => {
                correlation.condition.least()
            }
            _ => None,
        }
    }

    pub(super) fn new(correlation: &Correlation, time: Timestamp) -> Self {
        let rules = correlation.rules.len();
        let state = match correlation.kind {
            _ if Self::is_judged_at_end(correlation) => State::Window(Window::default()),
            CorrelationKind::EventCount => State::Count(VecDeque::new()),
            CorrelationKind::ValueCount => State::Values(Values::default()),
            CorrelationKind::ValueSum => State::Sum(VecDeque::new()),
            CorrelationKind::Temporal => State::Temporal(vec![None; rules]),
            CorrelationKind::TemporalOrdered => State::Ordered(vec![None; rules]),
            CorrelationKind::ValueAverage => State::Window(Window::default()),
        };
        Self {
            ends: after(time, correlation.timespan),
            last: time,
            matched: None,
            captured: Arc::default(),
            state,
        }
    }

    /// How much it remembers.
    pub(super) fn kept(&self) -> usize {
        match &self.state {
            State::Count(events) => events.len(),
            State::Values(values) => values.order.len(),
            State::Sum(events) => events.len(),
            State::Temporal(last) => last.iter().flatten().count(),
            State::Ordered(ways) => ways.iter().flatten().map(|(_, events)| events.len()).sum(),
            State::Window(window) => 1 + window.values.len() + window.events.len(),
        }
    }

    /// Takes a hit of the rule at `place`; gives what it completes.
    pub(super) fn take(
        &mut self,
        correlation: &Correlation,
        place: usize,
        hit: &Hit,
        most_events: usize,
    ) -> Option<Step> {
        self.last = hit.time;
        self.captured = Arc::clone(&hit.captured);
        let timespan = correlation.timespan;
        let from = hit.time.checked_sub(timespan).unwrap_or(Timestamp::MIN);
        let least = correlation.condition.least().unwrap_or(u64::MAX);
        let most = usize::try_from(least).unwrap_or(usize::MAX);
        let (count, events) = match &mut self.state {
            State::Window(window) => {
                window.take(correlation, place, hit, most_events);
                return None;
            }
            State::Count(events) => {
                events.push_back((hit.time, Arc::clone(&hit.events)));
                while events.len() > most || events.front().is_some_and(|it| it.0 < from) {
                    events.pop_front();
                }
                let count = events.len() as u64;
                (count >= least).then(|| (count, flat(events.iter().map(|it| &it.1), most_events)))
            }
            State::Values(values) => {
                values.take(correlation, hit, from, most);
                let count = values.order.len() as u64;
                (count >= least).then(|| (count, values.events(most_events)))
            }
            State::Sum(events) => {
                for number in numbers(correlation, hit) {
                    events.push_back((hit.time, number, Arc::clone(&hit.events)));
                }
                while events.front().is_some_and(|it| it.0 < from) {
                    events.pop_front();
                }
                let sum: f64 = events.iter().map(|it| it.1).sum();
                let holds = correlation.condition.holds(sum);
                let count = events.len() as u64;
                holds.then(|| (count, flat(events.iter().map(|it| &it.2), most_events)))
            }
            State::Temporal(last) => {
                last[place] = Some((hit.time, Arc::clone(&hit.events)));
                for old in last.iter_mut() {
                    old.take_if(|(time, _)| *time < from);
                }
                let mut seen: Vec<_> = last.iter().flatten().collect();
                seen.sort();
                let count = seen.len() as u64;
                (count >= least).then(|| (count, flat(seen.iter().map(|it| &it.1), most_events)))
            }
            State::Ordered(ways) => {
                follow(ways, place, hit, from, most_events);
                let last = ways.last_mut()?.take();
                last.map(|(_, events)| (ways.len() as u64, events))
            }
        }
        .unzip();
        self.ends = after(hit.time, timespan);
        let is_quiet = self.matched.is_some_and(|matched| matched >= from);
        let count = count.filter(|_| !is_quiet)?;
        self.matched = Some(hit.time);
        Some(Step {
            events: events?,
            count,
            captured: Arc::clone(&self.captured),
        })
    }

    /// Judges a window at its end.
    pub(super) fn end(self, correlation: &Correlation) -> Option<Step> {
        let State::Window(window) = self.state else {
            return None;
        };
        let (value, count) = window.value(correlation)?;
        correlation.condition.holds(value).then(|| Step {
            events: window.events.into(),
            count,
            captured: self.captured,
        })
    }
}

impl Values {
    fn take(&mut self, correlation: &Correlation, hit: &Hit, from: Timestamp, most: usize) {
        for value in values(correlation, hit) {
            let place = (hit.time, self.next);
            self.next += 1;
            self.order.insert(place, value.clone());
            let old = self.places.insert(value, (place, Arc::clone(&hit.events)));
            if let Some((old, _)) = old {
                self.order.remove(&old);
            }
        }
        while let Some(entry) = self.order.first_entry() {
            if entry.key().0 >= from && self.places.len() <= most {
                break;
            }
            self.places.remove(&entry.remove());
        }
    }

    fn events(&self, most: usize) -> Vec<EventId> {
        let events = self
            .order
            .values()
            .filter_map(|value| self.places.get(value));
        flat(events.map(|(_, events)| events), most)
    }
}

impl Window {
    fn take(&mut self, correlation: &Correlation, place: usize, hit: &Hit, most_events: usize) {
        let added: Vec<f64> = numbers(correlation, hit);
        self.count += match correlation.kind {
            CorrelationKind::ValueAverage | CorrelationKind::ValueSum => added.len() as u64,
            _ => 1,
        };
        self.sum += added.iter().sum::<f64>();
        self.rules.insert(place);
        if correlation.kind == CorrelationKind::ValueCount {
            self.values.extend(values(correlation, hit));
        }
        self.events.extend(hit.events.iter());
        while self.events.len() > most_events {
            self.events.pop_front();
        }
    }

    /// What the condition is about, and how many were counted.
    fn value(&self, correlation: &Correlation) -> Option<(f64, u64)> {
        // Counts are far below what a float holds.
        #[expect(clippy::cast_precision_loss)]
        let float = |count: u64| count as f64;
        let counted = |count: u64| Some((float(count), count));
        match correlation.kind {
            CorrelationKind::EventCount => counted(self.count),
            CorrelationKind::ValueCount => counted(self.values.len() as u64),
            CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
                counted(self.rules.len() as u64)
            }
            CorrelationKind::ValueSum => Some((self.sum, self.count)),
            CorrelationKind::ValueAverage => {
                (self.count > 0).then(|| (self.sum / float(self.count), self.count))
            }
        }
    }
}

/// Goes a step further on the way through the rules, where their order allows it.
fn follow(
    ways: &mut [Option<(Timestamp, Vec<EventId>)>],
    place: usize,
    hit: &Hit,
    from: Timestamp,
    most_events: usize,
) {
    for way in ways.iter_mut() {
        way.take_if(|(start, _)| *start < from);
    }
    let before = match place.checked_sub(1) {
        None => Some((hit.time, Vec::new())),
        Some(before) => ways[before].clone(),
    };
    let Some((start, mut events)) = before else {
        return;
    };
    events.extend(hit.events.iter());
    events.drain(..events.len().saturating_sub(most_events));
    // Of two ways the one that began later lasts longer.
    if ways[place]
        .as_ref()
        .is_none_or(|(other, _)| *other <= start)
    {
        ways[place] = Some((start, events));
    }
}

/// The values that are counted of a hit: of several fields, all of them together.
fn values(correlation: &Correlation, hit: &Hit) -> Vec<String> {
    let fields = &correlation.condition.fields;
    if let [name] = &fields[..] {
        let field = hit.captured.fields.get(name);
        let scalars = field.map(Scalar::all).unwrap_or_default().into_iter();
        return scalars.map(|it| bounded(it.text.into_owned())).collect();
    }
    let value = |name: &String| hit.captured.fields.get(name).and_then(render);
    let values: Option<Vec<String>> = fields.iter().map(value).collect();
    values
        .map(|values| bounded(format!("{values:?}")))
        .into_iter()
        .collect()
}

fn numbers(correlation: &Correlation, hit: &Hit) -> Vec<f64> {
    let is_number = matches!(
        correlation.kind,
        CorrelationKind::ValueSum | CorrelationKind::ValueAverage
    );
    let name = correlation.condition.fields.first().filter(|_| is_number);
    let field = name.and_then(|name| hit.captured.fields.get(name));
    let scalars = field.map(Scalar::all).unwrap_or_default();
    let numbers = scalars.iter().filter_map(Scalar::as_number);
    numbers.map(|it| it.float()).collect()
}

fn flat<'e>(events: impl DoubleEndedIterator<Item = &'e Events>, most: usize) -> Vec<EventId> {
    let mut last: Vec<EventId> = (events.rev())
        .flat_map(|it| it.iter().rev().copied())
        .take(most)
        .collect();
    last.reverse();
    last
}

fn after(time: Timestamp, timespan: SignedDuration) -> Timestamp {
    time.checked_add(timespan).unwrap_or(Timestamp::MAX)
}
