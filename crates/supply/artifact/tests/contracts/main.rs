//! Rows that real dumps need and that an attacker would like: each within its contract, and beyond.

mod callables;
mod calls;
mod crowded;
mod indexed;
mod kept;
mod names;
mod numpy;
mod probed;
mod states;
mod stream;
mod used;
