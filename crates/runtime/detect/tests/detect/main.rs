//! Rules over events, as a user of the room has them.

mod conformance;
mod content;
mod correlations;
mod events;
mod falco;
mod hostile;
mod rules;
