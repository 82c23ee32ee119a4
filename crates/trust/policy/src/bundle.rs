//! The files that a policy is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_core::{Digest, PathText};
use serde_json::{Value, json};

use crate::{
    Engine, EngineError, GateInput, Layer, Limits, ManifestError, Question, check,
    decide::to_value,
    engine::Message,
    library,
    rego::Rego,
    settings,
    syntax::{Definition, RuleSite},
};

/// A policy: Rego modules and data documents, loaded. It can only come from bytes that the caller
/// hands in; nothing here opens a file. See [`Layer`] for how they are read.
#[derive(Clone)]
pub struct Bundle {
    layer: Layer,
    digest: Digest,
    rego: Result<Arc<Rego>, EngineError>,
}

impl Bundle {
    /// The policy that comes with Casemate: `content/policies/`.
    pub fn builtin() -> Self {
        Self::loaded(builtin(), Limits::default())
    }

    /// The built-in policy with `layer` over it. A file of the same name replaces the built-in one; any
    /// other file is added. Rules that are added to package `casemate.gate` count like the built-in ones.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn over_builtin(layer: Layer) -> Result<Self, BundleError> {
        let own: BTreeSet<PathText> = layer.modules.keys().cloned().collect();
        let bundle = Self::over(builtin().modules, layer)?;
        match check::unasked(&bundle, |file| own.contains(&PathText::from_text(file))) {
            Some(site) => Err(BundleError::Unasked(site.clone())),
            None => Ok(bundle),
        }
    }

    /// A policy of `layer` alone, with the library that it may import.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn of(layer: Layer) -> Result<Self, BundleError> {
        Self::over(library::files().collect(), layer)
    }

    fn over(mut modules: BTreeMap<PathText, Arc<[u8]>>, layer: Layer) -> Result<Self, BundleError> {
        let own: Vec<PathText> = layer.modules.keys().cloned().collect();
        for copy in layer
            .modules
            .values()
            .filter_map(|bytes| library::same_as(bytes))
        {
            // The caller's copy counts, so that its own tests cover it.
            modules.remove(&copy);
        }
        modules.extend(layer.modules);
        Self::lay(Layer { modules, ..layer }, &own)
    }

    /// As [`Bundle::over_builtin`], of the files of a directory by their paths from there.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn overlay(files: Vec<(PathText, Vec<u8>)>) -> Result<Self, BundleError> {
        Self::over_builtin(Layer::of_directory(files)?)
    }

    /// As [`Bundle::of`], of the files of a directory by their paths from there.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn alone(files: Vec<(PathText, Vec<u8>)>) -> Result<Self, BundleError> {
        Self::of(Layer::of_directory(files)?)
    }

    /// Loads a layer, of which the modules `own` are the caller's: what the manifest says is of them.
    fn lay(layer: Layer, own: &[PathText]) -> Result<Self, BundleError> {
        let bundle = Self::loaded(layer, Limits::default());
        let rego = bundle
            .rego
            .as_ref()
            .map_err(|error| BundleError::Load(error.clone()))?;
        if let Some(manifest) = &bundle.layer.manifest {
            let files = &rego.index().files;
            for name in own.iter().map(PathText::as_str) {
                if let Some((package, is_v1)) = files.get(name) {
                    manifest
                        .check_module(name, package, *is_v1)
                        .map_err(BundleError::Manifest)?;
                }
            }
        }
        Ok(bundle)
    }

    /// The archive of `layer`, in OPA's format, once it has loaded over the built-in policy; and the policy,
    /// as it was loaded. The same layer and revision give the same bytes.
    ///
    /// # Errors
    ///
    /// See [`BundleError`].
    pub fn pack(layer: &Layer, revision: Option<&str>) -> Result<(Vec<u8>, Self), BundleError> {
        let bundle = Self::over_builtin(layer.clone())?;
        let files = bundle.rego.iter().flat_map(|rego| &rego.index().files);
        let own = files
            .map(|(name, (_, is_v1))| (PathText::from_text(name), *is_v1))
            .filter(|(name, _)| layer.modules.contains_key(name));
        let bytes = layer.pack(revision, &own.collect())?;
        Ok((bytes, bundle))
    }

    /// The same policy under other limits.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self::loaded(self.layer, limits)
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
        self.rego = Ok(Arc::new(self.rego()?.with_data(&document)?));
        Ok(self)
    }

    fn reader_of_assessments(&self) -> Option<&PathText> {
        let mut modules = self.layer.modules.iter();
        let (name, _) = modules.find(|(name, bytes)| {
            let is_own = library::is_file(name.as_str()) || name.as_str().ends_with("_test.rego");
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            !is_own && library::reads_an_assessment(text)
        })?;
        Some(name)
    }

    /// The digest of all modules and data, those that are built in too; see [`Layer::digest`].
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What whoever packed it calls it.
    pub fn revision(&self) -> Option<&str> {
        self.layer.revision()
    }

    /// What of the files is left out, and was not looked at.
    pub fn notes(&self) -> &[String] {
        self.layer.notes()
    }

    /// The names of the files, in order.
    pub fn files(&self) -> impl Iterator<Item = &PathText> {
        let mut names: Vec<&PathText> = self.layer.modules.keys().collect();
        names.extend(self.layer.documents.keys());
        names.sort();
        names.into_iter()
    }

    /// Where each rule of the policy stands, in the order of files and lines.
    pub fn rules(&self) -> Vec<RuleSite> {
        let rules = self.definitions().map(|definition| definition.site.clone());
        rules.collect()
    }

    /// The line that a definition begins on.
    pub(crate) fn line(&self, site: &RuleSite) -> Option<String> {
        let modules = &self.layer.modules;
        let bytes = modules.get(&PathText::from_text(&site.file))?;
        let text = std::str::from_utf8(bytes).ok()?;
        let at = usize::try_from(site.line).ok()?.checked_sub(1)?;
        text.lines().nth(at).map(str::to_owned)
    }

    /// Reads and analyses `layer`. What cannot be loaded denies everything.
    fn loaded(layer: Layer, limits: Limits) -> Self {
        Self {
            digest: layer.digest(),
            rego: load(&layer, limits).map(Arc::new),
            layer,
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
    /// An archive is none that can be read in one way only.
    #[error("{0}")]
    Archive(Message),
    /// A manifest is none, or is of something else.
    #[error("the manifest: {0}")]
    Manifest(ManifestError),
    /// It says what is to be done to another bundle.
    #[error("it is a delta bundle (`patch.json`), which is not applied")]
    Delta,
    /// Settings lie where no document is read.
    #[error("`{0}` has settings of the policy, and documents are read below `data/` alone")]
    Misplaced(PathText),
    /// There are too many files.
    #[error("a policy has at most 10,000 files")]
    Many,
    /// The files are too large.
    #[error("the files of a policy have at most 64 MiB together")]
    Large,
    /// A rule would deny, and nobody asks it.
    #[error(
        "{}:{}: nothing asks `{}`: what denies or warns is called `deny` or `warn` in `package casemate.gate`, or stands in a \
         package of your own",
        .0.file, .0.line, .0.rule
    )]
    Unasked(RuleSite),
    /// The files cannot be loaded.
    #[error(transparent)]
    Load(EngineError),
}

fn builtin() -> Layer {
    let modules = BUILTIN
        .iter()
        .map(|(name, text)| ((*name).into(), text.as_bytes().into()));
    Layer {
        modules: modules.chain(library::files()).collect(),
        ..Layer::default()
    }
}

fn load(layer: &Layer, limits: Limits) -> Result<Rego, EngineError> {
    let mut modules = Vec::new();
    for (name, bytes) in &layer.modules {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| EngineError::Parse(Message::new(&format!("{name}: {error}"))))?;
        modules.push((name.as_str(), text));
    }
    let documents = layer.documents.iter();
    let documents = documents.map(|(name, document)| (name.as_str(), &**document));
    if let Some(told) = settings::unread(documents.clone(), &modules) {
        return Err(EngineError::Data(Message::new(&told)));
    }
    let shadow = |(name, document)| Some(format!("{name}: {}", library::shadowed(document)?));
    if let Some(told) = documents.clone().find_map(shadow) {
        return Err(EngineError::Data(Message::new(&told)));
    }
    let documents = documents.map(|(name, document)| (name, document.clone()));
    let rego = Rego::load(&modules, &documents.collect::<Vec<_>>(), limits)?;
    let is_library = |name: &str| {
        let bytes = layer.modules.get(&PathText::from_text(name));
        bytes.is_some_and(|bytes| library::same_as(bytes).is_some())
    };
    let sites = rego.index().definitions.iter().map(|it| &it.site);
    library::check_rules(sites, is_library)?;
    Ok(rego)
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
            file(
                "sub/more.rego",
                "package more\nx := data.answers.a + data.answers.c\n",
            ),
            file("data/a.json", r#"{"answers": {"a": 1}}"#),
            file("data/deep/b.toml", "[answers]\nb = 2\n"),
            file("data/deep/c.yaml", "answers:\n  c: 3\n"),
            file("README.md", "ignored"),
            file("other.json", "not read {"),
        ])
        .expect("loads");
        let library = library::files().count();
        assert_eq!(bundle.files().count(), BUILTIN.len() + library + 4);
        assert_eq!(value(&bundle, "data.more.x"), Ok(Some(4.into())));
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
            ("data/a.yaml", "a: [1", "data/a.yaml: line 1: "),
            (
                "data/a.yaml",
                "a: 1\na: 2",
                "data/a.yaml: line 2: a key stands twice",
            ),
            (
                "data/a.yml",
                "a: 1\n---\nb: 2",
                "data/a.yml: it holds more than one",
            ),
            ("data/a.yml", "", "data/a.yml: it holds no document"),
            (
                "data/a.yml",
                "- 1",
                "data/a.yml: the document is not an object",
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
        let one = digest("data/a.json", r#"{"a": {"b": 1}}"#);
        // What the policy reads is what counts.
        assert_eq!(one, digest("data/b.toml", "a = { b = 1 }"));
        assert_ne!(one, digest("data/a.json", r#"{"a": {"b": 2}}"#));
    }
}
