//! What asks the machine, and needs its rights: CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN, which root has.

mod fanotify;
mod kernel;
mod machine;
mod resolve;
mod sensor;
mod signals;
mod vouch;

pub use self::{
    kernel::{Counters, Hook, KernelError, Probed},
    machine::name as node,
    resolve::{Changed, ResolveError, Resolved},
    sensor::{Capability, Options, Sensor, SensorError, Tier, probe, release},
    signals::{Signal, Signals},
    vouch::{Verifier, Vouched},
};
