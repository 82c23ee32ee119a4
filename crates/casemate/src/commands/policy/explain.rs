//! `casemate policy explain`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::documents::{self, Document};
use crate::{
    NEGATIVE,
    cli::{Format, Global, policy::Explain},
    clock, output, policies,
};

/// Says why.
pub(super) fn run(global: &Global, arguments: &Explain) -> Result<ExitCode> {
    let bundle = policies::load(global, &arguments.policy, clock::of(global)?.now())?;
    let (explanation, holds) = match documents::record_or_input(&arguments.file)? {
        Document::Input(_) if arguments.input.is_some() => {
            bail!("--input is for a record, and this is an input itself");
        }
        Document::Input(input) => (casemate_policy::explain(&bundle, &input), true),
        Document::Record(record) => {
            let input = arguments.input.as_deref().map(documents::input);
            let input = input.transpose()?;
            let mut explanation = casemate_policy::explain_record(&record, &bundle, input.as_ref());
            let holds = record.holds(clock::of(global)?.now());
            explanation
                .notes
                .extend(holds.as_ref().err().map(ToString::to_string));
            (explanation, holds.is_ok())
        }
    };
    match global.format {
        Format::Json => output::print_json(&explanation)?,
        _ => output::print_lines(&explanation.to_string())?,
    }
    Ok(match holds {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}
