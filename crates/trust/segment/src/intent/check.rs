//! Whether what passes is what is declared.

use std::collections::{BTreeMap, HashMap};

use casemate_posture::Truth;

use super::{Intent, METADATA};
use crate::{Analysis, Bounds, Connections, Endpoint, TooLarge, entry::sent};

/// Something that is not as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In which way.
    pub kind: ViolationKind,
    /// Whether it is surely so; otherwise it hangs on something that is not known.
    pub is_sure: bool,
    /// The place of the source's zone, if it is in one.
    pub from: Option<usize>,
    /// The place of the destination's zone, if it is in one.
    pub to: Option<usize>,
    /// What passes or does not; nothing, where it is not about connections.
    pub connections: Connections,
    /// The endpoints between which it is so, as [`Analysis::endpoint`] takes them: the first [`MAX_PAIRS`] of
    /// them, and never none. Where it is about a workload alone, that twice.
    pub pairs: Vec<(usize, usize)>,
    /// How many pairs there are.
    pub count: usize,
    /// The line of the flow that is not kept, from 1.
    pub line: Option<u64>,
}

/// In which way something is not as it is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ViolationKind {
    /// Connections pass that no flow declares.
    Undeclared,
    /// Connections are declared and do not pass.
    Blocked,
    /// A workload runs as another service account than the flow of its zone says.
    Account,
    /// A workload is in no zone.
    Unplaced,
}

impl ViolationKind {
    /// Its name: `undeclared`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::Blocked => "blocked",
            Self::Account => "account",
            Self::Unplaced => "unplaced",
        }
    }
}

/// What is not as declared, by kind and zones. The analysis has to tell the addresses of the zones apart: see
/// [`Intent::assumptions`].
///
/// # Errors
///
/// [`TooLarge`].
pub fn check(intent: &Intent, analysis: &Analysis) -> Result<Vec<Violation>, TooLarge> {
    let zones = analysis
        .places()
        .map(|at| intent.zone_of(&analysis.endpoint(at)));
    let zones: Vec<Option<usize>> = zones.collect();
    let mut found = Found::default();
    for (at, workload) in analysis.cluster().workloads.iter().enumerate() {
        if zones[at].is_none() {
            let may_be = intent
                .zones
                .iter()
                .any(|zone| matches!(zone.selects(workload), Truth::Unknown(_)));
            let way = (ViolationKind::Unplaced, !may_be, None, None, None);
            found.add(way, &Connections::default(), (at, at));
        }
    }
    passing(intent, analysis, &zones, &mut found)?;
    accounts(intent, analysis, &zones, &mut found);
    Ok(found.violations())
}

/// What passes and is not declared, and the other way round.
fn passing(
    intent: &Intent,
    analysis: &Analysis,
    zones: &[Option<usize>],
    found: &mut Found,
) -> Result<(), TooLarge> {
    let all = analysis.passing()?;
    let is_left_open = |at: usize| intent.leaves_open(&analysis.endpoint(at));
    let left_open: Vec<bool> = analysis.places().map(is_left_open).collect();
    // Endpoints of one class and zone have the same fate.
    let mut groups = HashMap::new();
    let of = |at| {
        let controller = matches!(analysis.endpoint(at), Endpoint::Controller);
        (all.class(at), zones[at], controller, left_open[at])
    };
    let group: Vec<usize> = analysis
        .places()
        .map(|at| {
            let next = groups.len();
            *groups.entry(of(at)).or_insert(next)
        })
        .collect();
    let mut governed = vec![false; intent.zones.len()];
    intent.governed().for_each(|at| governed[at] = true);
    let table = intent.table();
    // It answers, and opens no connection.
    let metadata = intent.zone(METADATA);
    let is_governed = |zone: Option<usize>| zone.is_some_and(|it| governed[it]);
    let mut kept: HashMap<Pair, (Option<u64>, Vec<Wrong>)> = HashMap::new();
    for from in analysis.places() {
        let is_sent = matches!(analysis.endpoint(from), Endpoint::Controller);
        for to in analysis.places() {
            let is_silent = metadata.is_some() && zones[from] == metadata;
            if is_silent || (!is_governed(zones[from]) && !is_governed(zones[to])) {
                continue;
            }
            let Some(passing) = all.between(from, to) else {
                continue;
            };
            let compare = || {
                let ends = zones[from].zip(zones[to]);
                let meant = ends.and_then(|(from, to)| table.declared(from, to));
                let meant = meant.cloned().unwrap_or_default();
                let mut needed = Bounds::exact(meant.clone());
                if is_sent {
                    // What nothing sends through the controller is not stopped by policies.
                    let sent = sent(&analysis.ways_to(to).collect::<Vec<_>>());
                    needed = needed.intersection(&sent);
                }
                if left_open[from] || left_open[to] {
                    needed = Bounds::default();
                }
                let line = ends.and_then(|(from, to)| table.line_of(from, to));
                (line, compare(&passing, &meant, &needed))
            };
            // What comes through the controller is of each workload its own.
            let (line, wrong) = match is_sent {
                true => &compare(),
                false => &*kept.entry((group[from], group[to])).or_insert_with(compare),
            };
            for (kind, is_sure, connections) in wrong {
                let way = (*kind, *is_sure, zones[from], zones[to], *line);
                found.add(way, connections, (from, to));
            }
        }
    }
    Ok(())
}

/// What passes against what may, and against what has to.
fn compare(
    passing: &Bounds<Connections>,
    meant: &Connections,
    needed: &Bounds<Connections>,
) -> Vec<Wrong> {
    let surely = passing.least.difference(meant);
    let maybe = passing.most.difference(meant).difference(&surely);
    let blocked = needed.least.difference(&passing.most);
    let perhaps = needed.most.difference(&passing.least);
    let perhaps = perhaps.difference(&blocked);
    let mut wrong = vec![
        (ViolationKind::Undeclared, true, surely),
        (ViolationKind::Undeclared, false, maybe),
        (ViolationKind::Blocked, true, blocked),
        (ViolationKind::Blocked, false, perhaps),
    ];
    wrong.retain(|(_, _, connections)| !connections.is_empty());
    wrong
}

fn accounts(intent: &Intent, analysis: &Analysis, zones: &[Option<usize>], found: &mut Found) {
    for flow in intent.flows.iter().filter(|it| !it.accounts.is_empty()) {
        for (at, workload) in analysis.cluster().workloads.iter().enumerate() {
            if zones[at] != Some(flow.from) {
                continue;
            }
            let account = workload.account.clone().ok();
            let is_meant = account.as_ref().is_some_and(|account| {
                let full = format!("{}/{account}", workload.namespace);
                flow.accounts.iter().any(|it| it == account || *it == full)
            });
            if !is_meant {
                let (from, to) = (Some(flow.from), Some(flow.to));
                let is_sure = account.is_some();
                let way = (ViolationKind::Account, is_sure, from, to, Some(flow.line));
                found.add(way, &Connections::default(), (at, at));
            }
        }
    }
}

/// In which way, whether for sure, from and to which zones, and the line of their flow.
type Way = (
    ViolationKind,
    bool,
    Option<usize>,
    Option<usize>,
    Option<u64>,
);

/// Pairs of endpoints by what is wrong with them.
#[derive(Default)]
struct Found(BTreeMap<Way, Alike>);

/// Pairs by the connections that are wrong, in the order in which they are found.
#[derive(Default)]
struct Alike {
    places: HashMap<Connections, usize>,
    found: Vec<(Connections, Vec<Pair>, usize)>,
}

/// A source and a destination.
type Pair = (usize, usize);

/// In which way, whether for sure, and of what.
type Wrong = (ViolationKind, bool, Connections);

impl Found {
    fn add(&mut self, way: Way, connections: &Connections, pair: Pair) {
        let alike = self.0.entry(way).or_default();
        let place = match alike.places.get(connections) {
            Some(place) => *place,
            None => {
                let place = alike.found.len();
                alike.places.insert(connections.clone(), place);
                alike.found.push((connections.clone(), Vec::new(), 0));
                place
            }
        };
        let (_, pairs, count) = &mut alike.found[place];
        *count += 1;
        if pairs.len() < MAX_PAIRS {
            pairs.push(pair);
        }
    }

    fn violations(self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for ((kind, is_sure, from, to, line), alike) in self.0 {
            let found = alike.found.into_iter();
            violations.extend(found.map(|(connections, pairs, count)| Violation {
                kind,
                is_sure,
                from,
                to,
                connections,
                pairs,
                count,
                line,
            }));
        }
        // What is sure first.
        violations.sort_by_key(|it| !it.is_sure);
        violations
    }
}

/// Of more pairs that are wrong in one way only the number is kept.
pub const MAX_PAIRS: usize = 1_000;
