//! What models come with: signatures and other claims, verified before the gate is asked.

use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use casemate_attest::TrustStore;
use casemate_core::{Asset, AssetId, AssetKind, Digest, Outcome, PathText, Timestamp};
use casemate_inventory::Inventory;
use casemate_provenance::{Evidence, Manifest, Place, Verdict, VerifyOptions, WHOLE, verify};
use serde_json::{Value, json};

use super::path_text;
use crate::{
    cli::{self, Global, signing::Logs},
    commands::signing::{logs, trust, verify::read_claims, with_progress},
    config::{Configuration, ModelSettings},
};

/// The models that come with evidence, and whom the caller trusts with it.
pub(super) struct Models {
    named: Vec<ModelSettings>,
    trust: Option<TrustStore>,
}

/// What came of verifying them.
#[derive(Default)]
pub(super) struct Verified {
    /// What the check `provenance` says of each.
    pub(super) outcomes: Vec<Outcome>,
    /// What was said of them by those who may.
    pub(super) evidence: Vec<Evidence>,
}

/// The tree, for names and identities.
pub(super) struct Tree<'a> {
    pub(super) path: &'a Path,
    pub(super) repository: &'a str,
}

impl Models {
    /// Out of the command line first, and the configuration second.
    pub(super) fn new(configuration: &Configuration, arguments: &cli::Assess) -> Result<Self> {
        let whole = arguments.claims.iter().map(|claims| ModelSettings {
            path: Default::default(),
            claims: claims.clone(),
            log_proofs: arguments.log_proof.clone(),
        });
        let named: Vec<ModelSettings> = (configuration.models.iter().cloned())
            .chain(whole)
            .collect();
        for model in &named {
            let is_below = |part| matches!(part, Component::Normal(_));
            if !model.path.components().all(is_below) {
                let path = model.path.display();
                bail!("the model {path:?} has to be named by its path within the assessed tree");
            }
        }
        let store = arguments.trust_store.as_ref();
        let store = store.or(configuration.assess.trust_store.as_ref());
        let trust = store
            .map(|store| trust(None, &[], Some(store)))
            .transpose()?;
        if trust.is_none() && !named.is_empty() {
            bail!(
                "what is said of models is verified against a trust store: name one with --trust-store"
            );
        }
        Ok(Self { named, trust })
    }

    /// Verifies each of them.
    pub(super) fn verify(
        &self,
        global: &Global,
        tree: &Tree<'_>,
        inventory: &Inventory,
        now: Timestamp,
    ) -> Result<Verified> {
        let mut verified = Verified::default();
        for model in &self.named {
            let mut trust = self.trust.clone().context("a trust store")?;
            let proofs = Logs {
                log_proof: model.log_proofs.clone(),
                ..Logs::default()
            };
            let heard = logs::read(&proofs, &mut trust, now)?;
            let path = match model.path.as_os_str().is_empty() {
                true => tree.path.to_owned(),
                false => tree.path.join(&model.path),
            };
            let outside = model.log_proofs.iter().chain([&model.claims]);
            let options = VerifyOptions {
                bundles: outside.cloned().collect(),
                claims: read_claims(&model.claims),
                logs: heard.logs,
                ..VerifyOptions::default()
            };
            let verdict = with_progress(global.quiet, |meter| {
                verify(&path, &[], &trust, &options, now, meter)
            });
            verified.add(tree, &path_text(&model.path), verdict, inventory);
        }
        Ok(verified)
    }
}

impl Verified {
    fn add(&mut self, tree: &Tree<'_>, path: &PathText, verdict: Verdict, inventory: &Inventory) {
        let root = path_text(tree.path);
        let place = Place {
            asset: &AssetId::File {
                repository: tree.repository.to_owned(),
                path: path.clone(),
            },
            name: &root.join(path),
            path,
        };
        self.outcomes.push(verdict.outcome(&place));
        let Some(manifest) = verdict.manifest.filter(|_| verdict.class.is_success()) else {
            return;
        };
        let covers: Vec<PathText> = models(&root, inventory)
            .filter(|model| covers(&manifest, path, model))
            .map(|model| model.path)
            .collect();
        let said = verdict.claims.into_iter().map(|claim| Evidence {
            covers: covers.clone(),
            ..claim.evidence
        });
        self.evidence.extend(said);
    }
}

/// A model of the tree.
struct Model<'a> {
    asset: &'a Asset,
    digest: Option<Digest>,
    /// From the root of the tree.
    path: PathText,
}

/// Every model that the inventory found.
fn models<'a>(root: &'a PathText, inventory: &'a Inventory) -> impl Iterator<Item = Model<'a>> {
    let models = inventory.assets.iter();
    models
        .filter(|asset| asset.kind == AssetKind::Model)
        .map(move |asset| Model {
            asset,
            digest: match asset.id {
                AssetId::Artifact { digest } => Some(digest),
                _ => None,
            },
            path: below(root, &asset.name),
        })
}

/// The path from the root of a file that is named with it. The tree may be that file.
fn below(root: &PathText, name: &str) -> PathText {
    let name = PathText::from_text(name);
    match name.strip_prefix(root) {
        Some(rest) if !rest.as_str().is_empty() => rest,
        _ => PathText::from_text(name.file_name()),
    }
}

/// Whether the manifest of the model at `path` signs the model file, as the inventory read it.
fn covers(manifest: &Manifest, path: &PathText, model: &Model<'_>) -> bool {
    let Some(digest) = model.digest else {
        return false;
    };
    // A model that is one file is signed without its name.
    let is_whole = model.path == *path || path.as_str().is_empty();
    if is_whole && manifest.covers(WHOLE, &digest) {
        return true;
    }
    let name = model.path.strip_prefix(path).map(|name| name.to_bytes());
    let name = name.and_then(|name| String::from_utf8(name).ok());
    name.is_some_and(|name| manifest.covers(&name, &digest))
}

/// The models as policies see them.
pub(super) fn context(root: &Path, inventory: &Inventory) -> Value {
    let root = path_text(root);
    let models = models(&root, inventory).map(|model| {
        json!({
            "name": model.asset.name,
            "path": model.path,
            "subject": model.asset.id,
            "digest": model.digest,
        })
    });
    models.collect()
}
