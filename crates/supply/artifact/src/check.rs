//! The room's two doors: the check that an assessment runs, and the classifier of an inventory.

use std::collections::BTreeMap;

use casemate_container::{Magic, sniff};
use casemate_core::{
    AssetKind, Check, Class, Classify, Coverage, Outcome, PathText, Rule, Source, Status, Subject,
};

use crate::{
    Allowlist, Examination, Limits, Observation, Verdict, examine::try_examine,
    formats::torch_legacy, rules::rules,
};

/// Judges files as models.
#[derive(Clone, Debug)]
pub struct ArtifactCheck {
    allowlist: Allowlist,
    limits: Limits,
}

impl ArtifactCheck {
    /// A check against `allowlist`, under `limits`.
    pub fn new(allowlist: Allowlist, limits: Limits) -> Self {
        Self { allowlist, limits }
    }
}

impl Default for ArtifactCheck {
    fn default() -> Self {
        Self::new(Allowlist::builtin().clone(), Limits::default())
    }
}

impl Check for ArtifactCheck {
    fn name(&self) -> &'static str {
        "artifact"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn rules(&self) -> &[Rule] {
        rules()
    }

    fn check(&self, subject: &Subject, source: &dyn Source) -> Option<Outcome> {
        let mut outcome = Outcome {
            check: self.name().to_owned(),
            version: self.version().to_owned(),
            subject: subject.asset.id.clone(),
            name: subject.asset.name.clone(),
            input: Some(subject.digest),
            result: Status::Error,
            coverage: Coverage::Partial,
            reason: None,
            facts: BTreeMap::new(),
            findings: Vec::new(),
        };
        match try_examine(source, &self.allowlist, &self.limits) {
            Ok(examination) => tell(examination, subject, &mut outcome),
            Err(error) => outcome.reason = Some(format!("cannot be read: {error}")),
        }
        Some(outcome)
    }
}

fn tell(examination: Examination, subject: &Subject, outcome: &mut Outcome) {
    let format = examination.format.to_owned();
    outcome.facts.insert("format".to_owned(), format);
    outcome.coverage = examination.coverage;
    if is_plain_source(&examination) {
        // Whoever scans a model wants to hear of the code beside it. A project is full of code, and
        // to say so of each file would bury what matters.
        outcome.result = Status::NotApplicable;
        outcome.reason = Some("source code, and no model".to_owned());
        return;
    }
    outcome.result = match (examination.verdict, examination.coverage) {
        (Verdict::Dangerous, _) => Status::Fail,
        (Verdict::Unknown, _) | (_, Coverage::Partial) => Status::Undetermined,
        (Verdict::Inert | Verdict::Known, Coverage::Complete) => Status::Pass,
    };
    if !examination.allowed.is_empty() {
        let allowed = examination.allowances().unwrap_or_default();
        outcome
            .facts
            .insert("allowed by the caller".to_owned(), allowed);
    }
    outcome.reason = examination.reason;
    let kind = subject.asset.kind.as_str().to_owned();
    outcome.facts.insert("kind".to_owned(), kind);
    let verdict = examination.verdict.as_str().to_owned();
    outcome.facts.insert("verdict".to_owned(), verdict);
    for seen in examination.findings {
        let finding = seen.into_finding(&subject.asset.id, &subject.path, &subject.file);
        outcome.findings.push(finding);
    }
}

/// Whether the file is source code and nothing besides.
fn is_plain_source(examination: &Examination) -> bool {
    let is_source = matches!(examination.format, "python-source" | "script" | "notebook");
    let says_so = |seen: &Observation| seen.rule.id.family() == "COD";
    is_source
        && examination.coverage == Coverage::Complete
        && examination.findings.iter().all(says_so)
}

impl Classify for ArtifactCheck {
    fn classify(&self, _path: &PathText, source: &dyn Source) -> Option<Class> {
        identify(source)
    }
}

/// What a file is, from its head and tail; nothing for what is no model, data set, archive or
/// program. It reads no more than sniffing does.
pub fn identify(source: &dyn Source) -> Option<Class> {
    let magic = sniff(source).ok()?.magic;
    let (kind, format) = match magic {
        Magic::Pickle(_) if torch_legacy::is_legacy(source).ok()? => {
            (AssetKind::Model, "torch-legacy")
        }
        Magic::Zip => zip_class(source),
        Magic::Pickle(_)
        | Magic::Safetensors
        | Magic::Gguf
        | Magic::GgmlLegacy
        | Magic::Hdf5
        | Magic::Tflite => (AssetKind::Model, magic.as_str()),
        Magic::Npy | Magic::Parquet | Magic::ArrowIpc => (AssetKind::Dataset, magic.as_str()),
        Magic::Tar
        | Magic::Gzip
        | Magic::Zlib
        | Magic::Bzip2
        | Magic::Xz
        | Magic::Lzma
        | Magic::Zstd
        | Magic::Lz4Frame
        | Magic::SevenZip
        | Magic::Rar => (AssetKind::Archive, magic.as_str()),
        Magic::Elf | Magic::Pe | Magic::MachO | Magic::JavaClass | Magic::Wasm | Magic::Pyc => {
            (AssetKind::Executable, "executable")
        }
        Magic::GitPack
        | Magic::GitIndex
        | Magic::GitPackIndex
        | Magic::GitCache
        | Magic::GitObject => (AssetKind::VersionControl, magic.as_str()),
        _ => return None,
    };
    Some(Class { kind, format })
}

/// What a zip is, by the names in its first 64 KiB: they stand there in the clear.
fn zip_class(source: &dyn Source) -> (AssetKind, &'static str) {
    let head = source.read_vec(0, 64 << 10).unwrap_or_default();
    let names = |needle: &str| memchr::memmem::find(&head, needle.as_bytes()).is_some();
    if names("data.pkl") {
        return (AssetKind::Model, "torch-zip");
    }
    if names(".npy") {
        return (AssetKind::Dataset, "npz");
    }
    (AssetKind::Archive, "zip")
}

#[cfg(test)]
mod tests {
    use casemate_core::{Asset, AssetId, Digest, MemorySource};

    use super::*;

    fn outcome(bytes: &[u8]) -> Outcome {
        let digest = Digest::of(bytes);
        let subject = Subject {
            asset: Asset {
                id: AssetId::Artifact { digest },
                kind: AssetKind::Model,
                name: "m/model".to_owned(),
                labels: BTreeMap::new(),
            },
            file: "m/model".into(),
            path: "model".into(),
            digest,
        };
        let check = ArtifactCheck::default();
        let outcome = check.check(&subject, &MemorySource(bytes));
        outcome.expect("an artifact check judges every file")
    }

    #[test]
    fn a_verdict_becomes_a_result() {
        for (bytes, result, verdict) in [
            (&b"cos\nsystem\n(S'id'\ntR."[..], Status::Fail, "dangerous"),
            (b"\x80\x02cacme\nNet\n)R.", Status::Undetermined, "unknown"),
            (b"\x80\x02K\x01.", Status::Pass, "inert"),
            (
                b"\x80\x02ccollections\nOrderedDict\n)R.",
                Status::Pass,
                "known",
            ),
            (
                b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
                Status::Undetermined,
                "unknown",
            ),
        ] {
            let outcome = outcome(bytes);
            assert_eq!(
                (outcome.result, outcome.facts["verdict"].as_str()),
                (result, verdict)
            );
            assert_eq!(outcome.findings.is_empty(), result == Status::Pass);
        }
    }

    #[test]
    fn a_finding_says_what_happens_and_where() {
        insta::assert_json_snapshot!(outcome(
            b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."
        ));
    }

    #[test]
    fn a_medium_that_fails_is_an_error_and_never_a_pass() {
        struct Failing;
        impl Source for Failing {
            fn len(&self) -> u64 {
                100
            }
            fn read_at(&self, _: u64, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("bad sector"))
            }
        }
        let subject = Subject {
            asset: Asset {
                id: AssetId::Artifact {
                    digest: Digest::of(b""),
                },
                kind: AssetKind::Model,
                name: "m".to_owned(),
                labels: BTreeMap::new(),
            },
            file: "m".into(),
            path: "m".into(),
            digest: Digest::of(b""),
        };
        let outcome = ArtifactCheck::default().check(&subject, &Failing);
        assert_eq!(outcome.map(|outcome| outcome.result), Some(Status::Error));
        let limits = Limits::default();
        let examination = crate::examine(&Failing, Allowlist::builtin(), &limits);
        assert_eq!(examination.verdict, Verdict::Unknown);
        assert_eq!(examination.coverage, Coverage::Partial);
    }

    #[test]
    fn files_are_classified_by_content() {
        let kind = |bytes: &[u8]| identify(&MemorySource(bytes)).map(|class| class.kind);
        assert_eq!(kind(b"\x80\x04N."), Some(AssetKind::Model));
        assert_eq!(kind(b"\x93NUMPY\x01\x00\x00\x00"), Some(AssetKind::Dataset));
        assert_eq!(kind(b"hello\n"), None);
        let torch = include_bytes!("../fixtures/storage.pt");
        assert_eq!(
            identify(&MemorySource(torch)).map(|class| class.format),
            Some("torch-zip")
        );
    }
}
