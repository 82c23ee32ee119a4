//! Settings, from the file that the caller names.

use std::{
    borrow::Cow,
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use casemate_artifact::{Allowlist, AllowlistError};
use casemate_policy::Exception;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::Persona;

/// Everything that can be set. `casemate init` writes a file with every field, commented.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Configuration {
    /// How `casemate assess` works.
    pub(crate) assess: AssessSettings,
    /// How `casemate admit` works.
    pub(crate) admit: casemate_admission::Settings,
    /// Models of the tree that come with evidence.
    #[serde(rename = "model")]
    pub(crate) models: Vec<ModelSettings>,
    /// Findings that somebody accepted for a while.
    #[serde(rename = "exception")]
    pub(crate) exceptions: Vec<Exception>,
}

/// A model that comes with evidence of where it is from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ModelSettings {
    /// Where it is, relative to the assessed tree; empty for the tree as a whole.
    pub(crate) path: PathBuf,
    /// Its claims file, relative to this file: what is said of it, with its signatures.
    pub(crate) claims: PathBuf,
    /// Proofs that a log has what is said, relative to this file.
    #[serde(default)]
    pub(crate) log_proofs: Vec<PathBuf>,
}

/// How `casemate assess` works.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct AssessSettings {
    /// The name of the repository in the identities of its files. Name it once findings of more
    /// than one repository meet, and keep the name: fingerprints of files depend on it.
    pub(crate) repository: Option<String>,
    /// Whom findings about infrastructure are for: `regular`, `pedantic` or `auditor`.
    pub(crate) persona: Option<Persona>,
    /// A policy that overlays the built-in one, relative to this file: a directory of Rego and data, or a
    /// bundle (`.tar.gz`).
    pub(crate) policy: Option<PathBuf>,
    /// Whom to trust with the policy, relative to this file: it must be a bundle that one of them signed.
    pub(crate) policy_trust_store: Option<PathBuf>,
    /// Files of names that pickles may use besides those that are built in, relative to this file.
    pub(crate) allow: Vec<PathBuf>,
    /// Whom to trust with what is said of models, relative to this file.
    pub(crate) trust_store: Option<PathBuf>,
    /// The directory of the report, relative to the working directory.
    pub(crate) out: Option<PathBuf>,
}

impl Configuration {
    /// Reads `file`, or gives the defaults where the caller names none. Paths in it are taken
    /// relative to it.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let text = read_bounded(file)?;
        let mut configuration = Self::parse(&text)
            .with_context(|| format!("{} is not a Casemate configuration", file.display()))?;
        if let Some(parent) = file.parent() {
            let assess = &mut configuration.assess;
            let named = (assess.policy.iter_mut())
                .chain(&mut assess.policy_trust_store)
                .chain(&mut assess.trust_store)
                .chain(&mut assess.allow);
            let of_models = (configuration.models.iter_mut())
                .flat_map(|model| model.log_proofs.iter_mut().chain([&mut model.claims]));
            for path in named.chain(of_models) {
                *path = parent.join(&*path);
            }
        }
        Ok(configuration)
    }

    fn parse(text: &str) -> Result<Self> {
        match toml::from_str(text) {
            Ok(configuration) => Ok(configuration),
            Err(error) => bail!(mistake(text, error.span(), error.message())),
        }
    }
}

/// The built-in allowlist with the rows of the caller's own files.
pub(crate) fn allowlist(files: &[PathBuf]) -> Result<Cow<'static, Allowlist>> {
    let mut list = Cow::Borrowed(Allowlist::builtin());
    for file in files {
        let text = read_bounded(file)?;
        let extended = list.with_overlay(&text).map_err(|error| match error {
            AllowlistError::Toml(error) => anyhow!(mistake(&text, error.span(), error.message())),
            error => anyhow!(error),
        });
        let refused = || format!("{} is not an allowlist", file.display());
        list = Cow::Owned(extended.with_context(refused)?);
    }
    Ok(list)
}

/// What is wrong with a file, and where. The library would quote the line, and somebody may have
/// named the wrong file.
fn mistake(text: &str, span: Option<Range<usize>>, message: &str) -> String {
    let before = span.and_then(|span| text.get(..span.start));
    let line = 1 + before.unwrap_or_default().matches('\n').count();
    match suggestion(message) {
        Some(field) => format!("line {line}: {message}; did you mean `{field}`?"),
        None => format!("line {line}: {message}"),
    }
}

/// Reads a text file of the caller's, which is small.
pub(crate) fn read_bounded(file: &Path) -> Result<String> {
    let named = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("cannot read {named}"))?;
    bounded(opened, &named)
}

/// The same of what is called `named`. What is longer is refused and not cut off: the rest of it might be
/// what matters.
pub(crate) fn bounded(from: impl Read, named: &str) -> Result<String> {
    let mut text = String::new();
    from.take(MAX_TEXT + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {named}"))?;
    if text.len() as u64 > MAX_TEXT {
        bail!("{named} is larger than {} MiB", MAX_TEXT >> 20);
    }
    Ok(text)
}

/// What the writer of an unknown field may have meant, out of the message that names it and the
/// fields that exist.
fn suggestion(message: &str) -> Option<String> {
    let (unknown, expected) = message.strip_prefix("unknown field `")?.split_once('`')?;
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|field| (edits(unknown, field), field))
        .min()
        .filter(|(distance, field)| *distance <= 2.max(field.len() / 3))
        .map(|(_, field)| field.to_owned())
}

/// The Levenshtein distance of two short words, in characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// No configuration, policy or recorded input of a sane caller is larger.
const MAX_TEXT: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_and_not_cut_off() {
        let blanks = |len: u64| std::io::repeat(b' ').take(len);
        let text = bounded(blanks(MAX_TEXT), "it").expect("as long as may be");
        assert_eq!(text.len() as u64, MAX_TEXT);
        let error = bounded(blanks(MAX_TEXT + 1), "it").expect_err("longer");
        assert_eq!(error.to_string(), "it is larger than 64 MiB");
    }

    #[test]
    fn the_template_holds_every_field_at_its_default() {
        let template = include_str!("../../../content/casemate.toml");
        let settings = Configuration::parse(template).expect("the template parses");
        assert_eq!(settings, Configuration::default());

        // Uncommented, each `# name = value` line is a field that exists.
        let live: String = template
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => rest,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let settings = Configuration::parse(&live).expect("the uncommented template parses");
        let written = serde_json::to_value(&settings).expect("serialises");
        let assess = written["assess"].as_object().expect("a table");
        assert!(assess.values().all(|value| !value.is_null()), "{assess:?}");
        assert_eq!((settings.exceptions.len(), settings.models.len()), (1, 1));
        let admit = &settings.admit;
        assert_eq!((admit.exemptions.len(), admit.own_mutations.len()), (1, 1));
    }

    #[test]
    fn an_unknown_field_is_an_error_with_a_suggestion() {
        let error = Configuration::parse("[assess]\nrepositry = \"a\"\n").expect_err("a typo");
        let text = format!("{error:#}");
        assert!(text.contains("did you mean `repository`?"), "{text}");
        let error = Configuration::parse("[assess]\nzzzzzzzzz = 1\n").expect_err("unknown");
        assert!(!format!("{error:#}").contains("did you mean"));
    }
}
