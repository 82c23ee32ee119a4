//! What plain pickle does where joblib reads an array: it goes on with its stack and its memo, and
//! takes the array's bytes for opcodes.

use std::io;

use super::{SURVEY_OPCODES, Scanner};
use crate::{
    Allowlist, Verdict,
    cursor::Cursor,
    notes::bytes,
    pickle::{
        effect::{Effect, Effects, View},
        machine::{Fault, Halt, Machine, Surroundings},
        opcode::{self as op, OperandError},
        rules::READERS_DISAGREE,
        survey::is_importable,
        symbol::Symbols,
        value::{Ref, Shape, Value},
        wrapper::Array,
    },
};

impl Scanner<'_, '_, '_> {
    /// Judges what a plain reader does from `at` on, right after the state of a wrapper was set,
    /// where joblib finds `array`.
    pub(super) fn plain_reader(
        &mut self,
        machine: &Machine,
        at: u64,
        array: Option<Array>,
    ) -> io::Result<()> {
        // What stands there as objects of an array is a pickle, and to both: that it does
        // something is no surprise, only what it does may differ.
        let is_pickle = array == Some(Array::Pickle);
        if !is_pickle && !may_act(&mut Cursor::new(self.source, at))? {
            return Ok(());
        }
        // A copy takes time; it counts, so that many arrays cannot take quadratic time for free.
        let cost = u64::try_from(machine.size()).unwrap_or(u64::MAX) / PLACES;
        self.judge.notes.opcodes = self.judge.notes.opcodes.saturating_sub(cost);
        if is_pickle {
            return self.go_on(machine.clone(), at);
        }
        let end = match array {
            // Padding is a byte that says how long it is, and as many.
            Some(Array::Bytes { len, aligned }) => {
                at.saturating_add(len) + if aligned { 256 } else { 0 }
            }
            _ => u64::MAX,
        };
        let mut witness = Witness {
            allowlist: self.allowlist,
            end,
            acts: false,
            acts_later: false,
            foreign: false,
            stuck: false,
        };
        let mut opcodes = self.judge.notes.opcodes.min(SURVEY_OPCODES);
        let before = opcodes;
        let mut input = Cursor::new(self.source, at);
        let halt = run(
            &mut machine.clone(),
            &mut input,
            &mut self.symbols,
            &mut witness,
            &mut opcodes,
        );
        let taken = before - opcodes;
        self.judge.notes.opcodes -= taken;
        let verdict = match halt {
            Halt::Broken(Fault::Io(error)) => return Err(error),
            _ if witness.acts => Verdict::Dangerous,
            // Bytes by chance begin a line that ends in the pickle behind the array, whose opcodes
            // are judged for what they are. Somebody may have meant it so, if another name than
            // those that are allowed is imported.
            _ if witness.acts_later && !witness.foreign => return Ok(()),
            _ if witness.acts_later => {
                let message = "bytes that joblib takes for an array begin an opcode to plain \
                               pickle, which ends behind them";
                self.judge.notes.observe(
                    &READERS_DISAGREE,
                    Verdict::Unknown,
                    bytes(at, 1),
                    "behind",
                    message,
                );
                return Ok(());
            }
            // Chance may end a stream after a few opcodes. Whoever reads on finds another there.
            Halt::Stop if taken <= BY_CHANCE => {
                self.judge.resume(input.position(), None);
                return Ok(());
            }
            Halt::Stop | Halt::Broken(Fault::Opcodes | Fault::Memory) => Verdict::Unknown,
            _ => return Ok(()),
        };
        let message = "bytes that joblib takes for an array are opcodes to plain pickle, which \
                       goes on there";
        self.judge
            .notes
            .observe(&READERS_DISAGREE, verdict, bytes(at, 1), "array", message);
        if matches!(halt, Halt::Stop) {
            self.judge.resume(input.position(), None);
        }
        self.go_on(machine.clone(), at)
    }

    /// Judges all that `machine` does from `at` on. That it breaks off somewhere is not worth a
    /// word: joblib, whose format it is, reads on.
    fn go_on(&mut self, mut machine: Machine, at: u64) -> io::Result<()> {
        let mut input = Cursor::new(self.source, at);
        let mut opcodes = self.judge.notes.opcodes;
        let mut effects = UntilRefused {
            allowlist: self.allowlist,
            judge: &mut self.judge,
            refused: false,
        };
        let halt = run(
            &mut machine,
            &mut input,
            &mut self.symbols,
            &mut effects,
            &mut opcodes,
        );
        self.judge.notes.opcodes = opcodes;
        if machine.is_exhausted() || matches!(halt, Halt::Broken(Fault::Memory)) {
            let reason = "the pickle makes more objects than can be followed";
            self.judge.notes.leave_out("objects", None, reason);
        }
        match halt {
            Halt::Broken(Fault::Io(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Runs as plain pickle does, which knows nothing of arrays.
fn run(
    machine: &mut Machine,
    input: &mut Cursor<'_>,
    symbols: &mut Symbols,
    effects: &mut dyn Effects,
    opcodes: &mut u64,
) -> Halt {
    loop {
        let halt = machine.run(&mut Surroundings {
            input: &mut *input,
            symbols: &mut *symbols,
            effects: &mut *effects,
            opcodes: &mut *opcodes,
        });
        if !matches!(halt, Halt::Array { .. }) {
            return halt;
        }
    }
}

/// Whether the bytes ahead parse as opcodes up to one that can do something or ends the stream.
/// Most arrays do not, and need no copy of the machine.
fn may_act(input: &mut Cursor<'_>) -> io::Result<bool> {
    let mut left = LOOK_AHEAD;
    while left > 0 {
        left -= 1;
        let read = input.byte().map_err(OperandError::Read).and_then(|code| {
            let Some(opcode) = op::opcode(code) else {
                return Ok(None);
            };
            opcode.operand.read(input).map(|_| Some(code))
        });
        match read {
            Ok(Some(code)) if ACTING.contains(&code) => return Ok(true),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(OperandError::Read(crate::cursor::ReadError::Io(error))) => return Err(error),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether a stream does something that CPython would not refuse: bytes by chance name nothing that
/// could be imported, and put together what does not fit.
struct Witness<'a> {
    allowlist: &'a Allowlist,
    /// Where the array ends.
    end: u64,
    acts: bool,
    /// Whether it does so only behind the array.
    acts_later: bool,
    /// Whether it imports what is not on the allowlist.
    foreign: bool,
    /// Whether CPython has given up: at a name that is no text.
    stuck: bool,
}

impl Effects for Witness<'_> {
    fn effect(&mut self, at: u64, effect: Effect, view: &View<'_>) {
        if self.stuck {
            return;
        }
        let acts = match effect {
            Effect::Import(id) => {
                let symbol = view.symbols.symbol(id);
                let row = self.allowlist.row(&symbol.module, &symbol.path);
                self.foreign |= row.is_none();
                let garbled =
                    |name: &str| name.contains(|c: char| c.is_control() || c == '\u{fffd}');
                self.stuck = garbled(&symbol.module) || garbled(&symbol.path);
                is_importable(&symbol.module) && is_importable(&symbol.path)
            }
            Effect::Call(call) => {
                may_be_called(call.callee, view) && may_be(call.arguments, &[Shape::Tuple], view)
            }
            Effect::State { object, state } => {
                may_be_called(object, view) && may_be(state, &[Shape::Tuple, Shape::Dict], view)
            }
            Effect::Mutate { object, .. } => view.global(object).is_some(),
            _ => false,
        };
        self.acts |= acts && at < self.end;
        self.acts_later |= acts;
    }
}

/// Whether it is an object that the stream did not make with opcodes alone.
fn may_be_called(object: Ref, view: &View<'_>) -> bool {
    matches!(
        view.value(object),
        Value::Global(_)
            | Value::Called { .. }
            | Value::Persistent(_)
            | Value::Extension
            | Value::Lost
    )
}

/// Whether a value may be of one of `shapes`. The wrapper itself, on top of the stack where the
/// array begins, is of none.
fn may_be(value: Ref, shapes: &[Shape], view: &View<'_>) -> bool {
    match view.value(value) {
        Value::Container { shape, .. } => shapes.contains(&shape),
        Value::Called { callee, .. } => !view
            .global(callee)
            .is_some_and(|id| view.symbols.symbol(id).wraps_an_array()),
        Value::Persistent(_) | Value::Extension | Value::Lost => true,
        _ => false,
    }
}

/// Opcodes that import, call or change something, or end the stream.
const ACTING: &[u8] = &[
    op::GLOBAL,
    op::STACK_GLOBAL,
    op::INST,
    op::OBJ,
    op::REDUCE,
    op::NEWOBJ,
    op::NEWOBJ_EX,
    op::BUILD,
    op::APPEND,
    op::APPENDS,
    op::SETITEM,
    op::SETITEMS,
    op::ADDITEMS,
    op::STOP,
];
/// Passes effects on up to the first that CPython refuses with an error: what a memo that belongs to
/// another stream makes of an array's objects is mostly that, and nothing after it happens.
struct UntilRefused<'e> {
    allowlist: &'e Allowlist,
    judge: &'e mut dyn Effects,
    refused: bool,
}

impl Effects for UntilRefused<'_> {
    fn effect(&mut self, at: u64, effect: Effect, view: &View<'_>) {
        self.refused |= match effect {
            Effect::NotAName { module, name } => {
                !may_be_text(module, view) || !may_be_text(name, view)
            }
            // A memo that belongs to another stream gives words of this one for modules' names.
            Effect::Import(id) => {
                let symbol = view.symbols.symbol(id);
                let (module, path) = (&*symbol.module, &*symbol.path);
                let is_numpys = self.allowlist.row("numpy", path).is_some();
                let exists = self.allowlist.is_stdlib(module)
                    || self.allowlist.gadget(module, path).is_some()
                    || self.allowlist.row(module, path).is_some();
                is_numpys && !exists
            }
            Effect::Call(call) => !may_be_called(call.callee, view),
            _ => false,
        };
        if !self.refused {
            self.judge.effect(at, effect, view);
        }
    }
}

/// Whether a value may be a string and no instance of a subclass, which CPython refuses as a name.
/// What is not on the allowlist may return one, and is told of for itself.
fn may_be_text(value: Ref, view: &View<'_>) -> bool {
    match view.value(value) {
        Value::Called { callee, .. } => view.global(callee).is_none_or(|id| {
            let name = view.symbols.symbol(id).dotted();
            TEXT_MAKERS.contains(&&*name)
        }),
        Value::Str { .. } | Value::Persistent(_) | Value::Extension | Value::Lost => true,
        _ => false,
    }
}

/// What may be called and can return a string.
const TEXT_MAKERS: &[&str] = &[
    "builtins.str",
    "copyreg._reconstructor",
    "_codecs.encode",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
];

/// How many opcodes are parsed before a copy of the machine looks closer.
const LOOK_AHEAD: u64 = 4096;
/// How many places of a machine are copied in the time of one opcode.
const PLACES: u64 = 8;
/// So many opcodes in a row, up to STOP, are an accident.
const BY_CHANCE: u64 = 16;
