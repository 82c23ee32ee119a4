//! Any statement of this vocabulary in the form that evidence takes.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    AssetId, Coverage, Decision, Digest, Event, EventId, Hasher, LogSource, Outcome, Population,
    PopulationKey, Status, Timestamp, Verdict, canonical_json,
};

/// Evidence of one statement: what was said of what, by whom, when, and on the strength of which
/// inputs and policy. The statement itself stays where it is; the record has its digest, so that it
/// can be shown to be the one that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The form of this document; another one when a field changes its meaning.
    pub schema: RecordSchema,
    /// When it was recorded. A log refuses a record that is older than what it has committed to.
    pub time: Timestamp,
    /// Who recorded it.
    pub producer: Producer,
    /// What it is about.
    pub subject: RecordSubject,
    /// What was said.
    #[serde(flatten)]
    pub claim: Claim,
    /// The digests of the bytes that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Digest>,
    /// The digest of the policy that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// When it holds, where it does not hold for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
}

/// The form of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordSchema {
    /// The only one yet.
    #[default]
    #[serde(rename = "casemate/record/v1")]
    V1,
}

/// A program that records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Producer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// When a statement holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Validity {
    /// From then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "body", rename_all = "lowercase")]
pub enum Claim {
    /// What a check said of a subject.
    Outcome {
        /// The check's name.
        check: String,
        /// The check's version.
        version: String,
        /// What came of it.
        result: Status,
        /// Whether everything was looked at.
        coverage: Coverage,
        /// How many findings it has.
        findings: u64,
        /// The digest of the [`Outcome`], which is its leaf in its population.
        digest: Digest,
    },
    /// What a check said of many subjects.
    Population {
        /// What the outcomes agree in.
        #[serde(flatten)]
        key: PopulationKey,
        /// How many there are.
        count: u64,
        /// The root of the tree over their digests.
        root: Digest,
    },
    /// Something that happened.
    Event {
        /// Its identity, which is the digest of what was observed.
        id: EventId,
        /// When it happened, by the observer's clock.
        event_time: Timestamp,
        /// Who observed it.
        source: String,
        /// What kind of log it belongs to.
        log_source: LogSource,
    },
    /// What a gate decided.
    Decision {
        /// The gate that asked.
        gate: String,
        /// What was decided.
        outcome: Verdict,
        /// How many reasons it has.
        reasons: u64,
        /// The digest of the [`Decision`].
        digest: Digest,
    },
    /// That signed statements about an artifact exist; whether they are true, or who signed, it does not say.
    Attestation {
        /// Each of them.
        statements: Vec<SignedStatement>,
    },
    /// Something that only those may know to whom it is shown.
    Sealed {
        /// The salted digest of the record that stands here.
        record: SaltedDigest,
    },
}

/// A signed statement, by the file that it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedStatement {
    /// What its predicate is: a URI.
    pub predicate_type: String,
    /// The digest of the bundle, signature and all.
    pub bundle: Digest,
}

impl Record {
    /// The record of `claim` about `subject`, made at `time`.
    pub fn new(time: Timestamp, producer: Producer, subject: AssetId, claim: Claim) -> Self {
        Self {
            schema: RecordSchema::V1,
            time,
            producer,
            subject: RecordSubject::Asset(subject),
            claim,
            inputs: Vec::new(),
            policy: None,
            validity: None,
        }
    }

    /// The record of what a check said.
    pub fn of_outcome(outcome: &Outcome, time: Timestamp, producer: Producer) -> Self {
        let claim = Claim::Outcome {
            check: outcome.check.clone(),
            version: outcome.version.clone(),
            result: outcome.result,
            coverage: outcome.coverage,
            findings: outcome.findings.len() as u64,
            digest: outcome.digest(),
        };
        let mut record = Self::new(time, producer, outcome.subject.clone(), claim);
        record.inputs.extend(outcome.input);
        record
    }

    /// The record of what a check said of many subjects, which all belong to `whole`.
    pub fn of_population(
        population: &Population,
        whole: AssetId,
        time: Timestamp,
        producer: Producer,
    ) -> Self {
        let claim = Claim::Population {
            key: population.key.clone(),
            count: population.count,
            root: population.root,
        };
        Self::new(time, producer, whole, claim)
    }

    /// The record of something that happened, about the first asset that it touches, or about `place`
    /// where it touches none.
    pub fn of_event(event: &Event, place: AssetId, time: Timestamp, producer: Producer) -> Self {
        let claim = Claim::Event {
            id: event.id,
            event_time: event.event_time,
            source: event.source.clone(),
            log_source: event.log_source.clone(),
        };
        let subject = event.assets.first().cloned().unwrap_or(place);
        Self::new(time, producer, subject, claim)
    }

    /// The record of what a gate decided.
    pub fn of_decision(decision: &Decision, time: Timestamp, producer: Producer) -> Self {
        let claim = Claim::Decision {
            gate: decision.gate.clone(),
            outcome: decision.outcome,
            reasons: decision.reasons.len() as u64,
            digest: decision.digest(),
        };
        let mut record = Self::new(time, producer, decision.subject.clone(), claim);
        record.inputs.push(decision.input);
        record.policy = Some(decision.policy);
        record.validity = decision.expires().map(|expires| Validity {
            not_before: None,
            not_after: Some(expires),
        });
        record
    }

    /// The record that signed statements about the artifact with this digest exist.
    pub fn of_statements(
        artifact: Digest,
        statements: Vec<SignedStatement>,
        time: Timestamp,
        producer: Producer,
    ) -> Self {
        let subject = AssetId::Artifact { digest: artifact };
        Self::new(time, producer, subject, Claim::Attestation { statements })
    }

    /// The record as a log takes it: canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        canonical_json(self).expect("a record has only text keys")
    }

    /// The digest of the record's canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_json())
    }

    /// The record with everything private replaced by salted digests: what is left is when, by whom and
    /// for how long. Whoever is shown the record and its salt can see that it is the one, with
    /// [`is_seal_of`](Self::is_seal_of); nobody else can find it by guessing.
    #[must_use]
    pub fn sealed(&self, secret: &Secret) -> Self {
        self.sealed_with(&secret.salt(&self.to_json()))
    }

    /// The same with the salt itself.
    fn sealed_with(&self, salt: &[u8; 32]) -> Self {
        let RecordSubject::Asset(subject) = &self.subject else {
            return self.clone();
        };
        Self {
            schema: self.schema,
            time: self.time,
            producer: self.producer.clone(),
            subject: RecordSubject::Sealed(SaltedDigest::of(salt, subject.to_string().as_bytes())),
            claim: Claim::Sealed {
                record: SaltedDigest::of(salt, &self.to_json()),
            },
            inputs: Vec::new(),
            policy: None,
            validity: self.validity,
        }
    }

    /// Whether this is what became of `record` when it was sealed with this salt: what both say in the
    /// clear too.
    pub fn is_seal_of(&self, record: &Self, salt: &[u8; 32]) -> bool {
        // What is sealed already is not sealed again.
        matches!(record.subject, RecordSubject::Asset(_)) && *self == record.sealed_with(salt)
    }
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordSubject {
    /// This.
    Asset(AssetId),
    /// What this is the salted digest of: `salted:sha256:…`.
    Sealed(SaltedDigest),
}

impl fmt::Display for RecordSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(id) => id.fmt(f),
            Self::Sealed(digest) => write!(f, "{SALTED}{}", digest.0),
        }
    }
}

impl Serialize for RecordSubject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordSubject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix(SALTED) {
            Some(digest) => Digest::from_str(digest)
                .map(|digest| Self::Sealed(SaltedDigest(digest)))
                .map_err(serde::de::Error::custom),
            None => text
                .parse()
                .map(Self::Asset)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for RecordSubject {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RecordSubject".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "The URN of an asset, or the salted digest of one.",
            "pattern": "^(urn:casemate:.*|salted:sha256:[0-9a-f]{64})$",
        })
    }
}

/// The SHA-256 digest of a salt of 32 bytes and of bytes, each framed by its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SaltedDigest(pub Digest);

impl SaltedDigest {
    /// The digest of `bytes` under `salt`.
    pub fn of(salt: &[u8; 32], bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.part(salt).part(bytes);
        Self(hasher.finish())
    }
}

/// What salts are made of; whoever has it can open every seal.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// At least 16 bytes that nobody can guess.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= 16).then_some(Self(bytes))
    }

    /// The salt of the record with this JSON: another one for each record, so that one can be opened
    /// without the others.
    pub fn salt(&self, json: &[u8]) -> [u8; 32] {
        let mut hasher = Hasher::default();
        hasher.part(b"casemate/salt/v1").part(&self.0).part(json);
        *hasher.finish().as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

const SALTED: &str = "salted:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Effect, Reason, RuleId};

    fn decision() -> Decision {
        Decision {
            gate: "assess".into(),
            subject: AssetId::File {
                repository: "local".into(),
                path: "".into(),
            },
            outcome: Verdict::Deny,
            reasons: vec![Reason {
                effect: Effect::Deny,
                message: "models/a.pkl runs a shell command when it is loaded".into(),
                rule: Some(RuleId::new("CM-PKL-001")),
                subject: None,
            }],
            policy: Digest::of(b"policy"),
            input: Digest::of(b"input"),
            obligations: Vec::new(),
        }
    }

    fn record() -> Record {
        let producer = Producer {
            name: "casemate".into(),
            version: "1".into(),
        };
        Record::of_decision(&decision(), Timestamp::UNIX_EPOCH, producer)
    }

    #[test]
    fn a_record_reads_as_the_contract_says_and_comes_back() {
        let mut record = record();
        record.validity = Some(Validity {
            not_before: None,
            not_after: Some(Timestamp::UNIX_EPOCH),
        });
        insta::assert_json_snapshot!(record);
        let back: Record = serde_json::from_slice(&record.to_json()).expect("parses");
        assert_eq!(back, record);
    }

    #[test]
    fn a_record_of_a_decision_commits_to_all_obligations_but_that_it_was_logged() {
        let obligation = |kept| crate::KeptObligation {
            message: "do it".into(),
            kept,
        };
        let expires = Timestamp::from_second(86_400).expect("a time");
        let mut decision = decision();
        (decision.obligations).push(obligation(crate::Kept::Expire { expires }));
        let of = |decision: &Decision| Record::of_decision(decision, expires, record().producer);
        let logged = of(&decision);
        assert_eq!(logged.validity.and_then(|it| it.not_after), Some(expires));
        (decision.obligations).push(obligation(crate::Kept::Log {
            origin: "log.example".into(),
            index: 7,
            leaf: logged.digest(),
        }));
        assert_eq!(of(&decision), logged);
        decision.obligations.remove(0);
        assert_ne!(of(&decision).claim, logged.claim);
    }

    #[test]
    fn a_population_keeps_its_count_and_root() {
        let key = PopulationKey {
            check: "artifact".into(),
            version: "1".into(),
            result: Status::Pass,
            coverage: Coverage::Complete,
        };
        let population = Population {
            key,
            count: 3,
            root: Digest::of(b"root"),
            subjects: Vec::new(),
        };
        let (whole, producer) = (record(), record().producer);
        let RecordSubject::Asset(whole) = whole.subject else {
            panic!("an asset");
        };
        let record = Record::of_population(&population, whole, Timestamp::UNIX_EPOCH, producer);
        insta::assert_json_snapshot!(record);
        let back: Record = serde_json::from_slice(&record.to_json()).expect("parses");
        assert_eq!(back, record);
    }

    #[test]
    fn signed_statements_are_recorded_under_the_artifact_that_they_are_about() {
        let statement = |predicate_type: &str| SignedStatement {
            predicate_type: predicate_type.into(),
            bundle: Digest::of(predicate_type.as_bytes()),
        };
        let record = Record::of_statements(
            Digest::of(b"model"),
            vec![
                statement("https://model_signing/signature/v1.0"),
                statement("https://slsa.dev/provenance/v1"),
            ],
            Timestamp::UNIX_EPOCH,
            record().producer,
        );
        insta::assert_json_snapshot!(record);
        let back: Record = serde_json::from_slice(&record.to_json()).expect("parses");
        assert_eq!(back, record);
    }

    #[test]
    fn a_seal_hides_the_record_and_is_opened_by_its_own_salt() {
        let record = record();
        let secret = Secret::new(b"sixteen bytes or more".to_vec()).expect("long enough");
        let sealed = record.sealed(&secret);
        let text = String::from_utf8(sealed.to_json()).expect("UTF-8");
        for private in ["local", "deny", "assess", &Digest::of(b"input").hex()] {
            assert!(!text.contains(private), "{private}: {text}");
        }
        let salt = secret.salt(&record.to_json());
        assert!(sealed.is_seal_of(&record, &salt));
        let mut other = record.clone();
        other.policy = None;
        assert!(!sealed.is_seal_of(&other, &salt));
        assert!(!sealed.is_seal_of(&record, &[0; 32]));
        assert!(!record.is_seal_of(&record, &salt) && !sealed.is_seal_of(&sealed, &salt));
        let mut moved = sealed.clone();
        moved.time = "2030-01-01T00:00:00Z".parse().expect("a time");
        assert!(!moved.is_seal_of(&record, &salt), "sealed at another time");
        assert!(Secret::new(b"short".to_vec()).is_none());
        let back: Record = serde_json::from_slice(&sealed.to_json()).expect("parses");
        assert_eq!(back, sealed);
    }
}
