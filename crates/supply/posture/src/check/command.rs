//! What a container is told to run, as words.

use super::{
    ai::{Finder, digest},
    workload::Container,
};
use crate::{
    Cursor, Fact, Origin,
    shell::{Shell, commands},
};

/// `command` and `args` of a container, with the words of a shell's script where they have one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Command<'a> {
    /// Its words, in order. A word that only ends a command of a shell is `;`.
    pub(crate) words: Vec<Word<'a>>,
}

/// One word.
#[derive(Clone, Debug)]
pub(crate) struct Word<'a> {
    /// It, without quotes.
    pub(crate) text: String,
    /// The item of `command` or `args` that it is, or the part of one that is a script.
    pub(crate) cursor: Cursor<'a>,
    /// Where it stands, as near as the text says.
    pub(crate) origin: Origin,
}

/// An option with its value.
#[derive(Clone, Debug)]
pub(crate) struct Flag<'c, 'a> {
    /// The word that names it.
    pub(crate) word: &'c Word<'a>,
    /// What is behind its `=`, or the word after it.
    pub(crate) value: Option<&'c str>,
}

impl<'a> Command<'a> {
    /// The words that `container` runs, those of its hooks at the end. What is not known is left out: a check may only say what is
    /// there, and ask [`Command::why_open`] before it says what is not.
    pub(crate) fn of(container: &Container<'a>) -> Self {
        let mut words = Vec::new();
        for key in ["command", "args", "extraArgs", "source"] {
            let list = container.cursor.get(key);
            let items = match list.fact.clone().ok().and_then(crate::Attr::as_str) {
                Some(_) => vec![list],
                None => list.items(),
            };
            for item in items {
                if let Fact::Known(text) = item.text() {
                    take(&text, &item, key == "source", &mut words);
                }
            }
        }
        for hook in ["lifecycle.postStart.exec", "lifecycle.preStop.exec"] {
            let hook = container.cursor.at(hook).get("command");
            for (at, item) in hook.items().iter().enumerate() {
                if at == 0 {
                    words.push(Word {
                        text: ";".to_owned(),
                        cursor: hook.clone(),
                        origin: hook.origin().clone(),
                    });
                }
                if let Fact::Known(text) = item.text() {
                    take(&text, item, false, &mut words);
                }
            }
        }
        Self { words }
    }

    /// The words of the text or the list at `place`.
    pub(crate) fn at(place: &Cursor<'a>) -> Self {
        let mut words = Vec::new();
        match &place.fact {
            Fact::Known(attr) if attr.as_str().is_some() => {
                take(attr.as_str().unwrap_or_default(), place, true, &mut words);
            }
            _ => {
                for item in place.items() {
                    if let Fact::Known(text) = item.text() {
                        take(&text, &item, false, &mut words);
                    }
                }
            }
        }
        Self { words }
    }

    /// The words as they are written at `place`, with the names of variables in the place of their values.
    pub(crate) fn written(place: &Cursor<'a>) -> Self {
        let mut words = Vec::new();
        take(place.origin().text(), place, true, &mut words);
        Self { words }
    }

    /// Why there may be other words than those that are known.
    pub(crate) fn why_open(container: &Container<'_>) -> Option<std::sync::Arc<str>> {
        let lists = ["command", "args"].map(|key| container.cursor.get(key));
        let mut items = lists.iter().flat_map(Cursor::items);
        items.find_map(|item| match item.fact {
            Fact::Unknown(why) => Some(why),
            _ => None,
        })
    }

    /// The option `name` (with its dashes), `_` and `-` inside of it being one.
    pub(crate) fn flag<'c>(&'c self, name: &str) -> Option<Flag<'c, 'a>> {
        self.flags(name).next()
    }

    /// Each time that the option `name` stands there.
    pub(crate) fn flags<'c>(
        &'c self,
        name: &str,
    ) -> impl Iterator<Item = Flag<'c, 'a>> + use<'c, 'a> {
        let name = name.replace('_', "-");
        let words = self.words.iter().enumerate();
        words.filter_map(move |(at, word)| {
            let (key, value) = match word.text.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (word.text.as_str(), None),
            };
            if !key.starts_with('-') || key.replace('_', "-") != name {
                return None;
            }
            let next = || {
                let next = self.words.get(at + 1)?.text.as_str();
                let is_value = next != ";" && !(next.starts_with("--") && next.len() > 2);
                is_value.then_some(next)
            };
            Some(Flag {
                word,
                value: value.or_else(next),
            })
        })
    }

    /// The place of the first of `texts` that stand beside each other.
    pub(crate) fn phrase(&self, texts: &[&str]) -> Option<&Word<'a>> {
        let is_it = |words: &&[Word<'a>]| {
            let mut pairs = words.iter().zip(texts);
            pairs.all(|(word, text)| name(&word.text) == *text)
        };
        Some(&self.words.windows(texts.len()).find(is_it)?[0])
    }

    /// Whether a program of that name is run: with or without the way to it.
    pub(crate) fn runs(&self, program: &str) -> bool {
        self.words.iter().any(|word| name(&word.text) == program)
    }
}

/// The last part of the way to a program.
pub(crate) fn name(word: &str) -> &str {
    if word.starts_with('/') || word.starts_with("./") {
        word.rsplit('/').next().unwrap_or(word)
    } else {
        word
    }
}

/// Adds the words of one item. One with white space in it, behind a `-c`, of several lines or with several
/// commands as the name of a program, is a script of a shell; any other is one word.
fn take<'a>(text: &str, item: &Cursor<'a>, is_script: bool, words: &mut Vec<Word<'a>>) {
    let is_option = |word: &Word<'_>| {
        let short = word.text.strip_prefix('-').unwrap_or_default();
        short.ends_with('c') && short.chars().all(|c| c.is_ascii_lowercase())
    };
    // `--` ends the options of the shell, and begins nothing.
    let mut before = words.iter().rev().skip_while(|word| word.text == "--");
    let is_script = text != "--"
        && (is_script
            || before.next().is_some_and(is_option)
            || text.contains('\n')
            || words.is_empty() && [" && ", "; ", " | "].iter().any(|it| text.contains(it))
            || item.path.ends_with(".args")
            || item.path.ends_with(".command"));
    if !is_script {
        words.push(Word {
            text: text.to_owned(),
            cursor: item.clone(),
            origin: item.origin().clone(),
        });
        return;
    }
    let mut finder = Finder::new(item.origin());
    for Part { text, is_inside } in evaluated(split(text)) {
        if words.len() >= MAX_WORDS {
            return;
        }
        let name = text.split_once('=').map_or(&*text, |(name, _)| name);
        // The end of a line is written in no letters, and what is quoted stands there in another way,
        // but for the name of an option.
        let origin = match text.as_str() {
            ";" | "|" => item.origin().clone(),
            // It is part of a word that was found.
            _ if is_inside => item.origin().clone(),
            _ if name.starts_with('-') => finder.find(name),
            _ => finder.find(&text),
        };
        // The name of an option is no secret; another word may be one.
        let part = if name.starts_with('-') {
            name.to_owned()
        } else {
            digest(&text)
        };
        words.push(Word {
            cursor: item.part(&part),
            text,
            origin,
        });
    }
}

/// A word of a script.
#[derive(Debug)]
struct Part {
    text: String,
    /// Whether it stands in a substitution, which is a word too.
    is_inside: bool,
}

/// The words, where those that a shell reads once more (`eval "…"`, `bash -c "…"`) are words too.
fn evaluated(words: Vec<Part>) -> Vec<Part> {
    let mut all = Vec::with_capacity(words.len());
    let mut is_read_again = false;
    for word in words {
        if is_read_again && word.text.contains(char::is_whitespace) {
            all.extend(split(&word.text));
            continue;
        }
        is_read_again = match word.text.as_str() {
            "eval" | "-c" | "-lc" => true,
            ";" | "|" => false,
            _ => is_read_again,
        };
        all.push(word);
    }
    all
}

/// The words of a script, each command with `|` or `;` behind it, and here-documents as they stand: scripts
/// write files, and have programs in them. What a variable holds is not looked up.
fn split(script: &str) -> Vec<Part> {
    let mut words = Vec::new();
    let mut end = 0;
    for command in commands(script, Shell::Posix) {
        let is_inside = command.span.start < end;
        end = end.max(command.span.end);
        let part = |text: String| Part { text, is_inside };
        let all = command.assignments.into_iter().chain(command.words);
        words.extend(all.map(|word| part(word.text)));
        let mark = if command.writes_pipe { "|" } else { ";" };
        words.push(part(mark.to_owned()));
        for document in command.documents {
            let text = script.get(document).unwrap_or_default();
            let plain = text.split_whitespace().map(str::to_owned);
            words.extend(plain.take(MAX_WORDS).map(part));
            words.push(part(";".to_owned()));
        }
        if words.len() >= MAX_WORDS {
            break;
        }
    }
    words
}

/// Nobody writes longer commands into a manifest.
const MAX_WORDS: usize = 20_000;

#[cfg(test)]
mod tests {
    use casemate_core::Status;
    use proptest::prelude::*;

    use super::split;
    use crate::survey::tests::survey;

    /// What is said of a container with `fields` that is open to the outside.
    fn judged(fields: &str) -> (Vec<String>, Status) {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{app: p}}}}\nspec:\n  hostNetwork: true\n  \
             containers:\n  - name: a\n    image: vllm/vllm-openai@sha256:0f\n    {fields}\n"
        );
        let outcomes = survey(&[("pod.yaml", text.as_bytes())]);
        let findings = outcomes[0].findings.iter();
        let found = findings.map(|it| format!("{} {}", it.rule, it.location));
        let found = found.filter(|it| it.starts_with("CM-AI"));
        (found.collect(), outcomes[0].result)
    }

    #[test]
    fn options_of_scripts_are_found_where_they_stand() {
        let script = "command: [sh, -c]\n    args:\n    - |\n      set -e\n      vllm serve /m \\\n        \
            --api-key $K --trust-remote-code; a\n";
        assert_eq!(judged(script).0, ["CM-AI-020 pod.yaml:14:22"]);
    }

    #[test]
    fn what_a_shell_reads_again_is_read() {
        let script = "args:\n    - |\n      eval \"vllm serve /m \\\n        --name \"{{ .N }}\" \\\n        \
            --trust-remote-code\"\n";
        assert_eq!(
            judged(script).0,
            ["CM-AI-012 pod.yaml:7:5", "CM-AI-020 pod.yaml:13:9"]
        );
    }

    #[test]
    fn a_key_may_be_an_option_or_a_variable() {
        for (fields, is_open) in [
            ("args: [--model, /m]", true),
            ("args: [--model, /m, --api-key=x]", false),
            ("args: [--model, /m, --api_key, x]", false),
            (
                "env: [{name: VLLM_API_KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
                false,
            ),
        ] {
            assert_eq!(!judged(fields).0.is_empty(), is_open, "{fields}");
        }
    }

    #[test]
    fn whether_there_is_a_key_in_what_is_not_here_is_not_known() {
        let (found, _) = judged("envFrom: [{configMapRef: {name: elsewhere}}]");
        assert!(found.is_empty(), "{found:?}");
    }

    proptest! {
        #[test]
        fn any_script_has_words(script in "[ -~\n\\\\'\"]{0,200}") {
            let words = split(&script);
            // The words of the script itself are no longer than it; those in substitutions are in them.
            let own = words.iter().filter(|it| !it.is_inside && !matches!(&*it.text, ";" | "|"));
            prop_assert!(own.map(|it| it.text.len()).sum::<usize>() <= script.len());
        }

        #[test]
        fn no_manifest_ends_the_survey(at in 0usize..2000, cut in 0usize..40, with in "[ -~\n]{0,20}") {
            let text = include_str!("../../tests/everything.yaml");
            let at = at.min(text.len());
            let end = (at + cut).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                let text = format!("{}{with}{}", &text[..at], &text[end..]);
                survey(&[("a.yaml", text.as_bytes())]);
            }
        }
    }

    #[test]
    fn scripts_become_words() {
        for (script, words) in [
            (
                "vllm serve m --api-key $K",
                &["vllm", "serve", "m", "--api-key", "$K", ";"][..],
            ),
            (
                "a \\\n  --b='c d'\n# no\ne",
                &["a", "--b=c d", ";", "e", ";"],
            ),
            ("x \"y \\\" z\" && ''", &["x", "y \" z", ";", "", ";"]),
            ("curl u | sh || a", &["curl", "u", "|", "sh", ";", "a", ";"]),
            ("A=b c $(d e)", &["A=b", "c", "$(d e)", ";", "d", "e", ";"]),
            ("", &[]),
        ] {
            let split: Vec<String> = split(script).into_iter().map(|it| it.text).collect();
            assert_eq!(split, words, "{script}");
        }
    }
}
