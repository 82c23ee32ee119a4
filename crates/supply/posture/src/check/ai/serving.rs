//! Model servers: who may ask them, and for what.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    servers::{KEY_FLAGS, OTHERS, server},
    texts::lines,
};
use crate::Truth;
use crate::check::{
    Check, Family, Persona, Report,
    workloads::{Program, Workloads},
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&TORCHSERVE, Persona::Regular),
        (&TRITON, Persona::Regular),
        (&NO_KEY, Persona::Regular),
        (&OLLAMA, Persona::Regular),
        (&PUBLIC, Persona::Auditor),
        (&DEVELOPMENT, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        torchserve(program, report);
        triton(program, report);
        keys(program, workloads, report);
        ollama(program, workloads, report);
        development(program, report);
    }
    for map in world.of_kind("ConfigMap") {
        for (_, value) in map.at("data").entries() {
            for line in lines(&value) {
                let text = line.text.replace([' ', '\t'], "");
                let is_open = TORCHSERVE_SETTINGS.contains(&text.as_str());
                line.report(
                    is_open,
                    &TORCHSERVE,
                    report,
                    &format!("TorchServe has {text}"),
                );
            }
        }
    }
    for service in world.of_kind("InferenceService") {
        let labels = service.at("metadata.labels");
        let keys = [
            "networking.kserve.io/visibility",
            "networking.knative.dev/visibility",
        ];
        let is_local = Truth::any(keys.map(|key| labels.get(key).equals("cluster-local")));
        report.when(!is_local, &PUBLIC, &service.at("metadata"), || {
            "the InferenceService is not kept inside".to_owned()
        });
    }
}

fn torchserve(program: &Program<'_>, report: &mut Report) {
    if let Some(flag) = program.command.flag("--disable-token-auth") {
        report.when_at(
            Truth::Yes,
            &TORCHSERVE,
            &flag.word.cursor,
            &flag.word.origin,
            || ("TorchServe asks for no token".to_owned(), Vec::new()),
        );
    }
    if let Some(variable) = program.container.env("TS_DISABLE_TOKEN_AUTHORIZATION") {
        let value = variable.get("value");
        report.when(value.is_true(), &TORCHSERVE, &value, || {
            "TorchServe asks for no token".to_owned()
        });
    }
}

fn triton(program: &Program<'_>, report: &mut Report) {
    if !program.command.runs("tritonserver") && !program.is_image(&["tritonserver"]) {
        return;
    }
    let mode = program.command.flag("--model-control-mode");
    let Some(mode) = mode.filter(|mode| matches!(mode.value, Some("explicit" | "poll"))) else {
        return;
    };
    let is_open = program.lacks(&["--http-restricted-api", "--grpc-restricted-protocol"]);
    report.when_at(
        is_open,
        &TRITON,
        &mode.word.cursor,
        &mode.word.origin,
        || {
            (
                "Triton loads models while it runs, for everybody".to_owned(),
                Vec::new(),
            )
        },
    );
}

fn keys<'a>(program: &Program<'a>, workloads: &Workloads<'a>, report: &mut Report) {
    let Some(server) = server(&program.image, &program.command) else {
        return;
    };
    let reach = program.reach(&["--port", "-p"], server.port, workloads);
    let is_open = reach
        .outside
        .clone()
        .and(|| program.lacks(KEY_FLAGS))
        .and(|| {
            let has = |name: &&str| program.container.has_env(name, &workloads.maps);
            !Truth::any(server.variables.iter().map(has))
        });
    let place = &program.container.cursor;
    report.when_at(is_open, &NO_KEY, place, place.origin(), || {
        (
            "who is outside uses the model without a key".to_owned(),
            reach.through,
        )
    });
}

fn ollama<'a>(program: &Program<'a>, workloads: &Workloads<'a>, report: &mut Report) {
    let image = &program.image;
    let image = image.rsplit('/').next().unwrap_or_default();
    // `ollama-ubi9` is a build of it, `ollama-operator` another program.
    let is_build = image.strip_prefix("ollama-").is_some_and(|rest| {
        let mut words = rest.split(['-', '_']);
        !words.any(|it| {
            OTHERS.contains(&it)
                || ["ui", "webui", "proxy", "client", "benchmark", "simulator"].contains(&it)
        })
    });
    if image != "ollama" && !is_build && program.command.phrase(&["ollama", "serve"]).is_none() {
        return;
    }
    if let Some(origins) = program.container.env("OLLAMA_ORIGINS") {
        let value = origins.get("value");
        report.when(value.equals("*"), &OLLAMA, &value, || {
            "every web page may ask Ollama".to_owned()
        });
    }
    let host = program.container.env_value("OLLAMA_HOST", &workloads.maps);
    let is_kept = host.is(|host| host.starts_with("127.") || host.starts_with("localhost"));
    let reach = program.reach(&[], 11434, workloads);
    let is_open = reach.outside.clone().and(|| !is_kept);
    let place = &program.container.cursor;
    report.when_at(is_open, &OLLAMA, place, place.origin(), || {
        ("who is outside uses Ollama".to_owned(), reach.through)
    });
}

fn development(program: &Program<'_>, report: &mut Report) {
    for name in ["VLLM_ALLOW_RUNTIME_LORA_UPDATING", "VLLM_SERVER_DEV_MODE"] {
        if let Some(variable) = program.container.env(name) {
            let value = variable.get("value");
            let is_on = value.is_true().or(|| value.equals("1"));
            report.when(is_on, &DEVELOPMENT, &value, || format!("{name} is on"));
        }
    }
    if let Some(flag) = program.command.flag("--allowed-local-media-path") {
        report.when_at(
            Truth::Yes,
            &DEVELOPMENT,
            &flag.word.cursor,
            &flag.word.origin,
            || {
                (
                    "a prompt may name files of the server".to_owned(),
                    Vec::new(),
                )
            },
        );
    }
}

/// Lines of a `config.properties`, without blanks.
const TORCHSERVE_SETTINGS: &[&str] = &[
    "disable_token_authorization=true",
    "management_address=http://0.0.0.0:8081",
    "allowed_urls=.*",
];

static TORCHSERVE: Rule = Rule {
    id: RuleId::new("CM-AI-010"),
    title: Cow::Borrowed("TorchServe asks nobody for a token, or takes models of everybody"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The management port of TorchServe registers models, and a model archive is code. With token \
         authorization off and the port open, or `allowed_urls` for every address, who reaches it runs code \
         (the flaws called ShellTorch).",
    ),
    remediation: Cow::Borrowed("Remove the option, and keep the management address on 127.0.0.1."),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2023-43654"),
        Reference::new("CWE-306"),
        Reference::new("AML.T0049"),
        Reference::new("https://docs.pytorch.org/serve/token_authorization_api.html"),
    ]),
    bad: Some(Example::new("object.yaml", TORCHSERVE_BAD)),
    good: Some(Example::new("object.yaml", TORCHSERVE_GOOD)),
};

static TRITON: Rule = Rule {
    id: RuleId::new("CM-AI-011"),
    title: Cow::Borrowed("Triton loads models at run time for everybody"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "With the control mode `explicit` or `poll` models are loaded while Triton runs, by a call or from a \
         directory, and a model may be Python. NVIDIA says that this leads to the execution of arbitrary code \
         unless only trusted ones have access.",
    ),
    remediation: Cow::Borrowed(
        "Use the mode `none`, or restrict the API: `--http-restricted-api=model-repository:…` and \
         `--grpc-restricted-protocol`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0018"),
        Reference::new(
            "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/customization_guide/deploy.html",
        ),
    ]),
    bad: Some(Example::new("object.yaml", TRITON_BAD)),
    good: Some(Example::new("object.yaml", TRITON_GOOD)),
};

static NO_KEY: Rule = Rule {
    id: RuleId::new("CM-AI-012"),
    title: Cow::Borrowed("A model server is reached from outside and asks for no key"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "vLLM, SGLang, llama.cpp, LMDeploy and the servers of Text Generation and Text Embeddings Inference \
         answer everybody unless they are told a key: who reaches them uses the GPUs and reads what the model knows. vLLM asks for the key only below `/v1`.",
    ),
    remediation: Cow::Borrowed(
        "Set `--api-key`, from a Secret, and put a gateway that asks who calls before it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0040"),
        Reference::new("AML.T0034"),
        Reference::new("https://docs.vllm.ai/en/latest/usage/security.html"),
    ]),
    bad: Some(Example::new("object.yaml", NO_KEY_BAD)),
    good: Some(Example::new("object.yaml", NO_KEY_GOOD)),
};

static OLLAMA: Rule = Rule {
    id: RuleId::new("CM-AI-013"),
    title: Cow::Borrowed("Ollama is reached from outside, or by every web page"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Ollama asks nobody who he is: who reaches it pulls, makes and deletes models, and uses the GPUs. \
         With `OLLAMA_ORIGINS` of `*` every page that a user has open does so in his place.",
    ),
    remediation: Cow::Borrowed(
        "Keep the Service a ClusterIP behind a proxy that asks who calls, and name the origins.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("CWE-942"),
        Reference::new("AML.T0040"),
        Reference::new("https://docs.ollama.com/faq"),
    ]),
    bad: Some(Example::new("object.yaml", OLLAMA_BAD)),
    good: Some(Example::new("object.yaml", OLLAMA_GOOD)),
};

static PUBLIC: Rule = Rule {
    id: RuleId::new("CM-AI-018"),
    title: Cow::Borrowed("An InferenceService may be reached from outside"),
    severity: Severity::Info,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "KServe publishes an InferenceService at the gateway of the cluster unless its label says \
         `cluster-local`.",
    ),
    remediation: Cow::Borrowed(
        "Add the label `networking.kserve.io/visibility: cluster-local` where no caller is outside.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("AML.T0040"),
        Reference::new("https://kserve.github.io/website/"),
    ]),
    bad: Some(Example::new("object.yaml", PUBLIC_BAD)),
    good: Some(Example::new("object.yaml", PUBLIC_GOOD)),
};

static DEVELOPMENT: Rule = Rule {
    id: RuleId::new("CM-AI-079"),
    title: Cow::Borrowed("vLLM has a feature on that its makers call unsafe"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `VLLM_ALLOW_RUNTIME_LORA_UPDATING` a caller has the server load adapters, \
         `VLLM_SERVER_DEV_MODE` opens endpoints of developers, and `--allowed-local-media-path` lets a prompt \
         name files of the server.",
    ),
    remediation: Cow::Borrowed("Remove the variable or option."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-489"),
        Reference::new("AML.T0018"),
        Reference::new("https://docs.vllm.ai/en/latest/usage/security.html"),
    ]),
    bad: Some(Example::new("object.yaml", DEVELOPMENT_BAD)),
    good: Some(Example::new("object.yaml", DEVELOPMENT_GOOD)),
};

const TORCHSERVE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [torchserve, --start, --disable-token-auth]
    ports: [{containerPort: 8080}]
";

const TORCHSERVE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [torchserve, --start]
    ports: [{containerPort: 8080}]
";

const TRITON_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [tritonserver, --model-repository=/models, --model-control-mode=explicit]
    ports: [{containerPort: 8000}]
";

const TRITON_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [tritonserver, --model-repository=/models]
    ports: [{containerPort: 8000}]
";

const NO_KEY_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [vllm, serve, /models/m]
    ports: [{containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: LoadBalancer, selector: {app: serve}, ports: [{port: 8000}]}
";

const NO_KEY_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [vllm, serve, /models/m, --api-key, $(API_KEY)]
    ports: [{containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: LoadBalancer, selector: {app: serve}, ports: [{port: 8000}]}
";

const OLLAMA_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: ollama/ollama:0.13.0
    ports: [{containerPort: 11434}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: NodePort, selector: {app: serve}, ports: [{port: 11434}]}
";

const OLLAMA_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: ollama/ollama:0.13.0
    ports: [{containerPort: 11434}]
---
apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec: {type: ClusterIP, selector: {app: serve}, ports: [{port: 11434}]}
";

const PUBLIC_BAD: &[u8] = br"apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m, namespace: ml}
spec: {predictor: {model: {modelFormat: {name: onnx}, storageUri: 's3://models/m'}}}
";

const PUBLIC_GOOD: &[u8] = br"apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m, namespace: ml, labels: {networking.kserve.io/visibility: cluster-local}}
spec: {predictor: {model: {modelFormat: {name: onnx}, storageUri: 's3://models/m'}}}
";

const DEVELOPMENT_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.11.0
    env: [{name: VLLM_SERVER_DEV_MODE, value: "1"}]
    ports: [{containerPort: 8000}]
"#;

const DEVELOPMENT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.11.0
    env: [{name: VLLM_LOGGING_LEVEL, value: INFO}]
    ports: [{containerPort: 8000}]
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    /// What is said of a server that is behind a route.
    fn found(image: &str, ports: &str, name: &str) -> Vec<String> {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{app: p}}}}\nspec:\n  \
             containers: [{{name: s, image: '{image}', ports: {ports}}}]\n---\napiVersion: v1\nkind: Service\n\
             metadata: {{name: s}}\nspec: {{clusterIP: None, selector: {{app: p}}, ports: [{{port: 80, targetPort: {name}}}]}}\n\
             ---\napiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {{name: r}}\n\
             spec: {{to: {{kind: Service, name: s}}}}\n"
        );
        let outcomes = survey(&[("a.yaml", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let found = findings.map(|it| it.rule.to_string());
        let found = found.filter(|it| ["CM-AI-012", "CM-AI-013", "CM-AI-014"].contains(&&**it));
        found.collect()
    }

    #[test]
    fn a_server_answers_at_the_only_port_of_its_container() {
        let tgi = "ghcr.io/huggingface/text-generation-inference:1.2.0";
        let port = "[{name: http, containerPort: 3000}]";
        assert_eq!(found(tgi, port, "http"), ["CM-AI-012"]);
        assert_eq!(found(tgi, port, "metrics"), [""; 0]);
        let both = "[{name: http, containerPort: 80}, {name: metrics, containerPort: 3000}]";
        assert_eq!(found(tgi, both, "metrics"), [""; 0]);
    }

    #[test]
    fn servers_and_interfaces_are_known_by_the_parts_of_their_names() {
        let port = "[{name: http, containerPort: 8000}]";
        for (image, rules) in [
            ("nvcr.io/nim/nvidia/llm-nim:1.14", &["CM-AI-012"][..]),
            ("r.example.org/nimble:1", &[]),
            ("r.example.org/ollama-ubi9:1", &["CM-AI-013"]),
            ("r.example.org/ollama-build:1", &["CM-AI-013"]),
            ("r.example.org/ollama-webui:1", &[]),
            ("r.example.org/ollama-operator:1", &[]),
            ("r.example.org/gradio-rag:1", &["CM-AI-014"]),
            ("r.example.org/gradios:1", &[]),
        ] {
            assert_eq!(found(image, port, "http"), rules, "{image}");
        }
    }
}
