//! Whom rules of a mesh mean: by the name that a source proves, and by its address.

use std::sync::Arc;

use casemate_posture::{Fact, Truth};

use crate::{Addresses, Workload};

/// A source of which all of this holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) conditions: Vec<Condition>,
    /// Whether it is asked where nobody can say who he is.
    is_in_plain: bool,
}

/// Something that a rule asks of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    pub(crate) one_of: Attribute,
    /// Whether it must not be any of these.
    pub(crate) is_not: bool,
}

/// What a source is, in one of several ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Attribute {
    /// `cluster.local/ns/lab/sa/notebook`.
    Principals(Vec<Pattern>),
    /// `*` stands for any text, also in the middle.
    Namespaces(Vec<String>),
    /// Namespaces and names of service accounts.
    Accounts(Vec<(String, String)>),
    TrustDomains(Vec<Pattern>),
    Addresses(Addresses),
    /// Nobody knows, and why.
    Unknown(Arc<str>),
}

/// A text of Istio's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    Any,
    Begin(String),
    End(String),
    Exact(String),
}

impl Caller {
    /// Anyone.
    pub(crate) fn anyone() -> Self {
        Self {
            conditions: Vec::new(),
            is_in_plain: false,
        }
    }

    /// Whoever does not say who he is.
    pub(crate) fn nobody() -> Self {
        Self {
            conditions: vec![Condition {
                one_of: Attribute::Principals(vec![Pattern::Any]),
                is_not: true,
            }],
            is_in_plain: false,
        }
    }

    /// The same, if something that nobody knows holds too.
    pub(crate) fn perhaps(mut self, why: &Arc<str>) -> Self {
        self.conditions.push(Condition {
            one_of: Attribute::Unknown(why.clone()),
            is_not: false,
        });
        self
    }

    /// The same where nobody can say who he is, if that is another.
    pub(crate) fn in_plain(&self) -> Option<Self> {
        let is_asked =
            |it: &Condition| !matches!(it.one_of, Attribute::Addresses(_) | Attribute::Unknown(_));
        self.conditions.iter().any(is_asked).then(|| Self {
            is_in_plain: true,
            ..self.clone()
        })
    }

    /// Whether it is somebody who says who he is if `is_identified`, `workload` in case, and has an address as
    /// `at` says.
    pub(crate) fn is(
        &self,
        is_identified: &Truth,
        workload: Option<&Workload>,
        at: impl Fn(&Addresses) -> Truth,
    ) -> Truth {
        let named = |f: &dyn Fn(&Workload) -> Truth| match self.is_in_plain {
            true => Truth::No,
            false => is_identified
                .clone()
                .and(|| match (workload, is_identified) {
                    (Some(workload), _) => f(workload),
                    (None, Truth::Unknown(why)) => Truth::Unknown(why.clone()),
                    (None, _) => Truth::No,
                }),
        };
        let holds = |condition: &Condition| {
            let is_one = match &condition.one_of {
                Attribute::Principals(patterns) => {
                    named(&|it| Truth::any(patterns.iter().map(|pattern| pattern.is_principal(it))))
                }
                Attribute::Namespaces(names) => {
                    named(&|it| Truth::any(names.iter().map(|name| is_of_namespace(name, it))))
                }
                Attribute::Accounts(accounts) => named(&|it| {
                    let is_it = |(namespace, name): &(String, String)| {
                        Truth::from(*it.namespace == **namespace)
                            .and(|| it.account.clone().is(|account| account == *name))
                    };
                    Truth::any(accounts.iter().map(is_it))
                }),
                Attribute::TrustDomains(patterns) => named(&|it| {
                    let domain = &it.member.trust_domain;
                    patterns.iter().any(|pattern| pattern.fits(domain)).into()
                }),
                Attribute::Addresses(addresses) => at(addresses),
                Attribute::Unknown(why) => Truth::Unknown(why.clone()),
            };
            match condition.is_not {
                true => !is_one,
                false => is_one,
            }
        };
        Truth::all(self.conditions.iter().map(holds))
    }
}

impl Pattern {
    /// As `StringMatcherWithPrefix` of Istio reads it.
    pub(crate) fn of(text: &str) -> Self {
        match (text, text.strip_prefix('*'), text.strip_suffix('*')) {
            ("*", ..) => Self::Any,
            (_, Some(end), _) => Self::End(end.to_owned()),
            (_, None, Some(begin)) => Self::Begin(begin.to_owned()),
            (_, None, None) => Self::Exact(text.to_owned()),
        }
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => !text.is_empty(),
            Self::Begin(begin) => text.starts_with(begin),
            Self::End(end) => text.ends_with(end),
            Self::Exact(exact) => text == exact,
        }
    }

    /// Whether it fits what a workload says that it is.
    fn is_principal(&self, workload: &Workload) -> Truth {
        let (domain, namespace) = (&workload.member.trust_domain, &workload.namespace);
        let known = format!("{domain}/ns/{namespace}/sa/");
        match &workload.account {
            Fact::Known(account) => self.fits(&format!("{known}{account}")).into(),
            Fact::Absent => Truth::No,
            Fact::Unknown(why) => {
                let may_fit = match self {
                    Self::Any => return Truth::Yes,
                    Self::Begin(begin) if known.starts_with(begin.as_str()) => return Truth::Yes,
                    Self::Begin(text) | Self::Exact(text) => text.starts_with(&known),
                    Self::End(_) => true,
                };
                match may_fit {
                    true => Truth::Unknown(why.clone()),
                    false => Truth::No,
                }
            }
        }
    }
}

/// Istio looks for the namespace with `.*/ns/NAME/.*`, in which `*` is `.*`.
fn is_of_namespace(name: &str, workload: &Workload) -> Truth {
    if !name.contains('*') {
        return (*workload.namespace == *name).into();
    }
    let fits = |account: &str| {
        let principal = format!("/ns/{}/sa/{account}", workload.namespace);
        is_like(&format!("*/ns/{name}/*"), &principal)
    };
    match &workload.account {
        Fact::Known(account) => fits(account).into(),
        Fact::Absent => Truth::No,
        // The name of an account has no `/`, so that what it is does not matter.
        Fact::Unknown(_) => fits("a").into(),
    }
}

/// Whether a text is like one in which `*` stands for any.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let begin = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(begin) else {
        return false;
    };
    let Some(end) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_at_the_begin_or_at_the_end() {
        let fits = |pattern: &str, text: &str| Pattern::of(pattern).fits(text);
        assert!(fits("*", "a") && !fits("*", ""));
        assert!(fits("a/*", "a/b") && !fits("a/*", "b/a/"));
        assert!(fits("*/b", "a/b") && !fits("*/b", "a/bc"));
        assert!(fits("a*b", "a*b") && !fits("a*b", "acb"));
        assert!(fits("*a*", "ba*") && !fits("*a*", "bac"));
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, is) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c*e", "abcde", true),
            ("a*c", "abd", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("a", "ab", false),
        ] {
            assert_eq!(is_like(pattern, text), is, "{pattern} {text}");
        }
    }
}
