//! What scripts should not do, in whatever they stand.

use std::collections::HashMap;

use crate::{
    Fact, Truth,
    shell::{Command, Shell, Word, commands},
};

/// Something that a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    /// Runs what it downloads.
    RunsDownload,
    /// Takes packages from a second index, or one of the two.
    ExtraIndex,
    /// Takes packages from a host whose certificate it does not ask for.
    TrustedHost,
    /// Installs packages of Python without their digests.
    NoHashes,
    /// Installs packages of the system whose signature it does not ask for.
    NoSignature,
    /// Turns the check of certificates off.
    NoCertificates,
    /// Gives a token to a program as an argument.
    TokenArgument,
    /// Runs code that comes with a model.
    RemoteCode,
    /// Takes whatever revision of a model is the newest.
    NoRevision,
    /// Lets everybody write.
    WritableByAll,
    /// Becomes root by `sudo`.
    Sudo,
    /// Starts a notebook that asks for no token.
    OpenNotebook,
}

/// What a command does.
pub(super) struct Did {
    pub(super) deed: Deed,
    /// With the variables that are known in the place of their names.
    pub(super) command: Command,
    /// Whether it does: a variable may name the program.
    pub(super) truth: Truth,
}

/// What the commands of `script` do, where nobody knows what its environment holds.
pub(super) fn deeds(script: &str) -> Vec<Did> {
    deeds_within(script, &|_| Fact::Absent)
}

/// As [`deeds`], where `environment` has variables that the script begins with.
pub(super) fn deeds_within(script: &str, environment: &dyn Fn(&str) -> Fact<String>) -> Vec<Did> {
    let written = commands(script, Shell::Posix);
    let all = filled(&written, environment);
    let mut deeds = Vec::new();
    for (at, command) in all.iter().enumerate() {
        for deed in of(command) {
            deeds.push(Did {
                deed,
                command: written[at].clone(),
                truth: Truth::Yes,
            });
        }
        let truth = is_download(command);
        if !command.writes_pipe || truth == Truth::No {
            continue;
        }
        // What stands in a substitution is listed behind the command that it is part of.
        let later = all[at + 1..].iter();
        let later = later.filter(|it| it.span.start >= command.span.end);
        // Between the two may stand what decompresses or decrypts.
        let mut pipe = later.take_while(|it| it.reads_pipe);
        if pipe.any(|next| is_interpreter(&next.inner())) {
            deeds.push(Did {
                deed: Deed::RunsDownload,
                command: written[at].clone(),
                truth,
            });
        }
    }
    deeds
}

fn is_download(command: &Command) -> Truth {
    let inner = command.inner();
    match inner.words.first() {
        Some(word) if word.expands && word.text.starts_with('$') => {
            Truth::Unknown(format!("{} names the program", word.text).into())
        }
        _ => DOWNLOADERS.contains(&inner.name()).into(),
    }
}

/// The commands with what their variables hold: what the script has assigned by then, and else what its
/// environment has.
fn filled(written: &[Command], environment: &dyn Fn(&str) -> Fact<String>) -> Vec<Command> {
    let mut all = written.to_vec();
    let mut own: HashMap<String, Fact<String>> = HashMap::new();
    for command in &mut all {
        let value = |name: &str| match own.get(name) {
            Some(value) => value.clone(),
            None => environment(name),
        };
        // A program with its first arguments may be in one variable.
        let is_variable = |word: &Word| word.expands && word.text.starts_with('$');
        let is_split = command.words.first().is_some_and(is_variable);
        for word in command.words.iter_mut().filter(|word| word.expands) {
            word.fill(&value);
        }
        if is_split && let Some(first) = command.words.first().cloned() {
            let part = |text: &str| Word {
                text: text.to_owned(),
                ..first.clone()
            };
            let parts: Vec<Word> = first.text.split_whitespace().map(part).collect();
            command.words.splice(..1, parts);
        }
        let is_declaration = ["export", "readonly", "local", "declare"].contains(&command.name());
        let declared = command.words.iter().skip(1).filter(|_| is_declaration);
        // Those before a command are for that command alone.
        let assigned = command.assignments.iter();
        let assigned = assigned.filter(|_| command.words.is_empty());
        for word in assigned.chain(declared) {
            if let Some((name, value)) = word.text.split_once('=') {
                let value = match word.expands {
                    true => Fact::Unknown("it is put together from others".into()),
                    false => Fact::Known(value.to_owned()),
                };
                own.insert(name.to_owned(), value);
            }
        }
    }
    all
}

fn is_interpreter(command: &Command) -> bool {
    let name = command.name();
    let is_name = INTERPRETERS.iter().any(|it| {
        name.strip_prefix(it)
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
    });
    // `python3 -m json.tool` and `bash script.sh` read it as data.
    let first = command.arguments().next();
    is_name
        && first
            .is_none_or(|first| matches!(first, "-" | "-s" | "-e" | "-x" | "-ex" | "-eux" | "-l"))
}

fn of(command: &Command) -> Vec<Deed> {
    let inner = command.inner();
    let words: Vec<&str> = inner.arguments().collect();
    let has = |flag: &str| {
        words.iter().any(|word| {
            let rest = word.strip_prefix(flag);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    let has_word = |name: &str| words.contains(&name);
    let mut deeds = Vec::new();
    let mut add = |holds: bool, deed: Deed| deeds.extend(holds.then_some(deed));
    let name = inner.name();
    add(command.name() == "sudo", Deed::Sudo);
    let is_code = matches!(name, "sh" | "bash" | "zsh" | "eval" | "source" | ".");
    let substitutes = |word: &&str| {
        let downloads = ["$(curl", "$(wget", "<(curl", "<(wget", "`curl", "`wget"];
        downloads.iter().any(|it| word.contains(it))
    };
    let reads_download = inner
        .redirects
        .iter()
        .any(|it| it.operator == "<" && substitutes(&it.target.text.as_str()));
    add(
        is_code && (words.iter().any(substitutes) || reads_download),
        Deed::RunsDownload,
    );
    let is_pip = is_pip(name, &words);
    // uv takes the first index that has the name, unless it is told not to.
    let is_first = name == "uv" && !words.iter().any(|word| word.contains("unsafe"));
    add(
        is_pip && !is_first && has("--extra-index-url"),
        Deed::ExtraIndex,
    );
    let is_plain = |word: &&str| word.starts_with("http://");
    add(
        is_pip && (has("--trusted-host") || words.iter().any(is_plain)),
        Deed::TrustedHost,
    );
    let is_install = is_pip && has_word("install");
    let is_local = words
        .iter()
        .any(|word| matches!(*word, "." | "-e" | "--editable"));
    add(
        is_install && !is_local && !has("--require-hashes"),
        Deed::NoHashes,
    );
    let is_apt = matches!(name, "apt-get" | "apt");
    let has_option = |deed| words.iter().any(|word| without(deed, name, word).is_some());
    let is_untrusted = words.iter().any(|word| word.contains("[trusted=yes]"));
    add(
        has_option(Deed::NoSignature) || (is_apt && has("--force-yes")) || is_untrusted,
        Deed::NoSignature,
    );
    add(
        has_option(Deed::NoCertificates) || is_set_to_skip_certificates(name, &words),
        Deed::NoCertificates,
    );
    add(gives_token(name, &inner), Deed::TokenArgument);
    let is_remote = |word: &&str| {
        let text = word.replace([' ', '_'], "-").to_ascii_lowercase();
        text.contains("trust-remote-code") && !text.contains("trust-remote-code=false")
    };
    add(words.iter().any(is_remote), Deed::RemoteCode);
    let is_hub = matches!(name, "hf" | "huggingface-cli") && has_word("download");
    add(is_hub && !has("--revision"), Deed::NoRevision);
    let is_open = |word: &&str| {
        matches!(
            *word,
            "777" | "0777" | "a+rwx" | "a+w" | "o+w" | "ugo+rwx" | "666" | "0666"
        )
    };
    add(
        name == "chmod" && words.iter().any(is_open),
        Deed::WritableByAll,
    );
    add(has_option(Deed::OpenNotebook), Deed::OpenNotebook);
    deeds
}

fn is_pip(name: &str, words: &[&str]) -> bool {
    let is_module =
        name.starts_with("python") && words.windows(2).any(|pair| pair == ["-m", "pip"]);
    let is_uv = name == "uv" && words.first() == Some(&"pip");
    matches!(name, "pip" | "pip3") || name.starts_with("pip3.") || is_module || is_uv
}

fn is_set_to_skip_certificates(name: &str, words: &[&str]) -> bool {
    let is_off = |pair: &[&str], key: &str| pair[0].eq_ignore_ascii_case(key) && pair[1] == "false";
    let is_pair = |key: &str| words.windows(2).any(|pair| is_off(pair, key));
    let is_word = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match name {
        "git" => is_word("http.sslverify=false") || is_pair("http.sslverify"),
        "npm" | "yarn" => is_word("--strict-ssl=false") || is_pair("strict-ssl"),
        _ => false,
    }
}

/// The words of `command` that make it do `deed`, each with what is left of it where it does not.
pub(crate) fn options(deed: Deed, command: &Command) -> Vec<(Word, String)> {
    let inner = command.inner();
    let words = inner.words.iter().skip(1);
    let option = |word: &Word| Some((word.clone(), without(deed, inner.name(), &word.text)?));
    words.filter_map(option).collect()
}

/// What is left of `word`, an argument of the program `name`, where it does not make it do `deed`; none
/// where it is not what makes it. Nothing is left of most.
fn without(deed: Deed, name: &str, word: &str) -> Option<String> {
    let is_any = |options: &[&str]| options.contains(&word);
    let is_option = match (deed, name) {
        (Deed::NoCertificates, "curl") if !word.starts_with("--") => return without_k(word),
        (Deed::NoCertificates, "curl") => is_any(&["--insecure"]),
        (Deed::NoCertificates, "wget") => is_any(&["--no-check-certificate"]),
        (Deed::NoSignature, "apt" | "apt-get") => {
            is_any(&["--allow-unauthenticated", "--allow-insecure-repositories"])
        }
        (Deed::NoSignature, "yum" | "dnf") => is_any(&["--nogpgcheck", "--setopt=gpgcheck=0"]),
        (Deed::NoSignature, "apk") => is_any(&["--allow-untrusted"]),
        (Deed::NoSignature, "zypper") => is_any(&["--no-gpg-checks"]),
        (Deed::OpenNotebook, "start-notebook.sh" | "start-notebook.py") => is_empty_token(word),
        (Deed::OpenNotebook, name) if name.starts_with("jupyter") => is_empty_token(word),
        _ => false,
    };
    is_option.then(String::new)
}

/// `-fskL` without its `k`. What stands behind a letter that takes a value is that value.
fn without_k(word: &str) -> Option<String> {
    let letters = word.strip_prefix('-')?;
    let end = letters.find(|c: char| CURL_TAKES_VALUE.contains(c));
    let (flags, rest) = letters.split_at(end.unwrap_or(letters.len()));
    if !flags.contains('k') {
        return None;
    }
    let left = flags.replace('k', "") + rest;
    Some(if left.is_empty() {
        left
    } else {
        format!("-{left}")
    })
}

fn is_empty_token(word: &str) -> bool {
    let Some((key, value)) = word.split_once('=') else {
        return false;
    };
    let is_token = [
        "NotebookApp.token",
        "ServerApp.token",
        "IdentityProvider.token",
    ]
    .iter()
    .any(|it| key.ends_with(it));
    is_token && value.trim_matches(['\'', '"']).is_empty()
}

fn gives_token(name: &str, command: &Command) -> bool {
    let words = &command.words[1.min(command.words.len())..];
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let behind = |flags: &[&str]| {
        texts.iter().enumerate().any(|(at, word)| {
            let is_inline = flags.iter().any(|flag| {
                word.strip_prefix(flag)
                    .is_some_and(|rest| rest.starts_with('=') && rest.len() > 1)
            });
            is_inline || (flags.contains(word) && at + 1 < texts.len())
        })
    };
    let logs_in = texts.contains(&"login");
    match name {
        "huggingface-cli" | "hf" => logs_in && behind(&["--token"]),
        "wandb" => {
            let is_key = |word: &&&str| !word.starts_with('-') && **word != "login";
            logs_in && texts.iter().any(|word| is_key(&word))
        }
        "docker" | "podman" | "helm" | "skopeo" | "crane" | "oras" => {
            logs_in && behind(&["-p", "--password"])
        }
        _ => false,
    }
}

/// Options of one letter that have a value (<https://curl.se/docs/manpage.html>).
const CURL_TAKES_VALUE: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYz";

const DOWNLOADERS: &[&str] = &["curl", "wget", "fetch", "aria2c"];

const INTERPRETERS: &[&str] = &[
    "sh", "bash", "zsh", "dash", "ash", "ksh", "python", "perl", "ruby", "node",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_are_seen_and_their_likes_are_not() {
        for (script, expected) in [
            (
                "curl -fsSL https://x.example | sh",
                &[Deed::RunsDownload][..],
            ),
            (
                "wget -qO- https://x.example | gunzip | sudo bash -s",
                &[Deed::RunsDownload, Deed::Sudo],
            ),
            (
                "bash -c \"$(curl -fsSL https://x.example)\"",
                &[Deed::RunsDownload],
            ),
            ("curl https://x.example | python3 -m json.tool", &[]),
            ("curl https://x.example | tar xz", &[]),
            ("curl $(url) | bash", &[Deed::RunsDownload]),
            ("pip install --require-hashes -r a.txt", &[]),
            (
                "pip install torch --extra-index-url https://x.example",
                &[Deed::ExtraIndex, Deed::NoHashes],
            ),
            ("python -m pip install .", &[]),
            (
                "pip install --trusted-host x.example -e .",
                &[Deed::TrustedHost],
            ),
            (
                "apt-get install -y --allow-unauthenticated a",
                &[Deed::NoSignature],
            ),
            ("curl -sk https://x.example -o a", &[Deed::NoCertificates]),
            ("curl --silent https://x.example -o a", &[]),
            ("curl -sotoken https://x.example", &[]),
            ("huggingface-cli login --token $T", &[Deed::TokenArgument]),
            ("docker login -u a --password-stdin", &[]),
            ("vllm serve m --trust-remote-code", &[Deed::RemoteCode]),
            ("hf download a/b --revision 0f", &[]),
            ("hf download a/b", &[Deed::NoRevision]),
            ("chmod -R 777 /models", &[Deed::WritableByAll]),
            ("jupyter lab --NotebookApp.token=''", &[Deed::OpenNotebook]),
            ("wandb login", &[]),
            ("wandb login 0123", &[Deed::TokenArgument]),
            ("C=curl; $C https://x.example | sh", &[Deed::RunsDownload]),
            (
                "export C='curl -fk'\n\"${C}\" https://x.example",
                &[Deed::NoCertificates],
            ),
            ("C=curl; C=cat; $C https://x.example | sh", &[]),
            ("echo '$C' | sh", &[]),
        ] {
            let mut did: Vec<Deed> = deeds(script).into_iter().map(|it| it.deed).collect();
            did.sort();
            assert_eq!(did, expected, "{script}");
        }
    }

    #[test]
    fn a_program_that_a_variable_names_is_known_or_open() {
        let truth = |environment: Fact<String>| {
            let script = "$GET https://x.example | sh";
            let mut did = deeds_within(script, &|_| environment.clone()).into_iter();
            did.find(|it| it.deed == Deed::RunsDownload)
                .map(|it| it.truth)
        };
        assert_eq!(truth(Fact::Known("curl -s".into())), Some(Truth::Yes));
        assert_eq!(truth(Fact::Known("cat".into())), None);
        for unknown in [Fact::Absent, Fact::Unknown("x".into())] {
            let open = Truth::Unknown("$GET names the program".into());
            assert_eq!(truth(unknown), Some(open));
        }
    }
}
