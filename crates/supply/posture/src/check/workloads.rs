//! What many families ask of the same objects, found once for all of them.

use super::{
    command::Command,
    exposure::{Exposure, Reach},
    selection::ConfigMaps,
    workload::{Container, Pod, pods, pods_of_values},
};
use crate::{Truth, World};

/// What runs in a world, and who reaches it.
pub struct Workloads<'a> {
    pub(crate) world: &'a World,
    /// The pods of all objects.
    pub(crate) pods: Vec<Pod<'a>>,
    /// The containers of these, and those that values of charts have.
    pub(crate) programs: Vec<Program<'a>>,
    pub(crate) exposure: Exposure<'a>,
    pub(crate) maps: ConfigMaps<'a>,
}

impl<'a> Workloads<'a> {
    /// Those of a world.
    pub(crate) fn of(world: &'a World) -> Self {
        let pods = pods(world);
        let all = pods.iter().cloned().chain(pods_of_values(world));
        let programs = all.flat_map(|pod| {
            let containers = pod.containers().into_iter();
            let programs = containers.map(|container| Program {
                pod: pod.clone(),
                command: Command::of(&container),
                image: image(&container),
                container,
            });
            programs.collect::<Vec<_>>()
        });
        Self {
            world,
            programs: programs.collect(),
            pods,
            exposure: Exposure::of(world),
            maps: ConfigMaps::of(world),
        }
    }
}

/// A container with what it is told to run, and the pod that it is in.
pub(crate) struct Program<'a> {
    pub(crate) pod: Pod<'a>,
    pub(crate) container: Container<'a>,
    pub(crate) command: Command<'a>,
    /// The name of its image: `vllm/vllm-openai` of `docker.io/vllm/vllm-openai:v1`.
    pub(crate) image: String,
}

impl<'a> Program<'a> {
    /// Whether the last part of its image's name is one of `names`.
    pub(crate) fn is_image(&self, names: &[&str]) -> bool {
        names.contains(&self.image.rsplit('/').next().unwrap_or_default())
    }

    /// What reaches the port that it says with one of `options`, or else the only one that its container
    /// has, or else `port`.
    pub(crate) fn reach(&self, options: &[&str], port: i64, workloads: &Workloads<'a>) -> Reach {
        let mut said = options
            .iter()
            .filter_map(|option| self.command.flag(option));
        let said = said.find_map(|flag| flag.value?.parse().ok());
        let only = || match &self.container.cursor.get("ports").items()[..] {
            [only] => only.get("containerPort").integer().ok(),
            _ => None,
        };
        let port = said.or_else(only).unwrap_or(port);
        workloads.exposure.reach(&self.pod, Some(port))
    }

    /// Whether an option is not there: not known, where some of the command is not.
    pub(crate) fn lacks(&self, options: &[&str]) -> Truth {
        if options
            .iter()
            .any(|option| self.command.flag(option).is_some())
        {
            return Truth::No;
        }
        Command::why_open(&self.container).map_or(Truth::Yes, Truth::Unknown)
    }
}

fn image(container: &Container<'_>) -> String {
    let image = container.cursor.get("image");
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
