//! Whether what passes is what is declared.

use std::collections::{BTreeMap, HashMap};

use casemate_posture::Truth;

use super::{Intent, METADATA};
use crate::{Analysis, Bounds, Connections, Endpoint, TooLarge};

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
    /// The endpoints between which it is so, as [`Analysis::endpoint`] takes them; never none. Where it is
    /// about a workload alone, that twice.
    pub pairs: Vec<(usize, usize)>,
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
            let way = (ViolationKind::Unplaced, !may_be, None, None);
            found.add(way, &Connections::default(), (at, at));
        }
    }
    passing(intent, analysis, &zones, &mut found)?;
    accounts(intent, analysis, &zones, &mut found);
    Ok(found.violations(intent))
}

/// What passes and is not declared, and the other way round.
fn passing(
    intent: &Intent,
    analysis: &Analysis,
    zones: &[Option<usize>],
    found: &mut Found,
) -> Result<(), TooLarge> {
    let all = analysis.passing()?;
    // Endpoints of one class and zone have the same fate.
    let mut groups = HashMap::new();
    let of = |at| {
        let controller = matches!(analysis.endpoint(at), Endpoint::Controller);
        (all.class(at), zones[at], controller)
    };
    let group: Vec<usize> = analysis
        .places()
        .map(|at| {
            let next = groups.len();
            *groups.entry(of(at)).or_insert(next)
        })
        .collect();
    let governed: Vec<usize> = intent.governed().collect();
    // It answers, and opens no connection.
    let metadata = intent.zone(METADATA);
    let is_governed = |zone: Option<usize>| zone.is_some_and(|it| governed.contains(&it));
    let mut kept: HashMap<Pair, Vec<Wrong>> = HashMap::new();
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
                let meant =
                    ends.map_or_else(Connections::default, |(from, to)| intent.declared(from, to));
                compare(&passing, &meant)
            };
            // What comes through the controller is of each workload its own.
            let wrong = match is_sent {
                true => &compare(),
                false => &*kept.entry((group[from], group[to])).or_insert_with(compare),
            };
            for (kind, is_sure, connections) in wrong {
                let way = (*kind, *is_sure, zones[from], zones[to]);
                found.add(way, connections, (from, to));
            }
        }
    }
    Ok(())
}

fn compare(passing: &Bounds<Connections>, meant: &Connections) -> Vec<Wrong> {
    let surely = passing.least.difference(meant);
    let maybe = passing.most.difference(meant).difference(&surely);
    let blocked = meant.difference(&passing.most);
    let perhaps = meant.difference(&passing.least).difference(&blocked);
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
            let full = format!("{}/{}", workload.namespace, workload.account);
            let is_meant = |name: &String| *name == workload.account || *name == full;
            if zones[at] == Some(flow.from) && !flow.accounts.iter().any(is_meant) {
                let way = (ViolationKind::Account, true, Some(flow.from), Some(flow.to));
                found.add(way, &Connections::default(), (at, at));
            }
        }
    }
}

type Way = (ViolationKind, bool, Option<usize>, Option<usize>);

/// Pairs of endpoints by what is wrong with them.
#[derive(Default)]
struct Found(BTreeMap<Way, Vec<(Connections, Vec<Pair>)>>);

/// A source and a destination.
type Pair = (usize, usize);

/// In which way, whether for sure, and of what.
type Wrong = (ViolationKind, bool, Connections);

impl Found {
    fn add(&mut self, way: Way, connections: &Connections, pair: Pair) {
        let alike = self.0.entry(way).or_default();
        match alike.iter_mut().find(|(it, _)| it == connections) {
            Some((_, pairs)) => pairs.push(pair),
            None => alike.push((connections.clone(), vec![pair])),
        }
    }

    fn violations(self, intent: &Intent) -> Vec<Violation> {
        let mut violations = Vec::new();
        for ((kind, is_sure, from, to), alike) in self.0 {
            let line = from.zip(to).and_then(|(from, to)| intent.line_of(from, to));
            violations.extend(alike.into_iter().map(|(connections, pairs)| Violation {
                kind,
                is_sure,
                from,
                to,
                connections,
                pairs,
                line,
            }));
        }
        // What is sure first.
        violations.sort_by_key(|it| !it.is_sure);
        violations
    }
}
