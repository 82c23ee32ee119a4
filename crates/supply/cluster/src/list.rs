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
    /// How many bytes of answers they were.
    pub(crate) bytes: usize,
    /// How many values were in them.
    pub(crate) values: usize,
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

/// How much more is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) objects: usize,
    /// Of answers.
    pub(crate) bytes: usize,
    /// In answers.
    pub(crate) values: usize,
}

impl Room {
    /// What is left once this was read.
    pub(crate) fn after(self, listed: &Listed) -> Self {
        Self {
            objects: self.objects.saturating_sub(listed.items.len()),
            bytes: self.bytes.saturating_sub(listed.bytes),
            values: self.values.saturating_sub(listed.values),
        }
    }

    /// Whether nothing more can be taken, so that nothing more is asked for.
    pub(crate) fn is_used_up(self) -> bool {
        self.objects == 0 || self.bytes == 0 || self.values == 0
    }

    /// Whether this is more than there is room for.
    pub(crate) fn is_exceeded(self, listed: &Listed) -> bool {
        listed.bytes > self.bytes || listed.values > self.values
    }
}

/// Lists a kind, as much of it as there is room for.
pub(crate) fn list(
    api: &dyn Api,
    resource: &Resource,
    namespace: Option<&str>,
    accept: Accept,
    limit: u64,
    room: Room,
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
        (first, Some(error)) if error.code() == Some(410) => {
            // Its objects are not kept, but its answers were taken.
            let first = Listed {
                items: Vec::new(),
                ..first
            };
            let again = Listed::from(pages.all(room.after(&first)));
            Listed {
                bytes: again.bytes.saturating_add(first.bytes),
                values: again.values.saturating_add(first.values),
                ..again
            }
        }
        read => read.into(),
    }
}

impl Gap {
    pub(crate) fn too_much() -> Self {
        Self::Partial(TOO_MUCH.to_owned())
    }
}

impl From<(Self, Option<RequestError>)> for Listed {
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
    fn all(&mut self, room: Room) -> (Listed, Option<RequestError>) {
        let mut listed = Listed::default();
        let mut token = String::new();
        let mut empty = 0;
        for _ in 0..MAX_PAGES {
            // Asked for and dropped, an empty list would read like one that was too long.
            if room.after(&listed).is_used_up() {
                listed.gap = Some(Gap::too_much());
                return (listed, None);
            }
            let page = match self.page(&token) {
                Ok(page) => page,
                Err(error) => return (listed, Some(error)),
            };
            listed.bytes = listed.bytes.saturating_add(page.bytes);
            listed.values = listed.values.saturating_add(page.values);
            if room.is_exceeded(&listed) {
                listed.gap = Some(Gap::too_much());
                return (listed, None);
            }
            empty = if page.items.is_empty() { empty + 1 } else { 0 };
            for item in page.items {
                if listed.items.len() >= room.objects {
                    listed.gap = Some(Gap::too_much());
                    return (listed, None);
                }
                match taken(item) {
                    Some(object) => listed.items.push(object),
                    None => {
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
                Some(_) if empty >= MAX_EMPTY => {
                    let why = format!("{empty} pages in a row are empty and say that more follows");
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
                Err(RequestError::TooLong(_) | RequestError::TooMany(_)) if self.size > 1 => {
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
        let body = self.api.get(&path, self.accept, self.limit)?;
        let (mut answer, values) = json(&body)?;
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
            bytes: body.len(),
            values,
            next: next.filter(|next| !next.is_empty()).map(str::to_owned),
        })
    }
}

struct Page {
    items: Vec<Value>,
    bytes: usize,
    values: usize,
    next: Option<String>,
}

/// An item that is an object with a name, without what is most of many and nobody judges.
fn taken(mut item: Value) -> Option<Value> {
    item["metadata"]["name"]
        .as_str()
        .filter(|name| !name.is_empty())?;
    item.as_object_mut()?.remove("status");
    item["metadata"].as_object_mut()?.remove("managedFields");
    Some(item)
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

const TOO_MUCH: &str = "no more is taken, by our own limit";
/// What `kubectl` asks for at once.
const PAGE: usize = 500;
/// Nothing is filtered, so there is no reason for even one.
const MAX_EMPTY: usize = 3;
/// A server that never ends its list is not followed for ever.
const MAX_PAGES: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Says the same of everything.
    struct Always(&'static str);

    impl Api for Always {
        fn get(&self, _: &str, _: Accept, _: u64) -> Result<Vec<u8>, RequestError> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    #[test]
    fn values_count_as_bytes_do() {
        let api = Always(r#"{"kind":"PodList","items":[{"metadata":{"name":"a"}}]}"#);
        let resource = Resource {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            plural: "pods".to_owned(),
            is_namespaced: true,
        };
        for (values, gap) in [(6, None), (5, Some(Gap::too_much()))] {
            let room = Room {
                objects: 9,
                bytes: 999,
                values,
            };
            let listed = list(&api, &resource, None, Accept::Json, 999, room);
            assert_eq!((listed.gap, listed.values), (gap, 6));
        }
    }
}
