//! One kind, page by page
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks>).

use serde_json::Value;

use crate::{
    Accept, Api, RequestError,
    discovery::{Resource, json},
};

/// What was read of a kind.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    /// Why there may be more, or why some are not what they should be.
    pub(crate) gap: Option<Gap>,
}

/// What is missing of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// The server gives nothing of it.
    Refused(RequestError),
    /// Only a part of it was read.
    Partial(String),
}

/// Lists a kind, and takes at most `room` objects of it.
pub(crate) fn list(
    api: &dyn Api,
    resource: &Resource,
    namespace: Option<&str>,
    accept: Accept,
    limit: u64,
    room: usize,
) -> Listed {
    let mut pages = Pages {
        api,
        path: resource.path(namespace),
        accept,
        limit,
        size: PAGE,
    };
    match pages.all(room) {
        // What the token stood for is compacted: from the beginning, once.
        (_, Some(error)) if error.code() == Some(410) => pages.all(room).into(),
        read => read.into(),
    }
}

impl From<(Listed, Option<RequestError>)> for Listed {
    fn from((listed, error): (Self, Option<RequestError>)) -> Self {
        let gap = error.map(|error| match listed.items.is_empty() {
            true => Gap::Refused(error),
            false => Gap::Partial(format!("the list broke off: {error}")),
        });
        Self {
            gap: gap.or(listed.gap),
            ..listed
        }
    }
}

struct Pages<'a> {
    api: &'a dyn Api,
    path: String,
    accept: Accept,
    limit: u64,
    /// How many objects are asked for at once.
    size: usize,
}

impl Pages<'_> {
    /// The pages from the first to the last, or to the one that does not come.
    fn all(&mut self, room: usize) -> (Listed, Option<RequestError>) {
        let mut listed = Listed::default();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page = match self.page(&token) {
                Ok(page) => page,
                Err(error) => return (listed, Some(error)),
            };
            for item in page.items {
                if listed.items.len() >= room {
                    let why =
                        format!("no more than {room} of its objects were taken, by our own limit");
                    listed.gap = Some(Gap::Partial(why));
                    return (listed, None);
                }
                match is_object(&item) {
                    true => listed.items.push(item),
                    false => {
                        let why = "an item of the list is no object with a name, and was left out";
                        listed.gap = Some(Gap::Partial(why.to_owned()));
                    }
                }
            }
            match page.next {
                None => return (listed, None),
                Some(next) if next == token => {
                    let why = "the list goes in circles".to_owned();
                    return (listed, Some(RequestError::Malformed(why)));
                }
                Some(next) => token = next,
            }
        }
        let why = format!("the list has more than {MAX_PAGES} pages");
        (listed, Some(RequestError::Malformed(why)))
    }

    /// One page; a smaller one where it is too long. The token goes on from the same place.
    fn page(&mut self, token: &str) -> Result<Page, RequestError> {
        loop {
            match self.ask(token) {
                Err(RequestError::TooLong(_)) if self.size > 1 => {
                    self.size = (self.size / 10).max(1)
                }
                page => return page,
            }
        }
    }

    fn ask(&self, token: &str) -> Result<Page, RequestError> {
        let mut path = format!("{}?limit={}", self.path, self.size);
        if !token.is_empty() {
            path.push_str("&continue=");
            path.push_str(&encode(token));
        }
        let mut answer = json(&self.api.get(&path, self.accept, self.limit)?)?;
        let kind = answer["kind"].as_str().unwrap_or_default();
        if !kind.ends_with("List") {
            return Err(RequestError::Malformed("it is no list".to_owned()));
        }
        if self.accept == Accept::Metadata && kind != "PartialObjectMetadataList" {
            let why = "whole objects came where metadata was asked for; they were dropped";
            return Err(RequestError::Malformed(why.to_owned()));
        }
        let items = match answer["items"].take() {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            _ => return Err(RequestError::Malformed("its items are no list".to_owned())),
        };
        let next = answer["metadata"]["continue"].as_str();
        Ok(Page {
            items,
            next: next.filter(|next| !next.is_empty()).map(str::to_owned),
        })
    }
}

struct Page {
    items: Vec<Value>,
    next: Option<String>,
}

fn is_object(item: &Value) -> bool {
    let name = item["metadata"]["name"].as_str();
    name.is_some_and(|name| !name.is_empty())
}

/// As a part of a query (RFC 3986).
fn encode(text: &str) -> String {
    use std::fmt::Write as _;

    text.bytes().fold(String::new(), |mut encoded, byte| {
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let _ = match is_unreserved {
            true => write!(encoded, "{}", char::from(byte)),
            false => write!(encoded, "%{byte:02X}"),
        };
        encoded
    })
}

/// What `kubectl` asks for at once.
const PAGE: usize = 500;
/// A server that never ends its list is not followed for ever.
const MAX_PAGES: usize = 20_000;
