//! Somebody who looks over the scanner's shoulder: told of each stream it interprets and of each
//! thing it notes, where it happens. So whoever explains a file speaks of what was judged, and of
//! nothing else.

use casemate_core::{Region, Rule, Source};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Verdict;

/// Who listens.
pub(crate) trait Witness {
    /// Something is noted. Unlike in a list of findings, it is said each time.
    fn observed(&mut self, place: &Place<'_>, seen: Seen<'_>);
    /// A stream was interpreted, and all is noted that its own effects come to.
    fn interpreted(&mut self, place: &Place<'_>, stream: &Interpreted<'_>);
    /// A member of a container begins, whose size the container says.
    fn entered(&mut self, _place: &Place<'_>, _size: Option<u64>) {}
    /// Something turned out to be a file of a format, or of what a format is made of.
    fn recognised(&mut self, _place: &Place<'_>, _source: &dyn Source, _format: &'static str) {}
}

/// Where the scanner is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    /// Tells a place from every other one. Whatever lies inside of a place has a larger number.
    pub(crate) number: u32,
    /// The members of containers, outermost first.
    pub(crate) members: &'p [String],
    /// Where the byte strings begin that are pickles around this one, outermost first.
    pub(crate) within: &'p [u64],
}

impl Place<'_> {
    /// The members that have names: what a gzip stream holds has none.
    pub(crate) fn named(&self) -> Vec<String> {
        let members = self.members.iter().filter(|name| !name.is_empty());
        members.cloned().collect()
    }
}

/// One thing that is noted.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'s> {
    pub(crate) rule: &'static Rule,
    pub(crate) verdict: Verdict,
    pub(crate) region: Option<Region>,
    pub(crate) anchor: &'s str,
    pub(crate) message: &'s str,
}

/// A stream that was interpreted.
#[derive(Clone, Copy)]
pub(crate) struct Interpreted<'s> {
    pub(crate) source: &'s dyn Source,
    pub(crate) start: u64,
    pub(crate) origin: Origin,
    /// Whether torch loads it, to which persistent ids are storages.
    pub(crate) is_torch: bool,
}

/// How the scanner came upon a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It is what a loader begins with.
    First,
    /// It follows another one.
    Next,
    /// It stands behind bytes that are no pickle.
    Hidden,
    /// It is what another reader makes of the same bytes.
    Resumed,
}

/// A witness and where it has got to.
pub(crate) struct Attendance<'w> {
    witness: &'w mut dyn Witness,
    /// The numbers of the places entered and not left.
    trail: Vec<u32>,
    entered: u32,
    within: Vec<u64>,
}

impl<'w> Attendance<'w> {
    pub(crate) fn new(witness: &'w mut dyn Witness) -> Self {
        Self {
            witness,
            trail: Vec::new(),
            entered: 0,
            within: Vec::new(),
        }
    }

    /// Enters a member, which is the last of `members`.
    pub(crate) fn enter(&mut self, members: &[String], size: Option<u64>) {
        self.go();
        let place = place(&self.trail, members, &self.within);
        self.witness.entered(&place, size);
    }

    pub(crate) fn recognised(
        &mut self,
        members: &[String],
        source: &dyn Source,
        format: &'static str,
    ) {
        let place = place(&self.trail, members, &self.within);
        self.witness.recognised(&place, source, format);
    }

    fn go(&mut self) {
        self.entered = self.entered.saturating_add(1);
        self.trail.push(self.entered);
    }

    pub(crate) fn leave(&mut self) {
        self.trail.pop();
    }

    /// Enters the byte string at `at`.
    pub(crate) fn go_inside(&mut self, at: u64) {
        self.go();
        self.within.push(at);
    }

    pub(crate) fn come_out(&mut self) {
        self.leave();
        self.within.pop();
    }

    pub(crate) fn observed(&mut self, members: &[String], seen: Seen<'_>) {
        let place = place(&self.trail, members, &self.within);
        self.witness.observed(&place, seen);
    }

    pub(crate) fn interpreted(&mut self, members: &[String], stream: &Interpreted<'_>) {
        let place = place(&self.trail, members, &self.within);
        self.witness.interpreted(&place, stream);
    }
}

fn place<'p>(trail: &[u32], members: &'p [String], within: &'p [u64]) -> Place<'p> {
    Place {
        number: trail.last().copied().unwrap_or(0),
        members,
        within,
    }
}
