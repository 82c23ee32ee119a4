//! Calls: those that choose what is computed, those that read files, and all others.

use std::sync::Arc;

use super::{Env, Eval, MAX_TEXT, Name, TOO_MUCH};
use crate::{
    File, Origin,
    read::{
        path::joined,
        terraform::{
            functions::{self, Args},
            syntax::{Expr, Part},
            value::{Kind, Val},
        },
    },
};

impl<'a> Eval<'a> {
    pub(super) fn call(
        &self,
        env: Env<'_, 'a>,
        name: &str,
        arguments: &[Expr],
        expands: bool,
        origin: Origin,
    ) -> Val {
        let name = name.strip_prefix("core::").unwrap_or(name);
        match name {
            "try" => return self.first_without_error(env, arguments, origin),
            "can" => return self.is_without_error(env, arguments, origin),
            _ => {}
        }
        let mut values: Vec<Val> = arguments.iter().map(|it| self.expr(env, it)).collect();
        if expands && let Some(last) = values.pop() {
            match last.as_items() {
                Some(items) => {
                    values.extend(items.iter().map(|it| it.clone().mark(last.is_sensitive)))
                }
                None if last.as_unknown().is_some() => return last.at(origin),
                None => return Val::error("the last argument is no list", origin),
            }
        }
        let origin = Origin {
            from: values.iter().find_map(|it| it.origin.from.clone()),
            ..origin
        };
        let cost: usize = values.iter().map(size).sum();
        if !self.spend(cost, &origin) {
            return Val::unknown(TOO_MUCH, origin);
        }
        let value = match name {
            "file" => self.file_call(&values, origin.clone()),
            "templatefile" => self.template_call(&values, origin.clone()),
            "templatestring" => match &values[..] {
                [template, vars] => self.rendered(template, Some(vars)),
                _ => Val::error("it takes a template and an object", origin.clone()),
            },
            _ => functions::call(
                name,
                &Args {
                    values: &values,
                    origin: &origin,
                },
            ),
        };
        let is_sensitive = name != "nonsensitive"
            && name != "issensitive"
            && values.iter().any(|it| {
                it.is_sensitive || functions::is_of_text(name) && it.is_anywhere_sensitive()
            });
        if !self.spend(size(&value), &origin) {
            return Val::unknown(TOO_MUCH, origin);
        }
        value.mark(is_sensitive)
    }

    fn first_without_error(&self, env: Env<'_, 'a>, arguments: &[Expr], origin: Origin) -> Val {
        for argument in arguments {
            let value = self.expr(env, argument);
            if !value.is_error() {
                return value;
            }
        }
        Val::error("every attempt is an error", origin)
    }

    fn is_without_error(&self, env: Env<'_, 'a>, arguments: &[Expr], origin: Origin) -> Val {
        match arguments.first().map(|it| self.expr(env, it)) {
            Some(value) if value.is_error() => Val::bool(false, origin),
            Some(value) => match value.as_unknown() {
                Some(unknown) => Val::unknown(unknown.why.clone(), origin),
                None => Val::bool(true, origin),
            },
            None => Val::error("it takes an argument", origin),
        }
    }

    fn file_call(&self, values: &[Val], origin: Origin) -> Val {
        match values {
            [path] => self.read_file(path, origin),
            _ => Val::error("it takes a path", origin),
        }
    }

    /// The text of a file that was read.
    pub(super) fn read_file(&self, path: &Val, origin: Origin) -> Val {
        match self.found(path, &origin) {
            Ok(file) if file.text.len() <= MAX_TEXT => {
                // Places in a text lead to the file that it is from.
                let inner = Origin::new(file, casemate_document::Span::new(0, file.text.len()));
                Val::text(file.text.clone(), inner.clone())
                    .at(origin.behind(crate::Role::Template, inner))
            }
            Ok(_) => Val::unknown(TOO_MUCH, origin),
            Err(value) => value,
        }
    }

    fn template_call(&self, values: &[Val], origin: Origin) -> Val {
        let [path, vars] = values else {
            return Val::error("it takes a path and an object", origin);
        };
        let file = match self.found(path, &origin) {
            Ok(file) => file.clone(),
            Err(value) => return value,
        };
        match crate::read::terraform::parse::template(&file) {
            Ok(parts) => self.fill(&file, &parts, Some(vars), origin),
            Err(error) => Val::error(error.message, origin),
        }
    }

    fn found(&self, path: &Val, origin: &Origin) -> Result<&'a Arc<File>, Val> {
        let Some(text) = path.as_text() else {
            return Err(match path.as_unknown() {
                Some(unknown) => Val::new(Kind::Unknown(unknown.clone()), origin.clone()),
                None => Val::error("a path is a string", origin.clone()),
            });
        };
        let place = joined(&self.root.path, &text);
        let file = place.and_then(|place| self.tree.file(&place));
        file.ok_or_else(|| {
            Val::unknown(
                format!("{text} is not among the files that were read"),
                origin.clone(),
            )
        })
    }

    /// A template whose names are those of `vars`.
    pub(super) fn fill(
        &self,
        file: &Arc<File>,
        parts: &[Part],
        vars: Option<&Val>,
        origin: Origin,
    ) -> Val {
        let fields = match vars.map(|it| &it.kind) {
            Some(Kind::Map(fields)) => Some(fields),
            Some(Kind::Unknown(unknown)) => {
                return Val::unknown(unknown.why.clone(), origin);
            }
            _ => None,
        };
        let items = fields.iter().flat_map(|fields| fields.items.iter());
        let names: Vec<(&str, Val)> = items
            .map(|(name, field)| (&**name, field.value.clone()))
            .collect();
        let env = Env {
            module: None,
            file,
            names: None,
        };
        self.under(env, &names, parts, origin)
    }

    /// Puts the names around each other, and fills the template in.
    fn under(
        &self,
        env: Env<'_, 'a>,
        names: &[(&str, Val)],
        parts: &[Part],
        origin: Origin,
    ) -> Val {
        let Some(((name, value), rest)) = names.split_first() else {
            return self.template(env, parts, origin);
        };
        if rest.len() > MAX_NAMES {
            return Val::unknown(TOO_MUCH, origin);
        }
        let name = Name {
            name,
            value: value.clone(),
            outer: env.names,
        };
        let env = Env {
            names: Some(&name),
            ..env
        };
        self.under(env, rest, parts, origin)
    }
}

/// Walking a node is less than computing one.
fn size(value: &Val) -> usize {
    value.weight() as usize / 4
}

/// Names of one template.
const MAX_NAMES: usize = 200;
