//! The index of a checkpoint in several files: JSON with a `weight_map` from each tensor to the file
//! it is in, and a `total_size`. `transformers` and `accelerate` write it beside safetensors and
//! pickles alike, and open whatever file it names.

use std::collections::HashSet;

use casemate_core::{Reference, Rule, Severity};

use crate::{
    Verdict,
    formats::safetensors::hashed,
    json::Token,
    notes::{Notes, bytes, plain},
    rules::{example, rule},
};

/// What of an index has been read.
#[derive(Default)]
pub(super) struct Index {
    place: Place,
    tensors: HashSet<[u8; 16]>,
    /// Whether there were more of them than are told apart.
    is_full: bool,
    /// Whether there is one at all.
    pub(super) is_there: bool,
    /// Where a size stands that is none, until it is told.
    odd_size: Option<u64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Elsewhere,
    Map,
    Metadata,
}

impl Index {
    /// Takes a token that stands `depth` deep, with the key before it or itself, and its text.
    pub(super) fn take(
        &mut self,
        token: Token,
        depth: usize,
        key: &str,
        text: &[u8],
        at: u64,
        notes: &mut Notes<'_>,
    ) {
        match (token, depth, self.place) {
            (Token::ObjectBegins, 2, _) => {
                self.place = match key {
                    "weight_map" => Place::Map,
                    "metadata" => Place::Metadata,
                    _ => Place::Elsewhere,
                };
                self.is_there |= self.place == Place::Map;
            }
            (Token::ObjectEnds, 1, _) => self.place = Place::Elsewhere,
            (Token::Key, 2, Place::Map) if self.is_twice(key, notes) => {
                let name = plain(key);
                let message = format!("the index has the tensor {name} twice");
                notes.observe(&ELSEWHERE, Verdict::Unknown, bytes(at, 0), name, message);
            }
            (Token::String, 2, Place::Map) => {
                let file = String::from_utf8_lossy(text);
                if !is_beside(&file) {
                    let verdict = match leads_out(&file) {
                        true => Verdict::Dangerous,
                        false => Verdict::Unknown,
                    };
                    let file = plain(&file);
                    let message =
                        format!("the index names the file {file}, which is not beside it");
                    notes.observe(&ELSEWHERE, verdict, bytes(at, 0), file, message);
                }
            }
            (Token::Key | Token::ObjectEnds | Token::ArrayEnds, ..) => {}
            (_, _, Place::Map) => {
                let message = "the index does not name a file for each tensor";
                notes.observe(&ELSEWHERE, Verdict::Unknown, bytes(at, 0), "map", message);
            }
            (_, 2, Place::Metadata) if key == "total_size" => {
                let number = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| text.parse::<f64>().ok());
                let is_size = number.is_some_and(|size| (0.0..=LARGEST).contains(&size));
                if token != Token::Number || !is_size {
                    self.odd_size = Some(at);
                }
            }
            _ => {}
        }
        if self.is_there
            && let Some(at) = self.odd_size.take()
        {
            let message = "the index gives a size that no checkpoint has";
            notes.observe(&ELSEWHERE, Verdict::Unknown, bytes(at, 0), "size", message);
        }
    }

    /// Whether the map had the tensor before.
    fn is_twice(&mut self, tensor: &str, notes: &mut Notes<'_>) -> bool {
        let tensor = hashed(tensor);
        if self.tensors.len() < MOST_TENSORS {
            return !self.tensors.insert(tensor);
        }
        if !self.is_full {
            self.is_full = true;
            let reason = "the index has more tensors than are told apart";
            notes.leave_out("index", None, reason);
        }
        self.tensors.contains(&tensor)
    }
}

/// Whether a name leads to a file in the index's own folder or below.
fn is_beside(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "._- +=@()[],".contains(c);
    let mut parts = name.split('/');
    parts.all(|part| {
        !part.is_empty() && part.trim_matches('.') == part && part.chars().all(is_plain)
    })
}

/// Whether a name leads out of the index's own folder, on some system: by its parents, from the root
/// or a home, to a drive or to an address.
fn leads_out(name: &str) -> bool {
    let mut parts = name.split(['/', '\\']);
    let mut depth = 0_u64;
    let climbs = parts.any(|part| {
        let below = match part {
            ".." => depth.checked_sub(1),
            "" | "." => Some(depth),
            _ => depth.checked_add(1),
        };
        depth = below.unwrap_or_default();
        below.is_none()
    });
    let mut letters = name.chars();
    let drive =
        letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':');
    climbs || drive || name.starts_with(['/', '\\', '~']) || name.contains("://")
}

static ELSEWHERE: Rule = rule(
    "CM-STN-005",
    "The index of a checkpoint leads elsewhere",
    Severity::Medium,
    "The index of a checkpoint in several files names something that is not a file beside it: a path \
     that leaves the folder, an absolute one, an address; or it says something twice or of no \
     possible size. Loaders open the file that it names.",
    "Take the checkpoint from its origin again, or correct the names in the index.",
    const {
        &[
            Reference::new("CWE-22"),
            Reference::new("CWE-73"),
            Reference::new("AML.T0076"),
            Reference::new("LLM03:2025"),
        ]
    },
    example(
        "model.safetensors.index.json",
        b"{\"weight_map\": {\"w\": \"../../other/model.bin\"}}",
    ),
    example(
        "model.safetensors.index.json",
        b"{\"metadata\": {\"total_size\": 4}, \"weight_map\": {\"w\": \"model-00001-of-00001.safetensors\"}}",
    ),
);

pub(crate) static RULES: &[&Rule] = &[&ELSEWHERE];

/// The largest real checkpoints have some hundred thousand.
const MOST_TENSORS: usize = 1 << 20;
/// An exbibyte.
const LARGEST: f64 = 1_152_921_504_606_846_976.0;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;
    use crate::{Allowlist, Limits, examine};

    fn judge(text: &str) -> (&'static str, Verdict) {
        let source = MemorySource(text.as_bytes());
        let judged = examine(&source, Allowlist::builtin(), &Limits::default());
        (judged.format, judged.verdict)
    }

    #[test]
    fn shards_are_beside_their_index() {
        let map = |file: &str| format!("{{\"weight_map\": {{\"w\": {file}}}}}");
        for file in [
            "\"model-00001-of-00002.safetensors\"",
            "\"shards/a b.bin\"",
            "\"mod\\u00e8le.bin\"",
        ] {
            assert_eq!(judge(&map(file)), ("shard-index", Verdict::Inert), "{file}");
        }
        for (file, verdict) in [
            ("\"../a\"", Verdict::Dangerous),
            ("\"/etc/passwd\"", Verdict::Dangerous),
            ("\"a/../../b\"", Verdict::Dangerous),
            ("\"C:\\\\a\"", Verdict::Dangerous),
            ("\"https://a/b\"", Verdict::Dangerous),
            ("\"~/a\"", Verdict::Dangerous),
            ("\"..\\\\b\"", Verdict::Dangerous),
            ("\"\\u002e\\u002e/a\"", Verdict::Dangerous),
            ("\"a/../b\"", Verdict::Unknown),
            ("\"a\\\\..\\\\b\"", Verdict::Unknown),
            ("\"\"", Verdict::Unknown),
            ("3", Verdict::Unknown),
            ("\"a\\u0000\"", Verdict::Unknown),
            ("[\"a\"]", Verdict::Unknown),
            ("{\"a\": \"b\"}", Verdict::Unknown),
            ("null", Verdict::Unknown),
            ("\".\"", Verdict::Unknown),
        ] {
            assert_eq!(judge(&map(file)), ("shard-index", verdict), "{file}");
        }
    }

    #[test]
    fn an_index_says_each_tensor_once_and_a_size_that_can_be() {
        let twice = "{\"weight_map\": {\"w\": \"a\", \"w\": \"b\"}}";
        assert_eq!(judge(twice).1, Verdict::Unknown);
        for (size, verdict) in [
            ("4", Verdict::Inert),
            ("1.5e10", Verdict::Inert),
            ("-1", Verdict::Unknown),
            ("1e300", Verdict::Unknown),
            ("\"4\"", Verdict::Unknown),
            ("null", Verdict::Unknown),
        ] {
            let text = format!(
                "{{\"metadata\": {{\"total_size\": {size}}}, \"weight_map\": {{\"w\": \"a\"}}}}"
            );
            assert_eq!(judge(&text).1, verdict, "{size}");
        }
        let other = "{\"metadata\": {\"total_size\": \"large\"}}";
        assert_eq!(judge(other).1, Verdict::Inert);
    }

    #[test]
    fn an_index_of_too_many_tensors_is_covered_in_part() {
        let limits = Limits::default();
        let mut notes = Notes::new(&limits);
        let mut index = Index::default();
        index.take(Token::ObjectBegins, 2, "weight_map", b"", 0, &mut notes);
        for number in 0..MOST_TENSORS {
            let key = number.to_string();
            index.take(Token::Key, 2, &key, key.as_bytes(), 0, &mut notes);
        }
        assert!(notes.is_empty());
        for key in ["v", "w"] {
            index.take(Token::Key, 2, key, key.as_bytes(), 0, &mut notes);
        }
        assert_eq!(index.tensors.len(), MOST_TENSORS);
        let judged = notes.finish("shard-index");
        assert_eq!(judged.verdict, Verdict::Unknown);
        assert_eq!(judged.coverage, casemate_core::Coverage::Partial);
        assert_eq!(judged.findings.len(), 1);
    }

    #[test]
    fn a_long_index_is_read_to_its_end() {
        let mut text = String::from("{\"weight_map\": {");
        for number in 0..200_000 {
            text += &format!("\"layer.{number}\": \"a.safetensors\",");
        }
        text += "\"w\": \"../a\"}}";
        assert_eq!(judge(&text).1, Verdict::Dangerous);
    }
}
