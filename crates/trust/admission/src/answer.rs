//! What an API server is answered.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::patch;

/// The answer to a request. As JSON it is a whole `AdmissionReview`.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The request's.
    pub uid: String,
    /// Whether it may be.
    pub allowed: bool,
    /// Why not.
    pub status: Option<Status>,
    /// What the client is told, whatever the answer.
    pub warnings: Vec<String>,
    /// What the API server's audit log is told.
    pub annotations: BTreeMap<&'static str, String>,
    /// What is changed of the object.
    pub patch: Vec<patch::Operation>,
}

/// Why something may not be, as `metav1.Status` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The status of HTTP that the client gets.
    pub code: u16,
    /// The same in one word.
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

impl Response {
    /// Nothing stands against it.
    pub fn allow(uid: &str) -> Self {
        Self {
            uid: uid.to_owned(),
            allowed: true,
            status: None,
            warnings: Vec::new(),
            annotations: BTreeMap::new(),
            patch: Vec::new(),
        }
    }

    /// The same with what the client should know.
    pub fn warn(&mut self, text: &str) {
        match self.warnings.len() {
            len if len < MAX_WARNINGS => self.warnings.push(cut(text, MAX_WARNING)),
            MAX_WARNINGS => self.warnings.push("there are more warnings".to_owned()),
            _ => {}
        }
    }

    /// The `AdmissionReview`.
    pub fn to_json(&self) -> Value {
        let mut response = Map::new();
        response.insert("uid".to_owned(), self.uid.clone().into());
        response.insert("allowed".to_owned(), self.allowed.into());
        if let Some(Status {
            code,
            reason,
            message,
        }) = &self.status
        {
            let status = json!({
                "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message,
            });
            response.insert("status".to_owned(), status);
        }
        if !self.warnings.is_empty() {
            response.insert("warnings".to_owned(), self.warnings.clone().into());
        }
        if !self.annotations.is_empty() {
            response.insert("auditAnnotations".to_owned(), json!(self.annotations));
        }
        if !self.patch.is_empty() {
            let patch = json!(self.patch).to_string();
            response.insert("patch".to_owned(), STANDARD.encode(patch).into());
            response.insert("patchType".to_owned(), "JSONPatch".into());
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }
}

impl Status {
    /// What policy does not let through.
    pub fn forbidden(message: &str) -> Self {
        Self {
            code: 403,
            reason: "Forbidden",
            message: cut(message, MAX_MESSAGE),
        }
    }

    /// What could not be decided.
    pub fn undecided(message: &str) -> Self {
        Self {
            code: 500,
            reason: "InternalError",
            message: cut(message, MAX_MESSAGE),
        }
    }
}

/// The first characters of a text, in one line.
fn cut(text: &str, most: usize) -> String {
    let line = |c: char| if c.is_control() { ' ' } else { c };
    match text.chars().nth(most) {
        None => text.chars().map(line).collect(),
        Some(_) => {
            let head = text.chars().take(most.saturating_sub(4)).map(line);
            head.chain(" ...".chars()).collect()
        }
    }
}

/// In characters. Longer warnings may be cut off by the API server, and 4,096 of all are kept.
const MAX_WARNING: usize = 256;
const MAX_WARNINGS: usize = 12;
/// A client prints it on a terminal.
const MAX_MESSAGE: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_as_the_api_has_it() {
        let mut response = Response::allow("1");
        assert_eq!(
            response.to_json()["response"],
            json!({"uid": "1", "allowed": true})
        );
        response.allowed = false;
        response.status = Some(Status::forbidden("no\nway"));
        response.patch = vec![patch::Operation::add("/a", json!(1))];
        let json = response.to_json();
        assert_eq!(json["response"]["status"]["message"], "no way");
        assert_eq!(json["response"]["patchType"], "JSONPatch");
        let patch = json["response"]["patch"].as_str().expect("a text");
        let patch = STANDARD.decode(patch).expect("base64");
        assert_eq!(patch, br#"[{"op":"add","path":"/a","value":1}]"#);
    }

    #[test]
    fn warnings_are_short_and_few() {
        let mut response = Response::allow("1");
        for _ in 0..40 {
            response.warn(&"x".repeat(1_000));
        }
        assert_eq!(response.warnings.len(), MAX_WARNINGS + 1);
        assert!(
            response
                .warnings
                .iter()
                .all(|it| it.chars().count() <= MAX_WARNING)
        );
    }
}
