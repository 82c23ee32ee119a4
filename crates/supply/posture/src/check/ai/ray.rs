//! Ray, as KubeRay runs it (<https://docs.ray.io/en/latest/cluster/kubernetes/>).

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::texts::{has_commit, scalars};
use crate::check::{Check, Family, Persona, Report, workloads::Workloads};
use crate::{
    Cursor, Truth,
    check::{
        exposure::{Exposure, RAY_DASHBOARD},
        selection::{Labels, Selectors},
        workload::Pod,
    },
    read::values,
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&DASHBOARD, Persona::Regular),
        (&NO_TOKEN, Persona::Regular),
        (&NO_POLICY, Persona::Pedantic),
        (&REMOTE_CODE, Persona::Regular),
        (&UNPINNED, Persona::Pedantic),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
    for pod in workloads.pods.iter().filter(|pod| pod.is_ray_head()) {
        let Some(spec) = cluster(pod) else { continue };
        // A RayService that names no head has its template elsewhere.
        if pod.is_whole() {
            head(pod, &spec, &policies, &workloads.exposure, report);
        }
    }
    for values in world.of_kind(values::KIND) {
        let values = values.cursor();
        let charts = values.entries().into_iter().map(|(_, part)| part);
        for chart in std::iter::once(values.clone()).chain(charts) {
            valued(&chart, report);
        }
    }
    for (kind, ways) in RUNTIME_ENVS {
        for resource in world.of_kind(kind) {
            for text in ways.iter().flat_map(|way| resource.cursor().walk(way)) {
                runtime_env(&text, report);
            }
        }
    }
}

/// The RayClusterSpec around a head.
fn cluster<'a>(pod: &Pod<'a>) -> Option<Cursor<'a>> {
    let (path, _) = pod.spec.path.split_once(".headGroupSpec.")?;
    Some(pod.resource().find(path))
}

fn head<'a>(
    pod: &Pod<'a>,
    spec: &Cursor<'_>,
    policies: &Selectors<'a>,
    exposure: &Exposure<'a>,
    report: &mut Report,
) {
    let asks = asks(pod, spec);
    let parameters = spec.at("headGroupSpec.rayStartParams.dashboard-host");
    let place = if parameters.is_absent().is_yes() {
        spec.get("headGroupSpec")
    } else {
        parameters.clone()
    };
    // The default of Ray is the loopback; KubeRay's is every address.
    let is_open = || {
        parameters
            .is_absent()
            .or(|| !parameters.text().is(|host| is_loopback(&host)))
    };
    let reach = exposure.reach(pod, Some(RAY_DASHBOARD));
    let is_reached = reach.outside.clone().and(|| !asks.clone()).and(is_open);
    report.when_at(is_reached, &DASHBOARD, &place, place.origin(), || {
        (
            "who is outside reaches the dashboard and submits jobs".to_owned(),
            reach.through,
        )
    });
    let policy = spec.get("networkPolicy");
    let is_closed = || {
        policy
            .get("mode")
            .text()
            .is(|mode| mode != "DenyAllEgress")
            .and(|| !policy.is_absent())
    };
    let options = spec.get("authOptions");
    report.when((!asks).and(|| !is_closed()), &NO_TOKEN, &options, || {
        "the cluster takes jobs of whoever reaches it".to_owned()
    });
    let is_free = (!policies.any(&Labels::of(pod))).and(|| policy.is_absent());
    report.when(is_free, &NO_POLICY, &pod.spec, || {
        "no NetworkPolicy here is for the head".to_owned()
    });
}

/// The values of KubeRay's chart of a cluster, which has `authOptions` of none.
fn valued(values: &Cursor<'_>, report: &mut Report) {
    let (head, worker) = (values.get("head"), values.get("worker"));
    let image = values.at("image.repository").text();
    let is_ray = image.is(|it| {
        it.split('/')
            .next_back()
            .is_some_and(|it| it.starts_with("ray"))
    });
    let is_shaped = || HEAD.iter().any(|key| !head.get(key).is_absent().is_yes());
    let is_cluster = [&head, &worker]
        .iter()
        .all(|part| !part.entries().is_empty());
    if !is_cluster || !(is_ray.is_yes() || is_shaped()) {
        return;
    }
    let environments = [values.at("common.containerEnv"), head.get("containerEnv")];
    let variables = environments.iter().flat_map(Cursor::items);
    let asks = Truth::any(variables.map(|variable| {
        let is = |name: &str, value: &str| {
            variable
                .get("name")
                .equals(name)
                .and(|| variable.get("value").equals(value))
        };
        is("RAY_AUTH_MODE", "token").or(|| is("RAY_USE_TLS", "1"))
    }));
    report.when(!asks, &NO_TOKEN, &head, || {
        "the cluster takes jobs of whoever reaches it".to_owned()
    });
}

/// What the chart has of a head, and others have not.
const HEAD: &[&str] = &[
    "rayStartParams",
    "rayVersion",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
];

/// Whether Ray asks for a token, or for a certificate.
fn asks(pod: &Pod<'_>, spec: &Cursor<'_>) -> Truth {
    let options = spec.get("authOptions");
    let mode = options.get("mode");
    // The mode is `token` where there are options without one.
    let has_token = (!options.is_absent()).and(|| !mode.equals("disabled"));
    let has_certificates = || spec.at("tlsOptions.enabled").is_true();
    let containers = pod.containers();
    let has_variable = |name: &str, value: &str| {
        Truth::any(containers.iter().map(|container| {
            let variable = container.env(name);
            variable.map_or(Truth::No, |it| it.get("value").equals(value))
        }))
    };
    has_token
        .or(has_certificates)
        .or(|| has_variable("RAY_AUTH_MODE", "token"))
        .or(|| has_variable("RAY_USE_TLS", "1"))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.")
}

fn runtime_env(text: &Cursor<'_>, report: &mut Report) {
    for scalar in scalars(text) {
        let value = &scalar.value;
        let is_code = scalar.is_under(&["working_dir", "py_modules"]);
        let is_remote = value.starts_with("http://") || value.starts_with("https://");
        let is_moving =
            is_code && is_remote && (value.starts_with("http://") || !has_commit(value));
        let message = "the code is what an address gives at the time";
        scalar.report(is_moving, &REMOTE_CODE, text, report, message);
        let is_package = scalar.is_under(&["pip", "packages"]) && !value.ends_with(".txt");
        let is_pinned = ["==", "@", "--", "://"].iter().any(|it| value.contains(it));
        let is_unpinned = is_package && !is_pinned && value.parse::<f64>().is_err();
        let message = format!("{value} has no version");
        scalar.report(is_unpinned, &UNPINNED, text, report, &message);
    }
}

/// Where Ray has its environment as a text of YAML.
const RUNTIME_ENVS: &[(&str, &[&str])] = &[
    ("RayJob", &["spec.runtimeEnvYAML"]),
    ("RayCronJob", &["spec.jobTemplate.runtimeEnvYAML"]),
    (
        "RayService",
        &["spec.serveConfigV2", "spec.serveConfig.runtimeEnv"],
    ),
];

static DASHBOARD: Rule = Rule {
    id: RuleId::new("CM-AI-001"),
    title: Cow::Borrowed("The dashboard of Ray is reached from outside"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The dashboard of Ray takes jobs: who reaches its port runs code on the cluster, with its GPUs, its \
         credentials and its data. The campaign called ShadowRay did so with thousands of clusters \
         (CVE-2023-48022 is disputed, for Ray is made for networks whose members are trusted). KubeRay opens \
         it on every address of the head.",
    ),
    remediation: Cow::Borrowed(
        "Keep the head a ClusterIP, set `authOptions.mode: token`, and put a proxy that asks who calls before \
         it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2023-48022"),
        Reference::new("CWE-306"),
        Reference::new("T1190"),
        Reference::new("AML.T0049"),
    ]),
    bad: Some(Example::new("object.yaml", DASHBOARD_BAD)),
    good: Some(Example::new("object.yaml", DASHBOARD_GOOD)),
};

static NO_TOKEN: Rule = Rule {
    id: RuleId::new("CM-AI-002"),
    title: Cow::Borrowed("A Ray cluster asks nobody for a token"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without authentication every pod that reaches the head submits jobs to it. KubeRay makes a token and \
         has all of Ray ask for it once `authOptions.mode` is `token`; Ray does that from version 2.52 on.",
    ),
    remediation: Cow::Borrowed("Set `authOptions.mode: token`, with Ray 2.52 or later."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0049"),
        Reference::new("https://docs.ray.io/en/latest/ray-security/token-auth.html"),
    ]),
    bad: Some(Example::new("object.yaml", NO_TOKEN_BAD)),
    good: Some(Example::new("object.yaml", NO_TOKEN_GOOD)),
};

static NO_POLICY: Rule = Rule {
    id: RuleId::new("CM-AI-003"),
    title: Cow::Borrowed("No NetworkPolicy is for the head of a Ray cluster"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The head listens for its workers (6379), clients (10001), the dashboard (8265) and its agent \
         (52365); without a policy every pod of every namespace reaches them.",
    ),
    remediation: Cow::Borrowed(
        "Set `networkPolicy` of the RayCluster, or add a NetworkPolicy that selects `ray.io/node-type: head`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1021"),
        Reference::new("AML.T0049"),
        Reference::new("https://docs.ray.io/en/latest/ray-security/index.html"),
    ]),
    bad: Some(Example::new("object.yaml", NO_POLICY_BAD)),
    good: Some(Example::new("object.yaml", NO_POLICY_GOOD)),
};

static REMOTE_CODE: Rule = Rule {
    id: RuleId::new("CM-AI-027"),
    title: Cow::Borrowed("A Ray job gets its code from an address that may change"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A `working_dir` or `py_modules` from an address is downloaded to every worker and run. Unless the \
         address names a commit, whoever controls it, or over plain HTTP whoever is in between, runs code on \
         the cluster.",
    ),
    remediation: Cow::Borrowed(
        "Name the archive of a commit by its full digest, over HTTPS, or put the code into the image.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-494"), Reference::new("AML.T0010")]),
    bad: Some(Example::new("object.yaml", REMOTE_CODE_BAD)),
    good: Some(Example::new("object.yaml", REMOTE_CODE_GOOD)),
};

static UNPINNED: Rule = Rule {
    id: RuleId::new("CM-AI-081"),
    title: Cow::Borrowed("A Ray job installs packages without versions"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Packages of a `runtime_env` are installed at the start of every worker; one without a version is \
         another one tomorrow.",
    ),
    remediation: Cow::Borrowed(
        "Name each package with `==` and its version, or put them into the image.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-1357"), Reference::new("AML.T0010")]),
    bad: Some(Example::new("object.yaml", UNPINNED_BAD)),
    good: Some(Example::new("object.yaml", UNPINNED_GOOD)),
};

const DASHBOARD_BAD: &[u8] = br"apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: ml}
spec:
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    serviceType: LoadBalancer
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}
";

const DASHBOARD_GOOD: &[u8] = br"apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: ml}
spec:
  authOptions: {mode: token}
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    serviceType: ClusterIP
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}
";

const NO_TOKEN_BAD: &[u8] = br"apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: ml}
spec:
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}
";

const NO_TOKEN_GOOD: &[u8] = br"apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: ml}
spec:
  authOptions: {mode: token}
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}
";

const NO_POLICY_BAD: &[u8] = br"apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: ml}
spec:
  authOptions: {mode: token}
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}
";

const NO_POLICY_GOOD: &[u8] = br"apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: ml}
spec:
  authOptions: {mode: token}
  networkPolicy: {mode: DenyAll}
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0}
    template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}
";

const REMOTE_CODE_BAD: &[u8] = br"apiVersion: ray.io/v1
kind: RayJob
metadata: {name: train, namespace: ml}
spec:
  entrypoint: python train.py
  runtimeEnvYAML: |
    working_dir: https://github.com/example/train/archive/refs/heads/main.zip
  rayClusterSpec:
    authOptions: {mode: token}
    headGroupSpec: {template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}}
";

const REMOTE_CODE_GOOD: &[u8] = br"apiVersion: ray.io/v1
kind: RayJob
metadata: {name: train, namespace: ml}
spec:
  entrypoint: python train.py
  runtimeEnvYAML: |
    working_dir: https://github.com/example/train/archive/4d2c9a59d9eabfd4c8a9e04a7aae44fc8f5b416f.zip
  rayClusterSpec:
    authOptions: {mode: token}
    headGroupSpec: {template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}}
";

const UNPINNED_BAD: &[u8] = br"apiVersion: ray.io/v1
kind: RayJob
metadata: {name: train, namespace: ml}
spec:
  entrypoint: python train.py
  runtimeEnvYAML: |
    pip: [transformers]
  rayClusterSpec:
    authOptions: {mode: token}
    headGroupSpec: {template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}}
";

const UNPINNED_GOOD: &[u8] = br"apiVersion: ray.io/v1
kind: RayJob
metadata: {name: train, namespace: ml}
spec:
  entrypoint: python train.py
  runtimeEnvYAML: |
    pip: [transformers==4.57.0]
  rayClusterSpec:
    authOptions: {mode: token}
    headGroupSpec: {template: {spec: {containers: [{name: head, image: 'rayproject/ray:2.52.0'}]}}}
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    #[test]
    fn values_of_the_chart_of_a_cluster_ask_for_a_token_or_not() {
        let of = |head: &str| {
            let text = format!(
                "image: {{repository: rayproject/ray}}\nhead: {{{head}}}\nworker: {{replicas: 1}}\n"
            );
            let outcomes = survey(&[("helm-values/train.yaml", text.as_bytes())]);
            let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            let mut found = findings.map(|it| format!("{} {}", it.rule, it.location));
            found.find(|it| it.starts_with("CM-AI-002"))
        };
        let place = "CM-AI-002 helm-values/train.yaml:2:7";
        assert_eq!(of("rayVersion: 2.52.0").as_deref(), Some(place));
        let mode = |value: &str| {
            of(&format!(
                "containerEnv: [{{name: RAY_AUTH_MODE, value: {value}}}]"
            ))
        };
        assert_eq!(mode("token"), None);
        assert_eq!(mode("disabled").as_deref(), Some(place));
    }
}
