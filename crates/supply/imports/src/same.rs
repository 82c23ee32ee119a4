//! Which results are the same: of several runs, and of a run and a check of ours.

use std::collections::{HashMap, hash_map::Entry};

use casemate_core::{Digest, Finding, Region, RuleId, Severity};

use crate::{
    Run,
    place::{Found, Tree},
    run::Said,
};

/// What is kept of a run's results.
pub(crate) struct Kept {
    pub(crate) said: Vec<Said>,
    pub(crate) repeated: u64,
}

/// Of results that are the same but for how bad they are, the worst, whichever is read first: a result that
/// was accepted or left open must not hide the same one that was not.
pub(crate) fn worst(runs: &mut [&mut Run], tree: &Tree) -> Vec<Kept> {
    let mut kept: Vec<Vec<Option<Said>>> = Vec::new();
    let mut repeated = vec![0; runs.len()];
    let mut seen: HashMap<Digest, (usize, usize)> = HashMap::new();
    for (at, run) in runs.iter_mut().enumerate() {
        kept.push(Vec::new());
        for mut said in std::mem::take(&mut run.said) {
            let place = (at, kept[at].len());
            if let Ok(id) = RuleId::of_tool(&run.tool, &said.rule) {
                match seen.entry(said.identity(&id, &tree.find(&said.place))) {
                    Entry::Vacant(entry) => {
                        entry.insert(place);
                    }
                    Entry::Occupied(mut entry) => {
                        let (other, n) = *entry.get();
                        let slot = &mut kept[other][n];
                        if let Some(before) = slot
                            && before.badness() >= said.badness()
                        {
                            before.worsen(&said);
                            repeated[at] += 1;
                            continue;
                        }
                        if let Some(before) = slot.take() {
                            said.worsen(&before);
                        }
                        repeated[other] += 1;
                        entry.insert(place);
                    }
                }
            }
            kept[at].push(Some(said));
        }
    }
    let kept = kept.into_iter().zip(repeated);
    kept.map(|(said, repeated)| Kept {
        said: said.into_iter().flatten().collect(),
        repeated,
    })
    .collect()
}

/// A finding: which outcome has it, which it is there, and its resource as [`plain`] has it.
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) n: usize,
    resource: Option<String>,
    /// Whether it is of Terraform, whose addresses are the same everywhere; those of other languages each tool
    /// makes up.
    is_terraform: bool,
}

impl Place {
    pub(crate) fn new(at: usize, n: usize, finding: &Finding) -> Self {
        let resource = finding.evidence.iter().find(|it| it.label == "resource");
        let address = resource.map(|it| &*it.value);
        let is_terraform =
            address.is_some_and(|it| is_terraform(finding.location.file.as_str(), it));
        let resource = address.map(|it| match is_terraform {
            true => plain(maker(it)),
            false => plain(it),
        });
        Self {
            at,
            n,
            resource,
            is_terraform,
        }
    }
}

impl Said {
    /// How bad it is among those of its identity.
    fn badness(&self) -> (bool, bool, Severity) {
        let is_wrong = self.open.is_none();
        (is_wrong, self.accepted.is_none(), self.severity)
    }

    /// Takes over what is worse of `other`, which is the same and not worse as a whole.
    fn worsen(&mut self, other: &Self) {
        if other.accepted.is_none() {
            self.accepted = None;
        }
        if other.severity > self.severity {
            self.severity = other.severity;
            self.word.clone_from(&other.word);
        }
        self.confidence = self.confidence.max(other.confidence);
    }

    /// What makes it one that was not there before, as a digest. How bad it is does not: see [`worst`].
    fn identity(&self, id: &RuleId, found: &Found<'_>) -> Digest {
        let place = match found {
            Found::File(path, _) => path.as_str(),
            Found::Leaves | Found::Missing => &self.place.shown,
        };
        let region = format!("{:?}", self.region);
        let resource = self.resource.as_deref().unwrap_or_default();
        let recognised = self.recognised.as_deref().unwrap_or_default();
        let parts = [
            id.as_str(),
            place,
            &region,
            resource,
            recognised,
            &self.message,
        ];
        let mut hasher = casemate_core::Hasher::default();
        for part in parts {
            hasher.part(part.as_bytes());
        }
        hasher.finish()
    }
}

/// Whether a finding of a file is about what `said` is about there: the same resource, where both name one,
/// or else lines that overlap. What has no lines is about the whole file. `resource` is that of `said`, plain.
pub(crate) fn is_same(
    finding: &Finding,
    place: &Place,
    said: &Said,
    resource: Option<&str>,
) -> bool {
    if let (Some(ours), Some(other)) = (place.resource.as_deref(), resource) {
        if ours == other {
            return true;
        }
        if place.is_terraform {
            return false;
        }
    }
    match (finding.location.region, said.region) {
        (
            Some(Region::Text { line, end_line, .. }),
            Some(Region::Text {
                line: start,
                end_line: end,
                ..
            }),
        ) => line <= end && start <= end_line,
        (None, _) | (_, None) => true,
        _ => false,
    }
}

/// Whether what stands at `address` in `file` is Terraform's: configuration and states say so by their names.
/// A plan has any, and is known by its addresses, a type with its provider and a name; what is called after
/// its file may look like one.
fn is_terraform(file: &str, address: &str) -> bool {
    let maker = maker(address);
    let is_typed = || {
        let plain = plain(maker);
        let kind = plain.rsplit('.').nth(1).unwrap_or_default();
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        kind.contains('_') && kind.chars().all(is_word)
    };
    TERRAFORM.iter().any(|end| file.ends_with(end))
        || (file.ends_with(".json") && is_typed() && !file.contains(maker))
}

/// How the names of files of Terraform's and OpenTofu's end that hold nothing else.
const TERRAFORM: &[&str] = &[".tf", ".tofu", ".tf.json", ".tofu.json", ".tfstate"];

/// The resource of Terraform's that makes an object: no other tool tells them apart.
fn maker(address: &str) -> &str {
    let mut is_index = false;
    let end = address.find(|c| {
        is_index = c == '[' || (is_index && c != ']');
        c == '/' && !is_index
    });
    &address[..end.unwrap_or(address.len())]
}

/// An address without what tools write differently.
pub(crate) fn plain(address: &str) -> String {
    let mut plain = String::new();
    let mut is_index = false;
    for c in address.chars() {
        match c {
            '[' => is_index = true,
            ']' => is_index = false,
            _ if is_index => {}
            '/' => plain.push('.'),
            c => plain.push(c),
        }
    }
    // What is read and who provides it have types of their own, with or without this before them.
    for kind in ["data.", "provider."] {
        if let Some(rest) = plain.strip_prefix(kind) {
            plain = rest.to_owned();
        }
    }
    plain.replace(".data.", ".")
}

#[cfg(test)]
mod tests {
    use super::{is_terraform, maker, plain};

    #[test]
    fn addresses_are_one_however_tools_write_them() {
        for (ours, theirs) in [
            ("Deployment/ml/api", "Deployment.ml.api"),
            ("aws_s3_bucket.a[0]", "aws_s3_bucket.a"),
            (
                "module.m[\"x\"].aws_s3_bucket.a",
                "module.m.aws_s3_bucket.a",
            ),
            (
                "data.aws_iam_policy_document.p",
                "aws_iam_policy_document.p",
            ),
            (
                "module.m.data.aws_iam_policy_document.p",
                "module.m.aws_iam_policy_document.p",
            ),
            ("provider.aws.keys", "aws.keys"),
        ] {
            assert_eq!(plain(ours), plain(theirs));
        }
        assert_ne!(plain("aws_s3_bucket.data"), plain("aws_s3_bucket.a"));
    }

    #[test]
    fn terraform_is_known_by_its_files_and_a_plan_by_its_addresses() {
        let bucket = "module.m[\"x\"].aws_s3_bucket.a[0]";
        for (file, address) in [
            ("main.tf", "provider.aws"),
            ("main.tofu", bucket),
            ("main.tf.json", bucket),
            ("main.tofu.json", bucket),
            ("terraform.tfstate", bucket),
            ("plan.json", bucket),
            ("plan.json", "data.aws_iam_policy_document.p"),
            ("plan.json", "kubernetes_pod.p/Pod/ml/p"),
        ] {
            assert!(is_terraform(file, address), "{file}: {address}");
        }
        for (file, address) in [
            ("pods.json", "Pod/ml/a_b.c"),
            ("stack.json", "Bucket"),
            ("main.yaml", bucket),
            ("tree/my_values.json", "my_values.json"),
            ("tree/my_pipeline.json", "my_pipeline.json/exec-train"),
        ] {
            assert!(!is_terraform(file, address), "{file}: {address}");
        }
    }

    #[test]
    fn an_object_is_known_by_the_resource_that_makes_it() {
        for (address, expected) in [
            ("kubernetes_pod.p/Pod/ml/p", "kubernetes_pod.p"),
            (
                "kubernetes_pod.p[\"a/b\"]/Pod/ml/p",
                "kubernetes_pod.p[\"a/b\"]",
            ),
            ("aws_s3_bucket.a", "aws_s3_bucket.a"),
        ] {
            assert_eq!(maker(address), expected);
        }
    }
}
