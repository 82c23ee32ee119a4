//! Clusters: whatever a server answers, it is read within bounds; each object is told once, under a path of
//! its own, and what did not come is told.

use std::{
    cell::{Cell, RefCell},
    collections::{HashSet, VecDeque},
};

use casemate_cluster::{
    Accept, Answer, Api, Kubeconfig, Limits, RequestError, Scope, Wanted, read,
};
use casemate_core::Coverage;

/// The first byte says what the rest is: a kubeconfig, an answer as it comes over the wire, or answers of
/// an API server between lines of `--`.
pub fn run(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    match choice % 3 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else {
                return;
            };
            if let Ok(config) = Kubeconfig::parse(text) {
                let _ = config.context(None);
                let _ = config.context(Some("a"));
            }
        }
        1 => {
            if let Ok(answer) = Answer::read(&mut &*rest, LIMIT) {
                assert!(answer.body.len() as u64 <= LIMIT);
            }
        }
        _ => cluster(rest),
    }
}

fn cluster(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let answers: VecDeque<Vec<u8>> = text
        .split("\n--\n")
        .map(|it| it.as_bytes().to_vec())
        .collect();
    let server = Server {
        answers: RefCell::new(answers),
        left: Cell::new(MOST),
        refused: Cell::new(false),
    };
    let limits = Limits {
        objects: 100,
        bytes: 256 << 10,
        answer: LIMIT,
    };
    let reading = read(&server, "prod", WANTED, &Scope::default(), &limits, &|_| {});
    let Ok(reading) = reading else {
        return;
    };
    let mut paths = HashSet::new();
    for document in &reading.documents {
        let object: serde_json::Value = serde_json::from_str(&document.text).expect("JSON");
        assert!(object["metadata"]["name"].is_string());
        assert!(object["metadata"]["uid"].is_null() && object["status"].is_null());
        assert!(
            paths.insert(document.subject.asset.id.to_string()),
            "one object twice"
        );
        assert!(
            !climbs(document.subject.path.as_str()),
            "a path that climbs"
        );
    }
    let is_told = reading
        .outcomes
        .iter()
        .any(|it| it.coverage == Coverage::Partial);
    assert!(is_told || !server.refused.get(), "a silence");
}

fn climbs(path: &str) -> bool {
    path.split(['/', '?']).any(|part| part == "..")
}

/// Gives one answer after the other, whatever is asked, and then refuses.
struct Server {
    answers: RefCell<VecDeque<Vec<u8>>>,
    left: Cell<usize>,
    refused: Cell<bool>,
}

impl Api for Server {
    fn get(&self, path: &str, _: Accept, limit: u64) -> Result<Vec<u8>, RequestError> {
        assert!(path.starts_with("/api") && !climbs(path) && path.is_ascii());
        self.left.set(
            self.left
                .get()
                .checked_sub(1)
                .expect("questions have an end"),
        );
        match self.answers.borrow_mut().pop_front() {
            Some(answer) if answer.len() as u64 > limit => Err(RequestError::TooLong(limit)),
            Some(answer) => Ok(answer),
            None => {
                self.refused.set(true);
                Err(RequestError::Truncated)
            }
        }
    }
}

const WANTED: &[Wanted<'_>] = &[
    Wanted {
        group: "",
        kind: "ConfigMap",
    },
    Wanted {
        group: "",
        kind: "Pod",
    },
    Wanted {
        group: "apps",
        kind: "Deployment",
    },
    Wanted {
        group: "apps",
        kind: "ReplicaSet",
    },
];

const LIMIT: u64 = 64 << 10;
/// More questions than that no answers of a fuzzer are worth.
const MOST: usize = 10_000;
