//! Exceptions, applied to what the checks found.

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Coverage, Digest, Finding, Location, Outcome, PathText, Rule, Status, Suppression,
    Timestamp,
};

use crate::{Exception, Scope, engine::Message, rules};

/// Where exceptions come from, and what they are applied to.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The present.
    pub now: Timestamp,
    /// What is assessed, as the user gave it: paths of exceptions begin there.
    pub root: &'a PathText,
    /// The file that holds the exceptions, as an asset.
    pub asset: &'a AssetId,
    /// The same file, as the user gave it.
    pub file: &'a PathText,
}

/// Marks every finding that an exception covers as accepted, and says what came of the exceptions:
/// an outcome of the check `exceptions`, with a finding for each exception that is over, covers
/// nothing, or would have hidden a dangerous file. Where several cover a finding, the first counts.
pub fn apply(exceptions: &[Exception], outcomes: &mut [Outcome], setting: &Setting<'_>) -> Outcome {
    let mut uses: Vec<Use<'_>> = exceptions.iter().map(Use::new).collect();
    for outcome in outcomes {
        let digest = digest_of(outcome);
        let is_dangerous = outcome
            .facts
            .get("verdict")
            .is_some_and(|v| v == "dangerous");
        for finding in &mut outcome.findings {
            for used in &mut uses {
                let exception = used.exception;
                let expired = exception.expires.end() <= setting.now;
                if expired || !exception.covers(finding, &outcome.subject, digest, setting.root) {
                    continue;
                }
                if is_dangerous && !exception.scope.names(digest) {
                    used.refused
                        .get_or_insert_with(|| finding.location.file.clone());
                    continue;
                }
                used.covered = true;
                finding
                    .suppression
                    .get_or_insert_with(|| exception.suppression());
            }
        }
    }
    let findings: Vec<Finding> = uses
        .iter()
        .filter_map(|used| used.finding(setting))
        .collect();
    Outcome {
        check: "exceptions".to_owned(),
        version: "1".to_owned(),
        subject: setting.asset.clone(),
        name: setting.file.as_str().to_owned(),
        input: None,
        result: match (exceptions, &*findings) {
            ([], _) => Status::NotApplicable,
            (_, []) => Status::Pass,
            _ => Status::Fail,
        },
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings,
    }
}

impl Exception {
    fn covers(
        &self,
        finding: &Finding,
        subject: &AssetId,
        digest: Option<Digest>,
        root: &PathText,
    ) -> bool {
        self.rule.matches(&finding.rule)
            && match &self.scope {
                Scope::Path(pattern) => pattern.matches(below(root, &finding.location.file)),
                Scope::Asset(asset) => {
                    *asset == finding.asset || asset == subject || self.scope.names(digest)
                }
                Scope::Digest(_) => self.scope.names(digest),
            }
    }

    /// What a finding that it covers is marked with.
    pub fn suppression(&self) -> Suppression {
        Suppression {
            reason: Message::new(&self.reason).to_string(),
            owner: Message::new(&self.owner).to_string(),
            expires: Some(self.expires.end()),
        }
    }
}

/// What one exception did.
struct Use<'a> {
    exception: &'a Exception,
    covered: bool,
    /// The first dangerous file that it would have hidden.
    refused: Option<PathText>,
}

impl<'a> Use<'a> {
    fn new(exception: &'a Exception) -> Self {
        Self {
            exception,
            covered: false,
            refused: None,
        }
    }

    fn finding(&self, setting: &Setting<'_>) -> Option<Finding> {
        let Exception {
            rule,
            scope,
            owner,
            expires,
            ..
        } = self.exception;
        let owner = Message::new(owner);
        if expires.end() <= setting.now {
            let message =
                format!("the exception of {owner} for {rule} in {scope} expired on {expires}");
            return Some(self.report(setting, &rules::EXPIRED, message));
        }
        if let Some(file) = &self.refused {
            let message = format!(
                "the exception of {owner} for {rule} in {scope} does not cover {}, which is dangerous",
                Message::new(file.as_str())
            );
            return Some(self.report(setting, &rules::REFUSED, message));
        }
        let message = format!("the exception of {owner} for {rule} in {scope} covers nothing");
        (!self.covered).then(|| self.report(setting, &rules::UNUSED, message))
    }

    fn report(&self, setting: &Setting<'_>, rule: &Rule, message: String) -> Finding {
        let location = Location {
            file: setting.file.clone(),
            members: Vec::new(),
            region: None,
        };
        let anchor = format!("{} {}", self.exception.rule, self.exception.scope);
        Finding::new(
            rule,
            setting.asset,
            setting.file,
            location,
            &anchor,
            message,
        )
    }
}

/// The digest of the bytes that the outcome is about.
fn digest_of(outcome: &Outcome) -> Option<Digest> {
    match &outcome.subject {
        AssetId::Artifact { digest } => Some(*digest),
        _ => outcome.input,
    }
}

/// The path of `file` from `root`, both as the user gave them. A file that was named itself has its
/// own name.
fn below<'a>(root: &PathText, file: &'a PathText) -> &'a str {
    let plain = |text: &'a str| text.strip_prefix("./").unwrap_or(text);
    let (root, file_text) = (root.as_str().trim_end_matches('/'), file.as_str());
    if root == file_text {
        return file.file_name();
    }
    match file_text.strip_prefix(root) {
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => plain(file_text),
    }
}

#[cfg(test)]
mod tests {
    use casemate_core::Severity;
    use serde::Deserialize;

    use super::*;
    use crate::testkit::{asset, failure, now, verdict};

    #[derive(Deserialize)]
    struct File {
        exception: Vec<Exception>,
    }

    fn parse(text: &str) -> Vec<Exception> {
        toml::from_str::<File>(text)
            .unwrap_or_else(|error| panic!("{error}"))
            .exception
    }

    fn exception(rule: &str, scope: &str) -> Exception {
        Exception {
            rule: rule.parse().expect("a rule"),
            scope: scope.parse().expect("a scope"),
            reason: "known".into(),
            owner: "team".into(),
            expires: "2027-01-31".parse().expect("a date"),
        }
    }

    /// What applying `exceptions` makes of the two outcomes that the examples of the rules are about.
    fn applied(exceptions: &[Exception]) -> (Vec<Outcome>, Outcome) {
        let mut outcomes = vec![
            failure("./repo/a.env", Severity::High),
            verdict("./repo/a.pkl", "pickle", "dangerous"),
        ];
        outcomes[1].input = Some(Digest::of(b"a.pkl"));
        let setting = Setting {
            now: now(),
            root: &"./repo".into(),
            asset: &asset("casemate.toml"),
            file: &"casemate.toml".into(),
        };
        let outcome = apply(exceptions, &mut outcomes, &setting);
        (outcomes, outcome)
    }

    fn is_suppressed(outcome: &Outcome) -> bool {
        outcome
            .findings
            .iter()
            .all(|finding| finding.suppression.is_some())
    }

    #[test]
    fn each_rule_reports_its_bad_example_and_passes_its_good_one() {
        for rule in rules::RULES {
            let reported = |example: &Option<casemate_core::Example>| {
                let example = example.as_ref().expect("an example");
                let text = std::str::from_utf8(&example.content).expect("text");
                let (_, outcome) = applied(&parse(text));
                outcome
                    .findings
                    .iter()
                    .any(|finding| finding.rule == rule.id)
            };
            assert!(reported(&rule.bad), "{}", rule.id);
            assert!(!reported(&rule.good), "{}", rule.id);
        }
    }

    #[test]
    fn scopes_are_paths_assets_and_digests() {
        let urn = asset("./repo/a.env").to_string();
        let digest = Digest::of(b"./repo/a.env").to_string();
        for (scope, covers) in [
            ("a.env", true),
            ("**/*.env", true),
            ("repo/a.env", false),
            (&*urn, true),
            ("urn:casemate:file:local:b.env", false),
            (&*digest, true),
            (&Digest::of(b"other").to_string(), false),
        ] {
            let (outcomes, _) = applied(&[exception("CM-TST-*", scope)]);
            assert_eq!(is_suppressed(&outcomes[0]), covers, "{scope}");
            assert!(!is_suppressed(&outcomes[1]), "{scope}");
        }
    }

    #[test]
    fn only_its_digest_accepts_a_dangerous_file() {
        let digest = Digest::of(b"a.pkl");
        let artifact = AssetId::Artifact { digest }.to_string();
        for (scope, covers) in [
            ("a.pkl", false),
            ("**", false),
            (&*asset("./repo/a.pkl").to_string(), false),
            (&*digest.to_string(), true),
            (&*artifact, true),
        ] {
            let (outcomes, outcome) = applied(&[exception("CM-PKL-001", scope)]);
            assert_eq!(is_suppressed(&outcomes[1]), covers, "{scope}");
            let refused = outcome.findings.iter().any(|f| f.rule == rules::REFUSED.id);
            assert_eq!(refused, !covers && !scope.contains("sha256"), "{scope}");
        }
    }

    #[test]
    fn an_exception_ends_with_its_day_or_at_its_moment() {
        for (expires, holds) in [
            ("2026-08-31", false),
            ("2026-09-01", true),
            ("2026-09-01T12:00:00Z", false),
            ("2026-09-01T14:00:01+02:00", true),
        ] {
            let mut exception = exception("CM-TST-001", "a.env");
            exception.expires = expires.parse().expect(expires);
            let (outcomes, outcome) = applied(&[exception]);
            assert_eq!(is_suppressed(&outcomes[0]), holds, "{expires}");
            let expired = outcome.findings.iter().any(|f| f.rule == rules::EXPIRED.id);
            assert_eq!(expired, !holds, "{expires}");
        }
    }

    #[test]
    fn the_outcome_says_what_came_of_the_exceptions() {
        let (_, none) = applied(&[]);
        assert_eq!(none.result, Status::NotApplicable);
        let (_, used) = applied(&[exception("CM-TST-001", "a.env")]);
        assert_eq!(used.result, Status::Pass);
        let text = std::str::from_utf8(&rules::REFUSED.bad.expect("an example").content)
            .expect("text")
            .to_owned();
        let (_, refused) = applied(&parse(&text));
        insta::assert_json_snapshot!(refused);
    }

    #[test]
    fn the_first_exception_that_covers_a_finding_answers_for_it() {
        let mut second = exception("CM-TST-*", "**");
        second.owner = "another".into();
        let (outcomes, outcome) = applied(&[exception("CM-TST-001", "a.env"), second]);
        let suppression = outcomes[0].findings[0]
            .suppression
            .as_ref()
            .expect("accepted");
        assert_eq!(suppression.owner, "team");
        assert!(outcome.findings.iter().all(|f| f.rule != rules::UNUSED.id));
    }

    #[test]
    fn paths_begin_at_what_is_assessed() {
        for (root, file, expected) in [
            (".", "./a/b", "a/b"),
            (".", "a/b", "a/b"),
            ("repo/", "repo/a", "a"),
            ("/srv/repo", "/srv/repo/a/b", "a/b"),
            ("repo", "repository/a", "repository/a"),
            ("dir/model.pkl", "dir/model.pkl", "model.pkl"),
        ] {
            assert_eq!(below(&root.into(), &file.into()), expected);
        }
    }
}
