//! `casemate segment identities`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Result, bail};
use casemate_posture::{Fact, Places, Truth, access::Grant};
use casemate_segment::{
    Analysis, Workload,
    identity::{Account, Because, Held, Tie},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    assumptions, gaps_of_identities, read_all, tell,
    way::{Reason, sentence},
};
use crate::{
    cli::{Format, Global, segment::Identities},
    output,
};

/// Service accounts, and what they lead to.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-identities/1`.
    schema: &'static str,
    /// Whether everything in the files was understood.
    complete: bool,
    /// The accounts, by namespace and name.
    accounts: Vec<Told>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// A service account.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    /// The namespace.
    namespace: String,
    /// The name.
    name: String,
    /// Where it is declared, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// The workloads that run as it.
    workloads: Vec<Runs>,
    /// What it may do in the cluster that leads further.
    powers: Vec<PowerTold>,
    /// What it is in clouds.
    roles: Vec<RoleTold>,
}

/// A workload that runs as an account.
#[derive(Debug, Serialize, JsonSchema)]
struct Runs {
    /// `namespace/name[Kind]`.
    workload: String,
    /// Whether its pods have the token of the account; null where that is not known.
    token: Option<bool>,
}

/// A power.
#[derive(Debug, Serialize, JsonSchema)]
struct PowerTold {
    /// What it is called.
    name: &'static str,
    /// The namespace in which it is held; in all of them, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The names of the objects that it is about, where it is not about all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    /// Who says that it is one.
    reference: &'static str,
    /// The rule that gives it, and the binding.
    proof: Vec<Reason>,
    /// Why it is not known whether it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<String>,
}

/// A role of a cloud.
#[derive(Debug, Serialize, JsonSchema)]
struct RoleTold {
    /// How the files call it.
    name: String,
    /// What it may do with what is stored.
    buckets: Vec<BucketTold>,
    /// What says that the account has it.
    proof: Vec<Reason>,
    /// Why it is not known whether it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<String>,
}

/// What a role may do with a bucket.
#[derive(Debug, Serialize, JsonSchema)]
struct BucketTold {
    /// Its name, or how the files call it.
    bucket: String,
    /// `lists`, `reads`, `writes`, `administers`, between commas.
    access: String,
    /// What says so.
    proof: Reason,
    /// Why it is not known whether it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &Identities) -> Result<ExitCode> {
    let mut read = read_all(global, &arguments.path, assumptions(&arguments.known), None)?;
    read.gaps.extend(gaps_of_identities(&read.analysis));
    let accounts = read.analysis.identities().accounts();
    let is_called = |account: &Account, name: &str| match name.split_once('/') {
        Some((namespace, name)) => account.namespace == namespace && account.name == name,
        None => account.name == name,
    };
    for name in &arguments.of {
        if !accounts.iter().any(|it| is_called(it, name)) {
            let path = arguments.path.display();
            bail!("there is no service account {name:?} in {path}");
        }
    }
    if accounts.is_empty() {
        bail!("{} has no service account", arguments.path.display());
    }
    let is_meant = |it: &&Account| match arguments.of.is_empty() {
        true => is_told(&read.analysis, it),
        false => arguments.of.iter().any(|name| is_called(it, name)),
    };
    let meant = accounts.iter().filter(is_meant);
    let told = Telling {
        analysis: &read.analysis,
        places: Places::default(),
    };
    match global.format {
        Format::Json => output::print_json(&Report {
            schema: "casemate.segment-identities/1",
            complete: read.gaps.is_empty(),
            accounts: meant.map(|it| told.account(it)).collect(),
            gaps: read.gaps.clone(),
        })?,
        _ => {
            let texts = meant.map(|it| told.text(it));
            output::print_lines(&texts.collect::<String>())?;
            tell(global, &read.gaps);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The account that each namespace has is told where it is declared, or does something.
fn is_told(analysis: &Analysis, account: &Account) -> bool {
    let is_plain = account.origin.is_none() && account.powers.is_empty() && account.ties.is_empty();
    let mut workloads = analysis.cluster().workloads.iter();
    !is_plain || account.name != "default" || workloads.any(|it| runs_as(it, account))
}

fn runs_as(workload: &Workload, account: &Account) -> bool {
    *workload.namespace == *account.namespace
        && matches!(&workload.account, Fact::Known(name) if *name == account.name)
}

/// Accounts with their places.
struct Telling<'a> {
    analysis: &'a Analysis,
    places: Places<'a>,
}

impl<'a> Telling<'a> {
    fn account(&self, account: &'a Account) -> Told {
        let runs = |(workload, token): (String, Truth)| Runs {
            workload,
            token: match token {
                Truth::Yes => Some(true),
                Truth::No => Some(false),
                Truth::Unknown(_) => None,
            },
        };
        let power = |it: &'a Held| PowerTold {
            name: it.power.name,
            namespace: it.namespace.as_deref().map(str::to_owned),
            names: it.names().to_vec(),
            reference: it.power.reference,
            proof: self.reasons(&it.because),
            unsure: unsure(&it.truth),
        };
        let bucket = |(bucket, grant): (String, &'a Grant)| BucketTold {
            bucket,
            access: grant.access.to_string(),
            proof: Reason::at(
                &grant.because.0,
                Some(self.places.location(&grant.because.1)),
            ),
            unsure: unsure(&grant.truth),
        };
        let role = |it: &'a Tie| RoleTold {
            name: self.principal(it).to_owned(),
            buckets: self.grants(it).map(bucket).collect(),
            proof: self.reasons(&it.because),
            unsure: unsure(&it.truth),
        };
        let place = account.origin.as_ref();
        Told {
            namespace: account.namespace.clone(),
            name: account.name.clone(),
            location: place.map(|it| self.places.location(it).to_string()),
            workloads: self.running(account).map(runs).collect(),
            powers: account.powers.iter().map(power).collect(),
            roles: account.ties.iter().map(role).collect(),
        }
    }

    fn text(&self, account: &'a Account) -> String {
        let place = account.origin.as_ref();
        let place = place.map(|it| format!(" ({})", self.places.location(it)));
        let mut text = format!("{account}{}\n", place.unwrap_or_default());
        let perhaps = |truth: &Truth| if truth.is_yes() { "" } else { "perhaps " };
        // Writing to a string cannot fail.
        for (workload, token) in self.running(account) {
            let token = match token {
                Truth::Yes => "with its token",
                Truth::No => "without its token",
                Truth::Unknown(_) => "perhaps with its token",
            };
            let _ = writeln!(text, "  {workload} runs as it, {token}");
        }
        for held in account.powers.iter() {
            let within = match &held.namespace {
                Some(namespace) => format!("in {namespace}"),
                None => "everywhere".to_owned(),
            };
            let names = match held.names() {
                [] => String::new(),
                names => format!(", of {}", names.join(", ")),
            };
            let (perhaps, name) = (perhaps(&held.truth), held.power.name);
            let _ = writeln!(text, "  {perhaps}may {name} {within}{names}");
            self.say(&mut text, "    ", &held.because, &held.truth);
        }
        for tie in &account.ties {
            let _ = writeln!(text, "  {}is {}", perhaps(&tie.truth), self.principal(tie));
            self.say(&mut text, "    ", &tie.because, &tie.truth);
            for (bucket, grant) in self.grants(tie) {
                let (perhaps, access) = (perhaps(&grant.truth), grant.access);
                let (what, origin) = &grant.because;
                let what = sentence(what, Some(&self.places.location(origin)));
                let _ = writeln!(text, "    {perhaps}{access} bucket {bucket}\n      {what}");
                self.say(&mut text, "      ", &[], &grant.truth);
            }
        }
        if account.powers.is_empty() && account.ties.is_empty() {
            text.push_str("  nothing that leads further\n");
        }
        text
    }

    fn say(&self, text: &mut String, indent: &str, because: &'a [Because], truth: &Truth) {
        for because in because {
            let place = because.origin.as_ref().map(|it| self.places.location(it));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{indent}{}", sentence(&because.what, place.as_ref()));
        }
        if let Truth::Unknown(why) = truth {
            let _ = writeln!(text, "{indent}not sure: {why}");
        }
    }

    fn reasons(&self, because: &'a [Because]) -> Vec<Reason> {
        let place = |it: &'a Because| it.origin.as_ref().map(|it| self.places.location(it));
        let reasons = because.iter().map(|it| Reason::at(&it.what, place(it)));
        reasons.collect()
    }

    /// The workloads that run as an account, and whether their pods have its token.
    fn running(&self, account: &Account) -> impl Iterator<Item = (String, Truth)> {
        let identities = self.analysis.identities();
        let workloads = self.analysis.cluster().workloads.iter();
        let own = workloads.filter(|it| runs_as(it, account));
        let own = own.map(|it| (format!("{it}[{}]", it.kind), identities.has_token(it)));
        own.collect::<Vec<_>>().into_iter()
    }

    fn grants(&self, tie: &Tie) -> impl Iterator<Item = (String, &'a Grant)> + use<'a> {
        let clouds = self.analysis.identities().clouds();
        clouds.grants[tie.principal].iter().map(|it| {
            let store = &clouds.stores[it.store];
            let name = store.name.as_deref().unwrap_or(&store.address);
            (name.to_owned(), it)
        })
    }

    fn principal(&self, tie: &Tie) -> &'a str {
        &self.analysis.identities().clouds().principals[tie.principal].address
    }
}

fn unsure(truth: &Truth) -> Option<String> {
    match truth {
        Truth::Unknown(why) => Some(why.to_string()),
        Truth::Yes | Truth::No => None,
    }
}
