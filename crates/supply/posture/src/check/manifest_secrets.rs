//! Secrets that stand in manifests, where their place says that they are: the name of a variable, of a
//! key or of an option. What a secret looks like is asked by the room for secrets, of every file.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Check, Family, Persona, Report, ai::is_ai_token, command::Command, workload::Container,
    workloads::Workloads,
};
use crate::{Fact, Truth, read::values};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&ENV, Persona::Regular),
        (&SECRET, Persona::Regular),
        (&CONFIG, Persona::Regular),
        (&ARGUMENT, Persona::Regular),
        (&SECRET_ENV, Persona::Auditor),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        // Values of charts are no manifests.
        if &*program.pod.resource().kind != values::KIND {
            environment(&program.container, report);
            arguments(&program.command, report);
        }
    }
    for secret in world.of_kind("Secret") {
        for part in ["stringData", "data"] {
            for (_, value) in secret.at(part).entries() {
                let is_there = value.text().is(|text| is_literal(&text));
                // One key is enough: the Secret is there.
                report.when(is_there, &SECRET, &secret.at(part), || {
                    "the data of the Secret is here".to_owned()
                });
            }
        }
    }
    for map in world.of_kind("ConfigMap") {
        for (key, value) in map.at("data").entries() {
            let is_secret = value.text().is(|text| {
                (is_secret_name(key) && is_literal(&text))
                    || has_password(&text)
                    || has_key(&text)
                    || text.lines().any(is_redis_password)
            });
            report.when(is_secret, &CONFIG, &value, || {
                format!("a secret is in {key}")
            });
        }
    }
}

fn environment(container: &Container<'_>, report: &mut Report) {
    for variable in container.cursor.get("env").items() {
        let name = variable.get("name").text().ok().unwrap_or_default();
        let value = variable.get("value");
        let is_named = is_secret_name(&name) && !is_ai_token(&name);
        let is_secret = match value.text() {
            // Of most variables nobody asks whether they hold a secret.
            Fact::Unknown(_) if !is_named => Truth::No,
            text => text.is(|text| (is_named && is_literal(&text)) || has_password(&text)),
        };
        report.when(is_secret, &ENV, &value, || {
            format!("{name} has its value here")
        });
        let source = variable.at("valueFrom.secretKeyRef");
        report.when(!source.is_absent(), &SECRET_ENV, &source, || {
            format!("{name} has a Secret for its value")
        });
    }
    for source in container.cursor.get("envFrom").items() {
        let secret = source.get("secretRef");
        report.when(!secret.is_absent(), &SECRET_ENV, &secret, || {
            format!(
                "the environment has the Secret {}",
                secret.get("name").shown()
            )
        });
    }
}

fn arguments(command: &Command<'_>, report: &mut Report) {
    let words = command.words.iter().enumerate();
    for (at, word) in words {
        let (name, value) = match word.text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (
                word.text.as_str(),
                command.words.get(at + 1).map(|it| it.text.as_str()),
            ),
        };
        let is_option = name.starts_with("--") && is_secret_name(name);
        let is_secret = is_option && value.is_some_and(|it| !it.starts_with('-') && is_literal(it));
        let is_secret = is_secret || has_password(&word.text);
        report.when_at(
            is_secret.into(),
            &ARGUMENT,
            &word.cursor,
            &word.origin,
            || ("a secret is in the command".to_owned(), Vec::new()),
        );
    }
}

/// Whether something is called a secret, and not where one is or how many.
fn is_secret_name(name: &str) -> bool {
    let name = name
        .trim_start_matches('-')
        .to_ascii_lowercase()
        .replace(['-', '.'], "_");
    let is_more = |end: &str| name.ends_with(end);
    if NO_SECRETS.iter().any(|end| is_more(end)) {
        return false;
    }
    SECRETS.iter().any(|end| is_more(end))
}

/// Whether a text is a value, and not a place for one.
pub(super) fn is_literal(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    // JSON, scripts and sentences are about secrets, and are none.
    let is_document = text.starts_with(['{', '[']) || text.contains(char::is_whitespace);
    let is_none = NO_VALUES.iter().any(|it| lower.contains(it));
    let is_path = text.starts_with('/') || text.starts_with("./");
    let is_word = WORDS.contains(&lower.as_str());
    // `xxxx`, `****`, `0000`.
    let is_one_letter = text.chars().skip(1).all(|c| text.starts_with(c));
    !(is_document || is_place(text) || is_none || is_path || is_word || is_one_letter)
}

/// Whether a text is a place that somebody puts a value into before it is used.
pub(super) fn is_place(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    MARKS.iter().chain(PLACES).any(|it| lower.contains(it))
}

/// Whether there is an address with a password before its host.
pub(super) fn has_password(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "/\"'`,)".contains(c));
        let authority = &after[..end.unwrap_or(after.len())];
        if let Some((user, _)) = authority.rsplit_once('@')
            && let Some((_, password)) = user.split_once(':')
            && is_literal(password)
            && !["password", "pass", "pwd"].contains(&password)
        {
            return true;
        }
        rest = after;
    }
    false
}

/// A line of the configuration of Redis.
fn is_redis_password(line: &str) -> bool {
    let password = line.trim().strip_prefix("requirepass ");
    password.is_some_and(is_literal)
}

fn has_key(text: &str) -> bool {
    let begin = text.find("-----BEGIN ").map(|at| &text[at..]);
    begin.is_some_and(|text| {
        text.lines()
            .next()
            .unwrap_or_default()
            .contains("PRIVATE KEY-----")
    })
}

const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secret_key",
    "secretkey",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "credential",
    "credentials",
];

/// Names that end so and hold no secret.
const NO_SECRETS: &[&str] = &[
    "pad_token",
    "eos_token",
    "bos_token",
    "use_token",
    "per_token",
    "image_pull_secret",
    "tls_secret",
    "certificate_secret",
];

/// What is a setting about secrets.
const WORDS: &[&str] = &[
    "", "true", "false", "null", "none", "on", "off", "yes", "no", "enabled", "disabled", "empty",
];

/// Words of those who leave the value to others.
const PLACES: &[&str] = &[
    "your",
    "changeme",
    "change_me",
    "replace",
    "placeholder",
    "todo",
    "insert",
];

/// What they write where the value comes.
const MARKS: &[&str] = &["$", "{{", "<", "...", "xxxx", "****"];

/// Words of what stands for a value, and is none.
const NO_VALUES: &[&str] = &["example", "dummy", "redacted"];

static ENV: Rule = Rule {
    id: RuleId::new("CM-KSEC-001"),
    title: Cow::Borrowed("A secret stands in the environment of a container"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The value of an environment variable that is called a password, a token or a key is in the \
         repository, in the history of the cluster and in the output of whoever may look at the object.",
    ),
    remediation: Cow::Borrowed(
        "Put it into a Secret, mount that as a file, and change the value everywhere.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-798"), Reference::new("T1552.001")]),
    bad: Some(Example::new("object.yaml", ENV_BAD)),
    good: Some(Example::new("object.yaml", ENV_GOOD)),
};

static SECRET: Rule = Rule {
    id: RuleId::new("CM-KSEC-002"),
    title: Cow::Borrowed("A Secret is in the repository"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The data of a Secret is not encrypted: whoever reads the repository has it.",
    ),
    remediation: Cow::Borrowed(
        "Have it made by an operator (External Secrets, Sealed Secrets, the CSI driver), and change the \
         value.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-798"),
        Reference::new("CWE-312"),
        Reference::new("T1552.001"),
    ]),
    bad: Some(Example::new("object.yaml", SECRET_BAD)),
    good: Some(Example::new("object.yaml", SECRET_GOOD)),
};

static CONFIG: Rule = Rule {
    id: RuleId::new("CM-KSEC-003"),
    title: Cow::Borrowed("A secret is in a ConfigMap"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A ConfigMap is read by whoever may see the namespace, and no audit of Secrets has it. Keys, \
         passwords and addresses with a password in them belong into a Secret.",
    ),
    remediation: Cow::Borrowed("Move it to a Secret, and change the value."),
    references: Cow::Borrowed(&[Reference::new("CWE-312"), Reference::new("T1552.001")]),
    bad: Some(Example::new("object.yaml", CONFIG_BAD)),
    good: Some(Example::new("object.yaml", CONFIG_GOOD)),
};

static ARGUMENT: Rule = Rule {
    id: RuleId::new("CM-KSEC-004"),
    title: Cow::Borrowed("A secret is in the command of a container"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "What is in a command is in the repository, in the object, and in the list of processes of the node.",
    ),
    remediation: Cow::Borrowed("Read it from a file that a Secret is mounted as."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-214"),
        Reference::new("CWE-798"),
        Reference::new("T1552.001"),
    ]),
    bad: Some(Example::new("object.yaml", ARGUMENT_BAD)),
    good: Some(Example::new("object.yaml", ARGUMENT_GOOD)),
};

static SECRET_ENV: Rule = Rule {
    id: RuleId::new("CM-KSEC-005"),
    title: Cow::Borrowed("A Secret is in the environment of a container"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The environment of a process is inherited by all that it starts, is in its dumps and often in its \
         logs; a file can be read when it is needed, and is renewed.",
    ),
    remediation: Cow::Borrowed("Mount the Secret as a file."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-526"),
        Reference::new("https://kubernetes.io/docs/concepts/security/secrets-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", SECRET_ENV_BAD)),
    good: Some(Example::new("object.yaml", SECRET_ENV_GOOD)),
};

const ENV_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    env: [{name: DB_PASSWORD, value: hunter2-and-more}]
";

const ENV_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]
";

const SECRET_BAD: &[u8] = br"apiVersion: v1
kind: Secret
metadata: {name: db, namespace: ml}
stringData: {password: hunter2-and-more}
";

const SECRET_GOOD: &[u8] = br"apiVersion: v1
kind: Secret
metadata: {name: db, namespace: ml}
stringData: {password: $DB_PASSWORD}
";

const CONFIG_BAD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: serve, namespace: ml}
data:
  database: postgresql://mlflow:hunter2@db.example.org/mlflow
";

const CONFIG_GOOD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: serve, namespace: ml}
data:
  database: postgresql://db.example.org/mlflow
";

const ARGUMENT_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    args: [--db-password=hunter2-and-more]
";

const ARGUMENT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    args: [--db-password-file=/run/secrets/db]
";

const SECRET_ENV_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]
";

const SECRET_ENV_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    env: [{name: DB_PASSWORD_FILE, value: /run/secrets/db}]
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_for_secrets_are_none() {
        for (text, expected) in [
            ("hunter2-and-more", true),
            ("$DB_PASSWORD", false),
            ("<your token>", false),
            ("/run/secrets/db", false),
            ("xxxxxxxx", false),
            ("dummy", false),
            ("{\"gcs\": {}}", false),
            ("", false),
        ] {
            assert_eq!(is_literal(text), expected, "{text}");
        }
        for (text, expected) in [
            ("postgresql://u:hunter2@db/x", true),
            ("postgresql://u:${PASSWORD}@db/x", false),
            ("http://a:80/b@c", false),
            ("https://x.example.org/a", false),
        ] {
            assert_eq!(has_password(text), expected, "{text}");
        }
        for (name, expected) in [
            ("DB_PASSWORD", true),
            ("--api-key", true),
            ("MAX_TOKENS", false),
            ("PASSWORD_FILE", false),
            ("pad_token", false),
        ] {
            assert_eq!(is_secret_name(name), expected, "{name}");
        }
    }
}
