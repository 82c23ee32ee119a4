//! Drawings of who reaches whom.

mod dot;
mod svg;

use std::collections::BTreeMap;

pub use self::{dot::dot, svg::svg};

use crate::{Analysis, Bounds, Connections, Endpoint, TooLarge, relation::Relation};

/// Workloads of one namespace that nothing tells apart, or what is outside.
struct Group {
    /// The namespace; of what is outside, none.
    namespace: Option<String>,
    /// What to call it.
    names: Vec<String>,
    /// Its endpoints: of workloads one stands for all.
    endpoints: Vec<usize>,
}

/// What there is to draw: groups, and what passes from each to each.
struct Picture {
    groups: Vec<Group>,
    /// Row by row; nothing where there is nothing to say.
    cells: Vec<Option<Bounds<Connections>>>,
    /// How many groups are left out.
    left_out: usize,
}

impl Group {
    /// `api`, `api, worker`, or `api and 7 others`.
    fn label(&self) -> String {
        match &self.names[..] {
            [] => String::new(),
            [one] => one.clone(),
            [one, other] => format!("{one}, {other}"),
            [first, others @ ..] => format!("{first} and {} others", others.len()),
        }
    }
}

impl Picture {
    fn of(analysis: &Analysis) -> Result<Self, TooLarge> {
        let relation = analysis.relation()?;
        let mut all = groups(analysis, relation);
        let left_out = all.len().saturating_sub(MAX_GROUPS);
        all.truncate(MAX_GROUPS);
        let pairs = all
            .iter()
            .flat_map(|from| all.iter().map(move |to| (from, to)));
        let cells = pairs
            .map(|(from, to)| cell(analysis, relation, from, to))
            .collect();
        Ok(Self {
            groups: all,
            cells,
            left_out,
        })
    }

    /// What passes from each group to each, where something is to be said.
    fn each(&self) -> impl Iterator<Item = (usize, usize, &Bounds<Connections>)> {
        let count = self.groups.len();
        let cells = self.cells.iter().enumerate();
        cells.filter_map(move |(at, cell)| Some((at / count, at % count, cell.as_ref()?)))
    }
}

fn groups(analysis: &Analysis, relation: &Relation) -> Vec<Group> {
    let outside = Group {
        namespace: None,
        names: vec!["outside".to_owned()],
        endpoints: analysis.find("outside"),
    };
    let controller = Group {
        namespace: None,
        names: vec!["ingress controller".to_owned()],
        endpoints: analysis.find("ingress-controller"),
    };
    let mut groups = vec![outside];
    if analysis.entries().iter().any(|it| it.is_proxied) {
        groups.push(controller);
    }
    let mut by_class: BTreeMap<(String, usize), Group> = BTreeMap::new();
    for (at, workload) in analysis.cluster().workloads.iter().enumerate() {
        let namespace = workload.namespace.to_string();
        let group = by_class
            .entry((namespace.clone(), relation.class(at)))
            .or_insert_with(|| Group {
                namespace: Some(namespace),
                names: Vec::new(),
                endpoints: vec![at],
            });
        let part = workload
            .part
            .as_ref()
            .map(|it| format!("#{it}"))
            .unwrap_or_default();
        group.names.push(format!("{}{part}", workload.name));
    }
    let mut inside: Vec<Group> = by_class.into_values().collect();
    inside.sort_by(|a, b| (&a.namespace, &a.names).cmp(&(&b.namespace, &b.names)));
    groups.extend(inside);
    groups
}

/// What passes between some endpoints of both; nothing between two that are outside, or for a group of one with
/// itself.
fn cell(
    analysis: &Analysis,
    relation: &Relation,
    from: &Group,
    to: &Group,
) -> Option<Bounds<Connections>> {
    let is_one = from.endpoints == to.endpoints && from.names.len() == 1;
    if is_one || (from.namespace.is_none() && to.namespace.is_none()) {
        return None;
    }
    let pairs = from
        .endpoints
        .iter()
        .flat_map(|from| to.endpoints.iter().map(move |to| (*from, *to)));
    let passing = pairs.filter_map(|(from, to)| match analysis.endpoint(from) {
        Endpoint::Controller => analysis.entered_at(relation, to),
        _ => Some(relation.between(from, to).clone()),
    });
    match analysis.endpoint(to.endpoints[0]) {
        // Nothing asks for the ingress controller.
        Endpoint::Controller => None,
        _ => Some(passing.reduce(|all, it| all.union(&it)).unwrap_or_default()),
    }
}

/// More rows than that nobody reads.
const MAX_GROUPS: usize = 250;
