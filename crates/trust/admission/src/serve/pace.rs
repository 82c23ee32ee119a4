//! A connection that may be silent between requests, and not within the head of one.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How far a conversation is: odd while a request is answered, even while its peer has the word.
#[derive(Clone, Default)]
pub(super) struct Pace(Arc<AtomicU64>);

impl Pace {
    /// The head of a request is there.
    pub(super) fn asked(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// What was asked is answered.
    pub(super) fn answered(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that fails where the head of a request takes longer than it may, from its first byte; the first request of a
/// connection from the beginning.
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
    patience: Duration,
    /// How long the head has that is on its way, and when in the conversation it began.
    left: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Pace, patience: Duration) -> Self {
        let left = Some((pace.now(), Box::pin(sleep(patience))));
        Self {
            stream,
            pace,
            patience,
            left,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let now = self.pace.now();
        self.left.take_if(|(begun, _)| *begun != now);
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let is_awaited = now.is_multiple_of(2);
        if is_awaited && self.left.is_none() && into.filled().len() > before {
            self.left = Some((now, Box::pin(sleep(self.patience))));
        }
        if read.is_pending()
            && let Some((_, left)) = &mut self.left
            && left.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
