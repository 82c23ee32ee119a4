//! Rules over events, as a user of the room has them.

mod conformance;
mod correlations;
mod events;
