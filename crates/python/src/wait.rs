//! Waiting for work without the interpreter's lock, and stopping when the user interrupts.

use std::{
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use metalith_base::Kind;
use pyo3::prelude::*;
use tokio::runtime::{Handle, Runtime};

use crate::errors::raise_as;

/// How often signals are looked for.
const TICK: Duration = Duration::from_millis(50);
/// After what time, and then how often, people are told that work goes on.
const PATIENCE: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_millis(200);
/// How long interrupted work has to clean up behind itself.
const GRACE: Duration = Duration::from_secs(2);

/// The worker threads, and the process they belong to: after a fork they are gone.
static WORKERS: Mutex<Option<(u32, Runtime)>> = Mutex::new(None);

/// Worker threads of this process.
pub(crate) fn workers() -> PyResult<Handle> {
    let mut workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
    let process = process::id();
    if let Some((owner, runtime)) = workers.as_ref()
        && *owner == process
    {
        return Ok(runtime.handle().clone());
    }
    if let Some((_, inherited)) = workers.take() {
        // Its threads did not survive the fork; ending them would wait for ever.
        std::mem::forget(inherited);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
            let message = format!("cannot start worker threads: {error}");
            raise_as(Kind::Unavailable, "python.workers", &message, None)
        })?;
    let handle = runtime.handle().clone();
    *workers = Some((process, runtime));
    Ok(handle)
}

/// Ends the worker threads, before the interpreter does: drivers of databases take it ill when the
/// process ends while a thread of ours closes what they opened.
#[pyfunction]
pub(crate) fn end_workers(py: Python<'_>) {
    let workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner).take();
    match workers {
        Some((owner, runtime)) if owner == process::id() => {
            py.detach(|| {
                // What is half sent to a bucket is being given up.
                runtime.block_on(async {
                    tokio::time::timeout(GRACE, metalith_objects::tidied()).await.ok()
                });
                runtime.shutdown_timeout(GRACE);
            });
        }
        // After a fork its threads are not here.
        inherited => std::mem::forget(inherited),
    }
}

/// Does work on other threads while others may use the interpreter. Nothing is committed before it
/// is complete, so work that is dropped by Ctrl-C leaves the store as it was.
///
/// `what` is told to people who watch, should it take long.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    what: &str,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    wait_or_stop(py, what, &AtomicBool::new(false), work)
}

/// Like [`wait`], for work that reads rows of Python's: `stop` becomes true when the user
/// interrupts, and whoever hands the rows over must see it. Such work can hardly be dropped while
/// it reads, and must not outlive the interpreter that it reads from.
pub(crate) fn wait_or_stop<T: Send + 'static>(
    py: Python<'_>,
    what: &str,
    stop: &AtomicBool,
    work: impl Future<Output = T> + Send + 'static,
) -> PyResult<T> {
    let workers = workers()?;
    let mut task = workers.spawn(work);
    let mut told = Told::new(what);
    loop {
        let tick =
            py.detach(|| workers.block_on(async { tokio::time::timeout(TICK, &mut task).await }));
        match tick {
            Ok(done) => {
                told.done(py);
                return done.map_err(|failed| {
                    let message = format!("the engine failed: {failed}");
                    raise_as(Kind::Internal, "python.engine", &message, None)
                });
            }
            Err(_) => {
                if let Err(interrupt) = py.check_signals() {
                    stop.store(true, Ordering::Relaxed);
                    task.abort();
                    py.detach(|| {
                        workers.block_on(async { tokio::time::timeout(GRACE, &mut task).await })
                    })
                    .ok();
                    told.done(py);
                    return Err(interrupt);
                }
                told.tick(py);
            }
        }
    }
}

/// What people have been told of a piece of work. That they cannot be told stops no work.
struct Told<'a> {
    what: &'a str,
    begun: Instant,
    last: Duration,
    progress: Option<Py<PyAny>>,
}

impl<'a> Told<'a> {
    fn new(what: &'a str) -> Self {
        Self { what, begun: Instant::now(), last: Duration::ZERO, progress: None }
    }

    fn tick(&mut self, py: Python<'_>) {
        let elapsed = self.begun.elapsed();
        if elapsed < PATIENCE || elapsed < self.last + TOLD_EVERY {
            return;
        }
        self.last = elapsed;
        if self.progress.is_none() {
            let made = py
                .import("metalith.progress")
                .and_then(|module| module.getattr("Progress")?.call1((self.what,)));
            self.progress = made.ok().map(Bound::unbind);
        }
        if let Some(progress) = &self.progress {
            progress.call_method1(py, "tell", (elapsed.as_secs_f64(),)).ok();
        }
    }

    fn done(self, py: Python<'_>) {
        if let Some(progress) = self.progress {
            progress.call_method0(py, "done").ok();
        }
    }
}
