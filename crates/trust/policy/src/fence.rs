//! Where foreign code runs: on a thread of its own, with a stack that we chose.

use std::{cell::Cell, thread};

use crate::{EngineError, engine::Message};

/// Runs `work` where a panic ends in an [`EngineError::Panic`] and where the stack is as deep as
/// [`crate::calls`] promised. A stack that overflows cannot be fenced; that is why calls are counted
/// before.
pub(crate) fn run<T: Send>(
    work: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    let fenced = || {
        FENCED.set(true);
        work()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("policy".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, fenced)
            .map_err(|error| EngineError::Thread(Message::new(&error.to_string())))?;
        thread
            .join()
            .unwrap_or_else(|payload| Err(EngineError::Panic(Message::of_panic(&*payload))))
    })
}

/// Whether the calling thread is evaluating a policy. A library cannot keep Rust's panic hook from
/// writing to standard error before a panic is caught; a program that installs its own hook asks
/// this, and stays silent where the answer is yes: the panic becomes a denial that carries its text.
pub fn is_fenced() -> bool {
    FENCED.get()
}

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
}

/// In bytes. Address space; only what is used becomes memory.
const STACK: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_fenced() {
                quiet(panic);
            }
        }));
        let error = run(|| -> Result<(), _> { panic!("split at\n{}", 7) }).expect_err("panics");
        assert_eq!(error, EngineError::Panic(Message::new("split at\n7")));
        assert!(!is_fenced());
        assert_eq!(run(|| Ok(is_fenced())), Ok(true));
    }
}
