//! Which models a text of Python loads, as far as it says so in literals: what a loader is called with,
//! and what a list of words starts.

use std::collections::{HashMap, HashSet};

use super::named::{MODEL_FLAGS, SERVE, is_hub_name};

/// A model that is named without a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Loaded<'t> {
    /// Its name.
    pub(super) model: &'t str,
    /// The line that it stands on, counted from zero.
    pub(super) line: usize,
}

/// What a text loads.
#[derive(Debug, Default)]
pub(super) struct Loads<'t> {
    /// The models, in the order of their lines, each place once.
    pub(super) models: Vec<Loaded<'t>>,
    /// Why there may be more of them.
    pub(super) cut: Option<String>,
}

/// The models of a text.
pub(super) fn loaded(text: &str) -> Loads<'_> {
    if !SIGNS.iter().chain(CALLS).any(|sign| text.contains(sign)) {
        return Loads::default();
    }
    let tokens = tokens(text);
    let mut names = Names::of(&tokens);
    let mut loads = Loads {
        cut: (tokens.len() >= MAX_TOKENS)
            .then(|| format!("of its code only the first {MAX_TOKENS} words are read")),
        ..Loads::default()
    };
    let mut seen = HashSet::new();
    for at in 0..tokens.len() {
        let found = match &tokens[at..] {
            [Token::Name(name), Token::Sign('('), rest @ ..] if CALLS.contains(name) => {
                called(rest, &mut names)
            }
            [Token::Sign('['), rest @ ..] => started(rest, &mut names),
            _ => continue,
        };
        loads
            .models
            .extend(found.into_iter().filter(|it| seen.insert(*it)));
        if loads.models.len() > MAX_MODELS {
            loads.models.truncate(MAX_MODELS);
            loads.cut = Some(format!("it names more than {MAX_MODELS} models"));
            break;
        }
    }
    loads.models.sort_by_key(|it| it.line);
    loads
}

/// What a loader is given, `rest` being what stands behind its bracket.
fn called<'t>(rest: &[Token<'t>], names: &mut Names<'t>) -> Vec<Loaded<'t>> {
    let rest = &rest[..closing(rest)];
    let is_pinned = rest
        .windows(2)
        .any(|it| matches!(it, [Token::Name("revision"), Token::Sign('=')]));
    if is_pinned {
        return Vec::new();
    }
    let (mut named, mut first) = (Vec::new(), None);
    for argument in arguments(rest) {
        match argument {
            [Token::Name(name), Token::Sign('='), value, ..] => {
                named.extend(MODEL_ARGUMENTS.contains(name).then_some(value));
            }
            [value, ..] => first = first.or(Some(value)),
            [] => {}
        }
    }
    if named.is_empty() {
        named.extend(first);
    }
    named.into_iter().flat_map(|it| names.models(it)).collect()
}

/// The arguments of a call, without the commas between them.
fn arguments<'s, 't>(call: &'s [Token<'t>]) -> impl Iterator<Item = &'s [Token<'t>]> {
    let mut depth = 0usize;
    call.split(move |token| {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *token == Token::Sign(',')
    })
}

/// What the words of a list start, `rest` being what stands behind its bracket.
fn started<'t>(rest: &[Token<'t>], names: &mut Names<'t>) -> Vec<Loaded<'t>> {
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

    /// The models that a token names, or the name that it is. What a name is set to is handed out once:
    /// to load a list again loads nothing that stands elsewhere.
    fn models(&mut self, token: &Token<'t>) -> Vec<Loaded<'t>> {
        let texts = match token {
            Token::Text(..) => vec![token.clone()],
            Token::Name(name) => {
                let of = self.loops.get(name).unwrap_or(name);
                self.texts.remove(of).unwrap_or_default()
            }
            Token::Sign(_) => Vec::new(),
        };
        let model = |token: Token<'t>| match token {
            Token::Text(model, line) if is_model(model) => Some(Loaded { model, line }),
            _ => None,
        };
        texts.into_iter().filter_map(model).collect()
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
pub(super) const CALLS: &[&str] = &["from_pretrained", "snapshot_download", "hf_hub_download"];

/// What loaders call the argument that is a model.
const MODEL_ARGUMENTS: &[&str] = &[
    "repo_id",
    "pretrained_model_name_or_path",
    "model",
    "model_id",
    "model_name",
    "model_name_or_path",
    "model_path_or_repo_id",
];

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

/// Nobody loads so many.
const MAX_MODELS: usize = 10_000;

const MAX_LIST: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn models(text: &str) -> Vec<&str> {
        loaded(text).models.iter().map(|it| it.model).collect()
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
            (
                "hf_hub_download(filename='onnx/model.onnx', repo_id='org/m')",
                &["org/m"],
            ),
            ("hf_hub_download('org/m', filename='a/b')", &["org/m"]),
            (
                "x.from_pretrained(f('a/b', g), model_name='org/m')",
                &["org/m"],
            ),
            ("x.from_pretrained(cache_dir='a/b')", &[]),
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
        let loads = loaded(text);
        let places: Vec<_> = loads.models.iter().map(|it| (it.model, it.line)).collect();
        assert_eq!(places, [("org/m", 1), ("org/n", 2)]);
    }

    #[test]
    fn a_list_is_walked_once_however_often_it_is_loaded() {
        let list: String = (0..95).map(|n| format!("'org/m{n}',")).collect();
        let text = format!("ms = [{list}]");
        let mut names = Names::of(&tokens(&text));
        let walked = (0..12_000).map(|_| names.models(&Token::Name("ms")).len());
        assert_eq!(walked.sum::<usize>(), 95);
    }

    #[test]
    fn what_is_not_looked_at_is_told() {
        let call = |n: usize| format!("snapshot_download('org/m{n}')\n");
        let text = |calls: usize| (0..calls).map(call).collect::<String>();
        let (all, more) = (text(MAX_MODELS), text(MAX_MODELS + 1));
        assert_eq!(loaded(&all).cut, None);
        let cut = loaded(&more);
        assert_eq!(cut.models.len(), MAX_MODELS);
        assert!(cut.cut.is_some_and(|it| it.contains("10000 models")));
        let long = format!("{}{}", "x ".repeat(MAX_TOKENS), call(0));
        assert!(loaded(&long).cut.is_some_and(|it| it.contains("50000")));
    }

    proptest! {
        #[test]
        fn any_text_has_an_end(text in "[a-z/'\"#=,\\[\\]()\n\\\\é ]{0,200}") {
            let text = format!("snapshot_download({text}");
            for Loaded { model, line } in loaded(&text).models {
                let on = text.lines().nth(line).unwrap_or_default();
                prop_assert!(on.contains(model) || model.contains('\n'));
            }
        }
    }
}
