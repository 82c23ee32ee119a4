//! Notebook servers: Jupyter.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::texts::lines;
use crate::check::{
    Check, Family, Persona, Report,
    workloads::{Program, Workloads},
};
use crate::{Cursor, Truth};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&NO_TOKEN, Persona::Regular),
        (&ANY_ORIGIN, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        token(program, report);
        origins(program, report);
    }
    for map in world.of_kind("ConfigMap") {
        for (_, text) in map.at("data").entries() {
            configured(&text, report);
        }
    }
}

/// `jupyter_notebook_config.py` and its kin in a ConfigMap.
fn configured(text: &Cursor<'_>, report: &mut Report) {
    for line in lines(text) {
        let code = line.text.split('#').next().unwrap_or_default();
        let Some((name, value)) = code.split_once('=') else {
            continue;
        };
        let option = name.trim().strip_prefix("c.").map(|it| format!("--{it}"));
        let option = option.unwrap_or_default();
        let value = unquoted(value.trim());
        let is = |key: &str| {
            PREFIXES
                .iter()
                .any(|prefix| option == format!("{prefix}{key}"))
        };
        let is_open = is("token") && value.is_empty();
        line.report(
            is_open,
            &NO_TOKEN,
            report,
            "the notebook server has no token",
        );
        let is_forged = is("disable_check_xsrf") && value == "True";
        let is_any = is_forged || (is("allow_origin") && value == "*");
        line.report(
            is_any,
            &ANY_ORIGIN,
            report,
            "every web page may ask the notebook server",
        );
    }
}

fn token(program: &Program<'_>, report: &mut Report) {
    let has_password = PREFIXES.iter().any(|prefix| {
        let names = ["password", "hashed_password"];
        let mut flags = names
            .iter()
            .flat_map(|name| program.command.flags(&format!("{prefix}{name}")));
        flags.any(|flag| !is_empty(flag.value))
    });
    for prefix in PREFIXES {
        for flag in program.command.flags(&format!("{prefix}token")) {
            // Options of Jupyter have their value behind a `=`.
            let is_open = flag.word.text.contains('=') && is_empty(flag.value) && !has_password;
            report.when_at(
                is_open.into(),
                &NO_TOKEN,
                &flag.word.cursor,
                &flag.word.origin,
                || ("the notebook server has no token".to_owned(), Vec::new()),
            );
        }
    }
}

fn origins(program: &Program<'_>, report: &mut Report) {
    for prefix in PREFIXES {
        let origin = program.command.flag(&format!("{prefix}allow_origin"));
        let origin = origin.filter(|flag| flag.value.map(unquoted) == Some("*"));
        let forged = program.command.flag(&format!("{prefix}disable_check_xsrf"));
        let forged = forged.filter(|flag| flag.value == Some("True") || flag.value == Some("true"));
        for flag in origin.into_iter().chain(forged) {
            report.when_at(
                Truth::Yes,
                &ANY_ORIGIN,
                &flag.word.cursor,
                &flag.word.origin,
                || {
                    (
                        format!("the notebook server has {}", flag.word.text),
                        Vec::new(),
                    )
                },
            );
        }
    }
}

fn is_empty(value: Option<&str>) -> bool {
    value.is_none_or(|value| unquoted(value).is_empty())
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['\'', '"'])
}

/// The classes that have these options, in Notebook 6, in Jupyter Server 1 and 2.
const PREFIXES: &[&str] = &[
    "--NotebookApp.",
    "--ServerApp.",
    "--IdentityProvider.",
    "--PasswordIdentityProvider.",
    "--LabApp.",
];

static NO_TOKEN: Rule = Rule {
    id: RuleId::new("CM-AI-004"),
    title: Cow::Borrowed("A notebook server asks for no token"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Jupyter runs the code of whoever reaches it. With an empty token and no password that is everybody \
         in its network, and every web page that a user opens in a browser that reaches it.",
    ),
    remediation: Cow::Borrowed(
        "Remove the option, so that Jupyter makes a token, or set one from a Secret.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("T1059"),
        Reference::new("AML.T0049"),
        Reference::new("https://jupyter-server.readthedocs.io/en/latest/operators/security.html"),
    ]),
    bad: Some(Example::new("object.yaml", NO_TOKEN_BAD)),
    good: Some(Example::new("object.yaml", NO_TOKEN_GOOD)),
};

static ANY_ORIGIN: Rule = Rule {
    id: RuleId::new("CM-AI-083"),
    title: Cow::Borrowed("A notebook server takes requests of every web page"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `allow_origin` of `*`, or without the check for forged requests, a page of a stranger that a \
         user has open sends commands to the notebook in his name.",
    ),
    remediation: Cow::Borrowed(
        "Remove `allow_origin` and `disable_check_xsrf`, or name the one origin.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-942"),
        Reference::new("CWE-352"),
        Reference::new("AML.T0049"),
        Reference::new("https://jupyter-server.readthedocs.io/en/latest/operators/security.html"),
    ]),
    bad: Some(Example::new("object.yaml", ANY_ORIGIN_BAD)),
    good: Some(Example::new("object.yaml", ANY_ORIGIN_GOOD)),
};

const NO_TOKEN_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [jupyter, lab, --ServerApp.token=]
    ports: [{containerPort: 8888}]
";

const NO_TOKEN_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [jupyter, lab, --ip=0.0.0.0]
    ports: [{containerPort: 8888}]
";

const ANY_ORIGIN_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [jupyter, lab, '--ServerApp.allow_origin=*']
    ports: [{containerPort: 8888}]
";

const ANY_ORIGIN_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [jupyter, lab, '--ServerApp.allow_origin=https://hub.example.org']
    ports: [{containerPort: 8888}]
";
