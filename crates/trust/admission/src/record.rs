//! What was decided, a line each.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use casemate_core::{Digest, Timestamp};
use casemate_policy::DecisionRecord;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Metrics, settings::Mode};

/// What came of one request. What is in the object is not in it: of that it has the digest of the gate's input.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Record {
    /// The version of this shape.
    pub schema: RecordSchema,
    /// When it was asked.
    pub time: Timestamp,
    /// The request's `uid`.
    pub uid: String,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: &'static str,
    /// The object, for people.
    pub object: String,
    /// The part of it that was asked about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// Who asked.
    pub user: String,
    /// Whether nothing was to be kept.
    pub dry_run: bool,
    /// Whether decisions hold.
    pub mode: Mode,
    /// What the API server was answered.
    pub allowed: bool,
    /// Who answers for it, where it was not judged, or where findings did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
    /// Why it could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The digest of the patch that was given, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Digest>,
    /// What the gate decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionRecord>,
}

/// The version of [`Record`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub enum RecordSchema {
    /// The only one yet.
    #[default]
    #[serde(rename = "casemate.admission-record/1")]
    V1,
}

/// Where records go: a queue with an end, and a thread that writes. Nobody who decides waits for it; what does not fit is dropped
/// and counted.
pub struct Records {
    queue: SyncSender<Record>,
    metrics: Arc<Metrics>,
}

impl Records {
    /// Writes to `out` what is given, with room for `room` records. The thread ends, all being written, when this and its clones
    /// are gone: join it then.
    ///
    /// # Errors
    ///
    /// There is no thread to be had.
    pub fn begin(
        out: impl Write + Send + 'static,
        room: usize,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Self, thread::JoinHandle<()>)> {
        let (queue, records) = sync_channel(room.max(1));
        let told = Arc::clone(&metrics);
        let writer = thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || write(&records, out, &told))?;
        Ok((Self { queue, metrics }, writer))
    }

    /// Takes a record, unless there is no room.
    pub fn put(&self, record: Record) {
        match self.queue.try_send(record) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.metrics.records_dropped.add(1);
            }
        }
    }
}

fn write(records: &Receiver<Record>, out: impl Write, metrics: &Metrics) {
    let mut out = io::BufWriter::new(out);
    while let Ok(first) = records.recv() {
        // What waits already goes along, and then the file has it.
        let mut count = 0;
        let mut result = Ok(());
        let waiting = records.try_iter().take(BATCH);
        for record in std::iter::once(first).chain(waiting) {
            count += 1;
            result = result.and_then(|()| {
                serde_json::to_writer(&mut out, &record)?;
                out.write_all(b"\n")
            });
        }
        match result.and_then(|()| out.flush()) {
            Ok(()) => metrics.records_written.add(count),
            Err(_) => metrics.records_failed.add(count),
        }
    }
}

const BATCH: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    pub(crate) fn record(uid: &str) -> Record {
        Record {
            schema: RecordSchema::V1,
            time: Timestamp::UNIX_EPOCH,
            uid: uid.to_owned(),
            operation: "CREATE",
            object: "Pod ml/web".to_owned(),
            subresource: String::new(),
            user: "ada".to_owned(),
            dry_run: false,
            mode: Mode::Enforce,
            allowed: true,
            exempt: None,
            error: None,
            patch: None,
            decision: None,
        }
    }

    /// A file that takes nothing until it is told to.
    struct Slow(Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().expect("a lock").extend_from_slice(buf);
            Ok(buf.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_file_that_hangs_holds_nobody_up_and_what_is_dropped_is_counted() {
        let metrics = Arc::new(Metrics::default());
        let (go, wait) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let slow = Slow(wait, Arc::clone(&written));
        let (records, writer) = Records::begin(slow, 2, Arc::clone(&metrics)).expect("a thread");
        for number in 0..100 {
            records.put(record(&number.to_string()));
        }
        drop((go, records));
        writer.join().expect("the writer ends");
        let (written_count, dropped) = (
            metrics.records_written.value(),
            metrics.records_dropped.value(),
        );
        assert_eq!(written_count + dropped, 100);
        assert!(dropped > 0);
        let text = String::from_utf8(written.lock().expect("a lock").clone()).expect("UTF-8");
        assert_eq!(text.lines().count() as u64, written_count);
        assert!(
            text.starts_with("{\"schema\":\"casemate.admission-record/1\""),
            "{text}"
        );
    }
}
