//! Resources, and all of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::Arc,
};

use casemate_document::Span;

use super::{Attr, Fact, File, Origin, Truth, Value};

/// One thing that the files declare.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The language that declares it.
    pub language: Language,
    /// What it is there: `Deployment`, `aws_s3_bucket`, `github-workflow`.
    pub kind: Arc<str>,
    /// Its name among all resources of its language; stays when lines move: `Deployment/ml/api`,
    /// `module.data.aws_s3_bucket.raw["eu"]`.
    pub address: Arc<str>,
    /// Everything that is declared of it.
    pub body: Attr,
}

/// What a resource is declared in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Manifests, also those that Helm and Kustomize make; Tekton and Argo Workflows are objects of it.
    Kubernetes,
    /// HCL, plan JSON and state.
    Terraform,
    /// AWS CloudFormation.
    CloudFormation,
    /// Docker Compose.
    Compose,
    /// Dockerfiles and Containerfiles.
    Dockerfile,
    /// Workflows and actions of GitHub.
    GithubActions,
    /// GitLab CI.
    GitlabCi,
    /// Azure Pipelines.
    AzurePipelines,
    /// Pipelines that Kubeflow's compiler wrote.
    KubeflowPipelines,
    /// Values of a chart of Helm's that is not in the tree.
    HelmValues,
}

impl Language {
    /// The name that policies see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Terraform => "terraform",
            Self::CloudFormation => "cloudformation",
            Self::Compose => "compose",
            Self::Dockerfile => "dockerfile",
            Self::GithubActions => "github-actions",
            Self::GitlabCi => "gitlab-ci",
            Self::AzurePipelines => "azure-pipelines",
            Self::KubeflowPipelines => "kubeflow-pipelines",
            Self::HelmValues => "helm-values",
        }
    }
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct World {
    resources: Vec<Resource>,
    by_kind: HashMap<Arc<str>, Vec<usize>>,
    links: Vec<(usize, Arc<str>, usize)>,
    files: HashMap<String, Arc<File>>,
    planned: BTreeMap<Arc<str>, Resource>,
    problems: Vec<Problem>,
}

/// One resource refers to another, also where what it takes from it is not known.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The resource that refers.
    pub from: &'a Resource,
    /// Its attribute that does, the topmost; empty where it is the whole.
    pub path: &'a str,
    /// The resource that is referred to.
    pub to: &'a Resource,
}

/// Something that was not understood, so that nothing is said of it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// What, in one line.
    pub message: String,
    /// Whether resources may be missing for it.
    pub is_partial: bool,
}

impl World {
    /// Adds a resource.
    pub fn add(&mut self, resource: Resource) {
        let place = self.resources.len();
        self.by_kind
            .entry(resource.kind.clone())
            .or_default()
            .push(place);
        self.resources.push(resource);
    }

    /// Says that the resource at the place `from` among all refers to the one at `to`.
    pub(crate) fn link(&mut self, from: usize, path: Arc<str>, to: usize) {
        self.links.push((from, path, to));
    }

    /// Keeps a resource of a plan until its configuration comes.
    pub(crate) fn plan(&mut self, resource: Resource) {
        self.planned.insert(resource.address.clone(), resource);
    }

    /// What a plan says of the resource at the address, if one does. It is asked for once.
    pub(crate) fn planned(&mut self, address: &str) -> Option<Attr> {
        Some(self.planned.remove(address)?.body)
    }

    /// What plans say of the instances of the resource at the address. They are asked for once.
    pub(crate) fn planned_instances(&mut self, address: &str) -> Vec<(Arc<str>, Attr)> {
        let begin = format!("{address}[");
        let from = (Bound::Included(&*begin), Bound::Unbounded);
        let rest = self.planned.range::<str, _>(from);
        let addresses = rest.map(|(address, _)| address.clone());
        let addresses: Vec<_> = addresses.take_while(|it| it.starts_with(&begin)).collect();
        let taken = addresses.into_iter().filter_map(|address| {
            let body = self.planned(&address)?;
            Some((address, body))
        });
        taken.collect()
    }

    /// The resources of plans that have no configuration, by address.
    pub(crate) fn take_planned(&mut self) -> Vec<Resource> {
        std::mem::take(&mut self.planned).into_values().collect()
    }

    /// Keeps a file, so that others may be read into it.
    pub(crate) fn keep(&mut self, file: &Arc<File>) {
        let path = file.subject.path.as_str().to_owned();
        self.files.insert(path, file.clone());
    }

    /// Every file that was read, by its path.
    pub(crate) fn files(&self) -> &HashMap<String, Arc<File>> {
        &self.files
    }

    /// Which resources refer to which.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        self.links.iter().filter_map(|(from, path, to)| {
            Some(Link {
                from: self.resources.get(*from)?,
                path,
                to: self.resources.get(*to)?,
            })
        })
    }

    /// Says that resources may be missing, since something in `file` was not understood.
    pub fn missing(&mut self, file: &Arc<File>, span: Span, message: impl Into<String>) {
        self.problems.push(Problem {
            origin: Origin::new(file, span),
            message: message.into(),
            is_partial: true,
        });
    }

    /// Says that `file` takes a part from elsewhere that is not among the files. Nothing is known of
    /// that part, and what is in the files was judged.
    pub fn elsewhere(&mut self, file: &Arc<File>, span: Span, message: impl Into<String>) {
        self.problems.push(Problem {
            origin: Origin::new(file, span),
            message: message.into(),
            is_partial: false,
        });
    }

    /// Every resource, in the order in which they were read.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The resources of one kind.
    pub fn of_kind<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Resource> + use<'a> {
        let places = self.by_kind.get(kind).map_or(&[][..], Vec::as_slice);
        places.iter().map(|&place| &self.resources[place])
    }

    /// What was not understood.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Resource {
    /// The whole of it, to walk down from.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor {
            resource: self,
            path: String::new(),
            fact: self.body.known(),
            nearest: &self.body,
            missing: Vec::new(),
            key: None,
        }
    }

    /// The attribute at `path`, its keys between dots.
    pub fn at(&self, path: &str) -> Cursor<'_> {
        self.cursor().at(path)
    }

    /// The namespace of an object of Kubernetes, where it names one.
    pub fn namespace(&self) -> Option<&str> {
        self.body.at("metadata.namespace").ok()?.as_str()
    }
}

/// A place in a resource that may hold something: what a check asks and points at.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// The way there: `spec.containers[api].image`.
    pub path: String,
    /// What is there.
    pub fact: Fact<&'a Attr>,
    /// It, or what is nearest above it.
    nearest: &'a Attr,
    /// The keys from there to here.
    missing: Vec<String>,
    /// Its key, where it stands under one.
    key: Option<&'a Origin>,
}

impl<'a> Cursor<'a> {
    /// The attribute at `path` below this one, its keys between dots.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        let mut keys = path.split('.');
        let first = self.get(keys.next().unwrap_or_default());
        keys.fold(first, |at, key| at.get(key))
    }

    /// The attribute under one key, which may hold dots.
    #[must_use]
    pub fn get(&self, key: &str) -> Self {
        // Checks ask this more often than anything else.
        let mut path = String::with_capacity(self.path.len() + 1 + key.len());
        path.push_str(&self.path);
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        let (fact, place) = match &self.fact {
            Fact::Known(attr) => {
                let item = match &attr.value {
                    Value::Map(map) => map.item(key),
                    _ => None,
                };
                (attr.get(key), item.map(|item| &item.place))
            }
            other => (other.clone(), None),
        };
        self.step(path, key, fact, place)
    }

    /// A part of the text at this place, called `name` behind a `#`.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self {
            path: format!("{}#{name}", self.path),
            ..self.clone()
        }
    }

    /// Everything at `way`, its keys between dots: `[]` behind one stands for each item of a list, `*`
    /// for what is under each key of a map, and no key for the place itself. What is not there is left
    /// out.
    #[must_use]
    pub fn walk(&self, way: &str) -> Vec<Self> {
        let keys = way.split('.').filter(|key| !key.is_empty());
        keys.fold(vec![self.clone()], |places, key| {
            let step = |place: Self| match key.strip_suffix("[]") {
                Some(list) => place.get(list).items(),
                None if key == "*" => place.entries().into_iter().map(|(_, it)| it).collect(),
                None => vec![place.get(key)],
            };
            let places = places.into_iter().flat_map(step);
            places.filter(|place| !place.is_absent().is_yes()).collect()
        })
    }

    fn step(
        &self,
        path: String,
        key: &str,
        fact: Fact<&'a Attr>,
        place: Option<&'a Origin>,
    ) -> Self {
        let there = fact.clone().ok();
        let missing = match there {
            Some(_) => Vec::new(),
            None => [&self.missing[..], &[key.to_owned()]].concat(),
        };
        Self {
            resource: self.resource,
            path,
            fact: fact.and_then(Attr::known),
            nearest: there.unwrap_or(self.nearest),
            missing,
            key: place,
        }
    }

    /// The items of a list, each called by its `name` where it has one, and else by its place. One
    /// that is not known stands for a list that is not known.
    pub fn items(&self) -> Vec<Self> {
        let items = match &self.fact {
            Fact::Known(attr) => attr.items(),
            Fact::Absent => &[],
            Fact::Unknown(_) => return vec![self.clone()],
        };
        let mut names = HashSet::new();
        let mut cursors = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let name = item.get("name").ok().and_then(Attr::as_str);
            // Two ways that are the same would be one place to whoever reads them.
            let name = name.filter(|name| names.insert(*name));
            let name = name.map_or_else(|| at.to_string(), str::to_owned);
            let path = format!("{}[{name}]", self.path);
            cursors.push(self.step(path, &name, Fact::Known(item), None));
        }
        cursors
    }

    /// The keys of a map with what is under each.
    pub fn entries(&self) -> Vec<(&'a str, Self)> {
        let entries = self.fact.clone().ok().map_or(&[][..], Attr::entries);
        let entry = |item: &'a super::Item| (&*item.key, self.get(&item.key));
        entries.iter().map(entry).collect()
    }

    /// Whether it says yes.
    pub fn is_true(&self) -> Truth {
        self.fact.clone().holds(Attr::is_true)
    }

    /// Whether it says no, and is there.
    pub fn is_false(&self) -> Truth {
        self.fact.clone().holds(|attr| !attr.is_true())
    }

    /// Whether there is nothing.
    pub fn is_absent(&self) -> Truth {
        self.fact.is_absent()
    }

    /// Its text; a number's and a boolean's too.
    pub fn text(&self) -> Fact<String> {
        self.fact.clone().and_then(Attr::text)
    }

    /// Whether its text is `expected`.
    pub fn equals(&self, expected: &str) -> Truth {
        self.text().is(|text| text == expected)
    }

    /// Its whole number.
    pub fn integer(&self) -> Fact<i64> {
        self.fact.clone().and_then(Attr::integer)
    }

    /// Whether a list has `word` among its items.
    pub fn has(&self, word: &str) -> Truth {
        Truth::any(self.items().iter().map(|item| item.equals(word)))
    }

    /// Where it stands, or what is nearest above it.
    pub fn origin(&self) -> &'a Origin {
        &self.nearest.origin
    }

    /// What stands where the cursor is, or is nearest above it.
    pub fn nearest(&self) -> &'a Attr {
        self.nearest
    }

    /// The keys that lead from [`Self::nearest`] to what is not there.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Where its key stands; where there is none, as [`Cursor::origin`].
    pub fn key_origin(&self) -> &'a Origin {
        self.key.unwrap_or_else(|| self.origin())
    }

    /// What to call it in a message: its text, unless it must not be shown.
    pub fn shown(&self) -> String {
        match (&self.fact, self.text()) {
            (Fact::Known(attr), _) if attr.is_sensitive => "(sensitive)".to_owned(),
            (_, Fact::Known(text)) => text,
            (_, Fact::Absent) => "nothing".to_owned(),
            (_, Fact::Unknown(why)) => format!("unknown ({why})"),
        }
    }
}
