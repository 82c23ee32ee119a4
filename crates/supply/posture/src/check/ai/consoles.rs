//! Consoles, dashboards and gateways of AI platforms.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::texts::lines;
use crate::check::{
    Check, Family, Persona, Report,
    workloads::{Program, Workloads},
};
use crate::{
    Cursor, Resource, Truth,
    check::{exposure::Reach, selection::Together},
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&MLFLOW, Persona::Regular),
        (&STATIC, Persona::Regular),
        (&ARGO, Persona::Regular),
        (&UI, Persona::Regular),
        (&LITELLM, Persona::Regular),
        (&MCP, Persona::Pedantic),
        (&METRICS, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    let mut keys = Together::default();
    for map in world.of_kind("ConfigMap") {
        if map.body.origin.text().contains("master_key:") {
            keys.add(map, &(), &());
        }
    }
    for program in &workloads.programs {
        mlflow(program, workloads, report);
        argo(program, report);
        interfaces(program, workloads, report);
        litellm(program, workloads, &keys, report);
        mcp(program, workloads, report);
        if program.is_image(&["dcgm-exporter"]) {
            let place = &program.container.cursor;
            reached(
                program.reach(&[], 9400, workloads),
                &METRICS,
                place,
                report,
                "who is outside reads the metrics of GPUs",
            );
        }
    }
    for map in world.of_kind("ConfigMap") {
        texts(map, report);
    }
}

fn reached(
    reach: Reach,
    rule: &'static Rule,
    place: &Cursor<'_>,
    report: &mut Report,
    message: &str,
) {
    let outside = reach.outside.clone();
    report.when_at(outside, rule, place, place.origin(), || {
        (message.to_owned(), reach.through)
    });
}

fn mlflow<'a>(program: &Program<'a>, workloads: &Workloads<'a>, report: &mut Report) {
    let runs = ["server", "ui"]
        .iter()
        .any(|it| program.command.phrase(&["mlflow", it]).is_some());
    if !runs {
        return;
    }
    let mut reach = program.reach(&["--port", "-p"], 5000, workloads);
    let asks = program.command.flag("--app-name").is_some();
    reach.outside = reach.outside.and(|| (!asks).into());
    let place = &program.container.cursor;
    reached(
        reach,
        &MLFLOW,
        place,
        report,
        "who is outside reads and registers models",
    );
}

fn argo(program: &Program<'_>, report: &mut Report) {
    let is_argo =
        program.is_image(&["argocli"]) || program.command.phrase(&["argo", "server"]).is_some();
    for flag in program.command.flags("--auth-mode").filter(|_| is_argo) {
        let is_open = flag.value == Some("server");
        report.when_at(
            is_open.into(),
            &ARGO,
            &flag.word.cursor,
            &flag.word.origin,
            || {
                (
                    "everybody has the rights of the server".to_owned(),
                    Vec::new(),
                )
            },
        );
    }
}

fn interfaces<'a>(program: &Program<'a>, workloads: &Workloads<'a>, report: &mut Report) {
    let container = &program.container;
    let share = container.env("GRADIO_SHARE").map(|it| it.get("value"));
    if let Some(share) = share {
        report.when(
            share.is_true().or(|| share.equals("1")),
            &UI,
            &share,
            || "Gradio opens a way from the Internet".to_owned(),
        );
    }
    // Streamlit answers there, and nothing else does.
    let health = container.cursor.at("livenessProbe.httpGet.path");
    let is_streamlit =
        program.command.runs("streamlit") || health.equals("/_stcore/health").is_yes();
    let image = &program.image;
    let mut words = image
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .split(['-', '_']);
    let is_gradio = program.command.runs("gradio") || words.any(|word| word == "gradio");
    let (name, port, options) = if is_streamlit {
        ("Streamlit", 8501, &["--server.port"][..])
    } else if program.command.runs("tensorboard") {
        ("TensorBoard", 6006, &["--port"][..])
    } else if is_gradio {
        ("Gradio", 7860, &[][..])
    } else {
        return;
    };
    let message = format!("who is outside uses {name}");
    reached(
        program.reach(options, port, workloads),
        &UI,
        &container.cursor,
        report,
        &message,
    );
}

fn litellm<'a>(
    program: &Program<'a>,
    workloads: &Workloads<'a>,
    keys: &Together<'a, (), ()>,
    report: &mut Report,
) {
    if !program.is_image(&["litellm", "litellm-database", "litellm-non_root"])
        || !program.container.is_whole()
    {
        return;
    }
    let names = ["LITELLM_MASTER_KEY", "MASTER_KEY"];
    let has_key = Truth::any(names.map(|name| program.container.has_env(name, &workloads.maps)));
    // The configuration may have it, and the one that is mounted is elsewhere.
    let has_key = has_key.or(|| {
        let resource = program.pod.resource();
        keys.near(resource, &()).next().is_some().into()
    });
    report.when(!has_key, &LITELLM, &program.container.cursor, || {
        "no master key is set".to_owned()
    });
}

fn mcp<'a>(program: &Program<'a>, workloads: &Workloads<'a>, report: &mut Report) {
    let is_mcp = program
        .command
        .words
        .iter()
        .any(|word| word.text.to_ascii_lowercase().contains("mcp"))
        || program.image.contains("mcp");
    let transport = program
        .command
        .flag("--transport")
        .and_then(|flag| flag.value);
    let is_served = matches!(transport, Some("streamable-http" | "sse" | "http"));
    if is_mcp && is_served {
        let place = &program.container.cursor;
        reached(
            program.reach(&["--port"], 8000, workloads),
            &MCP,
            place,
            report,
            "who is outside calls the tools",
        );
    }
}

/// What programs are told in files.
fn texts(map: &Resource, report: &mut Report) {
    for (key, value) in map.at("data").entries() {
        for line in lines(&value) {
            let text = line.text.trim();
            let is_static = text == "staticPasswords:";
            let is_open = text == "allow_requests_on_db_unavailable: true";
            let is_shared =
                key.ends_with(".py") && text.contains(".launch(") && text.contains("share=True");
            for (is_it, rule, message) in [
                (
                    is_static,
                    &STATIC,
                    "the configuration has users with passwords",
                ),
                (
                    is_open,
                    &LITELLM,
                    "without its database LiteLLM asks nobody",
                ),
                (is_shared, &UI, "Gradio opens a way from the Internet"),
            ] {
                line.report(is_it, rule, report, message);
            }
        }
    }
}

static MLFLOW: Rule = Rule {
    id: RuleId::new("CM-AI-006"),
    title: Cow::Borrowed("MLflow is reached from outside and asks nobody who he is"),
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The tracking server of MLflow lets everybody read experiments and models, and register new ones that \
         others then load. It asks for a password only with `--app-name basic-auth`; a proxy before it may \
         ask too, and is not seen here.",
    ),
    remediation: Cow::Borrowed(
        "Start the server with `--app-name basic-auth`, or put a proxy that asks who calls before it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("T1190"),
        Reference::new("AML.T0035"),
        Reference::new("https://mlflow.org/docs/latest/ml/auth"),
    ]),
    bad: Some(Example::new("object.yaml", MLFLOW_BAD)),
    good: Some(Example::new("object.yaml", MLFLOW_GOOD)),
};

static STATIC: Rule = Rule {
    id: RuleId::new("CM-AI-008"),
    title: Cow::Borrowed("Users of the platform are in its configuration"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Static passwords of Dex are made for trying it out: the users of Kubeflow with them have the \
         passwords that the repository, or its documentation, tells.",
    ),
    remediation: Cow::Borrowed("Remove `staticPasswords` and connect an identity provider."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1392"),
        Reference::new("CWE-798"),
        Reference::new("T1078.001"),
        Reference::new("https://dexidp.io/docs/connectors/local/"),
    ]),
    bad: Some(Example::new("object.yaml", STATIC_BAD)),
    good: Some(Example::new("object.yaml", STATIC_GOOD)),
};

static ARGO: Rule = Rule {
    id: RuleId::new("CM-AI-009"),
    title: Cow::Borrowed("Argo Workflows takes everybody for itself"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With the authentication mode `server` every caller has the rights of the server, and may submit \
         workflows: pods with any image in the namespaces that it manages.",
    ),
    remediation: Cow::Borrowed("Set `--auth-mode=sso` or `--auth-mode=client`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("T1610"),
        Reference::new("AML.T0049"),
        Reference::new("https://argo-workflows.readthedocs.io/en/latest/argo-server-auth-mode/"),
    ]),
    bad: Some(Example::new("object.yaml", ARGO_BAD)),
    good: Some(Example::new("object.yaml", ARGO_GOOD)),
};

static UI: Rule = Rule {
    id: RuleId::new("CM-AI-014"),
    title: Cow::Borrowed(
        "A web interface for models is reached from outside and asks nobody who he is",
    ),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "TensorBoard, Streamlit and Gradio ask nobody who he is unless their code does: who reaches them \
         reads runs and prompts, and uses the model, or the tools, behind them. With `share` Gradio opens a \
         way from the Internet by itself.",
    ),
    remediation: Cow::Borrowed("Put a proxy that asks who calls before it, or keep it inside."),
    references: Cow::Borrowed(&[Reference::new("CWE-306"), Reference::new("AML.T0040")]),
    bad: Some(Example::new("object.yaml", UI_BAD)),
    good: Some(Example::new("object.yaml", UI_GOOD)),
};

static LITELLM: Rule = Rule {
    id: RuleId::new("CM-AI-015"),
    title: Cow::Borrowed("LiteLLM has no master key"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Without a master key the proxy of LiteLLM asks nobody for a key: each caller spends the accounts \
         that it has at model providers, and changes its configuration. With \
         `allow_requests_on_db_unavailable` it stops asking once its database is away.",
    ),
    remediation: Cow::Borrowed("Set `LITELLM_MASTER_KEY` from a Secret."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0034"),
        Reference::new("https://docs.litellm.ai/docs/proxy/virtual_keys"),
    ]),
    bad: Some(Example::new("object.yaml", LITELLM_BAD)),
    good: Some(Example::new("object.yaml", LITELLM_GOOD)),
};

static MCP: Rule = Rule {
    id: RuleId::new("CM-AI-016"),
    title: Cow::Borrowed("A server of tools for agents is reached from outside"),
    severity: Severity::Medium,
    confidence: Confidence::Low,
    description: Cow::Borrowed(
        "A server of the Model Context Protocol over HTTP runs its tools for whoever reaches it, unless it \
         asks for a token; whether its code does is not seen here.",
    ),
    remediation: Cow::Borrowed(
        "Keep the server inside of the cluster, or put a gateway that asks who calls before it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0053"),
        Reference::new(
            "https://modelcontextprotocol.io/specification/2025-06-18/basic/authorization",
        ),
    ]),
    bad: Some(Example::new("object.yaml", MCP_BAD)),
    good: Some(Example::new("object.yaml", MCP_GOOD)),
};

static METRICS: Rule = Rule {
    id: RuleId::new("CM-AI-019"),
    title: Cow::Borrowed("Metrics of GPUs are reached from outside"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The exporter of DCGM tells which models run where and how busy they are, to whoever reaches it.",
    ),
    remediation: Cow::Borrowed("Keep the Service of the exporter a ClusterIP."),
    references: Cow::Borrowed(&[Reference::new("CWE-200"), Reference::new("AML.T0007")]),
    bad: Some(Example::new("object.yaml", METRICS_BAD)),
    good: Some(Example::new("object.yaml", METRICS_GOOD)),
};

const MLFLOW_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [mlflow, server, --host, 0.0.0.0]
    ports: [{containerPort: 5000}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: LoadBalancer, selector: {app: serve}, ports: [{port: 5000}]}
";

const MLFLOW_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [mlflow, server, --host, 0.0.0.0, --app-name, basic-auth]
    ports: [{containerPort: 5000}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: LoadBalancer, selector: {app: serve}, ports: [{port: 5000}]}
";

const STATIC_BAD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: dex, namespace: auth}
data:
  config.yaml: |
    issuer: https://dex.example.org
    staticPasswords:
    - email: user@example.com
      hashFromEnv: DEX_USER_PASSWORD
";

const STATIC_GOOD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: dex, namespace: auth}
data:
  config.yaml: |
    issuer: https://dex.example.org
    connectors:
    - type: oidc
      id: company
";

const ARGO_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: quay.io/argoproj/argocli:v3.7.0
    args: [server, --auth-mode=server]
    ports: [{containerPort: 2746}]
";

const ARGO_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: quay.io/argoproj/argocli:v3.7.0
    args: [server, --auth-mode=sso]
    ports: [{containerPort: 2746}]
";

const UI_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [streamlit, run, app.py]
    ports: [{containerPort: 8501}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: LoadBalancer, selector: {app: serve}, ports: [{port: 8501}]}
";

const UI_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [streamlit, run, app.py]
    ports: [{containerPort: 8501}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: ClusterIP, selector: {app: serve}, ports: [{port: 8501}]}
";

const LITELLM_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: ghcr.io/berriai/litellm:v1.80.0
    args: [--config, /etc/litellm/config.yaml]
    env: [{name: STORE_MODEL_IN_DB, value: "True"}]
    ports: [{containerPort: 4000}]
"#;

const LITELLM_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: ghcr.io/berriai/litellm:v1.80.0
    args: [--config, /etc/litellm/config.yaml]
    env: [{name: LITELLM_MASTER_KEY, valueFrom: {secretKeyRef: {name: litellm, key: key}}}]
    ports: [{containerPort: 4000}]
";

const MCP_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [mcp-server, --transport, streamable-http]
    ports: [{containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: LoadBalancer, selector: {app: serve}, ports: [{port: 8000}]}
";

const MCP_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [mcp-server, --transport, streamable-http]
    ports: [{containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: ClusterIP, selector: {app: serve}, ports: [{port: 8000}]}
";

const METRICS_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3
    ports: [{containerPort: 9400}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: NodePort, selector: {app: serve}, ports: [{port: 9400}]}
";

const METRICS_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3
    ports: [{containerPort: 9400}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: ClusterIP, selector: {app: serve}, ports: [{port: 9400}]}
";
