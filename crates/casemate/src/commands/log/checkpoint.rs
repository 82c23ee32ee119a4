//! `casemate log checkpoint`.

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use casemate_ledger::{
    VerifierKey,
    disk::Folder,
    log::Writer,
    note::{MAX_NOTE, Note, NoteSignature, Scheme, signature_lines},
    witness::AddCheckpoint,
};

use super::{open_writer, origin, read_key, refused, report, signer};
use crate::{
    NEGATIVE,
    cli::{self, Format, Global},
    http, output,
};

/// Signs what is pending and asks witnesses.
pub(crate) fn run(global: &Global, arguments: &cli::Checkpoint) -> Result<ExitCode> {
    let mut writer = match refused(open_writer(&arguments.dir))? {
        Ok(writer) => writer,
        Err(error) => {
            output::print(&format!("nothing is signed: {error}\n"))?;
            return Ok(ExitCode::from(NEGATIVE));
        }
    };
    if let Some(path) = &arguments.key {
        let key = read_key(path)?;
        let name = origin(writer.log()).to_owned();
        let committed = writer.commit(&signer(&name, Scheme::Ed25519, &key)?);
        committed.with_context(|| arguments.dir.display().to_string())?;
    }
    let mut refused = Vec::new();
    for url in &arguments.witness {
        match ask(&writer, &url.parse()?, &arguments.witness_vkey)? {
            Ok(signatures) => writer.cosign(signatures)?,
            Err(why) => refused.push(format!("{url}: {why}")),
        }
    }
    let log = writer.log();
    let signed = report::Signed {
        schema: "casemate/log-checkpoint/v1",
        head: report::Head::of(log.checkpoint()),
        checkpoint: log.note().to_string(),
        pending: log.pending()?,
        refused,
    };
    match global.format {
        Format::Json => output::print_json(&signed)?,
        _ => {
            output::print(&signed.checkpoint)?;
            for why in &signed.refused {
                output::hint(
                    global,
                    &format!("refused by {}", casemate_report::sanitise(why)),
                );
            }
            if signed.pending > 0 {
                output::hint(
                    global,
                    &format!("{} entries are pending; give --key", signed.pending),
                );
            }
        }
    }
    Ok(match signed.refused.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

/// Asks a witness for cosignatures: those that it gives by known keys, or why it refuses.
fn ask(
    writer: &Writer<Folder>,
    url: &http::Url,
    keys: &[VerifierKey],
) -> Result<Result<Vec<NoteSignature>, String>> {
    let log = writer.log();
    // It tells the size that it knows where it is not this.
    let mut old = 0;
    for _ in 0..3 {
        let request = AddCheckpoint {
            old,
            proof: log.prove_consistency(old)?,
            note: log.note().clone(),
        };
        let body = request.to_string().into_bytes();
        let (status, answer) = http::post(url, "/add-checkpoint", &body, MAX_NOTE)?;
        let answer = String::from_utf8(answer).context("the witness does not answer in UTF-8")?;
        match status {
            200 => return known(&answer, log.note(), keys).map(Ok),
            409 => {
                let size = answer.trim_end_matches('\n').parse();
                old = size.map_err(|_| anyhow!("the witness says 409 without a size"))?;
                if old > log.checkpoint().size() {
                    return Ok(Err(format!(
                        "it has cosigned a checkpoint of {old} entries: this log was cut back, or is \
                         another under the same name"
                    )));
                }
            }
            422 => {
                return Ok(Err(format!(
                    "this log does not continue the checkpoint of {old} entries that it has cosigned: \
                     somebody rewrote the history"
                )));
            }
            status => return Ok(Err(format!("{status} {}", answer.trim_end()))),
        }
    }
    bail!("the witness says another size each time")
}

/// The cosignatures by known keys, each of which must be good.
fn known(answer: &str, note: &Note, keys: &[VerifierKey]) -> Result<Vec<NoteSignature>> {
    let mut signatures = signature_lines(answer).context("the witness' answer")?;
    let is_known = |by: &NoteSignature| {
        let mut keys = keys.iter();
        keys.any(|key| key.name() == by.name && key.id() == by.id && key.is_cosigner())
    };
    signatures.retain(is_known);
    let mut cosigned = Note::new(note.text().to_owned())?;
    for signature in &signatures {
        cosigned.push(signature.clone());
    }
    cosigned
        .verify(keys)
        .context("the witness' cosignature, under the keys of --witness-vkey")?;
    Ok(signatures)
}
