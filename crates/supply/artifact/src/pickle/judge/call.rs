//! Calls, held against the contracts of the allowlist.

use super::{Carried, Judge, MOST_FILES, amount::takes_gigabytes, pattern::takes_long_to_compile};
use crate::{
    Verdict,
    allowlist::{Row, Texts},
    cursor::Extent,
    notes::plain,
    pickle::{
        carried::{
            Makes, calls_when_walked, constructs_when_called, is_as_written, is_lazy, makes,
            only_prepares, prepares_with, suspect,
        },
        effect::{Call, Manner, View},
        ndarray,
        rules::{COMPUTED_CALL, CONTRACT, DANGEROUS_CALL, DANGEROUS_IMPORT, RESOURCES},
        slots::sets_plain_attributes,
        standing::Standing,
        suspicion::suspicion,
        symbol::Symbol,
        value::{Form, Kind, KindSet, Ref, Shape, SymbolId, Value},
    },
};

impl Judge<'_, '_, '_> {
    pub(super) fn call(&mut self, at: u64, call: Call, view: &View<'_>) {
        self.walk(at, call, view);
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
        self.keep_arguments(at, row, call, view);
        if call.manner != Manner::New {
            self.probe(at, row, symbol, call, view);
        }
        if let Some((function, arguments)) = applied {
            self.applied(at, function, arguments, call, view);
        }
        let built = ndarray::is_built_soundly(symbol, call, view);
        if takes_gigabytes(symbol, call, view) {
            let name = plain(&symbol.dotted());
            let message = format!("a few bytes of this file have {name} take gigabytes");
            self.note(&RESOURCES, Verdict::Dangerous, at, name, message);
        }
        self.blocks(at, symbol, call, view);
        if takes_long_to_compile(symbol, call, view) {
            let name = plain(&symbol.dotted());
            let message = "this file has a regular expression that takes long to be compiled";
            self.note(&RESOURCES, Verdict::Unknown, at, name, message);
        }
        if !kept || !named || !worded || !built {
            self.breach(
                at,
                symbol,
                "is called with arguments it is not allowed to get",
            );
        }
    }

    /// Says where a call walks over what calls a function for each item.
    fn walk(&mut self, at: u64, call: Call, view: &View<'_>) {
        let callee = view.global(call.callee).map(|id| view.symbols.symbol(id));
        if callee.is_some_and(is_lazy) {
            return;
        }
        let arguments = view.heap.items(call.arguments).unwrap_or_default();
        if let Some(&of) = arguments.iter().find(|&&of| calls_when_walked(of, view)) {
            self.walked(at, of, view);
        }
    }

    pub(super) fn walked(&mut self, at: u64, of: Ref, view: &View<'_>) {
        if let Value::Called { callee, .. } = view.value(of)
            && let Some(maker) = view.global(callee)
        {
            // Its call did more than prepare one.
            let record = self.record(at, maker, view.symbols);
            (record.prepared, record.last_prepared) = (0, u64::MAX);
        }
        let message = "loading this file walks over an iterator that calls a function";
        self.note(&COMPUTED_CALL, Verdict::Dangerous, at, "iterator", message);
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

    /// Judges the imports among the arguments of a call: the callee may keep those of any name but
    /// its own.
    fn keep_arguments(&mut self, at: u64, row: &Row, call: Call, view: &View<'_>) {
        let imports = view.value(call.arguments).container();
        if !imports.is_some_and(|it| it.elements.has(Kind::Global)) {
            return;
        }
        let Some(arguments) = view.heap.items(call.arguments) else {
            return self.keep(at, call.arguments, view);
        };
        for &argument in arguments {
            let Some(id) = view.global(argument) else {
                continue;
            };
            let dotted = || view.symbols.symbol(id).dotted();
            if !(row.names.as_ref()).is_some_and(|names| names.contains(&dotted())) {
                self.keep(at, argument, view);
            }
        }
    }

    /// Judges an import that something keeps: a function that is allowed to be called, with
    /// arguments that are looked at, could be called with others by whoever finds it there.
    pub(super) fn keep(&mut self, at: u64, item: Ref, view: &View<'_>) {
        let Some(id) = view.global(item) else {
            let message = "a tuple keeps imports that could not be followed";
            return self.note(&CONTRACT, Verdict::Unknown, at, "kept tuple", message);
        };
        let Some(row) = self.row(id) else {
            return;
        };
        let symbol = view.symbols.symbol(id);
        if !row.is_only_called() && !symbol.maps_a_file() {
            return;
        }
        let name = plain(&symbol.dotted());
        let message = format!("{name} is kept, and is only allowed to be called");
        self.note(&CONTRACT, Verdict::Unknown, at, name.clone(), message);
        if let Some(gadget) = self.allowlist.gadget(&symbol.module, &symbol.path) {
            let message = format!("this file keeps {name}, which {}", gadget.what);
            self.note(&DANGEROUS_IMPORT, Verdict::Dangerous, at, name, message);
        }
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

    pub(super) fn breach(&mut self, at: u64, symbol: &Symbol, how: &str) {
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
            None => only_prepares(symbol, call, view) || self.compiles_a_graph(symbol, call, view),
        };
        if prepares {
            self.prepared(at, callee, view);
        }
        if prepares && let Some(function) = prepares_with(symbol, call.arguments, view) {
            self.symbol_call(at, function, Manner::Reduce, view);
            self.prepared(at, function, view);
        }
    }

    fn prepared(&mut self, at: u64, callee: SymbolId, view: &View<'_>) {
        let record = self.record(at, callee, view.symbols);
        if record.last_prepared < at {
            record.last_prepared = at;
            record.prepared += 1;
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
                        ..
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
}

/// The longest string that is compared with texts: what is longer is read in part.
const LONGEST_TEXT: u32 = 512;

/// Whether every string among the arguments, and in tuples and dictionaries among them, is one of
/// `texts`.
fn texts_fit(texts: &Texts, call: Call, view: &View<'_>) -> bool {
    let positional = view.heap.items(call.arguments);
    let fit = positional.is_some_and(|items| items.iter().all(|&it| text_fits(texts, it, view)));
    fit && (call.keywords).is_none_or(|keywords| text_fits(texts, keywords, view))
}

/// The same for one argument and what it holds.
fn text_fits(texts: &Texts, argument: Ref, view: &View<'_>) -> bool {
    let one = |item: Ref| match view.value(item) {
        Value::Str { len, .. } => {
            len <= LONGEST_TEXT && view.text(item).is_some_and(|text| texts.allow(&text))
        }
        // A scalar of numpy may be a string.
        Value::Called { callee, .. } => {
            let symbol = view.global(callee).map(|id| view.symbols.symbol(id));
            symbol.is_some_and(|symbol| &*symbol.path != "scalar")
        }
        _ => true,
    };
    let Value::Container { shape, .. } = view.value(argument) else {
        return one(argument);
    };
    match (shape, view.heap.items(argument)) {
        (Shape::Tuple, Some(items)) => items.iter().all(|&item| one(item)),
        (Shape::Dict, Some(items)) => items.chunks_exact(2).all(|pair| {
            // What an index is called is a label, whatever it reads like; so are its bounds numbers.
            let key = view.text(pair[0]);
            let is_label = matches!(key.as_deref(), Some("name" | "start" | "stop" | "step"));
            key.is_some() && (is_label || one(pair[1]))
        }),
        (Shape::Tuple | Shape::Dict, None) => false,
        _ => true,
    }
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
