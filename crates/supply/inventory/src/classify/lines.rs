//! What the lines of a text look like, seen in one pass.

use memchr::{memchr, memchr_iter};

/// What the lines of a text look like. Only lines that are not indented count, but for imports.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// Names before a colon, as YAML has them, and what follows; the first 128.
    keys: Vec<Key>,
    /// What stands between brackets on a line of its own, as TOML and INI have it; the first 64.
    sections: Vec<Box<[u8]>>,
    /// The modules that Python would import; the first 128.
    imports: Vec<Box<[u8]>>,
    /// How many lines assign with `=`.
    pub(super) assignments: usize,
    /// How many of those assign to a name of capitals only, without spaces.
    pub(super) exports: usize,
    /// How many lines open a Terraform block.
    pub(super) blocks: usize,
    /// How many lines begin a Python definition.
    pub(super) definitions: usize,
    /// How many lines are items of a list (`- …`).
    pub(super) items: usize,
    /// How many lines are none of these, nor blank, nor comments, nor closing brackets.
    pub(super) others: usize,
}

impl Lines {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut lines = Self::default();
        for line in split(&text[..text.len().min(LOOKED_AT)]) {
            lines.take(line);
        }
        lines
    }

    /// Whether every line that is not indented could be YAML, and some name is there.
    pub(super) fn is_yaml(&self) -> bool {
        !self.keys.is_empty()
            && self.others + self.blocks + self.definitions == 0
            && self.sections.is_empty()
            && self.assignments == 0
            && self.imports.is_empty()
    }

    /// Whether it is YAML with all these names at the top.
    pub(super) fn is_yaml_with(&self, names: &[&str]) -> bool {
        self.is_yaml() && names.iter().all(|name| self.value(name).is_some())
    }

    /// How many different names stand before a colon, or more.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// What follows the name's first colon, without the space around it.
    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        let mut keys = self.keys.iter();
        let found = keys.find(|key| *key.name == *name.as_bytes())?;
        Some(&found.value)
    }

    /// How many lines have brackets around all they hold.
    pub(super) fn sections(&self) -> usize {
        self.sections.len()
    }

    /// Whether there is this section.
    pub(super) fn has_section(&self, name: &str) -> bool {
        self.sections.iter().any(|own| **own == *name.as_bytes())
    }

    /// Whether Python would import one of these packages, or a module in it.
    pub(super) fn imports(&self, packages: &[&str]) -> bool {
        let is_in = |module: &[u8], package: &str| {
            let rest = module.strip_prefix(package.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
        };
        let mut imports = self.imports.iter();
        imports.any(|module| packages.iter().any(|package| is_in(module, package)))
    }

    /// How many modules Python would import.
    pub(super) fn import_count(&self) -> usize {
        self.imports.len()
    }

    fn take(&mut self, line: &[u8]) {
        match line {
            [] => {}
            [b' ' | b'\t', ..] => {
                let line = line.trim_ascii_start();
                if let [b'i' | b'f', ..] = line {
                    self.take_import(line);
                }
            }
            [b'i' | b'f', ..] if self.take_import(line) => {}
            [b'#' | b'%' | b'}' | b']' | b')', ..] | b"..." => {}
            [b'-', ..] => self.take_item(line),
            // A template's action, as Helm has it.
            [b'{', b'{', ..] => {}
            [b'[', ..] => self.take_section(line),
            _ => self.take_words(line),
        }
    }

    /// `- item`, and the ruler `---` between documents.
    fn take_item(&mut self, line: &[u8]) {
        if line.starts_with(b"- ") || line == b"-" {
            self.items += 1;
        } else if !line.starts_with(b"---") {
            self.others += 1;
        }
    }

    fn take_section(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        match line[1..].strip_suffix(b"]") {
            Some(name) if !name.is_empty() => keep(&mut self.sections, 64, || name.into()),
            _ => self.others += 1,
        }
    }

    fn take_words(&mut self, line: &[u8]) {
        let (word, rest) = first_word(line);
        let after = rest.trim_ascii_start();
        let is_quoted = line[0] == b'"' || line[0] == b'\'';
        let ends_name = |rest: &[u8]| rest.first().is_none_or(u8::is_ascii_whitespace);
        if word.is_empty() {
            self.others += 1;
        } else if let Some(value) = rest.strip_prefix(b":").filter(|rest| ends_name(rest)) {
            let value = value.trim_ascii();
            keep(&mut self.keys, 128, || Key {
                name: word.into(),
                value: value.into(),
            });
        } else if is_quoted {
            self.others += 1;
        } else if after.first() == Some(&b'=') && after.get(1) != Some(&b'=') {
            self.assignments += 1;
            let is_capital =
                |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
            self.exports += usize::from(rest.len() == after.len() && word.iter().all(is_capital));
        } else if TERRAFORM_BLOCKS.contains(&word) && opens_block(after) {
            self.blocks += 1;
        } else if matches!(
            word,
            b"def" | b"class" | b"async" | b"if" | b"with" | b"for" | b"try"
        ) && (rest.ends_with(b":")
            || rest.ends_with(b"(")
            || memchr(b'(', rest).is_some())
        {
            self.definitions += 1;
        } else {
            self.others += 1;
        }
    }

    /// `import a.b as c, d` and `from a.b import c`, indented or not.
    fn take_import(&mut self, line: &[u8]) -> bool {
        if let Some(rest) = line.strip_prefix(b"from ") {
            let (module, rest) = module(rest);
            let imports = rest.trim_ascii_start().starts_with(b"import");
            if imports && !module.is_empty() {
                keep(&mut self.imports, 128, || module.into());
            }
            return imports;
        }
        let Some(rest) = line.strip_prefix(b"import ") else {
            return false;
        };
        let (name, after) = module(rest.trim_ascii_start());
        let after = after.trim_ascii();
        let ends = after.is_empty() || after.starts_with(b",") || after.starts_with(b"#");
        // Go, Java and JavaScript import otherwise: with quotes, braces or a semicolon.
        let is_python = !name.is_empty() && (ends || after.starts_with(b"as "));
        if is_python {
            keep(&mut self.imports, 128, || name.into());
            for other in after.split(|&byte| byte == b',').skip(1) {
                let (name, _) = module(other.trim_ascii_start());
                keep(&mut self.imports, 128, || name.into());
            }
        }
        is_python
    }
}

#[derive(Clone, Debug)]
struct Key {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

/// The lines of `text` without their ends.
pub(super) fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text).chain([text.len()]);
    ends.map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

fn keep<T>(kept: &mut Vec<T>, most: usize, item: impl FnOnce() -> T) {
    if kept.len() < most {
        kept.push(item());
    }
}

/// The name a line begins with, without quotes, and what follows it.
fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    if let [quote @ (b'"' | b'\''), inside @ ..] = line {
        return match memchr(*quote, inside) {
            Some(end) => (&inside[..end], &inside[end + 1..]),
            None => (b"", line),
        };
    }
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-/$@+*<".contains(byte);
    line.split_at(line.iter().take_while(is_name).count())
}

fn module(text: &[u8]) -> (&[u8], &[u8]) {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    text.split_at(text.iter().take_while(is_name).count())
}

/// `"type" "name" {`: labels in quotes, and a brace.
fn opens_block(mut text: &[u8]) -> bool {
    while let Some(inside) = text.strip_prefix(b"\"") {
        let Some(end) = memchr(b'"', inside) else {
            return false;
        };
        text = inside[end + 1..].trim_ascii_start();
    }
    text.starts_with(b"{")
}

/// What a text is shows at its top: in its imports, its first block, its first document.
const LOOKED_AT: usize = 32 << 10;

/// The blocks of a Terraform or OpenTofu file.
const TERRAFORM_BLOCKS: [&[u8]; 13] = [
    b"resource",
    b"data",
    b"module",
    b"provider",
    b"variable",
    b"output",
    b"terraform",
    b"locals",
    b"moved",
    b"import",
    b"removed",
    b"check",
    b"ephemeral",
];
