//! Which model of a hub a command or an environment names, and whether it says which revision.

use super::{models::UNPINNED, texts::is_commit};
use crate::{
    Fact,
    check::{
        Report,
        command::{Command, Word, name},
        selection::ConfigMaps,
        workload::Container,
    },
};

/// A model of a hub in a command or in the environment.
pub(super) fn unpinned(
    command: &Command<'_>,
    variables: Option<(&Container<'_>, &ConfigMaps<'_>)>,
    report: &mut Report,
) {
    let is_pinned = command.flag("--revision").is_some_and(|flag| {
        flag.value
            .is_some_and(|it| it.starts_with('$') || is_commit(it))
    });
    let says = |model: &str| format!("{model} is named without a revision");
    let flags = MODEL_FLAGS.iter().flat_map(|name| command.flags(name));
    // Beside another option it is what a server calls the model.
    let is_named = MODEL_FLAGS.iter().any(|name| command.flag(name).is_some());
    let names = command.flags("--model-name").filter(|_| !is_named);
    let flags = flags.chain(names);
    let flags = flags.filter_map(|flag| Some((flag.word, flag.value?)));
    let hub: fn(&str) -> bool = is_hub_name;
    let of_hub = flags.chain(served(command)).filter(|_| !is_pinned);
    let of_hub = of_hub.map(|(word, model)| (word, model, hub));
    let of_ollama = pulled(command).map(|(word, model)| (word, model, is_ollama_name as _));
    for (word, model, is_model) in of_hub.chain(of_ollama) {
        let Some(name) = variable(model) else {
            report.when_at(
                is_model(model).into(),
                &UNPINNED,
                &word.cursor,
                &word.origin,
                || (says(model), Vec::new()),
            );
            continue;
        };
        if let Some((place, model)) = assigned(command, name) {
            report.when_at(
                is_model(model).into(),
                &UNPINNED,
                &place.cursor,
                &place.origin,
                || (says(model), Vec::new()),
            );
            continue;
        }
        let Some((container, maps)) = variables else {
            continue;
        };
        let value = container.env(name).map(|it| it.get("value"));
        let here = value.filter(|it| matches!(it.fact, Fact::Known(_)));
        match (here, container.env_value(name, maps)) {
            (Some(value), _) => report.when(
                value.text().is(|it| is_model(&it)),
                &UNPINNED,
                &value,
                || says(&value.shown()),
            ),
            // Where it comes from elsewhere, and that is here too.
            (None, Fact::Known(model)) => report.when_at(
                is_model(&model).into(),
                &UNPINNED,
                &word.cursor,
                &word.origin,
                || (says(&model), Vec::new()),
            ),
            _ => {}
        }
    }
    for word in addressed(command) {
        if let Some(address) = hub_address(&word.text) {
            let is_pinned =
                address.is_pinned || !is_file_of_hub(&word.text) && is_checked_out(command, word);
            report.when_at(
                (!is_pinned).into(),
                &UNPINNED,
                &word.cursor,
                &word.origin,
                || (says(&address.model), Vec::new()),
            );
        }
    }
    let Some((container, _)) = variables else {
        return;
    };
    let pins = ["REVISION", "MODEL_REVISION", "HF_MODEL_REVISION"];
    let has_pin = pins.iter().any(|name| container.env(name).is_some());
    for name in ["MODEL_ID", "HF_MODEL_ID"] {
        if let Some(variable) = container.env(name) {
            let value = variable.get("value");
            let is_free = value.text().is(|it| is_hub_name(&it) && !has_pin);
            report.when(is_free, &UNPINNED, &value, || {
                format!("{} is named without a revision", value.shown())
            });
        }
    }
}

/// The model that a program takes without an option, or downloads.
fn served<'c, 'a>(
    command: &'c Command<'a>,
) -> impl Iterator<Item = (&'c Word<'a>, &'c str)> + use<'c, 'a> {
    let words = &command.words;
    let starts = words.iter().enumerate().filter_map(|(at, _)| {
        let is_one = |program: &&&[&str]| {
            let named = words.iter().skip(at).map(|word| name(&word.text));
            named.take(program.len()).eq(program.iter().copied())
        };
        SERVE.iter().find(is_one).map(|program| at + program.len())
    });
    starts.filter_map(|at| {
        let mut rest = words[at..].iter().take_while(|word| word.text != ";");
        let word = rest.find(|word| is_hub_name(&word.text) || variable(&word.text).is_some())?;
        // A word behind an option is its value, and not the model.
        let before = words[..].iter().position(|it| std::ptr::eq(it, word))?;
        let is_value = before > at
            && words[before - 1].text.starts_with('-')
            && !words[before - 1].text.contains('=');
        (!is_value || words[before - 1].text == "--repo-type").then_some((word, word.text.as_str()))
    })
}

/// The models that Ollama is told to get.
fn pulled<'c, 'a>(
    command: &'c Command<'a>,
) -> impl Iterator<Item = (&'c Word<'a>, &'c str)> + use<'c, 'a> {
    let words = &command.words;
    (0..words.len()).filter_map(|at| {
        let verb = words.get(at + 1)?;
        if name(&words[at].text) != "ollama" || !["pull", "run"].contains(&&*verb.text) {
            return None;
        }
        let mut rest = words[at + 2..].iter().take_while(|word| word.text != ";");
        let word = rest.find(|word| !word.text.starts_with('-'))?;
        Some((word, word.text.as_str()))
    })
}

/// Whether a text names a model of Ollama's registry, and not by its digest.
fn is_ollama_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-:/".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_part)
}

/// The words with the address of a file of a model, or of a repository that is cloned.
fn addressed<'c, 'a>(command: &'c Command<'a>) -> impl Iterator<Item = &'c Word<'a>> + use<'c, 'a> {
    let mut is_clone = false;
    command.words.iter().filter(move |word| {
        match &*word.text {
            "clone" => is_clone = true,
            ";" | "|" => is_clone = false,
            _ => {}
        }
        is_clone || is_file_of_hub(&word.text)
    })
}

/// Whether the repository whose address `clone` is gets the files of a revision: its own command names one,
/// or one of git behind it does.
fn is_checked_out(command: &Command<'_>, clone: &Word<'_>) -> bool {
    let mut commands = command
        .words
        .split(|word| matches!(&*word.text, ";" | "|"))
        .skip_while(|words| !words.iter().any(|word| std::ptr::eq(word, clone)));
    let is_own = commands.next().is_some_and(|words| {
        let words = words.to_vec();
        let own = Command { words };
        let revision = own.flag("--revision").and_then(|flag| flag.value);
        revision.is_some_and(is_commit)
    });
    // Behind another clone, it is that one's files.
    let is_clone = |words: &&[Word<'_>]| words.iter().any(|word| word.text == "clone");
    is_own
        || commands.take_while(|words| !is_clone(words)).any(|words| {
            let mut rest = words.iter().map(|word| &*word.text);
            rest.any(|it| name(it) == "git")
                && rest.any(|it| TAKES.contains(&it))
                && rest.any(is_commit)
        })
}

/// Commands of git behind which the name of a commit is what the files become, or are fetched of.
const TAKES: &[&str] = &["checkout", "switch", "reset", "fetch"];

/// Whether a text is the address of a file of a model.
pub(super) fn is_file_of_hub(text: &str) -> bool {
    text.starts_with("http") && text.contains("/resolve/")
}

/// A model by its address at the hub.
pub(super) struct Addressed {
    pub(super) model: String,
    pub(super) is_pinned: bool,
}

/// The model of `https://huggingface.co/owner/name`, with or without a file of it behind that.
pub(super) fn hub_address(text: &str) -> Option<Addressed> {
    let (_, rest) = text.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let host = host.rsplit('@').next().unwrap_or_default();
    if !["huggingface.co", "hf.co"].contains(&host) {
        return None;
    }
    let mut parts = path.trim_end_matches('/').split(['/', '?']);
    let (owner, name) = (parts.next()?, parts.next()?);
    let model = format!("{owner}/{}", name.trim_end_matches(".git"));
    let is_model = is_hub_name(&model) && !["datasets", "spaces", "docs", "api"].contains(&owner);
    is_model.then(|| Addressed {
        model,
        is_pinned: parts.nth(1).is_some_and(is_commit),
    })
}

/// What a script sets a variable to, in a word of its own.
fn assigned<'c, 'a>(command: &'c Command<'a>, variable: &str) -> Option<(&'c Word<'a>, &'c str)> {
    let mut words = command.words.iter().rev();
    words.find_map(|word| {
        let (name, value) = word.text.split_once('=')?;
        (name == variable).then_some((word, value))
    })
}

/// The name of the variable that a text is: `$(MODEL)`, `${MODEL}`, `$MODEL`.
fn variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = match rest.as_bytes().first()? {
        b'(' => rest.strip_prefix('(')?.strip_suffix(')')?,
        b'{' => rest.strip_prefix('{')?.strip_suffix('}')?,
        _ => rest,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// Whether a text looks like `owner/name` of a hub, and like no path or image.
pub(super) fn is_hub_name(text: &str) -> bool {
    let Some((owner, name)) = text.split_once('/') else {
        return false;
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    is_part(owner) && is_part(name) && !["models", "model", "mnt", "data"].contains(&owner)
}

/// Options that name a model.
pub(super) const MODEL_FLAGS: &[&str] = &[
    "--model",
    "--model-id",
    "--model-path",
    "--model-name-or-path",
    "--pretrained-model-name-or-path",
    "--base-model",
    "--model-uri",
    "--model-repo",
    "--repo-id",
    "--hf-repo",
    "--hf-model",
];

/// Programs whose next word is a model.
pub(super) const SERVE: &[&[&str]] = &[
    &["vllm", "serve"],
    &["trtllm-serve", "serve"],
    &["trtllm-serve"],
    &["lmdeploy", "serve", "api_server"],
    &["huggingface-cli", "download"],
    &["hf", "download"],
    &["tune", "download"],
];
