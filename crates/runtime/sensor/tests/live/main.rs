//! On this kernel, as root: programs are loaded, and detached again.

mod answers;
mod kit;
mod seen;
