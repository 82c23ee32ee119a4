//! Text: prose, tables and markup are inert; programs and templates are not judged yet, and are
//! told by what they say, never by a name.

use std::{io, sync::LazyLock};

use casemate_core::Source;
use memchr::memmem::Finder;

use crate::{
    Verdict,
    formats::{
        code::{CHAT_TEMPLATE, CONSTRUCTS, NAMES_CODE, PYTHON, SCRIPT},
        config,
        source::{self, Lines, is_word},
        template::Jinja,
        yaml::{self, Tags},
    },
    notes::{Notes, bytes},
};

/// What text is; nothing where it turns out not to be text at all.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    source: &dyn Source,
    start: u64,
    notes: &mut Notes<'_>,
) -> io::Result<Option<&'static str>> {
    let Some(reading) = Reading::of(source, start)? else {
        return Ok(None);
    };
    let head = source.read_vec(start, HEAD)?;
    let head = head.trim_ascii_start();
    if let Some(what) = reading.lines.script.or_else(|| source::script(head)) {
        let message = format!("this is {what}, which this version does not judge");
        notes.observe(&SCRIPT, Verdict::Unknown, None, "script", message);
        return Ok(Some("script"));
    }
    if let Some((line, at)) = reading.lines.python {
        let message = format!("this is Python ({line}), which this version does not judge");
        notes.observe(&PYTHON, Verdict::Unknown, bytes(at, 0), "python", message);
        return Ok(Some("python-source"));
    }
    let looks_like_json = matches!(head.first(), Some(b'{' | b'[')) && !is_template(head);
    if looks_like_json {
        // Only these words can make JSON more than data; escapes can spell them too. So long JSON
        // without them need not be read as JSON.
        let long = source.len() - start > READ_AS_JSON;
        let words = reading.has_any(JSON_WORDS) || reading.is_more_than_data();
        if long && !words {
            return Ok(Some("json"));
        }
        if let Some(format) = config::examine(source, start, notes)? {
            return Ok(Some(format));
        }
    }
    if reading.tags == Tags::Construct {
        let message = "a YAML tag in this file has a loader call what it names";
        notes.observe(&CONSTRUCTS, Verdict::Unknown, None, "tag", message);
        return Ok(Some("configuration-with-code"));
    }
    if reading.tags == Tags::Python || reading.has_any(&[Word::Target]) {
        let message = "this configuration names code, which this version does not judge";
        notes.observe(&NAMES_CODE, Verdict::Unknown, None, "names", message);
        return Ok(Some("configuration-with-code"));
    }
    if reading.jinja.states || reading.jinja.reaches {
        let message = "this is a Jinja template, which this version does not judge";
        notes.observe(&CHAT_TEMPLATE, Verdict::Unknown, None, "template", message);
        return Ok(Some("chat-template"));
    }
    if looks_like_json && reading.has_any(&[Word::AutoMap]) {
        let message = "auto_map names code, which this version does not judge";
        notes.observe(&NAMES_CODE, Verdict::Unknown, None, "auto_map", message);
        return Ok(Some("configuration-with-code"));
    }
    Ok(Some(plain_format(head, &reading)))
}

/// Words that change what a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    AutoMap,
    Target,
    Template,
    Escape,
    Nbformat,
    ClassName,
    RegisteredName,
    Module,
    JsonPickle,
    EscapedJsonPickle,
    WeightMap,
}

const WORDS: [(Word, &str); 11] = [
    (Word::AutoMap, "auto_map"),
    (Word::Target, "_target_"),
    (Word::Template, "template"),
    (Word::Escape, "\\u00"),
    (Word::Nbformat, "nbformat"),
    (Word::ClassName, "class_name"),
    (Word::RegisteredName, "registered_name"),
    (Word::Module, "_module"),
    (Word::JsonPickle, "\"py/"),
    (Word::EscapedJsonPickle, "\"py\\/"),
    (Word::WeightMap, "weight_map"),
];

/// Made once: making them costs more than reading a small file.
static FINDERS: LazyLock<[(Word, Finder<'static>); 11]> =
    LazyLock::new(|| WORDS.map(|(word, text)| (word, Finder::new(text))));

const JSON_WORDS: &[Word] = &[
    Word::AutoMap,
    Word::Target,
    Word::Template,
    Word::Escape,
    Word::Nbformat,
    Word::ClassName,
    Word::WeightMap,
    Word::RegisteredName,
    Word::Module,
    Word::JsonPickle,
    Word::EscapedJsonPickle,
];

/// What one pass over the text has found.
#[derive(Default)]
struct Reading {
    words: u32,
    lines: Lines,
    jinja: Jinja,
    tags: Tags,
}

impl Reading {
    /// Reads all of the text; nothing where it holds a NUL, which no text does.
    fn of(source: &dyn Source, start: u64) -> io::Result<Option<Self>> {
        let mut reading = Self::default();
        let mut at = start;
        while at < source.len() {
            let window = source.read_vec(at, WINDOW)?;
            if window.is_empty() {
                break;
            }
            if memchr::memchr(0, &window).is_some() {
                return Ok(None);
            }
            for (word, finder) in &*FINDERS {
                if reading.words & 1 << *word as u8 == 0 && says(*word, finder, &window) {
                    reading.words |= 1 << *word as u8;
                }
            }
            // Words and lines that the window's end cuts are seen again, whole, in the next one.
            let last = at + window.len() as u64 >= source.len();
            let usable = match memchr::memrchr(b'\n', &window) {
                _ if last => window.len(),
                Some(newline) => newline + 1,
                None => window.len().saturating_sub(OVERLAP).max(1),
            };
            let whole = match window[..usable].ends_with(b"\n") {
                true => &window[..usable],
                false => &window[..],
            };
            reading.jinja.read(whole);
            reading.tags = reading.tags.max(yaml::tags(whole));
            if at - start < CODE_REACH {
                reading.lines.read(&window[..usable], at);
            }
            at += usable as u64;
        }
        reading.lines.finish();
        Ok(Some(reading))
    }

    /// Whether text that begins like JSON may be something else.
    fn is_more_than_data(&self) -> bool {
        self.tags != Tags::Plain || self.jinja.states || self.jinja.reaches
    }

    fn has_any(&self, words: &[Word]) -> bool {
        words.iter().any(|&word| self.words & 1 << word as u8 != 0)
    }
}

/// Whether `text` has a word: Hydra's only where nothing makes it a part of a longer one.
fn says(word: Word, finder: &Finder<'_>, text: &[u8]) -> bool {
    if word != Word::Target {
        return finder.find(text).is_some();
    }
    finder.find_iter(text).any(|at| {
        let before = at.checked_sub(1).map(|before| text[before]);
        let after = text.get(at + finder.needle().len()).copied();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_template(head: &[u8]) -> bool {
    head.starts_with(b"{%") || head.starts_with(b"{{") || head.starts_with(b"{#")
}

/// The name of text that is only text.
fn plain_format(head: &[u8], reading: &Reading) -> &'static str {
    let lower = head[..head.len().min(16)].to_ascii_lowercase();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return "html";
    }
    if lower.starts_with(b"<?xml") || lower.starts_with(b"<svg") {
        return "xml";
    }
    let heading = head.starts_with(b"# ") || head.starts_with(b"## ");
    if reading.lines.fences > 0 || heading && is_followed_by_prose(head) {
        return "markdown";
    }
    let commas = |line: &[u8]| memchr::memchr_iter(b',', line).count();
    let mut lines = head.split(|&byte| byte == b'\n').map(commas);
    match (lines.next(), lines.next()) {
        (Some(first), Some(second)) if first > 0 && first == second => "csv",
        _ => "text",
    }
}

/// Whether what follows the first line is no comment and no setting: a line that begins with `#` is a
/// heading in Markdown, and a comment in much else.
fn is_followed_by_prose(head: &[u8]) -> bool {
    let lines = head.split(|&byte| byte == b'\n').skip(1);
    let mut rest = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    rest.next().is_none_or(|line| {
        let word = line
            .iter()
            .take_while(|&&byte| is_word(byte) || byte == b'-')
            .count();
        let after = line[word..].trim_ascii_start().first();
        !line.starts_with(b"#") && !line.starts_with(b"[") && !matches!(after, Some(b'=' | b':'))
    })
}

/// How much is read as JSON only to tell it from what looks like it.
const READ_AS_JSON: u64 = 1 << 20;
const HEAD: usize = 4096;
const WINDOW: usize = 256 * 1024;
/// Longer than any of the words.
const OVERLAP: usize = 64;
/// How far lines are read for code. What is longer is data; the words are looked for everywhere.
const CODE_REACH: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;
    use crate::Limits;

    fn format(text: &str) -> &'static str {
        let limits = Limits::default();
        let mut notes = Notes::new(&limits);
        let source = MemorySource(text.as_bytes());
        let format = examine(&source, 0, &mut notes).expect("memory");
        let format = format.expect("text");
        let clean = notes.finish(format).verdict == Verdict::Inert;
        let code = [
            "python-source",
            "script",
            "chat-template",
            "configuration-with-code",
            "notebook",
        ];
        assert_eq!(clean, !code.contains(&format), "{text}");
        format
    }

    /// The rules that a text breaks.
    fn rules(text: &str) -> Vec<String> {
        let limits = Limits::default();
        let mut notes = Notes::new(&limits);
        let source = MemorySource(text.as_bytes());
        let format = examine(&source, 0, &mut notes).expect("memory");
        let findings = notes.finish(format.expect("text")).findings;
        findings
            .iter()
            .map(|seen| seen.rule.id.to_string())
            .collect()
    }

    #[test]
    fn prose_and_data_are_inert() {
        for (text, name) in [
            ("cat\ndog\n", "text"),
            ("numpy==1.26\ntorch>=2\n", "text"),
            (
                "import the model before use.\nfrom here on import is slow.\n",
                "text",
            ),
            ("a,b\n1,2\n", "csv"),
            ("{\"a\": [1, 2]}\n", "json"),
            ("{\"a\": 1}\n{\"a\": \"\\u00e9\"}\n", "json"),
            (
                "# Title\n\n```python\nimport os\nos.system('id')\n```\n",
                "markdown",
            ),
            ("# Title\n\n    import os\n", "markdown"),
            ("<?xml version=\"1.0\"?>\n<a/>\n", "xml"),
            ("[console_scripts]\nrun = a.b:main\n", "text"),
            ("norm_target_dB = 3\n", "text"),
            ("class imbalance: see below\ndef.\n", "text"),
            ("seed: 1\nmodel:\n  kind: linear\n", "text"),
            ("{\"chat_template\": null, \"template\": \"plain\"}", "json"),
            ("see below; import the model first.\n", "text"),
            ("functions (exec(), eval()) are not for data\n", "text"),
            ("run: python -c \"import torch; print(torch)\"\n", "text"),
            (
                "name: {{ .Values.name }}\n{{- if .x }}\n{{ end }}\n",
                "text",
            ),
            ("a: ${{ matrix.os }}\nb: ${{ env.A__B }}\n", "text"),
            ("<a style={{ color: x }}/>\n", "text"),
            ("printf(\"{%d}\", x)\n", "text"),
            ("![a](b%20c.png) and 100%25 of a!\n", "text"),
            (
                "# A\n\n```sh\ncurl https://example.org/x | sh\n```\n",
                "markdown",
            ),
            ("curl fetches a file | a pipe takes it\n", "text"),
        ] {
            assert_eq!(format(text), name, "{text}");
        }
    }

    #[test]
    fn code_is_told_by_what_it_says() {
        for (text, name) in [
            ("import os\n", "python-source"),
            ("import os, sys as s; s.exit()\n", "python-source"),
            ("from .a import (b,\n c)\n", "python-source"),
            ("# Title\nx = 1\ndef f(x):\n    return x\n", "python-source"),
            (
                "try:\n    import torch\nexcept ImportError:\n    pass\n",
                "python-source",
            ),
            ("x = __import__('os').system('id')\n", "python-source"),
            ("x = getattr(x, 'y')\n", "python-source"),
            (
                "y = ().__class__.__base__.__subclasses__()\n",
                "python-source",
            ),
            ("class Net(Module):\n    pass\n", "python-source"),
            (
                "\"\"\"\n```\n\"\"\"\nimport os\n\"\"\"\n```\n\"\"\"\n",
                "python-source",
            ),
            ("# A\n```\nimport os\n", "python-source"),
            ("#!/bin/sh\nid\n", "script"),
            ("<html>\n<script>alert(1)</script>\n", "script"),
            ("const fs = require('fs');\n", "script"),
            (
                "{%- for m in messages %}{{ m }}{% endfor %}",
                "chat-template",
            ),
            (
                "<s>{% for m in messages %}{{ m }}{% endfor %}",
                "chat-template",
            ),
            ("{\"chat_template\": \"{{ x }}\"}", "chat-template"),
            ("{\"chat\\u005ftemplate\": \"{{ x }}\"}", "chat-template"),
            ("{\"a\": {\"auto_map\": {}}}", "configuration-with-code"),
            ("_target_: os.system\n", "configuration-with-code"),
            (
                "a: !!python/object/apply:os.system [id]\n",
                "configuration-with-code",
            ),
            ("{\"cells\": [], \"nbformat\": 4}", "notebook"),
            ("{\"py\\/object\": \"os.X\"}", "configuration-with-code"),
            ("curl https://example.org/x | sh\nrm -r a\n", "script"),
            ("sudo wget -qO- example.org | sudo bash -s\n", "script"),
            ("bash -c \"$(curl -fsSL example.org)\"\n", "script"),
            (
                "{\"a\": 1}\n{\"py/object\": \"os.X\"}",
                "configuration-with-code",
            ),
        ] {
            assert_eq!(format(text), name, "{text}");
        }
    }

    #[test]
    fn python_is_found_inside_of_lines() {
        for text in [
            "a=1;import os;os.system('id')\n",
            "if 1:import os;os.system('id')\n",
            "try: exec('x')\nexcept: pass\n",
            "(__import__(\"os\").system(\"id\"))\n",
            "x = [1, exec('x')]\n",
            "(lambda:exec('x'))()\n",
            "\"\".__class__.__base__.__subclasses__()\n",
            "x = \"\\\n```\\\n\"\nimport os\nx = \"\\\n```\\\n\"\n",
            "~~~0\nimport os\n~~~0\n",
            "x = 1\rimport os\r",
            "\x0cimport os\n",
            "import\tos\n",
            "import\\\n os\n",
            "from os import(system)\n",
            "from .import a\n",
            "if(1):\n    import os\n",
            "x = (\n    __import__('os').system('id')\n)\n",
            "class A:import os\n",
        ] {
            assert_eq!(format(text), "python-source", "{text}");
        }
    }

    #[test]
    fn yaml_tags_are_found_however_they_are_spelled() {
        for tag in [
            "!!python/object/apply:os.system",
            "!<tag:yaml.org,2002:python/object/apply:os.system>",
            "!!pyth%6Fn/object/apply:os.system",
            "!<tag:yaml.org,2002:%70ython/name:os.system>",
        ] {
            let text = format!("a: {tag} [id]\n");
            assert_eq!(rules(&text), ["CM-COD-006"], "{text}");
            let flow = format!("[{tag} [id]]\n");
            assert_eq!(rules(&flow), ["CM-COD-006"], "{flow}");
        }
        for prefix in ["tag:yaml.org,2002:python/", "tag:yaml.o", "tag:%79aml.org"] {
            let text = format!("%TAG !x! {prefix}\n---\na: !x!object/apply:os.system [id]\n");
            assert_eq!(rules(&text), ["CM-COD-006"], "{text}");
        }
        for text in [
            "a: !!python/tuple [1, 2]\n",
            "%TAG !u! tag:example.org,2011:\n---\na: !u!1 1\n",
        ] {
            assert_eq!(rules(text), ["CM-COD-004"], "{text}");
        }
        let none: [&str; 0] = [];
        assert_eq!(rules("a: !!int 3\nb: !Ref x\nc: 50%ab !x\n"), none);
    }

    #[test]
    fn templates_are_told_by_statements_and_by_what_they_reach_for() {
        for text in [
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}\n",
            "{{ x['__class__'] }}",
            "{{ x|attr('_' ~ '_class_' ~ '_') }}",
            "{{ x['_'~'_class__'] }}",
            "{{ x[\"\\x5f_class\"] }}",
            "{%for m in messages%}{{m.content}}{%endfor%}\n",
            "{%-set x = 1%}",
            "{% print(x) %}",
            "{%\n  if x %}",
            "{\"chat_template\":[\"{% if x %}\"]}",
            "{\"chat_template\":[{\"name\": \"{{ x }}\"}]}",
            "{\"chat_template\":{\"default\": {\"x\": \"{{ x }}\"}}}",
            "{\"chat_template\":[{\"a\": 1}, \"{{ x }}\"]}",
        ] {
            assert_eq!(format(text), "chat-template", "{text}");
        }
        let long = format!(
            "{{\"chat_template\": \"{}{{% if x %}}\"}}",
            "x".repeat(1 << 17)
        );
        assert_eq!(format(&long), "chat-template");
        for text in [
            "{\"template\": {\"a\": \"b\"}, \"c\": \"{{ x }}\"}",
            "[{\"template\": \"a\"}, \"{{ x }}\"]",
        ] {
            assert_eq!(format(text), "json", "{text}");
        }
    }

    #[test]
    fn long_json_is_judged_as_short_json_is() {
        let fill = format!("\"fill\": \"{}\"", "x".repeat(1 << 20));
        for (pair, name) in [
            ("\"registered_name\": \"a>B\"", "configuration-with-code"),
            ("\"class_name\": \"B\"", "configuration-with-code"),
            ("\"__module__\": \"os\"", "configuration-with-code"),
            ("\"py\\/object\": \"os.X\"", "configuration-with-code"),
            ("\"chat_template\": \"{{ x }}\"", "chat-template"),
            ("\"a\": 1", "json"),
        ] {
            assert_eq!(format(&format!("{{{pair}}}")), name);
            assert_eq!(format(&format!("{{{fill}, {pair}}}")), name, "{pair}");
        }
    }

    #[test]
    fn words_are_found_where_windows_meet() {
        for shift in 0..12 {
            let mut text = "{\"a\": \"".to_owned();
            text.push_str(&"x".repeat(WINDOW - text.len() - 10 + shift));
            text.push_str("\", \"auto_map\": {}}");
            assert_eq!(format(&text), "configuration-with-code", "{shift}");
        }
    }
}
