//! How the gates of this program keep what a policy obliges them to.

use std::path::{Path, PathBuf};

use anyhow::Result;
use casemate_attest::TrustStore;
use casemate_core::{Approval, Decision, Digest, Kept, Timestamp};
use casemate_policy::{Approved, Asked, Duty, Keeper, Masked, approve, expire};
use casemate_provenance::{Predicate, predicate::approval, read_attestation};
use casemate_report::Logged;

use super::signing::read_bundle;

/// A gate, with what it keeps obligations by.
#[derive(Default)]
pub(crate) struct Gate<'a> {
    /// What was approved.
    pub(crate) approvals: Approvals,
    /// What is let through; none, where the gate lets nothing through that could be masked.
    pub(crate) passes: Option<Masked>,
    /// Appends a decision to a log, under a new checkpoint, and gives the leaf of its entry.
    pub(crate) log: Option<Append<'a>>,
    /// Whether the decision was handed to the log, and what came of it.
    pub(crate) logged: Option<Result<(Logged, Digest), String>>,
}

/// Appends a decision to a log.
pub(crate) type Append<'a> = Box<dyn FnMut(&Decision) -> Result<(Logged, Digest)> + 'a>;

impl Keeper for Gate<'_> {
    fn keep(&mut self, duty: &Duty, asked: &Asked<'_>) -> Result<Kept, String> {
        match duty {
            Duty::Mask { fields } => match &mut self.passes {
                Some(passes) => passes.mask(fields),
                None => Err("it lets nothing through that it could mask".to_owned()),
            },
            Duty::Approve { by, threshold } => {
                self.approvals.keep((by, *threshold), asked.draft.input)
            }
            Duty::Expire(term) => expire(term, asked.input),
            Duty::Log => self.append(asked.draft),
        }
    }
}

impl Gate<'_> {
    /// Logs a decision once, however often it is obliged to: a second entry would say nothing new.
    fn append(&mut self, decision: &Decision) -> Result<Kept, String> {
        let Some(log) = &mut self.log else {
            return Err("it has no log (--log)".to_owned());
        };
        let logged = (self.logged)
            .get_or_insert_with(|| log(decision).map_err(|error| format!("{error:#}")));
        match logged {
            Ok((logged, _)) if logged.pending => {
                Err("its log has the decision pending, which proves nothing (--log-key)".to_owned())
            }
            Ok((logged, leaf)) => Ok(Kept::Log {
                origin: logged.origin.clone(),
                index: logged.last,
                leaf: *leaf,
            }),
            Err(error) => Err(error.clone()),
        }
    }

    /// What came of logging `decision`, which is logged now if nothing obliged to it before.
    pub(crate) fn logged(mut self, decision: &Decision) -> Result<Option<Logged>> {
        match (self.logged.take(), &mut self.log) {
            (Some(Ok((logged, _))), _) => Ok(Some(logged)),
            // The decision says so already.
            (Some(Err(_)), _) | (None, None) => Ok(None),
            (None, Some(log)) => Ok(Some(log(decision)?.0)),
        }
    }
}

/// Approvals that the caller brings along, verified.
#[derive(Default)]
pub(crate) struct Approvals {
    approved: Vec<Approved>,
    /// Why others do not count.
    refused: Vec<String>,
}

impl Approvals {
    /// Verifies each of them. One that does not count is told of where one is missing.
    pub(crate) fn read(files: &[PathBuf], trust: &TrustStore, now: Timestamp) -> Result<Self> {
        let mut approvals = Self::default();
        for path in files {
            let bytes = read_bundle(path, "approval")?;
            match approved(&bytes, trust, now) {
                Ok(approved) => approvals.approved.push(approved),
                Err(why) => {
                    let why = format!("{} does not count: {why}", shown(path));
                    approvals.refused.push(why);
                }
            }
        }
        Ok(approvals)
    }

    fn keep(&self, wanted: (&[String], usize), input: Digest) -> Result<Kept, String> {
        approve(wanted, &self.approved, input).map_err(|why| {
            let all = [why].into_iter().chain(self.refused.iter().cloned());
            all.collect::<Vec<_>>().join("; ")
        })
    }
}

fn approved(bytes: &[u8], trust: &TrustStore, now: Timestamp) -> Result<Approved, String> {
    let attested = read_attestation(bytes, trust, None, now, &mut Vec::new());
    let evidence = attested.map_err(|problem| problem.message)?.evidence;
    if evidence.predicate_type != approval::Approval::TYPE {
        return Err("it is no approval".to_owned());
    }
    let [subject] = &evidence.subject[..] else {
        return Err("it is about more than one input".to_owned());
    };
    let input = subject.sha256().map(|hex| format!("sha256:{hex}").parse());
    let (Some(Ok(input)), Some(signer)) = (input, evidence.signers.first()) else {
        return Err("it does not say of what it is".to_owned());
    };
    Ok(Approved {
        approval: Approval {
            signer: signer.name.clone(),
            bundle: evidence.bundle,
        },
        key: signer.key,
        input,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
