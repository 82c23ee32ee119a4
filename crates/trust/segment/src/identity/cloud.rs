//! Which roles of clouds service accounts have.

use std::collections::{BTreeSet, HashMap};

use casemate_posture::{
    Cursor, Fact, Resource, Truth, World,
    access::{
        Clouds, PrincipalKind, kubernetes_account, trusted_accounts, trusts_account, trusts_pods,
    },
};

use super::{
    Because,
    arns::{Arns, ROLE_ANNOTATION},
    rbac::objects,
};
use crate::{Gap, cluster::namespace_of};

/// That a service account has a role of a cloud.
#[derive(Clone, Debug)]
pub struct Tie {
    /// The place of the principal among all of [`Clouds`].
    pub principal: usize,
    /// Whether it is so.
    pub truth: Truth,
    /// Whether pods need the label of Azure's webhook for it.
    pub needs_label: bool,
    /// What says so.
    pub because: Vec<Because>,
}

/// Ties by the namespace and name of the account.
pub(super) type Ties = HashMap<(String, String), Vec<Tie>>;

/// The ties that the files declare; `running` are the accounts that pods run as.
pub(super) fn ties<'a>(
    world: &'a World,
    arns: &Arns<'_, 'a>,
    running: impl Iterator<Item = (String, String)>,
    clouds: &mut Clouds,
    gaps: &mut Vec<Gap>,
) -> Ties {
    let mut reader = Reader {
        arns,
        clouds,
        ties: Ties::new(),
        gaps,
    };
    reader.members(world);
    reader.associations(world);
    reader.federations(world);
    let mut known: BTreeSet<(String, String)> = running.collect();
    for account in objects(world, "ServiceAccount") {
        // Who reads the accounts tells that one is without a namespace, once.
        let namespace = namespace_of(account, &mut Vec::new()).ok();
        if let Some(key) = namespace.zip(account.at("metadata.name").text().ok()) {
            reader.annotated(account, (&key.0, &key.1));
            known.insert(key);
        }
    }
    reader.trusted(&known);
    reader.ties
}

struct Reader<'r, 'a> {
    arns: &'r Arns<'r, 'a>,
    clouds: &'r mut Clouds,
    ties: Ties,
    gaps: &'r mut Vec<Gap>,
}

impl<'a> Reader<'_, 'a> {
    fn tie(&mut self, (namespace, name): (&str, &str), tie: Tie) {
        let key = (namespace.to_owned(), name.to_owned());
        self.ties.entry(key).or_default().push(tie);
    }

    /// What an annotation of a service account names.
    fn annotated(&mut self, account: &'a Resource, key: (&str, &str)) {
        let annotations = account.at("metadata.annotations");
        let written = |key: &str| Some(annotations.get(key)).filter(crate::listed::is_there);
        if let Some(arn) = written(ROLE_ANNOTATION) {
            for (principal, is_it) in self.arns.meant(&arn, self.clouds) {
                let role = self.arns.roles.get(&principal).copied();
                let trusts = role.map_or(Truth::Yes, |it| trusts_account(it, key.0, key.1));
                let what = format!("the annotation {ROLE_ANNOTATION}");
                let mut because = vec![Because::at(what, &arn)];
                because.extend(role.map(|it| {
                    let what = format!("{} trusts the account", it.address);
                    Because::at(what, &it.at("assume_role_policy"))
                }));
                let tie = Tie {
                    principal,
                    truth: is_it.and(|| trusts),
                    needs_label: false,
                    because,
                };
                self.tie(key, tie);
            }
        }
        if let Some(email) = written("iam.gke.io/gcp-service-account") {
            self.google(key, &email);
        }
        if let Some(client) = written("azure.workload.identity/client-id") {
            self.azure(key, &client);
        }
    }

    /// The roles that trust accounts which no annotation among the files gives them: somebody may write one elsewhere.
    fn trusted(&mut self, known: &BTreeSet<(String, String)>) {
        let mut roles: Vec<(usize, &Resource)> =
            self.arns.roles.iter().map(|(at, it)| (*at, *it)).collect();
        roles.sort_unstable_by_key(|it| it.0);
        let mut work = 0;
        for (principal, role) in roles {
            let trust = role.at("assume_role_policy");
            for subject in trusted_accounts(role) {
                let of_all = subject.contains(['*', '?']);
                work += if of_all { known.len() } else { 1 };
                if work > MAX_WORK {
                    let why = "roles trust more accounts than is looked at";
                    Gap::tell(&trust, why, self.gaps);
                    return;
                }
                let one = subject.split_once(':').filter(|_| !of_all);
                let one = one.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
                for key in known.iter().filter(|_| of_all).chain(&one) {
                    let mut ties = self.ties.get(key).into_iter().flatten();
                    if ties.any(|it| it.principal == principal) {
                        continue;
                    }
                    let truth = trusts_account(role, &key.0, &key.1);
                    let truth = truth.and(|| Truth::Unknown(NOT_ANNOTATED.into()));
                    if truth != Truth::No {
                        let what = format!("{} trusts the account", role.address);
                        let tie = Tie {
                            principal,
                            truth,
                            needs_label: false,
                            because: vec![Because::at(what, &trust)],
                        };
                        self.tie((&key.0, &key.1), tie);
                    }
                }
            }
        }
    }

    /// The account of Google's that an annotation names. Who may act as it, its own members say.
    fn google(&mut self, key: (&str, &str), email: &Cursor<'a>) {
        let account = self.arns.references.one(email, "google_service_account");
        let account = account.and_then(|it| self.clouds.principal(it));
        let kind = PrincipalKind::GoogleAccount;
        let (principal, is_it) = match (account, email.text()) {
            (Some(at), _) => (at, Truth::Yes),
            (None, Fact::Known(text)) => match self.clouds.google_account(&text) {
                Some(found) => found,
                None => (self.clouds.add_unknown(kind, &text, email), Truth::Yes),
            },
            (None, Fact::Unknown(why)) => {
                let called = format!("a service account ({why})");
                (self.clouds.add_unknown(kind, &called, email), Truth::Yes)
            }
            (None, Fact::Absent) => return,
        };
        let own = (key.0.to_owned(), key.1.to_owned());
        let members = self.ties.entry(own).or_default();
        let member = members.iter_mut().find(|it| it.principal == principal);
        let because = Because::at("the annotation iam.gke.io/gcp-service-account", email);
        match member {
            Some(tie) => tie.because.insert(0, because),
            None => {
                let why = "that the account may act as it (roles/iam.workloadIdentityUser) is not among the files";
                members.push(Tie {
                    principal,
                    truth: is_it.and(|| Truth::Unknown(why.into())),
                    needs_label: false,
                    because: vec![because],
                });
            }
        }
    }

    /// The identity of Azure's that an annotation names. Whom it trusts, its credentials say.
    fn azure(&mut self, key: (&str, &str), client: &Cursor<'a>) {
        let because = Because::at("the annotation azure.workload.identity/client-id", client);
        let identity = self
            .arns
            .references
            .one(client, "azurerm_user_assigned_identity");
        let identity = identity.and_then(|it| self.clouds.principal(it));
        let own = (key.0.to_owned(), key.1.to_owned());
        let federated = self.ties.entry(own).or_default();
        let mut azure = federated.iter_mut().filter(|it| it.needs_label);
        // A number that only an apply gives is not compared with one that is written.
        let is_it = |it: &&mut Tie| identity.is_none_or(|identity| it.principal == identity);
        if let Some(tie) = azure.find(is_it) {
            tie.because.insert(0, because);
            return;
        }
        let principal = identity.unwrap_or_else(|| {
            let called = format!("the identity of {}", client.shown());
            self.clouds
                .add_unknown(PrincipalKind::AzureIdentity, &called, client)
        });
        let why =
            "that the identity trusts the account (a federated credential) is not among the files";
        self.tie(
            key,
            Tie {
                principal,
                truth: Truth::Unknown(why.into()),
                needs_label: true,
                because: vec![because],
            },
        );
    }

    /// EKS Pod Identity.
    fn associations(&mut self, world: &'a World) {
        for association in world.of_kind("aws_eks_pod_identity_association") {
            let (namespace, name) = (
                association.at("namespace"),
                association.at("service_account"),
            );
            let (Fact::Known(namespace), Fact::Known(name)) = (namespace.text(), name.text())
            else {
                Gap::tell(
                    &association.cursor(),
                    "whose account it is about is not known",
                    self.gaps,
                );
                continue;
            };
            let arn = association.at("role_arn");
            for (principal, truth) in self.arns.meant(&arn, self.clouds) {
                let what = format!("{} gives the role", association.address);
                let trusts = match self.arns.roles.get(&principal) {
                    Some(role) => trusts_pods(role),
                    None => Truth::Yes,
                };
                let tie = Tie {
                    principal,
                    truth: truth.and(|| trusts),
                    needs_label: false,
                    because: vec![Because::at(what, &association.cursor())],
                };
                self.tie((&namespace, &name), tie);
            }
        }
    }

    /// Who may act as service accounts of Google's, and to whom something is given directly.
    fn members(&mut self, world: &'a World) {
        for (at, principal) in self.clouds.principals.clone().iter().enumerate() {
            if principal.kind != PrincipalKind::GoogleMember {
                continue;
            }
            if let Some((namespace, name)) =
                principal.name.as_deref().and_then(|it| it.split_once('/'))
            {
                let tie = Tie {
                    principal: at,
                    truth: Truth::Yes,
                    needs_label: false,
                    because: vec![Because {
                        what: format!("{} is the account", principal.address),
                        origin: Some(principal.origin.clone()),
                    }],
                };
                self.tie((namespace, name), tie);
            }
        }
        for kind in [
            "google_service_account_iam_member",
            "google_service_account_iam_binding",
        ] {
            for binding in world.of_kind(kind) {
                self.acting(binding);
            }
        }
    }

    fn acting(&mut self, binding: &'a Resource) {
        let role = binding.at("role");
        let gives = role.text().is(|it| ACTING.contains(&it.as_str()));
        if gives == Truth::No {
            return;
        }
        let account = binding.at("service_account_id");
        let of = self.arns.references.one(&account, "google_service_account");
        let principal = match of.and_then(|it| self.clouds.principal(it)) {
            Some(at) => at,
            None => {
                let text = account.text().ok().unwrap_or_default();
                let email = text.rsplit('/').next().unwrap_or_default();
                match self.clouds.google_account(email) {
                    Some((at, _)) => at,
                    None => {
                        if let Fact::Unknown(_) = account.text() {
                            let what = "as which service account one may act is not known";
                            Gap::tell(&account, what, self.gaps);
                        }
                        return;
                    }
                }
            }
        };
        let members = binding.at("members").items();
        for member in members.iter().chain(&[binding.at("member")]) {
            let text = match member.text() {
                Fact::Known(text) => text,
                Fact::Absent => continue,
                // The pool of the cluster is of a project that is known later, and the rest is written.
                Fact::Unknown(_) => member.origin().text().trim_matches('"').to_owned(),
            };
            if let Some((namespace, name)) = kubernetes_account(&text) {
                let tie = Tie {
                    principal,
                    truth: gives.clone(),
                    needs_label: false,
                    because: vec![Because::at(
                        format!("{} lets the account act as it", binding.address),
                        member,
                    )],
                };
                self.tie((namespace, name), tie);
            } else if matches!(member.text(), Fact::Unknown(_))
                || text.starts_with("principalSet://")
            {
                Gap::tell(
                    member,
                    "who may act as the service account is not known",
                    self.gaps,
                );
            }
        }
    }

    /// Whom managed identities of Azure's trust.
    fn federations(&mut self, world: &'a World) {
        for credential in world.of_kind("azurerm_federated_identity_credential") {
            let mut of = ["parent_id", "user_assigned_identity_id"].iter();
            let identity = of.find_map(|key| {
                let at = credential.at(key);
                self.arns
                    .references
                    .one(&at, "azurerm_user_assigned_identity")
            });
            let identity = identity.and_then(|it| self.clouds.principal(it));
            let subject = credential.at("subject");
            let (Some(principal), Fact::Known(text)) = (identity, subject.text()) else {
                Gap::tell(&subject, "whom the identity trusts is not known", self.gaps);
                continue;
            };
            let account = text.strip_prefix("system:serviceaccount:");
            if let Some((namespace, name)) = account.and_then(|it| it.split_once(':')) {
                let tie = Tie {
                    principal,
                    truth: Truth::Yes,
                    needs_label: true,
                    because: vec![Because::at(
                        format!("{} trusts the account", credential.address),
                        &subject,
                    )],
                };
                self.tie((namespace, name), tie);
            }
        }
    }
}

/// Roles that trust all accounts, each held against all.
const MAX_WORK: usize = 1 << 20;
const NOT_ANNOTATED: &str = "no annotation among the files gives the account the role (eks.amazonaws.com/role-arn); who may make tokens of it needs none";

/// Roles of Google's by which one acts as a service account.
const ACTING: &[&str] = &[
    "roles/iam.workloadIdentityUser",
    "roles/iam.serviceAccountTokenCreator",
];
