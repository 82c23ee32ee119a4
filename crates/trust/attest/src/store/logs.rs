//! Which logs must have a signature, and whose time counts for having seen it there.

use casemate_core::Timestamp;

use super::Terms;

/// The transparency logs that a verifier trusts, and the witnesses of their heads. The keys are verifier
/// keys, `name+id+base64`, and read by whoever reads logs.
#[derive(Clone, Debug, Default)]
pub struct LogTrust {
    /// Whether a signature counts only if one of the logs has it.
    pub required: bool,
    /// The keys of logs, each under the log's origin.
    pub logs: Vec<String>,
    /// The witnesses.
    pub witnesses: Vec<TrustedWitness>,
    /// How many of them must have cosigned; all, unless it is told.
    pub quorum: Option<usize>,
}

/// A witness that is trusted, within its terms.
#[derive(Clone, Debug)]
pub struct TrustedWitness {
    /// Its verifier key.
    pub vkey: String,
    pub(super) terms: Terms,
}

impl LogTrust {
    /// Trusts a witness without terms.
    pub fn add_witness(&mut self, vkey: String) {
        let terms = Terms::default();
        self.witnesses.push(TrustedWitness { vkey, terms });
    }
}

impl TrustedWitness {
    /// Whether a cosignature that says `time` counts `now`. Whoever has its key may tell any time, so that
    /// a revocation is for all of its cosignatures.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn counts(&self, time: Timestamp, now: Timestamp) -> Result<(), String> {
        let name = self.vkey.split('+').next().unwrap_or_default();
        if time > now {
            return Err(format!("`{name}` says {time}, which has not come"));
        }
        let terms = &self.terms;
        terms
            .is_revoked(name, now)
            .and_then(|()| terms.is_within(name, time))
            .map_err(|distrust| distrust.to_string())
    }
}
