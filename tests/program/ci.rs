//! What is given to others to run in their pipelines: it parses, our own rules have nothing to say of it, and its
//! commands do what its page says.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};
use serde_json::Value;

use crate::run::{Run, casemate, casemate_in, ended, path_with_the_program, read_text, root, tree};

const ACTION: &str = "deploy/ci/github/action.yml";
const TEMPLATE: &str = "deploy/ci/gitlab/casemate.gitlab-ci.yml";
const HOOKS: &str = ".pre-commit-hooks.yaml";

const OPEN: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: x\n    image: y\n    securityContext: {privileged: true}\n";

/// The document in a file of the repository.
fn document(path: &str) -> Value {
    let stream = yaml::read(&read_text(path), Dialect::CORE, &Limits::default());
    assert!(stream.error.is_none(), "{path}: {:?}", stream.error);
    assert_eq!(stream.documents.len(), 1, "{path}");
    stream.documents[0].root.to_json()
}

#[test]
fn our_own_rules_have_nothing_to_say_of_them() {
    let workflow = read_text("deploy/ci/github/workflow.yml");
    let dir = tree(&[
        (b".github/workflows/casemate.yml", workflow.as_bytes()),
        (b"action/action.yml", read_text(ACTION).as_bytes()),
        (b"casemate.gitlab-ci.yml", read_text(TEMPLATE).as_bytes()),
        (HOOKS.as_bytes(), read_text(HOOKS).as_bytes()),
    ]);
    let arguments = ["assess", ".", "--persona", "auditor", "--format", "json"];
    let report = casemate_in(dir.path(), arguments).ended_with(0).json();
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0));
    let outcomes = report["outcomes"].as_array().expect("outcomes");
    let posture: Vec<&Value> = outcomes
        .iter()
        .filter(|it| it["check"] == "posture")
        .collect();
    let [all] = posture.as_slice() else {
        panic!("not all are judged alike: {posture:#?}");
    };
    assert_eq!(
        (&all["result"], &all["coverage"]),
        (&"pass".into(), &"complete".into())
    );
    assert_eq!(all["count"], 3, "the workflow, the action and the template");
}

/// A runner of GitHub's: an empty folder for its own, and a workspace.
struct Runner {
    workspace: tempfile::TempDir,
    temporary: tempfile::TempDir,
}

impl Runner {
    fn new(files: &[(&[u8], &[u8])]) -> Self {
        Self {
            workspace: tree(files),
            temporary: tree(&[]),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// Runs the step of the action as the runner does.
    fn act(&self, inputs: &[(&str, &str)]) -> Run {
        let action = document(ACTION);
        let steps = action["runs"]["steps"].as_array().expect("steps");
        let [step] = steps.as_slice() else {
            panic!("the action has one step");
        };
        assert_eq!(step["shell"], "bash");
        let known = action["inputs"].as_object().expect("inputs");
        for (name, _) in inputs {
            assert!(known.contains_key(*name), "{name} is no input");
        }
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c"]);
        command.arg(step["run"].as_str().expect("a script"));
        for (name, value) in step["env"].as_object().expect("an environment") {
            let expression = value.as_str().expect("an expression");
            let expression = expression
                .trim_start_matches("${{ ")
                .trim_end_matches(" }}");
            let value = match expression.strip_prefix("inputs.") {
                Some(input) => {
                    let given = inputs.iter().find(|(name, _)| *name == input);
                    let default = || known[input]["default"].as_str().expect("a default");
                    given.map_or_else(default, |(_, value)| value).to_owned()
                }
                None => {
                    assert_eq!(expression, "github.repository");
                    "example/shop".to_owned()
                }
            };
            command.env(name, value);
        }
        command
            .current_dir(self.workspace.path())
            .env("PATH", path_with_the_program())
            .env("RUNNER_TEMP", self.temporary.path())
            .env("GITHUB_STEP_SUMMARY", self.file("summary"))
            .env("GITHUB_OUTPUT", self.file("output"));
        ended(&mut command)
    }

    fn output(&self, name: &str) -> String {
        let outputs = read_text(self.file("output"));
        let mut lines = outputs.lines().filter_map(|line| line.split_once('='));
        let (_, value) = lines.find(|(it, _)| *it == name).expect("the output");
        value.to_owned()
    }
}

#[test]
fn the_action_writes_a_summary_and_sarif_with_paths_of_the_repository() {
    let runner = Runner::new(&[(b"head/deploy/pod.yaml", OPEN.as_bytes())]);
    let run = runner.act(&[("path", "head")]).ended_with(1);
    let summary = read_text(runner.file("summary"));
    assert!(summary.contains("CM-POD-001"), "{summary}");
    assert!(run.out.contains(&summary) && run.out.starts_with("::stop-commands::"));
    let sarif: Value = serde_json::from_str(&read_text(runner.output("sarif"))).expect("JSON");
    let uris = sarif["runs"][0]["results"]
        .as_array()
        .expect("results")
        .iter();
    let places = uris.map(|it| &it["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]);
    let places: Vec<&str> = places.filter_map(Value::as_str).collect();
    assert!(
        !places.is_empty() && places.iter().all(|it| *it == "deploy/pod.yaml"),
        "{places:?}"
    );
}

#[test]
fn the_action_judges_once_whatever_its_log_shows() {
    for format in ["markdown", "text", "json", "sarif"] {
        let counted = "#!/bin/sh\necho >> \"$RUNNER_TEMP/calls\"\nexec casemate \"$@\"\n";
        let runner = Runner::new(&[
            (b"head/pod.yaml", OPEN.as_bytes()),
            (b"counted", counted.as_bytes()),
        ]);
        let program = runner.workspace.path().join("counted");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        let inputs = [
            ("path", "head"),
            ("casemate", "./counted"),
            ("format", format),
        ];
        let run = runner.act(&inputs).ended_with(1);
        assert_eq!(read_text(runner.file("calls")).lines().count(), 1);
        assert!(run.out.contains("CM-POD-001"), "{format}: {}", run.out);
        let summary = read_text(runner.file("summary"));
        assert!(summary.contains("CM-POD-001"), "{format}: {summary}");
    }
}

#[test]
fn the_action_fails_on_what_the_base_revision_has_not() {
    let more =
        format!("{OPEN}  - name: more\n    image: y\n    securityContext: {{privileged: true}}\n");
    for (head, status) in [(OPEN, 0), (more.as_str(), 1)] {
        let runner = Runner::new(&[
            (b"base/pod.yaml", OPEN.as_bytes()),
            (b"head/pod.yaml", head.as_bytes()),
        ]);
        for format in ["markdown", "text", "json", "sarif"] {
            let inputs = [("path", "head"), ("base", "base"), ("format", format)];
            runner.act(&inputs).ended_with(status);
        }
        // A report of another job does as well.
        let report = runner.file("earlier");
        let report = report.to_str().expect("UTF-8");
        let earlier = ["--repository", "example/shop", "--out", report];
        let base = runner.workspace.path().join("base");
        casemate_in(&base, ["assess", "."].into_iter().chain(earlier)).ended_with(1);
        let inputs = [("path", "head"), ("baseline", report)];
        runner.act(&inputs).ended_with(status);
    }
}

#[test]
fn the_action_refuses_what_it_cannot_be_sure_of() {
    let runner = Runner::new(&[]);
    let digest = "0".repeat(64);
    for (inputs, why) in [
        (
            vec![("url", "https://releases.example.org/casemate")],
            "url needs sha256",
        ),
        (
            vec![
                ("url", "http://releases.example.org/casemate"),
                ("sha256", &digest),
            ],
            "https://",
        ),
        (vec![("base", "a"), ("baseline", "b")], "exclude each other"),
        (vec![("format", "html")], "format is"),
        (vec![("base", "nowhere")], "base is no directory"),
    ] {
        let run = runner.act(&inputs);
        assert_eq!(run.status, 2, "{why}: {}", run.out);
        assert!(run.out.contains(why), "{why}: {}", run.out);
    }
    // What is given is never read as code.
    let name = "$(touch made); `touch made` ' \" -- ";
    for input in [
        "persona", "format", "path", "base", "out", "casemate", "sha256",
    ] {
        runner.act(&[(input, name)]);
        assert!(!runner.workspace.path().join("made").exists(), "{input}");
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    let options = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
    ];
    command.args(options).args(arguments).current_dir(directory);
    ended(&mut command).ended_with(0).out.trim().to_owned()
}

#[test]
fn the_template_judges_a_merge_request_by_its_base() {
    let template = document(TEMPLATE);
    let job = &template["casemate"];
    let script = job["script"][0].as_str().expect("a script");
    let more =
        format!("{OPEN}  - name: more\n    image: y\n    securityContext: {{privileged: true}}\n");
    for (head, status) in [(OPEN, 0), (more.as_str(), 1)] {
        let origin = tree(&[(b"pod.yaml", OPEN.as_bytes())]);
        let commit = |message: &str| {
            git(origin.path(), &["add", "-A"]);
            git(
                origin.path(),
                &["commit", "--quiet", "--allow-empty", "-m", message],
            );
            git(origin.path(), &["rev-parse", "HEAD"])
        };
        git(origin.path(), &["init", "--quiet"]);
        let base = commit("base");
        fs::write(origin.path().join("pod.yaml"), head).expect("written");
        let proposed = commit("head");

        let clones = tree(&[]);
        let url = format!("file://{}", origin.path().display());
        git(
            clones.path(),
            &["clone", "--quiet", "--depth", "1", &url, "clone"],
        );
        let clone = clones.path().join("clone");
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&clone);
        for (name, value) in job["variables"].as_object().expect("variables") {
            command.env(name, value.as_str().expect("text"));
        }
        command
            .env("PATH", path_with_the_program())
            .env("CI_PROJECT_DIR", &clone)
            .env("CI_PROJECT_PATH", "example/shop")
            .env("CI_COMMIT_SHA", &proposed)
            .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base);
        ended(&mut command).ended_with(status);
        let kept = job["artifacts"]["paths"][0].as_str().expect("a path");
        assert!(clone.join(kept).join("findings.sarif").is_file());
    }
}

#[test]
fn the_hooks_stop_what_the_program_stops() {
    let hooks = document(HOOKS);
    let model = root().join("examples/01-fraud-model/models/vendor_scorer.pkl");
    let model = model.to_str().expect("UTF-8");
    for hook in hooks.as_array().expect("hooks") {
        assert_eq!(hook["language"], "system");
        let entry = hook["entry"].as_str().expect("an entry");
        let words: Vec<&str> = entry.split(' ').collect();
        assert_eq!(words[0], "casemate");
        let takes_files = hook.get("files").is_some();
        assert_eq!(takes_files, hook["pass_filenames"] != false);
        for (files, status) in [(&[][..], 0), (&[(&b"pod.yaml"[..], OPEN.as_bytes())], 1)] {
            let dir = tree(files);
            let mut arguments = words[1..].to_vec();
            if takes_files {
                let inert = root().join("examples/01-fraud-model/models/encoder.safetensors");
                let inert = inert.to_str().expect("UTF-8").to_owned();
                let file = if status == 1 { model.to_owned() } else { inert };
                let run = casemate(arguments.iter().copied().chain([file.as_str()]));
                run.ended_with(status);
                continue;
            }
            if arguments[0] == "fix" {
                arguments.push(".");
            }
            casemate_in(dir.path(), arguments).ended_with(status);
        }
    }
}
