//! Ways through several workloads: who cannot reach another directly may reach somebody who can.

use std::collections::VecDeque;

use crate::{Analysis, Edge, TooLarge, analysis::Passing};

impl Analysis {
    /// A shortest way from one of some endpoints to one of others, each step of which surely passes; what stands
    /// between is workloads, which somebody who holds one of them can use. No step where there is none.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn chain(&self, from: &[usize], to: &[usize]) -> Result<Vec<Edge<'_>>, TooLarge> {
        let all = self.passing()?;
        let mut before: Vec<Option<usize>> = vec![None; self.places().count()];
        let mut todo: VecDeque<usize> = from.iter().copied().collect();
        let mut seen: Vec<bool> = self.places().map(|at| from.contains(&at)).collect();
        while let Some(here) = todo.pop_front() {
            for next in self.places() {
                if seen[next] || !surely_passes(all, here, next) {
                    continue;
                }
                seen[next] = true;
                before[next] = Some(here);
                if to.contains(&next) {
                    return Ok(self.steps(all, &before, next));
                }
                if next < self.cluster().workloads.len() {
                    todo.push_back(next);
                }
            }
        }
        Ok(Vec::new())
    }

    fn steps<'a>(
        &'a self,
        all: Passing<'a>,
        before: &[Option<usize>],
        last: usize,
    ) -> Vec<Edge<'a>> {
        let mut steps = Vec::new();
        let mut to = last;
        while let Some(from) = before[to] {
            if let Some(connections) = all.between(from, to) {
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

fn surely_passes(all: Passing<'_>, from: usize, to: usize) -> bool {
    let passing = all.between(from, to);
    passing.is_some_and(|it| !it.least.is_empty())
}
