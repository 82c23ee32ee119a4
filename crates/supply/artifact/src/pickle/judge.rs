//! Whether the effects of a stream are allowed. It never looks at opcodes; the interpreter never
//! looks at lists.

use std::collections::BTreeMap;

use casemate_core::{Evidence, Rule};

use super::{
    carried::{Makes, constructs_when_called, is_as_written, makes, only_prepares, suspect},
    dtype,
    effect::{Call, Effect, Effects, FrameFault, Manner, Mutation, View},
    fold::class_of_persistent_id,
    rules::{
        CHANGED_IMPORT, COMPUTED_CALL, CONFUSED_NAME, CONFUSED_STATE, CONTRACT, DANGEROUS_CALL,
        DANGEROUS_IMPORT, DOTTED_PATH, FRAME, OUTSIDE_OBJECT, RESOURCES, UNLISTED_CALL,
        UNLISTED_IMPORT,
    },
    slots::{Slots, planted, sets_plain_attributes, slots},
    standing::{Standing, Through, is_filled, standing},
    storage::Storage,
    suspicion::suspicion,
    symbol::{Symbol, Symbols},
    value::{Form, Kind, KindSet, Ref, Shape, SymbolId, Value},
};
use crate::{
    Allowlist, Verdict,
    allowlist::{Row, Texts},
    cursor::Extent,
    notes::{Notes, bytes, evidence, plain},
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
    /// Whether objects are made of a class that the stream carries.
    instances: Option<u64>,
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

/// What was done with one symbol.
struct Record<'a> {
    standing: Standing<'a>,
    imported_at: u64,
    imports: u64,
    last_import: u64,
    called_at: u64,
    calls: u64,
    last_call: u64,
    /// What makes a call of it an attack.
    suspicion: Option<String>,
    /// How many calls named something and did no more, and prepared a call and did no more.
    folded: u64,
    last_folded: u64,
    prepared: u64,
    last_prepared: u64,
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
            instances: None,
            resumptions: Vec::new(),
        }
    }

    pub(crate) fn persistence(&self) -> Persistence {
        self.persistence
    }

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
            let called = record.calls > 0;
            let at = if called {
                record.called_at
            } else {
                record.imported_at
            };
            let (rule, verdict, message) = match record.standing {
                Standing::Listed(row) => {
                    self.notes.raise(Verdict::Known);
                    if let Some(reason) = &row.reason {
                        self.notes.allow(name, reason);
                    }
                    continue;
                }
                Standing::Module => {
                    self.notes.raise(Verdict::Known);
                    continue;
                }
                Standing::Gadget(gadget) if record.is_harmless(symbol, carries) => (
                    if called {
                        &UNLISTED_CALL
                    } else {
                        &UNLISTED_IMPORT
                    },
                    Verdict::Unknown,
                    match makes(symbol) {
                        Some(_) => format!(
                            "this file carries code of its own, rebuilt by {name}, which nobody \
                             has judged"
                        ),
                        None => format!(
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
                        Through::Class if !called || !self.allowlist.is_stdlib(&symbol.module) => {
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
                Standing::Unlisted if record.suspicion.is_some() => {
                    let why = record.suspicion.as_deref().unwrap_or_default();
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
        })
    }

    fn row(&self, id: SymbolId) -> Option<&'a Row> {
        match self.records.get(&id)?.standing {
            Standing::Listed(row) => Some(row),
            _ => None,
        }
    }

    fn call(&mut self, at: u64, call: Call, view: &View<'_>) {
        let Some(callee) = view.global(call.callee) else {
            self.computed_call(at, view.value(call.callee), view);
            return;
        };
        self.symbol_call(at, callee, call.manner, view);
        let symbol = view.symbols.symbol(callee);
        self.carried(at, callee, call, view);
        let allowlist = self.allowlist;
        let record = self.record(at, callee, view.symbols);
        if matches!(record.standing, Standing::Unlisted) && record.suspicion.is_none() {
            record.suspicion = suspicion(allowlist, symbol, call, view);
        }
        let Some(row) = self.row(callee) else {
            return;
        };
        if symbol.loads_a_file() {
            self.file(at, symbol, call, view);
        }
        if let Some(class) = constructed(symbol, call.arguments, view) {
            match class {
                Some(class) => self.symbol_call(at, class, Manner::New, view),
                None => self.breach(at, symbol, "constructs something that is not a plain class"),
            }
        }
        let kept = match argument_kinds(call, view) {
            Arguments::Known(kinds) => row.arguments.allows(&kinds),
            Arguments::Summary(count, kinds) => row.arguments.allows_all(count, kinds),
            Arguments::None => row.bare,
        };
        let applied = symbol.applies_its_argument();
        let named = (row.names.as_ref()).is_none_or(|names| match applied {
            Some((function, _)) => is_named(function, names, call, view),
            None => self.gets_only(names, call, view),
        });
        let worded = (row.texts.as_ref()).is_none_or(|texts| texts_fit(texts, call, view));
        if let Some((function, arguments)) = applied {
            self.applied(at, function, arguments, call, view);
        }
        if !kept || !named || !worded {
            self.breach(
                at,
                symbol,
                "is called with arguments it is not allowed to get",
            );
        }
    }

    /// Whether every global among the arguments, and what made every object among them, is one of
    /// `names`. Values, such as `torch.float32`, are no more than numbers.
    fn gets_only(&self, names: &[String], call: Call, view: &View<'_>) -> bool {
        let Some(arguments) = view.heap.items(call.arguments) else {
            return false;
        };
        arguments.iter().all(|&argument| {
            let maker = match view.value(argument) {
                Value::Called { callee, .. } => callee,
                _ => argument,
            };
            let Some(id) = view.global(maker) else {
                return !matches!(view.value(argument), Value::Called { .. });
            };
            let is_value = self.row(id).is_some_and(|row| row.is_value);
            let dotted = view.symbols.symbol(id).dotted();
            is_value || names.contains(&dotted)
        })
    }

    /// Counts a call of a symbol, and says so where it is listed but not for this.
    fn symbol_call(&mut self, at: u64, callee: SymbolId, manner: Manner, view: &View<'_>) {
        let record = self.record(at, callee, view.symbols);
        if record.calls == 0 {
            record.called_at = at;
        }
        // Two readers may come by the same place.
        if record.calls == 0 || at > record.last_call {
            record.last_call = at;
            record.calls += 1;
        }
        let Standing::Listed(row) = record.standing else {
            return;
        };
        let allowed = match manner {
            Manner::Reduce => row.reduce,
            Manner::New => row.new && row.is_class,
            Manner::Instance => row.instance,
        };
        if !allowed {
            let symbol = view.symbols.symbol(callee);
            let how = match manner {
                Manner::Reduce => "is called, which is not what it is allowed for",
                Manner::New => "is constructed past its initialiser, which it is not allowed for",
                Manner::Instance => "is instantiated by INST or OBJ, which it is not allowed for",
            };
            self.breach(at, symbol, how);
        }
    }

    fn breach(&mut self, at: u64, symbol: &Symbol, how: &str) {
        let name = plain(&symbol.dotted());
        let message = format!("{name} {how}");
        self.note(&CONTRACT, Verdict::Unknown, at, name.clone(), message);
        // What is called in its stead, or the file that is loaded, is judged for itself.
        if symbol.applies_its_argument().is_some() || symbol.loads_a_file() {
            return;
        }
        // What is allowed within limits that it now leaves may be what attackers use.
        if let Some(gadget) = self.allowlist.gadget(&symbol.module, &symbol.path) {
            let message = format!("loading this file calls {name}, which {}", gadget.what);
            self.note(&DANGEROUS_CALL, Verdict::Dangerous, at, name, message);
        }
    }

    /// Notes what a call tells of the code that the stream carries.
    fn carried(&mut self, at: u64, callee: SymbolId, call: Call, view: &View<'_>) {
        let symbol = view.symbols.symbol(callee);
        let made = makes(symbol);
        if made.is_none()
            && !matches!(
                self.record(at, callee, view.symbols).standing,
                Standing::Gadget(_)
            )
        {
            return;
        }
        if self.suspect.is_none() {
            self.suspect = suspect(symbol, call, view);
        }
        let prepares = match made {
            Some(made) => is_as_written(made, call, view),
            None => only_prepares(symbol, call, view),
        };
        let record = self.record(at, callee, view.symbols);
        if prepares && record.last_prepared < at {
            record.last_prepared = at;
            record.prepared += 1;
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

    /// A call that calls an argument of its own with others.
    fn applied(&mut self, at: u64, function: usize, arguments: usize, call: Call, view: &View<'_>) {
        let Some(items) = view.heap.items(call.arguments) else {
            return;
        };
        let (Some(&callee), Some(&arguments)) = (items.get(function), items.get(arguments)) else {
            return;
        };
        let is_again = view
            .global(callee)
            .is_some_and(|id| view.symbols.symbol(id).applies_its_argument().is_some());
        if is_again {
            return;
        }
        let inner = Call {
            manner: Manner::Reduce,
            callee,
            arguments,
            keywords: None,
        };
        self.call(at, inner, view);
        if let Some(&state) = items.get(3)
            && !sets_plain_attributes(state, view)
        {
            let name = (view.global(callee)).map(|id| plain(&view.symbols.symbol(id).dotted()));
            let name = name.unwrap_or_default();
            let message = format!("the state beside {name} sets attributes of other names");
            self.confused(at, format!("attributes beside {name}"), message);
        }
    }

    /// Bytes that a call loads as a file: they are judged as one.
    fn file(&mut self, at: u64, symbol: &Symbol, call: Call, view: &View<'_>) {
        let bytes = view.heap.items(call.arguments).and_then(|it| it.first());
        let carried = match bytes.map(|&bytes| view.value(bytes)) {
            Some(Value::Blob { len, at }) => Some((len, at, false)),
            Some(Value::Called {
                callee, arguments, ..
            }) if encodes(callee, view) => {
                let text = view.heap.items(arguments).and_then(|it| it.first());
                match text.map(|&text| view.value(text)) {
                    Some(Value::Str {
                        form: Form::Utf8,
                        len,
                        at,
                    }) => Some((len, at, true)),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some((len, place, as_text)) = carried.filter(|_| self.files.len() < MOST_FILES) else {
            self.breach(at, symbol, "loads bytes that cannot be looked at");
            return;
        };
        self.nested.retain(|nested| nested.at != place);
        let extent = Extent {
            at: place,
            len: len.into(),
        };
        let file = Carried { extent, as_text };
        if !self.files.contains(&file) {
            self.files.push(file);
        }
    }

    fn computed_call(&mut self, at: u64, callee: Value, view: &View<'_>) {
        let (verdict, what) = match callee {
            Value::Called {
                callee, arguments, ..
            } => (
                match view.global(callee).map(|id| view.symbols.symbol(id)) {
                    Some(maker) if makes(maker) == Some(Makes::Class) => {
                        self.instances.get_or_insert(at);
                        Verdict::Unknown
                    }
                    Some(maker) if constructs_when_called(maker, arguments, view) => {
                        Verdict::Unknown
                    }
                    _ => Verdict::Dangerous,
                },
                match view.global(callee) {
                    Some(symbol) => {
                        let name = plain(&view.symbols.symbol(symbol).dotted());
                        format!("what {name} returned")
                    }
                    None => "what a computed function returned".to_owned(),
                },
            ),
            Value::Persistent(_) => (
                Verdict::Dangerous,
                "the object of a persistent id".to_owned(),
            ),
            Value::Extension => (
                Verdict::Unknown,
                "an object of copyreg's registry".to_owned(),
            ),
            Value::Lost | Value::Free(_) => (
                Verdict::Unknown,
                "something that could not be followed".to_owned(),
            ),
            other => (
                Verdict::Unknown,
                format!("a value of kind {:?}, which is no function", other.kind()),
            ),
        };
        let message = format!("loading this file calls {what}");
        self.note(&COMPUTED_CALL, verdict, at, what, message);
    }

    fn state(&mut self, at: u64, object: Ref, state: Ref, view: &View<'_>) {
        if let Some(hook) = planted(state, view) {
            let message = format!("the state of an object replaces its {hook}");
            self.note(&CONFUSED_STATE, Verdict::Dangerous, at, hook, message);
        }
        let (class, built) = match view.value(object) {
            Value::Global(symbol) => {
                self.changed_import(at, symbol, "sets the state of", view);
                return;
            }
            Value::Called { callee, built, .. } => match view.global(callee) {
                Some(class) => (class, built),
                // Whatever was called here has a finding of its own.
                None => return,
            },
            other => {
                let kind = other.kind();
                let message = format!("the state of a value of kind {kind:?} is set");
                self.confused(at, format!("state of {kind:?}"), message);
                return;
            }
        };
        let Some(row) = self.row(class) else {
            return;
        };
        let name = plain(&view.symbols.symbol(class).dotted());
        if !row.build {
            let message = format!("the state of an object of {name} is set, which has none");
            self.confused(at, format!("state of {name}"), message);
        } else if built {
            let message = format!("the state of an object of {name} is set a second time");
            self.confused(at, format!("second state of {name}"), message);
        }
        let symbol = view.symbols.symbol(class);
        if symbol.is_dtype() && dtype::layout_with(object, state, view).is_none() {
            self.breach(at, symbol, "is given a state that its code does not tell");
        }
        if symbol.names_a_file() && !names_a_neighbour(state, view) {
            self.breach(at, symbol, "names a file that is not beside it");
        }
        let is_dictionary = |class| {
            self.row(class)
                .is_some_and(|row| row.is_filled(Mutation::SetItem))
        };
        match slots(state, view, is_dictionary) {
            Slots::Ordinary => {}
            Slots::Special(attribute) => {
                let attribute = plain(&attribute);
                let message = format!("the state of an object of {name} replaces its {attribute}");
                let anchor = format!("{attribute} of {name}");
                self.note(&CONFUSED_STATE, Verdict::Dangerous, at, anchor, message);
            }
            Slots::Unread => {
                let message = format!(
                    "the state of an object of {name} sets attributes that could not be followed"
                );
                self.confused(at, format!("attributes of {name}"), message);
            }
        }
    }

    fn mutate(&mut self, at: u64, how: Mutation, object: Ref, view: &View<'_>) {
        let (class, built) = match view.value(object) {
            Value::Global(symbol) => {
                self.changed_import(at, symbol, "puts items into", view);
                return;
            }
            Value::Called { callee, built, .. } => match view.global(callee) {
                Some(class) => (class, built),
                None => return,
            },
            other => {
                let kind = other.kind();
                let message = format!("items are put into a value of kind {kind:?}");
                self.confused(at, format!("items of {kind:?}"), message);
                return;
            }
        };
        let Some(row) = self.row(class) else {
            return;
        };
        let symbol = view.symbols.symbol(class);
        let name = plain(&symbol.dotted());
        if !is_filled(symbol, how) && !row.is_filled(how) {
            let message = format!("items are put into an object of {name}, which holds none");
            let verdict = match symbol.rebuilds_a_tensor() {
                // A loader that takes this for a dictionary writes where it should not.
                true => Verdict::Dangerous,
                false => Verdict::Unknown,
            };
            let anchor = format!("items of {name}");
            self.note(&CONFUSED_STATE, verdict, at, anchor, message);
        } else if built {
            let message = format!("items are put into an object of {name} after its state");
            self.confused(at, format!("late items of {name}"), message);
        }
    }

    fn changed_import(&mut self, at: u64, symbol: SymbolId, does: &str, view: &View<'_>) {
        let name = plain(&view.symbols.symbol(symbol).dotted());
        let message = format!(
            "loading this file {does} {name} itself, and so changes the program that loads it"
        );
        self.note(&CHANGED_IMPORT, Verdict::Dangerous, at, name, message);
    }

    fn confused(&mut self, at: u64, anchor: String, message: String) {
        self.note(&CONFUSED_STATE, Verdict::Unknown, at, anchor, message);
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
            Effect::Mutate { how, object } => self.mutate(at, how, object, view),
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
}

/// Whether every string among the arguments, and in tuples among them, is one of `texts`.
fn texts_fit(texts: &Texts, call: Call, view: &View<'_>) -> bool {
    let Some(arguments) = view.heap.items(call.arguments) else {
        return false;
    };
    arguments
        .iter()
        .all(|&argument| match view.value(argument) {
            Value::Str { .. } => view.text(argument).is_some_and(|text| texts.allow(&text)),
            _ => true,
        })
}

/// Whether the argument that a call applies is one of `names`.
fn is_named(at: usize, names: &[String], call: Call, view: &View<'_>) -> bool {
    let argument = view
        .heap
        .items(call.arguments)
        .and_then(|items| items.get(at));
    let symbol = argument.and_then(|&argument| view.global(argument));
    symbol.is_some_and(|id| names.contains(&view.symbols.symbol(id).dotted()))
}

/// Whether the state of one of joblib's old wrappers names a file in its own directory.
fn names_a_neighbour(state: Ref, view: &View<'_>) -> bool {
    let name = view
        .entry(state, "filename")
        .and_then(|name| view.text(name));
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ' ');
    view.has_plain_keys(state)
        && name.is_some_and(|name| !name.starts_with('.') && name.chars().all(sound))
}

/// Where `symbol` is a function that constructs its first argument: that class, or nothing where
/// the argument is no import.
fn constructed(symbol: &Symbol, arguments: Ref, view: &View<'_>) -> Option<Option<SymbolId>> {
    if !symbol.constructs_its_argument() {
        return None;
    }
    let first = view.heap.items(arguments).and_then(|items| items.first());
    Some(first.and_then(|&class| view.global(class)))
}

enum Arguments {
    Known(Vec<Kind>),
    Summary(u32, KindSet),
    /// They are no tuple.
    None,
}

/// The kind of an argument. Below protocol 3, `bytes` are text that a call encodes.
fn argument_kind(argument: Ref, view: &View<'_>) -> Kind {
    let value = view.value(argument);
    match value {
        Value::Called { callee, .. } if encodes(callee, view) => Kind::Bytes,
        _ => value.kind(),
    }
}

fn encodes(callee: Ref, view: &View<'_>) -> bool {
    let symbol = view.global(callee).map(|id| view.symbols.symbol(id));
    symbol.is_some_and(|symbol| &*symbol.module == "_codecs" && &*symbol.path == "encode")
}

fn argument_kinds(call: Call, view: &View<'_>) -> Arguments {
    let Some(positional) = view.value(call.arguments).container() else {
        return Arguments::None;
    };
    if positional.shape != Shape::Tuple {
        return Arguments::None;
    }
    let kind = |item: &Ref| argument_kind(*item, view);
    let mut named = match call
        .keywords
        .map(|keywords| (keywords, view.value(keywords)))
    {
        None => Vec::new(),
        Some((
            keywords,
            Value::Container {
                shape: Shape::Dict, ..
            },
        )) => match view.heap.items(keywords) {
            Some(items) => items.iter().skip(1).step_by(2).map(kind).collect(),
            None => return Arguments::None,
        },
        Some(_) => return Arguments::None,
    };
    let Some(items) = view.heap.items(call.arguments) else {
        let elements = named.iter().fold(positional.elements, |set, &kind| {
            set.with(KindSet::of(kind))
        });
        let named = u32::try_from(named.len()).unwrap_or(u32::MAX);
        let count = u32::from(positional.count).saturating_add(named);
        return Arguments::Summary(count, elements);
    };
    let mut kinds: Vec<Kind> = items.iter().map(kind).collect();
    kinds.append(&mut named);
    Arguments::Known(kinds)
}

/// A checkpoint of a hundred layers for each of a thousand experts has fewer.
const MOST_STORAGES: usize = 1 << 20;
const MOST_NESTED: usize = 1 << 16;
const MOST_FILES: usize = 1 << 12;
const MOST_RESUMPTIONS: usize = 1 << 16;
