//! How far long work has come, on standard error.

use std::{
    io::{self, IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

use casemate_inventory::Progress;

/// Says how far the work has come: on a terminal in one line that is rewritten, elsewhere in a new
/// line now and then. Says nothing in the first second.
pub(crate) struct Ticker {
    terminal: bool,
    state: Mutex<State>,
}

struct State {
    next: Instant,
    printed: bool,
    /// Files and bytes found and done so far.
    found: (u64, u64),
    done: (u64, u64),
}

impl Ticker {
    /// A ticker; `None` where the caller wants quiet.
    pub(crate) fn new(quiet: bool) -> Option<Self> {
        let next = Instant::now() + FIRST;
        let state = State {
            next,
            printed: false,
            found: (0, 0),
            done: (0, 0),
        };
        (!quiet).then(|| Self {
            terminal: io::stderr().is_terminal(),
            state: Mutex::new(state),
        })
    }

    /// What a room is given to report to.
    pub(crate) fn progress(ticker: &Option<Self>) -> &dyn Progress {
        ticker
            .as_ref()
            .map_or(&(), |ticker| ticker as &dyn Progress)
    }

    /// Tells of things that were done, of which nobody knows how many there are.
    pub(crate) fn count(&self, done: u64, what: &str) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let now = Instant::now();
        if now >= state.next {
            state.next = now + if self.terminal { OFTEN } else { SELDOM };
            state.printed = true;
            self.line(&format!("{done} {what}"));
        }
    }

    /// Tells of bytes that were read, where nobody knows how many there are.
    pub(crate) fn read(&self, bytes: u64) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        state.done.1 += bytes;
        let now = Instant::now();
        if now >= state.next {
            state.next = now + if self.terminal { OFTEN } else { SELDOM };
            state.printed = true;
            self.line(&format!("{} MiB read", state.done.1 >> 20));
        }
    }

    fn line(&self, text: &str) {
        let text = if self.terminal {
            format!("\r\x1b[2K{text}")
        } else {
            format!("{text}\n")
        };
        let mut err = io::stderr().lock();
        // Nothing can be done for a standard error that cannot be written.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

impl Progress for Ticker {
    fn found(&self, files: u64, bytes: u64) {
        if let Ok(mut state) = self.state.lock() {
            state.found = (state.found.0 + files, state.found.1 + bytes);
        }
    }

    fn done(&self, files: u64, bytes: u64) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        state.done = (state.done.0 + files, state.done.1 + bytes);
        let now = Instant::now();
        if now < state.next {
            return;
        }
        state.next = now + if self.terminal { OFTEN } else { SELDOM };
        state.printed = true;
        let ((found, found_bytes), (done, done_bytes)) = (state.found, state.done);
        self.line(&format!(
            "{done} of {found} files, {} of {} MiB",
            done_bytes >> 20,
            found_bytes >> 20
        ));
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        let printed = self.state.get_mut().is_ok_and(|state| state.printed);
        if printed && self.terminal {
            self.line("");
        }
    }
}

const FIRST: Duration = Duration::from_secs(1);
const OFTEN: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(10);
