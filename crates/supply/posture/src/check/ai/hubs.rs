//! Hubs: JupyterHub, which starts notebooks for whom it lets in, and the hub that models come from.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    downloads::downloads,
    named::hub_address,
    texts::{Scalar, lines, scalars},
};
use crate::check::{
    Check, Family, Persona, Report,
    manifest_secrets::is_literal,
    selection::{Labels, Selectors},
    workloads::{Program, Workloads},
};
use crate::{Cursor, Truth, read::values};

pub(super) const FAMILY: Family = Family {
    rules: &[(&LETS_IN, Persona::Regular), (&HUB, Persona::Regular)],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for values in world.of_kind(values::KIND) {
        settings(&values.cursor(), report);
    }
    for release in world.of_kind("helm_release") {
        for text in release.at("values").items() {
            settings(&text, report);
        }
    }
    for map in world.of_kind("ConfigMap") {
        for (_, text) in map.at("data").entries() {
            code(&text, report);
        }
    }
    let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
    for program in &workloads.programs {
        way_to_hub(program, &policies, report);
    }
}

/// The values of the chart of JupyterHub, wherever they stand.
fn settings(values: &Cursor<'_>, report: &mut Report) {
    for scalar in scalars(values) {
        let Some(says) = setting(&scalar) else {
            continue;
        };
        scalar.report(true, &LETS_IN, values, report, says);
    }
}

fn setting(scalar: &Scalar) -> Option<&'static str> {
    let value = scalar.value.as_str();
    let is_on = value.eq_ignore_ascii_case("true");
    // Version 0.11 of the chart and those before it have `auth`.
    let is_class = scalar.ends(&["JupyterHub", "authenticator_class"])
        || scalar.ends(&["auth", "type"]) && !scalar.has("redis");
    if is_class && asks_nobody(value) {
        return Some("whoever comes is let in, with any name");
    }
    let is_all = scalar.is_under(&["allow_all"])
        && scalar
            .parent()
            .is_some_and(|it| it.ends_with("Authenticator"));
    if is_all && is_on {
        return Some("everybody who has an account anywhere is let in");
    }
    let is_secret = scalar.ends(&["hub", "cookieSecret"])
        || scalar.ends(&["proxy", "secretToken"]) && !scalar.has("traefik")
        || scalar.ends(&["CryptKeeper", "keys"])
        || scalar.ends(&["DummyAuthenticator", "password"])
        || scalar.ends(&["SharedPasswordAuthenticator", "user_password"])
        || scalar.ends(&["SharedPasswordAuthenticator", "admin_password"]);
    (is_secret && is_literal(value)).then_some("who reads this file makes sessions of anybody")
}

/// Names of authenticators that let in whoever comes, by any of the ways to write them.
fn asks_nobody(class: &str) -> bool {
    let name = class.rsplit(['.', ':']).next().unwrap_or_default();
    ["dummy", "DummyAuthenticator", "tmp", "TmpAuthenticator"].contains(&name)
}

/// `jupyterhub_config.py` in a ConfigMap.
fn code(text: &Cursor<'_>, report: &mut Report) {
    for line in lines(text) {
        let code = line.text.split('#').next().unwrap_or_default();
        let Some((name, value)) = code.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim().trim_matches(['\'', '"']));
        let is_open = name == "c.JupyterHub.authenticator_class" && asks_nobody(value);
        line.report(
            is_open,
            &LETS_IN,
            report,
            "whoever comes is let in, with any name",
        );
        let is_all =
            name.starts_with("c.") && name.ends_with("Authenticator.allow_all") && value == "True";
        let message = "everybody who has an account anywhere is let in";
        line.report(is_all, &LETS_IN, report, message);
    }
}

/// Whether models come over a way that is verified, and whether a loader asks the hub for some where a
/// policy lets nothing out.
fn way_to_hub<'a>(program: &Program<'a>, policies: &Selectors<'a>, report: &mut Report) {
    let container = &program.container;
    let value = |name: &str| container.env(name).map(|it| it.get("value"));
    if let Some(endpoint) = value("HF_ENDPOINT") {
        let is_plain = endpoint.text().is(|it| it.starts_with("http://"));
        report.when(is_plain, &HUB, &endpoint, || {
            format!("models come from {} without TLS", endpoint.shown())
        });
    }
    for (name, off) in UNVERIFIED {
        if let Some(value) = value(name) {
            let is_off = value.text().is(|it| off.contains(&it.as_str()));
            report.when(is_off, &HUB, &value, || {
                format!("with {name} certificates are not verified")
            });
        }
    }
    let mut unverified = downloads(&program.command).filter_map(|download| {
        let is_model = download.is_model() || hub_address(&download.address.text).is_some();
        download.unverified().filter(|_| is_model)
    });
    if let Some(option) = unverified.next() {
        let (cursor, origin) = (&option.cursor, &option.origin);
        report.when_at(Truth::Yes, &HUB, cursor, origin, || {
            let message = format!("with {} certificates are not verified", option.text);
            (message, Vec::new())
        });
    }
    let names = [
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "HF_HOME",
        "HF_HUB_CACHE",
    ];
    let asks_hub = names.iter().any(|name| container.env(name).is_some());
    let is_offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
        .iter()
        .any(|name| {
            let value = value(name);
            value.is_some_and(|it| it.is_true().or(|| it.equals("1")) != Truth::No)
        });
    if !asks_hub || is_offline {
        return;
    }
    let labels = Labels::of(&program.pod);
    let near = policies.near(&labels).into_iter();
    let closed = near.map(|at| {
        let spec = policies.object(at).at("spec");
        let is_closed = spec.get("policyTypes").has("Egress").and(|| {
            let rules = spec.get("egress");
            rules.is_absent().or(|| rules.items().is_empty().into())
        });
        is_closed.and(|| policies.selects(at, &labels))
    });
    report.when(Truth::any(closed), &HUB, &container.cursor, || {
        "the loader asks the hub, and a policy lets nothing out".to_owned()
    });
}

/// Variables that turn verification off in what loads models, with the values that do.
const UNVERIFIED: &[(&str, &[&str])] = &[
    ("CURL_CA_BUNDLE", &[""]),
    ("REQUESTS_CA_BUNDLE", &[""]),
    ("PYTHONHTTPSVERIFY", &["0"]),
    ("GIT_SSL_NO_VERIFY", &["1", "true"]),
    ("NODE_TLS_REJECT_UNAUTHORIZED", &["0"]),
];

static LETS_IN: Rule = Rule {
    id: RuleId::new("CM-AI-005"),
    title: Cow::Borrowed("JupyterHub lets in everybody"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "JupyterHub starts a server, which runs code, for whom its authenticator lets in. The dummy \
         authenticator takes any name; with `allow_all` whoever has an account at the provider that is asked \
         is let in; and with the secret of its cookies, or of its proxy, sessions of anybody are made.",
    ),
    remediation: Cow::Borrowed(
        "Name an authenticator that asks an identity provider, with `allowed_users` or groups, and leave \
         secrets to the chart, which makes them.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-287"),
        Reference::new("T1078"),
        Reference::new("AML.T0012"),
        Reference::new("https://jupyterhub.readthedocs.io/en/latest/reference/authenticators.html"),
    ]),
    bad: Some(Example::new("object.yaml", LETS_IN_BAD)),
    good: Some(Example::new("object.yaml", LETS_IN_GOOD)),
};

static HUB: Rule = Rule {
    id: RuleId::new("CM-AI-030"),
    title: Cow::Borrowed("A loader does not verify the hub of its models"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Models come from where `HF_ENDPOINT` says, over a connection that is as good as its certificate. \
         Without TLS, or with verification turned off for the whole process, whoever is in between gives \
         another model. Where a policy lets nothing out, a loader that is not told to be offline asks \
         nevertheless, and waits for whoever answers.",
    ),
    remediation: Cow::Borrowed(
        "Use `https://`, remove the variable that turns verification off, and set `HF_HUB_OFFLINE=1` where \
         models are already in place.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-295"),
        Reference::new("CWE-319"),
        Reference::new("AML.T0010"),
        Reference::new(
            "https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables",
        ),
    ]),
    bad: Some(Example::new("object.yaml", HUB_BAD)),
    good: Some(Example::new("object.yaml", HUB_GOOD)),
};

const LETS_IN_BAD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: hub, namespace: ml}
data:
  jupyterhub_config.py: |
    c.JupyterHub.authenticator_class = 'dummy'
";

const LETS_IN_GOOD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: hub, namespace: ml}
data:
  jupyterhub_config.py: |
    c.JupyterHub.authenticator_class = 'generic-oauth'
    c.GenericOAuthenticator.allowed_groups = {'data-science'}
";

const HUB_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: HF_ENDPOINT, value: 'http://hub.example.org'}]
";

const HUB_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: HF_ENDPOINT, value: 'https://hub.example.org'}]
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
        let outcomes = survey(&files);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let found = findings.map(|it| format!("{} {}", it.rule, it.location));
        found.filter(|it| it.starts_with("CM-AI-0")).collect()
    }

    #[test]
    fn a_hub_lets_in_everybody_wherever_that_is_said() {
        let terraform = "resource \"helm_release\" \"hub\" {\n  values = [<<-EOT\n  hub:\n    config:\n      \
            JupyterHub:\n        authenticator_class: dummy\n  EOT\n  ]\n}\n";
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hub}\ndata:\n  jupyterhub_config.py: |\n    \
            c.JupyterHub.authenticator_class = 'dummyauthenticator.DummyAuthenticator'\n";
        let below = "jupyterhub:\n  hub: {config: {GitHubOAuthenticator: {allow_all: true}}}\n  singleuser: {}\n";
        let pass = "hub:\n  cookieSecret: 5f0c1d8a27b34e69\nsingleuser: {}\n";
        for (file, expected) in [
            (("main.tf", terraform), "CM-AI-005 main.tf:6:30"),
            (("map.yaml", map), "CM-AI-005 map.yaml:6:5"),
            (("config.yaml", below), "CM-AI-005 config.yaml:2:52"),
            (("values-hub.yaml", pass), "CM-AI-005 values-hub.yaml:2:17"),
        ] {
            assert_eq!(found(&[file]), [expected]);
        }
        let other = "redis: {auth: {type: dummy}}\nhub: {}\nsingleuser: {}\n";
        assert_eq!(found(&[("values.yaml", other)]), [""; 0]);
    }

    #[test]
    fn a_model_is_downloaded_without_a_look_at_certificates() {
        let of = |script: &str| {
            let pod = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
                 image: r.example.org/a@sha256:0f\n    command: [sh, -c, '{script}']\n"
            );
            let found = found(&[("a.yaml", &pod)]);
            found
                .iter()
                .filter(|it| it.starts_with("CM-AI-030"))
                .count()
        };
        assert_eq!(
            of("wget --no-check-certificate https://a.example/m.ckpt"),
            1
        );
        assert_eq!(of("curl -kLo m.ckpt https://a.example/m.ckpt"), 1);
        assert_eq!(of("curl -skLO https://a.example/m.gguf"), 1);
        assert_eq!(of("curl -sLo k https://a.example/m.gguf"), 0);
        assert_eq!(of("curl -sk https://a.example/health"), 0);
    }

    #[test]
    fn who_is_shut_in_asks_no_hub() {
        let pod = |more: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: ml, labels: {{app: p}}}}\nspec:\n  \
                 containers:\n  - name: a\n    image: r.example.org/a@sha256:0f\n    \
                 env: [{{name: HF_HOME, value: /models}}{more}]\n---\napiVersion: networking.k8s.io/v1\n\
                 kind: NetworkPolicy\nmetadata: {{name: n, namespace: ml}}\n\
                 spec: {{podSelector: {{}}, policyTypes: [Egress]}}\n"
            )
        };
        assert_eq!(found(&[("a.yaml", &pod(""))]), ["CM-AI-030 a.yaml:6:5"]);
        let offline = pod(", {name: HF_HUB_OFFLINE, value: '1'}");
        assert_eq!(found(&[("a.yaml", &offline)]), [""; 0]);
    }
}
