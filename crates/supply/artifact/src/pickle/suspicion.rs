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
    if call.manner == Manner::New {
        return None;
    }
    let texts = strings(call, view);
    // Classes are called by picklers too; functions only where a class says so in `__reduce__`.
    let is_function = is_spelled_like_a_function(&symbol.path);
    let hostile = texts.iter().find_map(|text| {
        let kind = match is_function {
            true => payload(text),
            false => certain_payload(text),
        };
        kind.map(|kind| (kind, text))
    });
    if is_function && allowlist.is_stdlib(&symbol.module) {
        let restores = allowlist.restores(&symbol.module, &symbol.path);
        let told = "is a function of the standard library that restores no object";
        return (!restores).then(|| told.to_owned());
    }
    if let Some((kind, text)) = hostile {
        let text = quoted(text);
        return Some(format!(
            "is not on the allowlist and is given {kind}: {text}"
        ));
    }
    if !is_function {
        return None;
    }
    let name = symbol.path.rsplit('.').next().unwrap_or(&symbol.path);
    let restores =
        allowlist.reconstructs(&symbol.module, name) || is_named_like_a_reconstructor(name);
    let package = symbol.module.split('.').next().unwrap_or_default();
    let told = "is a function of a library whose objects are restored without it";
    if allowlist.is_read(&symbol.module) {
        return (!restores).then(|| told.to_owned());
    }
    let named = !symbol.path.starts_with('_') && !symbol.path.contains('.') && !texts.is_empty();
    if named && DUMPED.contains(&package) {
        return (!restores).then(|| told.to_owned());
    }
    let does = !texts.is_empty() && is_named_for_an_effect(name);
    does.then(|| "has the name of what runs, imports or fetches, and is given text".to_owned())
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

/// Whether a function's name says that it makes an object.
fn is_named_like_a_reconstructor(name: &str) -> bool {
    let bare = name.trim_start_matches('_');
    let within = |pieces: &[&str]| pieces.iter().any(|piece| bare.contains(piece));
    MAKING.iter().any(|begins| bare.starts_with(begins)) || within(REMAKING)
}

/// Whether a word of a function's name says that it runs, imports, fetches or removes something.
fn is_named_for_an_effect(name: &str) -> bool {
    let whole = EFFECTS.contains(&name) || WHOLE.contains(&name.trim_start_matches('_'));
    whole || name.split('_').any(|word| EFFECTS.contains(&word))
}

/// What can be nothing else than a command or code, whatever it is given to.
fn certain_payload(text: &str) -> Option<&'static str> {
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    if has(&PYTHON[..CERTAIN]) {
        return Some("Python source");
    }
    let mut words = text.split_ascii_whitespace();
    let program = words.next().unwrap_or_default();
    let is_operand =
        |word: &str| word.len() > 1 && word.starts_with(['-', '/', '~']) || word.contains("://");
    let is_command =
        COMMANDS.contains(&program) && !AMBIGUOUS.contains(&program) && words.any(is_operand);
    (is_command || has(SHELL)).then_some("a shell command")
}

/// What an attacker would have run or fetched, if `text` is that.
fn payload(text: &str) -> Option<&'static str> {
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    if has(PYTHON) {
        return Some("Python source");
    }
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    let program = first.rsplit('/').next().unwrap_or(first);
    let is_command = text.len() > first.len() && COMMANDS.contains(&program);
    if is_command || has(SHELL) {
        return Some("a shell command");
    }
    if PLACES.iter().any(|place| text.starts_with(place)) {
        return Some("a place on the network or in the system");
    }
    None
}

/// Libraries of which the allowlist has what restores their objects, from dumps of many versions,
/// those of compiled modules too.
const DUMPED: &[&str] = &["joblib", "numpy", "scipy", "sklearn", "torch"];

/// How the names of functions begin that make objects, before any `_`.
const MAKING: &[&str] = &["build", "create", "from", "make", "new"];

/// What stands in the names of functions that make them again.
const REMAKING: &[&str] = &[
    "_ctor",
    "_from_",
    "constructor",
    "deserial",
    "rebuild",
    "reconstruct",
    "recreate",
    "restore",
    "revive",
    "unpickle",
];

/// Words in the names of functions that no object is restored by.
const EFFECTS: &[&str] = &[
    "check_call",
    "check_output",
    "cmd",
    "command",
    "download",
    "eval",
    "exec",
    "execfile",
    "execute",
    "getoutput",
    "getstatusoutput",
    "import",
    "install",
    "popen",
    "rmdir",
    "rmtree",
    "run",
    "runcode",
    "runfile",
    "runscript",
    "runsource",
    "runstring",
    "shell",
    "spawn",
    "ssh",
    "subprocess",
    "sudo",
    "system",
    "uninstall",
    "unlink",
    "urlopen",
    "urlretrieve",
];

/// Names that say as much where they are nothing else: `load_field` may restore one.
const WHOLE: &[&str] = &[
    "connect",
    "fetch",
    "init",
    "launch",
    "launch_gateway",
    "load",
    "loads",
    "login",
    "main",
    "makegateway",
    "open",
    "read_file",
    "serve",
    "show",
    "start",
];

/// How text begins that says where something is to be fetched, or what of the system to open.
const PLACES: &[&str] = &[
    "\\\\",
    "/bin/",
    "/dev/",
    "/etc/",
    "/proc/",
    "/root/",
    "C:\\Windows",
    "file://",
    "ftp://",
    "gopher://",
    "http://",
    "https://",
    "~/.",
];

/// What Python source has that does something, and prose has not; the first of it nothing else has.
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
const CERTAIN: usize = 5;

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

/// Those among them that a sentence may begin with as well.
const AMBIGUOUS: &[&str] = &["cat", "id", "open", "sleep"];

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
    fn what_makes_an_object_and_what_has_an_effect_are_told_apart_by_name() {
        for name in [
            "_rebuild_tensor_v4",
            "__pyx_unpickle_Tree",
            "_array_from_buffer",
            "makeObject",
            "_new_Index",
            "deserialize_model",
        ] {
            assert!(is_named_like_a_reconstructor(name), "{name}");
            assert!(!is_named_for_an_effect(name), "{name}");
        }
        for name in [
            "run",
            "import_string",
            "_exec_command",
            "check_output",
            "load",
            "_load",
            "connect",
        ] {
            assert!(is_named_for_an_effect(name), "{name}");
            assert!(!is_named_like_a_reconstructor(name), "{name}");
        }
        for name in [
            "running_mean",
            "importance",
            "evaluate",
            "systematic",
            "_load_field",
            "opening",
            "initial",
        ] {
            assert!(!is_named_for_an_effect(name), "{name}");
        }
    }

    #[test]
    fn a_class_is_suspect_only_with_what_can_be_nothing_else() {
        for text in [
            "sh -c id",
            "curl http://a/b",
            "touch /tmp/x",
            "/bin/sh",
            "__import__('os')",
        ] {
            assert!(certain_payload(text).is_some(), "{text}");
        }
        for text in [
            "open /data/x failed",
            "cat /dog",
            "http://a/b",
            "eval(x)",
            "curl of a field",
            "sleep - 3 s",
            "touch of a hand",
            "echo - the sound",
        ] {
            assert_eq!(certain_payload(text), None, "{text}");
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
            "http://a/b",
            "/etc/passwd",
            "\\\\host\\share",
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
