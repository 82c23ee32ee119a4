//! The files that a policy is made of.

use std::{collections::BTreeMap, sync::Arc};

use casemate_core::{Digest, Hasher, PathText};
use serde_json::{Value, json};

use crate::{
    Engine, EngineError, GateInput, Limits, Question,
    decide::to_value,
    engine::Message,
    library,
    rego::Rego,
    settings,
    syntax::{Definition, RuleSite},
};

/// A policy: Rego modules and data documents, loaded. It can only come from bytes that the caller
/// hands in; nothing here opens a file.
///
/// A file whose name ends in `.rego` is a module, wherever it stands. A `.json` or `.toml` file
/// below `data/` is a document that is merged into the root of `data`, as `opa eval --data` does it:
/// `data/settings.toml` with a table `[casemate.settings]` sets `data.casemate.settings`. Everything
/// else is kept out, except that a YAML document below `data/` is an error: it would be missed.
#[derive(Clone)]
pub struct Bundle {
    files: BTreeMap<PathText, Arc<[u8]>>,
    digest: Digest,
    rego: Result<Arc<Rego>, EngineError>,
}

impl Bundle {
    /// The policy that comes with Casemate: `content/policies/`.
    pub fn builtin() -> Self {
        Self::loaded(builtin(), Limits::default())
    }

    /// The built-in policy with `files` over it, by their path from the directory they come from.
    /// A file of the same name replaces the built-in one; any other file is added. Rules that are
    /// added to package `casemate.gate` count like the built-in ones.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn overlay(files: Vec<(PathText, Vec<u8>)>) -> Result<Self, BundleError> {
        Self::lay(files, builtin())
    }

    /// A policy of `files` alone, by their path from the directory they come from, with the library that
    /// they may import.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn alone(files: Vec<(PathText, Vec<u8>)>) -> Result<Self, BundleError> {
        Self::lay(files, library::files().collect())
    }

    fn lay(
        files: Vec<(PathText, Vec<u8>)>,
        mut all: BTreeMap<PathText, Arc<[u8]>>,
    ) -> Result<Self, BundleError> {
        for (name, bytes) in files {
            check_name(&name)?;
            if is_yaml(&name) {
                return Err(BundleError::Yaml(name));
            }
            let is_misplaced =
                !is_document(&name) && matches!(name.extension(), Some("json" | "toml"));
            if is_misplaced && settings::is_meant(&bytes) {
                return Err(BundleError::Misplaced(name));
            }
            if let Some(own) = library::same_as(&bytes) {
                // The caller's copy counts, so that its own tests cover it.
                all.remove(&own);
            }
            if is_module(&name) || is_document(&name) {
                all.insert(name, bytes.into());
            }
        }
        if all.len() > MAX_FILES {
            return Err(BundleError::Many);
        }
        let bytes: usize = all.values().map(|bytes| bytes.len()).sum();
        if bytes > MAX_BYTES {
            return Err(BundleError::Large);
        }
        let bundle = Self::loaded(all, Limits::default());
        match &bundle.rego {
            Ok(_) => Ok(bundle),
            Err(error) => Err(BundleError::Load(error.clone())),
        }
    }

    /// The same policy under other limits.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self::loaded(self.files, limits)
    }

    /// The same policy for questions whose input says nothing of what was assessed: `assessment`, what a
    /// gate was asked, is `data.casemate.assessment` to it, and the library reads that. Without one
    /// there is an empty one, so that an input cannot pretend to be what it is not.
    ///
    /// # Errors
    ///
    /// The policy could not be loaded, or rests on an assessment, and there is none.
    pub fn beside(mut self, assessment: Option<&GateInput>) -> Result<Self, EngineError> {
        if assessment.is_none()
            && let Some(name) = self.reader_of_assessments()
        {
            let text = format!("{name} reads what was assessed, and no assessment is given");
            return Err(EngineError::Data(Message::new(&text)));
        }
        let document = match assessment {
            Some(assessment) => to_value(assessment)?,
            None => json!({}),
        };
        let document = json!({ "casemate": { library::ASSESSMENT: document } });
        self.rego = Ok(Arc::new(self.rego()?.with_data(document)?));
        Ok(self)
    }

    fn reader_of_assessments(&self) -> Option<&PathText> {
        let mut files = self.files.iter();
        let (name, _) = files.find(|(name, bytes)| {
            let is_own = library::is_file(name.as_str()) || name.as_str().ends_with("_test.rego");
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            is_module(name) && !is_own && library::reads_an_assessment(text)
        })?;
        Some(name)
    }

    /// The digest of all files: their names and contents, in the order of their names.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The names of the files, in order.
    pub fn files(&self) -> impl Iterator<Item = &PathText> {
        self.files.keys()
    }

    /// Where each rule of the policy stands, in the order of files and lines.
    pub fn rules(&self) -> Vec<RuleSite> {
        let rules = self.definitions().map(|definition| definition.site.clone());
        rules.collect()
    }

    /// Reads and analyses `files`. What cannot be loaded denies everything.
    fn loaded(files: BTreeMap<PathText, Arc<[u8]>>, limits: Limits) -> Self {
        let mut hasher = Hasher::default();
        for (name, bytes) in &files {
            hasher.part(name.as_str().as_bytes()).part(bytes);
        }
        Self {
            digest: hasher.finish(),
            rego: load(&files, limits).map(Arc::new),
            files,
        }
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.rego.iter().flat_map(|rego| &rego.index().definitions)
    }

    pub(crate) fn rego(&self) -> Result<&Rego, EngineError> {
        self.rego.as_deref().map_err(Clone::clone)
    }
}

impl Engine for Bundle {
    fn eval(
        &self,
        rules: &[&str],
        question: &Question<'_>,
    ) -> Result<Vec<Option<Value>>, EngineError> {
        self.rego()?.eval(rules, question)
    }
}

/// Why files do not make a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A name is not a plain relative path.
    #[error("`{0}` is not a path below the policy's directory")]
    Name(PathText),
    /// A document is in a format that is not read.
    #[error("`{0}`: data documents are JSON or TOML")]
    Yaml(PathText),
    /// Settings lie where no document is read.
    #[error("`{0}` has settings of the policy, and documents are read below `data/` alone")]
    Misplaced(PathText),
    /// There are too many files.
    #[error("a policy has at most {MAX_FILES} files")]
    Many,
    /// The files are too large.
    #[error("the files of a policy have at most 64 MiB together")]
    Large,
    /// The files cannot be loaded.
    #[error(transparent)]
    Load(EngineError),
}

fn builtin() -> BTreeMap<PathText, Arc<[u8]>> {
    let files = BUILTIN
        .iter()
        .map(|(name, text)| ((*name).into(), text.as_bytes().into()));
    files.chain(library::files()).collect()
}

fn load(files: &BTreeMap<PathText, Arc<[u8]>>, limits: Limits) -> Result<Rego, EngineError> {
    let mut modules = Vec::new();
    let mut documents = Vec::new();
    for (name, bytes) in files {
        let wrong = |what: &str| Message::new(&format!("{name}: {what}"));
        let text = std::str::from_utf8(bytes)
            .map_err(|error| EngineError::Parse(wrong(&error.to_string())))?;
        if is_module(name) {
            modules.push((name.as_str(), text));
            continue;
        }
        let document: Result<Value, String> = if name.extension() == Some("toml") {
            toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
        } else {
            serde_json::from_str(text).map_err(|error| error.to_string())
        };
        let document = document.map_err(|error| EngineError::Data(wrong(&error)))?;
        if !document.is_object() {
            return Err(EngineError::Data(wrong("the document is not an object")));
        }
        if let Some(told) = library::shadowed(&document) {
            return Err(EngineError::Data(wrong(&told)));
        }
        documents.push((name.as_str(), document));
    }
    let all = documents.iter().map(|(name, document)| (*name, document));
    if let Some(told) = settings::unread(all, &modules) {
        return Err(EngineError::Data(Message::new(&told)));
    }
    let rego = Rego::load(&modules, &documents, limits)?;
    let is_library = |name: &str| {
        let bytes = files.get(&PathText::from(name));
        bytes.is_some_and(|bytes| library::same_as(bytes).is_some())
    };
    library::check_rules(
        rego.index().definitions.iter().map(|it| &it.site),
        is_library,
    )?;
    Ok(rego)
}

fn check_name(name: &PathText) -> Result<(), BundleError> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if name.as_str().split('/').all(is_plain) && !library::is_file(name.as_str()) {
        return Ok(());
    }
    Err(BundleError::Name(name.clone()))
}

fn is_module(name: &PathText) -> bool {
    name.extension() == Some("rego")
}

fn is_document(name: &PathText) -> bool {
    name.as_str().starts_with("data/") && matches!(name.extension(), Some("json" | "toml"))
}

fn is_yaml(name: &PathText) -> bool {
    name.as_str().starts_with("data/") && matches!(name.extension(), Some("yaml" | "yml"))
}

macro_rules! builtin_files {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../../../content/policies/", $name)))),*]
    };
}

const BUILTIN: &[(&str, &str)] = builtin_files![
    "attestation.rego",
    "attestation_test.rego",
    "evidence.rego",
    "evidence_test.rego",
    "gate.rego",
    "gate_test.rego",
];

const MAX_FILES: usize = 10_000;

const MAX_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{file, now};

    fn value(bundle: &Bundle, rule: &str) -> Result<Option<Value>, EngineError> {
        let question = Question {
            input: &Value::Null,
            now: now(),
        };
        bundle
            .eval(&[rule], &question)
            .map(|mut values| values.remove(0))
    }

    #[test]
    fn the_builtin_policy_loads() {
        let bundle = Bundle::builtin();
        assert!(bundle.rego().is_ok(), "{:?}", bundle.rego().err());
        let names: Vec<&str> = bundle.files().map(PathText::as_str).collect();
        let own = names.into_iter().filter(|name| !library::is_file(name));
        assert!(own.eq(BUILTIN.iter().map(|(name, _)| *name)));
    }

    #[test]
    fn files_of_the_same_name_replace_and_others_add() {
        let gate = "package casemate.gate\ndeny contains \"mine\" if true\n";
        let bundle = Bundle::overlay(vec![
            file("gate.rego", gate),
            file("gate_test.rego", "package casemate.gate_test\n"),
            file("sub/more.rego", "package more\nx := data.answers.a\n"),
            file("data/a.json", r#"{"answers": {"a": 1}}"#),
            file("data/deep/b.toml", "[answers]\nb = 2\n"),
            file("README.md", "ignored"),
            file("other.json", "not read {"),
        ])
        .expect("loads");
        let library = library::files().count();
        assert_eq!(bundle.files().count(), BUILTIN.len() + library + 3);
        assert_eq!(value(&bundle, "data.more.x"), Ok(Some(1.into())));
        assert_eq!(
            value(&bundle, "data.casemate.gate.deny"),
            Ok(Some(vec!["mine"].into()))
        );
        assert_eq!(value(&bundle, "data.casemate.gate.warn"), Ok(None));
    }

    #[test]
    fn rego_of_both_versions_is_read() {
        let bundle = Bundle::overlay(vec![
            file("old.rego", "package old\nx[msg] { msg := \"a\" }\n"),
            file(
                "new.rego",
                "package new\nx contains msg if { msg := \"b\" }\n",
            ),
        ])
        .expect("loads");
        assert_eq!(value(&bundle, "data.old.x"), Ok(Some(vec!["a"].into())));
        assert_eq!(value(&bundle, "data.new.x"), Ok(Some(vec!["b"].into())));
    }

    #[test]
    fn what_is_not_a_policy_says_where_and_why() {
        for (name, content, expected) in [
            ("../a.rego", "", "`../a.rego` is not a path below"),
            ("/a.rego", "", "`/a.rego` is not a path below"),
            (
                "data/a.yaml",
                "a: 1",
                "`data/a.yaml`: data documents are JSON or TOML",
            ),
            ("a.rego", "package a\nx := ", "a.rego:2:6"),
            (
                "a.rego",
                "package a\nx := [[[[[[[[[[[[[[[[[1",
                "a.rego:2: brackets",
            ),
            (
                "data/a.json",
                "[1]",
                "data/a.json: the document is not an object",
            ),
            ("data/a.toml", "a = ", "data/a.toml: "),
            (
                "a.rego",
                "package a\nf(x) := f(x)\n",
                "the function a.f calls itself",
            ),
        ] {
            let error = Bundle::overlay(vec![file(name, content)])
                .err()
                .expect(name)
                .to_string();
            assert!(error.starts_with(expected), "{name}: {error}");
        }
        let documents = vec![
            file("data/a.json", r#"{"x": 1}"#),
            file("data/b.json", r#"{"x": 2}"#),
        ];
        let error = Bundle::overlay(documents).err().expect("a contradiction");
        assert!(
            matches!(error, BundleError::Load(EngineError::Data(_))),
            "{error}"
        );
    }

    #[test]
    fn the_digest_depends_on_every_name_and_content() {
        let digest = |name: &str, content: &str| {
            Bundle::overlay(vec![file(name, content)])
                .expect("loads")
                .digest()
        };
        let one = digest("a.rego", "package a\n");
        assert_eq!(one, digest("a.rego", "package a\n"));
        assert_ne!(one, digest("b.rego", "package a\n"));
        assert_ne!(one, digest("a.rego", "package a\n\n"));
    }
}
