//! Text that torch evaluates when it loads an exported program: guards in `exec`
//! (`torch/export/_unlift.py`), sizes in SymPy's `sympify`, which is `eval`
//! (`torch/_export/serde/serialize.py`), and the shape of inputs, which may name a class whose module
//! is imported (`torch/utils/_pytree.py`).

use casemate_core::MemorySource;

use super::growth::is_bounded;
use crate::{
    cursor::Cursor,
    formats::torchscript::lexer::{Kind, Lexer, Token},
    json::{Json, JsonError, Token as JsonToken},
};

/// Why text is not what torch writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody knows what it does.
    Unknown,
    /// It calls what runs code.
    Dangerous,
}

/// Whether a guard is a comparison of the sizes of inputs.
pub(super) fn guard(text: &str) -> Result<(), Fault> {
    arithmetic(text, &GUARD_FUNCTIONS, &GUARD_METHODS, "[]")
}

/// Whether an expression is arithmetic of SymPy.
pub(super) fn expression(text: &str) -> Result<(), Fault> {
    arithmetic(text, &FUNCTIONS, &[], "")
}

/// Whether the shape of inputs is made of Python's own containers.
pub(super) fn is_plain_tree(text: &str) -> bool {
    is_tree(text.as_bytes()).unwrap_or(false)
}

/// The modules of the classes and functions that the shape of inputs names, of which torch imports
/// one and takes the other: those of enumerations, and what fills a dictionary.
pub(super) fn modules(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let words = text
        .split(move |c| !is_word(c))
        .filter(|word| !word.is_empty());
    let after = words.clone().skip(1);
    words.zip(after).filter_map(|(key, word)| {
        let names = matches!(key, "fqn" | "default_factory_module");
        (names && !matches!(word, "builtins" | "collections")).then_some(word)
    })
}

fn arithmetic(
    text: &str,
    functions: &[&str],
    methods: &[&str],
    brackets: &str,
) -> Result<(), Fault> {
    // In strings too: they are put into the code that is run.
    if ["__", "exec", "eval"].iter().any(|w| text.contains(w)) {
        return Err(Fault::Dangerous);
    }
    let runs = |token: Token<'_>| token.kind == Kind::Name && RUNS.contains(&token.text);
    if Lexer::new(text).any(runs) {
        return Err(Fault::Dangerous);
    }
    if text.contains(['"', '\\', '#', '\n', '\r', ';', '{', '}', '`', '@']) {
        return Err(Fault::Unknown);
    }
    let tokens: Vec<Token<'_>> = Lexer::new(text).take(MOST_TOKENS + 1).collect();
    if tokens.len() > MOST_TOKENS || !is_bounded(&tokens) {
        return Err(Fault::Unknown);
    }
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| tokens[at].text);
        let after = tokens.get(at + 1).map_or("", |token| token.text);
        let is_sound = match token.kind {
            Kind::Number => true,
            Kind::String => token
                .text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.- ".contains(c)),
            Kind::Symbol => {
                SYMBOLS.contains(&token.text)
                    || brackets.contains(token.text)
                    || token.text == "." && !methods.is_empty()
            }
            Kind::Name if before == "." => methods.contains(&token.text),
            Kind::Name if after == "(" => {
                functions.contains(&token.text) || WORDS.contains(&token.text)
            }
            Kind::Name if after == "=" => ASSUMPTIONS.contains(&token.text),
            Kind::Name if token.text == INPUTS => after == "[",
            Kind::Name => WORDS.contains(&token.text) || is_symbol(token.text),
            Kind::Newline | Kind::Fault => false,
        };
        // SymPy's own functions are spelled so, and Python's; torch's begin with a capital.
        let is_called = token.kind == Kind::Name && after == "(" && before != ".";
        let is_lower = token
            .text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_');
        if !is_sound && is_called && is_lower && !LOWER.contains(&token.text) {
            return Err(Fault::Dangerous);
        }
        if !is_sound {
            return Err(Fault::Unknown);
        }
        // What is called is a name.
        if token.text == "(" && matches!(before, ")" | "]") {
            return Err(Fault::Unknown);
        }
    }
    Ok(())
}

/// A size, as torch names it: some letters and a number.
fn is_symbol(name: &str) -> bool {
    let digits = name.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = name.len() - digits.len();
    (1..=4).contains(&letters) && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `[VERSION, {"type": …, "context": …, "children_spec": […]}]`, where the context is JSON too.
fn is_tree(text: &[u8]) -> Result<bool, JsonError> {
    let source = MemorySource(text);
    let mut input = Cursor::new(&source, 0);
    let mut json = Json::new(&mut input, text.len());
    let mut key = Vec::new();
    while let Some(token) = json.next()? {
        let is_sound = match token {
            JsonToken::Key => {
                key = json.text().to_vec();
                matches!(&key[..], b"type" | b"context" | b"children_spec")
            }
            JsonToken::String => match &key[..] {
                b"type" => NODES.iter().any(|node| node.as_bytes() == json.text()),
                b"context" => is_flat(json.text())?,
                _ => false,
            },
            _ => true,
        };
        if !is_sound {
            return Ok(false);
        }
    }
    Ok(true)
}

/// JSON without objects: torch makes members of enumerations of some.
fn is_flat(text: &[u8]) -> Result<bool, JsonError> {
    let source = MemorySource(text);
    let mut input = Cursor::new(&source, 0);
    let mut json = Json::new(&mut input, 64);
    while let Some(token) = json.next()? {
        if token == JsonToken::ObjectBegins {
            return Ok(false);
        }
    }
    Ok(true)
}

const SYMBOLS: [&str; 23] = [
    "(", ")", ",", "+", "-", "*", "/", "//", "%", "**", "<", ">", "<=", ">=", "==", "!=", "&", "|",
    "^", "<<", ">>", "=", "~",
];

const WORDS: [&str; 10] = [
    "and", "or", "not", "True", "False", "true", "false", "oo", "int_oo", "inf",
];

/// A guard of a large model has some thousand.
const MOST_TOKENS: usize = 1 << 18;

/// What guards call the inputs.
const INPUTS: &str = "L";

/// What SymPy is told of a symbol.
const ASSUMPTIONS: [&str; 8] = [
    "integer",
    "positive",
    "nonnegative",
    "real",
    "finite",
    "nonzero",
    "negative",
    "evaluate",
];

/// `sympy_functions` of `serialize.py`, and what SymPy's `srepr` writes.
const FUNCTIONS: [&str; 48] = [
    "FloorDiv",
    "ModularIndexing",
    "Where",
    "PythonMod",
    "Mod",
    "CleanDiv",
    "CeilToInt",
    "FloorToInt",
    "CeilDiv",
    "LShift",
    "RShift",
    "PowByNatural",
    "FloatPow",
    "FloatTrueDiv",
    "IntTrueDiv",
    "IsNonOverlappingAndDenseIndicator",
    "TruncToFloat",
    "TruncToInt",
    "RoundToInt",
    "RoundDecimal",
    "ToFloat",
    "Identity",
    "Max",
    "Min",
    "Symbol",
    "Integer",
    "Float",
    "Rational",
    "Add",
    "Mul",
    "Pow",
    "Equality",
    "Unequality",
    "Eq",
    "Ne",
    "GreaterThan",
    "LessThan",
    "StrictGreaterThan",
    "StrictLessThan",
    "And",
    "Or",
    "Not",
    "Abs",
    "floor",
    "ceiling",
    "Piecewise",
    "ExprCondPair",
    "Tuple",
];

/// Functions of numbers that are not known to be written, and do no more than those.
const LOWER: [&str; 36] = [
    "abs",
    "acos",
    "acosh",
    "arg",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "bool",
    "cbrt",
    "ceil",
    "conjugate",
    "cos",
    "cosh",
    "cot",
    "csc",
    "erf",
    "exp",
    "factorial",
    "float",
    "gamma",
    "im",
    "int",
    "len",
    "log",
    "max",
    "min",
    "re",
    "root",
    "round",
    "sec",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
];

const GUARD_FUNCTIONS: [&str; 8] = [
    "Max",
    "Min",
    "max",
    "min",
    "abs",
    "int",
    "float",
    "IsNonOverlappingAndDenseIndicator",
];

const GUARD_METHODS: [&str; 11] = [
    "size",
    "stride",
    "storage_offset",
    "trunc",
    "floor",
    "ceil",
    "sqrt",
    "pow",
    "sym_max",
    "sym_min",
    "item",
];

/// Names through which Python runs code.
const RUNS: [&str; 16] = [
    "exec",
    "eval",
    "compile",
    "open",
    "getattr",
    "setattr",
    "globals",
    "locals",
    "vars",
    "input",
    "breakpoint",
    "os",
    "sys",
    "subprocess",
    "builtins",
    "importlib",
];

/// Containers, as `torch/utils/_pytree.py` and `torch/fx/immutable_collections.py` name them.
const NODES: [&str; 7] = [
    "builtins.list",
    "builtins.tuple",
    "builtins.dict",
    "collections.OrderedDict",
    "collections.deque",
    "torch.fx.immutable_collections.immutable_list",
    "torch.fx.immutable_collections.immutable_dict",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_torch_writes_is_arithmetic() {
        for text in [
            "s92",
            "2*s0 + 1",
            "Mul(Integer(2), Symbol('s92', positive=True, integer=True))",
            "GreaterThan(Symbol('u0', integer=True), Integer(3))",
            "Max(1, s0//2)",
            "-int_oo",
        ] {
            assert_eq!(expression(text), Ok(()), "{text}");
        }
        for text in [
            "L['x'].size()[0] > 3",
            "1 + (L['d']['k.w'][0].stride()[1] // 2) <= 7 and not args0 == 2",
        ] {
            assert_eq!(guard(text), Ok(()), "{text}");
        }
        let spec = r#"[1, {"type": "builtins.dict", "context": "[\"k\"]", "children_spec": [{"type": null}]}]"#;
        assert!(is_plain_tree(spec));
    }

    #[test]
    fn what_runs_code_is_not() {
        for text in [
            "__import__('os').system('true')",
            "exec('1')",
            "Symbol('x').__class__",
            "eval(s0)",
            "frobnicate(1)",
            "chr(1)",
            "[c for c in ().__class__.__base__.__subclasses__()]",
            "L['x\", __import__(1), \"'] > 1",
        ] {
            assert_eq!(expression(text), Err(Fault::Dangerous), "{text}");
            assert_eq!(guard(text), Err(Fault::Dangerous), "{text}");
        }
        for text in [
            "Frobnicate(1)",
            "sin(1)",
            "Symbol('x').free_symbols",
            "s0; s1",
            "lambda: 1",
            "Max(1)(2)",
            "s0 # 1",
            "'a'.upper()",
            "x[0]",
            "system",
            "(lambda x: x)",
            "L[\"x\"]",
            "f'{s0}'",
            "s0\n",
            &"'\\".repeat(1 << 19),
            &"(".repeat(MOST_TOKENS + 1),
        ] {
            assert_eq!(expression(text), Err(Fault::Unknown), "{text}");
        }
        assert_eq!(guard("L['x'].numpy() > 1"), Err(Fault::Unknown));
        assert_eq!(guard("L['x\\'].size()"), Err(Fault::Unknown));
    }

    #[test]
    fn a_tree_that_names_a_class_is_not_known() {
        for text in [
            r#"[1, {"type": "collections.defaultdict", "context": "null", "children_spec": []}]"#,
            r#"[1, {"type": null, "context": "{\"__enum__\": true}", "children_spec": []}]"#,
            r#"[1, {"type": null, "context": "[{}]", "children_spec": []}]"#,
            r#"[1, {"fqn": "os:x"}]"#,
            "[1",
            r#"[1, "a"]"#,
        ] {
            assert!(!is_plain_tree(text), "{text}");
        }
    }
}
