//! Tokens of model hubs and providers.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::programs;
use crate::check::{Family, Persona, Report};
use crate::{Cursor, Fact, World, check::manifest_secrets::is_literal, read::values};

pub(super) const FAMILY: Family = Family {
    rules: &[(&LITERAL, Persona::Regular), (&VARIABLE, Persona::Pedantic)],
    check,
};

fn check(world: &World, report: &mut Report) {
    for program in programs(world) {
        for variable in program.container.cursor.get("env").items() {
            let name = variable.get("name").text().ok().unwrap_or_default();
            let value = variable.get("value");
            let is_named = is_ai_token(&name);
            let is_there = known(&value, is_named).is(|text| {
                is_token(&text) || (is_named && is_literal(&text) && text.len() >= MIN_LENGTH)
            });
            report.when(is_there, &LITERAL, &value, || {
                format!("{name} has its value here")
            });
            let source = variable.at("valueFrom.secretKeyRef");
            // Who fills in `${HF_TOKEN}` before it is applied puts the token there as well.
            let is_filled_in = || known(&value, is_named).is(|text| text.starts_with('$'));
            let is_variable = (!source.is_absent()).or(is_filled_in);
            let is_variable = is_variable.and(|| is_named.into());
            report.when(is_variable, &VARIABLE, &variable, || {
                format!("{name} is in the environment")
            });
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
    for values in world.of_kind(values::KIND) {
        mapped(&values.cursor(), MAX_DEPTH, report);
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

/// Variables of an environment that values of a chart have under their names.
fn mapped(place: &Cursor<'_>, depth: usize, report: &mut Report) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for (name, inner) in place.entries() {
        let source = inner.at("valueFrom.secretKeyRef");
        if is_ai_token(name) {
            report.when(!source.is_absent(), &VARIABLE, &inner, || {
                format!("{name} is in the environment")
            });
        }
        mapped(&inner, depth, report);
    }
}

/// As deep as values go.
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
    let is_token = ["TOKEN", "API_KEY", "APIKEY"]
        .iter()
        .any(|end| name.ends_with(end));
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
        for value in ["${HF_TOKEN}", "$HF_TOKEN"] {
            assert_eq!(of(value), ["CM-AI-032"], "{value}");
        }
        for value in ["", "EMPTY", "<your token>", "dummy"] {
            assert!(of(value).is_empty(), "{value}");
        }
        assert_eq!(of("hf_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh"), ["CM-AI-031"]);
    }

    #[test]
    fn values_of_charts_have_variables_under_their_names() {
        let text = "hub: {}\nsingleuser:\n  extraEnv:\n    HF_TOKEN:\n      valueFrom: {secretKeyRef: {name: a, key: b}}\n    \
            OTHER:\n      valueFrom: {secretKeyRef: {name: a, key: b}}\n";
        assert_eq!(found("values.yaml", text), ["CM-AI-032"]);
    }

    const VARIABLE: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
        image: r.example.org/a:1\n    env: [{name: HF_TOKEN";
}
