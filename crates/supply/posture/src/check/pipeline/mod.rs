//! Pipelines: what they run, from whom they take it, and with which rights.

pub(super) mod azure;
pub(super) mod cluster;
pub(super) mod github;
pub(super) mod gitlab;
pub(super) mod text;
