//! GitHub Actions. The rules cover the audits of zizmor (<https://docs.zizmor.sh/audits/>) that need
//! no network, and what publishing models adds to them.

pub(in crate::check) mod cache;
pub(in crate::check) mod clarity;
pub(in crate::check) mod conditions;
mod contexts;
pub(in crate::check) mod credentials;
pub(in crate::check) mod dependabot;
pub(in crate::check) mod environment;
pub(in crate::check) mod injection;
pub(in crate::check) mod packages;
pub(in crate::check) mod permissions;
pub(in crate::check) mod pins;
pub(in crate::check) mod publish;
pub(in crate::check) mod runners;
pub(in crate::check) mod sources;
pub(in crate::check) mod triggers;
mod view;
