//! Where models and code come from.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Program,
    downloads::downloads,
    named::{hub_address, is_file_of_hub, is_hub_name, unpinned},
    programs, python,
    texts::{is_commit, lines, scalars},
};
use crate::check::{Family, Persona, Report};
use crate::{
    Attr, Cursor, Fact, Resource, Truth, Value, World,
    check::{
        command::Command,
        selection::ConfigMaps,
        workload::{Container, objects},
    },
    read::{compose::SERVICE, values},
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&REMOTE_CODE, Persona::Regular),
        (&UNPINNED, Persona::Regular),
        (&PLAIN, Persona::Regular),
        (&PICKLE, Persona::Pedantic),
    ],
    check,
};

fn check(world: &World, report: &mut Report) {
    let maps = ConfigMaps::of(world);
    for program in programs(world) {
        remote_code(&program.command, report);
        in_environment(&program.container, report);
        let variables = Some((&program.container, &maps));
        unpinned(&program.command, variables, report);
        downloaded(&program.command, report);
        stored(&program, report);
    }
    for map in world.of_kind("ConfigMap") {
        for (_, value) in map.at("data").entries() {
            in_text(&value, report);
        }
    }
    for resource in objects(world).chain(world.of_kind(values::KIND)) {
        // To look into every text of every object is much, and most have none.
        let text = resource.body.origin.text();
        if SIGNS.iter().any(|sign| text.contains(sign)) {
            anywhere(&resource.cursor(), MAX_DEPTH, report);
        }
    }
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

/// What the servers of Seldon load with pickle.
const PICKLED: &[&str] = &["sklearn", "alibi-explain", "alibi-detect"];

/// What stands in an object that names a model, or runs its code.
const SIGNS: &[&str] = &[
    "hf://",
    "/resolve/",
    "trust_remote_code",
    "trust-remote-code",
    "trustRemoteCode",
    "--model",
    "modelURL",
    "hfModelName",
];

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
    let is_pickle = store
        .text()
        .is(|it| PICKLES.iter().any(|end| it.ends_with(end)));
    report.when(is_pickle, &PICKLE, &store, || {
        format!("{} may be a pickle", store.shown())
    });
}

/// What a command downloads, where the address ends like the file of a model.
fn downloaded(command: &Command<'_>, report: &mut Report) {
    for download in downloads(command) {
        let word = download.address;
        let path = word.text.split(['?', '#']).next().unwrap_or_default();
        let is_pickle = PICKLES.iter().any(|end| path.ends_with(end));
        let is_model = is_pickle || WEIGHTS.iter().any(|end| path.ends_with(end));
        let is_plain = is_model && word.text.starts_with("http://");
        for (is_it, rule, what) in [
            (is_pickle, &PICKLE, "may be a pickle"),
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

/// Every address of a model of the hub below a place, every list that is a command, and every key that
/// has the code of models run, whatever kind of object it is.
fn anywhere(place: &Cursor<'_>, depth: usize, report: &mut Report) {
    let (Some(depth), Fact::Known(attr)) = (depth.checked_sub(1), &place.fact) else {
        return;
    };
    if let Some(text) = attr.as_str().filter(|it| is_file_of_hub(it))
        && let Some(address) = hub_address(text)
    {
        report.when((!address.is_pinned).into(), &UNPINNED, place, || {
            format!("{} is named without a revision", address.model)
        });
    }
    if let Some(text) = attr.as_str()
        && let Some(name) = text.strip_prefix("hf://")
    {
        let revision = name.rsplit_once([':', '@']).map(|(_, revision)| revision);
        let is_free = !revision.is_some_and(|it| is_commit(it) || it.starts_with('$'));
        report.when(is_free.into(), &UNPINNED, place, || {
            format!("{text} is named without a revision")
        });
    }
    for (key, inner) in place.entries() {
        let key = key.replace(['_', '-'], "").to_ascii_lowercase();
        if key == "trustremotecode" {
            report.when(inner.is_true(), &REMOTE_CODE, &inner, || {
                "the code of the model is run".to_owned()
            });
        }
        if MODEL_KEYS.contains(&key.as_str()) {
            let is_free = inner.text().is(|it| is_hub_name(&it));
            report.when(is_free, &UNPINNED, &inner, || {
                format!("{} is named without a revision", inner.shown())
            });
        }
        anywhere(&inner, depth, report);
    }
    let Value::List(items) = &attr.value else {
        return;
    };
    let is_option = |item: &Attr| item.as_str().is_some_and(|it| it.starts_with("--"));
    if items.iter().any(is_option) && items.iter().all(|it| it.text().ok().is_some()) {
        let command = Command::at(place);
        remote_code(&command, report);
        unpinned(&command, None, report);
    }
    for inner in place.items() {
        anywhere(&inner, depth, report);
    }
}

/// Keys, without their dashes and in small letters, that name a model of a hub and nothing else.
const MODEL_KEYS: &[&str] = &["modelurl", "hfmodelname", "hfmodelid", "huggingfacemodel"];

/// Code and configuration that a ConfigMap has as a text.
fn in_text(text: &Cursor<'_>, report: &mut Report) {
    let whole = text.fact.clone().ok().and_then(Attr::as_str);
    let whole = whole.unwrap_or_default();
    if whole.contains("models:") {
        for scalar in scalars(text) {
            // A list of models, each with where it is from.
            let is_model = scalar.ends(&["models", "source"]) && is_hub_name(&scalar.value);
            let message = format!("{} is named without a revision", scalar.value);
            scalar.report(is_model, &UNPINNED, text, report, &message);
        }
    }
    let is_notebook = whole.trim_start().starts_with('{');
    // A notebook has its lines in quotes, and each is read by itself.
    let loads = match is_notebook {
        true => python::Loads::default(),
        false => python::loaded(whole),
    };
    let mut cut = loads.cut;
    let mut models = loads.models.into_iter().peekable();
    for (number, line) in lines(text).enumerate() {
        let code = line
            .text
            .split('#')
            .next()
            .unwrap_or_default()
            .replace(' ', "");
        let is_on = code.contains("trust_remote_code=True")
            || code.contains("trust_remote_code:true")
            || code.contains("--trust-remote-code")
            || code.contains("--trust_remote_code");
        line.report(is_on, &REMOTE_CODE, report, "the code of the model is run");
        let is_loaded = code.contains("weights_only=False");
        line.report(
            is_loaded,
            &PICKLE,
            report,
            "torch loads whatever the pickle says",
        );
        let mut model = None;
        while let Some(next) = models.next_if(|it| it.line == number) {
            model = model.or(Some(next.model));
        }
        if is_notebook {
            let own = python::loaded(line.text.trim().trim_start_matches('"'));
            model = own.models.first().map(|it| it.model);
            cut = cut.or(own.cut);
        }
        // A rule is reported of a line once.
        if let Some(model) = model {
            let message = format!("{model} is named without a revision");
            line.report(true, &UNPINNED, report, &message);
        }
    }
    if let Some(why) = cut {
        let is_more = Truth::Unknown(why.into());
        report.when(is_more, &UNPINNED, text, String::new);
    }
}

fn serve_config(text: &Cursor<'_>, report: &mut Report) {
    for scalar in scalars(text) {
        let is_on =
            scalar.is_under(&["trust_remote_code"]) && scalar.value.eq_ignore_ascii_case("true");
        scalar.report(
            is_on,
            &REMOTE_CODE,
            text,
            report,
            "the code of the model is run",
        );
        let is_model = scalar.is_under(&["MODEL_ID", "model_source"]) && is_hub_name(&scalar.value);
        let message = format!("{} is named without a revision", scalar.value);
        scalar.report(is_model, &UNPINNED, text, report, &message);
    }
}

const PICKLES: &[&str] = &[
    ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".mar",
];

/// Ends of files with weights that are no pickles.
const WEIGHTS: &[&str] = &[
    ".safetensors",
    ".gguf",
    ".onnx",
    ".tflite",
    ".h5",
    ".keras",
    ".engine",
];

/// As deep as manifests go.
const MAX_DEPTH: usize = 40;

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
mod tests {
    use super::*;
    use crate::survey::tests::survey;

    #[test]
    fn names_of_a_hub_are_told_from_paths() {
        for (text, expected) in [
            ("mistralai/Mistral-7B-Instruct-v0.2", true),
            ("/models/m", false),
            ("./m/n", false),
            ("models/m", false),
            ("a/b/c", false),
            ("$MODEL/x", false),
            ("m", false),
        ] {
            assert_eq!(is_hub_name(text), expected, "{text}");
        }
    }

    /// Where the two rules about models are found.
    fn found(name: &str, text: &str) -> Vec<String> {
        let outcomes = survey(&[(name, text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let found = findings.map(|it| format!("{} {}", it.rule, it.location));
        found
            .filter(|it| it.starts_with("CM-AI-020") || it.starts_with("CM-AI-021"))
            .collect()
    }

    #[test]
    fn pods_of_kinds_that_nobody_knows_are_pods() {
        let text = "apiVersion: example.org/v1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  roles:\n  - name: prefill\n    \
            template:\n      spec:\n        containers:\n        - name: a\n          image: r.example.org/vllm:1\n          \
            command: [/bin/bash, -lc, --]\n          args: ['ulimit -n 1; vllm serve org/model --trust-remote-code']\n";
        assert_eq!(
            found("a.yaml", text),
            ["CM-AI-021 a.yaml:13:43", "CM-AI-020 a.yaml:13:53"]
        );
        let policy = text.replace("example.org/v1", "kyverno.io/v1");
        assert!(
            !found("a.yaml", &policy)
                .iter()
                .any(|it| it.starts_with("CM-AI-020"))
        );
    }

    #[test]
    fn a_model_is_found_through_its_variable() {
        let pod = |value: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
                 image: r.example.org/a:1\n    args: [--model=$(NAME)]\n    env:\n    - name: NAME\n      value: {value}\n"
            )
        };
        assert_eq!(
            found("a.yaml", &pod("org/model")),
            ["CM-AI-021 a.yaml:11:14"]
        );
        assert_eq!(found("a.yaml", &pod("/models/m")), [""; 0]);
    }

    #[test]
    fn a_variable_of_a_script_is_what_the_script_says() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
            image: r.example.org/a:1\n    command: [bash, -c]\n    args:\n    - |\n      M=org/model\n      hf download \"$M\" --local-dir /m\n";
        assert_eq!(found("a.yaml", text), ["CM-AI-021 a.yaml:11:7"]);
    }

    #[test]
    fn what_seldon_loads_with_pickle_is_found() {
        for text in [
            "apiVersion: mlops.seldon.io/v1alpha1\nkind: Model\nmetadata: {name: m}\nspec: {requirements: [sklearn]}\n",
            "apiVersion: machinelearning.seldon.io/v1\nkind: SeldonDeployment\nmetadata: {name: m}\n\
             spec: {predictors: [{name: d, graph: {name: g, implementation: SKLEARN_SERVER}}]}\n",
        ] {
            let outcomes = survey(&[("m.yaml", text.as_bytes())]);
            let mut findings = outcomes.iter().flat_map(|it| &it.findings);
            assert!(findings.any(|it| it.rule.as_str() == "CM-AI-023"), "{text}");
        }
    }

    #[test]
    fn commands_are_read_wherever_they_are() {
        let job = "apiVersion: ray.io/v1\nkind: RayJob\nmetadata: {name: j}\nspec:\n  entrypoint: vllm serve org/model\n";
        let custom = "apiVersion: example.org/v1\nkind: Model\nmetadata: {name: m}\nspec:\n  args: [--trust-remote-code, --tp=2]\n";
        let written = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
            image: r.example.org/a:1\n    command: [sh, -c]\n    args:\n    - |\n      cat <<EOF > c.yaml\n      \
            trust_remote_code: true\n      EOF\n";
        let compose = "services:\n  v:\n    image: vllm/vllm-openai:v1\n    command: --model ${M:-org/model}\n";
        let values = "engine:\n  extraArgs: [--trust-remote-code]\n  modelURL: org/model\n";
        for (name, text, expected) in [
            ("job.yaml", job, &["CM-AI-021 job.yaml:5:26"][..]),
            ("model.yaml", custom, &["CM-AI-020 model.yaml:5:10"]),
            ("pod.yaml", written, &["CM-AI-020 pod.yaml:12:7"]),
            ("compose.yaml", compose, &["CM-AI-021 compose.yaml:4:14"]),
            (
                "values-prod.yaml",
                values,
                &[
                    "CM-AI-020 values-prod.yaml:2:15",
                    "CM-AI-021 values-prod.yaml:3:13",
                ],
            ),
        ] {
            assert_eq!(found(name, text), expected, "{text}");
        }
    }

    #[test]
    fn code_in_a_config_map_says_what_it_loads() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  load.py: |\n    for m in [\n      \
            'org/model',\n    ]:\n      snapshot_download(m)\n  a.ipynb: |\n    {\"source\": [\n      \
            \"x.from_pretrained('org/other')\\n\"]}\n";
        let expected = ["CM-AI-021 map.yaml:7:7", "CM-AI-021 map.yaml:12:7"];
        assert_eq!(found("map.yaml", map), expected);
    }

    #[test]
    fn a_model_has_an_address_at_the_hub() {
        let commit = "4d2c9a59d9eabfd4c8a9e04a7aae44fc8f5b416f";
        let pod = |script: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
                 image: r.example.org/a:1\n    command: [sh, -c]\n    args: ['{script}']\n"
            );
            found("a.yaml", &text).len()
        };
        let file = |revision: &str| {
            pod(&format!(
                "wget https://huggingface.co/org/m/resolve/{revision}/m.gguf"
            ))
        };
        assert_eq!((file("main"), file(commit)), (1, 0));
        assert_eq!(pod("git clone https://huggingface.co/org/m /models"), 1);
        assert_eq!(
            pod(&format!(
                "git clone https://huggingface.co/org/m && cd m && git checkout {commit}"
            )),
            0
        );
        assert_eq!(pod("git clone https://github.com/org/m"), 0);
        assert_eq!(
            pod("curl https://huggingface.co/datasets/o/d/resolve/main/d.json"),
            0
        );
        let values = "model:\n  url: https://huggingface.co/org/m/resolve/main/m.gguf\n";
        assert_eq!(found("values.yaml", values), ["CM-AI-021 values.yaml:2:8"]);
    }

    #[test]
    fn files_of_models_are_downloaded() {
        let of = |address: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
                 image: r.example.org/a:1\n    command: [wget, '{address}']\n"
            );
            let outcomes = survey(&[("a.yaml", text.as_bytes())]);
            let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            let found = findings.map(|it| it.rule.to_string());
            found
                .filter(|it| ["CM-AI-022", "CM-AI-023"].contains(&&**it))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("https://a.example/m.safetensors"), [""; 0]);
        assert_eq!(of("http://a.example/m.gguf"), ["CM-AI-022"]);
        assert_eq!(of("https://a.example/m.pth"), ["CM-AI-023"]);
        assert_eq!(of("http://a.example/data.json"), [""; 0]);
    }

    #[test]
    fn a_list_of_models_in_a_config_map_says_where_they_are_from() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  adapters.yaml: |\n    \
            ensureExist:\n      models:\n      - id: a\n        source: org/adapter\n      - id: b\n        source: /models/b\n";
        assert_eq!(found("map.yaml", map), ["CM-AI-021 map.yaml:9:17"]);
    }

    #[test]
    fn the_name_of_a_model_is_none_of_a_hub_beside_its_path() {
        let job = |command: &str| {
            let text = format!(
                "apiVersion: ray.io/v1\nkind: RayJob\nmetadata: {{name: j}}\nspec:\n  entrypoint: {command}\n"
            );
            found("job.yaml", &text).len()
        };
        assert_eq!(job("torchrun train.py --model_name org/model"), 1);
        assert_eq!(job("serve --model-path /m --model-name org/model"), 0);
    }
}
