//! Where models and code come from.

mod objects;
mod texts;

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use self::texts::{in_text, loaded, serve_config};
use super::{
    downloads::{downloads, is_pickle},
    named::{MODEL_FLAGS, is_hub_name, unpinned},
    python,
};
use crate::{
    Cursor, Fact, Resource, Truth,
    check::{
        Check, Family, Persona, Report,
        command::Command,
        workload::Container,
        workloads::{Program, Workloads},
    },
    read::compose::SERVICE,
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&REMOTE_CODE, Persona::Regular),
        (&UNPINNED, Persona::Regular),
        (&PLAIN, Persona::Regular),
        (&PICKLE, Persona::Pedantic),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        remote_code(&program.command, report);
        in_environment(&program.container, report);
        let variables = Some((&program.container, &workloads.maps));
        unpinned(&program.command, variables, report);
        downloaded(&program.command, report);
        for key in ["command", "args", "source"] {
            let place = program.container.cursor.get(key);
            for text in place.items().into_iter().chain([place]) {
                // Programs in scripts. What a list starts is a test of the shell there.
                let is_code = |text: &str| python::CALLS.iter().any(|call| text.contains(call));
                if text.text().is(|it| is_code(&it)).is_yes() {
                    loaded(&text, report);
                }
            }
        }
        stored(program, report);
    }
    for map in world.of_kind("ConfigMap") {
        for (_, value) in map.at("data").entries() {
            in_text(&value, report);
        }
    }
    objects::check(world, report);
    for kind in ["LLMInferenceService", "LLMInferenceServiceConfig"] {
        for service in world.of_kind(kind) {
            plain(&service.at("spec.model.uri"), report);
        }
    }
    for model in world.of_kind("Model") {
        let group = model.at("apiVersion").text().ok().unwrap_or_default();
        for part in model.at("spec.requirements").items() {
            let loads = part.text().is(|it| PICKLED.contains(&it.as_str()));
            let is_seldon = group.starts_with("mlops.seldon.io/");
            report.when(loads.and(|| is_seldon.into()), &PICKLE, &part, || {
                format!("{} loads pickles", part.shown())
            });
        }
    }
    for deployment in world.of_kind("SeldonDeployment") {
        for graph in deployment.cursor().walk("spec.predictors[].graph") {
            let server = graph.get("implementation");
            report.when(server.equals("SKLEARN_SERVER"), &PICKLE, &server, || {
                "scikit-learn loads pickles".to_owned()
            });
        }
    }
    for kind in WORKFLOWS {
        for workflow in world.of_kind(kind) {
            for way in ["spec", "spec.workflowSpec"] {
                parameters(&workflow.at(way), report);
            }
        }
    }
    for job in world.of_kind("RayJob") {
        let command = Command::at(&job.at("spec.entrypoint"));
        remote_code(&command, report);
        unpinned(&command, None, report);
    }
    for service in world.of_kind("RayService") {
        for key in ["spec.serveConfigV2", "spec.serveConfig.runtimeEnv"] {
            serve_config(&service.at(key), report);
        }
    }
    for service in world.of_kind(SERVICE) {
        composed(service, report);
    }
}

/// A parameter of Argo Workflows that is a model, where a step of the workflow is told one.
fn parameters(spec: &Cursor<'_>, report: &mut Report) {
    let words = spec.walk("templates[].container.args[]").into_iter();
    let words = words.chain(spec.walk("templates[].container.command[]"));
    let is_told = |word: &Cursor<'_>| {
        let word = word.nearest().as_str().unwrap_or_default();
        let option = word.split('=').next().unwrap_or_default().replace('_', "-");
        MODEL_FLAGS.contains(&option.as_str())
    };
    if !words.into_iter().any(|word| is_told(&word)) {
        return;
    }
    for parameter in spec.walk("arguments.parameters[]") {
        let name = parameter.get("name").text().ok().unwrap_or_default();
        let option = format!("--{}", name.replace('_', "-"));
        let value = parameter.get("value");
        let is_model = MODEL_FLAGS.contains(&option.as_str());
        let is_free = value
            .text()
            .is(|it| is_hub_name(&it))
            .and(|| is_model.into());
        if is_model {
            report.when(is_free, &UNPINNED, &value, || {
                format!("{} is named without a revision", value.shown())
            });
        }
    }
}

/// Kinds of Argo Workflows.
const WORKFLOWS: &[&str] = &[
    "Workflow",
    "WorkflowTemplate",
    "ClusterWorkflowTemplate",
    "CronWorkflow",
];

/// What the servers of Seldon load with pickle.
const PICKLED: &[&str] = &["sklearn", "alibi-explain", "alibi-detect"];

fn remote_code(command: &Command<'_>, report: &mut Report) {
    for flag in command.flags("--trust-remote-code") {
        // The words of the same script are one attribute.
        let is_on = !flag
            .value
            .is_some_and(|it| it.eq_ignore_ascii_case("false"));
        report.when_at(
            is_on.into(),
            &REMOTE_CODE,
            &flag.word.cursor,
            &flag.word.origin,
            || ("the code of the model is run".to_owned(), Vec::new()),
        );
    }
    // Scripts write files, and have programs in them.
    for (at, word) in command.words.iter().enumerate() {
        let text = word.text.to_ascii_lowercase().replace(' ', "");
        let next = command.words.get(at + 1).map(|it| it.text.as_str());
        let is_key = matches!(text.as_str(), "trust_remote_code:" | "trust_remote_code=");
        let is_on = text.contains("trust_remote_code=true")
            || text.contains("trust_remote_code:true")
            || is_key && next.is_some_and(|it| it.eq_ignore_ascii_case("true"));
        let is_flag = word.text.starts_with('-');
        report.when_at(
            (is_on && !is_flag).into(),
            &REMOTE_CODE,
            &word.cursor,
            &word.origin,
            || ("the code of the model is run".to_owned(), Vec::new()),
        );
    }
}

fn in_environment(container: &Container<'_>, report: &mut Report) {
    for variable in container.cursor.get("env").items() {
        let name = variable.get("name").text().ok().unwrap_or_default();
        let value = variable.get("value");
        let is_named = name.ends_with("TRUST_REMOTE_CODE");
        let is_on = match value.text() {
            // Nobody asks of most variables whether they say so.
            Fact::Unknown(_) if !is_named => Truth::No,
            text => text.is(|text| {
                let is_yes = text == "1" || text.eq_ignore_ascii_case("true");
                text.contains("--trust-remote-code") || (is_named && is_yes)
            }),
        };
        report.when(is_on, &REMOTE_CODE, &value, || {
            "the code of the model is run".to_owned()
        });
    }
}

/// The model and the code of a service of Compose.
fn composed(service: &Resource, report: &mut Report) {
    for key in ["entrypoint", "command"] {
        let place = service.at(key);
        unpinned(&Command::at(&place), None, report);
    }
}

/// What KServe loads.
fn stored(program: &Program<'_>, report: &mut Report) {
    let container = &program.container.cursor;
    let store = container.get("storageUri");
    plain(&store, report);
    let format = container.at("modelFormat.name");
    report.when(format.equals("sklearn"), &PICKLE, &format, || {
        "scikit-learn loads pickles".to_owned()
    });
    if container.path.ends_with(".sklearn") {
        report.when(Truth::Yes, &PICKLE, container, || {
            "scikit-learn loads pickles".to_owned()
        });
    }
    let is_it = store.text().is(|it| is_pickle(&it));
    report.when(is_it, &PICKLE, &store, || {
        format!("{} may be a pickle", store.shown())
    });
}

/// What a command downloads, where the address ends like the file of a model.
fn downloaded(command: &Command<'_>, report: &mut Report) {
    for download in downloads(command) {
        let word = download.address;
        let is_plain = download.is_model() && word.text.starts_with("http://");
        for (is_it, rule, what) in [
            (is_pickle(&word.text), &PICKLE, "may be a pickle"),
            (is_plain, &PLAIN, "has no TLS"),
        ] {
            report.when_at(is_it.into(), rule, &word.cursor, &word.origin, || {
                (format!("{} {what}", word.text), Vec::new())
            });
        }
    }
}

fn plain(address: &Cursor<'_>, report: &mut Report) {
    let is_plain = address.text().is(|it| it.starts_with("http://"));
    report.when(is_plain, &PLAIN, address, || {
        format!("{} has no TLS", address.shown())
    });
}

static REMOTE_CODE: Rule = Rule {
    id: RuleId::new("CM-AI-020"),
    title: Cow::Borrowed("A model brings code that is run"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `trust_remote_code` the loader runs Python files that lie beside the weights: who can write to \
         the repository of the model, or take over its name, runs code in the server, with its GPUs, tokens \
         and data.",
    ),
    remediation: Cow::Borrowed(
        "Remove the option, use a model that the library knows, or pin the revision to a commit whose code \
         was read.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("CWE-94"),
        Reference::new("AML.T0010"),
        Reference::new("AML.T0011.000"),
    ]),
    bad: Some(Example::new("object.yaml", REMOTE_CODE_BAD)),
    good: Some(Example::new("object.yaml", REMOTE_CODE_GOOD)),
};

pub(super) static UNPINNED: Rule = Rule {
    id: RuleId::new("CM-AI-021"),
    title: Cow::Borrowed("A model is named without a revision"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A model of a hub by its name alone is what its owner, or whoever took the name over, has there at \
         the next start: other weights, other code, another prompt template.",
    ),
    remediation: Cow::Borrowed(
        "Name the commit: `--revision` with all 40 digits, or `hf://owner/name:<commit>`.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-494"), Reference::new("AML.T0010")]),
    bad: Some(Example::new("object.yaml", UNPINNED_BAD)),
    good: Some(Example::new("object.yaml", UNPINNED_GOOD)),
};

static PLAIN: Rule = Rule {
    id: RuleId::new("CM-AI-022"),
    title: Cow::Borrowed("A model comes over plain HTTP"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Whoever is between the cluster and the store gives the server another model, and many formats of \
         models are code.",
    ),
    remediation: Cow::Borrowed("Use `https://`, `s3://`, `oci://` or another scheme with TLS."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-319"),
        Reference::new("CWE-494"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("object.yaml", PLAIN_BAD)),
    good: Some(Example::new("object.yaml", PLAIN_GOOD)),
};

static PICKLE: Rule = Rule {
    id: RuleId::new("CM-AI-023"),
    title: Cow::Borrowed("A model is of a format that runs code when it is loaded"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Servers of scikit-learn load joblib and pickle, and `.pt`, `.pth`, `.bin`, `.ckpt` and `.mar` files \
         mostly are pickles or hold some: to load one is to run what is in it.",
    ),
    remediation: Cow::Borrowed(
        "Convert the model to safetensors or ONNX, or scan and sign it before it is stored.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-502"),
        Reference::new("AML.T0011.000"),
        Reference::new("AML.T0018"),
    ]),
    bad: Some(Example::new("object.yaml", PICKLE_BAD)),
    good: Some(Example::new("object.yaml", PICKLE_GOOD)),
};

const REMOTE_CODE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [vllm, serve, /models/m, --trust-remote-code]
    ports: [{containerPort: 8000}]
";

const REMOTE_CODE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [vllm, serve, /models/m]
    ports: [{containerPort: 8000}]
";

const UNPINNED_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [vllm, serve, example/model]
    ports: [{containerPort: 8000}]
";

const UNPINNED_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [vllm, serve, example/model, --revision, 4d2c9a59d9eabfd4c8a9e04a7aae44fc8f5b416f]
    ports: [{containerPort: 8000}]
";

const PLAIN_BAD: &[u8] = br"apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m, namespace: ml}
spec:
  predictor:
    model:
      modelFormat: {name: onnx}
      storageUri: http://models.example.org/m.onnx
";

const PLAIN_GOOD: &[u8] = br"apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m, namespace: ml}
spec:
  predictor:
    model:
      modelFormat: {name: onnx}
      storageUri: s3://models/m.onnx
";

const PICKLE_BAD: &[u8] = br"apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m, namespace: ml}
spec:
  predictor:
    model:
      modelFormat: {name: sklearn}
      storageUri: s3://models/m
";

const PICKLE_GOOD: &[u8] = br"apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: m, namespace: ml}
spec:
  predictor:
    model:
      modelFormat: {name: onnx}
      storageUri: s3://models/m
";

#[cfg(test)]
mod tests;
