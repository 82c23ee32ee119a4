//! Terraform's functions (<https://developer.hashicorp.com/terraform/language/functions>).
//!
//! A function whose result depends on more than its arguments is not known: what time it is, what is
//! random, what lies beside the files.

mod address;
mod collection;
mod encoding;
mod hash;
mod number;
mod text;
mod time;

use std::sync::Arc;

use super::value::{Fields, Kind, Unknown, Val};
use crate::Origin;

/// What a function is given.
pub(crate) struct Args<'a> {
    pub(crate) values: &'a [Val],
    /// The place of the call.
    pub(crate) origin: &'a Origin,
}

/// Why there is no result.
enum Wrong {
    /// Terraform refuses it.
    Error(String),
    /// An argument is not known.
    Unknown(Arc<Unknown>),
    /// It is not computed here.
    Open(&'static str),
}

type Answer = Result<Val, Wrong>;

/// What the function gives.
pub(crate) fn call(name: &str, args: &Args<'_>) -> Val {
    // An error stays one, wherever it stands.
    if let Some(error) = args.values.iter().find(|it| it.is_error()) {
        return error.clone().at(args.origin.clone());
    }
    let families = [
        text::call,
        collection::call,
        number::call,
        encoding::call,
        hash::call,
        address::call,
        time::call,
    ];
    let answer = families.iter().find_map(|family| family(name, args));
    let answer = answer.unwrap_or_else(|| match impure(name) {
        Some(why) => Err(Wrong::Open(why)),
        None if name.contains("::") => Err(Wrong::Open("it is a function of a provider")),
        None => Err(Wrong::Error(format!("{name} is no function"))),
    });
    match answer {
        Ok(value) => value,
        Err(Wrong::Error(why)) => Val::error(format!("{name}: {why}"), args.origin.clone()),
        Err(Wrong::Unknown(unknown)) => {
            let unknown = Unknown {
                partial: None,
                ..(*unknown).clone()
            };
            Val::new(Kind::Unknown(Arc::new(unknown)), args.origin.clone())
        }
        Err(Wrong::Open(why)) => Val::unknown(format!("{name}(): {why}"), args.origin.clone()),
    }
}

/// Whether all that is given becomes one text.
pub(crate) fn is_of_text(name: &str) -> bool {
    matches!(name, "jsonencode" | "yamlencode" | "join" | "format")
}

fn impure(name: &str) -> Option<&'static str> {
    Some(match name {
        "timestamp" | "plantimestamp" => "the time is that of the run",
        "uuid" | "bcrypt" => "it is random",
        "fileset" | "fileexists" => "files are looked for when it is run",
        "filebase64" | "filebase64sha256" | "filebase64sha512" | "filemd5" | "filesha1"
        | "filesha256" | "filesha512" => "it is of the bytes of a file, which are not kept",
        "abspath" => "the working directory is not known",
        "base64gzip" | "rsadecrypt" | "type" => "it is not computed here",
        _ => return None,
    })
}

impl Args<'_> {
    fn value(&self, at: usize) -> Result<&Val, Wrong> {
        let missing = || Wrong::Error("an argument is missing".to_owned());
        self.values.get(at).ok_or_else(missing)
    }

    fn text(&self, at: usize) -> Result<Arc<str>, Wrong> {
        text_of(self.value(at)?)
    }

    fn number(&self, at: usize) -> Result<f64, Wrong> {
        number_of(self.value(at)?)
    }

    /// A whole number that 32 bits hold.
    fn whole(&self, at: usize) -> Result<i32, Wrong> {
        let number = self.number(at)?;
        if number.fract() != 0.0 || number.abs() > f64::from(i32::MAX) {
            return Err(Wrong::Error(
                "it is no whole number of that size".to_owned(),
            ));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        Ok(number as i32)
    }

    fn items(&self, at: usize) -> Result<Arc<[Val]>, Wrong> {
        items_of(self.value(at)?)
    }

    fn fields(&self, at: usize) -> Result<Arc<Fields>, Wrong> {
        fields_of(self.value(at)?)
    }

    fn origin(&self) -> Origin {
        self.origin.clone()
    }

    fn say(&self, text: impl Into<Arc<str>>) -> Answer {
        let text = text.into();
        if text.len() > super::eval::MAX_TEXT {
            return Err(Wrong::Open("the text is too long"));
        }
        Ok(Val::text(text, self.origin()))
    }

    fn count(&self, number: f64) -> Answer {
        Ok(Val::number(number, self.origin()))
    }

    fn is(&self, value: bool) -> Answer {
        Ok(Val::bool(value, self.origin()))
    }

    fn list(&self, items: Vec<Val>) -> Answer {
        bounded(items.len())?;
        Ok(Val::list(items, self.origin()))
    }

    fn set(&self, items: Vec<Val>) -> Answer {
        bounded(items.len())?;
        Ok(Val::set(items, self.origin()))
    }

    fn texts(&self, texts: impl Iterator<Item = String>) -> Answer {
        self.list(texts.map(|text| Val::text(text, self.origin())).collect())
    }
}

fn bounded(count: usize) -> Result<(), Wrong> {
    if count > MAX_ITEMS {
        return Err(Wrong::Open("there are more items than are looked at"));
    }
    Ok(())
}

fn wrong(value: &Val, expected: &str) -> Wrong {
    match value.as_unknown() {
        Some(unknown) => Wrong::Unknown(unknown.clone()),
        None => match value.reason() {
            Some(why) => Wrong::Unknown(Arc::new(Unknown {
                why,
                partial: None,
                is_error: false,
            })),
            None => Wrong::Error(format!("an argument is not {expected}")),
        },
    }
}

fn text_of(value: &Val) -> Result<Arc<str>, Wrong> {
    value.as_text().ok_or_else(|| wrong(value, "a string"))
}

fn number_of(value: &Val) -> Result<f64, Wrong> {
    value.as_number().ok_or_else(|| wrong(value, "a number"))
}

fn items_of(value: &Val) -> Result<Arc<[Val]>, Wrong> {
    value
        .as_items()
        .cloned()
        .ok_or_else(|| wrong(value, "a list"))
}

fn fields_of(value: &Val) -> Result<Arc<Fields>, Wrong> {
    let fields = value.as_fields().ok_or_else(|| wrong(value, "a map"))?;
    match &fields.open {
        Some(why) => Err(Wrong::Unknown(Arc::new(Unknown {
            why: why.clone(),
            partial: None,
            is_error: false,
        }))),
        None => Ok(fields.clone()),
    }
}

const MAX_ITEMS: usize = 100_000;
