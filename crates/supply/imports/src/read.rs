//! From bytes to the runs that a report tells of.

use casemate_document::{EncodingError, Limits, Lines, Node, Value, decode, json};

use crate::{checkov, fields::line, run::Run, sarif, trivy};

/// The runs that the report in `bytes` tells of; its format is that of its content.
///
/// # Errors
///
/// [`ImportError`] where it is no report that can be read, or more than there can be.
pub fn read(bytes: &[u8]) -> Result<Vec<Run>, ImportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::Large);
    }
    let text = decode(bytes)?;
    if text.trim().is_empty() {
        return Err(ImportError::Empty);
    }
    let at = |offset: usize| {
        // What follows may be long, and no line of it matters.
        let before = text.get(..offset).unwrap_or(&text);
        let place = Lines::of(before).place(offset);
        (place.line, place.column)
    };
    let (root, repeated) = json::read(&text, &LIMITS).map_err(|error| {
        let (line, column) = at(error.span.start as usize);
        ImportError::Json(line, column, error.message)
    })?;
    if let Some(key) = repeated.first() {
        let (line, column) = at(key.start as usize);
        let key = self::line(key.of(&text), MOST_QUOTED);
        return Err(ImportError::Twice(line, column, key));
    }
    let runs = recognised(&root)?;
    let results: usize = runs.iter().map(|run| run.said.len() + run.over).sum();
    if results > MAX_RESULTS {
        return Err(ImportError::Many(results));
    }
    Ok(runs)
}

fn recognised(root: &Node) -> Result<Vec<Run>, ImportError> {
    if let Value::List(reports) = &root.value
        && !reports.is_empty()
        && reports.iter().all(checkov::is_report)
    {
        return checkov::read(reports);
    }
    if checkov::is_report(root) {
        return checkov::read(std::slice::from_ref(root));
    }
    if let Some(version) = root.get("SchemaVersion") {
        return match version.as_integer() {
            Some(2) => trivy::read(root),
            _ => Err(ImportError::Version("Trivy's JSON", shown(version), "2")),
        };
    }
    if root.get("runs").is_some() {
        return match root
            .get("version")
            .map(|version| (version.as_str(), version))
        {
            Some((Some("2.1.0"), _)) => sarif::read(root),
            Some((_, version)) => Err(ImportError::Version("SARIF", shown(version), "2.1.0")),
            None => Err(ImportError::Shape(
                "SARIF",
                "it has no `version`".to_owned(),
            )),
        };
    }
    let keys = root.entries().iter().take(4);
    let keys: Vec<String> = keys
        .map(|entry| format!("`{}`", line(&entry.key, MOST_QUOTED)))
        .collect();
    Err(ImportError::Unknown(match keys.is_empty() {
        true => format!("it is {}", root.kind()),
        false => format!("it begins with {}", keys.join(", ")),
    }))
}

fn shown(node: &Node) -> String {
    match &node.value {
        Value::String(text) => line(text, MOST_QUOTED),
        Value::Integer(number) => number.to_string(),
        _ => node.kind().to_string(),
    }
}

/// Why a file is no report that can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It has nothing in it.
    #[error("it is empty: the tool that should have written it may have failed")]
    Empty,
    /// It has more bytes than are read.
    #[error("it is larger than {} MiB: leave out what passed, or report on parts of the tree", MAX_BYTES >> 20)]
    Large,
    /// It is no text.
    #[error("it is no text: {0}; reports are UTF-8, or UTF-16 with a byte order mark")]
    Encoding(#[from] EncodingError),
    /// It is no JSON.
    #[error("it is no JSON: line {0}, column {1}: {2}")]
    Json(u64, u64, String),
    /// One key stands twice, and readers disagree which counts.
    #[error(
        "line {0}, column {1}: the key {2} stands twice in one object, and which of them counts nobody can say"
    )]
    Twice(u64, u64, String),
    /// It is JSON of some other kind.
    #[error(
        "it is neither SARIF 2.1.0, nor what `checkov -o json` or `trivy --format json` prints: {0}; most tools write \
         SARIF when asked to"
    )]
    Unknown(String),
    /// It is of another version of its format.
    #[error("it is {0} of the version {1}, and {2} is what can be read")]
    Version(&'static str, String, &'static str),
    /// It is in the format's own terms no report.
    #[error("it is no {0}: {1}")]
    Shape(&'static str, String),
    /// It tells of more than a report can hold.
    #[error(
        "it has {0} results, and {MAX_RESULTS} are the most: leave out rules, or report on parts of the tree"
    )]
    Many(usize),
}

/// The most bytes of a report.
pub const MAX_BYTES: usize = 256 << 20;
/// The most results of a report that are findings or left open; what passed does not count.
pub(crate) const MAX_RESULTS: usize = 50_000;

/// Of TerraGoat, Checkov 3.3.30 writes 132 values for each result, most of them lines of code: enough for 45,000
/// of those.
const LIMITS: Limits = Limits {
    bytes: MAX_BYTES,
    nodes: 6_000_000,
    depth: 100,
};
const MOST_QUOTED: usize = 40;
