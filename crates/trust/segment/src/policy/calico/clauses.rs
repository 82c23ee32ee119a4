//! Selectors in disjunctive form: whoever meets all requirements of one of the clauses.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Truth};

use super::{Scope, accounts::Accounts, expression, expression::Expression};
use crate::{
    Gap, Labels,
    cluster::{ACCOUNT_LABEL, NAME_LABEL},
    listed::is_there,
    policy::Pods,
    selector::{Namespaces, Requirement, Selector},
};

/// What an expression is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Pods,
    Namespaces,
    Accounts,
}

#[derive(Clone, Debug)]
pub(super) struct Clauses(Vec<Clause>);

/// What has to hold of an endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Clause {
    /// Of its own labels.
    pub(super) own: Vec<Requirement>,
    /// Of the labels of its namespace; without one it has none.
    pub(super) namespace: Vec<Requirement>,
}

impl Clauses {
    /// The ones that an expression says.
    pub(super) fn read(
        accounts: &Accounts,
        cursor: &Cursor<'_>,
        about: About,
        gaps: &mut Vec<Gap>,
    ) -> Self {
        Self::signed(accounts, cursor, (about, false), gaps)
    }

    /// The ones that say that an expression does not hold.
    pub(super) fn negated(
        accounts: &Accounts,
        cursor: &Cursor<'_>,
        about: About,
        gaps: &mut Vec<Gap>,
    ) -> Self {
        Self::signed(accounts, cursor, (about, true), gaps)
    }

    fn signed(
        accounts: &Accounts,
        cursor: &Cursor<'_>,
        (about, is_not): (About, bool),
        gaps: &mut Vec<Gap>,
    ) -> Self {
        let expression = match cursor.text() {
            Fact::Known(text) => expression::parse(&text),
            Fact::Absent if is_there(cursor) => Err("a selector is a text".to_owned()),
            Fact::Absent => Ok(Expression::All),
            Fact::Unknown(why) => Err(format!("a selector is not known: {why}")),
        };
        let clauses = expression.and_then(|it| {
            let mut reading = Reading {
                accounts,
                about,
                why: None,
            };
            let clauses = reading
                .clauses(&it, is_not)
                .filter(|it| it.len() <= MAX_CLAUSES);
            if let Some(why) = reading.why {
                Gap::tell(cursor, &why, gaps);
            }
            clauses.ok_or_else(|| "a selector with more alternatives than are looked at".to_owned())
        });
        match clauses {
            Ok(clauses) => Self(clauses),
            Err(why) => Self::unknown(&Gap::tell(cursor, &why, gaps)),
        }
    }

    /// All.
    pub(super) fn all() -> Self {
        Self(vec![Clause::default()])
    }

    /// Some, and why it is not known whom.
    pub(super) fn unknown(why: &Arc<str>) -> Self {
        Self(vec![Clause {
            own: vec![Requirement::Unknown(None, why.clone())],
            namespace: Vec::new(),
        }])
    }

    /// Those whose namespace, or whose service account, has one of the names.
    pub(super) fn of_names(about: About, names: &[String]) -> Self {
        let requirement = |key: &str| vec![Requirement::In(key.to_owned(), names.to_vec())];
        Self(vec![match about {
            About::Namespaces => Clause {
                namespace: requirement(NAME_LABEL),
                own: Vec::new(),
            },
            About::Pods | About::Accounts => Clause {
                own: requirement(ACCOUNT_LABEL),
                namespace: Vec::new(),
            },
        }])
    }

    /// Those of both.
    #[must_use]
    pub(super) fn and(&self, other: &Self) -> Self {
        both(&self.0, &other.0).map_or_else(
            || Self::unknown(&"selectors with more alternatives than are looked at".into()),
            Self,
        )
    }

    /// The pods that they mean, of the namespace of a policy if it is of one.
    pub(super) fn pods(&self, scope: &Scope<'_>) -> Vec<Pods> {
        let home = &scope.namespace;
        let pods = |clause: &Clause| Pods {
            namespaces: match &home {
                Some(Namespaces::One(home)) if !clause.namespace.is_empty() => {
                    let home = Requirement::In(NAME_LABEL.to_owned(), vec![home.to_string()]);
                    Namespaces::Selected(Selector([vec![home], clause.namespace.clone()].concat()))
                }
                Some(home) => home.clone(),
                None => Namespaces::Selected(Selector(clause.namespace.clone())),
            },
            selector: Selector(clause.own.clone()),
        };
        self.0.iter().map(pods).collect()
    }

    /// The pods that they mean, of whatever namespace.
    pub(super) fn peers(&self) -> Vec<Pods> {
        let pods = |clause: &Clause| Pods {
            namespaces: Namespaces::Selected(Selector(clause.namespace.clone())),
            selector: Selector(clause.own.clone()),
        };
        self.0.iter().map(pods).collect()
    }

    /// Whether they mean something with such labels, in a namespace with such.
    pub(super) fn matches(&self, own: &Labels, namespace: &Labels) -> Truth {
        let clause = |it: &Clause| {
            let all = |all: &[Requirement], labels: &Labels| {
                Truth::all(all.iter().map(|it| it.holds(labels)))
            };
            all(&it.own, own).and(|| all(&it.namespace, namespace))
        };
        Truth::any(self.0.iter().map(clause))
    }
}

struct Reading<'r> {
    accounts: &'r Accounts,
    about: About,
    /// Why something of it is not known.
    why: Option<String>,
}

impl Reading<'_> {
    /// Nothing where there would be too many.
    fn clauses(&mut self, expression: &Expression, is_not: bool) -> Option<Vec<Clause>> {
        match (expression, is_not) {
            (Expression::Not(inner), _) => self.clauses(inner, !is_not),
            (Expression::And(all), false) | (Expression::Or(all), true) => {
                let mut clauses = vec![Clause::default()];
                for it in all {
                    clauses = both(&clauses, &self.clauses(it, is_not)?)?;
                }
                Some(clauses)
            }
            (Expression::Or(all), false) | (Expression::And(all), true) => {
                let mut clauses = Vec::new();
                for it in all {
                    clauses.extend(self.clauses(it, is_not)?);
                    if clauses.len() > MAX_CLAUSES {
                        return None;
                    }
                }
                Some(clauses)
            }
            (Expression::All | Expression::Global, _) => Some(self.everything(expression, is_not)),
            (Expression::Label(requirement), _) => Some(self.label(requirement.clone(), is_not)),
        }
    }

    fn everything(&mut self, expression: &Expression, is_not: bool) -> Vec<Clause> {
        let is_all = (*expression == Expression::All) != is_not;
        match self.about {
            // Of a namespace that is there, or of what has none: global sets of networks.
            About::Namespaces => {
                let label = NAME_LABEL.to_owned();
                vec![Clause {
                    namespace: vec![match is_all {
                        true => Requirement::Exists(label),
                        false => Requirement::Absent(label),
                    }],
                    own: Vec::new(),
                }]
            }
            About::Pods | About::Accounts if *expression == Expression::Global => {
                vec![self.unknown("global() is about namespaces alone")]
            }
            About::Pods | About::Accounts if is_all => vec![Clause::default()],
            About::Pods | About::Accounts => Vec::new(),
        }
    }

    fn label(&mut self, requirement: Requirement, is_not: bool) -> Vec<Clause> {
        let key = requirement.key().unwrap_or_default().to_owned();
        let requirement = match is_not {
            true => requirement.negated(),
            false => requirement,
        };
        let own = |it: Requirement| Clause {
            own: vec![it],
            namespace: Vec::new(),
        };
        let of_namespace = |it: Requirement| Clause {
            namespace: vec![it],
            own: Vec::new(),
        };
        let (about, key) = match (self.about, &*key) {
            (About::Pods, key) => match (key.strip_prefix("pcns."), key.strip_prefix("pcsa.")) {
                (Some(key), _) => (About::Namespaces, key),
                (_, Some(key)) => (About::Accounts, key),
                _ => (About::Pods, key),
            },
            (about, key) => (about, key),
        };
        vec![match (about, key) {
            (About::Namespaces, "projectcalico.org/name") => {
                of_namespace(requirement.of(NAME_LABEL))
            }
            (About::Namespaces, key) => of_namespace(requirement.of(key)),
            (About::Accounts, "projectcalico.org/name")
            | (_, "projectcalico.org/serviceaccount") => own(requirement.of(ACCOUNT_LABEL)),
            (About::Accounts, key) => return self.accounts.of(&requirement.of(key)),
            (About::Pods, "projectcalico.org/namespace") => {
                of_namespace(requirement.of(NAME_LABEL))
            }
            (About::Pods, "projectcalico.org/orchestrator") => {
                let mut labels = Labels::default();
                labels.add(key, "k8s");
                match requirement.of(key).holds(&labels) {
                    Truth::Yes => Clause::default(),
                    _ => return Vec::new(),
                }
            }
            (About::Pods, key) => own(requirement.of(key)),
        }]
    }

    fn unknown(&mut self, why: &str) -> Clause {
        self.why = Some(why.to_owned());
        Clause {
            own: vec![Requirement::Unknown(None, why.into())],
            namespace: Vec::new(),
        }
    }
}

/// Each of one with each of the other.
fn both(some: &[Clause], others: &[Clause]) -> Option<Vec<Clause>> {
    if some.len().saturating_mul(others.len()) > MAX_CLAUSES {
        return None;
    }
    let pairs = some.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
    let joined = pairs.map(|(a, b)| Clause {
        own: [&*a.own, &*b.own].concat(),
        namespace: [&*a.namespace, &*b.namespace].concat(),
    });
    let joined: Vec<Clause> = joined.collect();
    let is_small = |it: &Clause| it.own.len() + it.namespace.len() <= MAX_REQUIREMENTS;
    joined.iter().all(is_small).then_some(joined)
}

/// Nobody writes as many, and each is looked for in the whole cluster.
const MAX_CLAUSES: usize = 256;
const MAX_REQUIREMENTS: usize = 256;
