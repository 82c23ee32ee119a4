//! Time, handed in.

/// A moment in UTC, written as RFC 3339.
pub use jiff::Timestamp;

/// Where the present moment comes from. Nothing asks the system but [`SystemClock`]; a run with
/// `--now` uses a [`FixedClock`], and so gives the same bytes twice.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
