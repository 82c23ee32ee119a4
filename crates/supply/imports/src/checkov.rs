//! What `checkov -o json` prints: one report, or a list with one for each framework.
//!
//! Where there is nothing to report, it is a summary alone. `file_path` begins with a slash and is from the
//! directory that was scanned, `repo_file_path` from where Checkov ran, `file_abs_path` from the root of that
//! machine. `severity` is filled in only with a key of its platform.

use casemate_core::Confidence;
use casemate_document::Node;

use crate::{
    ImportError,
    fields::{Wrong, integer, item, line, list, map, text},
    place::Written,
    run::{About, Format, MOST_MESSAGE, MOST_TITLE, Run, Said, lines},
    severity,
};

pub(crate) fn is_report(node: &Node) -> bool {
    let is_summary = node.get("checkov_version").is_some() && node.get("passed").is_some();
    is_summary || (node.get("check_type").is_some() && node.get("results").is_some())
}

pub(crate) fn read(reports: &[Node]) -> Result<Vec<Run>, ImportError> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let wrong =
            |wrong: Wrong| ImportError::Shape("Checkov JSON", format!("report {at}: {wrong}"));
        let summary = map(report, "summary").map_err(wrong)?.unwrap_or(report);
        let version = text(summary, "checkov_version").map_err(wrong)?;
        let known = runs
            .iter()
            .position(|run| run.version.as_deref() == version);
        let run = match known {
            Some(known) => &mut runs[known],
            None => {
                runs.push(Run::new("Checkov", version, Format::Checkov));
                let last = runs.len() - 1;
                &mut runs[last]
            }
        };
        let results = map(report, "results").map_err(wrong)?;
        if let Some(results) = results {
            take(run, report, results).map_err(wrong)?;
        }
        whole(run, report, summary, results).map_err(wrong)?;
    }
    Ok(runs)
}

fn take(run: &mut Run, report: &Node, results: &Node) -> Result<(), Wrong> {
    let framework = text(report, "check_type")?.unwrap_or("checkov");
    for key in ["failed_checks", "skipped_checks"] {
        for (at, check) in list(results, key)?.iter().enumerate() {
            let said = item(check).and_then(|check| said(check, key == "skipped_checks"));
            run.take(said.map(Some), || {
                format!("{}: {key}[{at}]", line(framework, 40))
            });
        }
    }
    run.quiet += list(results, "passed_checks")?.len() as u64;
    for file in list(results, "parsing_errors")? {
        let file = line(file.as_str().unwrap_or("a file"), MOST_TITLE);
        let framework = line(framework, 40);
        run.gaps
            .push(format!("{file} could not be read by Checkov ({framework})"));
    }
    Ok(())
}

/// Tells what the summary counts and the report does not have: what failed would else look as if it had passed.
/// `--quiet` leaves out what was skipped and what could not be read.
fn whole(
    run: &mut Run,
    report: &Node,
    summary: &Node,
    results: Option<&Node>,
) -> Result<(), Wrong> {
    let framework = text(report, "check_type")?;
    let name = line(framework.unwrap_or("checkov"), 40);
    if framework.is_some() && results.is_none() {
        run.gaps
            .push(format!("{name}: the report has no `results`"));
    }
    for (counter, key) in COUNTED {
        let counted = integer(summary, counter)?.unwrap_or_default();
        let there = match results {
            Some(results) => list(results, key)?.len(),
            None => 0,
        };
        if usize::try_from(counted).is_ok_and(|counted| counted > there) {
            run.gaps.push(format!(
                "{name}: the summary counts {counted} as `{counter}`, and {there} are in the report"
            ));
        }
    }
    Ok(())
}

fn said(check: &Node, is_skipped: bool) -> Result<Said, Wrong> {
    let rule = text(check, "check_id")?.unwrap_or_default();
    let title = line(text(check, "check_name")?.unwrap_or(rule), MOST_TITLE);
    let result = map(check, "check_result")?;
    let comment = match result {
        Some(result) => text(result, "suppress_comment")?,
        None => None,
    };
    let resource = text(check, "resource")?.map(|resource| line(resource, MOST_TITLE));
    let of_what = resource.as_ref().map(|resource| format!(" ({resource})"));
    let range = list(check, "file_line_range")?;
    let at = |index: usize| range.get(index).and_then(Node::as_integer);
    let mapped = severity::of_word(text(check, "severity")?);
    let guideline = text(check, "guideline")?.map(str::to_owned);
    Ok(Said {
        rule: rule.to_owned(),
        message: line(
            &format!("{title}{}", of_what.unwrap_or_default()),
            MOST_MESSAGE,
        ),
        about: About {
            title,
            references: guideline.into_iter().collect(),
            ..About::default()
        },
        severity: mapped.severity,
        word: mapped.word,
        confidence: Confidence::Medium,
        place: place(check)?,
        region: lines(at(0), at(1)),
        resource,
        recognised: None,
        accepted: is_skipped.then(|| line(comment.unwrap_or_default(), MOST_MESSAGE)),
        baseline: None,
        open: None,
        facts: Vec::new(),
    })
}

fn place(check: &Node) -> Result<Written, Wrong> {
    let path = text(check, "file_path")?;
    let of_repository = text(check, "repo_file_path")?;
    let absolute = text(check, "file_abs_path")?;
    let shown = of_repository.or(path).or(absolute).unwrap_or_default();
    let mut place = Written::named(shown.trim_start_matches('/'));
    if let Some(absolute) = absolute {
        place = place.or_path(absolute.as_bytes());
    }
    for path in of_repository.into_iter().chain(path) {
        place = place.or_from_root(path);
    }
    Ok(place)
}

/// The numbers of the summary, and the lists of the results that they are the lengths of.
const COUNTED: [(&str, &str); 3] = [
    ("failed", "failed_checks"),
    ("skipped", "skipped_checks"),
    ("parsing_errors", "parsing_errors"),
];
