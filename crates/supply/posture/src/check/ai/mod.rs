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

use super::{
    Family,
    command::Command,
    exposure::{Exposure, Reach},
    selection::ConfigMaps,
    workload::{Container, Pod, pods, pods_of_values},
};
use crate::{Truth, World};

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

/// A container with what it is told to run, and the pod that it is in.
struct Program<'a> {
    pod: Pod<'a>,
    container: Container<'a>,
    command: Command<'a>,
}

impl<'a> Program<'a> {
    /// The name of its image: `vllm/vllm-openai` of `docker.io/vllm/vllm-openai:v1`.
    fn image(&self) -> String {
        let image = self.container.cursor.get("image");
        // Values of charts have its parts.
        let image = image.text().or_else(|| image.get("repository").text()).ok();
        let image = image.unwrap_or_default();
        let image = image.split('@').next().unwrap_or_default();
        let slash = image.rfind('/').map_or(0, |at| at + 1);
        let end = image[slash..]
            .find(':')
            .map_or(image.len(), |at| slash + at);
        image[..end].to_owned()
    }

    /// Whether the last part of its image's name is one of `names`.
    fn is_image(&self, names: &[&str]) -> bool {
        let image = self.image();
        names.contains(&image.rsplit('/').next().unwrap_or_default())
    }

    /// What reaches the port that it says with one of `options`, or else the only one that its container
    /// has, or else `port`.
    fn reach(&self, options: &[&str], port: i64, around: &Around<'a>) -> Reach {
        let mut said = options
            .iter()
            .filter_map(|option| self.command.flag(option));
        let said = said.find_map(|flag| flag.value?.parse().ok());
        let only = || match &self.container.cursor.get("ports").items()[..] {
            [only] => only.get("containerPort").integer().ok(),
            _ => None,
        };
        let port = said.or_else(only).unwrap_or(port);
        around.exposure.reach(&self.pod, Some(port))
    }

    /// Whether an option is not there: not known, where some of the command is not.
    fn lacks(&self, options: &[&str]) -> Truth {
        if options
            .iter()
            .any(|option| self.command.flag(option).is_some())
        {
            return Truth::No;
        }
        Command::why_open(&self.container).map_or(Truth::Yes, Truth::Unknown)
    }
}

/// What programs are told, and reached by.
struct Around<'a> {
    exposure: Exposure<'a>,
    maps: ConfigMaps<'a>,
}

impl<'a> Around<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            exposure: Exposure::of(world),
            maps: ConfigMaps::of(world),
        }
    }
}

/// The containers of all objects.
fn programs(world: &World) -> impl Iterator<Item = Program<'_>> {
    let pods = pods(world).into_iter().chain(pods_of_values(world));
    pods.flat_map(|pod| {
        let containers = pod.containers().into_iter();
        let programs = containers.map(|container| Program {
            pod: pod.clone(),
            command: Command::of(&container),
            container,
        });
        programs.collect::<Vec<_>>()
    })
}
