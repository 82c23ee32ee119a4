//! Why a file is not to be trusted, beyond what its entries are refused for.

use casemate_core::{Coverage, Region};

use super::open::Opened;
use crate::{Examination, Observation, Verdict};

/// Why a file as a whole is not to be trusted, beyond what its entries are refused for. An index
/// has no entries.
pub(super) fn suspicious(examination: &Examination, opened: Option<&Opened<'_>>) -> Option<String> {
    if examination.verdict == Verdict::Dangerous {
        return Some("the file is dangerous".to_owned());
    }
    if examination.coverage == Coverage::Partial {
        let reason = examination.reason.as_deref().unwrap_or_default();
        return Some(format!("the file could not be judged whole: {reason}"));
    }
    let explains = |found: &Observation| opened.is_some_and(|opened| is_of_an_entry(found, opened));
    let mut unknown = (examination.findings.iter()).filter(|f| f.verdict == Verdict::Unknown);
    let strange = unknown.find(|found| !explains(found))?;
    let (rule, message) = (&strange.rule.id, &strange.message);
    Some(match rule.as_str() {
        rule if OF_ENTRIES.contains(&rule) => {
            format!("it does something that no entry needs: {rule}: {message}")
        }
        _ => format!("{rule}: {message}"),
    })
}

/// Whether a finding is about what a refused entry is made of, so that leaving out the entry is
/// enough.
fn is_of_an_entry(found: &Observation, opened: &Opened<'_>) -> bool {
    if found.rule.id.as_str() == "CM-PTH-001" {
        return true;
    }
    let here = match &opened.described_in {
        Some(member) => found.members == [member.as_str()],
        None => found.members.is_empty(),
    };
    let explained = start(found).is_some_and(|at| opened.explained.contains(&at));
    here && explained && OF_ENTRIES.contains(&found.rule.id.as_str())
}

/// Where in its file or member a finding begins.
pub(super) fn start(found: &Observation) -> Option<u64> {
    match found.region {
        Some(Region::Bytes { start, .. }) => Some(start),
        _ => None,
    }
}

/// Rules about what a pickle makes objects of.
const OF_ENTRIES: [&str; 5] = [
    "CM-PKL-002",
    "CM-PKL-006",
    "CM-PKL-008",
    "CM-PKL-009",
    "CM-PKL-013",
];
