//! A connection whose end can be heard: who closes while the peer still sends resets it, and the peer may lose the
//! answer that it was refused with (RFC 9112, 9.6).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A stream that, once its own side is shut, takes what still comes for a while, and drops it.
pub(super) struct Lingering<S> {
    stream: S,
    /// How long, from when its own side is shut.
    left: Option<Pin<Box<Sleep>>>,
    /// How many bytes at most.
    bytes: usize,
}

impl<S> Lingering<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            left: None,
            bytes: MAX_BYTES,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
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
        if self.left.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        let mut left = self
            .left
            .take()
            .unwrap_or_else(|| Box::pin(sleep(PATIENCE)));
        let mut scratch = [0; 4096];
        while self.bytes > 0 {
            let mut read = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    self.bytes = self.bytes.saturating_sub(read.filled().len());
                }
                // It has closed as well, or is gone.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending if left.as_mut().poll(context).is_ready() => break,
                Poll::Pending => {
                    self.left = Some(left);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A peer that goes on for longer does not want to know.
const PATIENCE: Duration = Duration::from_secs(1);
const MAX_BYTES: usize = 4 << 20;
