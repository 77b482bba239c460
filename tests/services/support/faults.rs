//! The faults that a test injects into calls to AWS, and the count of these calls.

use std::{
    fmt,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::ManualClock;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and has no effect.
    LostRequest,
    /// The call takes effect, but its answer is lost.
    LostAnswer,
    /// The call waits until the test releases it.
    Delay,
    /// The process stops just before the call.
    StopBefore,
    /// The call takes effect, and the process stops before it sees the answer.
    StopAfter,
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::LostRequest, Self::LostAnswer, Self::Delay, Self::StopBefore, Self::StopAfter];
}

/// The request or its answer was lost.
#[derive(Debug)]
pub struct Lost;

/// Counts calls and injects at most one fault at a time. It outlives the desks of one test.
pub struct Faults {
    /// Advances by a millisecond with each call, so that no two changes of an item carry the same time.
    clock: Arc<ManualClock>,
    state: Mutex<State>,
    stopped: Notify,
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    counting: bool,
    /// The operations called since counting began, in order.
    calls: Vec<String>,
    /// The call with this number, counted from 0, meets this fault.
    plan: Option<(usize, Fault)>,
    /// The next call of this operation meets this fault.
    next: Option<(&'static str, Fault)>,
    /// Calls that run.
    under_way: usize,
    /// Calls that wait to be released.
    held: usize,
    stop: bool,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

impl Faults {
    pub fn new(clock: Arc<ManualClock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default(), stopped: Notify::new(), released: Notify::new() })
    }

    /// Counts calls from now on. The one with the number of `plan` meets its fault.
    pub fn count(&self, plan: Option<(usize, Fault)>) {
        let mut state = self.state.lock().unwrap();
        state.counting = true;
        state.plan = plan;
    }

    /// Calls from now on are not counted and meet no fault.
    pub fn stop_counting(&self) {
        self.state.lock().unwrap().counting = false;
    }

    /// The next call of this operation meets a fault.
    pub fn fail_next(&self, operation: &'static str, fault: Fault) {
        self.state.lock().unwrap().next = Some((operation, fault));
    }

    /// How often an operation has been called.
    pub fn count_of(&self, operation: &str) -> usize {
        self.state.lock().unwrap().calls.iter().filter(|call| *call == operation).count()
    }

    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Whether the process is to be stopped.
    pub fn wants_stop(&self) -> bool {
        self.state.lock().unwrap().stop
    }

    /// Returns once the process is to be stopped.
    pub async fn stop_wanted(&self) {
        loop {
            let notified = self.stopped.notified();
            if self.wants_stop() {
                return;
            }
            notified.await;
        }
    }

    /// The process has been stopped: none of its calls goes on.
    pub fn was_stopped(&self) {
        let mut state = self.state.lock().unwrap();
        state.stop = false;
        state.under_way = 0;
        state.held = 0;
    }

    /// How many calls run. Calls that are held back do not count.
    pub fn under_way(&self) -> usize {
        self.state.lock().unwrap().under_way
    }

    /// Whether a call waits to be released.
    pub fn holds(&self) -> bool {
        self.state.lock().unwrap().held > 0
    }

    /// Lets delayed calls go on.
    pub fn release(&self) {
        self.released.notify_waiters();
    }

    /// Makes a call of the desk that is `alive`. A desk that has been stopped gets no answer to any of its calls.
    ///
    /// `is_counted` says whether the call keeps the test waiting while it runs. A function that makes calls of its own
    /// does not: the test sees whether those run.
    pub(super) async fn call<T>(
        &self,
        operation: String,
        alive: &AtomicBool,
        is_counted: bool,
        work: impl Future<Output = T>,
    ) -> Result<T, Lost> {
        self.until_dead(alive).await;
        let fault = self.begin(operation);
        match fault {
            Some(Fault::LostRequest) => return Err(Lost),
            Some(Fault::StopBefore) => {
                self.stop();
                pending().await
            }
            Some(Fault::Delay) => {
                let _held = Counted::new(self, alive, |state| &mut state.held);
                self.released.notified().await;
            }
            Some(Fault::LostAnswer | Fault::StopAfter) | None => {}
        }
        let counted = is_counted.then(|| Counted::new(self, alive, |state| &mut state.under_way));
        let answer = work.await;
        match fault {
            Some(Fault::LostAnswer) => return Err(Lost),
            Some(Fault::StopAfter) => self.stop(),
            _ => {}
        }
        self.until_dead(alive).await;
        drop(counted);
        Ok(answer)
    }

    fn begin(&self, operation: String) -> Option<Fault> {
        self.clock.advance(Duration::from_millis(1));
        let mut state = self.state.lock().unwrap();
        if !state.counting {
            return None;
        }
        let number = state.calls.len();
        let next = state.next.take_if(|(name, _)| *name == operation);
        state.calls.push(operation);
        let planned = state.plan.filter(|(at, _)| *at == number);
        next.map(|(_, fault)| fault).or(planned.map(|(_, fault)| fault))
    }

    fn stop(&self) {
        self.state.lock().unwrap().stop = true;
        self.stopped.notify_waiters();
    }

    async fn until_dead(&self, alive: &AtomicBool) {
        if !alive.load(Ordering::SeqCst) || self.wants_stop() {
            pending::<()>().await;
        }
    }
}

/// Counts a call until it is dropped, which also happens when the caller gives up.
struct Counted<'a> {
    faults: &'a Faults,
    alive: &'a AtomicBool,
    counter: fn(&mut State) -> &mut usize,
}

impl<'a> Counted<'a> {
    fn new(faults: &'a Faults, alive: &'a AtomicBool, counter: fn(&mut State) -> &mut usize) -> Self {
        *counter(&mut faults.state.lock().unwrap()) += 1;
        Self { faults, alive, counter }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        // The counts of a desk that was stopped have been reset.
        if self.alive.load(Ordering::SeqCst) {
            *(self.counter)(&mut self.faults.state.lock().unwrap()) -= 1;
        }
    }
}
