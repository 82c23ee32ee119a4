//! Types of variables, and what Terraform converts to them
//! (<https://developer.hashicorp.com/terraform/language/expressions/type-constraints>).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    syntax::{Expr, ExprKind},
    value::{Field, Fields, Kind, Val},
};
use crate::Origin;

#[derive(Clone, Debug)]
pub(crate) enum Type {
    Any,
    Bool,
    Number,
    Text,
    List(Box<Self>),
    Set(Box<Self>),
    Map(Box<Self>),
    Object(Vec<Member>),
    Tuple(Vec<Self>),
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    name: Arc<str>,
    of: Type,
    is_optional: bool,
    default: Option<Expr>,
}

impl Type {
    /// The type that an expression says; anything where it says none.
    pub(crate) fn of(expr: &Expr) -> Self {
        match &expr.kind {
            ExprKind::Word(word) => Self::word(word),
            // As before version 0.12.
            ExprKind::Template(_) => expr.as_text().map_or(Self::Any, |word| Self::word(&word)),
            ExprKind::Parenthesis(inner) => Self::of(inner),
            ExprKind::Call(name, arguments, _) => {
                let first = arguments.first();
                let inner = || Box::new(first.map_or(Self::Any, Self::of));
                match (&**name, first.map(|first| &first.kind)) {
                    ("list", _) => Self::List(inner()),
                    ("set", _) => Self::Set(inner()),
                    ("map", _) => Self::Map(inner()),
                    ("object", Some(ExprKind::Object(entries))) => {
                        Self::Object(entries.iter().filter_map(member).collect())
                    }
                    ("tuple", Some(ExprKind::Tuple(items))) => {
                        Self::Tuple(items.iter().map(Self::of).collect())
                    }
                    _ => Self::Any,
                }
            }
            _ => Self::Any,
        }
    }

    fn word(word: &str) -> Self {
        match word {
            "string" => Self::Text,
            "number" => Self::Number,
            "bool" => Self::Bool,
            "list" => Self::List(Box::new(Self::Any)),
            "set" => Self::Set(Box::new(Self::Any)),
            "map" => Self::Map(Box::new(Self::Any)),
            _ => Self::Any,
        }
    }

    /// `value` as one of this type. `constant` computes the defaults of optional members.
    pub(crate) fn convert(&self, value: &Val, constant: &dyn Fn(&Expr) -> Val) -> Val {
        if value.is_null() || value.as_unknown().is_some() {
            return value.clone();
        }
        let origin = value.origin.clone();
        let wrong = |of: &str| Val::error(format!("it is not {of}"), value.origin.clone());
        let converted = match self {
            Self::Any => return value.clone(),
            Self::Text => match value.as_partial() {
                Some((text, None)) => Val::text(text, origin),
                Some(_) => value.clone(),
                None => wrong("a string"),
            },
            Self::Number => match value.as_number() {
                Some(number) => Val::number(number, origin),
                None => wrong("a number"),
            },
            Self::Bool => match value.as_bool() {
                Some(value) => Val::bool(value, origin),
                None => wrong("a bool"),
            },
            Self::List(of) | Self::Set(of) => {
                let Some(items) = value.as_items() else {
                    return wrong("a list");
                };
                let items = unified(
                    of,
                    items
                        .iter()
                        .map(|item| of.convert(item, constant))
                        .collect(),
                );
                match self {
                    Self::Set(_) => Val::set(items, origin),
                    _ => Val::list(items, origin),
                }
            }
            Self::Map(of) => {
                let Some(fields) = value.as_fields() else {
                    return wrong("a map");
                };
                let values = fields.items.values();
                let values = values
                    .map(|field| of.convert(&field.value, constant))
                    .collect();
                let values = unified(of, values);
                let places = fields.items.iter().zip(values);
                let items = places.map(|((key, field), value)| {
                    let place = field.place.clone();
                    (key.clone(), Field { place, value })
                });
                let open = fields.open.clone();
                let items = items.collect();
                Val::map(Fields { items, open }, origin)
            }
            Self::Object(members) => match value.as_fields() {
                Some(fields) => object(members, fields, origin, constant),
                None => wrong("an object"),
            },
            Self::Tuple(types) => match value.as_items() {
                Some(items) if items.len() == types.len() => {
                    let items = items.iter().zip(types);
                    let items = items.map(|(item, of)| of.convert(item, constant));
                    Val::list(items.collect(), origin)
                }
                _ => wrong("a tuple of that length"),
            },
        };
        converted.mark(value.is_sensitive)
    }
}

/// Items of a collection of `any` are of one type: texts, where one is a text.
fn unified(of: &Type, items: Vec<Val>) -> Vec<Val> {
    if !matches!(of, Type::Any) {
        return items;
    }
    let is_text = |item: &Val| matches!(item.kind, Kind::Text(_) | Kind::Json(_));
    let is_plain = |item: &Val| matches!(item.kind, Kind::Bool(_) | Kind::Number(_));
    if !items.iter().any(is_text) || !items.iter().any(is_plain) {
        return items;
    }
    let text = |item: Val| match item.as_text() {
        Some(text) if is_plain(&item) => {
            Val::text(text, item.origin.clone()).mark(item.is_sensitive)
        }
        _ => item,
    };
    items.into_iter().map(text).collect()
}

fn member((key, of): &(Expr, Expr)) -> Option<Member> {
    let name: Arc<str> = match &key.kind {
        ExprKind::Word(word) => word.clone(),
        _ => key.as_text()?.into(),
    };
    if let ExprKind::Call(call, arguments, _) = &of.kind
        && &**call == "optional"
    {
        return Some(Member {
            name,
            of: arguments.first().map_or(Type::Any, Type::of),
            is_optional: true,
            default: arguments.get(1).cloned(),
        });
    }
    Some(Member {
        name,
        of: Type::of(of),
        is_optional: false,
        default: None,
    })
}

/// Members that the type does not name are left out, as Terraform does.
fn object(
    members: &[Member],
    fields: &Fields,
    origin: Origin,
    constant: &dyn Fn(&Expr) -> Val,
) -> Val {
    let mut items = BTreeMap::new();
    for member in members {
        let given = fields.items.get(&member.name);
        let is_given = given.is_some_and(|field| !field.value.is_null());
        let (place, value) = match (given, &member.default, &fields.open) {
            (Some(field), None, _) => (field.place.clone(), field.value.clone()),
            (Some(field), _, _) if is_given => (field.place.clone(), field.value.clone()),
            (None, _, Some(why)) => (origin.clone(), Val::unknown(why.clone(), origin.clone())),
            (_, Some(default), _) => (origin.clone(), constant(default)),
            (None, None, None) if member.is_optional => (origin.clone(), Val::null(origin.clone())),
            (None, None, None) => {
                let why = format!("`{}` is missing in the object", member.name);
                return Val::error(why, origin);
            }
        };
        let value = member.of.convert(&value, constant);
        items.insert(member.name.clone(), Field { place, value });
    }
    Val::map(Fields { items, open: None }, origin)
}
