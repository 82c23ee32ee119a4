//! Who calls whom, so that no evaluation outgrows its stack.
//!
//! `regorus` notices a rule that needs itself, but follows a recursive function until the stack is
//! gone, which ends the process and cannot be fenced. Rego forbids recursion anyway.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{EngineError, engine::Message};

/// One rule or function, under all its definitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) is_function: bool,
    /// How deep its expressions nest.
    pub(crate) levels: usize,
    /// The beginnings of the paths it refers to.
    pub(crate) references: BTreeSet<Vec<String>>,
    /// The functions it may call, by full path.
    pub(crate) called: BTreeSet<Vec<String>>,
}

/// Rules and functions by their path under `data`.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<Vec<String>, Node>);

impl Graph {
    pub(crate) fn add(&mut self, path: Vec<String>, node: Node) {
        let known = self.0.entry(path).or_default();
        known.is_function |= node.is_function;
        known.levels = known.levels.max(node.levels);
        known.references.extend(node.references);
        known.called.extend(node.called);
    }

    /// Refuses functions that call themselves, and calls that go deeper than [`MAX_LEVELS`].
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let nodes: Vec<(&Vec<String>, &Node)> = self.0.iter().collect();
        let number: BTreeMap<&Vec<String>, usize> = nodes
            .iter()
            .enumerate()
            .map(|(at, (path, _))| (*path, at))
            .collect();
        let function = |path: &Vec<String>| {
            number
                .get(path)
                .copied()
                .filter(|&at| nodes[at].1.is_function)
        };
        let calls: Vec<Vec<usize>> = nodes
            .iter()
            .map(|(_, node)| node.called.iter().filter_map(function).collect())
            .collect();
        // A rule that stands between two functions is met by the library's own check.
        let among_functions: Vec<Vec<usize>> = nodes
            .iter()
            .zip(&calls)
            .map(|((_, node), calls)| {
                if node.is_function {
                    calls.clone()
                } else {
                    Vec::new()
                }
            })
            .collect();
        for group in components(&among_functions) {
            let first = group[0];
            if group.len() > 1 || among_functions[first].contains(&first) {
                let text = format!("the function {} calls itself", nodes[first].0.join("."));
                return Err(EngineError::Refuse(Message::new(&text)));
            }
        }
        let mut edges = calls;
        let mut total = 0;
        for (at, (_, node)) in nodes.iter().enumerate() {
            for path in &node.references {
                let targets = self
                    .targets(path)
                    .filter_map(|path| number.get(path).copied());
                edges[at].extend(targets.filter(|&to| to != at));
            }
            total += edges[at].len();
            if total > MAX_EDGES {
                let text = "the rules refer to each other in more than a million ways";
                return Err(EngineError::Refuse(Message::new(text)));
            }
        }
        let levels: Vec<usize> = nodes.iter().map(|(_, node)| node.levels).collect();
        let deepest = deepest(&edges, &levels);
        if deepest > MAX_LEVELS {
            let text = format!("the rules call each other too deeply: {deepest} levels");
            return Err(EngineError::Refuse(Message::new(&text)));
        }
        Ok(())
    }

    /// The rules that a reference to `path` can mean: those at it, below it and above it.
    fn targets<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a Vec<String>> {
        let below = self
            .0
            .range::<[String], _>((Bound::Included(path), Bound::Unbounded))
            .take_while(move |(rule, _)| rule.starts_with(path));
        let above = (1..path.len()).filter_map(|length| self.0.get_key_value(&path[..length]));
        below
            .chain(above)
            .filter(|(_, node)| !node.is_function)
            .map(|(rule, _)| rule)
    }
}

/// The most levels that a way through the graph can cost. The members of a cycle count once each:
/// the library stops where it comes back to a rule.
fn deepest(edges: &[Vec<usize>], levels: &[usize]) -> usize {
    let groups = components(edges);
    let mut group_of = vec![0; edges.len()];
    for (at, group) in groups.iter().enumerate() {
        group.iter().for_each(|&node| group_of[node] = at);
    }
    // Components come with what they lead to first.
    let mut cost: Vec<usize> = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        let own: usize = group.iter().map(|&node| levels[node]).sum();
        let below = group
            .iter()
            .flat_map(|&node| &edges[node])
            .map(|&to| group_of[to])
            .filter(|&to| to != at)
            .map(|to| cost[to])
            .max();
        cost.push(own.saturating_add(below.unwrap_or(0)));
    }
    cost.into_iter().max().unwrap_or(0)
}

/// The strongly connected components, each after all that it leads to (Tarjan, without recursion).
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut order = vec![usize::MAX; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut is_open = vec![false; edges.len()];
    let (mut open, mut way, mut groups, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for root in 0..edges.len() {
        if order[root] != usize::MAX {
            continue;
        }
        way.push((root, 0));
        while let Some(&mut (node, ref mut edge)) = way.last_mut() {
            if *edge == 0 && order[node] == usize::MAX {
                (order[node], low[node]) = (next, next);
                next += 1;
                open.push(node);
                is_open[node] = true;
            }
            if let Some(&to) = edges[node].get(*edge) {
                *edge += 1;
                if order[to] == usize::MAX {
                    way.push((to, 0));
                } else if is_open[to] {
                    low[node] = low[node].min(order[to]);
                }
                continue;
            }
            way.pop();
            if let Some(&(parent, _)) = way.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == order[node] {
                let at = open.iter().rposition(|&member| member == node).unwrap_or(0);
                let group = open.split_off(at);
                group.iter().for_each(|&member| is_open[member] = false);
                groups.push(group);
            }
        }
    }
    groups
}

/// What the stack of [`crate::fence`] holds: a level costs a debug build 5 KiB (measured over
/// chains of functions, rules, operators and references: 2 to 16), and this leaves 32.
const MAX_LEVELS: usize = 8_192;

const MAX_EDGES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_come_after_what_they_lead_to() {
        let edges = [vec![1], vec![2], vec![1, 3], vec![], vec![0, 4]];
        assert_eq!(components(&edges), [vec![3], vec![1, 2], vec![0], vec![4]]);
        assert_eq!(deepest(&edges, &[1, 10, 100, 1_000, 10_000]), 11_111);
        assert_eq!(deepest(&[], &[]), 0);
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let edges: Vec<Vec<usize>> = (1..=100_000).map(|to| vec![to]).chain([vec![]]).collect();
        assert_eq!(deepest(&edges, &vec![1; edges.len()]), 100_001);
    }
}
