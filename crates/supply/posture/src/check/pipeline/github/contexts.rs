//! What the contexts of an expression may hold, and who writes it.

use crate::{Cursor, Fact, Value, expression::Expression, fence};

use super::view::Step;

/// What may become of a context when it is put into code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    /// Nothing that has a meaning there: a number, a digest, one of few words.
    Fixed,
    /// What somebody else decides: another step, a variable, a matrix.
    Derived,
    /// What anybody may write: a title, a branch, an input.
    Free,
}

/// What `flow`, a context in a script of `step`, may hold.
pub(super) fn content(flow: &Expression, step: &Step<'_>) -> Content {
    let Some(path) = flow.path() else {
        return Content::Derived;
    };
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        ["secrets", ..] => Content::Fixed,
        ["runner", "arch" | "debug" | "os" | "temp" | "tool_cache"] => Content::Fixed,
        ["needs", _, "result"] | ["steps", _, "outcome" | "conclusion"] => Content::Fixed,
        ["inputs", ..] => flow
            .tail()
            .map_or(Content::Derived, |name| input(name, step)),
        ["env", ..] => match is_static(flow, step) {
            true => Content::Fixed,
            false => Content::Derived,
        },
        ["matrix", rest @ ..] => matrix(rest, step),
        ["github", name] if FIXED_OF_GITHUB.contains(name) => Content::Fixed,
        ["github", "event", .., name] if is_fixed(&parts, name) => Content::Fixed,
        ["github", ..] => Content::Free,
        _ => Content::Derived,
    }
}

/// A field of an event that GitHub alone writes.
fn is_fixed(parts: &[&str], name: &str) -> bool {
    if FIXED_FIELDS.contains(&name) {
        return true;
    }
    let is_number = name == "id" || (name.ends_with("_id") && !TEXT_IDS.contains(&name));
    let is_time = name.ends_with("_at") && !matches!(name, "answer_chosen_at" | "starred_at");
    let is_digest = matches!(parts, ["github", "event", "before" | "after"]);
    is_number || is_time || is_digest || name.ends_with("_count")
}

fn input(name: &str, step: &Step<'_>) -> Content {
    let declared = step.inputs.iter().filter_map(|inputs| {
        let entries = inputs.entries().into_iter();
        let mut found = entries.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, input)| input)
    });
    let content = |input: Cursor<'_>| {
        let kind = input.get("type").text().ok();
        match kind.as_deref() {
            Some("boolean" | "choice" | "environment" | "number") if !step.is_in_action => {
                Content::Fixed
            }
            _ => Content::Free,
        }
    };
    declared.map(content).max().unwrap_or(Content::Derived)
}

/// Whether a variable is set to something that is not an expression, or by the runner.
fn is_static(flow: &Expression, step: &Step<'_>) -> bool {
    let Some(name) = flow.tail() else {
        return false;
    };
    let upper = name.to_ascii_uppercase();
    if upper == "CI" {
        return false;
    }
    if RUNNER_VARIABLES.contains(&upper.as_str()) {
        return true;
    }
    for environment in &step.environments {
        if super::view::is_expression(environment) {
            return false;
        }
        let value = environment.get(name);
        if let Fact::Known(attr) = value.fact {
            return attr
                .as_str()
                .is_none_or(|text| fence::fences(text).is_empty());
        }
    }
    false
}

fn matrix(path: &[&str], step: &Step<'_>) -> Content {
    let Some(matrix) = &step.matrix else {
        return Content::Fixed;
    };
    if super::view::is_expression(matrix) {
        return Content::Derived;
    }
    let values = matrix_values(matrix, path);
    let is_static = |value: &Cursor<'_>| {
        let text = value.fact.clone().ok().and_then(crate::Attr::as_str);
        text.is_none_or(|text| fence::fences(text).is_empty())
    };
    match values.iter().all(is_static) {
        true => Content::Fixed,
        false => Content::Derived,
    }
}

/// What a matrix has at `path`, without what it excludes.
pub(super) fn matrix_values<'a>(matrix: &Cursor<'a>, path: &[&str]) -> Vec<Cursor<'a>> {
    let dimensions = matrix.entries().into_iter();
    let dimensions = dimensions.filter(|(key, _)| !matches!(*key, "include" | "exclude"));
    let included = matrix.get("include").items().into_iter();
    let rows = included.flat_map(|row| row.entries());
    let mut values = Vec::new();
    let mut open: Vec<(Cursor<'a>, usize)> = Vec::new();
    for (key, value) in dimensions.chain(rows) {
        if path
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case(key))
        {
            open.push((value, 1));
        }
    }
    open.reverse();
    while let Some((place, depth)) = open.pop() {
        let Fact::Known(attr) = &place.fact else {
            continue;
        };
        match (&attr.value, path.get(depth)) {
            (Value::List(_), _) => {
                let items = place.items().into_iter().rev();
                open.extend(items.map(|item| (item, depth)));
            }
            (Value::Map(_), Some(key)) => {
                let entries = place.entries().into_iter();
                let of_key = entries.filter(|(name, _)| name.eq_ignore_ascii_case(key));
                open.extend(of_key.map(|(_, value)| (value, depth + 1)));
            }
            (Value::Map(_), None) => {}
            (_, None) => values.push(place),
            (_, Some(_)) => {}
        }
    }
    let excluded: Vec<String> = matrix
        .get("exclude")
        .items()
        .iter()
        .flat_map(Cursor::entries)
        .filter(|(key, _)| path.first().is_some_and(|first| first == key))
        .filter_map(|(_, value)| value.text().ok())
        .collect();
    let is_kept = |value: &Cursor<'_>| {
        let text = value.text().ok();
        text.is_none_or(|text| !excluded.contains(&text))
    };
    values.into_iter().filter(is_kept).collect()
}

/// Of the context `github`.
const FIXED_OF_GITHUB: &[&str] = &[
    "action_path",
    "event_name",
    "job",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repositoryurl",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "token",
    "triggering_actor",
    "workspace",
];

/// Numbers, times, booleans and enumerations of the events
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads>).
const FIXED_FIELDS: &[&str] = &[
    "additions",
    "allow_forking",
    "archived",
    "author_association",
    "base_sha",
    "changed_files",
    "comments",
    "commits",
    "conclusion",
    "deleted",
    "deletions",
    "disabled",
    "draft",
    "due_on",
    "fork",
    "forks",
    "locked",
    "maintainer_can_modify",
    "mergeable",
    "merged",
    "number",
    "open_issues",
    "prerelease",
    "private",
    "rebaseable",
    "review_comments",
    "run_attempt",
    "run_number",
    "site_admin",
    "size",
    "stargazers",
    "watchers",
];

/// Ids that are text.
const TEXT_IDS: &[&str] = &[
    "node_id",
    "gravatar_id",
    "client_id",
    "external_id",
    "commit_id",
];

/// What the runner sets itself
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/variables>).
const RUNNER_VARIABLES: &[&str] = &[
    "GITHUB_ACTION",
    "GITHUB_ACTIONS",
    "GITHUB_ACTION_PATH",
    "GITHUB_ACTION_REPOSITORY",
    "GITHUB_ACTOR",
    "GITHUB_ACTOR_ID",
    "GITHUB_API_URL",
    "GITHUB_BASE_REF",
    "GITHUB_ENV",
    "GITHUB_EVENT_NAME",
    "GITHUB_EVENT_PATH",
    "GITHUB_GRAPHQL_URL",
    "GITHUB_HEAD_REF",
    "GITHUB_JOB",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_REF",
    "GITHUB_REF_NAME",
    "GITHUB_REF_PROTECTED",
    "GITHUB_REF_TYPE",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_NUMBER",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_TRIGGERING_ACTOR",
    "GITHUB_WORKFLOW",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_WORKFLOW_SHA",
    "GITHUB_WORKSPACE",
    "RUNNER_ARCH",
    "RUNNER_DEBUG",
    "RUNNER_ENVIRONMENT",
    "RUNNER_NAME",
    "RUNNER_OS",
    "RUNNER_TEMP",
    "RUNNER_TOOL_CACHE",
];
