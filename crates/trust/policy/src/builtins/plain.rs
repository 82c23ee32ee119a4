//! Builtins that are the same whenever and wherever they are asked, and cost no more than their arguments are long;
//! a regular expression, no more than it is long for each part of a text.

use regorus::{Value, unstable};

use super::{Function, MOMENT, all, delegate};

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    name: &'static str,
    /// Where it is none of the library's.
    own: Option<Function>,
}

impl Plain {
    /// The one of that name, and how many arguments it has.
    pub(crate) fn of(name: &str) -> Option<(Self, usize)> {
        let name = NAMES.iter().find(|it| **it == name)?;
        let own = all().find(|builtin| builtin.name == *name);
        let arity = match own {
            Some(builtin) => builtin.arity,
            None => unstable::BUILTINS.get(name)?.1,
        };
        let own = own.map(|builtin| builtin.function);
        Some((Self { name, own }, usize::from(arity)))
    }

    /// Whether the first of its arguments is a regular expression.
    pub(crate) fn takes_pattern(self) -> bool {
        self.name == "regex.match"
    }

    /// What it answers, unless that is an error.
    pub(crate) fn answer(self, arguments: &[Value]) -> Option<Value> {
        match self.own {
            Some(function) => function(arguments, MOMENT.get()).ok(),
            None => delegate(self.name, arguments).ok(),
        }
    }
}

const NAMES: &[&str] = &[
    "contains",
    "count",
    "endswith",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_string",
    "lower",
    "object.get",
    "regex.match",
    "startswith",
    "trim_prefix",
    "trim_suffix",
    "type_name",
    "upper",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_of_a_builtin() {
        for name in NAMES {
            assert!(Plain::of(name).is_some(), "{name}");
        }
    }
}
