//! Which roles of AWS come into the cluster as whom: by the ConfigMap `aws-auth`, and by access entries of EKS
//! (<https://docs.aws.amazon.com/eks/latest/userguide/grant-k8s-access.html>).

use std::sync::Arc;

use casemate_document::Node;
use casemate_posture::{
    Cursor, Fact, Resource, Truth, World,
    access::{Clouds, PrincipalKind},
};

use super::{
    Because,
    arns::Arns,
    builtin::{self, Given},
    rbac::{Bound, Rbac, objects},
};
use crate::{Gap, cluster::namespace_of, document::document};

/// That a role is somebody in the cluster.
pub(super) struct Entrant {
    /// The place of the principal.
    pub(super) principal: usize,
    pub(super) truth: Truth,
    pub(super) because: Because,
    /// The bindings that are about who it is.
    pub(super) bound: Vec<Bound>,
    /// Whether it is a node, whose rights are up to the pods on it.
    pub(super) is_node: bool,
}

/// Those of the files.
pub(super) fn read<'a>(
    world: &'a World,
    arns: &Arns<'_, 'a>,
    clouds: &Clouds,
    rbac: &mut Rbac,
    gaps: &mut Vec<Gap>,
) -> Vec<Entrant> {
    let mut reader = Reader {
        arns,
        clouds,
        rbac,
        gaps,
        is_one: match world.of_kind("aws_eks_cluster").nth(1) {
            None => Truth::Yes,
            Some(_) => {
                Truth::Unknown("which of several clusters of EKS it is, is not known".into())
            }
        },
        entrants: Vec::new(),
    };
    for map in objects(world, "ConfigMap") {
        let is_called = map.at("metadata.name").equals("aws-auth").is_yes();
        let home = namespace_of(map, &mut Vec::new()).ok();
        if is_called && home.as_deref() == Some("kube-system") {
            reader.mapped(map);
        }
    }
    for entry in world.of_kind("aws_eks_access_entry") {
        reader.entry(entry);
    }
    for association in world.of_kind("aws_eks_access_policy_association") {
        reader.policy(association);
    }
    reader.entrants
}

struct Reader<'r, 'a> {
    arns: &'r Arns<'r, 'a>,
    clouds: &'r Clouds,
    rbac: &'r mut Rbac,
    gaps: &'r mut Vec<Gap>,
    is_one: Truth,
    entrants: Vec<Entrant>,
}

impl<'a> Reader<'_, 'a> {
    /// The roles of `aws-auth`.
    fn mapped(&mut self, map: &Resource) {
        let at = map.at("data.mapRoles");
        let roles = match document(&at, "the roles that come into the cluster") {
            Ok(Some(root)) => root,
            Ok(None) => return,
            Err(why) => {
                Gap::tell(&at, &why, self.gaps);
                return;
            }
        };
        for role in roles.items() {
            let text = |key: &str| role.get(key).and_then(Node::as_str);
            let Some(arn) = text("rolearn") else {
                Gap::tell(
                    &at,
                    "which role comes into the cluster is not known",
                    self.gaps,
                );
                continue;
            };
            let groups = role.get("groups").map_or(&[][..], Node::items).iter();
            let groups: Option<Vec<&str>> = groups.map(Node::as_str).collect();
            let Some(groups) = groups else {
                Gap::tell(&at, "of which groups a role is, is not known", self.gaps);
                continue;
            };
            let what = format!("aws-auth says who {arn} is in the cluster");
            let found = self.named(arn);
            let user = text("username");
            if user.is_some_and(is_chosen) {
                Gap::tell(&at, CHOSEN, self.gaps);
            }
            self.comes(&found, user, &groups, &Because::at(what, &at));
        }
    }

    /// Those of the roles of the files that an ARN names; whoever is not among them nobody of the files becomes.
    fn named(&self, arn: &str) -> Vec<(usize, Truth)> {
        let elsewhere = self.clouds.called(PrincipalKind::AwsRole, arn);
        let found = self.arns.named(arn, self.clouds);
        match found.is_empty() {
            true => elsewhere.map(|it| (it, Truth::Yes)).into_iter().collect(),
            false => found,
        }
    }

    /// The same of an ARN in Terraform's files.
    fn meant(&mut self, arn: &Cursor<'a>) -> Vec<(usize, Truth)> {
        if let Some(role) = self.arns.references.one(arn, "aws_iam_role") {
            let role = self.clouds.principal(role).map(|it| (it, Truth::Yes));
            return role.into_iter().collect();
        }
        match arn.text() {
            Fact::Known(text) => self.named(&text),
            Fact::Absent => Vec::new(),
            Fact::Unknown(_) => {
                Gap::tell(
                    arn,
                    "which role comes into the cluster is not known",
                    self.gaps,
                );
                Vec::new()
            }
        }
    }

    fn comes(
        &mut self,
        roles: &[(usize, Truth)],
        user: Option<&str>,
        groups: &[&str],
        because: &Because,
    ) {
        let mut bound = self.rbac.bound_as(user, groups);
        if groups.contains(&"system:masters") {
            let name = "the group system:masters is bound to ClusterRole cluster-admin";
            bound.push(self.give(name, "cluster-admin", builtin::ADMINISTRATOR, None, because));
        }
        self.add(roles, &bound, groups.contains(&"system:nodes"), because);
    }

    fn add(&mut self, roles: &[(usize, Truth)], bound: &[Bound], is_node: bool, because: &Because) {
        for (principal, is_it) in roles {
            self.entrants.push(Entrant {
                principal: *principal,
                truth: is_it.clone().and(|| self.is_one.clone()),
                because: because.clone(),
                bound: bound.to_vec(),
                is_node,
            });
        }
    }

    fn give(
        &mut self,
        name: &str,
        role: &str,
        given: &[Given],
        namespace: Option<Arc<str>>,
        because: &Because,
    ) -> Bound {
        let at = self
            .rbac
            .give(name, role, given, namespace, because.origin.as_ref());
        (at, Truth::Yes)
    }

    fn entry(&mut self, entry: &'a Resource) {
        let arn = entry.at("principal_arn");
        let roles = self.meant(&arn);
        let mut groups = Vec::new();
        for group in entry.at("kubernetes_groups").items() {
            match group.text() {
                Fact::Known(group) => groups.push(group),
                Fact::Absent | Fact::Unknown(_) => {
                    Gap::tell(&group, "of which groups a role is, is not known", self.gaps);
                }
            }
        }
        let mut groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        // `EC2_LINUX` and its like.
        let of_nodes = entry
            .at("type")
            .text()
            .is(|it| it != "STANDARD" && it != "HYPERPOD");
        if of_nodes.is_yes() {
            groups.push("system:nodes");
        }
        if let Truth::Unknown(_) = of_nodes {
            Gap::tell(
                &entry.at("type"),
                "whether the role is of nodes is not known",
                self.gaps,
            );
        }
        let user = entry.at("user_name").text();
        if matches!(&user, Fact::Unknown(_)) || user.clone().is(|it| is_chosen(&it)).is_yes() {
            Gap::tell(&entry.at("user_name"), CHOSEN, self.gaps);
        }
        let user = user.ok();
        let what = format!("{} says who the role is in the cluster", entry.address);
        self.comes(&roles, user.as_deref(), &groups, &Because::at(what, &arn));
    }

    fn policy(&mut self, association: &'a Resource) {
        let roles = self.meant(&association.at("principal_arn"));
        if roles.is_empty() {
            return;
        }
        let arn = association.at("policy_arn");
        let because = Because::at(format!("{} lets the role in", association.address), &arn);
        let name = arn.text().ok();
        let name = name.as_deref().and_then(|it| it.rsplit('/').next());
        let known = POLICIES.iter().find(|(it, _)| Some(*it) == name);
        let scopes = association.cursor().walk("access_scope[].type");
        let is_local = Truth::any(scopes.iter().map(|it| it.equals("namespace")));
        let (Some((name, given)), Truth::Yes | Truth::No) = (known, &is_local) else {
            let why = Gap::tell(
                &arn,
                "what the policy gives in the cluster is not known",
                self.gaps,
            );
            let at = self
                .rbac
                .give_unknown(&association.address, &why, arn.origin());
            self.add(&roles, &[(at, Truth::Yes)], false, &because);
            return;
        };
        let mut places = vec![None];
        if is_local.is_yes() {
            places.clear();
            for namespace in association.cursor().walk("access_scope[].namespaces[]") {
                match namespace.text() {
                    Fact::Known(it) if !it.contains('*') => places.push(Some(Arc::from(it))),
                    _ => {
                        let why = "in which namespaces the policy holds is not known";
                        let why = Gap::tell(&namespace, why, self.gaps);
                        let at = self
                            .rbac
                            .give_unknown(&association.address, &why, arn.origin());
                        self.add(&roles, &[(at, Truth::Yes)], false, &because);
                    }
                }
            }
        }
        let what = format!("{} gives {name}", association.address);
        let bound: Vec<Bound> = places
            .into_iter()
            .map(|it| self.give(&what, name, given, it, &because))
            .collect();
        self.add(&roles, &bound, false, &because);
    }
}

/// What policies of EKS give, by name
/// (<https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html>).
const POLICIES: &[(&str, &[Given])] = &[
    ("AmazonEKSClusterAdminPolicy", builtin::ADMINISTRATOR),
    ("AmazonEKSAdminPolicy", builtin::ADMIN),
    ("AmazonEKSEditPolicy", builtin::EDIT),
    ("AmazonEKSViewPolicy", &[]),
    ("AmazonEKSAdminViewPolicy", builtin::READS),
];

/// Whether a user's name has what whoever takes the role calls the session.
fn is_chosen(user: &str) -> bool {
    user.contains("{{Session")
}

const CHOSEN: &str = "which user a role is in the cluster is not known";
