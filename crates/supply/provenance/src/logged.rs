//! What transparency logs say of a bundle, and whether it counts without.

use casemate_attest::TrustStore;
use casemate_core::{AssetId, Digest, LogProof, Logged, Seen};

use crate::{Class, Problem};

/// What the proofs at hand say of one bundle.
pub(crate) struct InLogs {
    records: Vec<Logged>,
    /// Why there is no record that counts; nothing where nobody was asked.
    why_not: Option<String>,
}

impl InLogs {
    /// Looks a bundle up by its digest.
    pub(crate) fn of(bundle: &Digest, logs: Option<&dyn LogProof>) -> Self {
        match logs.map(|logs| logs.find(bundle)) {
            None => Self {
                records: Vec::new(),
                why_not: None,
            },
            Some(Ok(records)) => Self {
                records,
                why_not: None,
            },
            Some(Err(told)) => Self {
                records: Vec::new(),
                why_not: Some(told),
            },
        }
    }

    /// The earliest moment by which enough witnesses had seen it. That the bundle with this digest existed
    /// by then is true whatever else its record says.
    pub(crate) fn seen(&self) -> Option<&Seen> {
        let seen = self.records.iter().filter_map(|it| it.seen.as_ref());
        seen.min_by_key(|it| it.time)
    }

    /// The records that say what the statement in the bundle says: that it is about these artifacts, and of
    /// this type. Whoever watches the log for a model finds it by what it is about, and a record under another name
    /// hides it. Those that do not are told in a note.
    ///
    /// # Errors
    ///
    /// When there is none and `trust` asks for one.
    pub(crate) fn about(
        self,
        artifacts: &[Digest],
        predicate_type: &str,
        trust: &TrustStore,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Logged>, Problem> {
        let is_about = |it: &AssetId| match it {
            AssetId::Artifact { digest } => artifacts.contains(digest),
            _ => false,
        };
        let is_it = |it: &Logged| it.predicate_type == predicate_type && is_about(&it.subject);
        let (records, others): (Vec<Logged>, Vec<Logged>) =
            self.records.into_iter().partition(is_it);
        let misnamed = others.first().map(|other| {
            format!(
                "the log has it as {} about {}, which it is not",
                other.predicate_type, other.subject
            )
        });
        let why_not = self.why_not.or(misnamed);
        if !records.is_empty() {
            return Ok(records);
        }
        if trust.logs.required {
            let why = why_not.unwrap_or_else(|| "no proof was given".into());
            return Err(Problem::new(
                Class::NotLogged,
                format!("it is in no log: {why}"),
            ));
        }
        notes.extend(why_not.map(|why| format!("no log is known to have the signature: {why}")));
        Ok(records)
    }
}
