//! TorchScript: programs that torch runs when a model is loaded or called. They have no import and
//! no call of Python; what they can do beside computing is what the operators can.

mod code;
mod expression;
pub(crate) mod lexer;
mod reach;

use std::{collections::BTreeSet, io};

use casemate_core::{Reference, Rule, Severity, Source};

use self::code::{Reading, Use};
use crate::{
    Allowlist, Verdict,
    cursor::{Cursor, Extent, ReadError},
    examine::Examiner,
    notes::{Notes, bytes, plain, quoted},
    operators::Operator,
    pickle::opcode::{self, Operand, OperandError},
    rules::{example, rule},
};

/// The code of an archive.
pub(crate) struct Script {
    files: Vec<File>,
    /// What the archive defines, by its whole name.
    defined: BTreeSet<String>,
    /// How many bytes the names of further files may take.
    room: usize,
    /// Whether no file was too long to be read.
    is_whole: bool,
}

/// A file of code.
struct File {
    member: String,
    /// What its names begin with; nothing where torch would not look for it.
    module: Option<String>,
    reading: Reading,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            defined: BTreeSet::new(),
            room: code::ROOM,
            is_whole: true,
        }
    }
}

impl Script {
    /// Whether a record, without the archive's folder, is one that code is read from.
    pub(crate) fn is_code(inside: &str) -> bool {
        inside.starts_with("code/") && inside.ends_with(".py")
    }

    /// Reads a file of code: the record `inside`, in the member `member`.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(crate) fn read(
        &mut self,
        inside: &str,
        member: &str,
        source: &dyn Source,
        examiner: &mut Examiner<'_, '_>,
        depth: u8,
    ) -> io::Result<()> {
        if source.len() > LONGEST_CODE {
            let reason = "the file of code is longer than is read";
            examiner.notes.leave_out("code", None, reason);
            self.is_whole = false;
            return Ok(());
        }
        let length = usize::try_from(source.len()).unwrap_or(0);
        let bytes = source.read_vec(0, length)?;
        let mut reading = code::read(&String::from_utf8_lossy(&bytes), self.room);
        let module = module(inside);
        if reading.is_foreign || module.is_none() {
            // Whatever it is, it is not what torch writes there.
            examiner.look(source, depth)?;
        }
        // Only what is under `__torch__` may be named by the state: no such module can be imported.
        match &module {
            Some(module) => {
                for name in &std::mem::take(&mut reading.definitions) {
                    if reading.takes(module.len() + name.len()) {
                        self.defined.insert(format!("{module}.{name}"));
                    }
                }
            }
            None => {
                let fault = match inside.split('/').any(|part| part == "..") {
                    true => OUTSIDE,
                    false => "stands where torch writes none",
                };
                reading.faults.insert(fault.to_owned(), 0);
            }
        }
        self.room = reading.room;
        self.files.push(File {
            member: member.to_owned(),
            module,
            reading,
        });
        Ok(())
    }

    /// `allowlist` with the classes that the code defines, and those of torch that its state may
    /// hold.
    pub(crate) fn allowlist(&self, allowlist: &Allowlist) -> Allowlist {
        let built_in: Vec<String> = allowlist
            .operators()
            .classes()
            .map(|class| format!("{BUILT_IN}{class}"))
            .collect();
        let own = self
            .defined
            .iter()
            .filter(|name| !name.starts_with(BUILT_IN));
        let classes = own.chain(&built_in);
        allowlist.with_classes(classes.filter_map(|class| class.rsplit_once('.')))
    }

    /// Judges all that was read.
    pub(crate) fn conclude(&self, examiner: &mut Examiner<'_, '_>) {
        let methods: BTreeSet<&str> = self
            .files
            .iter()
            .flat_map(|file| file.reading.methods.iter().map(String::as_str))
            .collect();
        let at_loading = self.at_loading();
        let judge = Judge {
            defined: &self.defined,
            methods,
            is_whole: self.is_read(),
            allowlist: examiner.allowlist,
        };
        for File {
            member, reading, ..
        } in &self.files
        {
            let notes = &mut examiner.notes;
            notes.enter(member, None);
            notes.raise(Verdict::Known);
            for why in &reading.left_out {
                notes.leave_out("code", None, *why);
            }
            for (what, &at) in &reading.faults {
                let message = format!("the code {what}");
                let region = bytes(at as u64, 1);
                let verdict = match FORGED.iter().any(|forged| what.starts_with(forged)) {
                    true => Verdict::Dangerous,
                    false => Verdict::Unknown,
                };
                notes.observe(&SCRIPT, verdict, region, plain(what), message);
            }
            for (used, &at) in &reading.uses {
                judge.used(used, at as u64, notes);
            }
            if let Some((function, &at)) =
                (reading.loops.iter()).find(|(function, _)| at_loading.contains(function.as_str()))
            {
                let function = plain(function);
                let message = format!("the code repeats something in {function}, while it loads");
                let anchor = format!("repeats in {function}");
                notes.observe(
                    &SCRIPT,
                    Verdict::Unknown,
                    bytes(at as u64, 1),
                    anchor,
                    message,
                );
            }
            notes.leave();
        }
    }
}

/// Judges the operators that the bytecode of a mobile model names: strings such as `aten::add`.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn bytecode(source: &dyn Source, examiner: &mut Examiner<'_, '_>) -> io::Result<()> {
    let mut input = Cursor::new(source, 0);
    let mut names = BTreeSet::new();
    let mut is_whole = false;
    loop {
        let start = input.position();
        let (code, operand) = match next(&mut input) {
            Ok(Some(read)) => read,
            Ok(None) if is_whole => break,
            Err(ReadError::Io(error)) => return Err(error),
            Ok(None) | Err(ReadError::End) => {
                let reason = "the bytecode cannot be read to its end";
                examiner
                    .notes
                    .leave_out("bytecode", bytes(start, 1), reason);
                break;
            }
        };
        is_whole = code == opcode::STOP;
        let at = start + 1;
        let (Operand::Bytes(text), true) = (operand, is_text(code)) else {
            if is_line_of_text(code) {
                let reason = "the bytecode has text in a form that torch does not write";
                examiner.notes.leave_out("bytecode", bytes(at, 1), reason);
            }
            continue;
        };
        let short = Extent {
            len: text.len.min(LONGEST_OPERATOR),
            ..text
        };
        let text = input.read(short, usize::from(u8::MAX))?;
        let text = String::from_utf8_lossy(&text);
        if let Some((namespace, name)) = text.split_once("::")
            && (names.len() >= MOST_OPERATORS || names.insert(text.clone().into_owned()))
        {
            let operators = examiner.allowlist.operators();
            let operator = operators.operator(namespace, name);
            note_operator(operator, &text, at, &mut examiner.notes);
        }
    }
    examiner.notes.raise(Verdict::Known);
    Ok(())
}

/// The opcode at the cursor and its operand; nothing where the bytes end.
///
/// # Errors
///
/// What the medium says, or that no opcode stands there, or one without all of its operand.
fn next(input: &mut Cursor<'_>) -> Result<Option<(u8, Operand)>, ReadError> {
    if input.window()?.is_empty() {
        return Ok(None);
    }
    let code = input.byte()?;
    let opcode = opcode::opcode(code).ok_or(ReadError::End)?;
    match opcode.operand.read(input) {
        Ok(operand) => Ok(Some((code, operand))),
        Err(OperandError::Read(error)) => Err(error),
        Err(OperandError::NegativeLength) => Err(ReadError::End),
    }
}

/// Notes an operator that is not allowed.
pub(crate) fn note_operator(operator: Operator<'_>, name: &str, at: u64, notes: &mut Notes<'_>) {
    let name = match name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_:.".contains(c))
    {
        true if name.len() < usize::from(u8::MAX) => name.to_owned(),
        _ => quoted(name),
    };
    let (rule, verdict, message) = match operator {
        Operator::Allowed => return,
        Operator::Dangerous(what) => (
            &FILES,
            Verdict::Dangerous,
            format!("the model calls the operator {name}, which {what}"),
        ),
        Operator::Refused | Operator::Unheard => (
            &SCRIPT,
            Verdict::Unknown,
            format!("the model calls the operator {name}, which is not on the allowlist"),
        ),
    };
    notes.observe(rule, verdict, bytes(at, 1), name, message);
}

/// Whether an opcode's operand is text.
fn is_text(code: u8) -> bool {
    matches!(
        code,
        opcode::BINUNICODE
            | opcode::SHORT_BINUNICODE
            | opcode::BINUNICODE8
            | opcode::BINSTRING
            | opcode::SHORT_BINSTRING
    )
}

/// Whether it is text that would have to be decoded, which torch's own reader does not take.
fn is_line_of_text(code: u8) -> bool {
    matches!(code, opcode::STRING | opcode::UNICODE)
}

/// The module that a record defines: `__torch__.a.b` for `code/__torch__/a/b.py`.
fn module(inside: &str) -> Option<String> {
    let path = inside.strip_prefix("code/")?.strip_suffix(".py")?;
    let mut parts = path.split('/');
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let is_own = parts.next() == Some("__torch__") && parts.all(is_name);
    is_own.then(|| path.replace('/', "."))
}

struct Judge<'s> {
    defined: &'s BTreeSet<String>,
    methods: BTreeSet<&'s str>,
    /// Whether all of the code has been read.
    is_whole: bool,
    allowlist: &'s Allowlist,
}

impl Judge<'_> {
    fn used(&self, used: &Use, at: u64, notes: &mut Notes<'_>) {
        let operators = self.allowlist.operators();
        match used {
            Use::Operator(namespace, name) => {
                let operator = operators.operator(namespace, name);
                note_operator(operator, &format!("{namespace}::{name}"), at, notes);
            }
            Use::Mention(name) => {
                let operator = operators.operator("aten", name);
                if matches!(operator, Operator::Dangerous(_)) {
                    note_operator(operator, &format!("aten::{name}"), at, notes);
                }
            }
            Use::Method(name) => self.method(name, at, notes),
            Use::Defined(name) => {
                if !self.defines(name) {
                    // Classes of libraries are not in the archive.
                    let verdict = match self.is_whole && !name.starts_with(BUILT_IN) {
                        true => Verdict::Dangerous,
                        false => Verdict::Unknown,
                    };
                    let name = plain(name);
                    let message = format!("the code refers to {name}, which nothing here defines");
                    notes.observe(&SCRIPT, verdict, bytes(at, 1), name, message);
                }
            }
        }
    }

    /// A method of some value: the type of the value is not followed, so that an operator that is
    /// not allowed is none that a class of the file may hide.
    fn method(&self, name: &str, at: u64, notes: &mut Notes<'_>) {
        let operators = self.allowlist.operators();
        let is_own = self.methods.contains(name);
        let operator = match operators.operator("aten", name) {
            Operator::Dangerous(_) if is_own => Operator::Refused,
            Operator::Unheard if is_own || operators.has_method(name) => return,
            operator => operator,
        };
        note_operator(operator, &format!("aten::{name}"), at, notes);
    }

    /// Whether `name`, or something that it is an attribute of, is known.
    fn defines(&self, name: &str) -> bool {
        if let Some(class) = name.strip_prefix(BUILT_IN) {
            return self.allowlist.operators().has_class(class);
        }
        let mut rest = Some(name);
        while let Some(name) = rest {
            if self.defined.contains(name) {
                return true;
            }
            rest = name.rsplit_once('.').map(|(before, _)| before);
        }
        false
    }
}

pub(crate) static SCRIPT: Rule = rule(
    "CM-PTH-003",
    "Code in a model that is not known",
    Severity::Medium,
    "TorchScript and exported programs are code that torch runs when it loads or calls the model. \
     This code calls an operator that is not on the allowlist, or one of a library that has to be \
     loaded first, or has a form that torch does not write.",
    "Read the code, and allow the operator in an overlay if you trust its library.",
    const {
        &[
            Reference::new("CWE-829"),
            Reference::new("AML.T0018.001"),
            Reference::new("LLM03:2025"),
        ]
    },
    example(
        "model.pt",
        include_bytes!("../../../fixtures/script-unknown.pt"),
    ),
    example("model.pt", include_bytes!("../../../fixtures/script.pt")),
);

static FILES: Rule = rule(
    "CM-PTH-004",
    "Code in a model reads or writes files",
    Severity::Critical,
    "TorchScript and exported programs are code that torch runs when it loads or calls the model. \
     This code calls an operator that opens a file under a name of its own choice, which no model \
     needs in order to compute.",
    "Do not load the model.",
    const {
        &[
            Reference::new("CWE-73"),
            Reference::new("CWE-94"),
            Reference::new("AML.T0018.001"),
            Reference::new("AML.T0011.001"),
            Reference::new("LLM03:2025"),
        ]
    },
    example(
        "model.pt",
        include_bytes!("../../../fixtures/script-save.pt"),
    ),
    example("model.pt", include_bytes!("../../../fixtures/script.pt")),
);

pub(crate) static RULES: &[&Rule] = &[&SCRIPT, &FILES];

/// What torch's printer never writes, and what hides from a reader what is called.
const FORGED: [&str; 4] = [
    "has an attribute whose name is computed",
    "has an attribute whose name is spelled with escapes",
    "imports something that is not in the archive",
    OUTSIDE,
];
const OUTSIDE: &str = "stands outside of the folder of code";
/// Where the classes are that are built into torch.
const BUILT_IN: &str = "__torch__.torch.classes.";
/// The largest real ones have some megabytes.
const LONGEST_CODE: u64 = 64 << 20;
const LONGEST_OPERATOR: u64 = 200;
/// Any further one is judged each time that it is named.
const MOST_OPERATORS: usize = 1 << 16;

#[cfg(test)]
mod tests;
