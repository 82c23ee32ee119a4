//! The present moment, as the caller wants it.

use anyhow::{Context, Result};
use casemate_core::{Clock, FixedClock, SystemClock, Timestamp};

use crate::cli::Global;

/// The clock of this run: `--now`, or else SOURCE_DATE_EPOCH, or else the system's
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
pub(crate) fn of(global: &Global) -> Result<Box<dyn Clock>> {
    if let Some(now) = global.now {
        return Ok(Box::new(FixedClock(now)));
    }
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(Box::new(SystemClock));
    };
    let seconds = epoch.to_str().and_then(|text| text.parse().ok());
    let now = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let now = now.context("SOURCE_DATE_EPOCH is not a number of seconds since 1970")?;
    Ok(Box::new(FixedClock(now)))
}
