//! Whom roles of AWS trust
//! (<https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>).

use std::collections::BTreeSet;

use super::super::{
    each, glob,
    policy::{self, Statement},
};
use crate::{Cursor, Fact, Resource, Truth};

/// Whether the trust of a role lets a service account of a cluster assume it, by the web identity of the account.
pub fn trusts_account(role: &Resource, namespace: &str, name: &str) -> Truth {
    let subject = format!("{ACCOUNT}{namespace}:{name}");
    trusts(role, "sts:assumerolewithwebidentity", |it| {
        is_federated(it).and(|| is_of_account(it, &subject))
    })
}

/// The service accounts that the trust of a role names, as it writes them: `lab:notebook`, `lab:*`. Whether it trusts
/// one, [`trusts_account`] says.
pub fn trusted_accounts(role: &Resource) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    // Statements of a policy that is written as JSON are all of one place.
    let mut last = None;
    for statement in policy::statements(&role.at("assume_role_policy")) {
        let condition = statement.cursor().get("Condition");
        let variables = condition.entries().into_iter();
        let variables = variables.flat_map(|(_, it)| it.entries());
        let (mut subjects, mut is_said) = (Vec::new(), false);
        for (key, values) in variables {
            is_said |= key.ends_with(":sub");
            subjects.extend(each(&values).iter().filter_map(|it| it.text().ok()));
        }
        // Behind a key that is known after an apply, values are written nevertheless.
        let written = condition.origin().text();
        if let Fact::Known(_) | Fact::Unknown(_) = condition.fact {
            let place = (written.as_ptr(), written.len());
            is_said |= match last {
                Some((before, is_said)) if before == place => is_said,
                _ => {
                    named.extend(written.split('"').filter_map(account));
                    let is_said = written.contains(":sub");
                    last = Some((place, is_said));
                    is_said
                }
            };
        }
        named.extend(subjects.iter().filter_map(|it| account(it)));
        if !is_said && is_of_clusters(&statement) {
            named.insert("*".to_owned());
        }
    }
    named
}

/// The account that a subject is, where it is written out.
fn account(subject: &str) -> Option<String> {
    let account = subject.strip_prefix(ACCOUNT)?;
    (!account.contains("${")).then(|| account.to_owned())
}

/// Whether a statement lets whoever comes from a cluster of EKS in, where its conditions do not say whom.
fn is_of_clusters(statement: &Statement<'_>) -> bool {
    let providers = each(&statement.cursor().at("Principal.Federated"));
    let is_cluster = |it: &Cursor<'_>| it.text().is(|it| it.contains("oidc.eks.")) != Truth::No;
    let acts = statement.is_about("sts:assumerolewithwebidentity");
    statement.allows().and(|| acts) != Truth::No && providers.iter().any(is_cluster)
}

/// The account of AWS that a role is of, where its trust says it: a provider of identities is of the same.
pub fn account_of_aws(role: &Resource) -> Option<String> {
    let statements = policy::statements(&role.at("assume_role_policy"));
    let providers = statements
        .iter()
        .flat_map(|it| each(&it.cursor().at("Principal.Federated")));
    let accounts = providers.filter_map(|it| {
        let text = it.text().ok()?;
        let (_, rest) = text.split_once(":iam::")?;
        let (account, _) = rest.split_once(":oidc-provider/")?;
        Some(account.to_owned())
    });
    let accounts: BTreeSet<String> = accounts.collect();
    accounts.first().filter(|_| accounts.len() == 1).cloned()
}

/// Whether the trust of a role lets EKS assume it for pods.
pub fn trusts_pods(role: &Resource) -> Truth {
    trusts(role, "sts:assumerole", |it| {
        let services = each(&it.cursor().at("Principal.Service"));
        let is_of_pods = services
            .iter()
            .map(|it| it.equals("pods.eks.amazonaws.com"));
        Truth::any(is_of_pods).and(|| match it.has_condition() {
            Truth::No => Truth::Yes,
            _ => Truth::Unknown(format!("the trust of {} has a condition", role.address).into()),
        })
    })
}

/// Whether some statement allows an action to whom it is for, and none denies it.
fn trusts(role: &Resource, action: &str, is_for: impl Fn(&Statement<'_>) -> Truth) -> Truth {
    let document = role.at("assume_role_policy");
    if let Fact::Unknown(why) = &document.fact {
        return Truth::Unknown(why.clone());
    }
    let statements = policy::statements(&document);
    let acts = |it: &Statement<'_>| it.is_about(action);
    let is_for = |it: &Statement<'_>| match it.cursor().get("NotPrincipal").is_absent() {
        Truth::Yes => is_for(it),
        _ => {
            let why = format!("{} trusts all but some, who are not followed", role.address);
            Truth::Unknown(why.into())
        }
    };
    let allows = |it: &Statement<'_>| it.allows().and(|| acts(it)).and(|| is_for(it));
    let denies = |it: &Statement<'_>| {
        let denies = it.cursor().get("Effect").equals("Deny");
        denies.and(|| acts(it)).and(|| {
            let why = format!("the trust of {} denies it to some", role.address);
            Truth::Unknown(why.into())
        })
    };
    Truth::any(statements.iter().map(allows)).and(|| !Truth::any(statements.iter().map(denies)))
}

/// Whether a statement is about who comes from a provider of identities. One without a principal AWS refuses.
fn is_federated(statement: &Statement<'_>) -> Truth {
    let principal = statement.cursor().get("Principal");
    match principal.text() {
        Fact::Unknown(why) => return Truth::Unknown(why),
        Fact::Known(_) => return Truth::Yes,
        Fact::Absent if principal.is_absent().is_yes() => return Truth::Yes,
        Fact::Absent => {}
    }
    let providers = each(&principal.get("Federated"));
    Truth::any(
        providers
            .iter()
            .map(|it| it.text().is(|it| !it.contains(":saml-provider/"))),
    )
    .or(|| Truth::any(each(&principal.get("AWS")).iter().map(|it| it.equals("*"))))
}

/// Whether the conditions of a statement hold for the subject of the token of an account, and for the rest of it
/// as every cluster writes it.
fn is_of_account(statement: &Statement<'_>, subject: &str) -> Truth {
    let condition = statement.cursor().get("Condition");
    if let Fact::Absent = condition.fact {
        return Truth::Yes;
    }
    let (mut of_subject, mut others, mut are_followed) = (Vec::new(), Vec::new(), true);
    for (test, variables) in condition.entries() {
        for (key, values) in variables.entries() {
            let values = each(&values);
            if key.ends_with(":sub") {
                are_followed &= kind_of(test).is_some();
                let holds = values.iter().map(|it| is_subject(test, it, subject));
                of_subject.push(Truth::any(holds));
            } else if key.ends_with(":aud") && kind_of(test).is_some() {
                let is_it = |it: &Cursor<'_>| is_subject(test, it, "sts.amazonaws.com");
                others.push(Truth::any(values.iter().map(is_it)));
            } else {
                are_followed &= !key.contains(':') || key.contains("${");
                let why = format!("{test} of {key} is not followed");
                others.push(Truth::Unknown(why.into()));
            }
        }
    }
    // Behind the name of the provider, which is known after an apply, the subject is written nevertheless.
    let is_written = || {
        let text = condition.origin().text();
        are_followed
            && text.contains(&format!("\"{subject}\""))
            && text.contains(":sub")
            && !text.contains("StringNot")
    };
    match Truth::all(of_subject.iter().cloned()) {
        Truth::Yes if of_subject.is_empty() && !is_written() => Truth::Unknown(
            format!(
                "whom {} trusts is not known",
                statement.cursor().resource.address
            )
            .into(),
        ),
        Truth::Unknown(_) if is_written() => Truth::Yes,
        truth => truth.and(|| Truth::all(others)),
    }
}

/// How a test compares texts, where it is one that is followed.
fn kind_of(test: &str) -> Option<&str> {
    let test = test.strip_prefix("ForAnyValue:").unwrap_or(test);
    let test = test.strip_suffix("IfExists").unwrap_or(test);
    let known = ["StringLike", "StringEquals", "StringEqualsIgnoreCase"];
    known.contains(&test).then_some(test)
}

fn is_subject(test: &str, value: &Cursor<'_>, subject: &str) -> Truth {
    value.text().holds(|value| match kind_of(test) {
        Some("StringLike") => glob::matches(&value, subject),
        Some("StringEquals") => (value == subject).into(),
        Some(_) => value.eq_ignore_ascii_case(subject).into(),
        None => Truth::Unknown(format!("{test} is not followed").into()),
    })
}

/// What the subject of a token of a service account begins with.
const ACCOUNT: &str = "system:serviceaccount:";
