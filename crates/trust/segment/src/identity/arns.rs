//! Which roles of AWS ARNs mean.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use casemate_posture::{
    Cursor, Fact, Resource, Truth, World,
    access::{Clouds, PrincipalKind, References, account_of_aws},
};

use super::rbac::objects;

/// The roles that are declared, as ARNs name them: by an account and a name.
pub(super) struct Arns<'r, 'a> {
    pub(super) references: &'r References<'a>,
    /// The roles, by their principal.
    pub(super) roles: HashMap<usize, &'a Resource>,
    /// The accounts of those of which it is known.
    accounts: HashMap<usize, String>,
    /// Whether the files name roles of several accounts.
    are_several: bool,
}

impl<'r, 'a> Arns<'r, 'a> {
    pub(super) fn of(world: &'a World, references: &'r References<'a>, clouds: &Clouds) -> Self {
        let roles = world.of_kind("aws_iam_role");
        let roles = roles.filter_map(|it| Some((clouds.principal(it)?, it)));
        let roles: HashMap<usize, &Resource> = roles.collect();
        let known = |(at, it): (&usize, &&Resource)| Some((*at, account_of_aws(it)?));
        let accounts: HashMap<usize, String> = roles.iter().filter_map(known).collect();
        let annotated = objects(world, "ServiceAccount").filter_map(|it| {
            let annotations = it.at("metadata.annotations");
            let arn = annotations.get(ROLE_ANNOTATION).text().ok()?;
            parts(&arn).0.map(str::to_owned)
        });
        let named: BTreeSet<String> = annotated.chain(accounts.values().cloned()).collect();
        Self {
            references,
            roles,
            accounts,
            are_several: named.len() > 1,
        }
    }

    /// The roles that an ARN may mean, each with whether it is it; one that is not among the files is added.
    pub(super) fn meant(&self, arn: &Cursor<'a>, clouds: &mut Clouds) -> Vec<(usize, Truth)> {
        let kind = PrincipalKind::AwsRole;
        if let Some(role) = self.references.one(arn, "aws_iam_role") {
            let role = clouds.principal(role).map(|it| (it, Truth::Yes));
            return role.into_iter().collect();
        }
        let text = match arn.text() {
            Fact::Known(text) => text,
            Fact::Absent => return Vec::new(),
            Fact::Unknown(why) => {
                let called = format!("a role ({why})");
                return vec![(clouds.add_unknown(kind, &called, arn), Truth::Unknown(why))];
            }
        };
        let mut found = self.named(&text, clouds);
        if found.is_empty() {
            let why = format!("whom {text} trusts is not among the files");
            let added = clouds.add_unknown(kind, &text, arn);
            found.push((added, Truth::Unknown(why.into())));
        }
        found
    }

    /// Those of the roles that are declared which an ARN may mean.
    pub(super) fn named(&self, arn: &str, clouds: &Clouds) -> Vec<(usize, Truth)> {
        let (account, name) = parts(arn);
        let is_of_it = |at: &usize| match (account, self.accounts.get(at)) {
            (Some(account), Some(own)) => account == own,
            _ => true,
        };
        let found = clouds.named(PrincipalKind::AwsRole, name).iter();
        let found: Vec<usize> = found.copied().filter(is_of_it).collect();
        let why: Option<Arc<str>> = match found[..] {
            [one] if self.are_several && account.is_some() && !self.accounts.contains_key(&one) => {
                let role = &clouds.principals[one].address;
                let why = "is not known, and the files name several";
                Some(format!("of which account of AWS {role} is {why}").into())
            }
            [] | [_] => None,
            _ => Some(format!("there are {} roles of that name", found.len()).into()),
        };
        let truth = why.map_or(Truth::Yes, Truth::Unknown);
        found.into_iter().map(|it| (it, truth.clone())).collect()
    }
}

/// The account that an ARN names, and the name of the role.
fn parts(arn: &str) -> (Option<&str>, &str) {
    let (before, path) = arn.split_once(":role/").unwrap_or(("", arn));
    let account = before.rsplit(':').next().filter(|it| !it.is_empty());
    (account, path.rsplit('/').next().unwrap_or(path))
}

/// What EKS looks for at a service account.
pub(super) const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
