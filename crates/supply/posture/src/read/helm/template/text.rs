//! Text that knows where each of its bytes was written.

use std::{ops::Range, rc::Rc, sync::Arc};

use casemate_document::Span;

use crate::{File, Origin};

/// Text, and where its parts came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    text: String,
    /// In order, and none over another. What is between them came from nowhere.
    marks: Vec<Mark>,
}

#[derive(Clone, Debug)]
struct Mark {
    start: usize,
    end: usize,
    place: Place,
}

/// Where a part of a text came from.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// It stands in the file, byte by byte from this offset on.
    Written(Arc<File>, usize),
    /// It is a value, or a part of one, that nothing has printed yet.
    Value(Rc<Origin>),
    /// An action printed it, and what it printed came from there.
    Filled(Rc<Origin>, Option<Rc<Origin>>),
}

impl Text {
    /// Text from nowhere.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            marks: Vec::new(),
        }
    }

    /// All of a file.
    pub(crate) fn of_file(file: &Arc<File>) -> Self {
        let mut text = Self::default();
        text.push(&file.text, Some(&Place::Written(file.clone(), 0)));
        text
    }

    /// Text that all came from `origin`.
    pub(crate) fn of(text: &str, origin: Option<&Rc<Origin>>) -> Self {
        let mut all = Self::default();
        all.push(text, origin.map(|it| Place::Value(it.clone())).as_ref());
        all
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn push(&mut self, text: &str, place: Option<&Place>) {
        let start = self.text.len();
        self.text.push_str(text);
        if let Some(place) = place {
            self.mark(start, self.text.len(), place);
        }
    }

    fn mark(&mut self, start: usize, end: usize, place: &Place) {
        if start >= end {
            return;
        }
        if let Some(last) = self.marks.last_mut()
            && last.end == start
            && follows(last, place)
        {
            last.end = end;
            return;
        }
        self.marks.push(Mark {
            start,
            end,
            place: place.clone(),
        });
    }

    /// Adds the bytes in `range` of `other` with their places.
    pub(crate) fn append(&mut self, other: &Self, range: Range<usize>) {
        let base = self.text.len();
        self.text.push_str(&other.text[range.clone()]);
        for (start, end, place) in other.places(range.clone()) {
            let start = base + start - range.start;
            let end = base + end - range.start;
            self.mark(start, end, &place);
        }
    }

    /// The bytes in `range` with their places.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let mut text = Self::default();
        text.append(self, range);
        text
    }

    /// Adds `other` as what the action at `at` printed.
    pub(crate) fn print(&mut self, other: &Self, at: Option<&Rc<Origin>>) {
        let Some(at) = at else {
            return self.append(other, 0..other.len());
        };
        let base = self.text.len();
        self.text.push_str(&other.text);
        let filled = Place::Filled(at.clone(), None);
        let mut done = 0;
        for mark in &other.marks {
            self.mark(base + done, base + mark.start, &filled);
            let place = match &mark.place {
                Place::Value(origin) => &Place::Filled(at.clone(), Some(origin.clone())),
                place => place,
            };
            self.mark(base + mark.start, base + mark.end, place);
            done = mark.end;
        }
        self.mark(base + done, base + other.len(), &filled);
    }

    /// The marks in `range`, each with its bytes of this text.
    pub(crate) fn places(
        &self,
        range: Range<usize>,
    ) -> impl Iterator<Item = (usize, usize, Place)> + '_ {
        let first = self.marks.partition_point(|mark| mark.end <= range.start);
        let marks = self.marks[first..].iter();
        let (start, end) = (range.start, range.end);
        marks
            .take_while(move |mark| mark.start < end)
            .map(move |mark| {
                let (from, to) = (mark.start.max(start), mark.end.min(end));
                (from, to, mark.place.skipped(from - mark.start))
            })
    }

    /// Where the first part that came from a value did.
    pub(crate) fn value(&self) -> Option<Rc<Origin>> {
        self.marks.iter().find_map(|mark| match &mark.place {
            Place::Value(origin) | Place::Filled(_, Some(origin)) => Some(origin.clone()),
            _ => None,
        })
    }

    /// The place of a part of a template: the bytes themselves, or the value that they are of.
    pub(crate) fn origin(&self, range: Range<usize>) -> Option<Origin> {
        let (start, end, place) = self.places(range.clone()).next()?;
        Some(match place {
            Place::Written(file, offset) => {
                let start = offset + (range.start.max(start) - start);
                let end = start + (range.end.min(end).saturating_sub(range.start));
                Origin::new(&file, Span::new(start, end))
            }
            Place::Value(origin) => (*origin).clone(),
            Place::Filled(at, _) => (*at).clone(),
        })
    }
}

fn follows(last: &Mark, place: &Place) -> bool {
    match (&last.place, place) {
        (Place::Written(file, offset), Place::Written(next, at)) => {
            Arc::ptr_eq(file, next) && offset + (last.end - last.start) == *at
        }
        (Place::Value(one), Place::Value(other)) => Rc::ptr_eq(one, other),
        (Place::Filled(one, None), Place::Filled(other, None)) => Rc::ptr_eq(one, other),
        (Place::Filled(one, Some(from)), Place::Filled(other, Some(next))) => {
            Rc::ptr_eq(one, other) && Rc::ptr_eq(from, next)
        }
        _ => false,
    }
}

impl Place {
    fn skipped(&self, bytes: usize) -> Self {
        match self {
            Self::Written(file, offset) => Self::Written(file.clone(), offset + bytes),
            other => other.clone(),
        }
    }
}
