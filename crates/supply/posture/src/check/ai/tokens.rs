//! Tokens of model hubs and providers.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::check::{Check, Family, Persona, Related, Report, workloads::Workloads};
use crate::{
    Cursor, Fact, Origin, Value, World,
    check::{
        manifest_secrets::{is_literal, is_place},
        selection::Together,
        workload::{is_policy, objects},
    },
    read::values,
};

pub(super) const FAMILY: Family = Family {
    rules: &[(&LITERAL, Persona::Regular), (&VARIABLE, Persona::Pedantic)],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        for variable in program.container.cursor.get("env").items() {
            in_environment(&variable, report);
        }
        for word in &program.command.words {
            let value = word.text.rsplit('=').next().unwrap_or_default();
            report.when_at(
                is_token(value).into(),
                &LITERAL,
                &word.cursor,
                &word.origin,
                || ("a token is in the command".to_owned(), Vec::new()),
            );
        }
    }
    let secrets = Secrets::of(world);
    let all = objects(world).filter(|it| &*it.kind != "Secret" && !is_policy(it));
    for resource in all.chain(world.of_kind(values::KIND)) {
        // To look into every key of every object is much, and most have none.
        let text = resource.body.origin.text();
        if SIGNS.iter().any(|sign| text.contains(sign)) {
            anywhere("", &resource.cursor(), MAX_DEPTH, &secrets, report);
        }
    }
    for map in world.of_kind("ConfigMap") {
        for (key, value) in map.at("data").entries() {
            let is_there = known(&value, is_ai_token(key)).is(|text| {
                is_token(text.trim())
                    || (is_ai_token(key) && is_literal(&text) && text.len() >= MIN_LENGTH)
            });
            report.when(is_there, &LITERAL, &value, || {
                format!("{key} has its value here")
            });
        }
    }
}

/// One variable of an environment.
fn in_environment(variable: &Cursor<'_>, report: &mut Report) {
    let name = variable.get("name").text().ok().unwrap_or_default();
    let value = variable.get("value");
    let is_named = is_ai_token(&name);
    let is_there = known(&value, is_named)
        .is(|text| is_token(&text) || (is_named && is_literal(&text) && text.len() >= MIN_LENGTH));
    report.when(is_there, &LITERAL, &value, || {
        format!("{name} has its value here")
    });
    // Who fills in `${HF_TOKEN}` before it is applied puts the token there as well.
    let is_filled_in =
        || known(&value, is_named).is(|text| is_place(&text) || text == name || is_begun(&text));
    let is_variable = (!variable.at("valueFrom.secretKeyRef").is_absent()).or(is_filled_in);
    let is_variable = is_variable.and(|| is_named.into());
    report.when(is_variable, &VARIABLE, variable, || {
        format!("{name} is in the environment")
    });
}

/// What stands in an object that says where a token is.
const SIGNS: &[&str] = &["TOKEN", "KEY", "secretRef", "Secret"];

/// Every environment below a place, whatever kind of object it is of: lists of variables, variables under
/// their names, and Secrets that are one as a whole.
fn anywhere<'a>(
    key: &str,
    place: &Cursor<'a>,
    depth: usize,
    secrets: &Secrets<'a>,
    report: &mut Report,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for (name, inner) in place.entries() {
        if is_ai_token(name) {
            let source = inner.at("valueFrom.secretKeyRef");
            report.when(!source.is_absent(), &VARIABLE, &inner, || {
                format!("{name} is in the environment")
            });
        }
        if name == "secretRef" {
            secrets.filled(&inner.get("name"), report);
        }
        if WHOLE_SECRETS.contains(&name) {
            secrets.filled(&inner, report);
        }
        anywhere(name, &inner, depth, secrets, report);
    }
    if !matches!(place.fact, Fact::Known(attr) if matches!(attr.value, Value::List(_))) {
        return;
    }
    let is_environment = key.to_ascii_lowercase().contains("env");
    for item in place.items() {
        if is_environment {
            in_environment(&item, report);
        }
        anywhere("", &item, depth, secrets, report);
    }
}

/// Keys of objects and of charts that name a Secret whose keys become variables: Dynamo's and Bitnami's.
const WHOLE_SECRETS: &[&str] = &["envFromSecret", "extraEnvVarsSecret"];

/// The Secrets that are here.
struct Secrets<'a>(Together<'a, String, Option<(&'a str, &'a Origin)>>);

impl<'a> Secrets<'a> {
    fn of(world: &'a World) -> Self {
        let mut secrets = Together::default();
        for secret in world.of_kind("Secret") {
            let parts = ["data", "stringData"].map(|part| secret.at(part).entries());
            let mut keys = parts.into_iter().flatten();
            let token = keys.find(|(key, _)| is_ai_token(key));
            if let Fact::Known(name) = secret.at("metadata.name").text() {
                secrets.add(secret, &name, &token.map(|(key, it)| (key, it.origin())));
            }
        }
        Self(secrets)
    }

    /// All of the Secret that is named at `place` is an environment. Of one that is not here its name
    /// says what it holds.
    fn filled(&self, place: &Cursor<'a>, report: &mut Report) {
        let Fact::Known(name) = place.text() else {
            return;
        };
        let near = self.0.near(place.resource, &name);
        let mut near = near.take(MAX_NAMESAKES).peekable();
        let is_named = near.peek().is_none() && is_named_for_token(&name);
        let token = near.find_map(|token| *token);
        let is_it = is_named || token.is_some();
        report.when_at(is_it.into(), &VARIABLE, place, place.origin(), || {
            let key = token.iter().map(|(key, it)| Related {
                what: format!("{key} of Secret/{name}"),
                origin: (*it).clone(),
            });
            let message = format!("the environment has all of the Secret {name}");
            (message, key.collect())
        });
    }
}

/// Of more Secrets of one name in one place only one would be there.
const MAX_NAMESAKES: usize = 16;

/// Whether a Secret is called for a token that it holds: `hf-token-secret`.
fn is_named_for_token(secret: &str) -> bool {
    let name = secret.replace(['-', '.'], "_").to_ascii_uppercase();
    let end = ["_SECRET", "_SECRETS", "_CREDENTIALS"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    is_ai_token(end.unwrap_or(&name))
}

/// As deep as manifests go.
const MAX_DEPTH: usize = 40;

/// The text. What is not known is nothing, where it is not called a token: nobody asks of most
/// variables whether they hold one.
fn known(value: &Cursor<'_>, is_named: bool) -> Fact<String> {
    match value.text() {
        Fact::Unknown(_) if !is_named => Fact::Absent,
        text => text,
    }
}

/// Whether something is called like a token of a model hub or provider.
pub(in crate::check) fn is_ai_token(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_token = ["TOKEN", "KEY"].iter().any(|end| name.ends_with(end));
    let is_token = is_token && !name.ends_with("PUBLIC_KEY");
    let is_provided = || name.split('_').any(|word| PROVIDERS.contains(&word));
    NAMES.contains(&name.as_str()) || (is_token && is_provided())
}

/// Words in the names of tokens of hubs and providers.
const PROVIDERS: &[&str] = &[
    "HF",
    "HUGGING",
    "HUGGINGFACE",
    "HUGGINGFACEHUB",
    "WANDB",
    "OPENAI",
    "ANTHROPIC",
    "CLAUDE",
    "NGC",
    "LANGSMITH",
    "LANGCHAIN",
    "REPLICATE",
    "PINECONE",
    "TOGETHER",
    "TOGETHERAI",
    "GROQ",
    "MISTRAL",
    "COHERE",
    "DEEPSEEK",
    "DASHSCOPE",
    "FIREWORKS",
    "OPENROUTER",
    "PERPLEXITY",
    "RUNPOD",
    "GEMINI",
    "TAVILY",
    "VOYAGE",
    "COMET",
    "NEPTUNE",
    "MODELSCOPE",
    "KAGGLE",
];

/// Whether a text has the form of one.
fn is_token(text: &str) -> bool {
    let is_rest = |rest: &str, length: usize| {
        rest.len() >= length
            && rest
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let mut forms = FORMS.iter();
    forms.any(|(prefix, length)| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| is_rest(rest, *length))
    }) && is_literal(text)
}

/// Whether a text begins as a token, and has a word where the rest of one would be: `nvapi-KEY`.
fn is_begun(text: &str) -> bool {
    let mut forms = FORMS.iter();
    forms.any(|(prefix, length)| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() < *length && is_literal(text))
    })
}

/// Names that have no provider in them, or end in another way.
const NAMES: &[&str] = &["NVIDIA_API_KEY", "GOOGLE_API_KEY", "LITELLM_MASTER_KEY"];

/// Beginnings with the least number of letters behind them. The room for secrets has more of them.
const FORMS: &[(&str, usize)] = &[
    ("hf_", 30),
    ("sk-ant-", 40),
    ("sk-proj-", 40),
    ("nvapi-", 40),
    ("gsk_", 40),
    ("r8_", 36),
];

/// What is shorter is no token: `EMPTY`, `test`, `sk-1234`.
const MIN_LENGTH: usize = 12;

static LITERAL: Rule = Rule {
    id: RuleId::new("CM-AI-031"),
    title: Cow::Borrowed("A token of a model hub or provider is in a manifest"),
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A token of a hub gives models and data sets that are not public, and often may change them; a key of \
         a provider spends money. In a manifest it is in the repository and in the object.",
    ),
    remediation: Cow::Borrowed(
        "Put it into a Secret, mount that as a file, and have the token replaced.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-798"),
        Reference::new("T1552.001"),
        Reference::new("AML.T0055"),
    ]),
    bad: Some(Example::new("object.yaml", LITERAL_BAD)),
    good: Some(Example::new("object.yaml", LITERAL_GOOD)),
};

static VARIABLE: Rule = Rule {
    id: RuleId::new("CM-AI-032"),
    title: Cow::Borrowed("A token of a model hub or provider is in the environment"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Code of models, of users and of agents that runs in the container reads its environment. A file can \
         be kept from other users, and is read again when the token is replaced.",
    ),
    remediation: Cow::Borrowed(
        "Mount the Secret as a file, and name it with `HF_TOKEN_PATH` or the like.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-526"),
        Reference::new("T1552"),
        Reference::new("AML.T0055"),
    ]),
    bad: Some(Example::new("object.yaml", VARIABLE_BAD)),
    good: Some(Example::new("object.yaml", VARIABLE_GOOD)),
};

const LITERAL_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: HF_TOKEN, value: hf_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh}]
";

const LITERAL_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: HF_TOKEN_PATH, value: /run/secrets/hub/token}]
";

const VARIABLE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hub, key: token}}}]
";

const VARIABLE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: HF_TOKEN_PATH, value: /run/secrets/hub/token}]
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    fn found(name: &str, text: &str) -> Vec<String> {
        let outcomes = survey(&[(name, text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let found = findings.map(|it| it.rule.to_string());
        found.filter(|it| it.starts_with("CM-AI-03")).collect()
    }

    #[test]
    fn a_token_that_is_filled_in_later_is_in_the_environment_too() {
        let of = |value: &str| {
            let text = format!("{VARIABLE}, value: '{value}'}}]\n");
            found("pod.yaml", &text)
        };
        for value in [
            "${HF_TOKEN}",
            "$HF_TOKEN",
            "<your token>",
            "PLACEHOLDER_HF_TOKEN",
            "hf_xxxxxxxxxxxxxxxx",
            "HF_TOKEN",
            "nvapi-KEY",
        ] {
            assert_eq!(of(value), ["CM-AI-032"], "{value}");
        }
        for value in ["", "EMPTY", "none", "dummy", "sk-example"] {
            assert!(of(value).is_empty(), "{value}");
        }
        assert_eq!(of("hf_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh"), ["CM-AI-031"]);
    }

    #[test]
    fn keys_of_providers_are_tokens() {
        for (name, expected) in [
            ("KAGGLE_KEY", true),
            ("OPENAI_API_KEY", true),
            ("AZURE_OPENAI_KEY", true),
            ("HF_PUBLIC_KEY", false),
            ("SSH_KEY", false),
        ] {
            assert_eq!(super::is_ai_token(name), expected, "{name}");
        }
    }

    #[test]
    fn values_of_charts_have_variables_under_their_names() {
        let text = "hub: {}\nsingleuser:\n  extraEnv:\n    HF_TOKEN:\n      valueFrom: {secretKeyRef: {name: a, key: b}}\n    \
            OTHER:\n      valueFrom: {secretKeyRef: {name: a, key: b}}\n";
        assert_eq!(found("values.yaml", text), ["CM-AI-032"]);
        let list = "server:\n  extraEnv:\n  - name: HF_TOKEN\n    valueFrom: {secretKeyRef: {name: a, key: b}}\n  \
            parameters:\n  - name: HF_TOKEN\n    value: <token>\n";
        assert_eq!(found("values.yaml", list), ["CM-AI-032"]);
    }

    #[test]
    fn all_of_a_secret_is_in_the_environment_with_the_token_in_it() {
        let secret = |key: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: hub}}\nstringData: {{{key}: ''}}\n---\n"
            )
        };
        let pod = |name: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
                 image: r.example.org/a:1\n    envFrom: [{{secretRef: {{name: {name}}}}}]\n"
            )
        };
        let graph = |name: &str| {
            format!(
                "apiVersion: nvidia.com/v1alpha1\nkind: DynamoGraphDeployment\nmetadata: {{name: g}}\nspec:\n  \
                 services: {{Worker: {{envFromSecret: {name}}}}}\n"
            )
        };
        for (text, count) in [
            (secret("HF_TOKEN") + &pod("hub"), 1),
            (secret("HF_TOKEN") + &graph("hub"), 1),
            (secret("password") + &pod("hub"), 0),
            (pod("hf-token-secret"), 1),
            (graph("openai-api-key"), 1),
            (pod("hub"), 0),
            // What is here is known by its keys.
            (
                secret("password").replace("hub", "hf-token") + &pod("hf-token"),
                0,
            ),
        ] {
            assert_eq!(found("a.yaml", &text), vec!["CM-AI-032"; count], "{text}");
        }
    }

    const VARIABLE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
        image: r.example.org/a:1\n    env: [{name: HF_TOKEN";
}
