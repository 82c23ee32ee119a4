//! Whether the effects of a stream are allowed. It never looks at opcodes; the interpreter never
//! looks at lists.

mod amount;
mod call;
mod change;
mod generator;
mod graph;
mod index;
mod lightgbm;
mod named;
mod pattern;
mod probe;
mod record;

use std::collections::BTreeMap;

use casemate_core::Rule;

use self::record::Record;
use super::{
    crowd::Crowds,
    effect::{Effect, Effects, FrameFault, View},
    fold::class_of_persistent_id,
    rules::{CONFUSED_NAME, FRAME, OUTSIDE_OBJECT, RESOURCES},
    standing::{Standing, standing},
    storage::Storage,
    symbol::Symbols,
    value::{Ref, SymbolId},
};
use crate::{
    Allowlist, Verdict,
    allowlist::Row,
    cursor::Extent,
    notes::{Notes, bytes},
};

/// Judges the effects of the streams of one file.
pub(crate) struct Judge<'a, 'n, 'l> {
    pub(crate) notes: &'n mut Notes<'l>,
    allowlist: &'a Allowlist,
    persistence: Persistence,
    records: BTreeMap<SymbolId, Record<'a>>,
    /// Tensors' storages that the streams refer to.
    pub(crate) storages: Vec<Storage>,
    /// Bytes that may be pickles, to be looked at once the stream around them is done.
    pub(crate) nested: Vec<Extent>,
    /// Bytes that torch loads as a file of its own, likewise.
    pub(crate) files: Vec<Carried>,
    /// What code in the stream refers to that runs programs.
    suspect: Option<String>,
    /// How many bytes of source may still be read.
    source: usize,
    /// Whether objects are made of a class that the stream carries.
    instances: Option<u64>,
    crowds: Crowds,
    /// How many bytes of numbers may still be read.
    indexed: u64,
    /// How many keys there are of which many could be made to hash alike, and nobody looks.
    loose_keys: u32,
    /// Where other readers go on, and which opcode's operand they read there.
    pub(crate) resumptions: Vec<(u64, Option<u8>)>,
}

/// Bytes of the stream that are a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) extent: Extent,
    /// Whether they are text, of which each letter stands for a byte: how bytes are written below
    /// protocol 3.
    pub(crate) as_text: bool,
}

/// What the program that loads the file makes of persistent ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Nobody knows.
    Unknown,
    /// A tensor's storage, as torch does.
    Torch,
    /// A tensor or a storage by its number, as torch did before 0.1.10.
    TorchTar,
}

impl<'a, 'n, 'l> Judge<'a, 'n, 'l> {
    pub(crate) fn new(
        notes: &'n mut Notes<'l>,
        allowlist: &'a Allowlist,
        persistence: Persistence,
    ) -> Self {
        Self {
            notes,
            allowlist,
            persistence,
            records: BTreeMap::new(),
            storages: Vec::new(),
            nested: Vec::new(),
            files: Vec::new(),
            suspect: None,
            source: MOST_SOURCE,
            instances: None,
            crowds: Crowds::default(),
            indexed: MOST_INDEXED,
            loose_keys: 0,
            resumptions: Vec::new(),
        }
    }

    pub(crate) fn persistence(&self) -> Persistence {
        self.persistence
    }

    fn record(&mut self, at: u64, id: SymbolId, symbols: &Symbols) -> &mut Record<'a> {
        let allowlist = self.allowlist;
        self.records.entry(id).or_insert_with(|| Record {
            standing: standing(allowlist, symbols.symbol(id)),
            imported_at: at,
            imports: 0,
            last_import: at,
            called_at: 0,
            calls: 0,
            last_call: 0,
            suspicion: None,
            folded: 0,
            last_folded: 0,
            prepared: 0,
            last_prepared: 0,
            states: 0,
            last_state: 0,
        })
    }

    fn row(&self, id: SymbolId) -> Option<&'a Row> {
        match self.records.get(&id)?.standing {
            Standing::Listed(row) => Some(row),
            _ => None,
        }
    }

    fn persistent(&mut self, at: u64, id: Ref, view: &View<'_>) {
        if self.persistence == Persistence::Torch && class_of_persistent_id(id, view).is_some() {
            return;
        }
        if self.persistence != Persistence::Unknown {
            let storage = match self.persistence {
                Persistence::TorchTar => Storage::of_number(id, at, view),
                _ => Storage::of_persistent_id(id, at, view),
            };
            if self.storages.len() < MOST_STORAGES
                && let Some(storage) = storage
            {
                self.storages.push(storage);
                return;
            }
        }
        // Plain pickle refuses it and torch takes it for a tensor's bytes; nobody does more.
        if Storage::of_persistent_id(id, at, view).is_some() {
            return;
        }
        let message = "loading this file asks the loading program for the object of a persistent \
                       id";
        self.note(
            &OUTSIDE_OBJECT,
            Verdict::Unknown,
            at,
            "persistent id",
            message,
        );
    }

    /// Remembers that another reader goes on at `place`.
    pub(crate) fn resume(&mut self, place: u64, again: Option<u8>) {
        if self.resumptions.len() < MOST_RESUMPTIONS {
            self.resumptions.push((place, again));
        } else {
            let reason = "more places than could be looked at are read in two ways";
            self.notes.leave_out("readers", None, reason);
        }
    }

    fn frame(&mut self, at: u64, fault: FrameFault) {
        let (verdict, anchor, message) = match fault {
            FrameFault::Crossed { resume, again } => {
                self.resume(resume, again);
                let message = "an opcode begins in a frame and ends outside of it";
                (Verdict::Dangerous, "crossed", message)
            }
            FrameFault::Nested => {
                let message = "a frame begins before the one around it ends";
                (Verdict::Dangerous, "nested", message)
            }
            FrameFault::Empty => (Verdict::Unknown, "empty", "a frame has no bytes"),
            FrameFault::TooLong => {
                let message = "a frame reaches beyond the end of the file";
                (Verdict::Unknown, "too long", message)
            }
        };
        self.note(&FRAME, verdict, at, anchor, message);
    }

    fn note(
        &mut self,
        rule: &'static Rule,
        verdict: Verdict,
        at: u64,
        anchor: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.notes
            .observe(rule, verdict, bytes(at, 1), anchor, message);
    }
}

impl Effects for Judge<'_, '_, '_> {
    fn effect(&mut self, at: u64, effect: Effect, view: &View<'_>) {
        match effect {
            Effect::Import(symbol) => {
                let record = self.record(at, symbol, view.symbols);
                if record.imports == 0 || at > record.last_import {
                    record.last_import = at;
                    record.imports += 1;
                }
            }
            Effect::Call(call) => self.call(at, call, view),
            Effect::Folded { callee } => {
                if let Some(symbol) = view.global(callee) {
                    let record = self.record(at, symbol, view.symbols);
                    if record.folded == 0 || at > record.last_folded {
                        record.last_folded = at;
                        record.folded += 1;
                    }
                }
            }
            Effect::State { object, state } => self.state(at, object, state, view),
            Effect::Mutate {
                how,
                object,
                special,
            } => self.mutate(at, how, object, special, view),
            Effect::Keep { item } => self.keep(at, item, view),
            Effect::Hash { item } => self.hash(at, item, view),
            Effect::Persistent { id } => self.persistent(at, id, view),
            Effect::Extension { code } => self.note(
                &OUTSIDE_OBJECT,
                Verdict::Unknown,
                at,
                format!("extension {code}"),
                format!("loading this file takes object {code} of copyreg's registry"),
            ),
            Effect::NotAName { .. } => self.note(
                &CONFUSED_NAME,
                Verdict::Dangerous,
                at,
                "name",
                "loading this file looks up a name that is not text",
            ),
            Effect::Frame(fault) => self.frame(at, fault),
            Effect::Item { key, value } => self.formula(at, key, value, view),
            Effect::Wide { item } => {
                if self.crowds.note(item, view) {
                    let message = "so many different numbers of this file have one hash that \
                                   looking one of them up compares it with all";
                    self.note(&RESOURCES, Verdict::Dangerous, at, "hashes", message);
                }
            }
            Effect::Swollen { endless: false } => self.note(
                &RESOURCES,
                Verdict::Unknown,
                at,
                "references",
                "objects refer to each other so often that walking them takes over a hundred \
                 million steps",
            ),
            Effect::Swollen { endless: true } => self.note(
                &RESOURCES,
                Verdict::Dangerous,
                at,
                "endless references",
                "objects refer to each other so often that walking them never ends",
            ),
            Effect::WastefulMemo { index } => self.note(
                &RESOURCES,
                Verdict::Unknown,
                at,
                "memo",
                format!("memo index {index} makes the loader reserve memory that nothing fills"),
            ),
            Effect::Nested(extent) => {
                if self.nested.len() < MOST_NESTED {
                    self.nested.push(extent);
                } else {
                    let reason = "more strings look like pickles than could be looked at";
                    self.notes.leave_out("nested pickles", None, reason);
                }
            }
        }
    }
}

/// A checkpoint of a hundred layers for each of a thousand experts has fewer.
/// The indices of matrices that fill memories.
const MOST_INDEXED: u64 = 4 << 30;
/// So many keys of one hash are looked up in a second or two.
const MOST_LOOSE_KEYS: u32 = 1 << 14;
const MOST_STORAGES: usize = 1 << 20;
const MOST_NESTED: usize = 1 << 16;
/// The graphs of large models have some megabytes.
const MOST_SOURCE: usize = 64 << 20;
const MOST_FILES: usize = 1 << 12;
const MOST_RESUMPTIONS: usize = 1 << 16;
