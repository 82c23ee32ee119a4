//! Tests of the whole program through its command line.

mod admit;
mod assess;
mod attest;
mod ci;
mod cluster;
mod commands;
mod constraints;
mod convert;
mod detect;
mod docs;
mod examples;
mod fix;
mod hostile;
mod imports;
mod library;
mod log;
mod logged;
mod model;
mod page;
mod policy;
mod promotion;
mod pypi;
mod python;
mod reference;
mod run;
mod scan;
mod segment;
mod sensor;
mod signing;
#[cfg(feature = "pkcs11")]
mod token;
