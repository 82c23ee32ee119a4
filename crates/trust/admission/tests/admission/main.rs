//! Requests for admission, as an API server makes them.

#![expect(
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    clippy::print_stdout,
    reason = "the files are the tests' own, values are written where they are given, and samples are counted"
)]

mod export;
mod gatekeeper;
mod judge;
mod kit;
mod manifests;
mod server;
