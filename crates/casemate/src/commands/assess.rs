//! `casemate assess`.

mod baseline;
mod cluster;
mod imports;
mod models;

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};
use casemate_artifact::{ArtifactCheck, Limits};
use casemate_core::{
    AssetId, Coverage, Decision, Finding, Outcome, PathText, Rule, Status, Survey as _, Timestamp,
    Verdict, aggregate,
};
use casemate_inventory::{Inventory, InventoryError, Judges, Options};
use casemate_policy::{Bundle, Exception, GateInput, GateOutcome, Setting, is_clean};
use casemate_posture::{PostureSurvey, check::UserChecks};
use casemate_report::{Assessment, Logged, Parts};
use casemate_secrets::SecretsCheck;

use self::{
    baseline::Baseline,
    cluster::Cluster,
    imports::{Imported, Imports},
    models::{Models, Tree, Verified},
};
use crate::{
    NEGATIVE, catalogue,
    cli::{self, Global, Persona},
    clock,
    commands::{
        gate::{Append, Approvals, Gate},
        log::evidence::{Ledger, Said},
    },
    config::{self, Configuration},
    output, policies,
    progress::Ticker,
    report_dir::ReportDir,
};

/// Judges a project, writes the report and prints the summary.
pub(crate) fn run(
    global: &Global,
    configuration: Configuration,
    arguments: &cli::Assess,
) -> Result<ExitCode> {
    let cluster = Cluster::new(global, &arguments.cluster)?;
    let mut settings = Settings::new(global, configuration, arguments, cluster)?;
    let bundle = policies::load(global, &settings.policy, settings.now)?;
    for file in bundle.files() {
        output::detail(global, || format!("policy: {file}"));
    }
    let report = ReportDir::create(&settings.out)?;

    let posture = posture(&settings, &bundle)?;
    let mut inventory = take_inventory(global, &settings, &posture, &report)?;
    let imported = std::mem::take(&mut settings.imports).join(&settings, &mut inventory);
    for path in &inventory.skipped {
        output::detail(global, || {
            format!("left out, since it is about to be replaced: {path}")
        });
    }
    if !settings.exceptions.is_empty() {
        let accepted = settings.accept(&mut inventory.outcomes);
        inventory.populations.extend(aggregate([&accepted]));
        inventory.outcomes.push(accepted);
    }
    if let Some(baseline) = &settings.baseline {
        baseline.mark(&mut inventory.outcomes);
    }
    let verified = settings.verify(global, &mut inventory)?;
    let input = settings.question(&inventory, verified)?;
    let mut gate = settings.gate(global, &inventory)?;
    let record = casemate_policy::record(&bundle, &input, &mut gate);
    let (verdict, decision) = (record.outcome, record.decision());
    let logged = gate.logged(&decision)?;
    let assessment = settings.tell(inventory, decision, logged, &posture, imported);

    report.write(&assessment, &input, &record)?;
    output::print(&output::format(global).assessment(&assessment, output::options(global)))?;
    if let Some(logged) = &assessment.logged {
        let Logged { first, last, .. } = logged;
        output::hint(global, &format!("logged as entries {first} to {last}"));
    }
    output::hint(
        global,
        &format!("the report is in {}", report.path().display()),
    );
    Ok(if verdict == Verdict::Deny {
        ExitCode::from(NEGATIVE)
    } else {
        ExitCode::SUCCESS
    })
}

/// The survey of infrastructure, with the checks that the policy brings along.
fn posture(settings: &Settings, bundle: &Bundle) -> Result<PostureSurvey> {
    let survey = PostureSurvey::new(settings.persona.into());
    Ok(survey.with_checks(UserChecks::of(bundle, settings.now)?))
}

/// Puts every file of the tree before every check.
fn take_inventory(
    global: &Global,
    settings: &Settings,
    posture: &PostureSurvey,
    report: &ReportDir,
) -> Result<Inventory> {
    let allowlist = config::allowlist(&settings.allow)?.into_owned();
    let artifact = ArtifactCheck::new(allowlist, Limits::default());
    let secrets = SecretsCheck::builtin();
    let options = Options {
        repository: settings.repository.clone(),
        skip: report.files(),
        ..Options::default()
    };
    if let Some(path) = &settings.path {
        // Asked first: a cluster is not read for a tree that is not there.
        std::fs::metadata(path).map_err(|error| InventoryError::Root {
            path: path_text(path),
            error,
        })?;
    }
    let live = settings.cluster.as_ref().map(|it| it.read(global));
    let live = live.transpose()?.unwrap_or_default();
    let ticker = Ticker::new(global.quiet);
    let mut inventory = casemate_inventory::assess_with(
        settings.path.as_deref(),
        &live.objects,
        &options,
        &Judges {
            classifiers: &[&artifact],
            checks: &[&artifact, &secrets],
            surveys: &[posture],
        },
        Ticker::progress(&ticker),
    )?;
    inventory.populations.extend(aggregate(&live.outcomes));
    let told = live
        .outcomes
        .into_iter()
        .filter(|outcome| !is_clean(outcome));
    inventory.outcomes.extend(told);
    Ok(inventory)
}

/// What was asked for, out of the command line first and the configuration second.
struct Settings {
    /// The tree, if there is one.
    path: Option<PathBuf>,
    /// The cluster, if there is one.
    cluster: Option<Cluster>,
    /// What is judged as a whole, as an asset: the tree, or else the cluster.
    root: AssetId,
    /// And for people.
    place: PathText,
    repository: String,
    models: Models,
    /// What other tools found.
    imports: Imports,
    exceptions: Vec<Exception>,
    /// The file that the exceptions stand in.
    config: PathText,
    policy: cli::policy::Source,
    /// What was approved.
    approvals: Vec<PathBuf>,
    persona: Persona,
    /// What was found before.
    baseline: Option<Baseline>,
    allow: Vec<PathBuf>,
    out: PathBuf,
    /// Where the settings come from, for the report.
    sources: Vec<String>,
    now: Timestamp,
    /// Where the assessment is logged.
    ledger: Option<Ledger>,
}

impl Settings {
    fn new(
        global: &Global,
        configuration: Configuration,
        arguments: &cli::Assess,
        cluster: Option<Cluster>,
    ) -> Result<Self> {
        let models = Models::new(&configuration, arguments)?;
        let imports = Imports::read(&arguments.import)?;
        let Configuration {
            assess: chosen,
            exceptions,
            ..
        } = configuration;
        let policy = arguments.policy.clone().or(&chosen);
        let out = arguments.out.clone().or(chosen.out);
        let repository = arguments.repository.clone().or(chosen.repository);
        let repository = repository.unwrap_or_else(|| Options::default().repository);
        let mut sources = vec!["built-in".to_owned()];
        sources.extend(
            global
                .config
                .iter()
                .map(|file| format!("--config {}", file.display())),
        );
        sources.extend((policy.policy.iter()).map(|path| format!("--policy {}", path.display())));
        let baseline = arguments.diff.as_deref();
        let baseline = baseline
            .map(|path| Baseline::read(path, &repository))
            .transpose()?;
        let path = match (&arguments.path, &cluster) {
            (None, None) => Some(PathBuf::from(".")),
            (path, _) => path.clone(),
        };
        let (root, place) = match (&path, &cluster) {
            (None, Some(cluster)) => whole(cluster),
            (path, _) => {
                let root = AssetId::File {
                    repository: repository.clone(),
                    path: PathText::default(),
                };
                (root, path.as_deref().map(path_text).unwrap_or_default())
            }
        };
        if path.is_none() && models.is_named() {
            bail!("what is said of models is said of files: name the project beside the cluster");
        }
        Ok(Self {
            path,
            cluster,
            root,
            place,
            repository,
            models,
            imports,
            exceptions,
            config: global.config.as_deref().map(path_text).unwrap_or_default(),
            policy,
            approvals: arguments.approval.clone(),
            baseline,
            persona: arguments.persona.or(chosen.persona).unwrap_or_default(),
            allow: chosen.allow,
            out: out.unwrap_or_else(|| PathBuf::from("casemate-report")),
            sources,
            now: clock::of(global)?.now(),
            ledger: arguments.log.clone().map(|dir| Ledger {
                dir,
                key: arguments.log_key.clone(),
                secret: arguments.log_secret.clone(),
                records: arguments.log_records.clone(),
            }),
        })
    }

    /// Marks what the caller accepts, and says what came of the exceptions.
    fn accept(&self, outcomes: &mut [Outcome]) -> Outcome {
        let asset = AssetId::File {
            repository: self.repository.clone(),
            path: self.config.clone(),
        };
        let setting = Setting {
            now: self.now,
            root: &self.place,
            asset: &asset,
            file: &self.config,
        };
        casemate_policy::apply(&self.exceptions, outcomes, &setting)
    }

    /// What the gate is asked: every outcome that is more than a clean pass, and the clean passes
    /// as populations.
    fn question(&self, inventory: &Inventory, verified: Verified) -> Result<GateInput> {
        let mut input = GateInput::new("assess", self.root.clone(), self.now);
        let single = inventory
            .outcomes
            .iter()
            .filter(|outcome| !is_clean(outcome));
        input
            .outcomes
            .extend(single.cloned().map(GateOutcome::Single));
        let clean = inventory.populations.iter().filter(|population| {
            matches!(population.key.result, Status::Pass | Status::NotApplicable)
                && population.key.coverage == Coverage::Complete
        });
        input
            .outcomes
            .extend(clean.cloned().map(GateOutcome::Population));
        let evidence = verified.evidence.iter().map(serde_json::to_value);
        input.evidence = evidence.collect::<Result<_, _>>()?;
        input.relations = verified.relations;
        // Nothing is required of files but by a policy of the caller's.
        if self.policy.policy.is_some() {
            let files = self.models.context(&self.place, inventory);
            input.context.insert("files".to_owned(), files);
        }
        Ok(input)
    }

    /// Verifies the models that come with evidence; what came of each is an outcome like all others.
    fn verify(&self, global: &Global, inventory: &mut Inventory) -> Result<Verified> {
        let tree = Tree {
            path: self.path.as_deref().unwrap_or(Path::new("")),
            repository: &self.repository,
        };
        let mut verified = self.models.verify(global, &tree, inventory, self.now)?;
        inventory.populations.extend(aggregate(&verified.outcomes));
        inventory.outcomes.append(&mut verified.outcomes);
        Ok(verified)
    }

    /// The gate: it keeps approvals, ends and entries in its log. It lets nothing through that could be
    /// masked.
    fn gate<'a>(&'a self, global: &Global, inventory: &'a Inventory) -> Result<Gate<'a>> {
        let clock = clock::of(global)?;
        let log = self.ledger.as_ref().map(|ledger| -> Append<'a> {
            Box::new(move |decision| {
                let said = Said {
                    root: &self.root,
                    populations: &inventory.populations,
                    outcomes: &inventory.outcomes,
                    decision,
                };
                ledger.append(&said, &*clock)
            })
        });
        let approvals = match self.models.trust() {
            Some(trust) => Approvals::read(&self.approvals, trust, self.now)?,
            None if self.approvals.is_empty() => Approvals::default(),
            None => bail!("who approves is asked of a trust store: name one with --trust-store"),
        };
        Ok(Gate {
            approvals,
            passes: None,
            log,
            logged: None,
        })
    }

    fn tell(
        self,
        inventory: Inventory,
        decision: Decision,
        logged: Option<Logged>,
        posture: &PostureSurvey,
        imported: Imported,
    ) -> Assessment {
        let root = self.place;
        let ignored = inventory.assets.iter().filter_map(|asset| match &asset.id {
            AssetId::File { path, .. } if is_ours(path) => Some(root.join(path)),
            _ => None,
        });
        let exceptions = self.exceptions.iter().map(|exception| {
            let covered = |finding: &&Finding| {
                let suppression = finding.suppression.as_ref();
                suppression.is_some_and(|by| *by == exception.suppression())
            };
            let findings = inventory
                .outcomes
                .iter()
                .flat_map(|outcome| &outcome.findings);
            casemate_report::Exception {
                rule: exception.rule.to_string(),
                scope: exception.scope.to_string(),
                reason: exception.reason.clone(),
                owner: exception.owner.clone(),
                expires: exception.expires.end(),
                expired: exception.expires.end() <= self.now,
                findings: findings.filter(covered).count() as u64,
            }
        });
        let configuration = casemate_report::Configuration {
            sources: self.sources,
            policy: decision.policy,
            ignored: ignored.collect(),
            exceptions: exceptions.collect(),
            baseline: self.baseline.map(|baseline| baseline.name),
        };
        let parts = Parts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generated: self.now,
            root,
            repository: self.repository,
            files: inventory.files,
            bytes: inventory.bytes,
            assets: inventory.assets,
            populations: inventory.populations,
            outcomes: inventory.outcomes,
            findings: Vec::new(),
            imports: imported.runs,
            configuration,
            decision,
            logged,
        };
        let mut rules = catalogue::rules();
        let own: Vec<Rule> = (posture.rules().iter())
            .filter(|rule| !rules.iter().any(|known| known.id == rule.id))
            .cloned()
            .collect();
        rules.extend(own);
        rules.extend(imported.rules);
        Assessment::new(parts, &rules)
    }
}

/// A cluster as an asset, and for people.
fn whole(cluster: &Cluster) -> (AssetId, PathText) {
    let root = AssetId::Kubernetes {
        cluster: cluster.name.clone(),
        namespace: String::new(),
        kind: String::new(),
        name: String::new(),
    };
    let place = format!("cluster {}", cluster.name);
    (root, PathText::from_bytes(place.as_bytes()))
}

/// Whether a file looks like settings for this program. Those that lie in the assessed tree are
/// told of, and not obeyed.
fn is_ours(path: &PathText) -> bool {
    let folder = path.as_str().split('/').any(|part| part == ".casemate");
    let name = path.file_name();
    folder || name == "casemate.toml" || name.starts_with(".casemate")
}

fn path_text(path: &Path) -> PathText {
    PathText::from_bytes(path.as_os_str().as_bytes())
}
