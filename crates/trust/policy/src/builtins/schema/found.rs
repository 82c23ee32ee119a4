//! What is found wrong with a document, and where.

use super::Problem;

/// What came of one schema.
#[derive(Default)]
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    /// How near the document came: of several schemas of which none holds, the nearest one is told.
    pub(super) score: i64,
}

impl Found {
    pub(super) fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn tell(&mut self, path: Path<'_>, kind: &'static str, text: impl Into<String>) {
        let (field, text) = (path.field(), text.into());
        self.problems.push(Problem { kind, field, text });
        self.score -= 2;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.score += other.score;
    }
}

/// Where in the document.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    name: &'p str,
    above: Option<&'p Self>,
    pub(super) depth: usize,
}

impl<'p> Path<'p> {
    pub(super) const ROOT: Path<'static> = Path {
        name: "(Root)",
        above: None,
        depth: 0,
    };

    pub(super) fn below(&'p self, name: &'p str) -> Self {
        Self {
            name,
            above: Some(self),
            depth: self.depth,
        }
    }

    pub(super) fn deeper(self) -> Self {
        let depth = self.depth + 1;
        Self { depth, ..self }
    }

    pub(super) fn field(&self) -> String {
        let mut names = vec![self.name];
        let mut at = self.above;
        while let Some(path) = at {
            names.push(path.name);
            at = path.above;
        }
        if names.len() > 1 {
            names.pop();
        }
        names.reverse();
        names.join(".")
    }
}
