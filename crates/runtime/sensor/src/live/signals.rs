//! Signals, as something that can be waited for.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::sys::{
    signal::{SigSet, Signal as Number},
    signalfd::{SfdFlags, SignalFd},
};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end: SIGINT, SIGTERM.
    End,
    /// To read what is read at the start again: SIGHUP.
    Again,
}

/// Signals that are held back, and taken one by one.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Holds them back from this thread, and from those that it starts from now on.
    pub fn hold() -> io::Result<Self> {
        let mut set = SigSet::empty();
        set.add(Number::SIGINT);
        set.add(Number::SIGTERM);
        set.add(Number::SIGHUP);
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(
            &set,
            SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
        )?))
    }

    /// The next that came, if any did.
    pub fn next(&self) -> io::Result<Option<Signal>> {
        let signal = self.0.read_signal()?;
        let is_again = |it: i32| it == Number::SIGHUP as i32;
        Ok(
            signal.map(|it| match i32::try_from(it.ssi_signo).is_ok_and(is_again) {
                true => Signal::Again,
                false => Signal::End,
            }),
        )
    }

    /// What can be read when one comes.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
