//! A case: a policy, a question, and what OPA answers.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use casemate_core::{PathText, Timestamp};
use casemate_policy::{Bindings, Bundle, Errors, Question, query};
use serde::Deserialize;
use serde_json::Value;

use crate::compare;

/// One case, in the form of OPA's corpus.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Case {
    /// The directory it stands in.
    #[serde(skip)]
    pub(crate) category: String,
    pub(crate) note: String,
    pub(crate) query: String,
    pub(crate) modules: Option<Vec<String>>,
    data: Option<Value>,
    pub(crate) input: Option<Value>,
    /// The input as a term of Rego, for what JSON has not.
    input_term: Option<String>,
    want_result: Option<Vec<Bindings>>,
    want_error: Option<String>,
    want_error_code: Option<String>,
    strict_error: Option<bool>,
    sort_bindings: Option<bool>,
}

pub(crate) enum Outcome {
    Met,
    Differs(String),
}

impl Case {
    /// A question of which nobody has said what the answer is.
    pub(crate) fn asked(modules: Vec<String>, query: String, input: Value) -> Self {
        Self {
            modules: Some(modules),
            query,
            input: Some(input),
            ..Self::default()
        }
    }

    /// The same with an answer.
    pub(crate) fn wanting(self, rows: Vec<Bindings>) -> Self {
        Self {
            want_result: Some(rows),
            ..self
        }
    }

    pub(crate) fn wants_error(&self) -> bool {
        self.want_error.is_some() || self.want_error_code.is_some()
    }

    pub(crate) fn wanted(&self) -> &[Bindings] {
        self.want_result.as_deref().unwrap_or_default()
    }

    /// Asks our engine. Where OPA fails, we must; the text of the error is our own.
    pub(crate) fn run(&self) -> Outcome {
        match (self.ask(), self.wants_error()) {
            (Err(_), true) => Outcome::Met,
            (Err(error), false) => Outcome::Differs(format!("error: {error}")),
            (Ok(rows), true) => {
                let wanted = self.want_error.as_deref().unwrap_or_default();
                let got = serde_json::to_string(&rows).expect("JSON");
                Outcome::Differs(format!("no error, wanted {wanted:?}, got {got}"))
            }
            (Ok(rows), false) => {
                let wanted = self.wanted();
                if compare::same(wanted, &rows, self.sort_bindings == Some(true)) {
                    return Outcome::Met;
                }
                let [wanted, got] =
                    [wanted, &rows].map(|rows| serde_json::to_string(rows).expect("JSON"));
                Outcome::Differs(format!("wanted {wanted}, got {got}"))
            }
        }
    }

    fn ask(&self) -> Result<Vec<Bindings>, String> {
        let mut files: Vec<(PathText, Vec<u8>)> = Vec::new();
        for (at, module) in self.modules.iter().flatten().enumerate() {
            let name = format!("{at:02}.rego");
            files.push((name.as_str().into(), module.as_bytes().to_vec()));
        }
        if let Some(data) = &self.data {
            files.push(("data/data.json".into(), data.to_string().into_bytes()));
        }
        let bundle = Bundle::alone(files).map_err(|error| error.to_string())?;
        let text = match &self.input_term {
            Some(term) => format!("{} with input as {term}", self.query),
            None => self.query.clone(),
        };
        let question = Question {
            input: self.input.as_ref().unwrap_or(&Value::Null),
            now: NOW.parse::<Timestamp>().expect("a time"),
        };
        let errors = match self.strict_error {
            Some(true) => Errors::Strict,
            _ => Errors::Lenient,
        };
        query(&bundle, &text, &question, errors).map_err(|error| error.to_string())
    }
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// One of our own files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ours {
    case: Vec<OurCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurCase {
    note: String,
    /// One expression, for a case that needs no more.
    expression: Option<String>,
    #[serde(default)]
    modules: Vec<String>,
    query: Option<String>,
    /// JSON.
    input: Option<String>,
    /// What `x` is, as JSON; without it the query is undefined.
    want: Option<String>,
    #[serde(default)]
    error: bool,
    #[serde(default)]
    strict: bool,
}

/// The cases in `cases/`, which are ours.
pub(crate) fn ours() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opa/cases");
    let mut cases = Vec::new();
    for path in listed(&dir, "toml") {
        let text = fs::read_to_string(&path).expect("reads");
        let file: Ours = toml::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let json = |text: &String| -> Value {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        for case in file.case {
            let module = case
                .expression
                .map(|expression| format!("package test\n\np := {expression}\n"));
            let value = case.want.as_ref().map(json);
            cases.push(Case {
                note: case.note,
                query: case.query.unwrap_or_else(|| "data.test.p = x".to_owned()),
                modules: Some(case.modules.into_iter().chain(module).collect()),
                input: case.input.as_ref().map(json),
                want_result: value.map(|value| vec![BTreeMap::from([("x".to_owned(), value)])]),
                want_error: case.error.then(String::new),
                strict_error: Some(case.strict || case.error),
                ..Case::default()
            });
        }
    }
    cases
}

/// The cases below `dir`, which are OPA's. Notes are not unique there; the second of one name is
/// called `name #2`.
pub(crate) fn opas(dir: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for category in listed(dir, "") {
        for path in listed(&category, "json") {
            let text = fs::read_to_string(&path).expect("reads");
            let file: File =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            for mut case in file.cases {
                let name = category.file_name().unwrap_or_default();
                case.category = name.to_string_lossy().into_owned();
                let count = seen.entry(case.note.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    case.note = format!("{} #{count}", case.note);
                }
                cases.push(case);
            }
        }
    }
    assert!(!cases.is_empty(), "no cases below {dir:?}");
    cases
}

fn listed(dir: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{dir:?}: {error}"));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().unwrap_or_default() == extension)
        .collect();
    paths.sort();
    paths
}

const NOW: &str = "2026-09-01T12:00:00Z";
