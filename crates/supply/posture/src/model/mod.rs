//! The one model that every language is read into.

mod attr;
mod origin;
mod path;
mod resource;
mod truth;

pub use attr::{Attr, Item, Map, Value};
pub use origin::{File, Origin, Places, Role, Step};
pub use resource::{Cursor, Language, Link, Problem, Resource, World};
pub use truth::{Fact, Truth};
