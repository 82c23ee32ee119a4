//! What commands download from an address, and whether they run it.

use crate::check::command::{Command, Word};

/// A program that gets something from an address.
pub(super) struct Download<'c, 'a> {
    /// The program.
    pub(super) program: &'c Word<'a>,
    /// From where.
    pub(super) address: &'c Word<'a>,
    /// It with all that it is told.
    pub(super) words: &'c [Word<'a>],
    /// The name of the file that it makes, where it makes one.
    file: Option<&'c str>,
    /// The commands behind it.
    later: &'c [Word<'a>],
}

/// What `command` downloads.
pub(super) fn downloads<'c, 'a>(command: &'c Command<'a>) -> Vec<Download<'c, 'a>> {
    let mut all = Vec::new();
    let mut later = &command.words[..];
    while !later.is_empty() {
        let (words, rest) = next(later);
        later = rest;
        let (words, name) = inner(words);
        if !DOWNLOADERS.contains(&name) {
            continue;
        }
        if let Some(address) = words.iter().find(|word| word.text.contains("://")) {
            all.push(Download {
                program: &words[0],
                address,
                words,
                file: file(name, words, &address.text),
                later,
            });
        }
    }
    all
}

impl<'c, 'a> Download<'c, 'a> {
    /// The option with which it takes whatever certificate comes.
    pub(super) fn unverified(&self) -> Option<&'c Word<'a>> {
        let is_it = |word: &&Word<'_>| {
            let short = word.text.strip_prefix('-').unwrap_or_default();
            let is_k = last(&self.program.text) == "curl"
                && short.contains('k')
                && short.chars().all(|c| "fsSLkO#".contains(c));
            is_k || ["--no-check-certificate", "--insecure"].contains(&&*word.text)
        };
        self.words.iter().find(is_it)
    }

    /// Whether the address ends like that of a file with a model.
    pub(super) fn is_model(&self) -> bool {
        is_pickle(&self.address.text) || has_end(&self.address.text, WEIGHTS)
    }

    /// Whether what comes is run, or installed, and nothing asks before whether it is what it should be.
    pub(super) fn is_installed(&self) -> bool {
        let Some(file) = self.file else {
            return false;
        };
        let mut later = self.later;
        let mut is_unpacked = false;
        while !later.is_empty() {
            let (words, rest) = next(later);
            later = rest;
            let (words, name) = inner(words);
            let is_it = |word: &&Word<'_>| last(&word.text) == file;
            let has_it = words.iter().skip(1).any(|word| is_it(&word));
            let has = |texts: &[&str]| words.iter().any(|word| texts.contains(&&*word.text));
            if VERIFIERS.contains(&name) {
                return false;
            }
            is_unpacked |= has_it && UNPACKERS.contains(&name);
            let is_into_system = has_it
                && [UNPACKERS, &["mv", "cp", "install"]]
                    .concat()
                    .contains(&name)
                && words.iter().any(|word| is_of_system(&word.text));
            let is_made_program = name == "chmod" && has_it && has(EXECUTABLE);
            let is_package = has_it && PACKAGERS.contains(&name);
            let is_run = has_it && INTERPRETERS.contains(&name)
                || words
                    .first()
                    .is_some_and(|it| is_it(&it) && it.text.contains('/'));
            let installs = is_unpacked
                && words.first().is_some_and(|it| it.text.starts_with("./"))
                && INSTALLERS.iter().any(|word| name.contains(word));
            if is_into_system || is_made_program || is_package || is_run || installs {
                return true;
            }
        }
        false
    }
}

/// The words of the first command, and those behind it.
fn next<'c, 'a>(words: &'c [Word<'a>]) -> (&'c [Word<'a>], &'c [Word<'a>]) {
    let is_end = |word: &Word<'_>| matches!(&*word.text, ";" | "|");
    match words.iter().position(is_end) {
        Some(end) => (&words[..end], &words[end + 1..]),
        None => (words, &[]),
    }
}

/// The words behind those that only say how to run them, and the name of the program.
fn inner<'c, 'a>(words: &'c [Word<'a>]) -> (&'c [Word<'a>], &'c str) {
    // The script of a shell is a word of its command, and begins behind its option.
    let is_script = |pair: &[Word<'_>]| {
        let letters = pair[1].text.strip_prefix('-').unwrap_or_default();
        SHELLS.contains(&last(&pair[0].text)) && letters.ends_with('c')
    };
    let script = words.windows(2).rposition(is_script).map_or(0, |at| at + 2);
    let words = &words[script..];
    let is_before = |word: &Word<'_>| {
        matches!(&*word.text, "sudo" | "env" | "exec" | "nohup" | "-E" | "-H")
            || word.text.contains('=') && !word.text.starts_with('-')
    };
    let start = words.iter().position(|word| !is_before(word));
    let words = &words[start.unwrap_or(words.len())..];
    (words, words.first().map_or("", |word| last(&word.text)))
}

/// The name of the file that a download makes.
fn file<'c>(program: &str, words: &'c [Word<'_>], address: &'c str) -> Option<&'c str> {
    let named = words.iter().enumerate().find_map(|(at, word)| {
        let (option, value) = match word.text.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (&*word.text, None),
        };
        let letters = option.strip_prefix('-').filter(|it| !it.starts_with('-'));
        let is_short = |letter: char| letters.is_some_and(|it| it.ends_with(letter));
        let is_output = match program {
            "wget" => is_short('O') || option == "--output-document",
            _ => is_short('o') || option == "--output" || option == "--out",
        };
        let next = || words.get(at + 1).map(|word| &*word.text);
        is_output.then(|| value.or_else(next)).flatten()
    });
    let own = || {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let is_kept = program != "curl" || words.iter().any(|word| is_remote_name(&word.text));
        Some(last(path)).filter(|name| is_kept && !name.is_empty())
    };
    named.map(last).or_else(own).filter(|name| *name != "-")
}

/// `-O`, also among other letters.
fn is_remote_name(word: &str) -> bool {
    let letters = word.strip_prefix('-').filter(|it| !it.starts_with('-'));
    word == "--remote-name" || letters.is_some_and(|it| it.contains('O'))
}

/// The last part of a way.
fn last(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Whether programs are looked for there.
fn is_of_system(path: &str) -> bool {
    let mut directories = ["/usr", "/bin", "/sbin", "/opt"].iter();
    directories.any(|it| path == *it || path.strip_prefix(it).is_some_and(|it| it.starts_with('/')))
}

const DOWNLOADERS: &[&str] = &["curl", "wget", "aria2c"];

const UNPACKERS: &[&str] = &["unzip", "tar", "bsdtar", "gunzip", "7z"];

/// What installs a package that is a file.
const PACKAGERS: &[&str] = &["dpkg", "rpm", "apt", "apt-get", "yum", "dnf", "apk"];

/// Whether the file is what it should be.
const VERIFIERS: &[&str] = &[
    "sha256sum",
    "sha512sum",
    "sha1sum",
    "md5sum",
    "shasum",
    "b2sum",
    "gpg",
    "cosign",
    "minisign",
];

const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh"];

const INTERPRETERS: &[&str] = &["sh", "bash", "python", "python3", "source", "."];

/// Words in the names of what is run out of an archive to install the rest of it.
const INSTALLERS: &[&str] = &["install", "setup"];

const EXECUTABLE: &[&str] = &[
    "+x", "a+x", "u+x", "ugo+x", "755", "0755", "775", "777", "700",
];

/// Whether an address is that of a file that mostly is a pickle, or holds some.
pub(super) fn is_pickle(address: &str) -> bool {
    has_end(address, PICKLES)
}

fn has_end(address: &str, ends: &[&str]) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    ends.iter().any(|end| path.ends_with(end))
}

const PICKLES: &[&str] = &[
    ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".mar",
];

/// Ends of files with weights that are no pickles.
const WEIGHTS: &[&str] = &[
    ".safetensors",
    ".gguf",
    ".onnx",
    ".tflite",
    ".h5",
    ".keras",
    ".engine",
];
