//! Who works on the documents: one event loop for each processor, each on a thread of its own. So nobody's clock runs while
//! the run waits for whoever reads its output.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ec_shared::interrupt::Interrupt;
use ec_shared::run::Job;
use ec_shared::{Failure, Section, codes};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{Orders, Prober, cut_off};

/// More event loops than this are of no use to anybody.
const MOST_LOOPS: usize = 8;
/// How many probes of a loop begin side by side. A handshake is work for the processor, at both ends, and a thousand of them
/// at once would measure how long they wait for each other.
const BEGINNINGS: usize = 16;
/// After twice the time that the last probe took, but within these bounds, a probe is taken to wait for the network and for
/// nothing else, and the next may begin. The upper bound is what a thousand silent endpoints can bear among others that
/// answer; the lower one, what they can where nobody answers.
const SETTLED: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(50));
/// How long probes go on after a signal: most end by themselves in this time, and a person does not wait longer.
const GRACE: Duration = Duration::from_millis(500);
/// The most threads of a loop that look names up. One that hangs cannot be called back.
const RESOLVERS: usize = 64;

/// Held as long as a document is worked on.
type Busy = mpsc::Sender<()>;

/// The crew.
#[derive(Debug)]
pub(super) struct Crew<P> {
    orders: Arc<Orders<P>>,
    interrupt: Interrupt,
    size: usize,
    given: usize,
    loops: Vec<mpsc::UnboundedSender<(Job, Busy)>>,
    /// Why all probes are cut off, once they are.
    cut: Arc<watch::Sender<Option<Failure>>>,
    /// Every job holds one end; the other learns when nobody does any more.
    busy: (Option<Busy>, mpsc::Receiver<()>),
}

impl<P: Prober> Crew<P> {
    pub(super) fn new(orders: Orders<P>, interrupt: Interrupt) -> Self {
        let size = thread::available_parallelism().map_or(1, usize::from).min(MOST_LOOPS);
        let (held, free) = mpsc::channel(1);
        Self {
            orders: Arc::new(orders),
            interrupt,
            size,
            given: 0,
            loops: Vec::new(),
            cut: Arc::new(watch::channel(None).0),
            busy: (Some(held), free),
        }
    }

    /// Cuts off what is still in work, for want of a reader, and waits until nothing is left of any probe.
    pub(super) fn end(&mut self, runtime: &Runtime) {
        self.cut.send_replace(Some(cut_off(&self.interrupt)));
        self.busy.0 = None;
        runtime.block_on(async {
            while self.busy.1.recv().await.is_some() {}
            self.orders.prober.settle().await;
        });
        self.loops.clear();
    }

    /// Gives a document to the next loop; a loop begins with its first document.
    pub(super) fn give(&mut self, job: Job) {
        let turn = self.given % self.size;
        self.given += 1;
        if turn == self.loops.len() {
            match self.begin() {
                Ok(jobs) => self.loops.push(jobs),
                Err(failure) if self.loops.is_empty() => return job.end(Err(failure)),
                // The others can do it.
                Err(_) => self.size = self.loops.len(),
            }
        }
        if let Some(busy) = self.busy.0.clone() {
            // A job that nobody takes any more says so itself.
            let _ = self.loops[turn % self.loops.len()].send((job, busy));
        }
    }

    /// What the crew does with each document.
    pub(super) fn orders(&self) -> &Orders<P> {
        &self.orders
    }

    fn begin(&self) -> Result<mpsc::UnboundedSender<(Job, Busy)>, Failure> {
        let cannot = |error| Failure::new(&codes::READ, "cannot start the event loop").because(error);
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(RESOLVERS).build().map_err(cannot)?;
        let (give, jobs) = mpsc::unbounded_channel();
        let one =
            Loop { orders: Arc::clone(&self.orders), cut: Arc::clone(&self.cut), interrupt: self.interrupt.clone() };
        let work = move || one.work(runtime, jobs);
        thread::Builder::new().name("probes".to_owned()).spawn(work).map_err(cannot)?;
        Ok(give)
    }
}

/// One of the loops.
struct Loop<P> {
    orders: Arc<Orders<P>>,
    cut: Arc<watch::Sender<Option<Failure>>>,
    interrupt: Interrupt,
}

impl<P: Prober> Loop<P> {
    fn work(self, runtime: Runtime, mut jobs: mpsc::UnboundedReceiver<(Job, Busy)>) {
        runtime.block_on(async {
            tokio::spawn(cut_after_signal(Arc::clone(&self.cut), self.interrupt.clone()));
            let beginnings = Arc::new(Semaphore::new(BEGINNINGS));
            let pace = Arc::new(Pace::default());
            while let Some((job, busy)) = jobs.recv().await {
                let Ok(begins) = Arc::clone(&beginnings).acquire_owned().await else { return };
                let (orders, cut, pace) = (Arc::clone(&self.orders), self.cut.subscribe(), Arc::clone(&pace));
                tokio::spawn(async move {
                    let worked = pace.keep(begins, uncut(&orders, &job, cut)).await;
                    job.end(worked);
                    drop(busy);
                });
            }
        });
        // A resolver that hangs past the deadline sits on a thread that cannot be called back; nobody waits for it.
        runtime.shutdown_background();
    }
}

/// Cuts all probes off a while after a signal.
async fn cut_after_signal(cut: Arc<watch::Sender<Option<Failure>>>, interrupt: Interrupt) {
    interrupt.raised().await;
    sleep(GRACE).await;
    cut.send_replace(Some(cut_off(&interrupt)));
}

async fn uncut<P: Prober>(
    orders: &Orders<P>,
    job: &Job,
    mut cut: watch::Receiver<Option<Failure>>,
) -> Result<Section, Failure> {
    let cut_off = async {
        let why = cut.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        if let Some(failure) = why { failure } else { std::future::pending().await }
    };
    tokio::select! {
        biased;
        worked = orders.carry_out(job.document()) => worked,
        failure = cut_off => Err(failure),
    }
}

/// How fast probes begin.
#[derive(Debug, Default)]
struct Pace {
    /// How long the last one took, in microseconds.
    last: AtomicU64,
}

impl Pace {
    /// Carries the work out; another may begin when it has ended, or has settled down to waiting.
    async fn keep<T>(&self, begins: OwnedSemaphorePermit, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let mut work = std::pin::pin!(work);
        let done = if let Ok(done) = timeout(self.settled(), &mut work).await {
            done
        } else {
            drop(begins);
            work.await
        };
        self.last.store(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    fn settled(&self) -> Duration {
        let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
        last.saturating_mul(2).clamp(SETTLED.0, SETTLED.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_begin_the_slower_the_longer_they_take_within_bounds() {
        for (last, settled) in [(0, 10_000), (2_000, 10_000), (12_000, 24_000), (200_000, 50_000), (u64::MAX, 50_000)] {
            let pace = Pace { last: AtomicU64::new(last) };
            assert_eq!(pace.settled(), Duration::from_micros(settled), "{last}");
        }
    }
}
