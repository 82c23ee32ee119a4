//! GitLab CI (<https://docs.gitlab.com/ci/yaml/>): jobs with what they extend, what they reference and
//! what local includes say.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use casemate_document::{
    Error, Limits, Node, Span, Value as Written,
    yaml::{self, Dialect},
};

use super::{
    Content, Draft, Reader,
    compose::{listed, open},
    path,
};
use crate::{Attr, Fact, File, Item, Language, Map, Origin, Resource, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

/// All of a configuration.
pub(crate) const PIPELINE: &str = "gitlab-pipeline";

/// A job, with everything that it extends.
pub(crate) const JOB: &str = "gitlab-job";

const KIND: &str = "gitlab";

fn read(file: &Arc<File>) -> Option<Draft> {
    let name = path::name(file.subject.path.as_str());
    if !path::is_yaml(name) {
        return None;
    }
    let is_named = name.ends_with("gitlab-ci.yml") || name.ends_with("gitlab-ci.yaml");
    if !is_named && (!file.text.contains("script:") || super::is_manifest(file)) {
        return None;
    }
    let (root, is_pipeline, error) = parsed(file);
    if !is_named && !is_pipeline {
        return None;
    }
    Some(Draft {
        file: file.clone(),
        content: Content::Document(KIND, root, error),
    })
}

/// What the configuration says, whether it looks like one, and the first mistake in it.
fn parsed(file: &Arc<File>) -> (Option<Attr>, bool, Option<Error>) {
    let stream = yaml::read(&file.text, Dialect::MERGING, &Limits::default());
    // A header with the inputs may stand before the configuration.
    let mut roots = stream.documents.iter().map(|document| &document.root);
    let first = roots.next();
    let (header, root) = match first {
        Some(header) if header.get("spec").is_some() => (Some(header), roots.next()),
        other => (None, other),
    };
    let is_pipeline = root.is_some_and(has_jobs);
    let root = root.map(|root| {
        let root = value(root, file);
        match header {
            Some(header) => over(&Attr::of_node(header, file), &root),
            None => root,
        }
    });
    (root, is_pipeline, stream.error)
}

/// Whether it looks like jobs, and not like what other programs have scripts in.
fn has_jobs(root: &Node) -> bool {
    let is_script = |node: &Node| {
        matches!(
            node.value,
            Written::List(_) | Written::String(_) | Written::Tagged(_)
        )
    };
    let is_job = |job: &Node| job.get("script").is_some_and(is_script);
    let others = [
        "apiVersion",
        "jobs",
        "services",
        "on",
        "language",
        "trigger",
        "pool",
        "steps",
        "runs",
        "pipelines",
    ];
    !others.iter().any(|key| root.get(key).is_some())
        && root.entries().iter().any(|entry| is_job(&entry.value))
}

/// As [`Attr::of_node`], with `!reference` as a map under that key.
fn value(node: &Node, file: &Arc<File>) -> Attr {
    let origin = Origin::new(file, node.span);
    let value = match &node.value {
        Written::Tagged(tagged) if &*tagged.0 == REFERENCE => {
            let item = Item {
                key: REFERENCE.into(),
                place: origin.clone(),
                value: Attr::of_node(&tagged.1, file),
            };
            Value::Map(Arc::new(Map::new(vec![item])))
        }
        Written::Tagged(tagged) => return value(&tagged.1, file),
        Written::List(items) => Value::List(items.iter().map(|it| value(it, file)).collect()),
        Written::Map(map) => {
            let items = map.entries().iter().map(|entry| Item {
                key: entry.key.clone(),
                place: Origin::new(file, entry.key_span),
                value: value(&entry.value, file),
            });
            Value::Map(Arc::new(Map::new(items.collect())))
        }
        _ => return Attr::of_node(node, file),
    };
    Attr::new(value, origin)
}

fn gather(drafts: &[Draft], world: &mut World) {
    let mut files = Files::default();
    for draft in drafts {
        if let Content::Document(KIND, Some(root), error) = &draft.content {
            if let Some(error) = error {
                world.missing(&draft.file, error.span, error.message.clone());
            }
            let path = draft.file.subject.path.as_str().to_owned();
            files.roots.insert(path, (draft.file.clone(), root.clone()));
        }
    }
    for draft in drafts {
        files.read_included(draft.file.subject.path.as_str(), world);
    }
    let paths = drafts.iter().map(|draft| draft.file.subject.path.as_str());
    let included: HashSet<&str> = files.included.values().flatten().map(|it| &**it).collect();
    let (above, others): (Vec<&str>, Vec<&str>) = paths.partition(|path| !included.contains(path));
    // Of files that include each other none stands above the others: the first one is judged.
    let mut reached = HashSet::new();
    for path in above.into_iter().chain(others) {
        if reached.contains(path) {
            continue;
        }
        files.reach(path, &mut reached);
        if let Some((file, _)) = files.roots.get(path) {
            judge(path, file, &files, world);
        }
    }
}

/// Adds the jobs of the configuration at `path`.
fn judge(path: &str, file: &Arc<File>, files: &Files, world: &mut World) {
    // At nothing there is one too many.
    let mut left = MAX_INCLUDES + 1;
    let Some(whole) = files.whole(path, &mut left) else {
        return;
    };
    if left == 0 {
        world.missing(file, Span::default(), TOO_MANY);
    }
    let mut add = |kind: &str, address: String, body: Attr| {
        world.add(Resource {
            language: Language::GitlabCi,
            kind: kind.into(),
            address: address.into(),
            body,
        });
    };
    add(PIPELINE, path.to_owned(), whole.clone());
    let default = whole.get("default").ok().cloned();
    for item in whole.entries() {
        let is_job = !KEYWORDS.contains(&&*item.key) && !item.key.starts_with('.');
        if !is_job || !matches!(item.value.value, Value::Map(_)) {
            continue;
        }
        let (mut bases, mut references) = (MAX_BASES, MAX_REFERENCES);
        let job = extended(&item.value, &whole, 0, &mut bases);
        let job = default
            .as_ref()
            .map_or_else(|| job.clone(), |it| over(it, &job));
        let job = referenced(&job, &whole, 0, &mut references);
        add(JOB, format!("{path}/{}", item.key), job);
    }
}

/// Configurations by their paths.
#[derive(Default)]
struct Files {
    roots: HashMap<String, (Arc<File>, Attr)>,
    /// Which local files each of them includes, of those that were read.
    included: HashMap<String, Vec<String>>,
}

impl Files {
    /// Reads what the file at `path` includes, and what that includes; what cannot be read is told.
    fn read_included(&mut self, path: &str, world: &mut World) {
        let mut open = vec![path.to_owned()];
        while let Some(path) = open.pop() {
            let Some((file, root)) = self.roots.get(&path).cloned() else {
                continue;
            };
            if self.included.contains_key(&path) {
                continue;
            }
            let mut found = Vec::new();
            let includes = includes(&root);
            if includes.len() > MAX_INCLUDES {
                world.missing(&file, Span::default(), TOO_MANY);
            }
            for (include, span) in includes.into_iter().take(MAX_INCLUDES) {
                let name = match include {
                    Include::Local(name) => name,
                    Include::Elsewhere(name) => {
                        let why = format!("{}, which it includes, is elsewhere", shown(&name));
                        world.elsewhere(&file, span, why);
                        continue;
                    }
                    Include::Unknown => {
                        world.missing(&file, span, "what it includes here was not understood");
                        continue;
                    }
                };
                let targets = match named(&path, &name, world) {
                    Ok(targets) => targets,
                    Err(why) => {
                        let why =
                            format!("{}, which it includes, was not read: {why}", shown(&name));
                        world.missing(&file, span, why);
                        continue;
                    }
                };
                for (target, text) in targets {
                    if self.add(&target, text, world) {
                        open.push(target.clone());
                        found.push(target);
                    }
                }
            }
            self.included.insert(path, found);
        }
    }

    /// Takes a file that is included, and says whether there is anything in it.
    fn add(&mut self, path: &str, file: Arc<File>, world: &mut World) -> bool {
        if self.roots.contains_key(path) {
            return true;
        }
        let (root, _, error) = parsed(&file);
        if let Some(error) = error {
            world.missing(&file, error.span, error.message);
        }
        let Some(root) = root else {
            return false;
        };
        self.roots.insert(path.to_owned(), (file, root));
        true
    }

    /// Marks `path` and all that it includes.
    fn reach<'a>(&'a self, path: &'a str, reached: &mut HashSet<&'a str>) {
        let mut open = vec![path];
        while let Some(path) = open.pop() {
            if reached.insert(path) {
                let below = self.included.get(path).into_iter().flatten();
                open.extend(below.map(|it| &**it));
            }
        }
    }

    /// The configuration with what it includes below it. `left` is how many more may be included,
    /// which ends circles too.
    fn whole(&self, path: &str, left: &mut usize) -> Option<Attr> {
        let (_, root) = self.roots.get(path)?;
        let mut whole: Option<Attr> = None;
        for name in self.included.get(path).into_iter().flatten() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                break;
            }
            let Some(file) = self.whole(name, left) else {
                continue;
            };
            whole = Some(whole.map_or_else(|| file.clone(), |below| over(&below, &file)));
        }
        Some(whole.map_or_else(|| root.clone(), |below| over(&below, root)))
    }
}

/// What a configuration takes in.
enum Include {
    /// Files of the same repository.
    Local(String),
    /// A project, an address, a component, or a template of GitLab's.
    Elsewhere(String),
    /// None that is known of.
    Unknown,
}

/// What a configuration includes, each with where it is named.
fn includes(root: &Attr) -> Vec<(Include, Span)> {
    let Fact::Known(include) = root.get("include") else {
        return Vec::new();
    };
    let one = |item: &Attr| {
        let local = item
            .text()
            .or_else(|| item.get("local").and_then(Attr::text));
        let elsewhere = || {
            let mut keys = ELSEWHERE.iter();
            keys.find_map(|key| item.get(key).and_then(Attr::text).ok())
        };
        let include = match local.ok() {
            Some(name) if name.contains("://") => Include::Elsewhere(name),
            Some(name) => Include::Local(name),
            None => elsewhere().map_or(Include::Unknown, Include::Elsewhere),
        };
        (include, item.origin.span)
    };
    listed(include).iter().map(one).collect()
}

/// The files that `name` stands for in the configuration at `from`. Names begin at the top of their
/// repository, which is where the configuration lies or above it.
fn named(from: &str, name: &str, world: &World) -> Result<Vec<(String, Arc<File>)>, &'static str> {
    if name.contains('$') {
        return Err("a variable names it");
    }
    if !path::is_yaml(name) {
        return Err("GitLab includes files that end in .yml or .yaml, and no others");
    }
    let name = name.trim_start_matches('/');
    let mut folder = path::folder(from);
    loop {
        let target = path::joined(folder, name).ok_or("it leads out of the tree")?;
        let found = match target.contains('*') {
            true => matching(&target, world)?,
            false => {
                let file = world.files().get(&target);
                file.map(|file| (target, file.clone()))
                    .into_iter()
                    .collect()
            }
        };
        if !found.is_empty() {
            return Ok(found);
        }
        if folder.is_empty() {
            return Err("it is not among the files");
        }
        folder = path::folder(folder);
    }
}

/// The files that match `pattern`, in which `*` stands for anything in a folder and `**` for folders too
/// (<https://docs.gitlab.com/ci/yaml/#includelocal>).
fn matching(pattern: &str, world: &World) -> Result<Vec<(String, Arc<File>)>, &'static str> {
    let escaped = regex::escape(pattern);
    let pattern = escaped.replace(r"\*\*", ".*").replace(r"\*", "[^/]*");
    let pattern = regex::Regex::new(&format!("^{pattern}$"));
    let pattern = pattern.map_err(|_| "its pattern is too long")?;
    let files = world.files().iter();
    let mut found: Vec<(String, Arc<File>)> = files
        .filter(|(path, _)| pattern.is_match(path))
        .map(|(path, file)| (path.clone(), file.clone()))
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    // One too many is told where they are put together.
    found.truncate(MAX_INCLUDES + 1);
    Ok(found)
}

fn shown(name: &str) -> String {
    name.chars().take(MAX_SHOWN).collect()
}

fn extended(job: &Attr, whole: &Attr, depth: usize, left: &mut usize) -> Attr {
    let Fact::Known(extends) = job.get("extends") else {
        return job.clone();
    };
    let names = listed(extends).iter().filter_map(|item| item.text().ok());
    let mut below: Option<Attr> = None;
    for name in names {
        let Some(base) = whole.get(&name).ok() else {
            return open(job, &format!("{name}, which it extends, was not read"));
        };
        *left = left.saturating_sub(1);
        if depth == MAX_DEPTH || *left == 0 {
            return open(
                job,
                &format!("{name} and what extends it go on for too long"),
            );
        }
        let base = extended(base, whole, depth + 1, left);
        below = Some(below.map_or_else(|| base.clone(), |under| over(&under, &base)));
    }
    below.map_or_else(|| job.clone(), |below| over(&below, job))
}

/// With what `!reference` names in its place. `left` is how many more may be filled in.
fn referenced(attr: &Attr, whole: &Attr, depth: usize, left: &mut usize) -> Attr {
    let value = match &attr.value {
        Value::Map(map) => {
            if let Some(reference) = map.item(REFERENCE) {
                let names: Vec<String> = reference
                    .value
                    .items()
                    .iter()
                    .filter_map(|it| it.text().ok())
                    .collect();
                let found = names.iter().try_fold(whole, |at, name| at.get(name).ok());
                *left = left.saturating_sub(1);
                return match found.filter(|_| depth < MAX_DEPTH && *left > 0) {
                    Some(found) => referenced(found, whole, depth + 1, left),
                    None => Attr::unknown(
                        format!("{} was not read", names.join(".")),
                        attr.origin.clone(),
                    ),
                };
            }
            let items = map.items().iter().map(|item| Item {
                value: referenced(&item.value, whole, depth, left),
                ..item.clone()
            });
            let mut filled = Map::new(items.collect());
            filled.open.clone_from(&map.open);
            Value::Map(Arc::new(filled))
        }
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|it| referenced(it, whole, depth, left))
                .collect(),
        ),
        other => other.clone(),
    };
    Attr {
        value,
        ..attr.clone()
    }
}

/// `top` over `base`, maps together; lists are replaced.
fn over(base: &Attr, top: &Attr) -> Attr {
    let (Value::Map(below), Value::Map(above)) = (&base.value, &top.value) else {
        return top.clone();
    };
    if above.item(REFERENCE).is_some() {
        return top.clone();
    }
    let mut items = below.items().to_vec();
    for item in above.items() {
        let value = match below.item(&item.key) {
            Some(under) => over(&under.value, &item.value),
            None => item.value.clone(),
        };
        items.push(Item {
            value,
            ..item.clone()
        });
    }
    let mut map = Map::new(items);
    map.open = above.open.clone().or_else(|| below.open.clone());
    Attr::new(Value::Map(Arc::new(map)), top.origin.clone())
}

const REFERENCE: &str = "!reference";

/// As deep as GitLab goes (<https://docs.gitlab.com/ci/yaml/yaml_optimization/>).
const MAX_DEPTH: usize = 10;

/// As many as GitLab takes where nobody says (<https://docs.gitlab.com/ci/yaml/includes/>).
const MAX_INCLUDES: usize = 150;

const TOO_MANY: &str = "more than 150 files are included";

/// What names something that is not of the repository.
const ELSEWHERE: &[&str] = &["project", "remote", "component", "template"];

/// Of one job. Names may stand more than once, and each name for many: what they make is not bounded by
/// what was written.
const MAX_BASES: usize = 1_000;
const MAX_REFERENCES: usize = 1_000;

const MAX_SHOWN: usize = 120;

/// Keys of a configuration that are no jobs.
const KEYWORDS: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "variables",
    "workflow",
];

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    #[test]
    fn a_job_has_what_it_extends_references_and_includes() {
        let root = b"include: /ci/base.yml\ntrain:\n  extends: .base\n  script:\n  - !reference [.setup, script]\n  - echo\n";
        let base = b".base:\n  image: python:latest\n.setup:\n  script:\n  - curl https://x.example | sh\n";
        let outcomes = survey(&[(".gitlab-ci.yml", root), ("ci/base.yml", base)]);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        let found: Vec<String> = findings
            .map(|it| format!("{}@{}", it.rule, it.location))
            .collect();
        assert!(
            found.contains(&"CM-GLC-003@ci/base.yml:2:10".to_owned()),
            "{found:?}"
        );
        assert!(
            found.contains(&"CM-GLC-009@ci/base.yml:5:5".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn what_was_not_read_leaves_a_job_open() {
        let root = b"include:\n  project: a/b\n  ref: 0123456789abcdef0123456789abcdef01234567\ntrain:\n  extends: .base\n  script: [echo]\n";
        let outcomes = survey(&[(".gitlab-ci.yml", root)]);
        let reason = outcomes[0].reason.as_deref().unwrap_or_default();
        assert!(
            reason.contains(".base, which it extends, was not read"),
            "{reason}"
        );
    }

    fn told(files: &[(&str, &[u8])]) -> String {
        let outcomes = survey(files);
        let reasons = outcomes.iter().filter_map(|it| it.reason.clone());
        reasons.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn files_and_jobs_that_go_in_circles_are_judged_and_told() {
        let circle = b"include: b.yml\na: {extends: .b}\n.b: {extends: a, script: curl x | sh}\n";
        let files: [(&str, &[u8]); 2] = [
            (".gitlab-ci.yml", circle),
            (
                "b.yml",
                b"include: .gitlab-ci.yml\nc: {script: curl y | sh}\n",
            ),
        ];
        let outcomes = survey(&files);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        let places: Vec<String> = findings
            .filter(|it| it.rule.as_str() == "CM-GLC-009")
            .map(|it| it.location.file.as_str().to_owned())
            .collect();
        assert_eq!(places, [".gitlab-ci.yml", "b.yml"]);
        let told = told(&files);
        assert!(told.contains("more than 150 files are included"), "{told}");
        let told = self::told(&[(
            ".gitlab-ci.yml",
            b"a: {extends: .b}\n.b: {extends: a, script: x}\n",
        )]);
        assert!(told.contains("go on for too long"), "{told}");
    }

    #[test]
    fn an_included_file_is_read_or_told() {
        let job = b"job: {script: curl x | sh}\n";
        let outcomes = survey(&[
            ("a/.gitlab-ci.yml", b"include: [/ci/base.yml]\n"),
            ("a/ci/base.yml", b"include: [/ci/vars.yml, /ci/jobs.yml]\n"),
            ("a/ci/jobs.yml", job),
            ("a/ci/vars.yml", b"variables: {CI_DEBUG_TRACE: \"true\"}\n"),
        ]);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        let mut found: Vec<String> = findings
            .map(|it| format!("{}@{}", it.rule, it.location.file.as_str()))
            .collect();
        found.sort();
        assert_eq!(
            found,
            ["CM-GLC-009@a/ci/jobs.yml", "CM-GLC-016@a/ci/vars.yml"]
        );
        assert!(outcomes.iter().all(|it| it.reason.is_none()));
        for include in [
            "ci/x.txt",
            "{local: /ci/none.yml}",
            "['ci/*.yml']",
            "../x.yml",
        ] {
            let root = format!("include: {include}\n");
            let told = told(&[(".gitlab-ci.yml", root.as_bytes()), ("ci/x.txt", job)]);
            assert!(told.contains("was not read"), "{include}: {told}");
        }
    }

    #[test]
    fn patterns_stand_for_the_files_that_match() {
        let job = b"job: {script: curl x | sh}\n";
        for (pattern, expected) in [
            ("/ci/*.yml", &["ci/a.yml"][..]),
            ("ci/**.yml", &["ci/a.yml", "ci/b/c.yml"]),
            ("ci/**/*.yml", &["ci/b/c.yml"]),
        ] {
            let root = format!("include: '{pattern}'\n");
            let files: [(&str, &[u8]); 3] = [
                (".gitlab-ci.yml", root.as_bytes()),
                ("ci/a.yml", job),
                ("ci/b/c.yml", job),
            ];
            let world = crate::survey::tests::world(
                &files.map(|(path, text)| (path.to_owned(), text.to_vec())),
            );
            let pipelines = world.of_kind(super::PIPELINE);
            let apart: Vec<&str> = pipelines.map(|it| &*it.address).collect();
            for path in ["ci/a.yml", "ci/b/c.yml"] {
                assert_eq!(
                    apart.contains(&path),
                    !expected.contains(&path),
                    "{pattern}"
                );
            }
            assert_eq!(told(&files), "");
        }
    }

    #[test]
    fn what_another_repository_has_is_not_known_and_said_so() {
        for include in [
            "https://x.example/a.yml",
            "{remote: 'https://x.example/a.yml', integrity: sha256-x}",
            "{project: a/b, file: c.yml}",
            "{component: x.example/a/b@1}",
            "{template: Auto-DevOps.gitlab-ci.yml}",
        ] {
            let root = format!("include: {include}\njob: {{script: echo}}\n");
            let outcomes = survey(&[(".gitlab-ci.yml", root.as_bytes())]);
            let reason = outcomes[0].reason.as_deref().unwrap_or_default();
            assert!(reason.contains("is elsewhere"), "{include}: {reason}");
            assert_eq!(outcomes[0].coverage, casemate_core::Coverage::Complete);
        }
        let told = told(&[(".gitlab-ci.yml", b"include: {file: a.yml}\n")]);
        assert!(told.contains("was not understood"), "{told}");
    }

    #[test]
    fn names_that_stand_for_many_are_bounded_and_told() {
        let (mut bases, mut includes, mut references) = (String::new(), Vec::new(), String::new());
        for level in 0..9 {
            let next = level + 1;
            let name = format!(".b{next}, ").repeat(10);
            bases += &format!(".b{level}: {{extends: [{name}]}}\n");
            let name = format!("!reference [.r{next}, script], ").repeat(10);
            references += &format!(".r{level}: {{script: [{name}]}}\n");
            let name = format!("i{next}.yml, ").repeat(10);
            includes.push((format!("i{level}.yml"), format!("include: [{name}]\n")));
        }
        includes.push(("i9.yml".to_owned(), "x: {script: x}\n".to_owned()));
        let job = format!("job: {{extends: .b0, script: x}}\n{bases}.b9: {{}}\n");
        let told_of_bases = told(&[(".gitlab-ci.yml", job.as_bytes())]);
        assert!(
            told_of_bases.contains("go on for too long"),
            "{told_of_bases}"
        );
        let job = format!(
            "job: {{script: [!reference [.r0, script]]}}\n{references}.r9: {{script: x}}\n"
        );
        survey(&[(".gitlab-ci.yml", job.as_bytes())]);
        let mut files = vec![(".gitlab-ci.yml", &b"include: i0.yml\n"[..])];
        files.extend(
            includes
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_bytes())),
        );
        let told = told(&files);
        assert!(told.contains("more than 150 files are included"), "{told}");
    }
}
