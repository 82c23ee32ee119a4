//! Reports that the tools themselves wrote, joined with what was found here.

mod joined;
mod partial;
mod place;
mod refused;
mod sarif;
mod tools;

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Confidence, Coverage, Digest, Finding, Location, Outcome, PathText, Region, Rule,
    RuleId, Severity, Status,
};
use casemate_imports::{Joined, Known, Source, Tree, join, read};

fn import(name: &str, report: &str, ours: &mut [Outcome]) -> Joined {
    join(vec![source(name, report)], ours, &tree())
}

fn source(name: &str, report: &str) -> Source {
    Source {
        name: name.into(),
        asset: file(name),
        digest: Digest::of(report.as_bytes()),
        runs: read(report.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}")),
    }
}

fn sarif(results: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":{results}}}]}}"#
    )
}

fn findings_of(joined: &Joined) -> Vec<&Finding> {
    joined
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.findings)
        .collect()
}

fn find<'a>(joined: &'a Joined, rule: &str) -> &'a Finding {
    let found = findings_of(joined)
        .into_iter()
        .find(|it| it.rule.as_str() == rule);
    found.unwrap_or_else(|| panic!("no {rule}"))
}

fn file(path: &str) -> AssetId {
    AssetId::File {
        repository: "local".into(),
        path: path.into(),
    }
}

fn known(path: &str) -> Known {
    Known {
        asset: file(path),
        name: PathText::from("tree").join(&path.into()),
        digest: None,
    }
}

fn tree() -> Tree {
    let paths = [
        ".github/workflows/train.yml",
        "Dockerfile",
        "deploy.sh",
        "deploy/deployment.yaml",
        "infra/main.tf",
        "make.py",
        "package-lock.json",
        "src/compare_vendor.py",
        "src/serve.py",
        "src/train.py",
    ];
    Tree {
        root: "tree".into(),
        absolute: Some("/src/fraud-model".into()),
        files: paths.map(|path| (path.into(), known(path))).into(),
    }
}

fn ours(rule: &str, path: &str, resource: &str, line: u64) -> Finding {
    let rule = Rule {
        id: rule.parse::<RuleId>().expect("a rule"),
        title: "A rule".into(),
        severity: Severity::Low,
        confidence: Confidence::High,
        description: "A rule.".into(),
        remediation: "Repair it.".into(),
        references: Vec::new().into(),
        bad: None,
        good: None,
    };
    let location = Location {
        file: PathText::from("tree").join(&path.into()),
        members: Vec::new(),
        region: Some(Region::Text {
            line,
            column: 1,
            end_line: line,
            end_column: 9,
        }),
    };
    let finding = Finding::new(
        &rule,
        &file(path),
        &path.into(),
        location,
        resource,
        "wrong",
    );
    finding.with_evidence("resource", resource)
}

fn outcome(findings: Vec<Finding>) -> Outcome {
    Outcome {
        check: "posture".into(),
        version: "1".into(),
        subject: file("infra/main.tf"),
        name: "tree/infra/main.tf".into(),
        input: None,
        result: Status::Fail,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings,
    }
}

const CHECKOV: &str = include_str!("../../../../../tests/fixtures/imports/checkov.json");
const CHECKOV_SARIF: &str = include_str!("../../../../../tests/fixtures/imports/checkov.sarif");
const ZIZMOR: &str = include_str!("../../../../../tests/fixtures/imports/zizmor.sarif");
const BANDIT: &str = include_str!("../../../../../tests/fixtures/imports/bandit.sarif");
const RUFF: &str = include_str!("../../../../../tests/fixtures/imports/ruff.sarif");
const SEMGREP: &str = include_str!("../../../../../tests/fixtures/imports/semgrep.sarif");
const TRIVY_DOCKERFILE: &str =
    include_str!("../../../../../tests/fixtures/imports/trivy-dockerfile.json");
const TRIVY_SECRETS: &str =
    include_str!("../../../../../tests/fixtures/imports/trivy-secrets.json");
const TRIVY_NPM: &str = include_str!("../../../../../tests/fixtures/imports/trivy-npm.json");
const TRIVY_LICENSES: &str =
    include_str!("../../../../../tests/fixtures/imports/trivy-licenses.json");
