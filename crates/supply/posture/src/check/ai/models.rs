//! Where models and code come from.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Program, programs,
    texts::{is_commit, lines, scalars},
};
use crate::check::{Family, Persona, Report};
use crate::{
    Cursor, Fact, Truth, World,
    check::{command::Word, workload::objects},
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&REMOTE_CODE, Persona::Regular),
        (&UNPINNED, Persona::Regular),
        (&PLAIN, Persona::Regular),
        (&PICKLE, Persona::Pedantic),
        (&INSTALLS, Persona::Regular),
        (&PIPED, Persona::Regular),
    ],
    check,
};

fn check(world: &World, report: &mut Report) {
    for program in programs(world) {
        remote_code(&program, report);
        unpinned(&program, report);
        stored(&program, report);
        installs(&program, report);
    }
    for map in world.of_kind("ConfigMap") {
        for (_, value) in map.at("data").entries() {
            in_text(&value, report);
        }
    }
    for resource in objects(world) {
        // To look into every text of every object is much, and most have none.
        if resource.body.origin.text().contains("hf://") {
            addresses(&resource.cursor(), MAX_DEPTH, report);
        }
    }
    for kind in ["LLMInferenceService", "LLMInferenceServiceConfig"] {
        for service in world.of_kind(kind) {
            plain(&service.at("spec.model.uri"), report);
        }
    }
    for runtime in world.of_kind("VLLMRuntime") {
        let model = runtime.at("spec.model.modelURL");
        let is_free = model.text().is(|it| is_hub_name(&it));
        report.when(is_free, &UNPINNED, &model, || {
            format!("{} is named without a revision", model.shown())
        });
    }
    for service in world.of_kind("RayService") {
        for key in ["spec.serveConfigV2", "spec.serveConfig.runtimeEnv"] {
            serve_config(&service.at(key), report);
        }
    }
}

fn remote_code(program: &Program<'_>, report: &mut Report) {
    for flag in program.command.flags("--trust-remote-code") {
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
    for variable in program.container.cursor.get("env").items() {
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

/// A model of a hub in a command or in the environment.
fn unpinned(program: &Program<'_>, report: &mut Report) {
    let command = &program.command;
    let revision = command
        .flag("--revision")
        .or_else(|| command.flag("--code-revision"));
    let is_pinned = revision.is_some_and(|flag| {
        flag.value
            .is_some_and(|it| it.starts_with('$') || is_commit(it))
    });
    let named = [
        "--model",
        "--model-id",
        "--model-path",
        "--model-name-or-path",
    ];
    let flags = named.iter().flat_map(|name| command.flags(name));
    let flags = flags.filter_map(|flag| Some((flag.word, flag.value?)));
    let served = command.words.windows(3).filter(|words| {
        words[1].text == "serve" && (words[0].text == "vllm" || words[0].text.ends_with("/vllm"))
    });
    let served = served.map(|words| (&words[2], words[2].text.as_str()));
    for (word, model) in flags.chain(served) {
        let is_free = is_hub_name(model) && !is_pinned;
        report.when_at(
            is_free.into(),
            &UNPINNED,
            &word.cursor,
            &word.origin,
            || (format!("{model} is named without a revision"), Vec::new()),
        );
    }
    let container = &program.container;
    let pins = ["REVISION", "MODEL_REVISION", "HF_MODEL_REVISION"];
    let has_pin = pins.iter().any(|name| container.env(name).is_some());
    for name in ["MODEL_ID", "HF_MODEL_ID"] {
        if let Some(variable) = container.env(name) {
            let value = variable.get("value");
            let is_free = value.text().is(|it| is_hub_name(&it) && !has_pin);
            report.when(is_free, &UNPINNED, &value, || {
                format!("{} is named without a revision", value.shown())
            });
        }
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

fn plain(address: &Cursor<'_>, report: &mut Report) {
    let is_plain = address.text().is(|it| it.starts_with("http://"));
    report.when(is_plain, &PLAIN, address, || {
        format!("{} has no TLS", address.shown())
    });
}

/// Every address of a model of the hub below a place.
fn addresses(place: &Cursor<'_>, depth: usize, report: &mut Report) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    if let Fact::Known(attr) = &place.fact
        && let Some(text) = attr.as_str()
        && let Some(name) = text.strip_prefix("hf://")
    {
        let revision = name.rsplit_once([':', '@']).map(|(_, revision)| revision);
        let is_free = !revision.is_some_and(|it| is_commit(it) || it.starts_with('$'));
        report.when(is_free.into(), &UNPINNED, place, || {
            format!("{text} is named without a revision")
        });
    }
    for (_, inner) in place.entries() {
        addresses(&inner, depth, report);
    }
    if place.entries().is_empty() && matches!(&place.fact, Fact::Known(_)) {
        for inner in place.items() {
            addresses(&inner, depth, report);
        }
    }
}

fn installs(program: &Program<'_>, report: &mut Report) {
    let words = &program.command.words;
    for (at, pair) in words.windows(2).enumerate() {
        let (first, second) = (name(&pair[0].text), name(&pair[1].text));
        let is_install = match (first, second) {
            ("pip" | "pip3", "install") => {
                let rest = words[at + 2..].iter().map(|word| word.text.as_str());
                let rest: Vec<&str> = rest.take_while(|it| *it != ";" && *it != "|").collect();
                is_free_install(&rest)
            }
            ("git", "clone") => true,
            _ => false,
        };
        let (cursor, origin) = (&pair[0].cursor, &pair[0].origin);
        report.when_at(is_install.into(), &INSTALLS, cursor, origin, || {
            let message = format!("the container runs `{first} {second}` when it starts");
            (message, Vec::new())
        });
        if first == "|" && SHELLS.contains(&second) {
            piped(&words[..at], report);
        }
    }
}

/// What is before a pipe into a shell.
fn piped(before: &[Word<'_>], report: &mut Report) {
    let mut command = before.iter().rev().take_while(|word| word.text != ";");
    let from = command.find(|word| ["curl", "wget"].contains(&name(&word.text)));
    if let Some(from) = from {
        report.when_at(Truth::Yes, &PIPED, &from.cursor, &from.origin, || {
            ("a script is run as it comes".to_owned(), Vec::new())
        });
    }
}

/// The last part of the way to a program.
fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Whether `pip install` with these words may give another thing tomorrow.
fn is_free_install(words: &[&str]) -> bool {
    if words.contains(&"--no-index") || words.contains(&"--require-hashes") {
        return false;
    }
    let is_file = |word: &str| word.starts_with(['.', '/']);
    let packages = words
        .iter()
        .filter(|word| !word.starts_with('-') && !is_file(word));
    let is_free = |word: &&&str| !word.contains("==") && !word.starts_with('$');
    // What a file names is not seen, and without hashes is what the index has.
    let has_file = words.contains(&"-r") || words.contains(&"--requirement");
    let has_second = words
        .iter()
        .any(|word| word.starts_with("--extra-index-url"));
    has_second || has_file || packages.filter(is_free).count() > 0
}

/// Code and configuration that a ConfigMap has as a text.
fn in_text(text: &Cursor<'_>, report: &mut Report) {
    for line in lines(text) {
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

/// Whether a text looks like `owner/name` of a hub, and like no path or image.
fn is_hub_name(text: &str) -> bool {
    let Some((owner, name)) = text.split_once('/') else {
        return false;
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    is_part(owner) && is_part(name) && !["models", "model", "mnt", "data"].contains(&owner)
}

const SHELLS: &[&str] = &["sh", "bash", "python", "python3"];

const PICKLES: &[&str] = &[
    ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".mar",
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
        Reference::new("AML.T0011"),
    ]),
    bad: Some(Example::new("object.yaml", REMOTE_CODE_BAD)),
    good: Some(Example::new("object.yaml", REMOTE_CODE_GOOD)),
};

static UNPINNED: Rule = Rule {
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
        Reference::new("AML.T0011"),
        Reference::new("AML.T0018"),
    ]),
    bad: Some(Example::new("object.yaml", PICKLE_BAD)),
    good: Some(Example::new("object.yaml", PICKLE_GOOD)),
};

static INSTALLS: Rule = Rule {
    id: RuleId::new("CM-AI-026"),
    title: Cow::Borrowed("A container installs packages when it starts"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What is installed at every start is what the index or the repository has at that time: a version \
         that was taken over, or a package of the same name from the second index, runs in the pod. Nothing \
         scanned it, and the image that was scanned is not what runs.",
    ),
    remediation: Cow::Borrowed(
        "Put the packages into the image, or pin them with `==` and hashes.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("CWE-494"),
        Reference::new("AML.T0010"),
        Reference::new("T1195.002"),
    ]),
    bad: Some(Example::new("object.yaml", INSTALLS_BAD)),
    good: Some(Example::new("object.yaml", INSTALLS_GOOD)),
};

static PIPED: Rule = Rule {
    id: RuleId::new("CM-AI-082"),
    title: Cow::Borrowed("A container runs a script as it downloads it"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What `curl … | sh` runs is what the server gives at that time, to this caller.",
    ),
    remediation: Cow::Borrowed("Put the program into the image."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-494"),
        Reference::new("T1195.002"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("object.yaml", PIPED_BAD)),
    good: Some(Example::new("object.yaml", PIPED_GOOD)),
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

const INSTALLS_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "pip install transformers && python serve.py"]
    ports: [{containerPort: 8000}]
"#;

const INSTALLS_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "pip install --no-index --find-links /wheels transformers==4.57.0 && python serve.py"]
    ports: [{containerPort: 8000}]
"#;

const PIPED_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "curl -fsSL https://get.example.org/x.sh | sh"]
    ports: [{containerPort: 8000}]
"#;

const PIPED_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "curl -fsSL https://get.example.org/x.json -o x.json"]
    ports: [{containerPort: 8000}]
"#;

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_is_pinned_is_installed_again() {
        for (words, expected) in [
            (&["transformers"][..], true),
            (&["transformers==4.57.0"], false),
            (&["-U", "a==1", "b"], true),
            (&["-r", "requirements.txt"], true),
            (&["--require-hashes", "-r", "requirements.txt"], false),
            (
                &["a==1", "--extra-index-url", "https://i.example.org"],
                true,
            ),
            (&["--no-index", "a"], false),
            (&["."], false),
        ] {
            assert_eq!(is_free_install(words), expected, "{words:?}");
        }
    }
}
