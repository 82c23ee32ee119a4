//! OASIS SARIF 2.1.0 with Errata 01; section numbers are of that.

mod location;
mod rules;

use casemate_core::Confidence;
use casemate_document::Node;

use crate::{
    ImportError,
    fields::{Wrong, boolean, integer, item, line, list, map, member, text},
    run::{Format, MOST_MESSAGE, MOST_TITLE, Run, Said},
    severity::{self, Mapped},
};
use location::Bases;
use rules::{Descriptor, Descriptors};

/// A log (3.13).
pub(crate) fn read(root: &Node) -> Result<Vec<Run>, ImportError> {
    let wrong = |wrong: Wrong| ImportError::Shape("SARIF", wrong.to_string());
    let runs = list(root, "runs").map_err(wrong)?;
    let read = runs.iter().enumerate().map(|(at, node)| {
        let wrong = |wrong: Wrong| ImportError::Shape("SARIF", format!("runs[{at}]: {wrong}"));
        item(node).and_then(run).map_err(wrong)
    });
    read.collect()
}

/// A run (3.14).
fn run(node: &Node) -> Result<Run, Wrong> {
    let (name, version) = tool(node)?;
    let mut run = Run::new(name, version, Format::Sarif);
    run.is_ours = name == OURS || converted_by_us(node)?;
    if run.is_ours {
        return Ok(run);
    }
    let invocations = list(node, "invocations")?;
    for invocation in invocations {
        whole(&mut run, invocation)?;
    }
    let context = Context {
        descriptors: Descriptors::of(node)?,
        bases: Bases::of(node)?,
        invocations,
    };
    let Some(results) = member(node, "results") else {
        // Section 3.14.23: absent where the tool did not get so far, or where they are in another file.
        run.gaps.push("the run has no `results`".to_owned());
        return Ok(run);
    };
    if results.kind() != casemate_document::Kind::List {
        list(node, "results")?;
    }
    for (at, result) in results.items().iter().enumerate() {
        let said = item(result).and_then(|result| context.said(result));
        run.take(said, || format!("results[{at}]"));
    }
    Ok(run)
}

/// The name and version of the tool (3.18, 3.19).
fn tool(run: &Node) -> Result<(&str, Option<&str>), Wrong> {
    let driver = match map(run, "tool")? {
        Some(tool) => map(tool, "driver")?,
        None => None,
    };
    let Some(driver) = driver else {
        return Ok((UNNAMED, None));
    };
    let version = text(driver, "semanticVersion")?.or(text(driver, "version")?);
    Ok((text(driver, "name")?.unwrap_or(UNNAMED), version))
}

/// Whether the run is what we wrote of another tool's (3.22): its results are in that tool's own report.
fn converted_by_us(run: &Node) -> Result<bool, Wrong> {
    let Some(conversion) = map(run, "conversion")? else {
        return Ok(false);
    };
    Ok(tool(conversion)?.0 == OURS)
}

/// Tells why an invocation (3.20) was not whole.
fn whole(run: &mut Run, invocation: &Node) -> Result<(), Wrong> {
    if boolean(invocation, "executionSuccessful")? == Some(false) {
        let why = text(invocation, "exitCodeDescription")?.map(|why| format!(": {why}"));
        let why = line(&why.unwrap_or_default(), MOST_TITLE);
        run.gaps
            .push(format!("the tool says that its run failed{why}"));
    }
    for key in [
        "toolExecutionNotifications",
        "toolConfigurationNotifications",
    ] {
        for notification in list(invocation, key)? {
            if text(notification, "level")? == Some("error") {
                let message = map(notification, "message")?;
                let message = message.map(|it| text(it, "text")).transpose()?.flatten();
                let message = line(message.unwrap_or("an error without words"), MOST_TITLE);
                run.gaps.push(format!("the tool says: {message}"));
            }
        }
    }
    Ok(())
}

/// What the results of a run refer to.
struct Context<'a> {
    descriptors: Descriptors<'a>,
    bases: Bases<'a>,
    invocations: &'a [Node],
}

impl Context<'_> {
    /// A result (3.27), if it says that something is wrong or leaves it open.
    fn said(&self, result: &Node) -> Result<Option<Said>, Wrong> {
        let open = match text(result, "kind")? {
            None | Some("fail") => None,
            Some("open") => Some("the tool had too little to decide by"),
            Some("review") => Some("the tool leaves it to a person"),
            Some("pass" | "notApplicable" | "informational") => return Ok(None),
            Some(_) => Some("the tool says something that SARIF has no word for"),
        };
        let baseline = text(result, "baselineState")?;
        if baseline == Some("absent") {
            return Ok(None);
        }
        let rule = self.descriptors.of_result(result)?;
        let mapped = self.severity(result, &rule)?;
        let place = self.bases.place(result)?;
        let mut about = rule.about()?;
        about.references.extend(rules::weaknesses(result, "taxa")?);
        Ok(Some(Said {
            message: message(result, &rule)?,
            severity: mapped.severity,
            word: mapped.word,
            confidence: rule.confidence()?,
            rule: rule.id,
            about,
            region: place.region,
            resource: place.resource.clone(),
            recognised: recognised(result)?,
            accepted: accepted(result)?,
            baseline: baseline.map(|state| line(state, MOST_TITLE)),
            open,
            facts: place.facts(),
            place: place.written,
        }))
    }

    /// A `security-severity` of the result or the rule, or else the level: the result's, what the
    /// invocation overrides, the rule's default, `warning` (3.27.10).
    fn severity(&self, result: &Node, rule: &Descriptor<'_>) -> Result<Mapped, Wrong> {
        let owners = [Some(result), rule.node];
        for owner in owners.into_iter().flatten() {
            if let Some(mapped) = score(owner)?.as_deref().and_then(severity::of_score) {
                return Ok(mapped);
            }
        }
        if let Some(level) = text(result, "level")? {
            return Ok(severity::of_level(level));
        }
        let level = match self.overridden(result, rule)? {
            Some(level) => Some(level),
            None => rule.level()?,
        };
        Ok(severity::of_level(level.unwrap_or("warning")))
    }

    /// The level that the result's invocation gives the rule (3.20.5, 3.48.6).
    fn overridden(&self, result: &Node, rule: &Descriptor<'_>) -> Result<Option<&str>, Wrong> {
        let Some(provenance) = map(result, "provenance")? else {
            return Ok(None);
        };
        let index = integer(provenance, "invocationIndex")?;
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some(invocation) = index.and_then(|index| self.invocations.get(index)) else {
            return Ok(None);
        };
        for given in list(invocation, "ruleConfigurationOverrides")? {
            let names = match map(given, "descriptor")? {
                Some(descriptor) => text(descriptor, "id")? == Some(&*rule.id),
                None => false,
            };
            if names && let Some(configuration) = map(given, "configuration")? {
                return text(configuration, "level");
            }
        }
        Ok(None)
    }
}

/// The `security-severity` of a bag of properties: a text with a number, and of some tools the number.
fn score(owner: &Node) -> Result<Option<String>, Wrong> {
    let Some(properties) = map(owner, "properties")? else {
        return Ok(None);
    };
    let Some(score) = member(properties, "security-severity") else {
        return Ok(None);
    };
    Ok(match &score.value {
        casemate_document::Value::Float(value) => Some(value.to_string()),
        casemate_document::Value::Integer(value) => Some(value.to_string()),
        _ => text(properties, "security-severity")?.map(str::to_owned),
    })
}

/// The message (3.11) with its arguments filled in.
fn message(result: &Node, rule: &Descriptor<'_>) -> Result<String, Wrong> {
    let Some(message) = map(result, "message")? else {
        return Ok(rule.title()?.to_owned());
    };
    let written = match (text(message, "text")?, text(message, "id")?) {
        (Some(written), _) => Some(written),
        (None, Some(id)) => rule.message(id)?,
        (None, None) => text(message, "markdown")?,
    };
    let Some(written) = written else {
        return Ok(rule.title()?.to_owned());
    };
    let arguments = list(message, "arguments")?;
    Ok(line(&filled(written, arguments), MOST_MESSAGE))
}

/// `{0}` as the first argument; doubled braces as one (3.11.5).
fn filled(written: &str, arguments: &[Node]) -> String {
    if arguments.is_empty() {
        return written.to_owned();
    }
    let mut text = String::new();
    let mut rest = written;
    while let Some(at) = rest.find(['{', '}']) {
        // What is longer than any message is cut anyway.
        if text.len() > 8 * MOST_MESSAGE {
            return text;
        }
        text.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if after.starts_with(brace) {
            text.push_str(brace);
            rest = &after[1..];
            continue;
        }
        let argument = after.split_once('}').and_then(|(index, after)| {
            let argument = arguments.get(index.parse::<usize>().ok()?)?;
            Some((argument.as_str()?, after))
        });
        rest = match argument {
            Some((argument, after)) => {
                text.push_str(argument);
                after
            }
            None => {
                text.push_str(brace);
                after
            }
        };
    }
    text.push_str(rest);
    text
}

/// What the tool recognises the result by (3.27.16, 3.27.17), in the order of the names.
fn recognised(result: &Node) -> Result<Option<String>, Wrong> {
    for key in ["fingerprints", "partialFingerprints"] {
        let Some(prints) = map(result, key)? else {
            continue;
        };
        let prints = prints.entries().iter().take(MOST_PRINTS);
        let prints = prints.filter_map(|print| Some((&*print.key, print.value.as_str()?)));
        let mut prints: Vec<String> = prints
            .map(|(key, value)| format!("{}={}", line(key, MOST_TITLE), line(value, MOST_TITLE)))
            .collect();
        prints.sort();
        if !prints.is_empty() {
            return Ok(Some(prints.join(" ")));
        }
    }
    Ok(None)
}

/// Why the result is suppressed, if it is: one suppression (3.35) is enough, unless one is under review or
/// was rejected (3.27.23).
fn accepted(result: &Node) -> Result<Option<String>, Wrong> {
    let mut reasons: Vec<&str> = Vec::new();
    let suppressions = list(result, "suppressions")?;
    for suppression in suppressions {
        match text(suppression, "status")? {
            None | Some("accepted") => {}
            Some(_) => return Ok(None),
        }
        reasons.extend(text(suppression, "justification")?);
    }
    let reasons = line(&reasons.join("; "), MOST_MESSAGE);
    Ok((!suppressions.is_empty()).then_some(reasons))
}

/// What `precision` says (of GitHub); medium where nothing does.
fn confidence(properties: Option<&Node>) -> Result<Confidence, Wrong> {
    let precision = properties.map(|it| text(it, "precision")).transpose()?;
    Ok(match precision.flatten() {
        Some("very-high" | "high") => Confidence::High,
        Some("low") => Confidence::Low,
        _ => Confidence::Medium,
    })
}

/// How our own reports name their tool.
const OURS: &str = "casemate";
const UNNAMED: &str = "unnamed";
const MOST_PRINTS: usize = 8;
