//! Where foreign code runs: on a thread of its own, with a stack that we chose.

use std::{
    cell::Cell,
    mem::replace,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use crate::{
    EngineError,
    engine::Message,
    memory::{self, Budget},
    until,
};

/// Runs `work` where a panic ends in an [`EngineError::Panic`] and where the stack is as deep as
/// [`crate::calls`] promised. A stack that overflows cannot be fenced; that is why calls are counted
/// before.
///
/// The thread may have run other work, and waits for more: a stack that is mapped for one decision
/// alone costs as much as the decision. What `work` shares with other work is what it brings along.
///
/// What is not there after `patience` is given up: the answer is [`EngineError::Time`], and the thread
/// ends when the work does. That is for what the library does without looking at the clock. The work
/// may take `memory`, in bytes; once it was told that this is exceeded, or had more at once without being
/// told, the answer is [`EngineError::Memory`]. What has to be answered [until](crate::until()) some time is given up a moment later.
pub(crate) fn run<T: Send + 'static>(
    patience: Duration,
    memory: u64,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let end = until::end();
    let patience = match end {
        None => patience,
        Some(_) if until::left(patience).is_zero() => return Err(EngineError::Time),
        Some(_) => patience.min(until::left(patience) + A_MOMENT),
    };
    POOL.run(patience, move || {
        let budget = Budget::begin(memory);
        let answer = until::within(end, work);
        match budget.is_exceeded() {
            true => Err(EngineError::Memory),
            false => answer,
        }
    })
}

/// Calls `work`, which may panic, on this very thread: as one that is fenced is, it is silent about that.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = FENCED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    FENCED.set(before);
    outcome.ok()
}

/// Whether the calling thread is evaluating a policy. A library cannot keep Rust's panic hook from
/// writing to standard error before a panic is caught; a program that installs its own hook asks
/// this, and stays silent where the answer is yes: the panic becomes a denial that carries its text.
pub fn is_fenced() -> bool {
    FENCED.get()
}

type Job = Box<dyn FnOnce() + Send>;

/// Whether whoever asked still waits.
enum State {
    Waited,
    GivenUp,
    Ended,
}

struct Pool {
    /// The last one to finish is asked first, so that the others come to their end.
    idle: Mutex<Vec<Worker>>,
    given_up: AtomicUsize,
    /// How long one without work stays.
    rest: Duration,
}

struct Worker {
    thread: ThreadId,
    jobs: Sender<Job>,
}

impl Pool {
    const fn new(rest: Duration) -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            given_up: AtomicUsize::new(0),
            rest,
        }
    }

    fn run<T: Send + 'static>(
        &'static self,
        patience: Duration,
        work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        if self.given_up.load(Ordering::Relaxed) >= MAX_GIVEN_UP {
            let text = "as many evaluations as may be were given up and have not ended";
            return Err(EngineError::Thread(Message::new(text)));
        }
        let (answer, answered) = sync_channel(1);
        let state = Arc::new(Mutex::new(State::Waited));
        let told = Arc::clone(&state);
        let worker = self.give(Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|payload| Err(EngineError::Panic(Message::of_panic(&*payload))));
            let is_worn = memory::peak_of_thread() > MAX_PEAK;
            // Fails where nobody waits any more.
            let _ = answer.send((outcome, is_worn));
            match replace(&mut *locked(&told), State::Ended) {
                State::GivenUp => {
                    self.given_up.fetch_sub(1, Ordering::Relaxed);
                }
                State::Waited | State::Ended => {}
            }
        }))?;
        let lost = || EngineError::Panic(Message::new("its thread ended"));
        let (outcome, is_worn) = match answered.recv_timeout(patience) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Disconnected) => return Err(lost()),
            Err(RecvTimeoutError::Timeout) => {
                let mut state = locked(&state);
                if let State::Waited = *state {
                    *state = State::GivenUp;
                    self.given_up.fetch_add(1, Ordering::Relaxed);
                    return Err(EngineError::Time);
                }
                drop(state);
                answered.try_recv().map_err(|_| lost())?
            }
        };
        let mut idle = locked(&self.idle);
        if idle.len() < MAX_IDLE && !is_worn {
            idle.push(worker);
        }
        outcome
    }

    fn give(&'static self, job: Job) -> Result<Worker, EngineError> {
        let idle = locked(&self.idle).pop();
        let job = match idle {
            None => job,
            Some(worker) => match worker.jobs.send(job) {
                Ok(()) => return Ok(worker),
                // Its thread ended by no way that is known.
                Err(unsent) => unsent.0,
            },
        };
        let (jobs, received) = channel();
        let thread = thread::Builder::new()
            .name("policy".to_owned())
            .stack_size(STACK)
            .spawn(move || self.work(job, &received))
            .map_err(|error| EngineError::Thread(Message::new(&error.to_string())))?;
        let thread = thread.thread().id();
        Ok(Worker { thread, jobs })
    }

    fn work(&self, first: Job, jobs: &Receiver<Job>) {
        FENCED.set(true);
        first();
        loop {
            match jobs.recv_timeout(self.rest) {
                Ok(job) => job(),
                Err(RecvTimeoutError::Disconnected) => return,
                // Memory that a deep evaluation made of the stack goes back with the thread. One that was
                // taken out of the list is about to get work, which would be lost with it.
                Err(RecvTimeoutError::Timeout) => {
                    let own = thread::current().id();
                    let mut idle = locked(&self.idle);
                    if let Some(at) = idle.iter().position(|worker| worker.thread == own) {
                        idle.remove(at);
                        return;
                    }
                }
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
}

static POOL: Pool = Pool::new(REST);

/// More may run at once; these stay.
const MAX_IDLE: usize = 64;

const REST: Duration = Duration::from_secs(10);

/// For what looks at the clock itself to say that its time is over.
const A_MOMENT: Duration = Duration::from_millis(100);

/// In bytes: a thread that had more at once is not used again, so that the most that it ever had, if that is
/// more than this, was had by the last work on it.
const MAX_PEAK: u64 = 16 << 20;

/// Each costs a core for as long as it goes on.
const MAX_GIVEN_UP: usize = 16;

/// In bytes. Address space; only what is used becomes memory.
const STACK: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn silenced() {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_fenced() {
                quiet(panic);
            }
        }));
    }

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        silenced();
        let error = run(LONG, MUCH, || -> Result<(), _> {
            panic!("split at\n{}", 7)
        });
        assert_eq!(error, Err(EngineError::Panic(Message::new("split at\n7"))));
        assert!(!is_fenced());
        assert_eq!(run(LONG, MUCH, || Ok(is_fenced())), Ok(true));
    }

    #[test]
    fn work_that_follows_other_work_has_a_stack_as_deep_and_outlives_a_panic() {
        silenced();
        fn deep(levels: usize) -> usize {
            let frame = std::hint::black_box([levels; 4_096]);
            if levels == 0 {
                0
            } else {
                1 + deep(frame[7] - 1)
            }
        }
        for _ in 0..3 {
            let _ = run(LONG, MUCH, || -> Result<(), _> { panic!("and on") });
            assert_eq!(run(LONG, MUCH, || Ok(deep(500))), Ok(500));
        }
    }

    #[test]
    fn work_at_the_same_time_has_a_thread_each() {
        let (tell, told) = channel();
        let waits = thread::spawn(move || run(LONG, MUCH, move || Ok(told.recv().is_ok())));
        assert_eq!(run(LONG, MUCH, move || Ok(tell.send(()).is_ok())), Ok(true));
        assert!(matches!(waits.join(), Ok(Ok(true))));
    }

    #[test]
    fn what_does_not_end_is_given_up_and_counts_until_it_ends() {
        static POOL: Pool = Pool::new(REST);
        let mut held = Vec::new();
        for _ in 0..MAX_GIVEN_UP {
            let (tell, told) = channel::<()>();
            held.push(tell);
            let outcome = POOL.run(Duration::from_millis(1), move || Ok(told.recv().is_ok()));
            assert_eq!(outcome, Err(EngineError::Time));
        }
        let refused = POOL.run(LONG, || Ok(()));
        assert!(
            matches!(refused, Err(EngineError::Thread(_))),
            "{refused:?}"
        );
        drop(held);
        // They end; how soon is not said.
        while POOL.run(LONG, || Ok(())).is_err() {
            thread::yield_now();
        }
    }

    #[test]
    fn no_work_is_lost_to_a_thread_that_is_about_to_end() {
        static POOL: Pool = Pool::new(Duration::ZERO);
        for at in 0..20_000 {
            assert_eq!(POOL.run(LONG, move || Ok(at)), Ok(at));
        }
    }

    const MUCH: u64 = 1 << 30;

    const LONG: Duration = Duration::from_secs(60);
}
