//! What the steps of a Dockerfile run.

use std::{borrow::Cow, collections::HashSet};

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::{
    Cursor, World,
    check::{
        Check, Family, Persona, Report,
        pipeline::text::{place, text},
        script::{Deed, Did, deeds_within},
    },
    read::dockerfile::DOCKERFILE,
    shell::{Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&RUNS_DOWNLOAD, Persona::Regular),
        (&EXTRA_INDEX, Persona::Regular),
        (&TRUSTED_HOST, Persona::Regular),
        (&NO_HASHES, Persona::Pedantic),
        (&NO_SIGNATURE, Persona::Regular),
        (&NO_CERTIFICATES, Persona::Regular),
        (&TOKEN_ARGUMENT, Persona::Regular),
        (&REMOTE_CODE, Persona::Regular),
        (&NO_REVISION, Persona::Pedantic),
        (&WRITABLE, Persona::Regular),
        (&SUDO, Persona::Pedantic),
        (&OPEN_NOTEBOOK, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for resource in world.of_kind(DOCKERFILE) {
        let stages = resource.at("stages").items();
        let instructions: Vec<Cursor<'_>> = stages
            .iter()
            .flat_map(|stage| stage.get("instructions").items())
            .collect();
        let written: Vec<Cursor<'_>> = instructions
            .iter()
            .flat_map(|it| it.get("files").items())
            .collect();
        let named = match written.is_empty() {
            true => HashSet::new(),
            false => named(&instructions),
        };
        for file in written {
            let content = file.get("content");
            let is_run = text(&content).is_some_and(|(_, script)| is_script(script))
                || file
                    .get("path")
                    .text()
                    .is(|path| named.contains(name(&path)))
                    .is_yes();
            if is_run {
                judge(&content, &file.get("environment"), report);
            }
        }
        for instruction in instructions {
            let (script, environment) = (instruction.get("script"), instruction.get("environment"));
            judge(&script, &environment, report);
        }
    }
}

/// The files that any instruction runs, or has among its arguments.
fn named(instructions: &[Cursor<'_>]) -> HashSet<String> {
    let scripts = instructions.iter().map(|it| it.get("script"));
    let mut named = HashSet::new();
    for script in scripts {
        let Some((_, script)) = text(&script) else {
            continue;
        };
        let words = commands(script, Shell::Posix)
            .into_iter()
            .flat_map(|it| it.words);
        named.extend(words.map(|word| name(&word.text).to_owned()));
    }
    named
}

/// The last part of the way to a file.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file says that a shell runs it.
fn is_script(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && first.trim_end().ends_with("sh")
}

fn judge(at: &Cursor<'_>, environment: &Cursor<'_>, report: &mut Report) {
    let Some((attr, script)) = text(at) else {
        return;
    };
    let value = |name: &str| environment.get(name).text();
    for Did {
        deed,
        command,
        truth,
    } in deeds_within(script, &value)
    {
        // What a command is known by stays when an option of it goes, and has no token in it.
        let words = || command.words.iter().map(|it| it.text.as_str());
        let shown = |words: &mut dyn Iterator<Item = &str>| -> String {
            let words: Vec<&str> = words.collect();
            words.join(" ").chars().take(MAX_SHOWN).collect()
        };
        let (part, message) = match deed {
            Deed::TokenArgument => {
                let name = command.name().to_owned();
                (name.clone(), format!("{name} is given a token"))
            }
            _ => (
                shown(&mut words().filter(|word| !word.starts_with('-'))),
                format!("`{}`", shown(&mut words())),
            ),
        };
        let origin = place(attr, script, command.span.clone());
        report.of_part(truth, rule(deed), at, (&part, origin), || message);
    }
}

fn rule(deed: Deed) -> &'static Rule {
    match deed {
        Deed::RunsDownload => &RUNS_DOWNLOAD,
        Deed::ExtraIndex => &EXTRA_INDEX,
        Deed::TrustedHost => &TRUSTED_HOST,
        Deed::NoHashes => &NO_HASHES,
        Deed::NoSignature => &NO_SIGNATURE,
        Deed::NoCertificates => &NO_CERTIFICATES,
        Deed::TokenArgument => &TOKEN_ARGUMENT,
        Deed::RemoteCode => &REMOTE_CODE,
        Deed::NoRevision => &NO_REVISION,
        Deed::WritableByAll => &WRITABLE,
        Deed::Sudo => &SUDO,
        Deed::OpenNotebook => &OPEN_NOTEBOOK,
    }
}

const MAX_SHOWN: usize = 120;

static RUNS_DOWNLOAD: Rule = Rule {
    id: RuleId::new("CM-DKF-020"),
    title: Cow::Borrowed("A build runs what it downloads"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What a server gives is run without anybody having seen it. Whoever has the server, or the way to it, runs code \
         in the build, and gives another script to whom they choose.",
    ),
    remediation: Cow::Borrowed("Download a release, check its digest, and then run it."),
    references: Cow::Borrowed(&[Reference::new("CWE-494"), Reference::new("T1195.002")]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static EXTRA_INDEX: Rule = Rule {
    id: RuleId::new("CM-DKF-021"),
    title: Cow::Borrowed("Packages come from either of two indexes"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "With `--extra-index-url`, pip takes the highest version of a name that any index has. Whoever registers the \
         name of a private package on the public one, with a higher version, has it installed.",
    ),
    remediation: Cow::Borrowed(
        "Use one `--index-url` that has everything, or pin digests with `--require-hashes`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-427"),
        Reference::new("T1195.001"),
        Reference::new("AML.T0010"),
        Reference::new("https://pip.pypa.io/en/stable/cli/pip_install/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static TRUSTED_HOST: Rule = Rule {
    id: RuleId::new("CM-DKF-022"),
    title: Cow::Borrowed("Packages come over a way that is not protected"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `--trusted-host` or an `http:` index, pip does not ask whose the server is: whoever is on the way gives \
         the packages.",
    ),
    remediation: Cow::Borrowed(
        "Use `https:`, and give pip the certificate of your index with `--cert`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-295"),
        Reference::new("https://pip.pypa.io/en/stable/cli/pip/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static NO_HASHES: Rule = Rule {
    id: RuleId::new("CM-DKF-023"),
    title: Cow::Borrowed("Packages are installed without their digests"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A version of a package can be another file on another day or from another index. With `--require-hashes` pip \
         refuses every file, also of what a package depends on, that nobody has looked at.",
    ),
    remediation: Cow::Borrowed("Install from a list of digests with `--require-hashes`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-494"),
        Reference::new("https://pip.pypa.io/en/stable/topics/secure-installs/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static NO_SIGNATURE: Rule = Rule {
    id: RuleId::new("CM-DKF-024"),
    title: Cow::Borrowed("Packages of the system are installed without their signature"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The package manager is told not to ask who signed: whoever is on the way, or has the mirror, gives the \
         packages, which it installs as root.",
    ),
    remediation: Cow::Borrowed(
        "Add the key of the repository with `signed-by`, and take the option away.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-347"), Reference::new("T1195.002")]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static NO_CERTIFICATES: Rule = Rule {
    id: RuleId::new("CM-DKF-025"),
    title: Cow::Borrowed("A build does not ask whose a server is"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The check of certificates is turned off: whoever is on the way decides what is downloaded.",
    ),
    remediation: Cow::Borrowed(
        "Install the certificate of the server's authority, and take the option away.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-295")]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static TOKEN_ARGUMENT: Rule = Rule {
    id: RuleId::new("CM-DKF-026"),
    title: Cow::Borrowed("A build logs in with a token as an argument"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The command is in the history of the image, and what the login writes is in a layer of it: whoever can pull the \
         image has the token of the model registry or the tracker.",
    ),
    remediation: Cow::Borrowed("Use `RUN --mount=type=secret`, and the token for one command."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-522"),
        Reference::new("AML.T0055"),
        Reference::new("https://docs.docker.com/build/building/secrets/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static REMOTE_CODE: Rule = Rule {
    id: RuleId::new("CM-DKF-027"),
    title: Cow::Borrowed("Code that comes with a model is run"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `trust_remote_code` the Python files of the model's repository are run when it is loaded: whoever can \
         push to that repository runs code here.",
    ),
    remediation: Cow::Borrowed(
        "Use a model that needs none of it, or pin the revision whose code you have read.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("AML.T0011"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static NO_REVISION: Rule = Rule {
    id: RuleId::new("CM-DKF-028"),
    title: Cow::Borrowed("A model is downloaded without its revision"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The image has whatever the branch of the repository is on that day. Whoever can push to it replaces the model \
         in the next build.",
    ),
    remediation: Cow::Borrowed("Give `--revision` the commit."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-494"),
        Reference::new("AML.T0010"),
        Reference::new("https://huggingface.co/docs/huggingface_hub/guides/cli"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static WRITABLE: Rule = Rule {
    id: RuleId::new("CM-DKF-029"),
    title: Cow::Borrowed("Everybody may write to files of the image"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Any user in the container may replace the files: a flaw in what runs without rights becomes one in what others \
         load, models and programs among them.",
    ),
    remediation: Cow::Borrowed("Give the files to the user that needs them: `COPY --chown`."),
    references: Cow::Borrowed(&[Reference::new("CWE-732")]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static SUDO: Rule = Rule {
    id: RuleId::new("CM-DKF-030"),
    title: Cow::Borrowed("A build uses sudo"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "For `sudo` to work in a build, a user has the right to become root without a password, and has it in the \
         container too.",
    ),
    remediation: Cow::Borrowed("Do what needs root before `USER`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://docs.docker.com/build/building/best-practices/"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

static OPEN_NOTEBOOK: Rule = Rule {
    id: RuleId::new("CM-DKF-031"),
    title: Cow::Borrowed("A notebook asks for no token"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A Jupyter server with an empty token runs code for whoever reaches its port, also for a page in somebody's \
         browser.",
    ),
    remediation: Cow::Borrowed("Leave the token to the server, which makes one."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("https://jupyter-server.readthedocs.io/en/latest/operators/security.html"),
    ]),
    bad: Some(Example::new("Dockerfile", BAD)),
    good: Some(Example::new("Dockerfile", GOOD)),
};

const BAD: &[u8] = b"\
FROM debian:12
RUN curl -fsSL https://get.example.org | sh
RUN pip install torch --extra-index-url https://packages.example.org --trusted-host packages.example.org
RUN apt-get update && apt-get install -y --allow-unauthenticated libfast
RUN wget --no-check-certificate https://models.example.org/model.bin
RUN huggingface-cli login --token $HF_TOKEN \\
  && hf download example/model --local-dir /models
RUN python -c \"AutoModel.from_pretrained('example/model', trust_remote_code=True)\"
RUN sudo chmod -R 777 /models
CMD [\"jupyter\", \"lab\", \"--ServerApp.token=\"]
";

const GOOD: &[u8] = b"\
FROM debian:12
RUN curl -fsSLo tool https://get.example.org/tool-1.0 && echo \"0f1e  tool\" | sha256sum -c
RUN pip install --require-hashes --index-url https://packages.example.org -r requirements.txt
RUN apt-get update && apt-get install -y libfast
RUN --mount=type=secret,id=hf,env=HF_TOKEN hf download example/model --revision 0123456789abcdef0123456789abcdef01234567
RUN chmod -R 755 /models
CMD [\"jupyter\", \"lab\"]
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    fn found(text: &str) -> Vec<String> {
        let outcomes = survey(&[("Dockerfile", text.as_bytes())]);
        let findings = outcomes[0].findings.iter();
        let places = findings.map(|it| format!("{}@{}", it.rule, it.location));
        places.filter(|it| it.starts_with("CM-DKF-02")).collect()
    }

    #[test]
    fn a_step_has_the_arguments_and_the_environment_of_its_stage() {
        for (before, expected) in [
            ("ARG B=curl", true),
            ("ENV B=curl", true),
            ("ENV B='curl -s'", true),
            ("ARG B=cat", false),
        ] {
            let text = format!("FROM a\n{before}\nRUN $B http://x.example | bash\n");
            assert_eq!(!found(&text).is_empty(), expected, "{before}");
        }
        // What starts the container has no arguments of the build.
        let text = b"FROM a@sha256:0f\nUSER b\nARG B=curl\nCMD $B http://x.example | bash\n";
        let outcomes = survey(&[("Dockerfile", text)]);
        let reason = outcomes[0].reason.as_deref().unwrap_or_default();
        assert!(reason.contains("$B names the program"), "{reason}");
    }

    #[test]
    fn a_file_that_is_written_here_and_run_is_a_script() {
        let body = "curl http://x.example | bash";
        for (line, then, expected) in [
            ("COPY --chmod=755 <<EOF /run.sh", "RUN /run.sh", true),
            ("COPY <<EOF /app/", "RUN sh /app/EOF", true),
            ("COPY <<EOF /run.sh", "ENTRYPOINT [\"/run.sh\"]", true),
            ("COPY <<EOF /notes.txt", "RUN make", false),
        ] {
            let text = format!("FROM a\n{line}\n{body}\nEOF\n{then}\n");
            let expected = if expected {
                vec!["CM-DKF-020@Dockerfile:3:1"]
            } else {
                vec![]
            };
            assert_eq!(found(&text), expected, "{line} {then}");
        }
        let text = format!("FROM a\nCOPY <<EOF /run\n#!/bin/sh\n{body}\nEOF\n");
        assert_eq!(found(&text), ["CM-DKF-020@Dockerfile:4:1"]);
    }

    #[test]
    fn a_token_is_in_nothing_that_is_said() {
        let text = b"FROM a\nRUN huggingface-cli login --token hf_0123456789\n";
        let told = format!("{:?}", survey(&[("Dockerfile", text)])[0].findings);
        assert!(
            told.contains("CM-DKF-026") && !told.contains("hf_0123456789"),
            "{told}"
        );
    }
}
