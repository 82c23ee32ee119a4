//! Pipelines: what they run, from whom they take it, and with which rights.

pub(super) mod github;
pub(super) mod text;
