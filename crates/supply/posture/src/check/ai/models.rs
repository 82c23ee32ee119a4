//! Where models and code come from.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Program, programs,
    texts::{is_commit, lines, scalars},
};
use crate::check::{Family, Persona, Report};
use crate::{
    Attr, Cursor, Fact, Resource, Truth, Value, World,
    check::{
        command::{Command, Word},
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
        (&INSTALLS, Persona::Regular),
        (&PIPED, Persona::Regular),
    ],
    check,
};

fn check(world: &World, report: &mut Report) {
    for program in programs(world) {
        remote_code(&program.command, report);
        in_environment(&program.container, report);
        unpinned(&program.command, Some(&program.container), world, report);
        stored(&program, report);
        installs(&program.command, report);
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
            anywhere(&resource.cursor(), MAX_DEPTH, world, report);
        }
    }
    for kind in ["LLMInferenceService", "LLMInferenceServiceConfig"] {
        for service in world.of_kind(kind) {
            plain(&service.at("spec.model.uri"), report);
        }
    }
    for job in world.of_kind("RayJob") {
        let command = Command::at(&job.at("spec.entrypoint"));
        remote_code(&command, report);
        unpinned(&command, None, world, report);
    }
    for service in world.of_kind("RayService") {
        for key in ["spec.serveConfigV2", "spec.serveConfig.runtimeEnv"] {
            serve_config(&service.at(key), report);
        }
    }
    for service in world.of_kind(SERVICE) {
        composed(service, world, report);
    }
}

/// What stands in an object that names a model, or runs its code.
const SIGNS: &[&str] = &[
    "hf://",
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

/// A model of a hub in a command or in the environment.
fn unpinned(
    command: &Command<'_>,
    container: Option<&Container<'_>>,
    world: &World,
    report: &mut Report,
) {
    let revision = command
        .flag("--revision")
        .or_else(|| command.flag("--code-revision"));
    let is_pinned = revision.is_some_and(|flag| {
        flag.value
            .is_some_and(|it| it.starts_with('$') || is_commit(it))
    });
    let flags = MODEL_FLAGS.iter().flat_map(|name| command.flags(name));
    let flags = flags.filter_map(|flag| Some((flag.word, flag.value?)));
    for (word, model) in flags.chain(served(command)) {
        if is_pinned {
            continue;
        }
        let says = |model: &str| format!("{model} is named without a revision");
        let Some(name) = variable(model) else {
            report.when_at(
                is_hub_name(model).into(),
                &UNPINNED,
                &word.cursor,
                &word.origin,
                || (says(model), Vec::new()),
            );
            continue;
        };
        let Some(container) = container else { continue };
        let value = container.env(name).map(|it| it.get("value"));
        let here = value.filter(|it| matches!(it.fact, Fact::Known(_)));
        match (here, container.env_value(name, world)) {
            (Some(value), _) => report.when(
                value.text().is(|it| is_hub_name(&it)),
                &UNPINNED,
                &value,
                || says(&value.shown()),
            ),
            // Where it comes from elsewhere, and that is here too.
            (None, Fact::Known(model)) => report.when_at(
                is_hub_name(&model).into(),
                &UNPINNED,
                &word.cursor,
                &word.origin,
                || (says(&model), Vec::new()),
            ),
            _ => {}
        }
    }
    let Some(container) = container else { return };
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

/// The model that a program takes without an option, or downloads.
fn served<'c, 'a>(
    command: &'c Command<'a>,
) -> impl Iterator<Item = (&'c Word<'a>, &'c str)> + use<'c, 'a> {
    let words = &command.words;
    let starts = words.iter().enumerate().filter_map(|(at, _)| {
        let is_one = |program: &&&[&str]| {
            let named = words.iter().skip(at).map(|word| name(&word.text));
            named.take(program.len()).eq(program.iter().copied())
        };
        SERVE.iter().find(is_one).map(|program| at + program.len())
    });
    starts.filter_map(|at| {
        let mut rest = words[at..].iter().take_while(|word| word.text != ";");
        let word = rest.find(|word| is_hub_name(&word.text) || variable(&word.text).is_some())?;
        // A word behind an option is its value, and not the model.
        let before = words[..].iter().position(|it| std::ptr::eq(it, word))?;
        let is_value = before > at
            && words[before - 1].text.starts_with('-')
            && !words[before - 1].text.contains('=');
        (!is_value || words[before - 1].text == "--repo-type").then_some((word, word.text.as_str()))
    })
}

/// The name of the variable that a text is: `$(MODEL)`, `${MODEL}`, `$MODEL`.
fn variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = match rest.as_bytes().first()? {
        b'(' => rest.strip_prefix('(')?.strip_suffix(')')?,
        b'{' => rest.strip_prefix('{')?.strip_suffix('}')?,
        _ => rest,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// Options that name a model.
const MODEL_FLAGS: &[&str] = &[
    "--model",
    "--model-id",
    "--model-path",
    "--model-name-or-path",
    "--pretrained-model-name-or-path",
    "--base-model",
    "--model-uri",
    "--model-repo",
    "--repo-id",
    "--hf-repo",
    "--hf-model",
];

/// Programs whose next word is a model.
const SERVE: &[&[&str]] = &[
    &["vllm", "serve"],
    &["trtllm-serve", "serve"],
    &["trtllm-serve"],
    &["lmdeploy", "serve", "api_server"],
    &["huggingface-cli", "download"],
    &["hf", "download"],
    &["tune", "download"],
];

/// The model and the code of a service of Compose.
fn composed(service: &Resource, world: &World, report: &mut Report) {
    for key in ["entrypoint", "command"] {
        let place = service.at(key);
        unpinned(&Command::at(&place), None, world, report);
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

/// Every address of a model of the hub below a place, every list that is a command, and every key that
/// has the code of models run, whatever kind of object it is.
fn anywhere(place: &Cursor<'_>, depth: usize, world: &World, report: &mut Report) {
    let (Some(depth), Fact::Known(attr)) = (depth.checked_sub(1), &place.fact) else {
        return;
    };
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
        anywhere(&inner, depth, world, report);
    }
    let Value::List(items) = &attr.value else {
        return;
    };
    let is_option = |item: &Attr| item.as_str().is_some_and(|it| it.starts_with("--"));
    if items.iter().any(is_option) && items.iter().all(|it| it.text().ok().is_some()) {
        let command = Command::at(place);
        remote_code(&command, report);
        unpinned(&command, None, world, report);
    }
    for inner in place.items() {
        anywhere(&inner, depth, world, report);
    }
}

/// Keys, without their dashes and in small letters, that name a model of a hub and nothing else.
const MODEL_KEYS: &[&str] = &["modelurl", "hfmodelname", "hfmodelid", "huggingfacemodel"];

fn installs(command: &Command<'_>, report: &mut Report) {
    let words = &command.words;
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
    let is_value = |at: usize| at > 0 && VALUED.contains(&words[at - 1]);
    let packages = words
        .iter()
        .enumerate()
        .filter(|(at, word)| !word.starts_with('-') && !is_file(word) && !is_value(*at))
        .map(|(_, word)| word);
    let is_free = |word: &&&str| !word.contains("==") && !word.starts_with('$');
    // What a file names is not seen, and without hashes is what the index has.
    let has_file = words.contains(&"-r") || words.contains(&"--requirement");
    let has_second = words
        .iter()
        .any(|word| word.starts_with("--extra-index-url"));
    has_second || has_file || packages.filter(is_free).count() > 0
}

/// Options of pip with a value, which is no package.
const VALUED: &[&str] = &[
    "-f",
    "--find-links",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-t",
    "--target",
    "-c",
    "--constraint",
    "--prefix",
    "--root",
    "--timeout",
    "--trusted-host",
    "--cache-dir",
    "--progress-bar",
    "-r",
    "--requirement",
];

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
        let is_loaded = code.contains("weights_only=False");
        line.report(
            is_loaded,
            &PICKLE,
            report,
            "torch loads whatever the pickle says",
        );
        if let Some(model) = loaded(&code) {
            let message = format!("{model} is named without a revision");
            line.report(true, &UNPINNED, report, &message);
        }
    }
}

/// The model of a hub that a line of Python loads without a revision, blanks taken out.
fn loaded(code: &str) -> Option<&str> {
    let calls = ["from_pretrained(", "snapshot_download(", "hf_hub_download("];
    let rest = calls
        .iter()
        .find_map(|call| Some(code.split_once(call)?.1))?;
    let rest = rest.strip_prefix("repo_id=").unwrap_or(rest);
    let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (model, more) = rest[1..].split_once(quote)?;
    (is_hub_name(model) && !more.contains("revision=")).then_some(model)
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
        Reference::new("AML.T0011.000"),
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
        Reference::new("AML.T0011.000"),
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
