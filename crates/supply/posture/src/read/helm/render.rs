//! From a chart to the objects that it makes.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use casemate_document::{
    Node, Span,
    yaml::{self, Dialect},
};

use super::{
    chart::{self, Chart},
    functions::of_node,
    place::{NAMESPACE, Rendered},
    template::{self, Data, Engine, Fail, Limits, Object, Text, Value},
    values::{self, Valued},
};
use crate::{Attr, File, Origin};

/// What a chart makes.
#[derive(Default)]
pub(crate) struct Made {
    /// Objects, in the order of the templates and in that of each.
    pub(crate) objects: Vec<Attr>,
    /// What was not understood, or cannot be decided before the chart is installed.
    pub(crate) problems: Vec<(Arc<File>, Span, String)>,
}

/// One template with the values for it.
struct Task {
    name: String,
    file: Arc<File>,
    dot: Value,
    base: String,
}

/// Renders `chart` with its own values, and those of the file `given` over them.
pub(super) fn render(chart: Chart, given: Option<&Arc<File>>) -> Made {
    let mut made = Made::default();
    let file = chart.file.clone();
    let mut engine = Engine::new(Limits::default());
    if let Err(fail) = render_with(&mut engine, chart, given, &mut made) {
        made.problem(&file, fail);
    }
    made
}

fn render_with(
    engine: &mut Engine,
    chart: Chart,
    given: Option<&Arc<File>>,
    made: &mut Made,
) -> Result<(), Fail> {
    let release = Arc::new(File {
        subject: chart.file.subject.clone(),
        text: "".into(),
    });
    let root_file = chart.file.clone();
    let mut valued = Valued::read(engine, chart)?;
    let given = match given {
        Some(file) => values::of_file(engine, file)?,
        None => engine.map()?,
    };
    valued.enable(engine, &given, "")?;
    valued.import(engine)?;
    let values = valued.coalesced(engine, &given)?;
    let shared = Shared {
        release: self::release(engine, &release)?,
        capabilities: capabilities(engine)?,
    };
    let mut tasks = Vec::new();
    let values = Value::new(Data::Map(values));
    shared.tasks(engine, &valued, &values, "", &mut tasks)?;
    // The order in which Helm reads them: a definition in a chart above replaces one below.
    let depth = |task: &Task| task.name.matches('/').count();
    tasks.sort_by(|a, b| depth(b).cmp(&depth(a)).then_with(|| b.name.cmp(&a.name)));
    let mut broken = Vec::new();
    for task in &tasks {
        let source = Rc::new(Text::of_file(&task.file));
        match template::parse(&task.name, &source) {
            Ok(templates) => templates.into_iter().for_each(|template| {
                engine.define(template);
            }),
            Err(mistake) => {
                let span = Span::new(mistake.at, mistake.at);
                let message = format!("no template that Helm takes: {}", mistake.message);
                made.problems.push((task.file.clone(), span, message));
                broken.push(task.name.clone());
            }
        }
    }
    for task in &tasks {
        let base = crate::read::path::name(&task.name);
        let is_part = base.starts_with('_') || base == "NOTES.txt";
        if is_part || broken.contains(&task.name) {
            continue;
        }
        match execute(engine, task) {
            Ok(text) => made.read(engine, task, &text, &release),
            Err(fail) => {
                let is_final = fail.is_final;
                made.problem(&task.file, fail);
                if is_final {
                    let message = "the chart is not rendered beyond this".to_owned();
                    made.problems.push((root_file, Span::default(), message));
                    return Ok(());
                }
            }
        }
        for (at, why) in engine.take_undecided() {
            let message = format!("what is asked here cannot be decided: {why}");
            made.problems.push((at.file, at.span, message));
        }
    }
    Ok(())
}

fn execute(engine: &mut Engine, task: &Task) -> Result<Text, Fail> {
    let Some(template) = engine.template(&task.name) else {
        return Ok(Text::default());
    };
    if let Data::Map(dot) = &task.dot.data {
        let about = [
            ("Name".into(), Value::text(task.name.as_str())),
            ("BasePath".into(), Value::text(task.base.as_str())),
        ];
        dot.set("Template", engine.map_of(about)?);
    }
    engine.begin();
    let text = engine.execute(&template, &task.dot)?;
    Ok(super::functions::without(&text, "<no value>"))
}

impl Made {
    fn problem(&mut self, file: &Arc<File>, fail: Fail) {
        let message = format!("not rendered: {}", fail.message);
        match fail.at {
            // What a helper says is told of the template that asked for it, where that is judged.
            Some(at) => self.problems.push((at.file, at.span, message)),
            None => self.problems.push((file.clone(), Span::default(), message)),
        }
    }

    /// Reads what a template made.
    fn read(&mut self, engine: &Engine, task: &Task, text: &Text, release: &Arc<File>) {
        let rendered = Rendered {
            text,
            file: &task.file,
            release,
            engine,
        };
        if text.as_str().trim().is_empty() {
            return;
        }
        let limits = casemate_document::Limits::default();
        let stream = yaml::read(text.as_str(), Dialect::KUBERNETES, &limits);
        let roots = stream.documents.iter().map(|document| &document.root);
        let roots = roots.filter(|root| root.as_map().is_some());
        self.objects.extend(roots.map(|root| rendered.attr(root)));
        if let Some(error) = stream.error {
            let at = rendered.origin(error.span);
            let message = format!("what is rendered is no manifest: {}", error.message);
            self.problems.push((at.file, at.span, message));
        }
    }
}

/// What all templates of a chart, and of those below it, have the same.
struct Shared {
    release: Value,
    capabilities: Value,
}

impl Shared {
    /// The templates of a chart and of those below it; gives what its own templates see.
    fn tasks(
        &self,
        engine: &mut Engine,
        valued: &Valued,
        values: &Value,
        above: &str,
        tasks: &mut Vec<Task>,
    ) -> Result<Value, Fail> {
        let chart = &valued.chart;
        let path = match above {
            "" => chart.name.clone(),
            above => format!("{above}/charts/{}", chart.name),
        };
        let subcharts = engine.map()?;
        let about = metadata(engine, chart, above.is_empty())?;
        let dot = engine.map_of([
            ("Chart".into(), about),
            ("Files".into(), files(chart)),
            ("Release".into(), self.release.clone()),
            ("Capabilities".into(), self.capabilities.clone()),
            ("Values".into(), values.clone()),
            ("Subcharts".into(), Value::new(Data::Map(subcharts.clone()))),
        ])?;
        for below in &valued.charts {
            let name = below.chart.name.as_str();
            let inner = match values.as_map().and_then(|map| map.get(name)) {
                Some(inner) if inner.as_map().is_some() => inner,
                _ => engine.map_of([])?,
            };
            let seen = self.tasks(engine, below, &inner, &path, tasks)?;
            subcharts.set(name, seen);
        }
        for (name, file) in &chart.templates {
            let is_part = crate::read::path::name(name).starts_with('_');
            if chart.is_library && !is_part {
                continue;
            }
            tasks.push(Task {
                name: format!("{path}/{name}"),
                file: file.clone(),
                dot: dot.clone(),
                base: format!("{path}/templates"),
            });
        }
        Ok(dot)
    }
}

fn files(chart: &Chart) -> Value {
    let file =
        |(path, file): &(String, Arc<File>)| (path.as_str().into(), Rc::new(Text::of_file(file)));
    let files: BTreeMap<_, _> = chart.files.iter().map(file).collect();
    Value::new(Data::Object(Rc::new(Object::Files(files))))
}

fn release(engine: &mut Engine, file: &Arc<File>) -> Result<Value, Fail> {
    let given = Rc::new(Origin::new(file, Span::default()));
    engine.map_of([
        ("Name".into(), Value::text("release-name")),
        (
            "Namespace".into(),
            Value::text(NAMESPACE)
                .from(Some(&given))
                .assumed("the namespace of the release"),
        ),
        ("Service".into(), Value::text("Helm")),
        (
            "IsUpgrade".into(),
            Value::new(Data::Bool(false)).assumed(AGE),
        ),
        (
            "IsInstall".into(),
            Value::new(Data::Bool(true)).assumed(AGE),
        ),
        ("Revision".into(), Value::new(Data::Int(1)).assumed(AGE)),
    ])
}

fn capabilities(engine: &mut Engine) -> Result<Value, Fail> {
    let object = |object| {
        Value::new(Data::Object(Rc::new(object))).assumed("what the cluster is capable of")
    };
    let helm = engine.map_of([("Version".into(), Value::text("v4.3"))])?;
    engine.map_of([
        ("APIVersions".into(), object(Object::ApiVersions)),
        ("KubeVersion".into(), object(Object::KubeVersion)),
        ("HelmVersion".into(), helm),
    ])
}

const AGE: &str = "whether the chart is installed already";

/// What `Chart.yaml` says, under the names that Go has for it.
fn metadata(engine: &mut Engine, chart: &Chart, is_root: bool) -> Result<Value, Fail> {
    let root: &Node = &chart.metadata;
    let map = engine.map()?;
    for (key, name) in NAMES {
        let text = chart::text(root, key, &chart.file).unwrap_or_default();
        let origin = root
            .get(key)
            .map(|it| Rc::new(Origin::new(&chart.file, it.span)));
        map.set(*name, Value::text(text).from(origin.as_ref()));
    }
    map.set("Name", Value::text(chart.name.as_str()));
    map.set("IsRoot", Value::new(Data::Bool(is_root)));
    let is_deprecated = root.get("deprecated").and_then(Node::as_bool) == Some(true);
    map.set("Deprecated", Value::new(Data::Bool(is_deprecated)));
    for (key, name) in [
        ("keywords", "Keywords"),
        ("sources", "Sources"),
        ("maintainers", "Maintainers"),
        ("annotations", "Annotations"),
    ] {
        let value = match root.get(key) {
            Some(node) => of_node(engine, node, &|span| {
                Some(Rc::new(Origin::new(&chart.file, span)))
            })?,
            None => Value::NIL,
        };
        map.set(name, value);
    }
    let mut dependencies = Vec::new();
    for dependency in &chart.dependencies {
        dependencies.push(engine.map_of([
            ("Name".into(), Value::text(dependency.name.as_str())),
            ("Version".into(), Value::text(dependency.version.as_str())),
            (
                "Repository".into(),
                Value::text(dependency.repository.as_str()),
            ),
            (
                "Condition".into(),
                Value::text(dependency.condition.as_str()),
            ),
            ("Alias".into(), Value::text(dependency.alias.as_str())),
            (
                "Enabled".into(),
                Value::new(Data::Bool(dependency.is_enabled)),
            ),
        ])?);
    }
    map.set("Dependencies", engine.list(dependencies)?);
    Ok(Value::new(Data::Map(map)))
}

const NAMES: &[(&str, &str)] = &[
    ("apiVersion", "APIVersion"),
    ("appVersion", "AppVersion"),
    ("condition", "Condition"),
    ("description", "Description"),
    ("home", "Home"),
    ("icon", "Icon"),
    ("kubeVersion", "KubeVersion"),
    ("tags", "Tags"),
    ("type", "Type"),
    ("version", "Version"),
];
