//! Which objects a constraint is for: `spec.match`.

use serde_json::Value;

use super::{
    field::{Field, Wrong},
    object::Meta,
    reading::{fields, items, strings, text, unknown},
    selector::{Labels, Selector},
};

/// What a constraint asks of an object before its template is evaluated. What is not given asks
/// nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Match {
    kinds: Vec<Kinds>,
    scope: Scope,
    namespaces: Vec<Glob>,
    excluded_namespaces: Vec<Glob>,
    label_selector: Option<Selector>,
    namespace_selector: Option<Selector>,
    name: Option<Glob>,
    source: Option<Source>,
}

/// Groups and kinds, each of which is any where none is given.
#[derive(Clone, Debug)]
struct Kinds {
    groups: Vec<String>,
    kinds: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    Any,
    Cluster,
    Namespaced,
}

/// Where an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody wrote it, or asked for it.
    Original,
    /// It is what a controller would make of another object.
    Generated,
}

/// The namespace that an object is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) labels: Labels,
}

impl Match {
    /// Reads `value`, which stands at `field`.
    pub(super) fn read(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Self {
        let mut read = Self::default();
        let Some(object) = fields(value, field, wrong) else {
            return read;
        };
        unknown(object, field, FIELDS, wrong);
        for (name, value) in object {
            let at = field.with(name.as_str());
            match name.as_str() {
                "kinds" => read.kinds = Kinds::read(value, &at, wrong),
                "scope" => read.scope = Scope::read(value, &at, wrong),
                "namespaces" => read.namespaces = Glob::all(value, &at, wrong),
                "excludedNamespaces" => read.excluded_namespaces = Glob::all(value, &at, wrong),
                "labelSelector" => {
                    read.label_selector = Some(Selector::read(value, &at, wrong));
                }
                "namespaceSelector" => {
                    read.namespace_selector = Some(Selector::read(value, &at, wrong));
                }
                "name" => read.name = Glob::read(value, &at, wrong),
                "source" => read.source = source(value, &at, wrong),
                _ => {}
            }
        }
        read
    }

    /// Whether the constraint is for the object.
    ///
    /// # Errors
    ///
    /// What is not known of the object, and would have to be.
    pub(super) fn matches(
        &self,
        meta: &Meta,
        namespace: Option<&Namespace>,
        source: Source,
    ) -> Result<bool, String> {
        Ok(self.has_kind(meta)
            && self.has_scope(meta, namespace)
            && self.has_namespace(meta, namespace)
            && self
                .label_selector
                .as_ref()
                .is_none_or(|selector| selector.matches(&meta.labels))
            && self.has_labelled_namespace(meta, namespace)?
            && self.has_name(meta)
            && self.source.is_none_or(|asked| asked == source))
    }

    fn has_kind(&self, meta: &Meta) -> bool {
        let is_in = |list: &[String], text: &str| {
            list.is_empty() || list.iter().any(|item| item == "*" || item == text)
        };
        self.kinds.is_empty()
            || self
                .kinds
                .iter()
                .any(|asked| is_in(&asked.kinds, &meta.kind) && is_in(&asked.groups, &meta.group))
    }

    fn has_scope(&self, meta: &Meta, namespace: Option<&Namespace>) -> bool {
        let is_namespaced =
            !meta.is_namespace() && (meta.namespace.is_some() || namespace.is_some());
        match self.scope {
            Scope::Any => true,
            Scope::Cluster => !is_namespaced,
            Scope::Namespaced => is_namespaced,
        }
    }

    fn has_namespace(&self, meta: &Meta, namespace: Option<&Namespace>) -> bool {
        let name = if meta.is_namespace() {
            Some(meta.name.as_str())
        } else {
            let given = namespace.map(|namespace| namespace.name.as_str());
            given.or(meta.namespace.as_deref())
        };
        // An object of the cluster is in no namespace that it could be left out by.
        let Some(name) = name else {
            return true;
        };
        let is_in = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name));
        (self.namespaces.is_empty() || is_in(&self.namespaces)) && !is_in(&self.excluded_namespaces)
    }

    fn has_labelled_namespace(
        &self,
        meta: &Meta,
        namespace: Option<&Namespace>,
    ) -> Result<bool, String> {
        let Some(selector) = &self.namespace_selector else {
            return Ok(true);
        };
        if meta.is_namespace() {
            return Ok(selector.matches(&meta.labels));
        }
        match (namespace, &meta.namespace) {
            (Some(namespace), _) => Ok(selector.matches(&namespace.labels)),
            (None, None) => Ok(true),
            (None, Some(name)) => Err(format!(
                "the constraint selects by the labels of namespace `{name}`, which is not given"
            )),
        }
    }

    fn has_name(&self, meta: &Meta) -> bool {
        self.name.as_ref().is_none_or(|glob| {
            glob.matches(&meta.name)
                || meta
                    .generate_name
                    .as_deref()
                    .is_some_and(|prefix| glob.matches_prefix(prefix))
        })
    }
}

impl Kinds {
    fn read(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Vec<Self> {
        let mut all = Vec::new();
        let items = items(value, field, wrong).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let at = field.with(at);
            let Some(object) = fields(item, &at, wrong) else {
                continue;
            };
            unknown(object, &at, &["apiGroups", "kinds"], wrong);
            let mut list = |name: &str| {
                let list = object.get(name);
                list.and_then(|list| strings(list, &at.with(name), wrong))
                    .unwrap_or_default()
            };
            let groups = list("apiGroups");
            all.push(Self {
                groups,
                kinds: list("kinds"),
            });
        }
        all
    }
}

impl Scope {
    fn read(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Self {
        match text(value, field, wrong).as_deref() {
            Some("Cluster") => Self::Cluster,
            Some("Namespaced") => Self::Namespaced,
            Some("*" | "") | None => Self::Any,
            // Gatekeeper takes a misspelt scope for any, and matches more than was asked for.
            Some(_) => {
                let message = "is none of *, Cluster and Namespaced";
                wrong.push(Wrong::other(field.clone(), message));
                Self::Any
            }
        }
    }
}

/// Nothing, where all sources are meant.
fn source(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Option<Source> {
    match text(value, field, wrong)?.as_str() {
        "Original" => Some(Source::Original),
        "Generated" => Some(Source::Generated),
        "All" => None,
        _ => {
            let message = "is none of All, Original and Generated";
            wrong.push(Wrong::schema(field.clone(), message));
            None
        }
    }
}

/// A name, or a part of one with `*` before it, behind it or both.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    text: String,
    is_open_before: bool,
    is_open_behind: bool,
}

impl Glob {
    fn all(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Vec<Self> {
        let mut globs = Vec::new();
        let items = items(value, field, wrong).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let at = field.with(at);
            if let Some(text) = text(item, &at, wrong) {
                globs.push(Self::of(&text, &at, wrong));
            }
        }
        globs
    }

    /// Nothing where the text is empty: any name.
    fn read(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Option<Self> {
        let text = text(value, field, wrong)?;
        (!text.is_empty()).then(|| Self::of(&text, field, wrong))
    }

    fn of(text: &str, field: &Field, wrong: &mut Vec<Wrong>) -> Self {
        let inner = text.strip_prefix('*').unwrap_or(text);
        let is_open_before = inner.len() < text.len();
        let part = inner.strip_suffix('*').unwrap_or(inner);
        // A lone star is before and behind.
        let is_open_behind = part.len() < inner.len() || text == "*";
        let is_known = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b':')
        };
        if !part.bytes().all(is_known) {
            let message = "is no name with `*` before it, behind it or both";
            wrong.push(Wrong::schema(field.clone(), message));
        }
        Self {
            text: part.to_owned(),
            is_open_before,
            is_open_behind,
        }
    }

    fn matches(&self, name: &str) -> bool {
        match (self.is_open_before, self.is_open_behind) {
            (true, true) => name.contains(&self.text),
            (true, false) => name.ends_with(&self.text),
            (false, true) => name.starts_with(&self.text),
            (false, false) => name == self.text,
        }
    }

    /// Whether every name that begins so is one: the rest of a generated name is not known.
    fn matches_prefix(&self, prefix: &str) -> bool {
        self.is_open_behind && self.matches(prefix)
    }
}

const FIELDS: &[&str] = &[
    "kinds",
    "scope",
    "namespaces",
    "excludedNamespaces",
    "labelSelector",
    "namespaceSelector",
    "name",
    "source",
];
