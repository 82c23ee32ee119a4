//! Containers: what is built into them, and how they are run.

pub(super) mod build;
pub(super) mod build_scripts;
pub(super) mod compose;
pub(super) mod secret;
