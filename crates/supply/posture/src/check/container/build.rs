//! What a Dockerfile makes of an image.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::secret::{is_secret_name, is_written};
use crate::{
    Cursor, Fact, Truth, World,
    check::{Check, Family, Persona, Report, image::pinned},
    read::dockerfile::DOCKERFILE,
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ROOT, Persona::Regular),
        (&NO_USER, Persona::Pedantic),
        (&FLOATING, Persona::Regular),
        (&TAGGED, Persona::Pedantic),
        (&ADDED, Persona::Regular),
        (&SECRET, Persona::Regular),
        (&SECRET_NAME, Persona::Regular),
        (&CREDENTIALS, Persona::Regular),
        (&PORT, Persona::Pedantic),
        (&UNCONFINED, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for resource in world.of_kind(DOCKERFILE) {
        let stages = resource.at("stages").items();
        for stage in &stages {
            base(stage, report);
            for instruction in stage.get("instructions").items() {
                judge(&instruction, report);
            }
        }
        if let Some(last) = stages.last() {
            user(&stages, last, report);
        }
    }
}

/// What says who the user of `stage` is: its own instructions, and else those of the stage that it is built
/// on, and so on. What waits for another build says nothing of this one.
pub(crate) fn users<'a>(stages: &[Cursor<'a>], stage: &Cursor<'a>) -> Vec<Cursor<'a>> {
    let mut stage = stage.clone();
    // A stage is built on one before it, so that this ends.
    loop {
        let own = stage.get("instructions").items().into_iter();
        let own = own.filter(|it| {
            it.get("instruction").equals("USER").is_yes() && !it.get("onbuild").is_true().is_yes()
        });
        let own: Vec<Cursor<'a>> = own.collect();
        let parent = stage.get("parent").integer().ok();
        let parent = parent.and_then(|at| stages.get(usize::try_from(at).ok()?));
        match parent {
            Some(next) if own.is_empty() => stage = next.clone(),
            _ => return own,
        }
    }
}

/// Whether a user is root: by name, or by number, with or without a group.
pub(crate) fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    matches!(name, "root" | "0" | "ContainerAdministrator")
}

/// The user of the last stage.
fn user(stages: &[Cursor<'_>], last: &Cursor<'_>, report: &mut Report) {
    if let Some(user) = users(stages, last).last() {
        let words = user.get("words").items();
        let name = words.first().map_or(Fact::Absent, Cursor::text);
        report.when(name.is(|name| is_root(&name)), &ROOT, user, || {
            "the image runs as root".to_owned()
        });
        return;
    }
    let mut stage = last.clone();
    while let Some(parent) = stage.get("parent").integer().ok() {
        match usize::try_from(parent).ok().and_then(|at| stages.get(at)) {
            Some(next) => stage = next.clone(),
            None => break,
        }
    }
    let base = stage.get("base");
    let is_open = base
        .text()
        .is(|base| !base.contains("nonroot") && !base.contains("rootless"));
    report.when(is_open, &NO_USER, &base, || {
        "no user is said, and most base images have root".to_owned()
    });
}

fn base(stage: &Cursor<'_>, report: &mut Report) {
    if !stage.get("parent").is_absent().is_yes() {
        return;
    }
    let rules = (&FLOATING, &TAGGED);
    pinned(&stage.get("base"), "the base image ", rules, report);
}

fn judge(instruction: &Cursor<'_>, report: &mut Report) {
    let name = instruction
        .get("instruction")
        .text()
        .ok()
        .unwrap_or_default();
    match name.as_str() {
        "ADD" | "COPY" => copied(&name, instruction, report),
        "ARG" | "ENV" => variables(&name, instruction, report),
        "EXPOSE" => {
            for port in instruction.get("words").items() {
                let number = port
                    .text()
                    .map(|text| text.split('/').next().unwrap_or_default().to_owned());
                let service = number.and_then(|number| {
                    let known = PORTS.iter().find(|(known, _)| *known == number);
                    known.map_or(Fact::Absent, |(_, service)| Fact::Known(*service))
                });
                report.when(service.clone().is(|_| true), &PORT, &port, || {
                    format!(
                        "{} is the port of {}",
                        port.shown(),
                        service.ok().unwrap_or_default()
                    )
                });
            }
        }
        "RUN" => {
            let flags = instruction.get("flags");
            for flag in flags.items() {
                let is_open = flag
                    .text()
                    .is(|flag| matches!(flag.as_str(), "--security=insecure" | "--network=host"));
                let shown = flag.shown();
                let part = (&*shown, flag.origin().clone());
                report.of_part(is_open, &UNCONFINED, &flags, part, || {
                    format!("{shown} lets the build out of its sandbox")
                });
            }
        }
        _ => {}
    }
}

fn copied(name: &str, instruction: &Cursor<'_>, report: &mut Report) {
    let flags = instruction.get("flags").items();
    let flag = |name: &str| {
        let mut texts = flags.iter().filter_map(|flag| flag.text().ok());
        texts.find_map(|flag| flag.strip_prefix(name).map(str::to_owned))
    };
    let words = instruction.get("words").items();
    let sources = &words[..words.len().saturating_sub(1)];
    let has_checksum = flag("--checksum=").is_some();
    for source in sources {
        let is_url = source
            .text()
            .is(|it| it.starts_with("http://") || it.starts_with("https://"));
        let is_blind = is_url.and(|| Truth::from(name == "ADD" && !has_checksum));
        // What a variable stands for is open only where it could be an address.
        if name == "ADD" {
            report.when(is_blind, &ADDED, source, || {
                format!("{} is whatever the server gives", source.shown())
            });
        }
        let from = flag("--from=");
        let is_secret = source.text().is(|it| from.is_none() && is_credential(&it));
        if is_secret.is_yes() {
            report.when(is_secret, &CREDENTIALS, source, || {
                format!("{} is part of the image", source.shown())
            });
        }
    }
}

/// A file that holds credentials.
fn is_credential(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_key =
        name.starts_with("id_") && ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"].contains(&name);
    is_key
        || CREDENTIAL_FILES.contains(&name)
        || CREDENTIAL_PATHS
            .iter()
            .any(|end| path == *end || path.ends_with(&format!("/{end}")))
}

fn variables(kind: &str, instruction: &Cursor<'_>, report: &mut Report) {
    for (name, value) in instruction.get("variables").entries() {
        if !is_secret_name(name) {
            continue;
        }
        let text = value.text();
        let is_literal = text.clone().is(|text| is_written(&text));
        if is_literal.is_yes() {
            report.when(is_literal, &SECRET, &value, || {
                format!("the value of {name} is part of the image")
            });
            continue;
        }
        let is_empty = kind == "ENV" && text.is(|text| text.is_empty()).is_yes();
        // The way of an argument without a value ends at its instruction.
        let at = ("", instruction.origin().clone());
        report.of_part(
            Truth::from(!is_empty),
            &SECRET_NAME,
            instruction,
            at,
            || format!("{name} stays in the history of the image"),
        );
    }
}

const CREDENTIAL_FILES: &[&str] = &[
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".env",
    ".htpasswd",
    "kubeconfig",
    "credentials.json",
    "service-account.json",
    "service_account.json",
    ".ssh",
    ".aws",
    ".kube",
    ".gnupg",
    ".kaggle",
    "kaggle.json",
];

const CREDENTIAL_PATHS: &[&str] = &[
    ".docker/config.json",
    ".aws/credentials",
    ".kube/config",
    ".config/gcloud",
    ".huggingface/token",
    ".cache/huggingface/token",
];

/// Ports of what governs a machine or a cluster.
const PORTS: &[(&str, &str)] = &[
    ("22", "SSH"),
    ("23", "Telnet"),
    ("2375", "the container engine without TLS"),
    ("2376", "the container engine"),
    ("3389", "Remote Desktop"),
    ("5000", "MLflow's server"),
    ("5678", "Python's debugger"),
    ("5900", "VNC"),
    ("6006", "TensorBoard"),
    ("8265", "Ray's dashboard, which runs jobs for anybody"),
    ("8786", "Dask's scheduler, which runs code for anybody"),
    ("8888", "Jupyter"),
    ("9229", "Node's debugger"),
    ("10001", "Ray's client server, which runs code for anybody"),
];

static ROOT: Rule = Rule {
    id: RuleId::new("CM-DKF-001"),
    title: Cow::Borrowed("An image runs as root"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The last `USER` of the image is root. A flaw in what it serves, or a model that runs code when it is loaded, \
         has all of the container, and root is what most ways out of a container need.",
    ),
    remediation: Cow::Borrowed("Make a user, and name it with `USER` at the end."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("https://docs.docker.com/build/building/best-practices/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static NO_USER: Rule = Rule {
    id: RuleId::new("CM-DKF-002"),
    title: Cow::Borrowed("An image has the user of its base"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "No `USER` stands in the last stage or in what it is built on. Most base images have root, and the file does \
         not say whether this one does.",
    ),
    remediation: Cow::Borrowed("Make a user, and name it with `USER` at the end."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.docker.com/build/building/best-practices/"),
    ]),
    bad: Some(Example::new("Dockerfile", b"FROM debian:12\nRUN make\n")),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static FLOATING: Rule = Rule {
    id: RuleId::new("CM-DKF-003"),
    title: Cow::Borrowed("An image is built on whatever is the latest"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without a tag, or with `latest`, the base is another image whenever somebody pushes one: nobody can say what \
         the image was built from, nor build it again.",
    ),
    remediation: Cow::Borrowed("Name the base with its digest."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("T1195.002"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static TAGGED: Rule = Rule {
    id: RuleId::new("CM-DKF-004"),
    title: Cow::Borrowed("The base of an image has no digest"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A tag can be pushed again: the base that was looked at is not surely the one that is built on.",
    ),
    remediation: Cow::Borrowed("Name the base with its digest."),
    references: Cow::Borrowed(&[Reference::new("CWE-829")]),
    bad: Some(Example::new("Dockerfile", b"FROM debian:12\nUSER app\n")),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static ADDED: Rule = Rule {
    id: RuleId::new("CM-DKF-005"),
    title: Cow::Borrowed("A file is added from an address without its digest"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`ADD` takes whatever the server gives at the time of the build. Whoever has the server, or the way to it, \
         decides what is in the image.",
    ),
    remediation: Cow::Borrowed("Give `ADD` the digest: `--checksum=sha256:…`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-494"),
        Reference::new("https://docs.docker.com/reference/dockerfile/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static SECRET: Rule = Rule {
    id: RuleId::new("CM-DKF-006"),
    title: Cow::Borrowed("A secret is written into an image"),
    severity: Severity::Critical,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The value of `ARG` and `ENV` is in the history of the image and in every container of it: whoever can pull \
         the image has the secret, and so has whoever can read this file.",
    ),
    remediation: Cow::Borrowed(
        "Use `RUN --mount=type=secret`, give it to the container when it runs, and change it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-798"),
        Reference::new("T1552.001"),
        Reference::new("AML.T0055"),
        Reference::new(
            "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
        ),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static SECRET_NAME: Rule = Rule {
    id: RuleId::new("CM-DKF-007"),
    title: Cow::Borrowed("A secret is passed to a build as an argument"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "What is given to a build for `ARG`, or goes on into `ENV`, stays in the history and the provenance of the \
         image, where whoever can pull it reads it.",
    ),
    remediation: Cow::Borrowed("Use `RUN --mount=type=secret`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("AML.T0055"),
        Reference::new(
            "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
        ),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static CREDENTIALS: Rule = Rule {
    id: RuleId::new("CM-DKF-008"),
    title: Cow::Borrowed("A file with credentials is copied into an image"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The file is in a layer of the image, also where a later step deletes it: whoever can pull the image has the \
         credentials.",
    ),
    remediation: Cow::Borrowed("Use `RUN --mount=type=secret`, or `--mount=type=ssh`."),
    references: Cow::Borrowed(&[Reference::new("CWE-522"), Reference::new("T1552.001")]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static PORT: Rule = Rule {
    id: RuleId::new("CM-DKF-009"),
    title: Cow::Borrowed("An image says that a port for administration is open"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The port is that of a shell, a debugger, a notebook or a dashboard, each of which runs code for who reaches it. \
         `EXPOSE` opens nothing by itself; `docker run -P` publishes all that it names.",
    ),
    remediation: Cow::Borrowed(
        "Leave the port out, and reach such services through a tunnel with a login.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://docs.docker.com/reference/dockerfile/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static UNCONFINED: Rule = Rule {
    id: RuleId::new("CM-DKF-010"),
    title: Cow::Borrowed("A step of a build runs outside of its sandbox"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "`--security=insecure` runs the step privileged, and `--network=host` with the network of the builder: what is \
         downloaded and run there has the machine that builds, and every image that is built on it.",
    ),
    remediation: Cow::Borrowed("Take the option away."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.docker.com/reference/dockerfile/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

const BAD: &[u8] = b"\
FROM pytorch/pytorch
ARG NGC_API_KEY
ENV HF_TOKEN=hf_0123456789abcdefghijklmnopqrstuv
ADD https://models.example.org/model.bin /models/
COPY .netrc /root/
USER app
RUN --network=host make install
EXPOSE 8888
USER root
";

const GOOD: &[u8] = b"\
FROM pytorch/pytorch:2.8@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
ENV TOKENIZERS_PARALLELISM=false
ADD --checksum=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef https://models.example.org/model.bin /models/
COPY requirements.txt /app/
RUN --mount=type=secret,id=hf make install
EXPOSE 8000
USER app
";

#[cfg(test)]
mod tests {
    use casemate_core::Status;

    use crate::survey::tests::survey;

    fn rules(text: &str) -> Vec<String> {
        let outcomes = survey(&[("Dockerfile", text.as_bytes())]);
        let findings = outcomes[0].findings.iter();
        findings
            .map(|it| format!("{}@{}", it.rule, it.location))
            .collect()
    }

    #[test]
    fn an_argument_without_a_default_leaves_it_open() {
        let text = b"ARG TAG\nFROM debian:${TAG}\nUSER app\n";
        let outcomes = survey(&[("Dockerfile", text)]);
        assert_eq!(outcomes[0].result, Status::Undetermined);
        let reason = outcomes[0].reason.as_deref().unwrap_or_default();
        assert!(
            reason.contains("the argument TAG has no default"),
            "{reason}"
        );
    }

    #[test]
    fn a_default_is_filled_in_and_is_behind_the_value() {
        let text = b"ARG TAG=latest\nFROM debian:${TAG} AS a\nUSER app\n";
        let outcomes = survey(&[("Dockerfile", text)]);
        let finding = &outcomes[0].findings[0];
        assert_eq!(finding.rule.as_str(), "CM-DKF-003");
        let default = finding.evidence.iter().find(|it| it.label == "default");
        assert_eq!(default.expect("a default").value, "Dockerfile:1:1");
    }

    #[test]
    fn what_waits_for_another_build_is_not_who_runs_this_image() {
        let digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let text = format!("FROM a{digest}\nUSER root\nONBUILD USER app\n");
        assert_eq!(rules(&text), ["CM-DKF-001@Dockerfile:2:1"]);
        let text = format!("FROM a{digest}\nUSER app\nONBUILD USER root\n");
        assert_eq!(rules(&text), [] as [&str; 0]);
    }

    #[test]
    fn a_stage_has_the_user_of_the_stage_it_is_built_on() {
        let digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let text = format!("FROM a{digest} AS base\nUSER root\nFROM base\nRUN make\n");
        assert_eq!(rules(&text), ["CM-DKF-001@Dockerfile:2:1"]);
        let text = format!("FROM a{digest} AS base\nUSER root\nFROM base\nUSER app\n");
        assert_eq!(rules(&text), [] as [&str; 0]);
    }
}
