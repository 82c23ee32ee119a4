//! What `trivy config|fs|image --format json` prints, version 2 of its schema.
//!
//! Results are by target: a file, or the packages of an image. What an exception or a statement took out
//! stands under `ExperimentalModifiedFindings`.

use casemate_core::{Confidence, Region};
use casemate_document::Node;

use crate::{
    ImportError,
    fields::{Wrong, integer, item, line, list, map, text},
    place::Written,
    run::{About, Format, MOST_ABOUT, MOST_MESSAGE, MOST_REFERENCES, MOST_TITLE, Run, Said, lines},
    severity,
};

pub(crate) fn read(root: &Node) -> Result<Vec<Run>, ImportError> {
    let wrong = |wrong: Wrong| ImportError::Shape("Trivy JSON", wrong.to_string());
    let version = match map(root, "Trivy").map_err(wrong)? {
        Some(tool) => text(tool, "Version").map_err(wrong)?,
        None => None,
    };
    let mut run = Run::new("Trivy", version, Format::Trivy);
    let artifact = text(root, "ArtifactName").map_err(wrong)?;
    let kind = text(root, "ArtifactType").map_err(wrong)?;
    // What is in an image is no file of the tree, however it is called there.
    let is_image = kind.is_some_and(|kind| kind.contains("image") || kind == "vm");
    for (at, result) in list(root, "Results").map_err(wrong)?.iter().enumerate() {
        let target = Target {
            artifact: artifact.unwrap_or_default(),
            is_image,
            at,
        };
        if let Err(wrong) = item(result).and_then(|result| target.take(&mut run, result)) {
            run.gaps.push(format!("Results[{at}]: {wrong}"));
        }
    }
    Ok(vec![run])
}

/// What a result is of.
struct Target<'a> {
    artifact: &'a str,
    is_image: bool,
    at: usize,
}

/// What kind of thing was found.
#[derive(Clone, Copy)]
enum Kind {
    Misconfiguration,
    Vulnerability,
    Secret,
    License,
}

const KINDS: [(&str, Kind); 4] = [
    ("Misconfigurations", Kind::Misconfiguration),
    ("Vulnerabilities", Kind::Vulnerability),
    ("Secrets", Kind::Secret),
    ("Licenses", Kind::License),
];

impl Target<'_> {
    fn take(&self, run: &mut Run, result: &Node) -> Result<(), Wrong> {
        let name = text(result, "Target")?.unwrap_or_default();
        for (key, kind) in KINDS {
            for (n, found) in list(result, key)?.iter().enumerate() {
                let said = item(found).and_then(|found| self.said(kind, found, name));
                run.take(said, || format!("Results[{}].{key}[{n}]", self.at));
            }
        }
        for (n, modified) in list(result, MODIFIED)?.iter().enumerate() {
            let said = item(modified).and_then(|modified| self.modified(modified, name));
            run.take(said, || format!("Results[{}].{MODIFIED}[{n}]", self.at));
        }
        if let Some(summary) = map(result, "MisconfSummary")? {
            let passed = integer(summary, "Successes")?.unwrap_or_default();
            run.quiet = run
                .quiet
                .saturating_add(u64::try_from(passed).unwrap_or_default());
            // Trivy counts what is left after severities, exceptions and policies, which is what it lists.
            let counted = integer(summary, "Failures")?.unwrap_or_default();
            let listed = list(result, "Misconfigurations")?.iter();
            let there = listed.filter(|found| !is_no_failure(found)).count();
            if usize::try_from(counted).is_ok_and(|counted| counted > there) {
                run.gaps.push(format!(
                    "Results[{}]: the summary counts {counted} as `Failures`, and {there} are in the report",
                    self.at
                ));
            }
        }
        Ok(())
    }

    fn said(&self, kind: Kind, found: &Node, name: &str) -> Result<Option<Said>, Wrong> {
        let place = self.place(name);
        match kind {
            Kind::Misconfiguration => misconfiguration(found, place),
            Kind::Vulnerability => vulnerability(found, place).map(Some),
            Kind::Secret => secret(found, place).map(Some),
            Kind::License => self.license(found, place).map(Some),
        }
    }

    /// What somebody decided about a finding: what they ignore or what does not affect them is accepted.
    fn modified(&self, modified: &Node, name: &str) -> Result<Option<Said>, Wrong> {
        let found = map(modified, "Finding")?.ok_or(Wrong::Absent("Finding"))?;
        let kind = match text(modified, "Type")? {
            Some("vulnerability") => Kind::Vulnerability,
            Some("misconfiguration") => Kind::Misconfiguration,
            Some("secret") => Kind::Secret,
            Some("license") => Kind::License,
            Some(kind) => return Err(Wrong::Word("Type", line(kind, MOST_TITLE))),
            None => return Err(Wrong::Absent("Type")),
        };
        let status = text(modified, "Status")?.unwrap_or_default();
        let why = [text(modified, "Statement")?, text(modified, "Source")?];
        let why = why.into_iter().flatten().filter(|part| !part.is_empty());
        let why: Vec<&str> = [status].into_iter().chain(why).collect();
        let mut said = self.said(kind, found, name)?;
        if let Some(said) = &mut said {
            match status {
                "ignored" | "not_affected" | "fixed" => {
                    said.accepted = Some(line(&why.join(", "), MOST_MESSAGE));
                }
                _ => said.open = Some("Trivy has it under investigation"),
            }
        }
        Ok(said)
    }

    fn place(&self, name: &str) -> Written {
        let place = Written::named(name);
        if self.is_image {
            return place;
        }
        let place = place.or_path(name.as_bytes());
        match self.artifact {
            "" => place,
            artifact => place.or_path(format!("{artifact}/{name}").as_bytes()),
        }
    }

    fn license(&self, found: &Node, place: Written) -> Result<Said, Wrong> {
        let license = line(text(found, "Name")?.unwrap_or_default(), MOST_TITLE);
        let package = text(found, "PkgName")?.filter(|name| !name.is_empty());
        let file = text(found, "FilePath")?.filter(|path| !path.is_empty());
        let category = line(text(found, "Category")?.unwrap_or("unknown"), MOST_TITLE);
        let whose = line(package.or(file).unwrap_or("the project"), MOST_TITLE);
        let about = About {
            title: format!("Licence {license}"),
            references: text(found, "Link")?
                .map(str::to_owned)
                .into_iter()
                .collect(),
            ..About::default()
        };
        let message = format!("{whose} is under {license}, which is {category}");
        let place = file.map_or(place, |file| self.place(file));
        let mut said = said(found, &license, about, &message, place)?;
        said.resource = package.map(|package| line(package, MOST_TITLE));
        Ok(said)
    }
}

/// Whether Trivy says that a misconfiguration is something else than a failure, and counts it as that.
fn is_no_failure(found: &Node) -> bool {
    let status = found.get("Status").and_then(Node::as_str);
    matches!(status, Some("PASS" | "EXCEPTION"))
}

fn misconfiguration(found: &Node, place: Written) -> Result<Option<Said>, Wrong> {
    let status = text(found, "Status")?;
    if status == Some("PASS") {
        return Ok(None);
    }
    let rule = text(found, "ID")?
        .or(text(found, "AVDID")?)
        .unwrap_or_default();
    let title = line(text(found, "Title")?.unwrap_or(rule), MOST_TITLE);
    let about = About {
        description: line(text(found, "Description")?.unwrap_or_default(), MOST_ABOUT),
        remediation: text(found, "Resolution")?.map(|text| line(text, MOST_MESSAGE)),
        references: references(found)?,
        title,
    };
    let message = text(found, "Message")?.unwrap_or(&about.title).to_owned();
    let mut said = said(found, rule, about, &message, place)?;
    if let Some(cause) = map(found, "CauseMetadata")? {
        said.region = range(cause)?;
        let resource = text(cause, "Resource")?.filter(|resource| !resource.is_empty());
        said.resource = resource.map(|resource| line(resource, MOST_TITLE));
    }
    match status {
        Some("FAIL") | None => {}
        Some("EXCEPTION") => said.accepted = Some("an exception".to_owned()),
        Some(_) => said.open = Some("Trivy says neither that it failed nor that it passed"),
    }
    Ok(Some(said))
}

fn vulnerability(found: &Node, place: Written) -> Result<Said, Wrong> {
    let rule = text(found, "VulnerabilityID")?.unwrap_or_default();
    let package = line(text(found, "PkgName")?.unwrap_or("a package"), MOST_TITLE);
    let installed = line(
        text(found, "InstalledVersion")?.unwrap_or_default(),
        MOST_TITLE,
    );
    let fixed = text(found, "FixedVersion")?.filter(|fixed| !fixed.is_empty());
    let fixed = fixed.map(|fixed| line(fixed, MOST_TITLE));
    let title = line(text(found, "Title")?.unwrap_or(rule), MOST_TITLE);
    let remediation = match &fixed {
        Some(fixed) => format!("Update {package} to {fixed}."),
        None => format!("Replace {package}, of which no repaired version is known."),
    };
    let mut references = references(found)?;
    let weaknesses = list(found, "CweIDs")?.iter().filter_map(Node::as_str);
    references.splice(0..0, weaknesses.map(str::to_owned));
    references.insert(0, rule.to_owned());
    let message = format!("{package} {installed} has {rule}: {title}");
    let about = About {
        title,
        description: line(text(found, "Description")?.unwrap_or_default(), MOST_ABOUT),
        remediation: Some(remediation),
        references,
    };
    let mut said = said(found, rule, about, &message, place)?;
    let path = text(found, "PkgPath")?.filter(|path| !path.is_empty());
    said.facts = vec![("installed", installed)];
    said.facts.extend(fixed.map(|fixed| ("fixed in", fixed)));
    said.facts
        .extend(path.map(|path| ("package path", line(path, MOST_TITLE))));
    said.resource = Some(package);
    Ok(said)
}

/// What was matched stays out: it is masked by most versions and not by all.
fn secret(found: &Node, place: Written) -> Result<Said, Wrong> {
    let rule = text(found, "RuleID")?.unwrap_or_default();
    let title = line(text(found, "Title")?.unwrap_or(rule), MOST_TITLE);
    let about = About {
        title: title.clone(),
        ..About::default()
    };
    let mut said = said(found, rule, about, &title, place)?;
    said.region = range(found)?;
    Ok(said)
}

fn said(
    found: &Node,
    rule: &str,
    about: About,
    message: &str,
    place: Written,
) -> Result<Said, Wrong> {
    let mapped = severity::of_word(text(found, "Severity")?);
    Ok(Said {
        rule: rule.to_owned(),
        about,
        message: line(message, MOST_MESSAGE),
        severity: mapped.severity,
        word: mapped.word,
        confidence: Confidence::Medium,
        place,
        region: None,
        resource: None,
        recognised: None,
        accepted: None,
        baseline: None,
        open: None,
        facts: Vec::new(),
    })
}

fn range(node: &Node) -> Result<Option<Region>, Wrong> {
    Ok(lines(
        integer(node, "StartLine")?,
        integer(node, "EndLine")?,
    ))
}

fn references(found: &Node) -> Result<Vec<String>, Wrong> {
    let first = text(found, "PrimaryURL")?.into_iter();
    let all = first.chain(list(found, "References")?.iter().filter_map(Node::as_str));
    Ok(all.take(MOST_REFERENCES).map(str::to_owned).collect())
}

const MODIFIED: &str = "ExperimentalModifiedFindings";
