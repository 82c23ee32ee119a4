//! YAML 1.2.2 with places, and with the habits of those who write it.

mod build;
mod scalar;
pub mod style;
mod write;

pub use scalar::Schema;
pub use write::write;

use granit_parser::{ErrorKind, Parser, ScanError};

use crate::{Error, Limits, Node, Span};
use build::Builder;

/// How a program that reads YAML understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What a plain scalar means.
    pub schema: Schema,
    /// Whether `<<` brings the entries of another map in, as YAML 1.1's merge key does.
    pub merges: bool,
}

impl Dialect {
    /// YAML 1.2 and nothing else: GitHub Actions.
    pub const CORE: Self = Self {
        schema: Schema::Core,
        merges: false,
    };
    /// YAML 1.2 with merge keys: Compose, GitLab, Helm values.
    pub const MERGING: Self = Self {
        schema: Schema::Core,
        merges: true,
    };
    /// What `sigs.k8s.io/yaml` reads: YAML 1.1 as libyaml has it, with merge keys.
    pub const KUBERNETES: Self = Self {
        schema: Schema::Yaml11,
        merges: true,
    };
}

/// The documents of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Those before the first mistake. An empty text has none.
    pub documents: Vec<Document>,
    /// Comments, from their `#` to the end of the line.
    pub comments: Vec<Span>,
    /// The first mistake; what follows it was not read.
    pub error: Option<Error>,
    /// Whether that is no mistake of the text: there is more of it than the limits allow.
    pub is_cut: bool,
}

/// One document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its value.
    pub root: Node,
    /// Keys that stand in the same map a second time. YAML forbids them; most programs take the last
    /// value, and so does [`crate::Map::get`].
    pub repeated: Vec<Span>,
}

/// Reads every document of `text`.
pub fn read(text: &str, dialect: Dialect, limits: &Limits) -> Stream {
    let mut builder = Builder::new(dialect, limits);
    let error = if text.len() > limits.bytes {
        builder.is_cut = true;
        let message = format!("the text is larger than {} bytes", limits.bytes);
        let span = Span::default();
        Some(Error { message, span })
    } else {
        build(text, limits, &mut builder).err()
    };
    Stream {
        documents: builder.documents,
        comments: builder.comments,
        error,
        is_cut: builder.is_cut,
    }
}

fn build(text: &str, limits: &Limits, builder: &mut Builder<'_>) -> Result<(), Error> {
    let options = granit_parser::options! {
        // What buffers comments is bounded by the text; a licence at the top of a file has hundreds.
        max_buffered_comment_events: limits.bytes,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            builder.is_cut = matches!(error.kind(), ErrorKind::RecursionLimitExceeded);
            mistake(&error)
        })?;
        let span = span.byte_range().unwrap_or_default();
        builder.take(event, Span::new(span.start, span.end))?;
    }
    Ok(())
}

fn mistake(error: &ScanError) -> Error {
    let at = error.marker().byte_offset().unwrap_or_default();
    Error {
        message: error.info().to_string(),
        span: Span::new(at, at),
    }
}

#[cfg(test)]
mod tests;
