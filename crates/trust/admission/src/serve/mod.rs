//! The server: an API server asks over TLS, and who keeps it alive on a plain port.
//!
//! | what | bound |
//! |---|---|
//! | connections | [`Limits::connections`](crate::Limits::connections); one more is closed |
//! | a connection that asks nothing | two minutes; the first request has to begin at once |
//! | the head of a request, and then its body | [`Limits::read_seconds`](crate::Limits::read_seconds) each |
//! | the body | [`Limits::body_bytes`](crate::Limits::body_bytes), and values and nesting as [`Review`](crate::Review) has them |
//! | large bodies | as many at a time as judgements |
//! | judgements | a number at a time, on threads of their own; who waits for a turn waits within its deadline |
//! | a judgement | the lesser of [`Limits::deadline_seconds`](crate::Limits::deadline_seconds) and what the API server waits |

mod connection;
mod linger;
mod pace;
mod tls;
mod webhook;

use std::{
    io, net,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::available_parallelism,
    time::Duration,
};

use casemate_core::Clock;
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

pub use tls::Certificates;

use crate::{Judge, Metrics, Records};
use connection::Connections;
use webhook::Webhook;

/// Everything that answers.
pub struct Server {
    /// Who decides.
    pub judge: Arc<Judge>,
    /// What is shown to those who ask.
    pub certificates: Arc<Certificates>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where decisions go.
    pub records: Option<Records>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who is told what happens, in one line each.
    pub told: Told,
}

/// Ends a server from another thread.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }
}

impl Stop {
    /// No more is taken, and what was asked is answered.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

/// Takes a line for people.
pub type Told = Arc<dyn Fn(&str) + Send + Sync>;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of the certificate cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// The certificate cannot be used.
    #[error("{0}: {1}")]
    Certificate(PathBuf, String),
    /// The system refuses.
    #[error("cannot serve: {0}")]
    System(#[from] io::Error),
}

impl Server {
    /// Answers on `listener`, and on `plain` with metrics and health, until the process is told to end (SIGTERM, SIGINT) or `stop`
    /// says so. SIGTERM leaves the time that a cluster takes to send nothing more; what was asked by then is answered.
    ///
    /// # Errors
    ///
    /// [`ServeError::System`].
    pub fn run(
        self,
        listener: net::TcpListener,
        plain: Option<net::TcpListener>,
        stop: &Stop,
    ) -> Result<(), ServeError> {
        let judgements = self.judgements();
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("webhook")
            // Those for judgements, and some for the reading of large requests and of certificates.
            .max_blocking_threads(judgements + 4)
            .build()?;
        let ran = runtime.block_on(self.serve(listener, plain, stop.0.subscribe(), judgements));
        // A judgement that nobody waits for any more must not keep the process.
        runtime.shutdown_timeout(Duration::from_secs(1));
        ran
    }

    fn judgements(&self) -> usize {
        match self.judge.settings().limits.judgements {
            0 => 2 * available_parallelism().map_or(2, usize::from),
            some => some,
        }
    }

    async fn serve(
        self,
        listener: net::TcpListener,
        plain: Option<net::TcpListener>,
        mut stop: watch::Receiver<bool>,
        judgements: usize,
    ) -> Result<(), ServeError> {
        let limits = self.judge.settings().limits;
        let read = Duration::from_secs(limits.read_seconds);
        let is_ready = Arc::new(AtomicBool::new(true));
        let (ending, ended) = watch::channel(false);

        let health = webhook::health(Arc::clone(&self.metrics), Arc::clone(&is_ready));
        let health = plain.map(|plain| -> io::Result<_> {
            let connections = Connections {
                router: health,
                tls: None,
                room: Arc::new(Semaphore::new(PLAIN_CONNECTIONS)),
                read,
                metrics: None,
            };
            Ok(tokio::spawn(
                connections.take(listening(plain)?, ended.clone()),
            ))
        });
        let health = health.transpose()?;

        let certificates = Arc::clone(&self.certificates);
        let webhook = Webhook {
            judge: self.judge,
            metrics: Arc::clone(&self.metrics),
            records: self.records,
            clock: self.clock,
            turns: Arc::new(Semaphore::new(judgements)),
            large: Arc::new(Semaphore::new(judgements)),
        };
        let connections = Connections {
            router: webhook.router(),
            tls: Some(TlsAcceptor::from(Arc::new(tls::config(Arc::clone(
                &certificates,
            ))))),
            room: Arc::new(Semaphore::new(limits.connections.max(1))),
            read,
            metrics: Some(Arc::clone(&self.metrics)),
        };
        let answering = tokio::spawn(connections.take(listening(listener)?, ended));
        let renewing = tokio::spawn(tls::renew(
            certificates,
            self.metrics,
            Arc::clone(&self.told),
        ));

        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        tokio::select! {
            _ = terminate.recv() => {
                is_ready.store(false, Ordering::Relaxed);
                (self.told)("told to end: not ready any more, and answering until nothing more is sent");
                tokio::select! {
                    () = sleep(DRAIN) => {}
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            _ = interrupt.recv() => {}
            _ = stop.wait_for(|stopped| *stopped) => {}
        }
        is_ready.store(false, Ordering::Relaxed);
        let _ = ending.send(true);
        renewing.abort();
        let last = Duration::from_secs(limits.deadline_seconds.saturating_add(limits.read_seconds));
        let _ = timeout(last, answering).await;
        if let Some(health) = health {
            health.abort();
        }
        Ok(())
    }
}

fn listening(listener: net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Until the endpoints of a Service are without a pod that is to end, some requests still come.
const DRAIN: Duration = Duration::from_secs(5);

/// Kubelets and Prometheus ask one after the other.
const PLAIN_CONNECTIONS: usize = 32;
