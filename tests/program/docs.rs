//! Documentation cannot rot: its commands are run, its generated pages are compared.

use std::{fs, process::Command};

use crate::run::{casemate, files_below, path_with_the_program, read_text, root, tree};

#[test]
fn every_command_in_the_documentation_runs() {
    let mut commands = 0;
    for file in pages() {
        let text = read_text(&file);
        let place = tree(&[]);
        for line in consoles(&text) {
            let (command, status) = match line.split_once("# exit ") {
                Some((command, rest)) => (command, rest[..1].parse().expect("a status")),
                None => (line, 0),
            };
            // Building in a test would wait for the lock of the build that runs it.
            let command = command.replace("cargo run --release -- ", "casemate ");
            if command.trim() == "./test" {
                continue;
            }
            let command = command.replace("/tmp/", &format!("{}/", place.path().display()));
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &format!("{command}\n")])
                .current_dir(root())
                .env("PATH", path_with_the_program())
                .output()
                .expect("bash runs");
            assert_eq!(
                output.status.code(),
                Some(status),
                "{}: {command}\n{}",
                file.display(),
                String::from_utf8_lossy(&output.stderr)
            );
            commands += 1;
        }
    }
    assert!(commands >= 15, "only {commands} commands were found");
}

#[test]
fn the_pages_of_the_rules_are_what_the_rules_say() {
    let list = casemate(["rules", "--format", "json"]).ended_with(0).json();
    let mut pages = vec![(
        "index.md".to_owned(),
        casemate(["rules", "--format", "markdown"]).out,
    )];
    let rules = list["rules"].as_array().expect("rules").iter();
    let ids: Vec<&str> = rules
        .map(|rule| rule["id"].as_str().expect("an id"))
        .collect();
    let explain = ["explain", "--format", "markdown"].into_iter();
    let all = casemate(explain.chain(ids.iter().copied()))
        .ended_with(0)
        .out;
    let sections: Vec<&str> = all.split("\n\n# CM-").collect();
    assert_eq!(sections.len(), ids.len());
    for (id, section) in ids.iter().zip(sections) {
        let section = section.strip_prefix("# CM-").unwrap_or(section).trim_end();
        pages.push((format!("{id}.md"), format!("# CM-{section}\n")));
    }
    let folder = root().join("docs/src/rules");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::remove_dir_all(&folder).expect("removed");
        fs::create_dir(&folder).expect("made");
        for (name, text) in &pages {
            fs::write(folder.join(name), text).expect("written");
        }
    }
    assert_eq!(files_below(&folder).len(), pages.len(), "{STALE}");
    for (name, text) in &pages {
        assert!(read_text(folder.join(name)) == *text, "{name}: {STALE}");
    }
}

#[test]
fn every_link_in_the_documentation_leads_somewhere() {
    for file in pages() {
        let text = read_text(&file);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.starts_with("https://") {
                continue;
            }
            let path = file.parent().expect("a parent").join(target);
            assert!(path.exists(), "{} links to {target}", file.display());
        }
    }
}

#[test]
fn the_picture_in_the_readme_is_what_the_program_prints() {
    let out = tree(&[]);
    let example = "examples/01-fraud-model";
    let run = casemate([
        "assess",
        example,
        "--out",
        out.path().to_str().expect("UTF-8"),
    ]);
    let readme = read_text("README.md");
    let picture = readme
        .split("```text\n")
        .nth(1)
        .and_then(|rest| rest.split("\n```").next())
        .expect("a picture");
    let printed: Vec<&str> = run.out.lines().map(str::trim_end).collect();
    for line in picture
        .lines()
        .filter(|line| !line.trim().is_empty() && line.trim() != "…")
    {
        // The report's own place is another one in the test.
        if line.contains("casemate-report") {
            continue;
        }
        assert!(
            printed.contains(&line.trim_end()),
            "not printed: {line}\n{}",
            run.out
        );
    }
}

/// On the pages of `casemate model`, a ```text block is what the command before it prints.
#[test]
fn what_the_pages_of_model_show_is_what_is_printed() {
    let mut shown = 0;
    for page in ["model-explain.md", "model-inspect.md"] {
        let text = read_text(root().join("docs/src/commands").join(page));
        for (before, after) in text
            .match_indices("```\n\n```text\n")
            .map(|(at, fence)| (&text[..at], &text[at + fence.len()..]))
        {
            let command = before
                .lines()
                .last()
                .and_then(|line| line.strip_prefix("$ "));
            let command = command.expect("a command before what it prints");
            let place = tree(&[]);
            let command = command.replace("/tmp/", &format!("{}/", place.path().display()));
            let output = Command::new("bash")
                .args(["-c", &command])
                .current_dir(root())
                .env("PATH", path_with_the_program())
                .output()
                .expect("bash runs");
            let printed = String::from_utf8(output.stdout).expect("UTF-8");
            let picture = after.split("\n```").next().unwrap_or_default();
            assert_eq!(picture, printed.trim_end(), "{page}: {command}");
            shown += 1;
        }
    }
    assert!(shown >= 6, "{shown}");
}

const STALE: &str = "the pages of the rules are stale: run this test with UPDATE_DOCS=1";

fn pages() -> Vec<std::path::PathBuf> {
    let mut pages = files_below(&root().join("docs/src"));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
    ] {
        pages.push(root().join(page));
    }
    pages
}

/// The commands of every ```console block.
fn consoles(text: &str) -> impl Iterator<Item = &str> {
    text.split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("$ "))
}
