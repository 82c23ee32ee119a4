//! What a declaration says of each two zones, looked for once: they are a million pairs, and the flows ten thousand.

use std::collections::HashMap;

use super::Intent;
use crate::Connections;

/// What may pass, by the places of two zones.
pub(crate) struct Table(HashMap<(usize, usize), Declared>);

struct Declared {
    connections: Connections,
    line: Option<u64>,
}

impl Table {
    pub(super) fn of(intent: &Intent) -> Self {
        let mut table: HashMap<_, Declared> = HashMap::new();
        for flow in &intent.flows {
            let line = Some(flow.line).filter(|it| *it > 0);
            let here = table.entry((flow.from, flow.to)).or_insert(Declared {
                connections: Connections::default(),
                line,
            });
            here.connections = here.connections.union(&flow.connections);
            here.line = here.line.or(line);
        }
        Self(table)
    }

    /// What may pass from one zone to another; nothing where no flow is between them.
    pub(crate) fn declared(&self, from: usize, to: usize) -> Option<&Connections> {
        self.0.get(&(from, to)).map(|it| &it.connections)
    }

    /// The line of the first flow that is declared between two zones, from 1.
    pub(crate) fn line_of(&self, from: usize, to: usize) -> Option<u64> {
        self.0.get(&(from, to))?.line
    }
}
