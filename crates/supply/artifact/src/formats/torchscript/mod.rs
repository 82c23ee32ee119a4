//! TorchScript: programs that torch runs when a model is loaded or called. They have no import and
//! no call of Python; what they can do beside computing is what the operators can.

mod code;
mod expression;
pub(crate) mod lexer;

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
    /// The name of each member, and what it says.
    files: Vec<(String, Reading)>,
    /// What the archive defines, by its whole name.
    defined: BTreeSet<String>,
    /// How many bytes the names of further files may take.
    room: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            defined: BTreeSet::new(),
            room: code::ROOM,
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
        match module {
            Some(module) => {
                for name in &std::mem::take(&mut reading.definitions) {
                    if reading.takes(module.len() + name.len()) {
                        self.defined.insert(format!("{module}.{name}"));
                    }
                }
            }
            None => {
                let fault = "stands where torch writes none".to_owned();
                reading.faults.insert(fault, 0);
            }
        }
        self.room = reading.room;
        self.files.push((member.to_owned(), reading));
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
            .flat_map(|(_, reading)| reading.methods.iter().map(String::as_str))
            .collect();
        let judge = Judge {
            defined: &self.defined,
            methods,
            allowlist: examiner.allowlist,
        };
        for (member, reading) in &self.files {
            let notes = &mut examiner.notes;
            notes.enter(member, None);
            notes.raise(Verdict::Known);
            for why in &reading.left_out {
                notes.leave_out("code", None, *why);
            }
            for (what, &at) in &reading.faults {
                let message = format!("the code {what}");
                let region = bytes(at as u64, 1);
                notes.observe(&SCRIPT, Verdict::Unknown, region, plain(what), message);
            }
            for (used, &at) in &reading.uses {
                judge.used(used, at as u64, notes);
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
                    let name = plain(name);
                    let message = format!("the code refers to {name}, which nothing here defines");
                    notes.observe(&SCRIPT, Verdict::Unknown, bytes(at, 1), name, message);
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

/// Where the classes are that are built into torch.
const BUILT_IN: &str = "__torch__.torch.classes.";
/// The largest real ones have some megabytes.
const LONGEST_CODE: u64 = 64 << 20;
const LONGEST_OPERATOR: u64 = 200;
/// Any further one is judged each time that it is named.
const MOST_OPERATORS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use casemate_container::Budget;
    use casemate_core::{Coverage, MemorySource};

    use super::{code::Reading, *};
    use crate::{Limits, notes::Notes};

    fn read(text: &str) -> Reading {
        code::read(text, code::ROOM)
    }

    fn uses(text: &str) -> Vec<Use> {
        let reading = read(text);
        assert!(reading.faults.is_empty(), "{text}: {:?}", reading.faults);
        reading.uses.into_keys().collect()
    }

    fn operator(namespace: &str, name: &str) -> Use {
        Use::Operator(namespace.to_owned(), name.to_owned())
    }

    #[test]
    fn calls_are_told_whatever_they_stand_in() {
        for (text, namespace, name) in [
            ("x = torch.add(1, y=2)\n", "aten", "add"),
            ("ops.quantized.linear(x, )\n", "quantized", "linear"),
            ("return (torch).autograd.neg(x)\n", "aten", "neg"),
            (
                "x : int = [torch.len(y) for y in z if y not in w][0]\n",
                "aten",
                "len",
            ),
            ("while not -torch.sum(x)[0:1, ..., None]:\n", "aten", "sum"),
            ("def f(x: int=torch.ones([1])) -> Tensor:\n", "aten", "ones"),
            ("a, b, = {\"k\": torch.eq}, 'c' \"d\"\n", "aten", "eq"),
            ("with torch.no_grad(a) as b, c as d:\n", "aten", "no_grad"),
        ] {
            assert!(uses(text).contains(&operator(namespace, name)), "{text}");
        }
    }

    #[test]
    fn what_is_a_method_and_what_is_defined_is_told_apart() {
        let text = "class A(Module):\n  x : int\n  def g(self: __torch__.a.A) -> int:\n    \
                    _1 = __torch__.a.f\n    def h():\n      return 1\n    fut = fork(h)\n    return \
                    (self.x).m(_1(2, ), getattr(self, \"0\"))\ndef f(x: int) -> int:\n  return x\n";
        let reading = read(text);
        assert!(reading.faults.is_empty(), "{:?}", reading.faults);
        assert_eq!(Vec::from_iter(&reading.definitions), ["A", "f"]);
        assert_eq!(Vec::from_iter(&reading.methods), ["g"]);
        let used: Vec<Use> = reading.uses.into_keys().collect();
        let defined = |name: &str| Use::Defined(name.to_owned());
        let method = Use::Method("m".to_owned());
        assert_eq!(
            used,
            [method, defined("__torch__.a.A"), defined("__torch__.a.f")]
        );
    }

    #[test]
    fn what_is_not_understood_is_a_fault() {
        for text in [
            "x = torch\n",
            "x = f(1)\n",
            "x = y[0](1)\n",
            "x = (1, 2\n",
            "x = 1 2\n",
            "x = a.\n",
            "@torch.jit\n",
            "import os\n",
            "class A(B):\n",
            "class A:  pass\n",
            "lambda x: 1\n",
            "x = [1, 2)\n",
            "if x: y\n",
            "x = getattr(y, z)\n",
            "x = getattr(y, 'a' 'b')\n",
            "x = CONSTANTS\n",
            "x = CONSTANTS.c0(1)\n",
            "def f:\n",
            "x = ops.a.b.c(1)\n",
            "x := 1\n",
            "_1 = __torch__.f\ny = [_1]\n",
            "x = y.z\nw = x()\n",
            "x = 'a\n",
            "x = 1;\n",
            ")\n",
            "x = (a.b + c.d)(1)\n",
        ] {
            assert!(!read(text).faults.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_beyond_the_limits_is_left_out_and_said() {
        let deep = read(&format!("x = {}", "(".repeat(20_000)));
        assert_eq!(deep.left_out.len(), 1);
        // What a long statement mentions is seen at either end, and what follows it.
        let long = "x, ".repeat(code::MOST_TOKENS / 2);
        let reading = read(&format!("x = [y.first, {long}y.last]\nz = torch.add(1)\n"));
        assert_eq!(reading.left_out.len(), 1);
        for name in ["first", "last"] {
            let mention = Use::Mention(name.to_owned());
            assert!(reading.uses.contains_key(&mention), "{name}");
        }
        assert!(reading.uses.contains_key(&operator("aten", "add")));
        for of in ["def f", "class A", "x = torch.f", "x = y.f", "x = y "] {
            let line = |number| match of {
                "class A" => format!("class A{number}:\n"),
                _ => format!("{of}{number}():\n"),
            };
            let text: String = (0..3).map(line).collect();
            let whole = code::read(&text, 1000);
            assert!(whole.left_out.is_empty(), "{of}: {:?}", whole.left_out);
            let text: String = (0..100).map(line).collect();
            let part = code::read(&text, 1000);
            assert_eq!(part.left_out.len(), 1, "{of}");
            let kept = part.uses.len() + part.definitions.len() + part.faults.len();
            assert!(kept < 20, "{of}: {kept}");
        }
    }

    /// What an examination says, as far as `look` goes.
    fn examined(
        look: impl FnOnce(&mut Examiner<'_, '_>) -> io::Result<()>,
    ) -> io::Result<crate::Examination> {
        let limits = Limits::default();
        let mut budget = Budget::default();
        budget.total = limits.bytes;
        budget.members = limits.members;
        let mut examiner = Examiner {
            allowlist: Allowlist::builtin(),
            notes: Notes::new(&limits),
            budget,
        };
        look(&mut examiner)?;
        Ok(examiner.notes.finish("torch"))
    }

    #[test]
    fn an_archive_has_one_room_for_the_names_of_all_its_files() {
        let text: String = (0..150_000).map(|n| format!("def f{n}():\n")).collect();
        let read = |files: usize| {
            examined(|examiner| {
                let mut script = Script::default();
                for file in 0..files {
                    let name = format!("code/__torch__/a{file}.py");
                    script.read(&name, &name, &MemorySource(text.as_bytes()), examiner, 0)?;
                }
                assert!(script.defined.len() < 400_000);
                script.conclude(examiner);
                Ok(())
            })
            .expect("memory")
        };
        assert_eq!(read(1).coverage, Coverage::Complete);
        let judged = read(3);
        assert_eq!(judged.coverage, Coverage::Partial);
        assert_eq!(judged.verdict, Verdict::Unknown);
    }

    #[test]
    fn bytecode_is_read_to_its_end_or_said_not_to_be() {
        let add = b"\x80\x02\x8c\x09aten::add";
        let read = |end: &[u8]| {
            let bytes = [add, end].concat();
            examined(|examiner| bytecode(&MemorySource(&bytes), examiner)).expect("memory")
        };
        let whole = read(b".");
        assert_eq!(
            (whole.coverage, whole.verdict),
            (Coverage::Complete, Verdict::Known)
        );
        for end in [
            &b""[..],
            b"\xff.",
            b"X\xff\0\0\0aten::save",
            b"T\xff\xff\xff\xff.",
        ] {
            let judged = read(end);
            assert_eq!(judged.coverage, Coverage::Partial, "{end:?}");
            assert_eq!(judged.verdict, Verdict::Unknown, "{end:?}");
        }
    }

    /// A medium that has nothing beyond a few bytes.
    struct Failing(Vec<u8>);

    impl Source for Failing {
        fn len(&self) -> u64 {
            1 << 20
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let at = usize::try_from(offset).expect("small");
            let rest = self.0.get(at..).filter(|rest| !rest.is_empty());
            let rest = rest.ok_or_else(|| io::Error::other("the medium failed"))?;
            let length = rest.len().min(buf.len());
            buf[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    #[test]
    fn a_medium_that_fails_is_no_end_of_bytecode() {
        for begin in [&b"\x80\x02]."[..], b"\x80\x02X", b"\x80\x02J\0"] {
            let source = Failing(begin.to_vec());
            let judged = examined(|examiner| bytecode(&source, examiner));
            assert!(judged.is_err(), "{begin:?}");
        }
    }

    #[test]
    fn a_module_is_one_only_under_its_own_root() {
        assert_eq!(
            module("code/__torch__/a/b_0.py").as_deref(),
            Some("__torch__.a.b_0")
        );
        for path in [
            "code/os.py",
            "code/__torch__/../os.py",
            "code/__torch__/a//b.py",
            "code/__torch__/a.b.py",
        ] {
            assert_eq!(module(path), None, "{path}");
            assert!(Script::is_code(path));
        }
    }
}
