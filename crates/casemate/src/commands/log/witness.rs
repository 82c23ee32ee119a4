//! `casemate log witness`.

use std::{net::TcpListener, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use casemate_core::Clock;
use casemate_ledger::{
    disk::Folder,
    log::LogError,
    note::Scheme,
    witness::{Answer, Keeping, MAX_REQUEST, Witness},
};

use super::{read, read_key, signer};
use crate::{
    NEGATIVE,
    cli::{self, Global},
    clock,
    http::{self, Request, Response},
    output,
};

/// Cosigns, once or until it is stopped.
pub(crate) fn run(global: &Global, command: &cli::Witness) -> Result<ExitCode> {
    let (cli::Witness::Serve { witness: of, .. } | cli::Witness::Cosign { witness: of, .. }) =
        command;
    let key = read_key(&of.key.key)?;
    let witness = Witness {
        signer: signer(&of.name, Scheme::Cosignature, &key)?,
        logs: of
            .log
            .iter()
            .map(|key| (key.name().to_owned(), key.clone()))
            .collect(),
    };
    let folder = Folder::claimed(&of.state).with_context(|| of.state.display().to_string())?;
    let mut desk = Desk {
        witness: &witness,
        keeping: Keeping::new(folder),
        clock: clock::of(global)?,
    };
    match command {
        cli::Witness::Serve { listen, .. } => {
            let listener = TcpListener::bind(listen).with_context(|| listen.to_string())?;
            let address = listener.local_addr()?;
            output::print(&format!(
                "{}\nhttp://{address}\n",
                witness.signer.verifier()
            ))?;
            let ended = http::serve(&listener, MAX_REQUEST, |request| desk.respond(&request));
            Err(ended).context("no more connections are taken")
        }
        cli::Witness::Cosign { request, .. } => desk.cosign(request),
    }
}

struct Desk<'a> {
    witness: &'a Witness<'a>,
    keeping: Keeping<Folder>,
    clock: Box<dyn Clock>,
}

impl Desk<'_> {
    fn answer(&mut self, body: &[u8]) -> Result<Answer, LogError> {
        let time = self.clock.now().as_second().try_into().unwrap_or(0);
        self.keeping.answer(self.witness, body, time)
    }

    /// Answers one request from a file.
    fn cosign(mut self, request: &Path) -> Result<ExitCode> {
        let answer = self.answer(&read(request, MAX_REQUEST as u64)?)?;
        output::print(&answer.body().1)?;
        Ok(match answer.status() {
            200 => ExitCode::SUCCESS,
            _ => ExitCode::from(NEGATIVE),
        })
    }

    fn respond(&mut self, request: &Request) -> Response {
        let failed = |error: LogError| {
            // The caller must not learn our paths; who runs the witness must.
            let _ = output::print(&format!("{error}\n"));
            Response::text(500, "the witness cannot keep its state\n")
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/add-checkpoint") => {
                self.answer(&request.body).map_or_else(failed, |answer| {
                    let (content_type, body) = answer.body();
                    Response {
                        status: answer.status(),
                        content_type,
                        body,
                    }
                })
            }
            (_, "/add-checkpoint") => Response::text(405, "it is asked by POST\n"),
            ("GET", path) => {
                let hash = path
                    .strip_prefix('/')
                    .and_then(|path| path.strip_suffix("/checkpoint"));
                let latest = hash.map(|hash| self.keeping.latest(hash));
                match latest {
                    Some(Ok(Some((note, _)))) => Response::text(200, &note.to_string()),
                    Some(Err(error)) => failed(error),
                    _ => Response::text(404, "there is nothing here\n"),
                }
            }
            _ => Response::text(404, "there is nothing here\n"),
        }
    }
}
