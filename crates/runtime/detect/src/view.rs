//! An event, as rules ask about it.

use std::{cell::OnceCell, collections::HashMap, sync::Arc};

use casemate_core::{Event, Field};

use crate::text::Scalar;

/// A name of a field that some rule asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldId(usize);

/// The names of fields that rules ask about.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldNames(HashMap<Arc<str>, FieldId>);

impl FieldNames {
    pub(crate) fn id(&mut self, name: &str) -> FieldId {
        if let Some(id) = self.0.get(name) {
            return *id;
        }
        let id = FieldId(self.0.len());
        self.0.insert(name.into(), id);
        id
    }
}

/// An event under the names of rules. What they ask of a value is made once, when the first one asks.
pub(crate) struct View<'e> {
    fields: Vec<(Origin<'e>, OnceCell<Vec<Scalar<'e>>>)>,
    /// How many of them are the event's own.
    own: usize,
    /// Where each name stands among the fields, counted from one.
    places: Vec<u32>,
}

enum Origin<'e> {
    Field(&'e Field),
    Source(&'e str),
}

impl<'e> View<'e> {
    pub(crate) fn new(event: &'e Event, names: &FieldNames) -> Self {
        let mut places = vec![0; names.0.len()];
        let mut fields = Vec::with_capacity(event.fields.len());
        for (name, field) in &event.fields {
            fields.push((Origin::Field(field), OnceCell::new()));
            let place = u32::try_from(fields.len()).unwrap_or(0);
            if let Some(id) = names.0.get(name.as_str()) {
                places[id.0] = place;
            }
            // Rules write the names of log sources without their spaces (Sigma 2.1.0, "Field Usage").
            let short = name.contains(' ').then(|| name.replace(' ', ""));
            if let Some(id) = short.and_then(|short| names.0.get(short.as_str())) {
                places[id.0] = place;
            }
        }
        let own = fields.len();
        // Who observed an event is the machine that it happened on, unless it says otherwise.
        if let Some(id) = names.0.get(COMPUTER).filter(|id| places[id.0] == 0) {
            fields.push((Origin::Source(&event.source), OnceCell::new()));
            places[id.0] = u32::try_from(fields.len()).unwrap_or(0);
        }
        Self {
            fields,
            own,
            places,
        }
    }

    /// The values of a field; none where the event does not have it.
    pub(crate) fn values(&self, id: FieldId) -> &[Scalar<'e>] {
        match self.place(id) {
            Some(place) => self.scalars(place),
            None => &[],
        }
    }

    pub(crate) fn has(&self, id: FieldId) -> bool {
        self.place(id).is_some()
    }

    /// The values of every field.
    pub(crate) fn every(&self) -> impl Iterator<Item = &Scalar<'e>> {
        (0..self.own).flat_map(|place| self.scalars(place))
    }

    fn place(&self, id: FieldId) -> Option<usize> {
        (self.places.get(id.0).copied().unwrap_or(0) as usize).checked_sub(1)
    }

    fn scalars(&self, place: usize) -> &[Scalar<'e>] {
        let (origin, scalars) = &self.fields[place];
        scalars.get_or_init(|| match origin {
            Origin::Field(field) => Scalar::all(field),
            Origin::Source(source) => vec![Scalar::of_text(source)],
        })
    }
}

/// The machine that an event happened on, in Sigma's taxonomy.
pub(crate) const COMPUTER: &str = "Computer";
