//! The connector through which a desk reaches the embedded AWS, and the faults that it injects.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_sfn::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
};
use tokio::sync::Notify;

use super::ManualClock;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and had no effect.
    LostRequest,
    /// It takes effect, but its answer is lost.
    LostAnswer,
    /// It waits until the test lets it go on.
    Delay,
    /// The process stops just before it.
    StopBefore,
    /// It takes effect, and the process stops before it learns of it.
    StopAfter,
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::LostRequest, Self::LostAnswer, Self::Delay, Self::StopBefore, Self::StopAfter];
}

tokio::task_local! {
    /// Set where calls are neither counted nor fail.
    static EXEMPT: ();
}

/// Does something whose calls are neither counted nor fail. The read model's are: it reads the tables on a timer of its
/// own, so that the numbers of other calls would change from run to run.
pub async fn exempt<T>(work: impl Future<Output = T>) -> T {
    EXEMPT.scope((), work).await
}

/// Counts calls and injects at most one fault at a time. It outlives the desks of one test.
pub struct Faults {
    /// Moves on by a millisecond with each call, so that no two changes of an item carry the same time.
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
    under_way: usize,
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

    pub fn was_stopped(&self) {
        let mut state = self.state.lock().unwrap();
        state.stop = false;
        state.under_way = 0;
        state.held = 0;
    }

    /// Calls under way that are not held back.
    pub fn under_way(&self) -> usize {
        let state = self.state.lock().unwrap();
        state.under_way - state.held
    }

    pub fn holds(&self) -> bool {
        self.state.lock().unwrap().held > 0
    }

    /// Lets delayed calls go on.
    pub fn release(&self) {
        self.released.notify_waiters();
    }

    /// The connector of one desk. `alive` turns false when that desk is stopped: its calls never return then.
    pub fn connector(self: &Arc<Self>, inner: SharedHttpClient, alive: Arc<AtomicBool>) -> SharedHttpClient {
        SharedHttpClient::new(Client { faults: self.clone(), inner, alive })
    }

    fn begin(&self, operation: &str) -> Option<Fault> {
        self.clock.advance(Duration::from_millis(1));
        let mut state = self.state.lock().unwrap();
        state.under_way += 1;
        if !state.counting {
            return None;
        }
        let number = state.calls.len();
        state.calls.push(operation.to_owned());
        let fault = state.plan.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault == Some(Fault::Delay) {
            state.held += 1;
        }
        fault
    }

    fn stop(&self) {
        self.state.lock().unwrap().stop = true;
        self.stopped.notify_waiters();
    }
}

#[derive(Debug, Clone)]
struct Client {
    faults: Arc<Faults>,
    inner: SharedHttpClient,
    alive: Arc<AtomicBool>,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { faults: self.faults.clone(), inner, alive: self.alive.clone() })
    }
}

#[derive(Debug, Clone)]
struct Connector {
    faults: Arc<Faults>,
    inner: SharedHttpConnector,
    alive: Arc<AtomicBool>,
}

impl Connector {
    async fn until_dead(&self) {
        if !self.alive.load(Ordering::SeqCst) || self.faults.wants_stop() {
            std::future::pending::<()>().await;
        }
    }
}

/// Ends the counting of a call, also of one whose caller has gone.
struct UnderWay<'a>(&'a Connector, bool);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.0.alive.load(Ordering::SeqCst) {
            let mut state = self.0.faults.state.lock().unwrap();
            state.under_way = state.under_way.saturating_sub(1);
            if self.1 {
                state.held = state.held.saturating_sub(1);
            }
        }
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            this.until_dead().await;
            if EXEMPT.try_get().is_ok() {
                return this.inner.call(request).await;
            }
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let fault = this.faults.begin(&operation);
            let mut under_way = UnderWay(&this, fault == Some(Fault::Delay));
            let lost = || ConnectorError::io("a fault of the test's".into());
            match fault {
                Some(Fault::LostRequest) => return Err(lost()),
                Some(Fault::StopBefore) => {
                    this.faults.stop();
                    std::future::pending::<()>().await;
                }
                Some(Fault::Delay) => {
                    this.faults.released.notified().await;
                    this.faults.state.lock().unwrap().held -= 1;
                    under_way.1 = false;
                }
                _ => {}
            }
            let answer = this.inner.call(request).await;
            match fault {
                Some(Fault::LostAnswer) => return Err(lost()),
                Some(Fault::StopAfter) => this.faults.stop(),
                _ => {}
            }
            this.until_dead().await;
            answer
        })
    }
}
