//! Where a value was written, and where that got it from.

use std::{cell::RefCell, collections::HashMap, fmt, sync::Arc};

use casemate_core::{Location, Region, Subject};
use casemate_document::{Lines, Span};

/// A file that was read, and its text.
#[derive(Debug)]
pub struct File {
    /// The file.
    pub subject: Subject,
    /// What it says.
    pub text: Arc<str>,
}

/// The place of a value, and the places that it came from.
#[derive(Clone)]
pub struct Origin {
    /// The file that the value stands in.
    pub file: Arc<File>,
    /// Where in its text.
    pub span: Span,
    /// Where the value came from, if it was not written there: the line of a values file behind the
    /// line of a template.
    pub from: Option<Arc<Step>>,
}

/// One step back on the way that a value came.
#[derive(Debug)]
pub struct Step {
    /// What stands there.
    pub role: Role,
    /// Where.
    pub origin: Origin,
}

/// What a value is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A line of a values file, or of a file of variables.
    Value,
    /// The default of a variable.
    Default,
    /// What a caller passes to a module, a chart or a template.
    Argument,
    /// A local name.
    Local,
    /// The template that was filled in.
    Template,
    /// A patch or an overlay.
    Patch,
    /// What another resource says.
    Reference,
}

impl Role {
    /// The word for it in evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Default => "default",
            Self::Argument => "argument",
            Self::Local => "local",
            Self::Template => "template",
            Self::Patch => "patch",
            Self::Reference => "reference",
        }
    }
}

/// Places of many values, to be told: the lines of a file are found once, however many of them are in it.
#[derive(Default)]
pub struct Places<'a>(RefCell<HashMap<*const File, Lines<'a>>>);

impl<'a> Places<'a> {
    /// As [`Origin::location`].
    pub fn location(&self, origin: &'a Origin) -> Location {
        let mut files = self.0.borrow_mut();
        let lines = files
            .entry(Arc::as_ptr(&origin.file))
            .or_insert_with(|| Lines::of(&origin.file.text));
        Location {
            region: Some(lines.region(origin.span)),
            ..origin.file.location()
        }
    }
}

impl File {
    /// The file as a whole.
    pub fn location(&self) -> Location {
        Location {
            file: self.subject.file.clone(),
            ..Location::default()
        }
    }
}

impl Origin {
    /// Written at `span` of `file`.
    pub fn new(file: &Arc<File>, span: Span) -> Self {
        Self {
            file: file.clone(),
            span,
            from: None,
        }
    }

    /// This place, and behind it `origin` as the place that the value came from. What this place has
    /// behind it already stays between them.
    #[must_use]
    pub fn behind(self, role: Role, origin: Self) -> Self {
        // Longer ways than that are made by those who want us to walk them.
        let Some(depth) = MAX_STEPS.checked_sub(1 + self.steps().count()) else {
            return self;
        };
        if origin.steps().count() > depth {
            return self;
        }
        let from = match self.from {
            None => Step { role, origin },
            Some(step) => Step {
                role: step.role,
                origin: step.origin.clone().behind(role, origin),
            },
        };
        Self {
            from: Some(Arc::new(from)),
            ..self
        }
    }

    /// Whether `other` is the same place.
    pub fn is_at(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.span == other.span
    }

    /// What stands at the place.
    pub fn text(&self) -> &str {
        self.span.of(&self.file.text)
    }

    /// The place, to be told.
    pub fn location(&self) -> Location {
        Location {
            region: Some(self.region()),
            ..self.file.location()
        }
    }

    /// The lines and columns of the place.
    pub fn region(&self) -> Region {
        Lines::of(&self.file.text).region(self.span)
    }

    /// The steps back on the way that the value came, nearest first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.from.as_deref(), |step| step.origin.from.as_deref())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location())?;
        match &self.from {
            Some(step) => write!(f, " <- {} {:?}", step.role.as_str(), step.origin),
            None => Ok(()),
        }
    }
}

const MAX_STEPS: usize = 32;
