//! What was done with each name, and what that comes to.

use casemate_core::{Evidence, Rule};

use super::Judge;
use crate::{
    Allowlist, Verdict,
    notes::{bytes, evidence, plain},
    pickle::{
        carried::{Makes, makes},
        rules::{
            COMPUTED_CALL, CONTRACT, DANGEROUS_CALL, DANGEROUS_IMPORT, DOTTED_PATH, RESOURCES,
            UNLISTED_CALL, UNLISTED_IMPORT,
        },
        standing::{Standing, Through},
        symbol::{Symbol, Symbols},
    },
};

/// What was done with one symbol.
pub(super) struct Record<'a> {
    pub(super) standing: Standing<'a>,
    pub(super) imported_at: u64,
    pub(super) imports: u64,
    pub(super) last_import: u64,
    pub(super) called_at: u64,
    pub(super) calls: u64,
    pub(super) last_call: u64,
    /// What makes a call of it an attack.
    pub(super) suspicion: Option<String>,
    /// How many calls named something and did no more, and prepared a call and did no more.
    pub(super) folded: u64,
    pub(super) last_folded: u64,
    pub(super) prepared: u64,
    pub(super) last_prepared: u64,
    /// How many of its objects got a state.
    pub(super) states: u64,
    pub(super) last_state: u64,
}

impl Judge<'_, '_, '_> {
    /// Notes what was done with each symbol. To be called once, when all streams are done.
    pub(crate) fn conclude(&mut self, symbols: &Symbols) {
        self.conclude_code();
        let carries = self.carries_functions(symbols);
        for (&id, record) in &self.records {
            let symbol = symbols.symbol(id);
            if record.only_names() {
                self.notes.raise(Verdict::Known);
                continue;
            }
            let name = plain(&symbol.dotted());
            let at = if record.calls > 0 {
                record.called_at
            } else {
                record.imported_at
            };
            let Some((rule, verdict, message)) =
                record.told(symbol, &name, carries, self.allowlist)
            else {
                self.notes.raise(Verdict::Known);
                if let Standing::Listed(row) = record.standing
                    && let Some(reason) = &row.reason
                {
                    self.notes.allow(name, reason);
                }
                continue;
            };
            let facts = record.evidence(symbol);
            self.notes
                .observe_with(rule, verdict, bytes(at, 1), name, message, facts);
        }
        if symbols.overflowed() {
            self.notes.observe(
                &RESOURCES,
                Verdict::Unknown,
                None,
                "names",
                "this file imports more names than can be kept apart",
            );
        }
    }

    /// Whether the streams make functions of code that they carry.
    fn carries_functions(&self, symbols: &Symbols) -> bool {
        self.records.iter().any(|(&id, record)| {
            let function = makes(symbols.symbol(id)) == Some(Makes::Function);
            function && record.calls > 0 && record.prepared == record.calls
        })
    }

    /// An object of a class that the stream carries runs what that class's code is; where the code
    /// says what that could be, it is told.
    fn conclude_code(&mut self) {
        if let Some((at, name)) = self.instances.zip(self.suspect.take()) {
            let name = plain(&name);
            let message = format!(
                "loading this file makes objects of a class that it carries, and code in it refers \
                 to {name}"
            );
            self.note(
                &COMPUTED_CALL,
                Verdict::Dangerous,
                at,
                "carried class",
                message,
            );
        }
    }
}

impl Record<'_> {
    /// Whether all that was done with it is to name other things.
    fn only_names(&self) -> bool {
        self.calls == 0 && self.folded > 0 && self.folded >= self.imports
    }

    /// Whether a dangerous name is used as picklers do, which write it without harm.
    fn is_harmless(&self, symbol: &Symbol, carries: bool) -> bool {
        // Code that no function is made of is not how picklers write one.
        let is_code = (&*symbol.module, &*symbol.path) == ("types", "CodeType");
        if self.calls == 0 || is_code && self.prepared >= self.calls {
            return carries;
        }
        self.prepared >= self.calls
    }

    fn evidence(&self, symbol: &Symbol) -> Vec<Evidence> {
        let mut facts = Vec::new();
        if let Some((module, path)) = &symbol.written {
            let written = plain(&format!("{module}.{path}"));
            facts.push(evidence("written as", written));
        }
        if let Standing::Gadget(gadget) = self.standing {
            for reference in &gadget.references {
                facts.push(evidence("reference", reference));
            }
        }
        let times = self.calls.max(self.imports);
        if times > 1 {
            facts.push(evidence("times", times.to_string()));
        }
        facts
    }

    /// The rule, the verdict and the sentence for what was done with it; nothing where that is
    /// allowed. `carries` says whether the streams make functions of code that they carry.
    fn told(
        &self,
        symbol: &Symbol,
        name: &str,
        carries: bool,
        allowlist: &Allowlist,
    ) -> Option<(&'static Rule, Verdict, String)> {
        let called = self.calls > 0;
        Some(match self.standing {
            Standing::Listed(_) if symbol.needs_a_state() && self.states < self.calls => (
                &CONTRACT,
                Verdict::Unknown,
                format!("an object of {name} is made and gets no state"),
            ),
            Standing::Listed(_) | Standing::Module => return None,
            Standing::Gadget(gadget) if self.is_harmless(symbol, carries) => (
                if called {
                    &UNLISTED_CALL
                } else {
                    &UNLISTED_IMPORT
                },
                Verdict::Unknown,
                match makes(symbol).is_some() || symbol.compiles_a_graph() {
                    true => format!(
                        "this file carries code of its own, rebuilt by {name}, which nobody \
                             has judged"
                    ),
                    false => format!(
                        "this file refers to {name}, which {}, and loading it does not use \
                             that",
                        gadget.what
                    ),
                },
            ),
            Standing::Gadget(gadget) if called => (
                &DANGEROUS_CALL,
                Verdict::Dangerous,
                format!("loading this file calls {name}, which {}", gadget.what),
            ),
            Standing::Gadget(gadget) => (
                &DANGEROUS_IMPORT,
                Verdict::Dangerous,
                format!("this file refers to {name}, which {}", gadget.what),
            ),
            Standing::Reaching(through) => (
                &DOTTED_PATH,
                match through {
                    // A method, which picklers write wherever an object keeps one.
                    Through::Class if !called || !allowlist.is_stdlib(&symbol.module) => {
                        Verdict::Unknown
                    }
                    _ => Verdict::Dangerous,
                },
                format!(
                    "this file reaches through the module {} for {}, which is not on the \
                         allowlist",
                    plain(&symbol.module),
                    plain(&symbol.path)
                ),
            ),
            Standing::Unlisted if self.suspicion.is_some() => {
                let why = self.suspicion.as_deref().unwrap_or_default();
                let message = format!("loading this file calls {name}, which {why}");
                (&DANGEROUS_CALL, Verdict::Dangerous, message)
            }
            Standing::Unlisted if called => (
                &UNLISTED_CALL,
                Verdict::Unknown,
                format!("loading this file calls {name}, which is not on the allowlist"),
            ),
            Standing::Unlisted => (
                &UNLISTED_IMPORT,
                Verdict::Unknown,
                format!("loading this file imports {name}, which is not on the allowlist"),
            ),
        })
    }
}
