//! Processes: what they run, and what they come from.

use std::{collections::HashMap, sync::Arc};

use crate::{Blocks, Container, Kind, Record};

/// A program that a process runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// The path of the executable, as the kernel knows it.
    pub(crate) image: String,
    /// What it was executed with, joined by spaces.
    pub(crate) command_line: String,
    /// Whether it has no name in any folder.
    pub(crate) is_in_memory: bool,
}

/// What is known of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// What it runs; not known where it was there before anybody looked.
    pub(crate) program: Option<Arc<Program>>,
    /// What the process that it comes from ran then, and what that one came from, the nearest first.
    pub(crate) ancestors: Arc<[Arc<Program>]>,
    /// Where it runs.
    pub(crate) container: Option<Arc<Container>>,
    /// The blocks of whose allowed programs it is one, or comes from one.
    pub(crate) workload: Blocks,
}

/// The processes that run.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    known: HashMap<u32, Known>,
    /// The container of a mount namespace, if any: who ended before anybody could ask is where its neighbours are.
    containers: HashMap<u32, Option<Arc<Container>>>,
}

impl Processes {
    /// Tells of a process that is there already.
    pub(crate) fn add(&mut self, process: u32, known: Known) {
        // Who finds no room is told of without what it runs.
        if self.known.len() < MAX_KNOWN || self.known.contains_key(&process) {
            self.known.insert(process, known);
        }
    }

    /// Tells what the control groups of a process say.
    pub(crate) fn contain(&mut self, process: u32, mount_namespace: u32, cgroups: &str) {
        let container = Container::of_cgroups(cgroups).map(Arc::new);
        if let Some(known) = self.known.get_mut(&process) {
            known.container.clone_from(&container);
        }
        if mount_namespace != 0 && self.containers.len() < MAX_KNOWN {
            self.containers.insert(mount_namespace, container);
        }
    }

    /// Takes what a record says of processes.
    pub(crate) fn observe(&mut self, record: &Record) {
        match record.kind {
            Kind::Fork { child } => {
                let known = self.descendant(record.process);
                self.add(child, known);
            }
            Kind::Exec { is_in_memory, .. } => {
                let before = self.known.get(&record.process).cloned();
                let mut known = before.unwrap_or_else(|| self.descendant(record.parent));
                known.program = Some(Arc::new(Program {
                    image: text(&record.path),
                    command_line: text(&record.arguments.join(&b' ')),
                    is_in_memory,
                }));
                if known.container.is_none() {
                    known.container = self.container(record.mount_namespace).cloned();
                }
                self.add(record.process, known);
            }
            _ => {}
        }
        if let Some(known) = self.known.get_mut(&record.process) {
            known.workload = record.workload;
        }
    }

    /// Forgets who ended, once it was told of.
    pub(crate) fn end(&mut self, record: &Record) {
        if let Kind::Exit { .. } = record.kind {
            self.known.remove(&record.process);
        }
    }

    /// What is known of a process.
    pub(crate) fn of(&self, process: u32) -> Option<&Known> {
        self.known.get(&process)
    }

    /// The container whose processes have this mount namespace.
    pub(crate) fn container(&self, mount_namespace: u32) -> Option<&Arc<Container>> {
        self.containers.get(&mount_namespace)?.as_ref()
    }

    /// Whether it was told which container the processes of a mount namespace are in, if any.
    pub(crate) fn knows(&self, mount_namespace: u32) -> bool {
        self.containers.contains_key(&mount_namespace)
    }

    /// What a process has from the one that makes it.
    fn descendant(&self, parent: u32) -> Known {
        let Some(parent) = self.known.get(&parent) else {
            return Known::default();
        };
        let ancestors = parent.program.iter().chain(parent.ancestors.iter());
        Known {
            program: parent.program.clone(),
            ancestors: ancestors.take(MAX_ANCESTORS).cloned().collect(),
            container: parent.container.clone(),
            workload: parent.workload,
        }
    }
}

/// Text for people and for detections; what is no UTF-8 is replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// So many processes are remembered.
const MAX_KNOWN: usize = 1 << 17;
const MAX_ANCESTORS: usize = 16;
