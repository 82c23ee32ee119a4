//! `casemate model convert`.

use std::{collections::BTreeMap, fmt::Write, os::unix::ffi::OsStrExt, process::ExitCode};

use anyhow::{Context, Result, anyhow, bail};
use casemate_artifact::{
    ConvertError, Convertible, Examination, Failure, Limits, Obstacle, Options, Plan, ShardIndex,
    Verdict,
};
use casemate_core::PathText;
use casemate_inventory::Progress;
use casemate_report::sanitise;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    destination::Destination,
    origin::{self, Origin},
};
use crate::{
    NEGATIVE,
    cli::{Convert, Format, Global},
    config, output,
    progress::Ticker,
};

/// What came of a conversion.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Conversion {
    /// The version of this form.
    #[schemars(extend("const" = SCHEMA))]
    schema: &'static str,
    /// What was converted; an index of shards comes before them.
    inputs: Vec<Input>,
    /// Whether anything was written.
    written: bool,
    /// Why nothing was written, where nothing was.
    reason: Option<String>,
    /// The files that were written, or would be.
    outputs: Vec<Output>,
    /// The tensors, file by file.
    tensors: Vec<Tensor>,
    /// The metadata of the output. Values beside the tensors are JSON.
    metadata: BTreeMap<String, String>,
    /// Names of tensors that share a storage in the input. Each is written whole.
    shared: Vec<Vec<String>>,
    /// What is left out.
    refused: Vec<Refused>,
}

/// A file that was converted.
#[derive(Debug, Serialize, JsonSchema)]
struct Input {
    path: String,
    /// `torch-zip`, `npz` …
    format: &'static str,
    /// `inert`, `known`, `unknown` or `dangerous`.
    verdict: &'static str,
    /// What stands behind an unknown or dangerous verdict.
    findings: Vec<Finding>,
    /// What your own allowlist let pass, with your reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
}

/// Something found in an input.
#[derive(Debug, Serialize, JsonSchema)]
struct Finding {
    rule: String,
    message: String,
}

/// A file of the output.
#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    path: String,
    /// Its size in bytes.
    bytes: u64,
}

/// A tensor of the output.
#[derive(Debug, Serialize, JsonSchema)]
struct Tensor {
    name: String,
    /// As safetensors spells it.
    dtype: &'static str,
    shape: Vec<u64>,
    bytes: u64,
    /// Which output it is in, counted from zero.
    output: usize,
}

/// An entry that is left out.
#[derive(Debug, Serialize, JsonSchema)]
struct Refused {
    name: String,
    /// A noun phrase: `a sparse tensor, which safetensors cannot hold; …`.
    reason: String,
}

/// Converts a checkpoint.
pub(crate) fn run(global: &Global, arguments: &Convert) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("a conversion is told of as text or json");
    }
    let origins = origin::open(&arguments.input)?;
    let files: Vec<Convertible<'_>> = origins.files.iter().map(convertible).collect();
    let index = origins.index.as_ref().map(|(index, map)| ShardIndex {
        file: convertible(index),
        map,
    });
    let options = Options {
        only: arguments.only.clone(),
        strip_prefix: arguments.strip_prefix.clone(),
        max_shard_size: arguments.max_shard_size,
    };
    let (allowlist, limits) = (
        config::allowlist(&arguments.allow.files)?,
        Limits::default(),
    );
    let plan = match Plan::new(&files, index, &allowlist, &limits, &options) {
        Ok(plan) => plan,
        Err(Failure {
            error: ConvertError::Io(error),
            ..
        }) => {
            return Err(
                anyhow!(error).context(format!("cannot read {}", arguments.input.display()))
            );
        }
        Err(failure) => return refuse_all(global, &failure),
    };
    let mut destination = Destination::new(&arguments.output, plan.sizes().len(), arguments.force)?;
    if let Some(name) = destination
        .names()
        .iter()
        .find(|name| origins.include(name))
    {
        bail!("{} is what is converted; give another name", name.display());
    }
    let reason = reason(&plan, arguments);
    let conversion = told(&plan, &destination, reason);
    if conversion.written {
        let [from, to] = [&arguments.input, &arguments.output].map(|path| path.display());
        write(global, &plan, &mut destination)
            .with_context(|| format!("cannot convert {from} to {to}"))?;
        destination.finish()?;
    }
    print(global, &conversion)?;
    let all = conversion.written && plan.obstacle().is_none();
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

fn convertible(origin: &Origin) -> Convertible<'_> {
    Convertible {
        name: &origin.name,
        source: &origin.source,
    }
}

/// Why nothing is written, if nothing is to be.
fn reason(plan: &Plan<'_>, arguments: &Convert) -> Option<String> {
    let skip = arguments.skip_refused || arguments.salvage;
    match plan.obstacle() {
        Some(Obstacle::File(why)) if !arguments.salvage => Some(format!(
            "{why}; --salvage converts what is clean in it and leaves out the rest"
        )),
        Some(Obstacle::Entries) if !skip => {
            Some("entries are refused; --skip-refused converts the rest".to_owned())
        }
        _ if plan.tensors().next().is_none() => Some("there are no tensors to convert".to_owned()),
        _ => None,
    }
}

fn write(global: &Global, plan: &Plan<'_>, destination: &mut Destination) -> Result<()> {
    let ticker = Ticker::new(global.quiet);
    let progress: &dyn Progress = Ticker::progress(&ticker);
    progress.found(plan.sizes().len() as u64, plan.sizes().sum());
    for (nth, len) in plan.sizes().enumerate() {
        let out = destination.create(nth, len)?;
        plan.write(nth, &out, &|bytes| progress.done(0, bytes))?;
        out.finish()?;
        progress.done(1, 0);
    }
    let map = plan.tensors().map(|tensor| (tensor.name, tensor.shard));
    let bytes = plan.tensors().map(|tensor| tensor.bytes).sum();
    destination.write_index(map.collect(), bytes)
}

/// A file that nothing can be taken from.
fn refuse_all(global: &Global, failure: &Failure) -> Result<ExitCode> {
    let conversion = Conversion {
        schema: SCHEMA,
        inputs: failure.examinations.iter().map(judged).collect(),
        written: false,
        reason: Some(failure.error.to_string()),
        outputs: Vec::new(),
        tensors: Vec::new(),
        metadata: BTreeMap::new(),
        shared: Vec::new(),
        refused: Vec::new(),
    };
    print(global, &conversion)?;
    Ok(ExitCode::from(NEGATIVE))
}

/// What was found in an input.
fn judged((name, examination): &(String, Examination)) -> Input {
    let findings = examination.findings.iter();
    let findings = findings.filter(|found| found.verdict >= Verdict::Unknown);
    Input {
        path: name.clone(),
        format: examination.format,
        verdict: examination.verdict.as_str(),
        allowed: examination.allowances(),
        findings: findings
            .map(|found| Finding {
                rule: found.rule.id.to_string(),
                message: found.message.clone(),
            })
            .collect(),
    }
}

fn told(plan: &Plan<'_>, destination: &Destination, reason: Option<String>) -> Conversion {
    let outputs = destination.names().iter().zip(plan.sizes());
    let tensors = plan.tensors().map(|tensor| Tensor {
        name: tensor.name.to_owned(),
        dtype: tensor.dtype,
        shape: tensor.shape.to_vec(),
        bytes: tensor.bytes,
        output: tensor.shard,
    });
    let shared = plan.shared().into_iter();
    let refused = plan.refused().iter().map(|refused| Refused {
        name: refused.name.clone(),
        reason: refused.reason.clone(),
    });
    Conversion {
        schema: SCHEMA,
        inputs: plan.examinations().iter().map(judged).collect(),
        written: reason.is_none(),
        reason,
        outputs: outputs
            .map(|(name, bytes)| Output {
                path: PathText::from_bytes(name.as_os_str().as_bytes()).to_string(),
                bytes,
            })
            .collect(),
        tensors: tensors.collect(),
        metadata: plan.metadata().clone(),
        shared: shared
            .map(|names| names.into_iter().map(str::to_owned).collect())
            .collect(),
        refused: refused.collect(),
    }
}

fn print(global: &Global, conversion: &Conversion) -> Result<()> {
    match global.format {
        Format::Json => output::print_json(conversion),
        _ => output::print(&conversion.text()),
    }
}

impl Conversion {
    fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{}", sanitise(&text));
        };
        for input in &self.inputs {
            line(format!(
                "{}: {}, {}",
                input.path, input.format, input.verdict
            ));
            for finding in input.findings.iter().take(LISTED) {
                line(format!("  {} {}", finding.rule, finding.message));
            }
            more(&mut line, input.findings.len());
            if let Some(allowed) = &input.allowed {
                line(format!("  allowed by you: {allowed}"));
            }
        }
        if !self.refused.is_empty() {
            line(format!("refused: {}", self.refused.len()));
            for refused in self.refused.iter().take(LISTED) {
                line(format!("  {}: {}", refused.name, refused.reason));
            }
            more(&mut line, self.refused.len());
        }
        if let Some(reason) = &self.reason {
            line(format!("nothing is written: {reason}"));
            return out;
        }
        if !self.shared.is_empty() {
            line("shared, and each written whole:".to_owned());
            for names in self.shared.iter().take(LISTED) {
                line(format!("  {}", names.join(" = ")));
            }
            more(&mut line, self.shared.len());
        }
        let kept = self.metadata.keys().filter(|key| *key != "format").count();
        if kept > 0 {
            line(format!(
                "kept as metadata: {kept} values beside the tensors"
            ));
        }
        for (nth, output) in self.outputs.iter().enumerate() {
            let tensors = self.tensors.iter().filter(|tensor| tensor.output == nth);
            let (tensors, bytes) = (tensors.count(), output.bytes);
            line(format!(
                "wrote {}: {tensors} tensors, {bytes} bytes",
                output.path
            ));
        }
        out
    }
}

fn more(line: &mut impl FnMut(String), count: usize) {
    if count > LISTED {
        let rest = count - LISTED;
        line(format!("  and {rest} more; --format json lists them all"));
    }
}

const SCHEMA: &str = "casemate.conversion/1";
/// How many of a kind are listed as text.
const LISTED: usize = 50;
