//! Templates: texts with something to fill in.

use std::sync::Arc;

use super::{Env, Eval, MAX_TEXT, Name, TOO_MUCH, pairs};
use crate::{
    Origin,
    read::terraform::{
        syntax::{ForPart, Part},
        value::Val,
    },
};

impl<'a> Eval<'a> {
    pub(super) fn template(&self, env: Env<'_, 'a>, parts: &[Part], origin: Origin) -> Val {
        if let [Part::Interpolation(expr)] = parts {
            return self.expr(env, expr);
        }
        let mut text = Text::default();
        if let Err(error) = self.parts(env, parts, &mut text) {
            return error.at(origin);
        }
        let origin = Origin {
            from: text.from,
            ..origin
        };
        match text.why {
            Some(why) => Val::partial(&text.text, why, origin),
            None => Val::text(text.text, origin),
        }
        .mark(text.is_sensitive)
    }

    fn parts(&self, env: Env<'_, 'a>, parts: &[Part], out: &mut Text) -> Result<(), Val> {
        for part in parts {
            let origin = Origin::new(env.file, casemate_document::Span::default());
            if out.text.len() > MAX_TEXT || !self.spend(1 + out.text.len() / 4096, &origin) {
                return Err(Val::unknown(TOO_MUCH, origin));
            }
            match part {
                Part::Text(text) => out.text.push_str(text),
                Part::Interpolation(expr) => out.push(self.expr(env, expr))?,
                Part::If(condition, yes, no) => {
                    let condition = self.expr(env, condition);
                    out.is_sensitive |= condition.is_sensitive;
                    match condition.as_bool() {
                        Some(true) => self.parts(env, yes, out)?,
                        Some(false) => self.parts(env, no, out)?,
                        None => out.push_unknown(condition)?,
                    }
                }
                Part::For(part) => self.for_part(env, part, out)?,
            }
        }
        Ok(())
    }

    fn for_part(&self, env: Env<'_, 'a>, part: &ForPart, out: &mut Text) -> Result<(), Val> {
        let of = self.expr(env, &part.of);
        out.is_sensitive |= of.is_sensitive;
        let pairs = match pairs(&of) {
            Ok(pairs) => pairs,
            Err(value) => return out.push_unknown(value),
        };
        for (key, value) in pairs {
            let key_name = Name {
                name: part.key.as_deref().unwrap_or_default(),
                value: key,
                outer: env.names,
            };
            let name = Name {
                name: &part.value,
                value,
                outer: Some(&key_name),
            };
            let env = Env {
                names: Some(&name),
                ..env
            };
            self.parts(env, &part.body, out)?;
        }
        Ok(())
    }
}

/// A text that is being put together.
#[derive(Default)]
struct Text {
    text: String,
    why: Option<Arc<str>>,
    is_sensitive: bool,
    from: Option<Arc<crate::Step>>,
}

impl Text {
    fn push(&mut self, value: Val) -> Result<(), Val> {
        self.is_sensitive |= value.is_anywhere_sensitive();
        if self.from.is_none() {
            self.from.clone_from(&value.origin.from);
        }
        match value.as_partial() {
            Some((text, why)) => {
                self.text.push_str(&text);
                if self.why.is_none() {
                    self.why = why;
                }
                Ok(())
            }
            None if value.is_error() => Err(value),
            None => Err(Val::error("it is no string", value.origin)),
        }
    }

    fn push_unknown(&mut self, value: Val) -> Result<(), Val> {
        match value.as_unknown() {
            Some(_) => self.push(value),
            None => Err(Val::error(
                "it is not of the type that is needed",
                value.origin,
            )),
        }
    }
}
