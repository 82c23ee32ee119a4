//! Charts of Helm, rendered as they stand: with their own values, and with nothing installed.
//!
//! ```text
//!   files ─► chart ─► values ─► template (functions) ─► text with places ─► place ─► objects
//! ```
//!
//! Each value of an object stands in the template that made it, and behind that is the line of the
//! values that filled it, and the line of a chart below that it overrides.

mod chart;
mod functions;
mod place;
mod render;
mod template;
mod values;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
    sync::Arc,
    thread,
};

use casemate_document::{Node, Span};

use super::{Content, Draft, aside, kubernetes};
use crate::{Attr, File, Language, Resource, Value, World, read};
use chart::{Absent, CHART, Chart, Dependency, Files, Tree};
use render::Made;

/// Renders the charts among `drafts`, and takes what they are made of.
pub(super) fn compose(drafts: &mut [Draft], world: &mut World) {
    let is_chart = |draft: &Draft| chart::folder_of(path(draft), CHART).is_some();
    if !drafts.iter().any(is_chart) {
        tell_left(drafts, &[], world);
        return;
    }
    let files: Files = drafts
        .iter()
        .map(|draft| (path(draft).to_owned(), draft.file.clone()))
        .collect();
    let tree = Tree::new(&files);
    let mut absent = Vec::new();
    let roots = tree.roots();
    let charts: Vec<Chart> = roots
        .iter()
        .filter_map(|root| tree.chart(root, &mut absent))
        .collect();
    let mut taken = Vec::new();
    charts.iter().for_each(|chart| take(chart, &mut taken));
    taken.sort_unstable();
    for draft in drafts.iter_mut() {
        if taken.binary_search(&Arc::as_ptr(&draft.file)).is_ok() {
            draft.content = Content::Composed;
        }
    }
    tell_left(drafts, &charts, world);
    for chart in &charts {
        add_values_of_absent(chart, world);
    }
    for made in rendered(&charts) {
        for object in made.objects.iter().filter(|object| !is_definition(object)) {
            kubernetes::add(object, world);
        }
        for (file, span, message) in made.problems {
            world.missing(&file, span, message);
        }
    }
    for Absent {
        file,
        span,
        message,
    } in absent
    {
        world.missing(&file, span, message);
    }
}

/// Tells of what is of a chart to all appearances, and is rendered with none.
fn tell_left(drafts: &[Draft], charts: &[Chart], world: &mut World) {
    let mut folders = BTreeSet::new();
    charts
        .iter()
        .for_each(|chart| folders_of(chart, &mut folders));
    for draft in drafts {
        let (file, path) = (&draft.file, path(draft));
        let (folder, name) = (read::path::folder(path), read::path::name(path));
        if !read::path::is_yaml(path) {
            continue;
        }
        let has = |word: &str| file.text.contains(word);
        let is_template = matches!(draft.content, Content::Text)
            && aside::is_template(path)
            && has("{{")
            && has("apiVersion")
            && has("kind");
        // Not of a chart, those of the same name are whatever their program takes them for.
        let are_values = !matches!(draft.content, Content::Composed)
            && chart::is_set(name)
            && folders.contains(folder);
        let message = match (is_template, are_values) {
            (true, _) => "a template of a chart that is not in the tree, so it is not rendered",
            (_, true) => "the chart is not rendered with these values",
            _ => continue,
        };
        world.missing(file, Span::default(), message);
    }
}

/// What a chart says for those below it that are not in the tree: values of charts that are elsewhere.
fn add_values_of_absent(chart: &Chart, world: &mut World) {
    let is_absent = |it: &&Dependency| !chart.charts.iter().any(|chart| it.takes(chart));
    for file in chart.values.iter().chain(&chart.sets) {
        let Some(root) = chart::document(file) else {
            continue;
        };
        for dependency in chart.dependencies.iter().filter(is_absent) {
            let key = match dependency.alias.as_str() {
                "" => &dependency.name,
                alias => alias,
            };
            let is_off = |node: &Node| node.get("enabled").and_then(Node::as_bool) == Some(false);
            if let Some(node) = root.get(key).filter(|node| !is_off(node)) {
                world.add(Resource {
                    language: Language::HelmValues,
                    kind: read::values::KIND.into(),
                    address: format!("{} {key}", file.subject.path.as_str()).into(),
                    body: Attr::of_node(node, file),
                });
            }
        }
    }
    for below in &chart.charts {
        add_values_of_absent(below, world);
    }
}

fn folders_of<'a>(chart: &'a Chart, folders: &mut BTreeSet<&'a str>) {
    folders.insert(read::path::folder(chart.file.subject.path.as_str()));
    chart
        .charts
        .iter()
        .for_each(|chart| folders_of(chart, folders));
}

fn path(draft: &Draft) -> &str {
    draft.file.subject.path.as_str()
}

/// Definitions of other kinds are long, and nothing is wrong with one.
fn is_definition(object: &Attr) -> bool {
    let kind = object.get("kind").ok().and_then(Attr::as_str);
    kind == Some("CustomResourceDefinition")
}

/// The files that are a chart's: what is judged is what they make.
fn take(chart: &Chart, taken: &mut Vec<*const File>) {
    let own = [Some(&chart.file), chart.values.as_ref()];
    let own = own.into_iter().flatten().chain(&chart.sets);
    let templates = chart.templates.iter().map(|(_, file)| file);
    taken.extend(own.chain(templates).map(Arc::as_ptr));
    chart.charts.iter().for_each(|chart| take(chart, taken));
}

/// What charts make, in their order. Templates call each other, and a thread of our own has a stack
/// that does not end before our own bounds do.
fn rendered(charts: &[Chart]) -> Vec<Made> {
    let unread = |charts: &[Chart]| {
        let message = "there is no thread to render it";
        let made = |chart: &Chart| Made {
            objects: Vec::new(),
            problems: vec![(chart.file.clone(), Span::default(), message.to_owned())],
        };
        charts.iter().map(made).collect()
    };
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK);
        let work = || charts.iter().flat_map(renderings).collect();
        match builder.spawn_scoped(scope, work) {
            Ok(thread) => thread.join().unwrap_or_else(|_| unread(charts)),
            Err(_) => unread(charts),
        }
    })
}

/// What a chart makes with its own values, and what is otherwise with each file of values beside it.
fn renderings(chart: &Chart) -> Vec<Made> {
    let first = render::render(chart.clone(), None);
    if chart.sets.is_empty() {
        return vec![first];
    }
    // What two sets of values make is judged, and told of, once.
    let mut objects: HashSet<String> = first.objects.iter().map(written).collect();
    let mut problems: HashSet<_> = first.problems.iter().map(problem).collect();
    let mut all = vec![first];
    for given in &chart.sets {
        let mut made = render::render(chart.clone(), Some(given));
        made.objects
            .retain(|object| objects.insert(written(object)));
        made.problems.retain(|it| problems.insert(problem(it)));
        for (_, _, message) in &mut made.problems {
            *message = format!(
                "{message} (with {})",
                read::path::name(given.subject.path.as_str())
            );
        }
        all.push(made);
    }
    all
}

/// The values of an object, wherever they are from.
fn written(object: &Attr) -> String {
    fn write(attr: &Attr, text: &mut String) {
        match &attr.value {
            Value::List(items) => {
                text.push('[');
                items.iter().for_each(|item| write(item, text));
                text.push(']');
            }
            Value::Map(map) => {
                let _ = write!(text, "{{{:?}", map.open);
                for item in map.items() {
                    let _ = write!(text, "{:?}", item.key);
                    write(&item.value, text);
                }
                text.push('}');
            }
            scalar => {
                let _ = write!(text, "{scalar:?},");
            }
        }
    }
    let mut text = String::new();
    write(object, &mut text);
    text
}

fn problem((file, span, message): &(Arc<File>, Span, String)) -> (*const File, Span, String) {
    (Arc::as_ptr(file), *span, message.clone())
}

const STACK: usize = 128 << 20;
