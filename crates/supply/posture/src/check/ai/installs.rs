//! What containers install and run when they start.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    downloads::{SHELLS, installed},
    named::hub_address,
};
use crate::check::{Check, Family, Persona, Report, workloads::Workloads};
use crate::{
    Truth,
    check::command::{Command, Word},
};

pub(super) const FAMILY: Family = Family {
    rules: &[(&INSTALLS, Persona::Regular), (&PIPED, Persona::Regular)],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        installs(&program.command, report);
    }
    for map in world.of_kind("ConfigMap") {
        for (key, script) in map.at("data").entries() {
            let is_shell = script.text().is(|text| {
                let first = text.lines().next().unwrap_or_default();
                key.ends_with(".sh") || first.starts_with("#!") && first.contains("sh")
            });
            if is_shell.is_yes() {
                installs(&Command::at(&script), report);
            }
        }
    }
}

fn installs(command: &Command<'_>, report: &mut Report) {
    let words = &command.words;
    for (at, pair) in words.windows(2).enumerate() {
        let (first, second) = (last(&pair[0].text), last(&pair[1].text));
        let is_install = match (first, second) {
            ("pip" | "pip3", "install") => {
                let rest = words[at + 2..].iter().map(|word| word.text.as_str());
                let rest: Vec<&str> = rest.take_while(|it| *it != ";" && *it != "|").collect();
                is_free_install(&rest)
            }
            // A model is no package, and has a rule of its own.
            ("git", "clone") => !words[at + 2..]
                .iter()
                .take_while(|word| word.text != ";")
                .take(MAX_OPTIONS)
                .any(|word| hub_address(&word.text).is_some()),
            _ => false,
        };
        let (cursor, origin) = (&pair[0].cursor, &pair[0].origin);
        report.when_at(is_install.into(), &INSTALLS, cursor, origin, || {
            let message = format!("the container runs `{first} {second}` when it starts");
            (message, Vec::new())
        });
        let runs = SHELLS.contains(&second) || ["python", "python3"].contains(&second);
        if first == "|" && runs {
            piped(&words[..at], report);
        }
    }
    for download in installed(command) {
        let (cursor, origin) = (&download.program.cursor, &download.program.origin);
        report.when_at(Truth::Yes, &INSTALLS, cursor, origin, || {
            let address = &download.address.text;
            let message = format!("the container installs what it downloads from {address}");
            (message, Vec::new())
        });
    }
}

/// What is before a pipe into a shell.
fn piped(before: &[Word<'_>], report: &mut Report) {
    let mut command = before.iter().rev().take_while(|word| word.text != ";");
    let from = command.find(|word| ["curl", "wget"].contains(&last(&word.text)));
    if let Some(from) = from {
        report.when_at(Truth::Yes, &PIPED, &from.cursor, &from.origin, || {
            ("a script is run as it comes".to_owned(), Vec::new())
        });
    }
}

/// The last part of the way to a program.
fn last(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Whether `pip install` with these words may give another thing tomorrow.
fn is_free_install(words: &[&str]) -> bool {
    if words.contains(&"--no-index") || words.contains(&"--require-hashes") {
        return false;
    }
    let is_file = |word: &str| word.starts_with(['.', '/']);
    let is_value = |at: usize| at > 0 && VALUED.contains(&words[at - 1]);
    let packages = words
        .iter()
        .enumerate()
        .filter(|(at, word)| !word.starts_with('-') && !is_file(word) && !is_value(*at))
        .map(|(_, word)| word);
    let is_free = |word: &&&str| !word.contains("==") && !word.starts_with('$');
    // What a file names is not seen, and without hashes is what the index has.
    let has_file = words.contains(&"-r") || words.contains(&"--requirement");
    let has_second = words
        .iter()
        .any(|word| word.starts_with("--extra-index-url"));
    has_second || has_file || packages.filter(is_free).count() > 0
}

/// Options of pip with a value, which is no package.
const VALUED: &[&str] = &[
    "-f",
    "--find-links",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-t",
    "--target",
    "-c",
    "--constraint",
    "--prefix",
    "--root",
    "--timeout",
    "--trusted-host",
    "--cache-dir",
    "--progress-bar",
    "-r",
    "--requirement",
];

/// Nobody tells `git clone` more than that before the address.
const MAX_OPTIONS: usize = 16;

static INSTALLS: Rule = Rule {
    id: RuleId::new("CM-AI-026"),
    title: Cow::Borrowed("A container installs packages when it starts"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What is installed at every start is what the index or the repository has at that time: a version \
         that was taken over, or a package of the same name from the second index, runs in the pod. Nothing \
         scanned it, and the image that was scanned is not what runs.",
    ),
    remediation: Cow::Borrowed(
        "Put the packages into the image, or pin them with `==` and hashes; compare what comes from an address \
         with its digest before it is run.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1357"),
        Reference::new("CWE-494"),
        Reference::new("AML.T0010"),
        Reference::new("T1195.002"),
    ]),
    bad: Some(Example::new("object.yaml", INSTALLS_BAD)),
    good: Some(Example::new("object.yaml", INSTALLS_GOOD)),
};

static PIPED: Rule = Rule {
    id: RuleId::new("CM-AI-082"),
    title: Cow::Borrowed("A container runs a script as it downloads it"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "What `curl … | sh` runs is what the server gives at that time, to this caller.",
    ),
    remediation: Cow::Borrowed("Put the program into the image."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-494"),
        Reference::new("T1195.002"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("object.yaml", PIPED_BAD)),
    good: Some(Example::new("object.yaml", PIPED_GOOD)),
};

const INSTALLS_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "pip install transformers && python serve.py"]
    ports: [{containerPort: 8000}]
"#;

const INSTALLS_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "pip install --no-index --find-links /wheels transformers==4.57.0 && python serve.py"]
    ports: [{containerPort: 8000}]
"#;

const PIPED_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "curl -fsSL https://get.example.org/x.sh | sh"]
    ports: [{containerPort: 8000}]
"#;

const PIPED_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    args: [sh, -c, "curl -fsSL https://get.example.org/x.json -o x.json"]
    ports: [{containerPort: 8000}]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::survey;

    #[test]
    fn what_is_downloaded_into_any_shell_is_told() {
        for (program, expected) in [
            ("sh", 1),
            ("ash", 1),
            ("zsh", 1),
            ("python3", 1),
            ("tar", 0),
        ] {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: c\n    image: i\n    command: [sh, -c, \"curl -fsSL https://a.example/x | {program} -\"]\n"
            );
            let outcomes = survey(&[("p.yaml", text.as_bytes())]);
            let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            let piped = findings.filter(|it| it.rule == PIPED.id);
            assert_eq!(piped.count(), expected, "{program}");
        }
    }

    #[test]
    fn what_is_downloaded_is_installed_or_only_kept() {
        for (script, expected) in [
            (
                "wget https://a.example/x.zip && unzip x.zip && sudo ./aws/install",
                true,
            ),
            (
                "wget https://a.example/e-$V.tgz; tar xf e-$V.tgz; cd e; ./e_installer.sh -y",
                true,
            ),
            ("curl -LO https://a.example/x && chmod +x ./x", true),
            ("curl -fsSLo /tmp/x https://a.example/y; bash /tmp/x", true),
            ("wget -q https://a.example/x.deb; dpkg -i x.deb", true),
            (
                "wget https://a.example/x.tgz; tar -C /usr/local -xf x.tgz",
                true,
            ),
            (
                "curl -LO https://a.example/x; sha256sum -c x.sum; chmod +x x",
                false,
            ),
            ("wget https://a.example/d.zip; unzip d.zip; ./train", false),
            ("curl https://a.example/x | tar x; chmod +x run.sh", false),
            ("curl -f https://a.example/health", false),
            ("wget -O - https://a.example/x; sh -", false),
            ("wget https://a.example/m.gguf; mv m.gguf /opt/m", false),
            (
                "curl -Lo /usr/local/bin/x https://a.example/x; cp x /bin",
                true,
            ),
        ] {
            for pod in [
                format!("command: [sh, -c]\n    args: ['{script}']\n"),
                format!("command: ['{script}; true']\n"),
            ] {
                let text = format!(
                    "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
                     image: r.example.org/a:1\n    {pod}"
                );
                let outcomes = survey(&[("a.yaml", text.as_bytes())]);
                let mut found = outcomes.iter().flat_map(|outcome| &outcome.findings);
                let is_found = found.any(|it| it.rule.as_str() == "CM-AI-026");
                assert_eq!(is_found, expected, "{pod}");
            }
        }
    }

    #[test]
    fn scripts_in_config_maps_are_run_by_some_container() {
        let of = |key: &str, text: &str| {
            let text = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: s}}\ndata:\n  {key}: |\n    {text}\n"
            );
            let outcomes = survey(&[("map.yaml", text.as_bytes())]);
            let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            let found = findings.map(|it| format!("{} {}", it.rule, it.location));
            found
                .filter(|it| it.starts_with("CM-AI-026"))
                .collect::<Vec<_>>()
        };
        let expected = ["CM-AI-026 map.yaml:7:5"];
        assert_eq!(of("get", "#!/bin/bash\n    pip install kaggle"), expected);
        assert_eq!(of("get.sh", "set -e\n    pip install kaggle"), expected);
        assert_eq!(of("README", "To run it:\n    pip install kaggle"), [""; 0]);
    }

    #[test]
    fn values_of_charts_say_what_is_run() {
        let of = |part: &str| {
            let text = format!("head:\n  command: [sh, -c, pip install x]\n  {part}: {{}}\n");
            let outcomes = survey(&[("values.yaml", text.as_bytes())]);
            let counts = outcomes.iter().map(|outcome| outcome.findings.len());
            counts.sum::<usize>()
        };
        assert_eq!((of("resources"), of("annotations")), (1, 0));
    }

    #[test]
    fn what_is_pinned_is_installed_again() {
        for (words, expected) in [
            (&["transformers"][..], true),
            (&["transformers==4.57.0"], false),
            (&["-U", "a==1", "b"], true),
            (
                &["-U", "a[x]==1", "-f", "https://i.example.org/r.html"],
                false,
            ),
            (&["-r", "requirements.txt"], true),
            (&["--require-hashes", "-r", "requirements.txt"], false),
            (
                &["a==1", "--extra-index-url", "https://i.example.org"],
                true,
            ),
            (&["--no-index", "a"], false),
            (&["."], false),
        ] {
            assert_eq!(is_free_install(words), expected, "{words:?}");
        }
    }
}
