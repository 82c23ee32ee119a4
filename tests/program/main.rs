//! Tests of the whole program through its command line.

mod assess;
mod commands;
mod convert;
mod docs;
mod hostile;
mod log;
mod model;
mod page;
mod pypi;
mod reference;
mod run;
mod scan;
mod signing;
#[cfg(feature = "pkcs11")]
mod token;
