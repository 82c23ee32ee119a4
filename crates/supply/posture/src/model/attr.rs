//! Values that may not be known, with their places.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use casemate_document::{Node, Span, Value as Written};

use super::{Fact, File, Origin, Truth};

/// A value and where it is from.
#[derive(Clone, Debug)]
pub struct Attr {
    /// The value, or why there is none.
    pub value: Value,
    /// Where it is from.
    pub origin: Origin,
    /// Whether it must not be shown.
    pub is_sensitive: bool,
}

/// What is known of a value.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, said so.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// Text.
    String(Arc<str>),
    /// Values in order.
    List(Arc<[Attr]>),
    /// Values under keys.
    Map(Arc<Map>),
    /// The files do not say. The reason is a clause: "var.tag has no default".
    Unknown(Arc<str>),
}

/// Values under keys, in the order in which they were written. Each key stands once.
#[derive(Clone, Debug, Default)]
pub struct Map {
    items: Vec<Item>,
    /// Where each key stands; made when a map that is long is first asked.
    places: OnceLock<HashMap<Arc<str>, usize>>,
    /// Why there may be more under keys that are not here: a template wrote them.
    pub open: Option<Arc<str>>,
}

/// A value under its key.
#[derive(Clone, Debug)]
pub struct Item {
    /// The key.
    pub key: Arc<str>,
    /// Where the key stands.
    pub place: Origin,
    /// The value.
    pub value: Attr,
}

impl Map {
    /// Of several values under one key the last one counts, in the place of the first.
    pub fn new(items: Vec<Item>) -> Self {
        Self {
            items: if is_repeated(&items) {
                last_of_each(items)
            } else {
                items
            },
            places: OnceLock::new(),
            open: None,
        }
    }

    /// The values under their keys.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Puts `item` in the place of the one with its key, or behind all others.
    pub fn set(&mut self, item: Item) {
        if let Some(at) = self.place(&item.key) {
            self.items[at] = item;
            return;
        }
        if let Some(places) = self.places.get_mut() {
            places.insert(item.key.clone(), self.items.len());
        }
        self.items.push(item);
    }

    /// Takes the item under `key` out.
    pub fn remove(&mut self, key: &str) {
        if let Some(at) = self.place(key) {
            self.items.remove(at);
            self.places.take();
        }
    }

    /// The value under `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Attr> {
        let at = self.place(key)?;
        Some(&mut self.items[at].value)
    }

    /// The item under `key`.
    pub fn item(&self, key: &str) -> Option<&Item> {
        Some(&self.items[self.place(key)?])
    }

    /// Jobs and services name each other: each of ten thousand keys may be asked for ten thousand times.
    fn place(&self, key: &str) -> Option<usize> {
        if self.items.len() <= MAX_WALKED {
            return self.items.iter().position(|item| &*item.key == key);
        }
        let places = self.places.get_or_init(|| {
            let keys = self.items.iter().map(|item| item.key.clone());
            keys.zip(0..).collect()
        });
        places.get(key).copied()
    }
}

/// Whether a key stands twice. Maps are short, and most keys stand once.
fn is_repeated(items: &[Item]) -> bool {
    if items.len() > MAX_WALKED {
        let mut seen = HashSet::with_capacity(items.len());
        return items.iter().any(|item| !seen.insert(&item.key));
    }
    let before = |(at, item): (usize, &Item)| items[..at].iter().any(|it| it.key == item.key);
    items.iter().enumerate().any(before)
}

fn last_of_each(items: Vec<Item>) -> Vec<Item> {
    let mut places = HashMap::with_capacity(items.len());
    let mut kept: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        match places.get(&item.key) {
            Some(&at) => kept[at] = item,
            None => {
                places.insert(item.key.clone(), kept.len());
                kept.push(item);
            }
        }
    }
    kept
}

impl Attr {
    /// A value that is written at `origin`.
    pub fn new(value: Value, origin: Origin) -> Self {
        Self {
            value,
            origin,
            is_sensitive: false,
        }
    }

    /// A value that the files do not say.
    pub fn unknown(why: impl Into<Arc<str>>, origin: Origin) -> Self {
        Self::new(Value::Unknown(why.into()), origin)
    }

    /// The value of `node`, which was read from `file`. The nesting of documents is bounded, and so
    /// is this. Tags are left out.
    pub fn of_node(node: &Node, file: &Arc<File>) -> Self {
        Self::of_part(node, file, 0)
    }

    /// As [`Attr::of_node`], where what was read begins at a byte of the file.
    pub fn of_part(node: &Node, file: &Arc<File>, start: usize) -> Self {
        let origin = |span: Span| {
            let at = |byte: u32| start + byte as usize;
            Origin::new(file, Span::new(at(span.start), at(span.end)))
        };
        let value = match &node.value {
            Written::Null => Value::Null,
            Written::Bool(value) => Value::Bool(*value),
            Written::Integer(value) => Value::Integer(*value),
            Written::Float(value) => Value::Float(*value),
            Written::String(text) => Value::String(text.clone()),
            Written::List(items) => {
                let items = items.iter().map(|it| Self::of_part(it, file, start));
                Value::List(items.collect())
            }
            Written::Map(map) => {
                let items = map.entries().iter().map(|entry| Item {
                    key: entry.key.clone(),
                    place: origin(entry.key_span),
                    value: Self::of_part(&entry.value, file, start),
                });
                Value::Map(Arc::new(Map::new(items.collect())))
            }
            Written::Tagged(tagged) => Self::of_part(&tagged.1, file, start).value,
        };
        Self::new(value, origin(node.span))
    }

    /// The map, to be changed; what shares it keeps it as it was.
    pub fn map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(Arc::make_mut(map)),
            _ => None,
        }
    }

    /// The items of the list, to be changed; what shares them keeps them as they were.
    pub fn items_mut(&mut self) -> &mut [Self] {
        match &mut self.value {
            Value::List(items) => Arc::make_mut(items),
            _ => &mut [],
        }
    }

    /// The attribute at `path`, its keys between dots. An absent one, and one of something that is
    /// not a map, is [`Fact::Absent`]; one of something that is not known is not known.
    pub fn at(&self, path: &str) -> Fact<&Self> {
        let mut attr = self;
        for key in path.split('.') {
            attr = match attr.get(key) {
                Fact::Known(attr) => attr,
                other => return other,
            };
        }
        attr.known()
    }

    /// The value under `key` of a map.
    pub fn get(&self, key: &str) -> Fact<&Self> {
        match &self.value {
            Value::Map(map) => match (map.item(key), &map.open) {
                (Some(item), _) => Fact::Known(&item.value),
                (None, Some(why)) => Fact::Unknown(why.clone()),
                (None, None) => Fact::Absent,
            },
            Value::Unknown(why) => Fact::Unknown(why.clone()),
            _ => Fact::Absent,
        }
    }

    /// The value itself: absent where it is null.
    pub fn known(&self) -> Fact<&Self> {
        match &self.value {
            Value::Unknown(why) => Fact::Unknown(why.clone()),
            Value::Null => Fact::Absent,
            _ => Fact::Known(self),
        }
    }

    /// The items of a list; none where it is something else, one that is not known where the list is
    /// not known.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Unknown(_) => std::slice::from_ref(self),
            _ => &[],
        }
    }

    /// The items of a map; none where it is something else.
    pub fn entries(&self) -> &[Item] {
        match &self.value {
            Value::Map(map) => map.items(),
            _ => &[],
        }
    }

    /// The text of a string; of anything else that is one word, the word as JSON has it.
    pub fn text(&self) -> Fact<String> {
        match &self.value {
            Value::String(text) => Fact::Known((**text).to_owned()),
            Value::Bool(value) => Fact::Known(value.to_string()),
            Value::Integer(value) => Fact::Known(value.to_string()),
            Value::Float(value) => Fact::Known(value.to_string()),
            Value::Unknown(why) => Fact::Unknown(why.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => Fact::Absent,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, or the text of one.
    pub fn integer(&self) -> Fact<i64> {
        match &self.value {
            Value::Integer(value) => Fact::Known(*value),
            Value::String(text) => text.parse().map_or(Fact::Absent, Fact::Known),
            Value::Unknown(why) => Fact::Unknown(why.clone()),
            _ => Fact::Absent,
        }
    }

    /// Whether it says yes: `true`, or the text of it.
    pub fn is_true(&self) -> Truth {
        match &self.value {
            Value::Bool(value) => Truth::from(*value),
            Value::String(text) => Truth::from(text.eq_ignore_ascii_case("true")),
            Value::Unknown(why) => Truth::Unknown(why.clone()),
            _ => Truth::No,
        }
    }
}

/// Shorter maps are walked, and their keys compared with each other, faster than a key is hashed.
const MAX_WALKED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::file;

    #[test]
    fn a_long_map_is_what_a_short_one_is() {
        let origin = Origin::new(&Arc::new(file("a", "")), Span::default());
        let item = |key: usize, value: i64| Item {
            key: key.to_string().into(),
            place: origin.clone(),
            value: Attr::new(Value::Integer(value), origin.clone()),
        };
        for length in [4, 4 * MAX_WALKED] {
            let mut map = Map::new((0..length).map(|key| item(key, 1)).collect());
            assert!(map.item("2").is_some() && map.item("x").is_none());
            map.set(item(2, 2));
            map.set(item(length, 3));
            map.remove("0");
            let value = |map: &Map, key: usize| map.item(&key.to_string())?.value.integer().ok();
            let values = [0, 1, 2, length].map(|key| value(&map, key));
            assert_eq!(values, [None, Some(1), Some(2), Some(3)]);
            *map.get_mut("1").expect("is there") = item(1, 4).value;
            assert_eq!((value(&map, 1), map.items().len()), (Some(4), length));
        }
    }
}
