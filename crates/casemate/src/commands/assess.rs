//! `casemate assess`.

mod models;

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use casemate_artifact::{ArtifactCheck, Limits};
use casemate_core::{
    AssetId, Coverage, Decision, Finding, Outcome, PathText, Status, Timestamp, Verdict, aggregate,
};
use casemate_inventory::{Inventory, Judges, Options};
use casemate_policy::{Exception, GateInput, GateOutcome, Setting, is_clean};
use casemate_posture::{PostureSurvey, check::Persona};
use casemate_provenance::Evidence;
use casemate_report::{Assessment, Logged, Parts};
use casemate_secrets::SecretsCheck;

use self::models::{Models, Tree};
use crate::{
    NEGATIVE, catalogue,
    cli::{self, Global},
    clock,
    commands::log::evidence::{Ledger, Said},
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
    let settings = Settings::new(global, configuration, arguments)?;
    let bundle = policies::load(settings.policy.as_deref())?;
    for file in bundle.files() {
        output::detail(global, || format!("policy: {file}"));
    }
    let report = ReportDir::create(&settings.out)?;

    let mut inventory = take_inventory(global, &settings, &report)?;
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
    let verified = settings.verify(global, &mut inventory)?;
    let input = settings.question(&inventory, &verified)?;
    let decision = casemate_policy::decide(&bundle, &input);
    let verdict = decision.outcome;
    let logged = settings.log(global, &inventory, &decision)?;
    let assessment = settings.tell(inventory, decision, logged);

    report.write(&assessment, &input)?;
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

/// Puts every file of the tree before every check.
fn take_inventory(global: &Global, settings: &Settings, report: &ReportDir) -> Result<Inventory> {
    let allowlist = config::allowlist(&settings.allow)?.into_owned();
    let artifact = ArtifactCheck::new(allowlist, Limits::default());
    let secrets = SecretsCheck::builtin();
    let posture = PostureSurvey::new(Persona::Regular);
    let options = Options {
        repository: settings.repository.clone(),
        skip: report.files(),
        ..Options::default()
    };
    let ticker = Ticker::new(global.quiet);
    Ok(casemate_inventory::assess(
        &settings.path,
        &options,
        &Judges {
            classifiers: &[&artifact],
            checks: &[&artifact, &secrets],
            surveys: &[&posture],
        },
        Ticker::progress(&ticker),
    )?)
}

/// What was asked for, out of the command line first and the configuration second.
struct Settings {
    /// The tree.
    path: PathBuf,
    /// The tree as a whole, as an asset.
    root: AssetId,
    repository: String,
    models: Models,
    exceptions: Vec<Exception>,
    /// The file that the exceptions stand in.
    config: PathText,
    policy: Option<PathBuf>,
    allow: Vec<PathBuf>,
    out: PathBuf,
    /// Where the settings come from, for the report.
    sources: Vec<String>,
    now: Timestamp,
    /// Where the assessment is logged.
    ledger: Option<Ledger>,
}

impl Settings {
    fn new(global: &Global, configuration: Configuration, arguments: &cli::Assess) -> Result<Self> {
        let models = Models::new(&configuration, arguments)?;
        let Configuration {
            assess: chosen,
            exceptions,
            ..
        } = configuration;
        let policy = arguments.policy.clone().or(chosen.policy);
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
        sources.extend(
            policy
                .iter()
                .map(|dir| format!("--policy {}", dir.display())),
        );
        Ok(Self {
            path: arguments.path.clone(),
            root: AssetId::File {
                repository: repository.clone(),
                path: PathText::default(),
            },
            repository,
            models,
            exceptions,
            config: global.config.as_deref().map(path_text).unwrap_or_default(),
            policy,
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
            root: &path_text(&self.path),
            asset: &asset,
            file: &self.config,
        };
        casemate_policy::apply(&self.exceptions, outcomes, &setting)
    }

    /// What the gate is asked: every outcome that is more than a clean pass, and the clean passes
    /// as populations.
    fn question(&self, inventory: &Inventory, evidence: &[Evidence]) -> Result<GateInput> {
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
        let evidence = evidence.iter().map(serde_json::to_value);
        input.evidence = evidence.collect::<Result<_, _>>()?;
        // Nothing is required of files but by a policy of the caller's.
        if self.policy.is_some() {
            let files = self.models.context(&self.path, inventory);
            input.context.insert("files".to_owned(), files);
        }
        Ok(input)
    }

    /// Verifies the models that come with evidence; what came of each is an outcome like all others.
    fn verify(&self, global: &Global, inventory: &mut Inventory) -> Result<Vec<Evidence>> {
        let tree = Tree {
            path: &self.path,
            repository: &self.repository,
        };
        let verified = self.models.verify(global, &tree, inventory, self.now)?;
        inventory.populations.extend(aggregate(&verified.outcomes));
        inventory.outcomes.extend(verified.outcomes);
        Ok(verified.evidence)
    }

    fn log(
        &self,
        global: &Global,
        inventory: &Inventory,
        decision: &Decision,
    ) -> Result<Option<Logged>> {
        let said = Said {
            root: &self.root,
            populations: &inventory.populations,
            outcomes: &inventory.outcomes,
            decision,
        };
        let clock = clock::of(global)?;
        let logged = self
            .ledger
            .as_ref()
            .map(|ledger| ledger.append(&said, &*clock));
        logged.transpose()
    }

    fn tell(self, inventory: Inventory, decision: Decision, logged: Option<Logged>) -> Assessment {
        let root = path_text(&self.path);
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
            configuration,
            decision,
            logged,
        };
        Assessment::new(parts, &catalogue::rules())
    }
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
