//! Answers questions that are put line by line, so that another engine can be put beside this one:
//! `tests/interop/opa.py` does that.
//!
//! A line is JSON: `{"modules": ["package a ..."], "query": "x := data.a.b", "data": {}, "input": {},
//! "strict": false}`. What comes back is `{"result": [{"x": 1}]}` or `{"error": "..."}`.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::io::{self, BufRead as _};

use casemate_core::{PathText, Timestamp};
use casemate_policy::{Bundle, Errors, Question, query};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    modules: Vec<String>,
    query: String,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    strict: bool,
}

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Asked>(&line?) {
            Ok(asked) => answer(asked).unwrap_or_else(|error| json!({ "error": error })),
            Err(error) => json!({ "error": error.to_string() }),
        };
        println!("{answer}");
    }
    Ok(())
}

fn answer(asked: Asked) -> Result<Value, String> {
    let mut files: Vec<(PathText, Vec<u8>)> = Vec::new();
    for (at, module) in asked.modules.into_iter().enumerate() {
        files.push((format!("{at:02}.rego").as_str().into(), module.into_bytes()));
    }
    if let Some(data) = asked.data {
        files.push(("data/data.json".into(), data.to_string().into_bytes()));
    }
    let bundle = Bundle::alone(files).map_err(|error| error.to_string())?;
    let question = Question {
        input: &asked.input,
        now: "2026-09-01T12:00:00Z"
            .parse::<Timestamp>()
            .map_err(|error| error.to_string())?,
    };
    let errors = if asked.strict {
        Errors::Strict
    } else {
        Errors::Lenient
    };
    let rows =
        query(&bundle, &asked.query, &question, errors).map_err(|error| error.to_string())?;
    Ok(json!({ "result": rows }))
}
