//! Every renderer over one rich assessment and one scan, and over hostile names.

mod fixture;
mod hostile;
mod html;
mod imported;
mod json;
mod markdown;
mod model;
mod sarif;
mod text;
