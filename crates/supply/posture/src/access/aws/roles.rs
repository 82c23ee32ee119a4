//! Which policies hold for a role.

use std::{
    collections::{HashMap, HashSet},
    ptr,
};

use super::super::{Companions, References};
use crate::{Cursor, Resource, Truth, World};

/// The policies that hold for roles, wherever they stand.
pub(crate) struct Roles<'a> {
    attached: Vec<Companions<'a>>,
    inline: Companions<'a>,
    /// Attachments and inline policies by the name of the role that they write.
    by_name: HashMap<String, Vec<&'a Resource>>,
    references: &'a References<'a>,
    by_policy_name: HashMap<String, &'a Resource>,
}

/// The policies of one role.
#[derive(Default)]
pub(crate) struct Policies<'a> {
    /// The names of policies that it lists itself.
    pub(crate) named: Vec<Cursor<'a>>,
    /// The names of policies that are attached to it.
    pub(crate) attached: Vec<Cursor<'a>>,
    /// What is written here.
    pub(crate) written: Vec<Cursor<'a>>,
}

impl<'a> Roles<'a> {
    pub(crate) fn of(world: &'a World, references: &'a References<'a>) -> Self {
        let of = |kind, key| Companions::new(world, kind, key, "aws_iam_role");
        let mut by_name: HashMap<String, Vec<&Resource>> = HashMap::new();
        for kind in ["aws_iam_role_policy_attachment", "aws_iam_role_policy"] {
            for resource in world.of_kind(kind) {
                if let Some(name) = resource.at("role").text().ok() {
                    by_name.entry(name).or_default().push(resource);
                }
            }
        }
        for resource in world.of_kind("aws_iam_policy_attachment") {
            for name in resource.at("roles").items() {
                if let Some(name) = name.text().ok() {
                    by_name.entry(name).or_default().push(resource);
                }
            }
        }
        let named = world.of_kind("aws_iam_policy");
        let named = named.filter_map(|it| Some((it.at("name").text().ok()?, it)));
        Self {
            attached: vec![
                of("aws_iam_role_policy_attachment", "role"),
                of("aws_iam_policy_attachment", "roles"),
            ],
            inline: of("aws_iam_role_policy", "role"),
            by_name,
            references,
            by_policy_name: named.collect(),
        }
    }

    /// Whether there are policies of roles that nobody knows.
    pub(super) fn others(&self) -> Truth {
        let all = self.attached.iter().chain([&self.inline]);
        Truth::any(all.map(Companions::others))
    }

    pub(crate) fn policies(&self, role: &'a Resource) -> Policies<'a> {
        let mut all = Policies {
            named: role.at("managed_policy_arns").items(),
            ..Policies::default()
        };
        all.written.extend(
            role.cursor()
                .walk("inline_policy[].policy")
                .into_iter()
                .chain(self.inline.of(role).map(|it| it.at("policy"))),
        );
        let attached = self.attached.iter().flat_map(|it| it.of(role));
        let mut attached: Vec<&Resource> = attached.collect();
        let name = role.at("name").text().ok();
        let by_name = name.and_then(|name| self.by_name.get(&name));
        for resource in by_name.into_iter().flatten().copied() {
            match &*resource.kind {
                "aws_iam_role_policy" => all.written.push(resource.at("policy")),
                _ => attached.push(resource),
            }
        }
        once_each(&mut attached);
        all.attached
            .extend(attached.iter().map(|it| it.at("policy_arn")));
        let arns = all.attached.iter().chain(&all.named);
        let mut written: Vec<&Resource> = arns.filter_map(|it| self.declared(it)).collect();
        once_each(&mut written);
        all.written.extend(written.iter().map(|it| it.at("policy")));
        let mut seen = Vec::new();
        all.written.retain(|it| {
            let place = (ptr::from_ref(it.resource), it.path.clone());
            let is_new = !seen.contains(&place);
            seen.push(place);
            is_new
        });
        all
    }

    /// The policy that an ARN is of, where it is among the files.
    pub(super) fn declared(&self, arn: &Cursor<'a>) -> Option<&'a Resource> {
        let by_name = || {
            let arn = arn.text().ok()?;
            self.by_policy_name.get(policy_name(&arn)?).copied()
        };
        self.references.one(arn, "aws_iam_policy").or_else(by_name)
    }
}

fn once_each(resources: &mut Vec<&Resource>) {
    let mut seen = HashSet::new();
    resources.retain(|it| seen.insert(ptr::from_ref(*it)));
}

/// The name of a policy of the account itself: those of AWS's have none of an account.
fn policy_name(arn: &str) -> Option<&str> {
    let rest = arn.strip_prefix("arn:aws")?;
    let (account, path) = rest.split_once(":policy/")?;
    (!account.ends_with(":aws")).then(|| path.rsplit('/').next().unwrap_or(path))
}
