//! Pipelines that run in a cluster: Tekton, Argo Workflows and Kubeflow Pipelines.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::text::{place, text};
use crate::{
    Cursor, Fact, Resource, Truth, World,
    check::{
        Check, Family, Persona, Report,
        image::{Image, pinned},
        script::{Deed, Did, deeds},
    },
    read::{argo::KINDS, kfp::EXECUTOR},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&INJECTED, Persona::Regular),
        (&FLOATING, Persona::Regular),
        (&TAGGED, Persona::Pedantic),
        (&PRIVILEGED, Persona::Regular),
        (&HOST_PATH, Persona::Regular),
        (&BUNDLE, Persona::Regular),
        (&RUNS_DOWNLOAD, Persona::Regular),
        (&PACKAGES, Persona::Regular),
        (&AT_START, Persona::Pedantic),
        (&REMOTE_CODE, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for resource in world.resources() {
        let root = resource.cursor();
        let version = root.get("apiVersion").text().ok().unwrap_or_default();
        match &*resource.kind {
            "Task" | "ClusterTask" | "TaskRun" | "Pipeline" | "PipelineRun"
                if version.starts_with("tekton.dev/") =>
            {
                tekton(resource, report);
            }
            kind if KINDS.contains(&kind) && version.starts_with("argoproj.io/") => {
                argo(resource, report)
            }
            EXECUTOR => {
                let container = root.get("container");
                runs(&container, &[], report);
            }
            _ => {}
        }
    }
}

fn tekton(resource: &Resource, report: &mut Report) {
    let spec = resource.at("spec");
    let mut tasks = vec![spec.clone(), spec.get("taskSpec")];
    for list in ["tasks", "finally"] {
        for place in [&spec, &spec.get("pipelineSpec")] {
            for task in place.get(list).items() {
                bundle(&task.get("taskRef"), report);
                tasks.push(task.get("taskSpec"));
            }
        }
    }
    bundle(&spec.get("taskRef"), report);
    bundle(&spec.get("pipelineRef"), report);
    for task in tasks {
        for list in ["steps", "sidecars"] {
            for step in task.get(list).items() {
                runs(&step, TEKTON_OPENINGS, report);
            }
        }
        volumes(&task.get("volumes"), report);
    }
}

fn argo(resource: &Resource, report: &mut Report) {
    let spec = resource.at("spec");
    for spec in [spec.clone(), spec.get("workflowSpec")] {
        volumes(&spec.get("volumes"), report);
        for template in spec.get("templates").items() {
            volumes(&template.get("volumes"), report);
            let opening = [
                "{{inputs.parameters.",
                "{{workflow.parameters.",
                "{{item",
                "{{tasks.",
                "{{steps.",
                "{{=",
            ];
            let mut containers = vec![template.get("container"), template.get("script")];
            containers.extend(template.get("sidecars").items());
            containers.extend(template.get("initContainers").items());
            containers.extend(template.at("containerSet.containers").items());
            for container in containers {
                runs(&container, &opening, report);
            }
        }
    }
}

/// A container, and what is put into what it runs.
fn runs(container: &Cursor<'_>, openings: &[&str], report: &mut Report) {
    if !matches!(container.fact, Fact::Known(_)) {
        return;
    }
    pinned(&container.get("image"), "", (&FLOATING, &TAGGED), report);
    let privileged = container.at("securityContext.privileged");
    report.when(privileged.is_true(), &PRIVILEGED, &privileged, || {
        "the step is privileged".to_owned()
    });
    for code in code(container) {
        injected(&code, openings, report);
        did(&code, report);
    }
}

/// What is read as code: scripts, and what follows `-c`.
fn code<'a>(container: &Cursor<'a>) -> Vec<Cursor<'a>> {
    let mut code: Vec<Cursor<'a>> = ["script", "source"]
        .iter()
        .map(|key| container.get(key))
        .collect();
    let mut words = container.get("command").items();
    words.extend(container.get("args").items());
    let mut takes_code = false;
    for word in words {
        if takes_code {
            code.push(word.clone());
        }
        let is_option = word.text().is(|word| {
            let is_short = word.starts_with('-') && !word.starts_with("--");
            is_short && word.ends_with('c') && word.len() <= 5
        });
        takes_code = is_option.is_yes();
    }
    code
}

fn injected(at: &Cursor<'_>, openings: &[&str], report: &mut Report) {
    let Some((attr, script)) = text(at) else {
        return;
    };
    // A space may stand behind the braces of Argo.
    let squeezed = script.replace("{{ ", "{{");
    for opening in openings {
        for (start, _) in squeezed.match_indices(opening) {
            let close = if opening.starts_with("$(") { ")" } else { "}}" };
            let rest = &squeezed[start..];
            let length = rest
                .find(close)
                .map_or(rest.len(), |length| length + close.len());
            let name = &rest[..length];
            let inner = name
                .trim_start_matches(['{', '$', '('])
                .trim_end_matches(['}', ')'])
                .trim();
            let origin = match script.find(inner) {
                Some(at) => place(attr, script, at..at + inner.len()),
                None => attr.origin.clone(),
            };
            report.of_part(Truth::Yes, &INJECTED, at, (inner, origin), || {
                format!("`{inner}` is put into the script")
            });
        }
    }
}

fn did(at: &Cursor<'_>, report: &mut Report) {
    let Some((attr, script)) = text(at) else {
        return;
    };
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
            Deed::NoHashes => &AT_START,
            Deed::RemoteCode => &REMOTE_CODE,
            _ => continue,
        };
        let origin = place(attr, script, command.span.clone());
        report.of_part(truth, rule, at, (command.name(), origin), || {
            format!("`{}`", command.name())
        });
    }
}

fn volumes(volumes: &Cursor<'_>, report: &mut Report) {
    for volume in volumes.items() {
        let path = volume.at("hostPath.path");
        report.when(!path.is_absent(), &HOST_PATH, &path, || {
            format!("{} is the node's", path.shown())
        });
    }
}

/// A task or a pipeline that is taken from elsewhere.
fn bundle(reference: &Cursor<'_>, report: &mut Report) {
    let bundle = reference.get("bundle");
    let is_open = bundle.text().is(|name| Image::of(&name).digest.is_none());
    report.when(is_open, &BUNDLE, &bundle, || {
        format!("{} has no digest", bundle.shown())
    });
    let resolver = reference.get("resolver").text().ok().unwrap_or_default();
    let parameters = reference.get("params").items();
    let parameter = |name: &str| {
        parameters
            .iter()
            .find(|it| it.get("name").equals(name).is_yes())
            .map(|it| it.get("value"))
    };
    let (name, is_pinned): (&str, fn(&str) -> bool) = match resolver.as_str() {
        "git" => ("revision", |text| {
            text.len() == 40 && text.bytes().all(|it| it.is_ascii_hexdigit())
        }),
        "bundles" => ("bundle", |text| Image::of(text).digest.is_some()),
        _ => return,
    };
    let resolver = reference.get("resolver");
    let at = parameter(name).unwrap_or(resolver);
    let truth = match at.text().ok().is_some_and(|text| text.contains("$(")) {
        true => Truth::Unknown("a parameter says the revision".into()),
        false => !at.text().is(|text| is_pinned(&text)),
    };
    report.when(truth, &BUNDLE, &at, || {
        format!("{} is no commit and no digest", at.shown())
    });
}

/// Parameters and results, and what Pipelines as Code fills in from the event
/// (<https://pipelinesascode.com/docs/guide/authoringprs/>).
const TEKTON_OPENINGS: &[&str] = &["$(params.", "$(tasks.", "$(inputs.params.", "{{"];

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
            bad: Some(Example::new("pipeline.txtar", BAD)),
            good: Some(Example::new("pipeline.txtar", GOOD)),
        };)*
    };
}

rules! {
    INJECTED "CM-TKN-001" High Medium
    "A parameter is put into a script"
    "The parameter or result is replaced by its value before the shell reads the script: whoever begins the run, or writes \
     the branch, the title or the file that it is made of, writes part of the program, which has the rights of the \
     pipeline's account."
    "Pass it through `env`, and use it as a quoted variable of the shell."
    ["CWE-94", "T1059.004", "https://tekton.dev/docs/pipelines/tasks/", "https://argo-workflows.readthedocs.io/en/latest/variables/"];

    FLOATING "CM-TKN-002" Medium High
    "A step runs whatever image is the latest"
    "Without a tag, or with `latest`, the step is another program whenever somebody pushes one, and has the data and the \
     account of the pipeline."
    "Name the image with its digest."
    ["CWE-829", "AML.T0010"];

    TAGGED "CM-TKN-003" Low High
    "The image of a step has no digest"
    "A tag can be pushed again: the image that was looked at is not surely the one that runs."
    "Name the image with its digest."
    ["CWE-829"];

    PRIVILEGED "CM-TKN-004" High High
    "A step of a pipeline is privileged"
    "A pipeline runs code that changes with every run. Privileged, that code has the node, and what else runs there."
    "Remove `privileged`; build images with a builder that needs none of it."
    ["CWE-250", "T1611"];

    HOST_PATH "CM-TKN-005" High High
    "A pipeline has a folder of the node"
    "Code that changes with every run reads or writes the node's files, and finds there what other runs left."
    "Use a volume of the run's own."
    ["CWE-668", "T1611"];

    BUNDLE "CM-TKN-006" Medium High
    "A task is taken from elsewhere without its digest"
    "The task is whatever the branch or the tag is when the run begins: who can push there runs code with the account of \
     the pipeline."
    "Name the commit, or the digest of the bundle."
    ["CWE-829", "T1195.002", "https://tekton.dev/docs/pipelines/git-resolver/"];

    RUNS_DOWNLOAD "CM-TKN-007" High High
    "A step runs what it downloads"
    "What a server gives is run without anybody having seen it, with the account of the pipeline."
    "Put the program into the image, with its digest."
    ["CWE-494", "T1195.002"];

    PACKAGES "CM-TKN-008" High Medium
    "A step installs packages that it does not check"
    "Packages come from a second index, from a host whose certificate is not asked for, or without their signature: \
     others than their owners can give them."
    "Use one index over TLS, and pin digests."
    ["CWE-427", "CWE-295", "AML.T0010"];

    AT_START "CM-TKN-009" Low High
    "A step installs packages whenever it starts"
    "Each run has whatever the index gives on that day, without a digest that somebody has looked at. What Kubeflow's \
     compiler makes of `packages_to_install` is that."
    "Build an image that has the packages, from a list with digests."
    ["CWE-494", "AML.T0010", "https://www.kubeflow.org/docs/components/pipelines/user-guides/components/lightweight-python-components/"];

    REMOTE_CODE "CM-TKN-010" High High
    "A step runs code that comes with a model"
    "With `trust_remote_code` the Python files of the model's repository are run when it is loaded: whoever can push to \
     that repository runs code with the account of the pipeline."
    "Use a model that needs none of it, or pin the revision whose code you have read."
    ["CWE-829", "AML.T0011", "AML.T0010"];
}

const BAD: &[u8] = b"\
-- task.yaml --
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: train}
spec:
  params:
  - name: branch
  steps:
  - name: train
    image: python
    securityContext: {privileged: true}
    script: |
      git checkout $(params.branch)
      curl https://get.example.org | sh
      pip install torch --extra-index-url https://packages.example.org
  - name: test
    image: python:3.14
    command: [sh, -c, python serve.py --trust-remote-code]
  volumes:
  - name: data
    hostPath: {path: /data}
-- run.yaml --
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: train}
spec:
  pipelineRef:
    resolver: git
    params:
    - {name: url, value: \"https://git.example.org/pipelines.git\"}
    - {name: revision, value: main}
-- workflow.yaml --
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: train-}
spec:
  templates:
  - name: train
    script:
      image: python:latest
      command: [bash]
      source: |
        echo {{inputs.parameters.name}}
";

const GOOD: &[u8] = b"\
-- task.yaml --
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: train}
spec:
  params:
  - name: branch
  steps:
  - name: train
    image: python@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    env:
    - {name: BRANCH, value: $(params.branch)}
    script: |
      git checkout \"$BRANCH\"
      pip install --require-hashes -r requirements.txt
-- run.yaml --
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: train}
spec:
  pipelineRef:
    resolver: git
    params:
    - {name: url, value: \"https://git.example.org/pipelines.git\"}
    - {name: revision, value: 0123456789abcdef0123456789abcdef01234567}
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    #[test]
    fn what_kubeflow_compiled_and_argo_runs_is_judged() {
        let compiled = b"pipelineInfo: {name: train}\ndeploymentSpec:\n  executors:\n    exec-train:\n      container:\n        image: python:latest\n        command: [sh, -c, pip install torch && python]\n";
        let workflow = b"apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: a}\nspec:\n  templates:\n  - name: a\n    container:\n      image: \"{{inputs.parameters.image}}\"\n      command: [sh, -c]\n      args: [\"echo {{ inputs.parameters.name }}\"]\n";
        let outcomes = survey(&[("pipeline.yaml", compiled), ("workflow.yaml", workflow)]);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        // What else is wrong with the pods of a workflow, other families say.
        let found: Vec<String> = findings
            .filter(|it| it.rule.family() == "TKN")
            .map(|it| format!("{}@{}", it.rule, it.location))
            .collect();
        assert_eq!(
            found,
            [
                "CM-TKN-002@pipeline.yaml:6:16",
                "CM-TKN-009@pipeline.yaml:7:27",
                "CM-TKN-001@workflow.yaml:10:23",
            ]
        );
        let reason = outcomes[1].reason.as_deref().unwrap_or_default();
        assert!(reason.contains("a parameter names the image"), "{reason}");
    }
}
