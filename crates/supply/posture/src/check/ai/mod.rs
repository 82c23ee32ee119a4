//! What goes wrong with the programs of AI platforms, whose ports, options and variables have meanings
//! of their own. One file for each kind of program.

mod consoles;
mod downloads;
mod gpu;
mod hubs;
mod installs;
mod isolation;
mod models;
mod named;
mod notebooks;
mod pools;
mod python;
mod ray;
mod servers;
mod serving;
mod stores;
mod texts;
mod tokens;

pub(super) use servers::{KEY_FLAGS, server};
pub(super) use texts::{Finder, digest};
pub(super) use tokens::is_ai_token;

use super::Family;

pub(super) const RAY: Family = ray::FAMILY;
pub(super) const NOTEBOOKS: Family = notebooks::FAMILY;
pub(super) const HUBS: Family = hubs::FAMILY;
pub(super) const POOLS: Family = pools::FAMILY;
pub(super) const CONSOLES: Family = consoles::FAMILY;
pub(super) const SERVING: Family = serving::FAMILY;
pub(super) const MODELS: Family = models::FAMILY;
pub(super) const INSTALLS: Family = installs::FAMILY;
pub(super) const TOKENS: Family = tokens::FAMILY;
pub(super) const GPU: Family = gpu::FAMILY;
pub(super) const ISOLATION: Family = isolation::FAMILY;
pub(super) const STORES: Family = stores::FAMILY;
