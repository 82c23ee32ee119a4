//! Which models a text of Python loads, as far as it says so in literals: what a loader is called with,
//! and what a list of words starts.

use std::collections::HashMap;

use super::named::{MODEL_FLAGS, SERVE, is_hub_name};

/// A model that is named without a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loaded<'t> {
    /// Its name.
    pub(super) model: &'t str,
    /// The line that it stands on, counted from zero.
    pub(super) line: usize,
}

/// The models, in the order of the text, each place once.
pub(super) fn loaded(text: &str) -> Vec<Loaded<'_>> {
    if !SIGNS.iter().chain(CALLS).any(|sign| text.contains(sign)) {
        return Vec::new();
    }
    let tokens = tokens(text);
    let names = Names::of(&tokens);
    let mut loaded = Vec::new();
    for at in 0..tokens.len() {
        match &tokens[at..] {
            [Token::Name(name), Token::Sign('('), rest @ ..] if CALLS.contains(name) => {
                loaded.extend(called(rest, &names));
            }
            [Token::Sign('['), rest @ ..] => loaded.extend(started(rest, &names)),
            _ => {}
        }
    }
    loaded.sort_by_key(|it| it.line);
    loaded.dedup();
    loaded
}

/// What a loader is given, `rest` being what stands behind its bracket.
fn called<'t>(rest: &[Token<'t>], names: &Names<'t>) -> Vec<Loaded<'t>> {
    let end = closing(rest);
    let is_pinned = rest[..end]
        .windows(2)
        .any(|it| matches!(it, [Token::Name("revision"), Token::Sign('=')]));
    let first = match &rest[..end] {
        [Token::Name(_), Token::Sign('='), first, ..] | [first, ..] => first,
        [] => return Vec::new(),
    };
    match is_pinned {
        true => Vec::new(),
        false => names.models(first),
    }
}

/// What the words of a list start, `rest` being what stands behind its bracket.
fn started<'t>(rest: &[Token<'t>], names: &Names<'t>) -> Vec<Loaded<'t>> {
    let words: Vec<&Token<'t>> = rest[..closing(rest)]
        .iter()
        .filter(|token| !matches!(token, Token::Sign(_)))
        .collect();
    let text = |at: usize| match words.get(at) {
        Some(Token::Text(text, _)) => *text,
        _ => "",
    };
    if (0..words.len()).any(|at| text(at).starts_with("--revision")) {
        return Vec::new();
    }
    let mut models = Vec::new();
    for at in 0..words.len() {
        let option = text(at).replace('_', "-");
        let starts = |program: &&[&str]| program.iter().zip(at..).all(|(it, at)| text(at) == *it);
        let behind = match SERVE.iter().find(|it| starts(it)) {
            Some(program) => Some(at + program.len()),
            None => MODEL_FLAGS.contains(&option.as_str()).then_some(at + 1),
        };
        match behind.and_then(|at| words.get(at)) {
            Some(token) => models.extend(names.models(token)),
            None => models.extend(in_option(words[at])),
        }
    }
    models
}

/// The model of `--model=owner/name`.
fn in_option<'t>(word: &Token<'t>) -> Option<Loaded<'t>> {
    let Token::Text(text, line) = word else {
        return None;
    };
    let (option, model) = text.split_once('=')?;
    let is_it = MODEL_FLAGS.contains(&option.replace('_', "-").as_str()) && is_hub_name(model);
    is_it.then_some(Loaded { model, line: *line })
}

/// What names are set to, where it is one text or a list of texts.
struct Names<'t> {
    texts: HashMap<&'t str, Vec<Token<'t>>>,
    /// Names that loops give to the items of others.
    loops: HashMap<&'t str, &'t str>,
}

impl<'t> Names<'t> {
    fn of(tokens: &[Token<'t>]) -> Self {
        let mut names = Self {
            texts: HashMap::new(),
            loops: HashMap::new(),
        };
        for at in 0..tokens.len() {
            match &tokens[at..] {
                [
                    Token::Name("for"),
                    Token::Name(name),
                    Token::Name("in"),
                    of,
                    rest @ ..,
                ] => match of {
                    Token::Name(of) => drop(names.loops.insert(name, of)),
                    Token::Sign('[') => drop(names.texts.insert(name, items(rest))),
                    _ => {}
                },
                [Token::Name(name), Token::Sign('='), of, rest @ ..] => match of {
                    Token::Text(..) => drop(names.texts.insert(name, vec![of.clone()])),
                    Token::Sign('[') => drop(names.texts.insert(name, items(rest))),
                    _ => {}
                },
                _ => {}
            }
        }
        names
    }

    /// The models that a token names, or the name that it is.
    fn models(&self, token: &Token<'t>) -> Vec<Loaded<'t>> {
        let texts = match token {
            Token::Text(..) => std::slice::from_ref(token),
            Token::Name(name) => {
                let of = self.loops.get(name).unwrap_or(name);
                self.texts.get(of).map_or(&[][..], Vec::as_slice)
            }
            Token::Sign(_) => &[],
        };
        let model = |token: &Token<'t>| match token {
            Token::Text(model, line) if is_model(model) => Some(Loaded { model, line: *line }),
            _ => None,
        };
        texts.iter().filter_map(model).collect()
    }
}

/// The texts of a list, `rest` being what stands behind its bracket.
fn items<'t>(rest: &[Token<'t>]) -> Vec<Token<'t>> {
    let items = rest[..closing(rest)].iter();
    items
        .filter(|it| matches!(it, Token::Text(..)))
        .cloned()
        .collect()
}

/// Where the bracket closes before which `rest` begins. Nobody writes longer calls and lists.
fn closing(rest: &[Token<'_>]) -> usize {
    let mut depth = 0usize;
    for (at, token) in rest.iter().take(MAX_LIST).enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return at,
            },
            _ => {}
        }
    }
    0
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'t> {
    Name(&'t str),
    /// What stands between the quotes, and its line.
    Text(&'t str, usize),
    Sign(char),
}

/// The tokens of a text, without comments and blanks; of a long one the first.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 0);
    while let Some(c) = text[at..].chars().next() {
        if tokens.len() >= MAX_TOKENS {
            break;
        }
        let rest = &text[at..];
        let length = match c {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let is_long = rest.starts_with(if c == '"' { "\"\"\"" } else { "'''" });
                let quote = if is_long { 3 } else { 1 };
                let inner = &rest[quote..];
                let length = quoted(inner, &rest[..quote]);
                tokens.push(Token::Text(&inner[..length], line));
                (length + 2 * quote).min(rest.len())
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let is_more = |c: char| c.is_alphanumeric() || c == '_';
                let length = rest.find(|c| !is_more(c)).unwrap_or(rest.len());
                // `r"…"` and its like.
                if !(length <= 2 && rest[length..].starts_with(['"', '\''])) {
                    tokens.push(Token::Name(&rest[..length]));
                }
                length
            }
            _ if c.is_whitespace() => c.len_utf8(),
            _ => {
                tokens.push(Token::Sign(c));
                c.len_utf8()
            }
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    tokens
}

/// How long a text is that `quote` ends: to the end of its line, where that is missing.
fn quoted(inner: &str, quote: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in inner.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if inner[at..].starts_with(quote) || (c == '\n' && quote.len() == 1) {
            return at;
        }
    }
    inner.len()
}

fn is_model(text: &str) -> bool {
    is_hub_name(text) || OLD_NAMES.contains(&text)
}

/// What loads a model of a hub.
const CALLS: &[&str] = &["from_pretrained", "snapshot_download", "hf_hub_download"];

/// Models of the first years of the hub, which it finds without their owners.
const OLD_NAMES: &[&str] = &[
    "albert-base-v2",
    "bert-base-cased",
    "bert-base-multilingual-cased",
    "bert-base-uncased",
    "bert-large-cased",
    "bert-large-uncased",
    "camembert-base",
    "distilbert-base-cased",
    "distilbert-base-uncased",
    "distilbert-base-uncased-finetuned-sst-2-english",
    "distilgpt2",
    "distilroberta-base",
    "gpt2",
    "gpt2-large",
    "gpt2-medium",
    "gpt2-xl",
    "openai-gpt",
    "roberta-base",
    "roberta-large",
    "t5-base",
    "t5-large",
    "t5-small",
    "xlm-roberta-base",
    "xlm-roberta-large",
    "xlnet-base-cased",
];

/// What else stands in a text that names one: words of commands.
const SIGNS: &[&str] = &[
    "--model",
    "--base-model",
    "--repo-id",
    "--hf-",
    "serve",
    "download",
];

const MAX_TOKENS: usize = 50_000;

const MAX_LIST: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn models(text: &str) -> Vec<&str> {
        loaded(text).into_iter().map(|it| it.model).collect()
    }

    #[test]
    fn what_a_loader_is_called_with_is_loaded() {
        for (code, expected) in [
            ("AutoModel.from_pretrained('org/m')", &["org/m"][..]),
            (
                "snapshot_download(\n  repo_id=r\"org/m\", # why\n)",
                &["org/m"],
            ),
            (
                "m.from_pretrained(\n    \"bert-base-cased\", num_labels=5\n)",
                &["bert-base-cased"],
            ),
            ("M = 'org/m'\nx.from_pretrained(M)", &["org/m"]),
            (
                "ms = [\n  'org/a',\n  'org/b',\n]\nfor m in ms:\n  snapshot_download(repo_id=m)",
                &["org/a", "org/b"],
            ),
            ("for m in ['org/a']:\n  snapshot_download(m)", &["org/a"]),
            ("x.from_pretrained('org/m', revision='0f1e')", &[]),
            ("x.from_pretrained('/models/m')", &[]),
            ("ms = ['org/a']", &[]),
            ("# x.from_pretrained('org/m')", &[]),
            ("x.from_pretrained(f'{owner}/m')", &[]),
        ] {
            assert_eq!(models(code), expected, "{code}");
        }
    }

    #[test]
    fn what_a_list_of_words_starts_is_loaded() {
        for (code, expected) in [
            (
                "subprocess.Popen([\n  'vllm', 'serve', 'org/m',\n  '--trust-remote-code'])",
                &["org/m"][..],
            ),
            (
                "cmd = ['python', '-m', 'x', '--model', 'org/m']",
                &["org/m"],
            ),
            ("cmd = ['x', '--model_path=org/m']", &["org/m"]),
            ("M = 'org/m'\ncmd = ['vllm', 'serve', M]", &["org/m"]),
            ("cmd = ['vllm', 'serve', 'org/m', '--revision', 'a']", &[]),
            ("cmd = ['vllm', 'serve', '/models/m']", &[]),
            ("cmd = ['ls', 'org/m']", &[]),
        ] {
            assert_eq!(models(code), expected, "{code}");
        }
    }

    #[test]
    fn a_model_stands_on_the_line_of_its_name() {
        let text = "a = [\n  'vllm', 'serve', \"org/m\",\n  '--model=org/n']";
        let places: Vec<_> = loaded(text).iter().map(|it| (it.model, it.line)).collect();
        assert_eq!(places, [("org/m", 1), ("org/n", 2)]);
    }

    proptest! {
        #[test]
        fn any_text_has_an_end(text in "[a-z/'\"#=,\\[\\]()\n\\\\é ]{0,200}") {
            let text = format!("snapshot_download({text}");
            for Loaded { model, line } in loaded(&text) {
                let on = text.lines().nth(line).unwrap_or_default();
                prop_assert!(on.contains(model) || model.contains('\n'));
            }
        }
    }
}
