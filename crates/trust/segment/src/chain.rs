//! Ways through several workloads: who cannot reach another directly may reach somebody who can.

use std::collections::VecDeque;

use crate::{Analysis, Bounds, Connections, Edge, TooLarge, analysis::Passing};

impl Analysis {
    /// A shortest way from one of some endpoints to one of others; what stands between is workloads, which
    /// somebody who holds one of them can use. One each step of which surely passes, if there is one; else one
    /// whose steps may. No step where there is none.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn chain(&self, from: &[usize], to: &[usize]) -> Result<Vec<Edge<'_>>, TooLarge> {
        let all = self.passing()?;
        let (both, others): (Vec<usize>, Vec<usize>) =
            to.iter().copied().partition(|it| from.contains(it));
        for of in [least, most] {
            let mut steps = self.way(all, from, &others, of);
            // To one that is a source as well the way is from another.
            for at in &both {
                if steps.is_empty() {
                    let rest: Vec<usize> = from.iter().copied().filter(|it| it != at).collect();
                    steps = self.way(all, &rest, &[*at], of);
                }
            }
            if !steps.is_empty() {
                return Ok(steps);
            }
        }
        Ok(Vec::new())
    }

    fn way<'a>(
        &'a self,
        all: Passing<'a>,
        from: &[usize],
        to: &[usize],
        of: fn(&Bounds<Connections>) -> &Connections,
    ) -> Vec<Edge<'a>> {
        let mut before: Vec<Option<usize>> = vec![None; self.places().count()];
        let mut todo: VecDeque<usize> = from.iter().copied().collect();
        let mut seen = vec![false; before.len()];
        from.iter().for_each(|at| seen[*at] = true);
        let mut is_end = vec![false; before.len()];
        to.iter().for_each(|at| is_end[*at] = true);
        while let Some(here) = todo.pop_front() {
            for next in self.places() {
                if seen[next] {
                    continue;
                }
                let passing = all.between(here, next);
                if passing.is_none_or(|it| of(&it).is_empty()) {
                    continue;
                }
                seen[next] = true;
                before[next] = Some(here);
                if is_end[next] {
                    return self.steps(all, &before, next);
                }
                if next < self.cluster().workloads.len() {
                    todo.push_back(next);
                }
            }
        }
        Vec::new()
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

/// What surely passes.
fn least(it: &Bounds<Connections>) -> &Connections {
    &it.least
}

/// What may pass.
fn most(it: &Bounds<Connections>) -> &Connections {
    &it.most
}
