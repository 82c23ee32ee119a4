//! Modules of `torch.fx`: a stream gives the source of their `forward`, which is compiled and run
//! when they are made again. What torch writes there is imports, and one function of calls.

use super::Judge;
use crate::{
    Allowlist,
    cursor::Extent,
    pickle::{
        carried::is_suspect,
        effect::{Call, View},
        fold::is_plain_attribute,
        symbol::Symbol,
        value::{Form, Ref, Value},
    },
};

impl Judge<'_, '_, '_> {
    /// Whether a call compiles the graph of a module, and the source has nothing that runs programs.
    pub(super) fn compiles_a_graph(
        &mut self,
        symbol: &Symbol,
        call: Call,
        view: &View<'_>,
    ) -> bool {
        if !symbol.compiles_a_graph() {
            return false;
        }
        let Some(&[body, imports]) = view.heap.items(call.arguments) else {
            return false;
        };
        let Some(code) = view
            .entry(body, "_code")
            .or_else(|| view.entry(body, "code"))
        else {
            return false;
        };
        let read = |judge: &mut Self, of| judge.whole_text(of, view);
        let (Some(imports), Some(code)) = (read(self, imports), read(self, code)) else {
            return false;
        };
        let allowlist = self.allowlist;
        imports.lines().all(|line| imports_a_graph(line, allowlist)) && is_a_graph(&code)
    }

    fn whole_text(&mut self, of: Ref, view: &View<'_>) -> Option<String> {
        let Value::Str {
            form: Form::Utf8,
            len,
            at,
            ..
        } = view.value(of)
        else {
            return None;
        };
        let length = usize::try_from(len).ok()?;
        self.source = self.source.checked_sub(length)?;
        let len = u64::from(len);
        let bytes = view.input.read(Extent { at, len }, length).ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    }
}

/// Whether a line imports what is no gadget, and nothing of the standard library but values.
fn imports_a_graph(line: &str, allowlist: &Allowlist) -> bool {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (module, name) = match words[..] {
        [] | ["NoneType", "=", "type(None)"] => return true,
        ["import", module] | ["import", module, "as", _] => (module, "*"),
        ["from", module, "import", name] | ["from", module, "import", name, "as", _] => {
            (module, name)
        }
        _ => return false,
    };
    let plain = module.split('.').chain((name != "*").then_some(name));
    let listed = !allowlist.is_stdlib(module) || VALUES.contains(&module);
    plain
        .into_iter()
        .all(|part| is_plain_attribute(part) && !is_suspect(part))
        && listed
        && allowlist.gadget(module, name).is_none()
}

/// Whether source has none of the names, and none of the spelling, by which code hides what it
/// calls.
fn is_a_graph(code: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let hidden = |word: &str| {
        let machinery = word.starts_with("__") && word.ends_with("__");
        machinery || is_suspect(word) || matches!(word, "import" | "exec" | "lambda" | "class")
    };
    code.is_ascii() && !code.contains('\\') && !code.split(|c| !is_word(c)).any(hidden)
}

/// Modules of the standard library of which graphs use values and functions of numbers.
const VALUES: &[&str] = &[
    "_operator",
    "builtins",
    "collections",
    "math",
    "operator",
    "typing",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_imports_numbers_and_layers() {
        let allowlist = Allowlist::builtin();
        for line in [
            "import torch",
            "from torch import device",
            "import torch.fx._pytree as fx_pytree",
            "from math import inf",
            "from _operator import add as _operator_add",
            "NoneType = type(None)",
            "",
        ] {
            assert!(imports_a_graph(line, allowlist), "{line}");
        }
        for line in [
            "import os",
            "import os.path as p",
            "from os import system",
            "from torch import load",
            "from torch import hub",
            "from builtins import exec",
            "from builtins import getattr as g",
            "import torch; x()",
            "import torch.utils.bottleneck.__main__ as m",
            "x = 1",
        ] {
            assert!(!imports_a_graph(line, allowlist), "{line}");
        }
    }

    #[test]
    fn a_graph_calls_layers() {
        let graph = "def forward(self, x):\n    l = getattr(self.l, \"0\")(x);  x = None\n    \
                     add = torch.relu(l) + 1\n    return add\n    ";
        assert!(is_a_graph(graph));
        for line in [
            "os.system('id')",
            "__import__('os')",
            "torch.hub.load('a/b', 'c')",
            "f.__globals__",
            "import os",
            "x = '\\x6f'",
            "exec(x)",
        ] {
            assert!(!is_a_graph(line), "{line}");
        }
    }
}
