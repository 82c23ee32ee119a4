//! One module for one command.

pub(crate) mod admit;
pub(crate) mod assess;
pub(crate) mod attest;
pub(crate) mod detect;
pub(crate) mod fix;
pub(crate) mod gate;
pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod policy;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod segment;
pub(crate) mod sensor;
pub(crate) mod shell;
pub(crate) mod signing;
