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

fn at_loading(code: &str) -> Vec<String> {
    let script = Script {
        files: vec![File {
            member: String::new(),
            module: None,
            reading: read(code),
        }],
        ..Script::default()
    };
    script.at_loading().into_iter().map(str::to_owned).collect()
}

#[test]
fn what_runs_at_loading_is_what_the_state_is_set_by_and_what_that_calls() {
    let method =
        |name: &str, body: &str| format!("  def {name}(self, x: int) -> int:\n    {body}\n");
    let class = |methods: &[String]| format!("class A(Module):\n{}", methods.concat());
    let (forward, far) = (method("forward", "return x"), method("far", "return x"));
    assert!(at_loading(&class(&[forward.clone(), far.clone()])).is_empty());
    let code = class(&[
        forward,
        method("__setstate__", "_0 = self.near(x)"),
        method("near", "_0 = fork(self.far, x)"),
        far,
        method("__getstate__", "return x"),
        method("__len__", "return x"),
    ]);
    assert_eq!(
        at_loading(&code),
        ["__len__", "__setstate__", "far", "near"]
    );
}

#[test]
fn loops_are_told_in_the_function_that_they_are_in() {
    for (code, function) in [
        (
            "def f(x: int) -> int:\n  while True:\n    pass\n",
            Some("f"),
        ),
        (
            "def f(x: int) -> int:\n  for y in range(9):\n    pass\n",
            Some("f"),
        ),
        (
            "def f(x: int) -> int:\n  return [y for y in x]\n",
            Some("f"),
        ),
        (
            "def f(x: int) -> int:\n  def g():\n    while x:\n      pass\n  return 1\n",
            Some("f"),
        ),
        ("def f(x: int) -> int:\n  if x:\n    pass\n", None),
    ] {
        let loops: Vec<_> = read(code).loops.into_keys().collect();
        assert_eq!(loops, Vec::from_iter(function), "{code}");
    }
}
