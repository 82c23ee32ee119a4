//! `casemate admit serve`.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    net::TcpListener,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result};
use casemate_admission::{Certificates, Metrics, OnError, Records, Server, Stop};

use crate::{
    cli::{self, Global},
    clock,
    config::Configuration,
    output,
};

/// Answers an API server until it is told to end.
pub(super) fn run(
    global: &Global,
    mut configuration: Configuration,
    arguments: &cli::admit::Serve,
) -> Result<ExitCode> {
    let clock = clock::of(global)?;
    let mut settings = std::mem::take(&mut configuration.admit);
    settings.on_error = match arguments.on_error {
        None => settings.on_error,
        Some(cli::admit::OnError::Deny) => OnError::Deny,
        Some(cli::admit::OnError::Allow) => OnError::Allow,
    };
    let certificates = Certificates::load(&arguments.tls_cert, &arguments.tls_key)?;
    let judge = super::judge(global, configuration, &arguments.by, settings, clock.now())?;
    let listen = |at| TcpListener::bind(at).with_context(|| format!("cannot listen on {at}"));
    let listener = listen(arguments.listen)?;
    let plain = arguments.metrics.map(listen).transpose()?;

    let metrics = Arc::new(Metrics::default());
    let room = judge.settings().limits.records;
    let written = arguments.records.as_deref().map(|path| -> Result<_> {
        Ok(Records::begin(records(path)?, room, Arc::clone(&metrics))?)
    });
    let (records, writer) = written.transpose()?.unzip();
    let told = global.clone();
    let told = move |text: &str| output::hint(&told, text);
    told(&judge.told());
    told(&format!("listening on https://{}", listener.local_addr()?));
    if let Some(plain) = &plain {
        told(&format!(
            "metrics and health on http://{}",
            plain.local_addr()?
        ));
    }
    let server = Server {
        judge: Arc::new(judge),
        certificates: Arc::new(certificates),
        metrics,
        records,
        clock: Arc::from(clock),
        told: Arc::new(told.clone()),
    };
    server.run(listener, plain, &Stop::default())?;
    // Every record that was taken is written before the process ends.
    if let Some(Err(_)) = writer.map(|writer| writer.join()) {
        told("the thread that writes records has failed");
    }
    told("ended");
    Ok(ExitCode::SUCCESS)
}

fn records(path: &Path) -> Result<Box<dyn Write + Send>> {
    if path.to_str() == Some("-") {
        return Ok(Box::new(io::stdout()));
    }
    let file = OpenOptions::new().append(true).create(true).open(path);
    let file = file.with_context(|| format!("cannot write records to {}", path.display()))?;
    Ok(Box::new(file))
}
