//! What files come with: signatures of models and other claims, verified before the gate is asked.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_attest::{Signer, TrustStore};
use casemate_core::{
    Asset, AssetId, AssetKind, Digest, Outcome, PathText, Proof, Relation, RelationKind, Timestamp,
};
use casemate_inventory::Inventory;
use casemate_provenance::{
    Class, Evidence, Manifest, Place, Verdict, VerifyOptions, WHOLE, verify,
};
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
    /// Who signed which file.
    pub(super) relations: Vec<Relation>,
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
            path: PathBuf::default(),
            claims: claims.clone(),
            log_proofs: arguments.log_proof.clone(),
        });
        let mut named: Vec<ModelSettings> = (configuration.models.iter().cloned())
            .chain(whole)
            .collect();
        for model in &mut named {
            model.path = below_the_tree(&model.path)?;
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

    /// Whether something is said of any model.
    pub(super) fn is_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// Whom the caller trusts.
    pub(super) fn trust(&self) -> Option<&TrustStore> {
        self.trust.as_ref()
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
        if self.named.is_empty() {
            return Ok(verified);
        }
        let mut trust = self.trust.clone().context("a trust store")?;
        // All proofs together, so that two histories of one log are seen for what they are.
        let proofs = self.named.iter().flat_map(|model| &model.log_proofs);
        let proofs = Logs {
            log_proof: proofs.cloned().collect(),
            ..Logs::default()
        };
        let heard = logs::read(&proofs, &mut trust, now)?;
        for model in &self.named {
            let outside = model.log_proofs.iter().chain([&model.claims]);
            let options = VerifyOptions {
                bundles: outside.cloned().collect(),
                claims: read_claims(&model.claims),
                logs: heard.logs.clone(),
                ..VerifyOptions::default()
            };
            let verdict = match link_on_the_way(tree.path, &model.path) {
                Some(link) => Verdict::refused(
                    Class::Missing,
                    format!(
                        "{} is a symbolic link, and what is behind it was not assessed",
                        link.display()
                    ),
                ),
                None => with_progress(global.quiet, |meter| {
                    let path = place(tree.path, &model.path);
                    verify(&path, &[], &trust, &options, now, meter)
                }),
            };
            verified.add(tree, &path_text(&model.path), verdict, inventory);
        }
        Ok(verified)
    }

    /// The files of the tree as policies see them, without those that are evidence themselves.
    pub(super) fn context(&self, root: &PathText, inventory: &Inventory) -> Value {
        let evidence: BTreeSet<PathBuf> = (self.named.iter())
            .flat_map(|model| model.log_proofs.iter().chain([&model.claims]))
            .filter_map(|path| path.canonicalize().ok())
            .collect();
        let files = files(root, inventory).filter(|file| {
            let real = || Path::new(&file.asset.name).canonicalize().ok();
            evidence.is_empty() || !real().is_some_and(|real| evidence.contains(&real))
        });
        let told = files.map(|file| {
            json!({
                "name": file.asset.name,
                "path": file.path,
                "kind": file.asset.kind,
                "format": file.asset.labels.get("format"),
                "subject": file.asset.id,
                "digest": file.digest,
            })
        });
        told.collect()
    }
}

/// A path that leads down into the tree, without detours.
fn below_the_tree(path: &Path) -> Result<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => plain.push(part),
            Component::CurDir => {}
            _ => bail!("the model {path:?} has to be named by its path within the assessed tree"),
        }
    }
    Ok(plain)
}

fn place(tree: &Path, model: &Path) -> PathBuf {
    match model.as_os_str().is_empty() {
        true => tree.to_owned(),
        false => tree.join(model),
    }
}

/// The first symbolic link between the tree and a model in it: the inventory follows none.
fn link_on_the_way(tree: &Path, model: &Path) -> Option<PathBuf> {
    let mut place = tree.to_owned();
    model.components().find_map(|part| {
        place.push(part);
        let is_link = place.symlink_metadata().is_ok_and(|it| it.is_symlink());
        is_link.then(|| place.clone())
    })
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
        let covered: Vec<Listed<'_>> = files(&root, inventory)
            .filter(|file| covers(&manifest, path, file))
            .collect();
        let signatures = (verdict.claims.iter()).map(|claim| &claim.evidence);
        for signature in signatures.filter(|it| it.predicate_type == manifest.predicate_type()) {
            self.relations.extend(signed_by(&covered, signature));
        }
        let covers: Vec<PathText> = covered.into_iter().map(|file| file.path).collect();
        let said = verdict.claims.into_iter().map(|claim| Evidence {
            covers: covers.clone(),
            ..claim.evidence
        });
        self.evidence.extend(said);
    }
}

/// That each of the files is signed by each signer of the signature.
fn signed_by(files: &[Listed<'_>], signature: &Evidence) -> Vec<Relation> {
    let edge = |file: &Listed<'_>, signer: &Signer| Relation {
        from: file.asset.id.clone(),
        kind: RelationKind::SignedBy,
        to: AssetId::Principal {
            issuer: "trust-store".to_owned(),
            name: signer.name.clone(),
        },
        proof: vec![Proof {
            statement: format!(
                "the model signature in the bundle {} covers {}, and the key {} made it, which the trust store calls {}",
                signature.bundle, file.path, signer.key, signer.name
            ),
            location: None,
        }],
    };
    let pairs = files.iter().flat_map(|file| {
        let signers = signature.signers.iter();
        signers.map(move |signer| edge(file, signer))
    });
    pairs.collect()
}

/// A file of the tree.
pub(super) struct Listed<'a> {
    pub(super) asset: &'a Asset,
    pub(super) digest: Option<Digest>,
    /// From the root of the tree.
    pub(super) path: PathText,
}

/// Every file that the inventory lists, but for the bookkeeping of version control. What a cluster has is
/// no file.
pub(super) fn files<'a>(
    root: &'a PathText,
    inventory: &'a Inventory,
) -> impl Iterator<Item = Listed<'a>> + use<'a> {
    let assets = inventory.assets.iter();
    assets
        .filter(|asset| asset.kind != AssetKind::VersionControl)
        .filter(|asset| !matches!(asset.id, AssetId::Kubernetes { .. }))
        .map(move |asset| Listed {
            asset,
            digest: digest(asset),
            path: below(root, &asset.name),
        })
}

fn digest(asset: &Asset) -> Option<Digest> {
    let hex = asset.labels.get("sha256")?;
    format!("sha256:{hex}").parse().ok()
}

/// The path from the root of a file that is named with it. The tree may be that file.
fn below(root: &PathText, name: &str) -> PathText {
    let name = PathText::from_text(name);
    match name.strip_prefix(root) {
        Some(rest) if !rest.as_str().is_empty() => rest,
        _ => PathText::from_text(name.file_name()),
    }
}

/// Whether the manifest of the model at `path` signs the file, as the inventory read it.
fn covers(manifest: &Manifest, path: &PathText, file: &Listed<'_>) -> bool {
    let Some(digest) = file.digest else {
        return false;
    };
    // A model that is one file is signed without its name.
    let is_whole = file.path == *path || path.as_str().is_empty();
    if is_whole && manifest.covers(WHOLE, &digest) {
        return true;
    }
    let name = file.path.strip_prefix(path).map(|name| name.to_bytes());
    let name = name.and_then(|name| String::from_utf8(name).ok());
    name.is_some_and(|name| manifest.covers(&name, &digest))
}
