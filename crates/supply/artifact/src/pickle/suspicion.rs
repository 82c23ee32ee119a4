//! What makes the call of an unlisted name more than unknown: only an attack calls like this.
//!
//! It never clears anything. What is not on the allowlist and not suspicious stays unknown.

use super::{
    effect::{Call, Manner, View},
    symbol::Symbol,
    value::Shape,
};
use crate::{Allowlist, notes::quoted};

/// Why the call of `symbol`, which no list has, is taken for an attack: the predicate of a sentence
/// whose subject is its name.
pub(super) fn suspicion(
    allowlist: &Allowlist,
    symbol: &Symbol,
    call: Call,
    view: &View<'_>,
) -> Option<String> {
    // Classes are called by picklers too; functions only where a class says so in `__reduce__`.
    if call.manner == Manner::New || !is_spelled_like_a_function(&symbol.path) {
        return None;
    }
    if allowlist.is_stdlib(&symbol.module) {
        let restores = allowlist.restores(&symbol.module, &symbol.path);
        let told = "is a function of the standard library that restores no object";
        return (!restores).then(|| told.to_owned());
    }
    let strings = strings(call, view);
    if let Some((kind, text)) = strings
        .iter()
        .find_map(|text| payload(text).map(|kind| (kind, text)))
    {
        let text = quoted(text);
        return Some(format!(
            "is not on the allowlist and is given {kind}: {text}"
        ));
    }
    let private = symbol.path.starts_with('_') || symbol.path.contains('.');
    let named = !private && !strings.is_empty();
    let told = "is a function of a library whose objects are restored without it";
    let package = symbol.module.split('.').next().unwrap_or_default();
    (named && LIBRARIES.contains(&package)).then(|| told.to_owned())
}

fn is_spelled_like_a_function(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    let first = name.trim_start_matches('_').chars().next();
    first.is_some_and(char::is_lowercase)
}

/// The strings among the arguments, and in sequences among them.
fn strings(call: Call, view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for &argument in view.heap.items(call.arguments).unwrap_or_default() {
        found.extend(view.text(argument));
        let container = view.value(argument).container();
        if container.is_some_and(|it| matches!(it.shape, Shape::List | Shape::Tuple)) {
            let items = view.heap.items(argument).unwrap_or_default();
            found.extend(items.iter().filter_map(|&item| view.text(item)));
        }
    }
    found
}

/// What an attacker would have run, if `text` is that.
fn payload(text: &str) -> Option<&'static str> {
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    if has(PYTHON) {
        return Some("Python source");
    }
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    let program = first.rsplit('/').next().unwrap_or(first);
    let is_command = text.len() > first.len() && COMMANDS.contains(&program);
    (is_command || has(SHELL)).then_some("a shell command")
}

/// Libraries of which the allowlist has what restores their objects, from dumps of many versions.
const LIBRARIES: &[&str] = &["joblib", "numpy", "scipy", "sklearn", "torch"];

/// What Python source has that does something, and prose has not.
const PYTHON: &[&str] = &[
    "__import__(",
    "__builtins__",
    "__subclasses__",
    "os.system(",
    "os.popen(",
    "subprocess.",
    "exec(",
    "eval(",
];

/// Pieces of command lines.
const SHELL: &[&str] = &[
    "/bin/sh",
    "/bin/bash",
    "/dev/tcp/",
    "| sh",
    "|sh",
    "| bash",
    "|bash",
    "cmd.exe",
    "cmd /c",
    "powershell",
    "base64 -d",
    "rm -rf",
    "chmod +x",
    "bash -i",
    "sh -c",
    "python -c",
    "python3 -c",
];

/// Programs that a command line begins with.
const COMMANDS: &[&str] = &[
    "bash", "cat", "certutil", "chmod", "cp", "curl", "dd", "dig", "echo", "id", "kill", "ls",
    "mkdir", "mkfifo", "mv", "nc", "ncat", "nslookup", "open", "perl", "ping", "python", "python3",
    "rm", "sh", "sleep", "sudo", "tee", "touch", "uname", "wget", "whoami", "xdg-open",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_as_pep_8_spells_them() {
        for (path, function) in [
            ("system", true),
            ("_run", true),
            ("Popen", false),
            ("_Helper", false),
            ("Popen.wait", true),
            ("__", false),
            ("", false),
        ] {
            assert_eq!(is_spelled_like_a_function(path), function, "{path}");
        }
    }

    #[test]
    fn commands_and_code_are_recognised_and_prose_is_not() {
        for text in [
            "touch /tmp/x",
            "/usr/bin/curl http://a/b",
            "x; rm -rf ~",
            "echo id",
            "__import__('os').system('id')",
            "import os\nos.system('id')",
        ] {
            assert!(payload(text).is_some(), "{text}");
        }
        for text in [
            "",
            "cat",
            "float32",
            "US/Eastern",
            "/usr/share/zoneinfo/UTC",
            "a cat sat",
            "open",
            "evaluation (eval)",
            "executive summary",
        ] {
            assert_eq!(payload(text), None, "{text}");
        }
    }
}
