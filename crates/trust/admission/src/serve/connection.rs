//! Connections, a bounded number of them, each with its time.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    linger::Lingering,
    pace::{Pace, Paced},
};
use crate::{Metrics, metrics::Counted};

/// How connections are taken.
pub(super) struct Connections {
    pub(super) router: Router,
    /// None on a plain port.
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) room: Arc<Semaphore>,
    /// How long a handshake, and how long the head of a request may take.
    pub(super) read: Duration,
    /// None where connections are not counted.
    pub(super) metrics: Option<Arc<Metrics>>,
}

impl Connections {
    /// Takes connections until `ended`, and then waits for what is asked on those that are there.
    pub(super) async fn take(self, listener: TcpListener, mut ended: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = ended.wait_for(|ended| *ended) => break,
            };
            let Ok((stream, _)) = accepted else {
                // Too many files are open, or the peer is gone already: the next may be well.
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
                if let Some(metrics) = &self.metrics {
                    metrics.turned_away.add(1);
                }
                continue;
            };
            // A small answer that waits for the next packet waits for nothing.
            let _ = stream.set_nodelay(true);
            let (router, watcher, read) = (self.router.clone(), graceful.watcher(), self.read);
            let (tls, metrics) = (self.tls.clone(), self.metrics.clone());
            tokio::spawn(async move {
                let _room = room;
                let _counted = metrics.map(|it| Counted::new(&it, |metrics| &metrics.connections));
                match tls {
                    None => converse(stream, router, watcher, read).await,
                    // Whoever does not finish, or knows another authority, is gone.
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(read, tls.accept(stream)).await {
                            converse(stream, router, watcher, read).await;
                        }
                    }
                }
            });
        }
        drop(listener);
        graceful.shutdown().await;
    }
}

/// Answers on one connection. What goes wrong with it ends that one.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    watcher: Watcher,
    read: Duration,
) {
    let router = TowerToHyperService::new(router);
    let pace = Pace::default();
    let stream = Paced::new(Lingering::new(stream), pace.clone(), read);
    let service = service_fn(move |request| {
        pace.asked();
        let (answer, pace) = (router.call(request), pace.clone());
        async move {
            let answer = answer.await;
            pace.answered();
            answer
        }
    });
    // hyper counts from the answer before: an API server keeps its connections, and asks when it has something to ask.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let _ = watcher.watch(connection).await;
}

/// How long a connection may ask nothing between two requests: longer than the 90 seconds for which a Go client keeps one.
const IDLE: Duration = Duration::from_secs(120);

/// The head of a request, in bytes; those of API servers have some hundred.
const MAX_HEAD: usize = 64 << 10;
