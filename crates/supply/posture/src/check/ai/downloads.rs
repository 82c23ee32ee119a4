//! What commands download from an address, and whether they run it.

use std::collections::HashMap;

use crate::check::command::{Command, Word};

/// A program that gets something from an address.
pub(super) struct Download<'c, 'a> {
    /// The program.
    pub(super) program: &'c Word<'a>,
    /// From where.
    pub(super) address: &'c Word<'a>,
    /// It with all that it is told.
    words: &'c [Word<'a>],
}

/// What `command` downloads.
pub(super) fn downloads<'c, 'a>(
    command: &'c Command<'a>,
) -> impl Iterator<Item = Download<'c, 'a>> + use<'c, 'a> {
    steps(command).filter_map(Download::of)
}

/// What `command` downloads and runs or installs, where nothing asks before whether it is what it should be.
pub(super) fn installed<'c, 'a>(command: &'c Command<'a>) -> Vec<Download<'c, 'a>> {
    let mut all = Vec::new();
    let mut kept: HashMap<&str, Download<'_, '_>> = HashMap::new();
    let mut unpacked: Vec<Download<'_, '_>> = Vec::new();
    for step in steps(command) {
        if VERIFIERS.contains(&step.name) {
            kept.clear();
            unpacked.clear();
        }
        if step.runs_installer() {
            all.append(&mut unpacked);
        }
        let (installs, unpacks) = (step.installs(), UNPACKERS.contains(&step.name));
        for (at, word) in step.words.iter().enumerate() {
            let is_run = at == 0 && word.text.contains('/');
            if is_run || (at > 0 && installs) {
                all.extend(kept.remove(last(&word.text)));
            } else if at > 0 && unpacks {
                unpacked.extend(kept.remove(last(&word.text)));
            }
        }
        if let Some(download) = Download::of(step)
            && let Some(file) = download.file()
        {
            kept.insert(file, download);
        }
    }
    all
}

impl<'c, 'a> Download<'c, 'a> {
    fn of(step: Step<'c, 'a>) -> Option<Self> {
        let address = step.words.iter().find(|word| word.text.contains("://"));
        Some(Self {
            program: step
                .words
                .first()
                .filter(|_| DOWNLOADERS.contains(&step.name))?,
            address: address?,
            words: step.words,
        })
    }

    /// The option with which it takes whatever certificate comes.
    pub(super) fn unverified(&self) -> Option<&'c Word<'a>> {
        let is_it = |word: &&Word<'_>| {
            let short = word.text.strip_prefix('-').unwrap_or_default();
            // Behind a letter that takes a value stands that.
            let letters = short.split(|c: char| !"fsSLkOgivqJ#".contains(c)).next();
            let is_k =
                last(&self.program.text) == "curl" && letters.is_some_and(|it| it.contains('k'));
            is_k || ["--no-check-certificate", "--insecure"].contains(&&*word.text)
        };
        self.words.iter().find(is_it)
    }

    /// Whether the address ends like that of a file with a model.
    pub(super) fn is_model(&self) -> bool {
        is_pickle(&self.address.text) || has_end(&self.address.text, WEIGHTS)
    }

    /// The name of the file that it makes, where it makes one.
    fn file(&self) -> Option<&'c str> {
        let is_wget = last(&self.program.text) == "wget";
        let named = self.words.iter().enumerate().find_map(|(at, word)| {
            let (option, value) = match word.text.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (&*word.text, None),
            };
            let letters = option.strip_prefix('-').filter(|it| !it.starts_with('-'));
            let is_short = |letter: char| letters.is_some_and(|it| it.ends_with(letter));
            let is_output = match is_wget {
                true => is_short('O') || option == "--output-document",
                false => is_short('o') || option == "--output" || option == "--out",
            };
            let next = || self.words.get(at + 1).map(|word| &*word.text);
            is_output.then(|| value.or_else(next)).flatten()
        });
        let own = || {
            let path = self.address.text.split(['?', '#']).next();
            let is_curl = last(&self.program.text) == "curl";
            let is_kept = !is_curl || self.words.iter().any(|word| is_remote_name(&word.text));
            path.map(last).filter(|name| is_kept && !name.is_empty())
        };
        named.map(last).or_else(own).filter(|name| *name != "-")
    }
}

/// A command of a script, without the words that only say how to run it.
#[derive(Clone, Copy)]
struct Step<'c, 'a> {
    words: &'c [Word<'a>],
    /// The name of the program.
    name: &'c str,
}

impl Step<'_, '_> {
    /// Whether it runs what comes out of an archive to install the rest of it.
    fn runs_installer(&self) -> bool {
        let is_local = self
            .words
            .first()
            .is_some_and(|it| it.text.starts_with("./"));
        is_local && INSTALLERS.iter().any(|word| self.name.contains(word))
    }

    /// Whether it runs or installs the files that it is told.
    fn installs(&self) -> bool {
        let is_into_system = [UNPACKERS, MOVERS].iter().any(|it| it.contains(&self.name))
            && self.words.iter().any(|word| is_of_system(&word.text));
        let is_executable = || {
            let mut words = self.words.iter();
            words.any(|word| EXECUTABLE.contains(&&*word.text))
        };
        is_into_system
            || PACKAGERS.contains(&self.name)
            || INTERPRETERS.contains(&self.name)
            || self.name == "chmod" && is_executable()
    }
}

/// The commands of a script, one after the other.
fn steps<'c, 'a>(command: &'c Command<'a>) -> impl Iterator<Item = Step<'c, 'a>> + use<'c, 'a> {
    let is_end = |word: &Word<'_>| matches!(&*word.text, ";" | "|");
    command.words.split(is_end).map(|words| {
        let words = inner(words);
        let name = words.first().map_or("", |word| last(&word.text));
        Step { words, name }
    })
}

/// The words behind those that only say how to run them.
fn inner<'c, 'a>(words: &'c [Word<'a>]) -> &'c [Word<'a>] {
    // The script of a shell is a word of its command, and begins behind its option.
    let is_script = |pair: &[Word<'_>]| {
        let letters = pair[1].text.strip_prefix('-').unwrap_or_default();
        SHELLS.contains(&last(&pair[0].text)) && letters.ends_with('c')
    };
    let script = words.windows(2).rposition(is_script).map_or(0, |at| at + 2);
    let is_before = |word: &Word<'_>| {
        matches!(&*word.text, "sudo" | "env" | "exec" | "nohup" | "-E" | "-H")
            || word.text.contains('=') && !word.text.starts_with('-')
    };
    let words = &words[script..];
    let start = words.iter().position(|word| !is_before(word));
    &words[start.unwrap_or(words.len())..]
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
    SYSTEM.iter().any(|directory| {
        let rest = path.strip_prefix(directory);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

const SYSTEM: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/local",
];

const DOWNLOADERS: &[&str] = &["curl", "wget", "aria2c"];

const UNPACKERS: &[&str] = &["unzip", "tar", "bsdtar", "gunzip", "7z"];

const MOVERS: &[&str] = &["mv", "cp", "install"];

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

pub(super) const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh"];

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
