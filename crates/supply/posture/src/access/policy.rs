//! Policies of AWS's identity and access management, as far as rules ask for them
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).

use super::{each, glob};
use crate::{Cursor, Fact, Truth};

/// A statement of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a>(pub(crate) Cursor<'a>);

/// The statements of the policy at `cursor`. What is no text of JSON, nor known, has none that are.
pub(crate) fn statements<'a>(cursor: &Cursor<'a>) -> Vec<Statement<'a>> {
    let list = cursor.get("Statement");
    let items = match &list.fact {
        Fact::Known(attr) if attr.entries().is_empty() => list.items(),
        Fact::Absent => Vec::new(),
        _ => vec![list],
    };
    items.into_iter().map(Statement).collect()
}

impl<'a> Statement<'a> {
    /// What has its fields.
    pub(crate) fn cursor(&self) -> &Cursor<'a> {
        &self.0
    }

    /// Whether it allows something.
    pub(crate) fn allows(&self) -> Truth {
        self.0.get("Effect").equals("Allow")
    }

    /// Whether something else has to hold as well.
    pub(crate) fn has_condition(&self) -> Truth {
        !self.0.get("Condition").is_absent()
    }

    /// Whether one of the actions that it names is one that `f` holds of.
    pub(crate) fn acts(&self, f: impl Fn(&str) -> bool) -> Truth {
        any_text(&self.0.get("Action"), |text| f(&text.to_ascii_lowercase()))
    }

    /// Whether it is about an action, in small letters: it is one of those that it names, or none of those that it
    /// leaves out.
    pub(super) fn is_about(&self, action: &str) -> Truth {
        let is = |it: &Cursor<'_>| {
            it.text()
                .holds(|it| glob::matches(&it.to_ascii_lowercase(), action))
        };
        let is_among = |key: &str| Truth::any(each(&self.0.get(key)).iter().map(is));
        match self.0.get("NotAction").is_absent() {
            Truth::Yes => is_among("Action"),
            _ => is_among("Action").or(|| !is_among("NotAction")),
        }
    }

    /// Whether it is about every resource.
    pub(crate) fn is_of_all(&self) -> Truth {
        any_text(&self.0.get("Resource"), |text| text == "*")
    }

    /// Whether anybody is its principal.
    pub(crate) fn is_for_anybody(&self) -> Truth {
        let principal = self.0.get("Principal");
        any_text(&principal, |text| text == "*")
            .or(|| any_text(&principal.get("AWS"), |text| text == "*"))
    }
}

/// Of a text, or of one in a list. What a provider computes is the name of one thing, and never a
/// wildcard.
fn any_text(cursor: &Cursor<'_>, f: impl Fn(&str) -> bool) -> Truth {
    let items = match &cursor.fact {
        Fact::Known(attr) if attr.as_str().is_none() => cursor.items(),
        _ => vec![cursor.clone()],
    };
    Truth::any(items.iter().map(|item| match item.text() {
        Fact::Unknown(why) if is_name(&why) => Truth::No,
        text => text.is(|text| f(&text)),
    }))
}

/// Whether what is not known is a name that AWS gives: of what is made, of the account or the region.
fn is_name(why: &str) -> bool {
    let sources = [
        "data.aws_partition.",
        "data.aws_caller_identity.",
        "data.aws_region.",
    ];
    let ends = ["is known after apply", ".arn is read when it is applied"];
    ends.iter().any(|it| why.ends_with(it)) || sources.iter().any(|it| why.starts_with(it))
}
