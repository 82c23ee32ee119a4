//! What workloads do with models, devices and networks, as the kernel sees it; and what they must not do.
//!
//! ```text
//!  kernel ──► bytes ──► Record ──┐
//!                                ├──► Observer ──► Event
//!  recording ─► Entry ─► Record ─┘      │ Processes, Containers, Policy
//!
//!  Policy ──► Resolved ──► tables of the kernel, marks of fanotify
//! ```
//!
//! The programs that the kernel runs stand in `bpf/`, compiled beside their text: [`OBJECT`]. Everything from [`Record`] on has no
//! privileges and no clock, and runs from a recording as it does from a kernel; what asks the machine is in [`live`].
//!
//! Paths are what people are shown. What is decided is decided by device and inode: by what is opened, whatever name leads there.
#![forbid(unsafe_code)]

mod container;
#[cfg(target_os = "linux")]
pub mod live;
mod observe;
mod policy;
mod process;
mod record;
mod recording;

pub use self::{
    container::Container,
    observe::Observer,
    policy::{Mode, Peer, Policy, PolicyError, Protect},
    record::{Blocks, Change, Identity, Kind, Record, RecordError, Signature},
    recording::{Cgroups, Entry, Place, Process, Reader, RecordingError, Writer},
};

/// The programs for the kernel, compiled ahead (BPF, with the types that the loader finds in the kernel that runs: CO-RE).
pub static OBJECT: &[u8] = include_bytes!("../bpf/sensor.bpf.o");
