//! Azure Pipelines.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    github::{publish::sink, runners::is_accelerator},
    text::{place, text},
};
use crate::{
    Cursor, Fact, Truth, World,
    check::{
        Check, Family, Persona, Report,
        container::secret::{is_secret_name, is_written},
        image::pinned,
        script::{Deed, Did, deeds},
    },
    read::azure::PIPELINE,
    shell::{Shell, commands},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&MACRO, Persona::Regular),
        (&PARAMETER, Persona::Regular),
        (&PERSISTED, Persona::Regular),
        (&FLOATING, Persona::Regular),
        (&TAGGED, Persona::Pedantic),
        (&TEMPLATE, Persona::Regular),
        (&POOL, Persona::Auditor),
        (&SECRET, Persona::Regular),
        (&RUNS_DOWNLOAD, Persona::Regular),
        (&PACKAGES, Persona::Regular),
        (&PUBLISH, Persona::Regular),
        (&ACCELERATOR, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for pipeline in world.of_kind(PIPELINE).map(crate::Resource::cursor) {
        repositories(&pipeline, report);
        // Pull requests of a repository on Azure are begun by policies, which are not in the file.
        let is_foreign = Truth::from(matches!(pipeline.get("pr").fact, Fact::Known(_)))
            .and(|| !pipeline.get("pr").equals("none"));
        for at in maps(&pipeline) {
            step(&at, &pipeline, &is_foreign, report);
            job(&at, &is_foreign, report);
        }
    }
}

/// Every map below, since conditions stand as keys between lists and their items.
fn maps<'a>(root: &Cursor<'a>) -> Vec<Cursor<'a>> {
    let mut open = vec![root.clone()];
    let mut maps = Vec::new();
    while let Some(at) = open.pop() {
        if text(&at).is_some() {
            continue;
        }
        let entries = at.entries();
        if entries.is_empty() {
            open.extend(at.items().into_iter().rev());
        } else {
            open.extend(entries.into_iter().map(|(_, entry)| entry).rev());
            maps.push(at);
        }
    }
    maps
}

fn step(at: &Cursor<'_>, pipeline: &Cursor<'_>, is_foreign: &Truth, report: &mut Report) {
    let persisted = at.get("persistCredentials");
    let is_checkout = !at.get("checkout").is_absent();
    report.when(
        is_checkout.and(|| persisted.is_true()),
        &PERSISTED,
        &persisted,
        || "the token stays in the configuration of the checkout".to_owned(),
    );
    let inputs = at.get("inputs");
    let task = at.get("task").text().ok().unwrap_or_default();
    let is_task = [
        "Bash@",
        "PowerShell@",
        "AzureCLI@",
        "CmdLine@",
        "AzurePowerShell@",
        "PythonScript@",
    ];
    let mut scripts: Vec<Cursor<'_>> = ["script", "bash", "pwsh", "powershell"]
        .iter()
        .map(|key| at.get(key))
        .collect();
    if is_task.iter().any(|name| task.starts_with(name)) {
        scripts.extend(
            ["script", "inlineScript", "Inline", "scriptSource"]
                .iter()
                .map(|key| inputs.get(key)),
        );
    }
    for script in scripts {
        judge(&script, pipeline, is_foreign, report);
    }
}

fn judge(at: &Cursor<'_>, pipeline: &Cursor<'_>, is_foreign: &Truth, report: &mut Report) {
    let Some((attr, script)) = text(at) else {
        return;
    };
    for (name, range) in between(script, "$(", ")") {
        let is_foreign = FOREIGN_VARIABLES
            .iter()
            .any(|known| name.trim().eq_ignore_ascii_case(known));
        let part = (name.trim(), place(attr, script, range));
        report.of_part(is_foreign.into(), &MACRO, at, part, || {
            format!(
                "`{}` is put into the script, and others write it",
                name.trim()
            )
        });
    }
    for (inner, range) in between(script, "${{", "}}") {
        let name = inner.trim();
        let Some(parameter) = name.strip_prefix("parameters.") else {
            continue;
        };
        let is_free = is_free(pipeline, parameter);
        let part = (name, place(attr, script, range));
        report.of_part(is_free, &PARAMETER, at, part, || {
            format!("`{name}` is put into the script")
        });
    }
    for command in commands(script, Shell::Posix) {
        if let Some(name) = sink(&command) {
            let part = (name, place(attr, script, command.span.clone()));
            report.of_part(is_foreign.clone(), &PUBLISH, at, part, || {
                format!("{name} publishes, and a pull request begins the pipeline")
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
            _ => continue,
        };
        let part = (command.name(), place(attr, script, command.span.clone()));
        report.of_part(truth, rule, at, part, || format!("`{}`", command.name()));
    }
}

/// Whether a parameter may have any text: it is declared without values, and is no number or boolean.
fn is_free(pipeline: &Cursor<'_>, name: &str) -> Truth {
    let declared = pipeline.get("parameters");
    for parameter in declared.items() {
        if parameter.get("name").equals(name).is_yes() {
            let kind = parameter.get("type").text().ok();
            let is_text = kind.is_none_or(|kind| kind == "string");
            return Truth::from(is_text).and(|| parameter.get("values").is_absent());
        }
    }
    // The older form: a map of names and defaults.
    !declared.get(name).is_absent()
}

/// What stands between `open` and `close`, with its place.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<(&'a str, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(open) {
        let start = from + at;
        let inner = start + open.len();
        let Some(length) = text[inner..].find(close) else {
            break;
        };
        from = inner + length + close.len();
        found.push((&text[inner..inner + length], start..from));
    }
    found
}

fn job(at: &Cursor<'_>, is_foreign: &Truth, report: &mut Report) {
    let is_job = ["job", "deployment", "steps", "jobs", "stages", "container"]
        .iter()
        .any(|key| !at.get(key).is_absent().is_yes());
    if !is_job {
        return;
    }
    let container = at.get("container");
    let image = container.get("image");
    let image = if image.is_absent().is_yes() {
        container
    } else {
        image
    };
    if let Some((_, name)) = text(&image)
        && (name.contains(':') || name.contains('/'))
    {
        pinned(&image, "", (&FLOATING, &TAGGED), report);
    }
    let pool = at.get("pool");
    let name = pool.get("name");
    let name = if name.is_absent().is_yes() {
        pool.clone()
    } else {
        name
    };
    let is_own = name
        .text()
        .is(|name| name != "Azure Pipelines" && name != "server" && !name.contains("${{"));
    let is_own = is_own.and(|| pool.get("vmImage").is_absent());
    report.when(is_own, &POOL, &name, || {
        format!("the jobs run on machines of {}", name.shown())
    });
    let has = name.text().is(|name| is_accelerator(&name));
    report.when(has.and(|| is_foreign.clone()), &ACCELERATOR, &name, || {
        format!("pull requests run on machines of {}", name.shown())
    });
    let variables = at.get("variables");
    let listed = variables.items();
    let pairs = variables
        .entries()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let named = listed
        .iter()
        .filter_map(|item| Some((item.get("name").text().ok()?, item.get("value"))));
    for (name, value) in pairs.chain(named) {
        let is_secret = value
            .text()
            .is(|text| is_secret_name(&name) && is_written(&text));
        if is_secret.is_yes() {
            report.when(is_secret, &SECRET, &value, || {
                format!("the value of {name} stands in the file")
            });
        }
    }
}

fn repositories(pipeline: &Cursor<'_>, report: &mut Report) {
    let resources = pipeline.get("resources");
    for repository in resources.get("repositories").items() {
        let reference = repository.get("ref");
        let is_pinned = reference.text().is(|text| {
            text.starts_with("refs/tags/")
                || (text.len() == 40 && text.bytes().all(|it| it.is_ascii_hexdigit()))
        });
        let name = repository.get("name");
        report.when(!is_pinned, &TEMPLATE, &name, || {
            format!(
                "templates of {} are taken at {}",
                name.shown(),
                reference.shown()
            )
        });
    }
    for container in resources.get("containers").items() {
        pinned(&container.get("image"), "", (&FLOATING, &TAGGED), report);
    }
}

/// What whoever pushes or proposes writes
/// (<https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables>).
const FOREIGN_VARIABLES: &[&str] = &[
    "Build.RequestedFor",
    "Build.SourceBranch",
    "Build.SourceBranchName",
    "Build.SourceVersionAuthor",
    "Build.SourceVersionMessage",
    "System.PullRequest.SourceBranch",
    "System.PullRequest.SourceRepositoryURI",
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
            bad: Some(Example::new("azure-pipelines.yml", BAD)),
            good: Some(Example::new("azure-pipelines.yml", GOOD)),
        };)*
    };
}

rules! {
    MACRO "CM-AZP-001" High High
    "Text that others write is put into a script"
    "`$(name)` is replaced by the value before the shell reads the script. A branch or a message is text that whoever \
     pushes or proposes writes: they write part of the program, which runs with the token and the connections of the job."
    "Pass the value through `env:`, and use it as a quoted variable of the shell."
    ["CWE-94", "T1059.004", "https://learn.microsoft.com/en-us/azure/devops/pipelines/security/inputs"];

    PARAMETER "CM-AZP-002" Medium Medium
    "A parameter is put into a script"
    "`${{ parameters.name }}` is replaced before the pipeline runs. A parameter without `values` is any text: whoever \
     begins the pipeline writes part of the program."
    "Say which `values` it may have, or pass it through `env:`."
    ["CWE-94", "https://learn.microsoft.com/en-us/azure/devops/pipelines/security/inputs"];

    PERSISTED "CM-AZP-003" Medium High
    "A checkout keeps the token"
    "With `persistCredentials` the token of the job stays in the configuration of the checkout, where every later step, \
     and what is packed of the directory, has it."
    "Remove it, and give the token to the one step that pushes."
    ["CWE-522", "T1552.001"];

    FLOATING "CM-AZP-004" High High
    "A job runs in whatever image is the latest"
    "Without a tag, or with `latest`, the image is another one whenever somebody pushes it, and has the job's token."
    "Name the image with its digest."
    ["CWE-829", "T1195.002"];

    TAGGED "CM-AZP-005" Low High
    "The image of a job has no digest"
    "A tag can be pushed again: the image that was looked at is not surely the one that runs."
    "Name the image with its digest."
    ["CWE-829"];

    TEMPLATE "CM-AZP-006" Medium High
    "Templates of another repository are not pinned"
    "What the templates say is whatever the branch is when the pipeline begins: who can push there changes its jobs."
    "Say `ref` with a tag that is protected, or a commit."
    ["CWE-829", "https://learn.microsoft.com/en-us/azure/devops/pipelines/process/templates"];

    POOL "CM-AZP-007" Medium Medium
    "Jobs run on machines of one's own"
    "A machine that is not made for each job keeps what a job leaves: whoever gets one job to run their code has those \
     after it."
    "Use agents that live for one job."
    ["CWE-668"];

    SECRET "CM-AZP-008" High Medium
    "A secret stands in the pipeline"
    "Who can read the repository has the secret, and it stays in its history."
    "Store it in a variable group or a vault, and change it."
    ["CWE-798", "T1552.001", "AML.T0055"];

    RUNS_DOWNLOAD "CM-AZP-009" High High
    "A job runs what it downloads"
    "What a server gives is run without anybody having seen it, with the token of the job."
    "Download a release, check its digest, and then run it."
    ["CWE-494", "T1195.002"];

    PACKAGES "CM-AZP-010" High Medium
    "A job installs packages that it does not check"
    "Packages come from a second index, from a host whose certificate is not asked for, or without their signature: \
     others than their owners can give them."
    "Use one index over TLS, and pin digests."
    ["CWE-427", "CWE-295", "AML.T0010"];

    PUBLISH "CM-AZP-011" Critical Medium
    "A pull request begins a pipeline that publishes"
    "Who proposes a change has a way to the models, packages or images that users download, under the name they trust."
    "Publish from another pipeline, which only the protected branch begins."
    ["CWE-829", "T1195.002", "AML.T0010"];

    ACCELERATOR "CM-AZP-012" High Medium
    "Pull requests run on machines with accelerators"
    "Such machines are few and kept: they hold caches of models and data, and credentials. A pull request runs its \
     author's code there, and what it leaves is there for the job that trains the release."
    "Give pull requests agents that live for one job."
    ["CWE-668", "AML.T0010"];
}

const BAD: &[u8] = b"\
pr: [main]
parameters:
- name: model
  type: string
resources:
  repositories:
  - repository: templates
    type: git
    name: example/templates
variables:
  HF_TOKEN: hf_0123456789abcdefghijklmnopqrstuv
pool: gpu-a100
jobs:
- job: train
  container: registry.example.org/train:latest
  steps:
  - checkout: self
    persistCredentials: true
  - script: echo $(Build.SourceVersionMessage) ${{ parameters.model }}
  - bash: curl https://get.example.org | sh
  - ${{ if true }}:
    - bash: |
        pip install torch --extra-index-url https://packages.example.org
        hf upload example/model model
- job: lint
  container: registry.example.org/lint:1
  steps:
  - script: make lint
";

const GOOD: &[u8] = b"\
pr: none
parameters:
- name: model
  type: string
  values: [small, large]
resources:
  repositories:
  - repository: templates
    type: git
    name: example/templates
    ref: refs/tags/v1.2.3
pool:
  vmImage: ubuntu-24.04
jobs:
- job: train
  container: registry.example.org/train@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  steps:
  - checkout: self
  - script: echo \"$MESSAGE\" ${{ parameters.model }}
    env:
      MESSAGE: $(Build.SourceVersionMessage)
  - bash: hf upload example/model model
";
