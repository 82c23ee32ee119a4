//! What an examination has seen so far.

use std::collections::BTreeMap;

use casemate_core::{Coverage, Evidence, Region, Rule, Source};

use crate::{
    Examination, Limits, Observation, Verdict,
    coverage::{MORE_FINDINGS, NOT_COVERED},
    witness::{Attendance, Interpreted, Seen},
};

/// The notes. One set of them follows the examination into every member.
pub(crate) struct Notes<'a> {
    pub(crate) limits: &'a Limits,
    /// How many opcodes may still be interpreted.
    pub(crate) opcodes: u64,
    verdict: Verdict,
    coverage: Coverage,
    reason: Option<String>,
    /// Names that only the caller's own rows allow, and why they do.
    allowed: BTreeMap<String, String>,
    members: Vec<String>,
    listed: BTreeMap<Key, Listed>,
    unlisted: u64,
    attendance: Option<Attendance<'a>>,
}

/// Findings that say the same are one finding.
type Key = (Vec<String>, &'static str, String);

struct Listed {
    observation: Observation,
    times: u64,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            opcodes: limits.opcodes,
            verdict: Verdict::Inert,
            coverage: Coverage::Complete,
            reason: None,
            allowed: BTreeMap::new(),
            members: Vec::new(),
            listed: BTreeMap::new(),
            unlisted: 0,
            attendance: None,
        }
    }

    /// Notes that a witness attends.
    pub(crate) fn attended(limits: &'a Limits, attendance: Attendance<'a>) -> Self {
        Self {
            attendance: Some(attendance),
            ..Self::new(limits)
        }
    }

    /// Notes of their own for the pickle that the bytes at `at` are. The witness goes along, until
    /// [`Self::rejoin`].
    pub(crate) fn within(&mut self, at: u64) -> Self {
        let mut attendance = self.attendance.take();
        if let Some(attendance) = &mut attendance {
            attendance.go_inside(at);
        }
        Self {
            opcodes: self.opcodes,
            members: self.members.clone(),
            attendance,
            ..Self::new(self.limits)
        }
    }

    /// Takes back what the notes for a pickle inside were lent.
    pub(crate) fn rejoin(&mut self, inner: &mut Self) {
        self.opcodes = inner.opcodes;
        self.attendance = inner.attendance.take();
        if let Some(attendance) = &mut self.attendance {
            attendance.come_out();
        }
    }

    /// Whether somebody wants to hear of streams.
    pub(crate) fn is_attended(&self) -> bool {
        self.attendance.is_some()
    }

    /// Tells the witness of a stream.
    pub(crate) fn interpreted(&mut self, stream: &Interpreted<'_>) {
        if let Some(attendance) = &mut self.attendance {
            attendance.interpreted(&self.members, stream);
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Raises the verdict without a finding: for [`Verdict::Known`], which needs none.
    pub(crate) fn raise(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.max(verdict);
    }

    /// Notes one thing. `anchor` tells it from other findings of its rule in the same member.
    pub(crate) fn observe(
        &mut self,
        rule: &'static Rule,
        verdict: Verdict,
        region: Option<Region>,
        anchor: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.observe_with(rule, verdict, region, anchor, message, Vec::new());
    }

    pub(crate) fn observe_with(
        &mut self,
        rule: &'static Rule,
        verdict: Verdict,
        region: Option<Region>,
        anchor: impl Into<String>,
        message: impl Into<String>,
        evidence: Vec<Evidence>,
    ) {
        self.raise(verdict);
        let (anchor, message) = (anchor.into(), message.into());
        if let Some(attendance) = &mut self.attendance {
            attendance.observed(
                &self.members,
                Seen {
                    rule,
                    verdict,
                    region,
                    anchor: &anchor,
                    message: &message,
                },
            );
        }
        // The identifier of a rule stands in the code, so the text it borrows lives as long.
        // What a gzip stream holds has no name of its own.
        let named = self.members.iter().filter(|member| !member.is_empty());
        let key = (named.cloned().collect(), rule_id(rule), anchor.clone());
        if let Some(listed) = self.listed.get_mut(&key) {
            listed.times += 1;
            return;
        }
        // What is dangerous has room of its own, so that noise cannot push it off the list.
        let room = match verdict {
            Verdict::Dangerous => self.limits.findings.saturating_mul(2),
            _ => self.limits.findings,
        };
        if self.listed.len() >= room {
            self.unlisted += 1;
            return;
        }
        let observation = Observation {
            rule,
            verdict,
            members: key.0.clone(),
            region,
            anchor,
            message,
            evidence,
        };
        let listed = Listed {
            observation,
            times: 1,
        };
        self.listed.insert(key, listed);
    }

    /// Notes that something was left out, which nobody can then vouch for. `what` recognises it, `reason` says it in a sentence.
    pub(crate) fn leave_out(
        &mut self,
        what: &str,
        region: Option<Region>,
        reason: impl Into<String>,
    ) {
        let reason = reason.into();
        self.coverage = Coverage::Partial;
        self.reason.get_or_insert_with(|| reason.clone());
        self.observe(&NOT_COVERED, Verdict::Unknown, region, what, reason);
    }

    /// Notes that a name is allowed because the caller says so.
    pub(crate) fn allow(&mut self, name: String, reason: &str) {
        if self.allowed.len() < self.limits.findings {
            self.allowed
                .entry(name)
                .or_insert_with(|| reason.to_owned());
        }
    }

    /// Takes over what the notes of something inside say of that.
    pub(crate) fn allow_all(&mut self, inner: &mut Notes<'_>) {
        for (name, reason) in std::mem::take(&mut inner.allowed) {
            self.allow(name, &reason);
        }
    }

    /// Notes that the medium failed, so that nothing more is read where the notes stand.
    pub(crate) fn leave_out_unread(&mut self, error: &std::io::Error) {
        self.leave_out("unreadable", None, format!("cannot be read: {error}"));
    }

    /// Whether nothing was noted yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.verdict == Verdict::Inert
    }

    /// What is noted from here on is in `member`.
    pub(crate) fn enter(&mut self, member: &str, size: Option<u64>) {
        self.members.push(member.to_owned());
        if let Some(attendance) = &mut self.attendance {
            attendance.enter(&self.members, size);
        }
    }

    /// Tells the witness what a file or a member is.
    pub(crate) fn recognised(&mut self, source: &dyn Source, format: &'static str) {
        if let Some(attendance) = &mut self.attendance {
            attendance.recognised(&self.members, source, format);
        }
    }

    /// The end of the member last entered.
    pub(crate) fn leave(&mut self) {
        self.members.pop();
        if let Some(attendance) = &mut self.attendance {
            attendance.leave();
        }
    }

    /// The notes as an examination of a file of `format`.
    pub(crate) fn finish(mut self, format: &'static str) -> Examination {
        self.members.clear();
        if self.opcodes == 0 {
            let reason = format!("the limit of {} opcodes was reached", self.limits.opcodes);
            self.leave_out("opcodes", None, reason);
        }
        if self.unlisted > 0 {
            let message = format!("{} more findings are not listed", self.unlisted);
            let limit = std::mem::take(&mut self.unlisted);
            let evidence = vec![evidence("count", limit.to_string())];
            let observation = Observation {
                rule: &MORE_FINDINGS,
                verdict: Verdict::Inert,
                members: Vec::new(),
                region: None,
                anchor: "findings".into(),
                message,
                evidence,
            };
            let key = (Vec::new(), rule_id(&MORE_FINDINGS), "findings".into());
            let listed = Listed {
                observation,
                times: 1,
            };
            self.listed.insert(key, listed);
        }
        let mut findings: Vec<Observation> = self.listed.into_values().map(Listed::told).collect();
        findings.sort_by(|a, b| {
            (&a.members, start(a), a.rule.id.as_str(), &a.anchor).cmp(&(
                &b.members,
                start(b),
                b.rule.id.as_str(),
                &b.anchor,
            ))
        });
        Examination {
            format,
            verdict: self.verdict,
            coverage: self.coverage,
            reason: self.reason,
            allowed: self.allowed.into_iter().collect(),
            findings,
        }
    }
}

impl Listed {
    fn told(self) -> Observation {
        let mut observation = self.observation;
        if self.times > 1 {
            observation
                .evidence
                .push(evidence("times", self.times.to_string()));
        }
        observation
    }
}

/// A name from a file, in quotes and with everything escaped that could write to a terminal.
pub(crate) fn quoted(name: &str) -> String {
    let cut: String = name.chars().take(LONGEST_NAME).collect();
    let ellipsis = if cut.len() < name.len() { "…" } else { "" };
    format!("{cut:?}{ellipsis}")
}

/// A name from a file without quotes, where it is one; in quotes otherwise.
pub(crate) fn plain(name: &str) -> String {
    let tame = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(tame) {
        return name.to_owned();
    }
    quoted(name)
}

pub(crate) fn bytes(start: u64, length: u64) -> Option<Region> {
    Some(Region::Bytes { start, length })
}

pub(crate) fn evidence(label: &str, value: impl Into<String>) -> Evidence {
    Evidence {
        label: label.to_owned(),
        value: value.into(),
    }
}

fn rule_id(rule: &'static Rule) -> &'static str {
    rule.id.as_str()
}

fn start(observation: &Observation) -> u64 {
    match observation.region {
        Some(Region::Bytes { start, .. }) => start,
        Some(Region::Text { line, .. }) => line,
        None => 0,
    }
}

const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_that_say_the_same_are_counted_and_the_list_is_bounded() {
        let limits = Limits {
            findings: 2,
            ..Limits::default()
        };
        let mut notes = Notes::new(&limits);
        for anchor in ["a", "b", "a", "c", "d"] {
            notes.observe(&NOT_COVERED, Verdict::Unknown, None, anchor, anchor);
        }
        notes.observe(&NOT_COVERED, Verdict::Dangerous, None, "e", "e");
        let examination = notes.finish("pickle");
        let told: Vec<_> = examination
            .findings
            .iter()
            .map(|found| (found.anchor.as_str(), found.evidence.len()))
            .collect();
        assert_eq!(told, [("a", 1), ("b", 0), ("e", 0), ("findings", 1)]);
        assert_eq!(examination.verdict, Verdict::Dangerous);
    }

    #[test]
    fn names_from_a_file_cannot_write_to_a_terminal() {
        assert_eq!(plain("os.system"), "os.system");
        assert_eq!(plain("a\x1b[2J"), r#""a\u{1b}[2J""#);
        assert_eq!(quoted("a\u{202e}b"), r#""a\u{202e}b""#);
    }
}
