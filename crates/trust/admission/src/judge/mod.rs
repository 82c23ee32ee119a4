//! From a request to an answer. Everything is compiled once; a request costs its own object alone.

mod question;
mod unchanged;

use std::collections::BTreeSet;

use casemate_core::{Digest, Effect, Timestamp, Verdict};
use casemate_policy::{
    Bundle, DecisionRecord, KeepsNothing,
    gatekeeper::{Constraints, Inventory},
    namespaces, record_briefly,
};
use casemate_posture::PostureSurvey;
use serde_json::json;

use crate::{
    answer::{Response, Status},
    exempt::Exemption,
    metrics,
    mutate::{self, Mutation, MutationError, Repair},
    record::{Record, RecordSchema},
    review::{Operation, Request, Review},
    settings::{Mode, OnError, Settings},
    vouch::{Signed, Vouch},
};

/// What judges, with everything compiled.
pub struct Judge {
    survey: PostureSurvey,
    bundle: Bundle,
    /// The packages of the caller's with rules in the habit of conftest.
    packages: Vec<String>,
    constraints: Option<Constraints>,
    inventory: Inventory,
    mutations: Vec<Mutation>,
    vouch: Box<dyn Vouch>,
    /// What has to be signed.
    signed: Vec<Signed>,
    settings: Settings,
}

/// What a judge is made of.
pub struct Parts {
    /// The checks, those of the policy included.
    pub survey: PostureSurvey,
    /// The gate, and what the caller laid over it.
    pub bundle: Bundle,
    /// Gatekeeper's constraints, where there are some.
    pub constraints: Option<Constraints>,
    /// What constraints may refer to: namespaces, and what templates ask for.
    pub inventory: Inventory,
    /// Who knows what is signed.
    pub vouch: Box<dyn Vouch>,
    /// How.
    pub settings: Settings,
}

/// Why settings are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// A mutation is none.
    #[error(transparent)]
    Mutation(#[from] MutationError),
    /// An exemption is for everything.
    #[error(
        "an exemption of {0} names no namespaces, kinds, names or users but those of everybody, and would be for everything"
    )]
    Boundless(String),
    /// A time is none that an API server waits.
    #[error("`limits.{0}` is {1}, and has to be 1 to 30: an API server waits no longer")]
    Seconds(&'static str, u64),
}

/// Why a request was not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// It got no turn while there was time for a judgement.
    NoTurn,
    /// A mistake of ours ended the judgement.
    Mistake,
    /// Its repair was not done in time. Whether the object may be taken is asked by itself.
    Unrepaired,
    /// Its judgement was not done in time.
    TooLong,
}

impl Undecided {
    /// Why, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoTurn => "too much is asked at once",
            Self::Mistake => "this is a mistake in Casemate; please report it",
            Self::Unrepaired | Self::TooLong => "it took longer than it may",
        }
    }

    /// Whether [`OnError`] says what becomes of it. How long a judgement takes is up to who wrote the object: if that were a way
    /// in, nothing would be kept out.
    fn is_by_choice(self) -> bool {
        self != Self::TooLong
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the API server is answered.
    pub response: Response,
    /// What is kept.
    pub record: Record,
    /// What is counted.
    pub outcome: metrics::Outcome,
    /// Whether an exemption that has ended was for it.
    pub had_exemption: bool,
}

impl Judged {
    fn exempted_by(&mut self, exemptions: &[&Exemption]) {
        if exemptions.is_empty() {
            return;
        }
        let told: Vec<String> = exemptions.iter().map(|it| it.told()).collect();
        let told = told.join("; ");
        self.response.annotations.insert("exempt", told.clone());
        self.record.exempt = Some(told);
    }
}

impl Judge {
    /// A judge of these parts.
    ///
    /// # Errors
    ///
    /// See [`JudgeError`].
    pub fn new(parts: Parts) -> Result<Self, JudgeError> {
        let Parts {
            survey,
            bundle,
            constraints,
            inventory,
            vouch,
            settings,
        } = parts;
        let limits = settings.limits;
        for (name, seconds) in [
            ("deadline-seconds", limits.deadline_seconds),
            ("read-seconds", limits.read_seconds),
        ] {
            if !(1..=30).contains(&seconds) {
                return Err(JudgeError::Seconds(name, seconds));
            }
        }
        let mutations = Mutation::chosen(&settings.mutations, &settings.own_mutations)?;
        if let Some(boundless) = settings.exemptions.iter().find(|it| it.is_boundless()) {
            return Err(JudgeError::Boundless(boundless.owner.clone()));
        }
        let library = library();
        let own = namespaces(&bundle).into_iter();
        let packages = own
            .filter(|package| !is_asked_otherwise(package) && !library.contains(package))
            .collect();
        Ok(Self {
            survey,
            bundle,
            packages,
            constraints,
            inventory,
            mutations,
            vouch,
            signed: settings.signed.iter().map(Signed::new).collect(),
            settings,
        })
    }

    /// How it judges.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is loaded, in one line.
    pub fn told(&self) -> String {
        let constraints = self.constraints.as_ref();
        format!(
            "{} rules, {} packages of deny and warn rules, {} constraints, {} mutations, {} exemptions; mode {}, on error {}",
            self.survey.told_rules(),
            self.packages.len(),
            constraints.map_or(0, Constraints::constraints),
            self.mutations.len(),
            self.settings.exemptions.len(),
            self.settings.mode.as_str(),
            self.settings.on_error.as_str(),
        )
    }

    /// Exemptions that have ended, in one line each.
    pub fn ended(&self, now: Timestamp) -> impl Iterator<Item = String> {
        let ended = self
            .settings
            .exemptions
            .iter()
            .filter(move |it| it.is_over(now));
        ended.map(Exemption::told)
    }

    /// Whether the object may be taken.
    pub fn judge(&self, review: &Review, now: Timestamp) -> Judged {
        let request = &review.request;
        let (standing, ended) = self.exemptions(request, now);
        if let Some(exemption) = standing.iter().find(|it| it.rules.is_empty()) {
            return self.exempt(request, exemption, now);
        }
        let (input, covering) = self.input(review, &standing, now);
        let decision = record_briefly(&self.bundle, &input, &mut KeepsNothing);
        let mut judged = self.conclude(request, decision, now);
        judged.exempted_by(&covering);
        judged.had_exemption = !ended.is_empty();
        if judged
            .record
            .decision
            .as_ref()
            .is_some_and(|it| it.outcome == Verdict::Deny)
        {
            for exemption in ended {
                let text = format!("an exemption has ended: {}", exemption.told());
                judged.response.warn(&text);
            }
        }
        judged
    }

    /// What is repaired of an object that is created. Nothing is denied here: what validates is asked afterwards. What was repaired
    /// is judged again, and a patch after which there is more to find than before is not given.
    pub fn mutate(&self, review: &Review, now: Timestamp) -> Judged {
        let request = &review.request;
        let (standing, _) = self.exemptions(request, now);
        if let Some(exemption) = standing.iter().find(|it| it.rules.is_empty()) {
            return self.exempt(request, exemption, now);
        }
        let mut judged = self.judged(request, Response::allow(&request.uid), now);
        let (Operation::Create, "", Some(object)) = (
            request.operation,
            request.subresource.as_str(),
            review.object(),
        ) else {
            return judged;
        };
        let Repair {
            patch,
            changed,
            is_partial,
        } = mutate::repair(&self.mutations, &request.kind, object);
        if is_partial {
            judged.response.warn(mutate::PARTIAL);
        }
        if patch.is_empty() {
            return judged;
        }
        let (before, after) = (
            self.findings(request, object, now),
            self.findings(request, &changed, now),
        );
        let response = &mut judged.response;
        if let Some(rule) = after.iter().find(|it| !before.contains(it)) {
            response.warn(&format!("nothing was repaired: it would break {}", rule.0));
            return judged;
        }
        let repaired = before
            .iter()
            .filter(|it| !after.contains(it))
            .map(|it| it.0.clone());
        let mut repaired: Vec<String> = repaired.collect();
        repaired.sort();
        repaired.dedup();
        if !repaired.is_empty() {
            response.annotations.insert("repaired", repaired.join(","));
        }
        match self.settings.mode {
            Mode::Enforce => {
                judged.record.patch = Some(Digest::of(json!(patch).to_string().as_bytes()));
                response.patch = patch;
            }
            Mode::Audit => {
                let paths: Vec<&str> = patch.iter().map(|it| it.path.as_str()).collect();
                response.warn(&format!("audit: would be added: {}", paths.join(", ")));
            }
        }
        judged
    }

    /// The answer to a request that was not decided.
    pub fn undecided(&self, request: &Request, why: Undecided, now: Timestamp) -> Judged {
        let mut response = Response::allow(&request.uid);
        let is_chosen = why.is_by_choice() && self.settings.on_error == OnError::Allow;
        let text = format!("{} was not judged: {}", request.told(), why.as_str());
        match is_chosen || self.settings.mode == Mode::Audit {
            true => response.warn(&text),
            false => {
                response.allowed = false;
                response.status = Some(match why.is_by_choice() {
                    true => Status::undecided(&text),
                    false => Status::forbidden(&text),
                });
            }
        }
        let why = why.as_str().to_owned();
        response.annotations.insert("error", why.clone());
        let mut judged = self.judged(request, response, now);
        judged.record.error = Some(why);
        judged.outcome = metrics::Outcome::Failed;
        judged
    }

    fn conclude(&self, request: &Request, decision: DecisionRecord, now: Timestamp) -> Judged {
        let mut response = Response::allow(&request.uid);
        let of = |effect: Effect| {
            let reasons = decision
                .reasons
                .iter()
                .filter(move |it| it.effect == effect);
            reasons.map(|it| match &it.rule {
                Some(rule) => format!("{rule}: {}", it.message),
                None => it.message.clone(),
            })
        };
        let denials: Vec<String> = of(Effect::Deny).collect();
        let is_denied = decision.outcome == Verdict::Deny;
        let is_audit = self.settings.mode == Mode::Audit;
        if is_denied && !is_audit {
            response.allowed = false;
            response.status = Some(Status::forbidden(&listed(&denials)));
        } else {
            for reason in &denials {
                response.warn(&format!("audit: would be denied: {reason}"));
            }
        }
        of(Effect::Warn).for_each(|reason| response.warn(&reason));
        let outcome = match (decision.outcome, is_audit) {
            (Verdict::Allow, _) => metrics::Outcome::Allowed,
            (Verdict::Warn, _) => metrics::Outcome::Warned,
            (Verdict::Deny, false) => metrics::Outcome::Denied,
            (Verdict::Deny, true) => metrics::Outcome::Audited,
        };
        let annotations = &mut response.annotations;
        annotations.insert("decision", decision.outcome.as_str().to_owned());
        annotations.insert("policy", decision.policy.digest.to_string());
        annotations.insert("input", decision.input.to_string());
        if is_denied {
            annotations.insert("reasons", listed(&denials));
        }
        let mut judged = self.judged(request, response, now);
        judged.outcome = outcome;
        judged.record.decision = Some(decision);
        judged
    }

    fn exempt(&self, request: &Request, exemption: &Exemption, now: Timestamp) -> Judged {
        let mut judged = self.judged(request, Response::allow(&request.uid), now);
        judged.exempted_by(&[exemption]);
        judged.outcome = metrics::Outcome::Exempt;
        judged
    }

    fn judged(&self, request: &Request, response: Response, now: Timestamp) -> Judged {
        let record = Record {
            schema: RecordSchema::V1,
            time: now,
            uid: request.uid.clone(),
            operation: request.operation.as_str(),
            object: request.told(),
            subresource: request.subresource.clone(),
            user: request.user.clone(),
            dry_run: request.is_dry_run,
            mode: self.settings.mode,
            allowed: response.allowed,
            exempt: None,
            error: None,
            patch: None,
            decision: None,
        };
        Judged {
            response,
            record,
            outcome: metrics::Outcome::Allowed,
            had_exemption: false,
        }
    }

    /// The exemptions for a request: those that hold, and those that have ended.
    fn exemptions(&self, request: &Request, now: Timestamp) -> (Vec<&Exemption>, Vec<&Exemption>) {
        let all = self
            .settings
            .exemptions
            .iter()
            .filter(|it| it.is_for(request));
        all.partition(|it| !it.is_over(now))
    }
}

/// The first of them in one line, and how many more there are.
fn listed(reasons: &[String]) -> String {
    let shown = reasons.iter().take(MAX_REASONS).cloned();
    let shown = shown.collect::<Vec<_>>().join("; ");
    match reasons.len().checked_sub(MAX_REASONS) {
        None | Some(0) => shown,
        Some(more) => format!("{shown}; and {more} more"),
    }
}

/// Whether a package is asked as a gate or a check.
fn is_asked_otherwise(package: &str) -> bool {
    ["casemate.gate", "casemate.checks"].contains(&package)
        || package.starts_with("casemate.checks.")
}

/// The packages of the house, which others call.
fn library() -> BTreeSet<String> {
    let rules = Bundle::builtin().rules().into_iter();
    let packages = rules.filter_map(|site| {
        let (package, _) = site.rule.strip_prefix("data.")?.rsplit_once('.')?;
        Some(package.to_owned())
    });
    packages.collect()
}

const MAX_REASONS: usize = 10;
