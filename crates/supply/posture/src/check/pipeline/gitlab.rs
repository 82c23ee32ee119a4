//! GitLab CI.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    github::{publish::sink, runners::is_accelerator},
    text::{place, text},
};
use crate::{
    Cursor, Origin, Truth, World,
    check::{
        Check, Family, Persona, Report,
        container::secret::{is_secret_name, is_written},
        image::pinned,
        script::{Deed, Did, deeds},
    },
    read::gitlab::{JOB, PIPELINE},
    shell::{Command, Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&CODE, Persona::Regular),
        (&INPUT, Persona::Regular),
        (&FLOATING, Persona::Regular),
        (&TAGGED, Persona::Pedantic),
        (&REMOTE, Persona::Regular),
        (&PROJECT, Persona::Regular),
        (&SECRET, Persona::Regular),
        (&ENGINE, Persona::Regular),
        (&RUNS_DOWNLOAD, Persona::Regular),
        (&PACKAGES, Persona::Regular),
        (&TOKEN, Persona::Regular),
        (&PUBLISH, Persona::Regular),
        (&ARTIFACTS, Persona::Regular),
        (&CACHE, Persona::Regular),
        (&IDENTITY, Persona::Regular),
        (&TRACE, Persona::Regular),
        (&ACCELERATOR, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    let (found, open) = (report.found.len(), report.open.len());
    judge(world, report);
    // What jobs have from a default or from what they extend is told once.
    let mut seen = HashSet::new();
    let mut is_new = |rule: &Rule, origin: &Origin, path: &str| {
        let file = Arc::as_ptr(&origin.file) as usize;
        let part = path.split_once(' ').map_or("", |(_, part)| part);
        seen.insert((rule.id.clone(), file, origin.span, part.to_owned()))
    };
    let tail = report.found.split_off(found);
    let tail = tail
        .into_iter()
        .filter(|it| is_new(&it.rule, &it.attribute.origin, &it.attribute.path));
    report.found.extend(tail);
    let tail = report.open.split_off(open);
    let tail = tail
        .into_iter()
        .filter(|it| is_new(&it.rule, &it.attribute.origin, &it.attribute.path));
    report.open.extend(tail);
}

fn judge(world: &World, report: &mut Report) {
    for pipeline in world.of_kind(PIPELINE).map(crate::Resource::cursor) {
        includes(&pipeline, report);
        variables(&pipeline.get("variables"), report);
        image(&pipeline.get("image"), report);
    }
    for job in world.of_kind(JOB).map(crate::Resource::cursor) {
        image(&job.get("image"), report);
        services(&job, report);
        variables(&job.get("variables"), report);
        kept(&job, report);
        let is_foreign = runs_for_merge_requests(&job);
        let tokens = job.get("id_tokens");
        let has_tokens = !tokens.is_absent();
        let key = ("", tokens.key_origin().clone());
        report.of_part(
            has_tokens.and(|| is_foreign.clone()),
            &IDENTITY,
            &tokens,
            key,
            || "a merge request gets a token of the job's identity".to_owned(),
        );
        for tag in job.get("tags").items() {
            let has = tag.text().is(|tag| is_accelerator(&tag));
            report.when(has.and(|| is_foreign.clone()), &ACCELERATOR, &tag, || {
                format!("merge requests run on {}", tag.shown())
            });
        }
        for line in script(&job) {
            scripts(&line, &is_foreign, report);
        }
    }
}

/// The lines of its scripts, also those in lists in lists.
fn script<'a>(job: &Cursor<'a>) -> Vec<Cursor<'a>> {
    let keys = ["before_script", "script", "after_script"];
    let mut open: Vec<Cursor<'a>> = keys.iter().rev().map(|key| job.get(key)).collect();
    let mut lines = Vec::new();
    while let Some(at) = open.pop() {
        if text(&at).is_some() {
            lines.push(at);
        } else if at.fact.clone().ok().is_some() {
            open.extend(at.items().into_iter().rev());
        }
    }
    lines
}

/// Whether a merge request begins the job: where its rules name the event, and not where they deny it.
fn runs_for_merge_requests(job: &Cursor<'_>) -> Truth {
    let rule = |rule: &Cursor<'_>| {
        let condition = rule.get("if").text().ok().unwrap_or_default();
        let names = condition.contains("merge_request_event") && !condition.contains("!=");
        Truth::from(names && !rule.get("when").equals("never").is_yes())
    };
    let rules = job.get("rules").items();
    let only = job.get("only");
    let refs = only.get("refs");
    Truth::any(rules.iter().map(rule))
        .or(|| only.has("merge_requests"))
        .or(|| refs.has("merge_requests"))
}

fn image(at: &Cursor<'_>, report: &mut Report) {
    let named = at.get("name");
    let at = if named.is_absent().is_yes() {
        at
    } else {
        &named
    };
    pinned(at, "", (&FLOATING, &TAGGED), report);
}

fn services(job: &Cursor<'_>, report: &mut Report) {
    let mut has_engine = false;
    for service in job.get("services").items() {
        image(&service, report);
        let name = service.text().or_else(|| service.get("name").text());
        has_engine |= name.ok().is_some_and(|name| name.contains("dind"));
    }
    let variables = job.get("variables");
    let certificates = variables.get("DOCKER_TLS_CERTDIR");
    let host = variables.get("DOCKER_HOST");
    let is_plain = text(&certificates).is_some_and(|(_, text)| text.is_empty());
    let is_open = host.text().is(|host| host.ends_with(":2375"));
    let at = if is_plain { &certificates } else { &host };
    let truth = Truth::from(is_plain)
        .or(|| is_open)
        .and(|| has_engine.into());
    report.when(truth, &ENGINE, at, || {
        "the container engine of the job takes orders from everybody in its network".to_owned()
    });
}

fn variables(variables: &Cursor<'_>, report: &mut Report) {
    for (name, value) in variables.entries() {
        let long = value.get("value");
        let value = if long.is_absent().is_yes() {
            value
        } else {
            long
        };
        let is_secret = value
            .text()
            .is(|text| is_secret_name(name) && is_written(&text));
        if is_secret.is_yes() {
            report.when(is_secret, &SECRET, &value, || {
                format!("the value of {name} stands in the file")
            });
        }
        let is_trace = Truth::from(name == "CI_DEBUG_TRACE").and(|| value.is_true());
        report.when(is_trace, &TRACE, &value, || {
            "the log shows every variable".to_owned()
        });
    }
}

fn kept(job: &Cursor<'_>, report: &mut Report) {
    let artifacts = job.get("artifacts");
    let untracked = artifacts.get("untracked");
    report.when(untracked.is_true(), &ARTIFACTS, &untracked, || {
        "every file that is not in the repository is kept".to_owned()
    });
    for path in artifacts.get("paths").items() {
        let is_all = path.text().is(|path| {
            matches!(
                path.trim_end_matches('/'),
                "." | "./*" | "*" | "**" | "**/*" | "$CI_PROJECT_DIR" | "${CI_PROJECT_DIR}"
            )
        });
        report.when(is_all, &ARTIFACTS, &path, || {
            "everything in the working directory is kept".to_owned()
        });
    }
    let cache = job.get("cache");
    let caches = match cache.items() {
        items if items.is_empty() => vec![cache],
        items => items,
    };
    for cache in caches {
        let unprotect = cache.get("unprotect");
        report.when(unprotect.is_true(), &CACHE, &unprotect, || {
            "branches that anybody may push to write the cache of those that are protected"
                .to_owned()
        });
    }
}

fn includes(pipeline: &Cursor<'_>, report: &mut Report) {
    let include = pipeline.get("include");
    let list = match include.items() {
        items if items.is_empty() => vec![include],
        items => items,
    };
    for item in list {
        let plain = item.text().ok().filter(|text| text.contains("://"));
        let remote = item.get("remote");
        let at = if plain.is_some() { &item } else { &remote };
        let is_remote = Truth::from(plain.is_some()).or(|| !remote.is_absent());
        let is_blind = is_remote.and(|| {
            item.get("integrity")
                .is_absent()
                .or(|| Truth::from(plain.is_some()))
        });
        report.when(is_blind, &REMOTE, at, || {
            format!("{} is whatever the server gives", at.shown())
        });
        let project = item.get("project");
        let reference = item.get("ref");
        let is_commit =
            |text: String| text.len() == 40 && text.bytes().all(|it| it.is_ascii_hexdigit());
        let is_open = !project.is_absent();
        let is_open = is_open.and(|| !reference.text().is(is_commit));
        report.when(is_open, &PROJECT, &project, || {
            format!("{} is included at {}", project.shown(), reference.shown())
        });
        let component = item.get("component");
        let is_floating = component.text().is(|name| {
            let version = name
                .rsplit_once('@')
                .map_or("~latest", |(_, version)| version);
            matches!(version, "~latest" | "main" | "master")
        });
        report.when(is_floating, &PROJECT, &component, || {
            format!("{} is whatever is the latest", component.shown())
        });
    }
}

fn scripts(line: &Cursor<'_>, is_foreign: &Truth, report: &mut Report) {
    let Some((attr, script)) = text(line) else {
        return;
    };
    inputs(line, attr, script, report);
    for command in commands(script, Shell::Posix) {
        let at = || place(attr, script, command.span.clone());
        if let Some(name) = foreign_code(&command) {
            report.of_part(Truth::Yes, &CODE, line, (name, at()), || {
                format!("{name} becomes part of a program, and others write it")
            });
        }
        if let Some(name) = sink(&command) {
            report.of_part(is_foreign.clone(), &PUBLISH, line, (name, at()), || {
                format!("{name} publishes, and a merge request begins the job")
            });
        }
    }
    for Did {
        deed,
        command,
        truth,
    } in deeds(script)
    {
        let rule: &'static Rule = match deed {
            Deed::RunsDownload => &RUNS_DOWNLOAD,
            Deed::ExtraIndex | Deed::TrustedHost | Deed::NoSignature | Deed::NoCertificates => {
                &PACKAGES
            }
            Deed::TokenArgument => &TOKEN,
            _ => continue,
        };
        let at = place(attr, script, command.span.clone());
        report.of_part(truth, rule, line, (command.name(), at), || {
            format!("`{}`", command.name())
        });
    }
}

/// A variable that others write, in what another program reads as code.
fn foreign_code(command: &Command) -> Option<&'static str> {
    let inner = command.inner();
    let takes_code = CODE_PROGRAMS.iter().find(|(name, _)| inner.name() == *name);
    let (_, flags) = takes_code?;
    let words = &inner.words[1..];
    let start = match flags {
        [] => 0,
        flags => {
            1 + words
                .iter()
                .position(|word| flags.contains(&word.text.as_str()))?
        }
    };
    let mut code = words.get(start..)?.iter().filter(|word| word.expands);
    code.find_map(|word| {
        FOREIGN_VARIABLES.iter().copied().find(|name| {
            let mut found = word.text.match_indices(name);
            found.any(|(at, _)| {
                let before = &word.text[..at];
                let after = word.text[at + name.len()..].chars().next();
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                (before.ends_with('$') || before.ends_with("${")) && !after.is_some_and(is_part)
            })
        })
    })
}

/// `$[[ inputs.name ]]` is written into the script before it is one.
fn inputs(line: &Cursor<'_>, attr: &crate::Attr, script: &str, report: &mut Report) {
    let mut from = 0;
    while let Some(at) = script[from..].find("$[[") {
        let start = from + at;
        let Some(length) = script[start..].find("]]") else {
            return;
        };
        let end = start + length + 2;
        let inner = script[start + 3..end - 2].trim();
        let origin = place(attr, script, start..end);
        report.of_part(
            inner.starts_with("inputs.").into(),
            &INPUT,
            line,
            (inner, origin),
            || format!("`{inner}` is put into the script"),
        );
        from = end;
    }
}

/// Programs that read an argument as code, and the options before it.
const CODE_PROGRAMS: &[(&str, &[&str])] = &[
    ("eval", &[]),
    ("ssh", &[]),
    ("sh", &["-c", "-ec", "-xc", "-exc"]),
    ("bash", &["-c", "-ec", "-xc", "-lc", "-exc"]),
    ("zsh", &["-c"]),
    ("python", &["-c"]),
    ("python3", &["-c"]),
    ("node", &["-e"]),
    ("perl", &["-e"]),
    ("ruby", &["-e"]),
    ("psql", &["-c"]),
    ("mysql", &["-e"]),
];

/// What whoever pushes or proposes writes
/// (<https://docs.gitlab.com/ci/variables/predefined_variables/>).
const FOREIGN_VARIABLES: &[&str] = &[
    "CI_COMMIT_AUTHOR",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_DESCRIPTION",
    "CI_COMMIT_MESSAGE",
    "CI_COMMIT_REF_NAME",
    "CI_COMMIT_TAG",
    "CI_COMMIT_TAG_MESSAGE",
    "CI_COMMIT_TITLE",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    "CI_MERGE_REQUEST_DESCRIPTION",
    "CI_MERGE_REQUEST_LABELS",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_MERGE_REQUEST_TITLE",
];

macro_rules! rules {
    ($($name:ident $id:literal $severity:ident $confidence:ident $title:literal $description:literal $remediation:literal [$($reference:literal),*];)*) => {
        $(static $name: Rule = Rule {
            id: RuleId::new($id),
            title: Cow::Borrowed($title),
            severity: Severity::$severity,
            confidence: Confidence::$confidence,
            description: Cow::Borrowed($description),
            remediation: Cow::Borrowed($remediation),
            references: Cow::Borrowed(&[$(Reference::new($reference)),*]),
            bad: Some(Example::new(".gitlab-ci.yml", BAD)),
            good: Some(Example::new("pipeline.txtar", GOOD)),
        };)*
    };
}

rules! {
    CODE "CM-GLC-001" High High
    "Text that others write becomes part of a program"
    "The variable has a title, a branch or a message that whoever pushes or proposes writes. The shell puts it into what \
     another program, or the shell again, reads as code: they run commands in the job, with its tokens."
    "Give it to the program as an argument or by its environment, not as code."
    ["CWE-94", "T1059.004", "https://docs.gitlab.com/ci/variables/predefined_variables/"];

    INPUT "CM-GLC-002" Medium Medium
    "An input is put into a script"
    "`$[[ inputs.name ]]` is replaced before the shell reads the script: whoever includes the file or begins the pipeline \
     with inputs writes part of the program."
    "Put the input into a variable of the job, and use it quoted."
    ["CWE-94", "https://docs.gitlab.com/ci/inputs/"];

    FLOATING "CM-GLC-003" Medium High
    "A job runs in whatever image is the latest"
    "Without a tag, or with `latest`, the image is another one whenever somebody pushes it, and has the job's tokens."
    "Name the image with its digest."
    ["CWE-829", "T1195.002"];

    TAGGED "CM-GLC-004" Low High
    "The image of a job has no digest"
    "A tag can be pushed again: the image that was looked at is not surely the one that runs."
    "Name the image with its digest."
    ["CWE-829"];

    REMOTE "CM-GLC-005" High High
    "A configuration is taken from an address"
    "The pipeline is whatever the server gives when it begins: whoever has the server runs jobs with the variables and \
     the runners of this project."
    "Copy the file into the project, or say its digest with `integrity`."
    ["CWE-829", "T1195.002", "https://docs.gitlab.com/ci/yaml/"];

    PROJECT "CM-GLC-006" Medium High
    "A configuration of another project is not pinned"
    "What is included is whatever the branch or the tag is when the pipeline begins. Who can push there changes the jobs \
     of this project."
    "Say `ref` with the full commit, and a component's version or commit behind `@`."
    ["CWE-829", "https://docs.gitlab.com/ci/yaml/"];

    SECRET "CM-GLC-007" High Medium
    "A secret stands in the configuration"
    "Who can read the repository has the secret, and it stays in its history."
    "Store it as a masked and protected variable of the project, and change it."
    ["CWE-798", "T1552.001", "AML.T0055"];

    ENGINE "CM-GLC-008" High High
    "The container engine of a job takes orders without TLS"
    "Docker in Docker needs a privileged runner. Without TLS, whatever else runs in the network of the job starts \
     containers with all of the runner."
    "Leave `DOCKER_TLS_CERTDIR` set and use port 2376, or build without an engine."
    ["CWE-306", "T1610", "https://docs.gitlab.com/ci/docker/using_docker_build/"];

    RUNS_DOWNLOAD "CM-GLC-009" High High
    "A job runs what it downloads"
    "What a server gives is run without anybody having seen it, with the tokens of the job."
    "Download a release, check its digest, and then run it."
    ["CWE-494", "T1195.002"];

    PACKAGES "CM-GLC-010" High Medium
    "A job installs packages that it does not check"
    "Packages come from a second index, from a host whose certificate is not asked for, or without their signature: \
     others than their owners can give them."
    "Use one index over TLS, and pin digests."
    ["CWE-427", "CWE-295", "AML.T0010"];

    TOKEN "CM-GLC-011" Medium High
    "A job logs in with a token as an argument"
    "Every process on the runner sees the arguments of others, and a trace of the script shows them."
    "Give the token on the standard input, or by a variable of the program."
    ["CWE-214", "AML.T0055"];

    PUBLISH "CM-GLC-012" Critical Medium
    "A merge request begins a job that publishes"
    "Who proposes a change has a way to the models, packages or images that users download, under the name they trust."
    "Publish from tags or the protected branch only."
    ["CWE-829", "T1195.002", "AML.T0010"];

    ARTIFACTS "CM-GLC-013" Medium Medium
    "A job keeps everything that it has"
    "The working directory holds configuration of the checkout with its token, `.env` files and caches of credentials. \
     Artifacts are there for everybody who may see the pipeline."
    "Name the files to keep."
    ["CWE-552", "T1552.001", "https://docs.gitlab.com/ci/yaml/"];

    CACHE "CM-GLC-014" High High
    "Branches share a cache with those that are protected"
    "Who can push to any branch writes into the cache, and with it into what the protected branch builds and publishes."
    "Remove `unprotect`."
    ["CWE-349", "https://docs.gitlab.com/ci/caching/"];

    IDENTITY "CM-GLC-015" Medium Medium
    "Merge requests get a token of the job's identity"
    "The job has an OIDC token, and a merge request begins it: the author's code can use it wherever the identity of \
     this project is taken, unless every such place asks for the protected branch."
    "Give `id_tokens` only to jobs of the protected branch."
    ["CWE-284", "https://docs.gitlab.com/ci/secrets/id_token_authentication/"];

    TRACE "CM-GLC-016" High High
    "The log shows every variable"
    "With `CI_DEBUG_TRACE` the log has every variable with its value, those too that are secret."
    "Remove it, and delete the logs of the jobs that had it."
    ["CWE-532", "https://docs.gitlab.com/ci/variables/variables_troubleshooting/"];

    ACCELERATOR "CM-GLC-017" High Medium
    "Merge requests run on machines with accelerators"
    "Such machines are few and kept: they hold caches of models and data, and credentials. A merge request runs its \
     author's code there, and what it leaves is there for the job that trains the release."
    "Give merge requests runners that live for one job."
    ["CWE-668", "AML.T0010"];
}

const BAD: &[u8] = b"\
spec:
  inputs:
    name:
---
include:
- https://ci.example.org/base.yml
- project: example/ci
  file: base.yml
variables:
  CI_DEBUG_TRACE: \"true\"
  HF_TOKEN: hf_0123456789abcdefghijklmnopqrstuv
train:
  image: python:latest
  tags: [gpu]
  services: [\"docker:28-dind\"]
  variables:
    DOCKER_TLS_CERTDIR: \"\"
  id_tokens:
    REGISTRY: {aud: https://registry.example.org}
  cache: {unprotect: true, paths: [data]}
  artifacts: {paths: [.]}
  rules:
  - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
  script:
  - sh -c \"echo $CI_COMMIT_TITLE\"
  - echo $[[ inputs.name ]]
  - curl https://get.example.org | sh
  - pip install torch --extra-index-url https://packages.example.org
  - huggingface-cli login --token $HF_TOKEN
  - hf upload example/model model
lint:
  image: python:3.14
  script: [make lint]
";

const GOOD: &[u8] = b"\
-- .gitlab-ci.yml --
include:
- local: /ci/base.yml
- project: example/ci
  ref: 0123456789abcdef0123456789abcdef01234567
  file: base.yml
train:
  image: python@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  tags: [gpu]
  cache: {paths: [data]}
  artifacts: {paths: [model]}
  rules:
  - if: $CI_COMMIT_TAG
  script:
  - echo \"$CI_COMMIT_TITLE\"
  - pip install --require-hashes -r requirements.txt
  - hf upload example/model model
-- ci/base.yml --
stages: [build]
";
