//! Ways through several workloads: who cannot reach another directly may reach somebody who can.

use std::collections::VecDeque;

use crate::{Analysis, Edge};

impl Analysis {
    /// A shortest way from one of some endpoints to one of others, each step of which surely passes; what stands
    /// between is workloads, which somebody who holds one of them can use. Nothing where there is none, and
    /// nothing of a way without a step.
    pub fn chain(&self, from: &[usize], to: &[usize]) -> Option<Vec<Edge<'_>>> {
        let mut before: Vec<Option<usize>> = vec![None; self.places().count()];
        let mut todo: VecDeque<usize> = from.iter().copied().collect();
        let mut seen: Vec<bool> = self.places().map(|at| from.contains(&at)).collect();
        while let Some(here) = todo.pop_front() {
            for next in self.places() {
                if seen[next] || !self.surely_passes(here, next) {
                    continue;
                }
                seen[next] = true;
                before[next] = Some(here);
                if to.contains(&next) {
                    return Some(self.steps(&before, next));
                }
                if next < self.cluster().workloads.len() {
                    todo.push_back(next);
                }
            }
        }
        None
    }

    fn surely_passes(&self, from: usize, to: usize) -> bool {
        let passing = self.passing(from, to);
        passing.is_some_and(|it| !it.least.is_empty())
    }

    fn steps(&self, before: &[Option<usize>], last: usize) -> Vec<Edge<'_>> {
        let mut steps = Vec::new();
        let mut to = last;
        while let Some(from) = before[to] {
            if let Some(connections) = self.passing(from, to) {
                steps.push(Edge {
                    from: self.endpoint(from),
                    to: self.endpoint(to),
                    connections,
                });
            }
            to = from;
        }
        steps.reverse();
        steps
    }
}
