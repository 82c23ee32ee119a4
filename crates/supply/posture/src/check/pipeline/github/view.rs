//! Workflows and actions as checks ask for them.

use crate::{
    Attr, Cursor, Fact, Resource, Value, World, fence,
    read::actions::{ACTION, WORKFLOW, expression},
};

/// A workflow.
pub(super) struct Workflow<'a> {
    /// All of it.
    pub(super) root: Cursor<'a>,
    /// What begins it, each with its configuration.
    pub(super) triggers: Vec<(&'a str, Cursor<'a>)>,
    /// Its jobs.
    pub(super) jobs: Vec<Job<'a>>,
}

/// A job.
pub(super) struct Job<'a> {
    /// Its key.
    pub(super) id: &'a str,
    /// It.
    pub(super) cursor: Cursor<'a>,
    /// Its steps that may run.
    pub(super) steps: Vec<Step<'a>>,
}

/// A step of a job or of an action.
pub(super) struct Step<'a> {
    /// It.
    pub(super) cursor: Cursor<'a>,
    /// What it uses.
    pub(super) uses: Option<Uses<'a>>,
    /// The program that runs its script, and where that is said.
    pub(super) shell: Option<(String, Cursor<'a>)>,
    /// The environments that it sees, the nearest first.
    pub(super) environments: Vec<Cursor<'a>>,
    /// The matrix of its job.
    pub(super) matrix: Option<Cursor<'a>>,
    /// What declares the inputs.
    pub(super) inputs: Vec<Cursor<'a>>,
    /// Whether it is a step of an action.
    pub(super) is_in_action: bool,
}

/// What stands behind `uses:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uses<'a> {
    /// `./path` and `$/path`.
    Local(&'a str),
    /// `docker://image`.
    Docker(&'a str),
    /// `owner/repository/path@reference`.
    Repository(Repository<'a>),
}

/// An action or a workflow of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repository<'a> {
    /// Whose it is.
    pub(super) owner: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// The way to the action in it.
    pub(super) path: Option<&'a str>,
    /// The branch, tag or commit.
    pub(super) reference: &'a str,
}

impl<'a> Repository<'a> {
    /// Whether it is `name`: `owner/repository`, whatever the action in it, or with its path.
    pub(super) fn is(&self, name: &str) -> bool {
        let mut parts = name.splitn(3, '/');
        let mut next = || parts.next();
        let (owner, repository, path) = (next(), next(), next());
        owner.is_some_and(|owner| owner.eq_ignore_ascii_case(self.owner))
            && repository.is_some_and(|name| name.eq_ignore_ascii_case(self.name))
            && path == self.path
    }

    /// Whether it is one of `names`.
    pub(super) fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    /// `owner/repository` in lower case.
    pub(super) fn slug(&self) -> String {
        format!("{}/{}", self.owner, self.name).to_ascii_lowercase()
    }

    /// Whether the reference is a commit.
    pub(super) fn is_commit(&self) -> bool {
        self.reference.len() == 40 && self.reference.bytes().all(|it| it.is_ascii_hexdigit())
    }

    /// The version that the reference is: `v1.2` is `(1, 2, 0)`.
    pub(super) fn version(&self) -> Option<(u64, u64, u64)> {
        version(self.reference)
    }
}

/// `v1.2` as `(1, 2, 0)`.
pub(super) fn version(text: &str) -> Option<(u64, u64, u64)> {
    let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().map_or(Ok(0), str::parse).ok()?;
    let patch = parts.next().map_or(Ok(0), str::parse).ok()?;
    parts.next().is_none().then_some((major, minor, patch))
}

impl<'a> Uses<'a> {
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with("./") || text.starts_with("$/") {
            return Some(Self::Local(text));
        }
        if let Some(image) = text.strip_prefix("docker://") {
            return Some(Self::Docker(image));
        }
        let (path, reference) = text.rsplit_once('@')?;
        let mut parts = path.splitn(3, '/');
        Some(Self::Repository(Repository {
            owner: parts.next()?,
            name: parts.next()?,
            path: parts.next(),
            reference,
        }))
    }

    /// The repository.
    pub(super) fn repository(self) -> Option<Repository<'a>> {
        match self {
            Self::Repository(repository) => Some(repository),
            _ => None,
        }
    }
}

impl<'a> Workflow<'a> {
    /// Whether `event` begins it.
    pub(super) fn has(&self, event: &str) -> bool {
        self.triggers.iter().any(|(name, _)| *name == event)
    }

    /// The configuration of `event`.
    pub(super) fn trigger(&self, event: &str) -> Option<&Cursor<'a>> {
        let trigger = self.triggers.iter().find(|(name, _)| *name == event);
        trigger.map(|(_, body)| body)
    }

    /// Whether only other workflows begin it.
    pub(super) fn is_only_called(&self) -> bool {
        self.triggers.len() == 1 && self.has("workflow_call")
    }

    /// Whether somebody without rights can begin it with rights.
    pub(super) fn is_privileged(&self) -> bool {
        self.has("pull_request_target") || self.has("workflow_run")
    }
}

impl<'a> Job<'a> {
    /// The workflow that it calls.
    pub(super) fn uses(&self) -> Option<Uses<'a>> {
        uses(&self.cursor)
    }

    /// Whether it has steps and not another workflow.
    pub(super) fn is_normal(&self) -> bool {
        self.cursor.get("uses").is_absent().is_yes()
    }

    /// The labels of its runner.
    pub(super) fn labels(&self) -> Vec<Cursor<'a>> {
        let runs_on = self.cursor.get("runs-on");
        let labels = runs_on.get("labels");
        for place in [&runs_on, &labels] {
            if place.text().ok().is_some() {
                return vec![place.clone()];
            }
            if !place.items().is_empty() {
                return place.items();
            }
        }
        Vec::new()
    }
}

impl<'a> Step<'a> {
    /// The repository of its action.
    pub(super) fn repository(&self) -> Option<Repository<'a>> {
        self.uses?.repository()
    }

    /// An argument of its action.
    pub(super) fn with(&self, name: &str) -> Cursor<'a> {
        self.cursor.get("with").get(name)
    }

    /// The text of an argument; none where it is an expression or not there.
    pub(super) fn argument(&self, name: &str) -> Option<String> {
        self.with(name).text().ok()
    }

    /// Whether its arguments are one expression.
    pub(super) fn has_opaque_arguments(&self) -> bool {
        is_expression(&self.cursor.get("with"))
    }

    /// The scripts that it runs, with what runs them.
    pub(super) fn script(&self) -> Option<(Cursor<'a>, &'a str)> {
        let run = self.cursor.get("run");
        let (_, text) = super::super::text::text(&run)?;
        Some((run, text))
    }

    /// The program that runs its script: `bash` where nobody says.
    pub(super) fn program(&self) -> &str {
        self.shell
            .as_ref()
            .map_or("bash", |(shell, _)| shell.as_str())
    }
}

/// Whether what is there is one expression.
pub(super) fn is_expression(cursor: &Cursor<'_>) -> bool {
    let text = cursor.fact.clone().ok().and_then(Attr::as_str);
    text.is_some_and(|text| fence::whole(text).is_some())
}

/// What `cursor`, a step or a job, uses.
pub(super) fn uses<'a>(cursor: &Cursor<'a>) -> Option<Uses<'a>> {
    Uses::of(cursor.get("uses").fact.ok()?.as_str()?)
}

/// The workflows.
pub(super) fn workflows(world: &World) -> Vec<Workflow<'_>> {
    world.of_kind(WORKFLOW).map(workflow).collect()
}

/// The steps of all jobs and of all actions.
pub(super) fn steps(world: &World) -> Vec<Step<'_>> {
    let workflows = workflows(world).into_iter();
    let jobs = workflows.flat_map(|workflow| workflow.jobs);
    let steps = jobs.flat_map(|job| job.steps);
    let actions = world.of_kind(ACTION).map(Resource::cursor);
    steps
        .chain(actions.flat_map(|root| action_steps(&root)))
        .collect()
}

/// The steps of an action.
pub(super) fn action_steps<'a>(root: &Cursor<'a>) -> Vec<Step<'a>> {
    let steps = root.at("runs.steps").items();
    let step = |cursor: Cursor<'a>| {
        let shell = cursor.get("shell");
        Step {
            uses: uses(&cursor),
            shell: program(&shell).map(|text| (text, shell)),
            environments: vec![cursor.get("env")],
            matrix: None,
            inputs: vec![root.get("inputs")],
            is_in_action: true,
            cursor,
        }
    };
    steps.into_iter().filter(may_run).map(step).collect()
}

fn workflow(resource: &Resource) -> Workflow<'_> {
    let root = resource.cursor();
    let triggers = triggers(&root.get("on"));
    let inputs: Vec<Cursor<'_>> = triggers
        .iter()
        .filter(|(event, _)| matches!(*event, "workflow_call" | "workflow_dispatch"))
        .map(|(_, body)| body.get("inputs"))
        .collect();
    let jobs = root.get("jobs").entries().into_iter();
    let jobs = jobs.map(|(id, cursor)| job(id, &cursor, &root, &inputs));
    Workflow {
        jobs: jobs.collect(),
        triggers,
        root,
    }
}

fn triggers<'a>(on: &Cursor<'a>) -> Vec<(&'a str, Cursor<'a>)> {
    let Fact::Known(attr) = on.fact else {
        return Vec::new();
    };
    match &attr.value {
        Value::String(event) => vec![(event, on.clone())],
        Value::List(_) => {
            let name = |it: Cursor<'a>| Some((it.fact.clone().ok()?.as_str()?, it));
            on.items().into_iter().filter_map(name).collect()
        }
        _ => on.entries(),
    }
}

fn job<'a>(id: &'a str, cursor: &Cursor<'a>, root: &Cursor<'a>, inputs: &[Cursor<'a>]) -> Job<'a> {
    let mut cursors = Vec::new();
    for step in cursor.get("steps").items() {
        match step.get("parallel").items() {
            parallel if parallel.is_empty() => cursors.push(step),
            parallel => cursors.extend(parallel),
        }
    }
    let matrix = cursor.at("strategy.matrix");
    let mut job = Job {
        id,
        cursor: cursor.clone(),
        steps: Vec::new(),
    };
    let default = job_shell(&job, root);
    let step = |at: Cursor<'a>| Step {
        uses: uses(&at),
        shell: shell(&at, default.as_ref()),
        environments: [&at, cursor, root].map(|it| it.get("env")).into(),
        matrix: (!matrix.is_absent().is_yes()).then(|| matrix.clone()),
        inputs: inputs.to_vec(),
        is_in_action: false,
        cursor: at,
    };
    job.steps = cursors.into_iter().filter(may_run).map(step).collect();
    job
}

fn program(shell: &Cursor<'_>) -> Option<String> {
    let text = shell.text().ok()?;
    fence::whole(&text).is_none().then_some(text)
}

fn shell<'a>(
    step: &Cursor<'a>,
    default: Option<&(String, Cursor<'a>)>,
) -> Option<(String, Cursor<'a>)> {
    let own = step.get("shell");
    if own.is_absent().is_yes() {
        return default.cloned();
    }
    program(&own).map(|text| (text, own))
}

/// What the job and the workflow say, and else what their runner has.
fn job_shell<'a>(job: &Job<'a>, root: &Cursor<'a>) -> Option<(String, Cursor<'a>)> {
    for place in [&job.cursor, root] {
        let shell = place.at("defaults.run.shell");
        if !shell.is_absent().is_yes() {
            return program(&shell).map(|text| (text, shell));
        }
    }
    let runs_on = job.cursor.get("runs-on");
    for label in job.labels() {
        let label = label.text().ok()?;
        if fence::whole(&label).is_some() {
            return None;
        }
        let has = |word: &str| label.contains(word);
        if matches!(label.as_str(), "linux" | "macOS") || has("ubuntu-") || has("macos") {
            return Some(("bash".to_owned(), runs_on));
        }
        if label == "windows" || has("windows-") {
            return Some(("pwsh".to_owned(), runs_on));
        }
    }
    None
}

/// Not where its condition is always false.
fn may_run(step: &Cursor<'_>) -> bool {
    let condition = step.get("if");
    if let Fact::Known(attr) = condition.fact
        && let Value::Bool(value) = attr.value
    {
        return value;
    }
    let Ok(text) = condition.text().ok().ok_or(()) else {
        return true;
    };
    // With anything around it the expression is a text, and true.
    let is_bare = text.trim() == text;
    let inner = fence::whole(&text).filter(|_| is_bare).unwrap_or(&text);
    let value = expression::parse(inner).ok().and_then(|it| it.constant());
    value != Some(crate::Constant::Bool(false))
}

/// The file name of a shell's program: `bash` of `/bin/bash -e {0}`.
pub(super) fn program_name(shell: &str) -> &str {
    let path = shell.split(' ').next().unwrap_or(shell);
    path.rsplit('/').next().unwrap_or(path)
}
