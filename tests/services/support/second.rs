//! A second desk on the AWS of another, with a clock and faults of its own.

use std::sync::{Arc, atomic::AtomicBool};

use aws_sdk_sfn::config::SharedHttpClient;
use loan_desk::{aws::Aws, clock::Clock, opening::OpenDesk};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{
    Faults, ManualClock, World,
    connector::Faulty,
    world::{REGION, folder, rest, settings},
};

pub struct SecondDesk {
    pub clock: Arc<ManualClock>,
    pub faults: Arc<Faults>,
    desk: OpenDesk,
    /// Holds its read model.
    _folder: TempDir,
    /// Dropping this would tell the desk to close.
    _closing: watch::Sender<bool>,
}

impl SecondDesk {
    /// Opens a desk that reaches the AWS inside `world` like it would reach the real one.
    pub async fn open(world: &World) -> Self {
        let folder = folder();
        let clock = ManualClock::new();
        let faults = Faults::new(clock.clone());
        let alive = Arc::new(AtomicBool::new(true));
        let inner = world.embedded().http_client();
        let connector = SharedHttpClient::new(Faulty { inner, faults: faults.clone(), alive });
        let aws = Aws::over(connector, REGION, Clock::new(clock.clone()));
        let config = settings(&folder, &["--backend", "aws"]);
        let (sender, closing) = watch::channel(false);
        let desk = OpenDesk::open_on(aws, &config, &world.addresses, world.valuer.clone(), closing).await;
        faults.count(None);
        Self { clock, faults, desk: desk.expect("it opens"), _folder: folder, _closing: sender }
    }

    /// What the desk does in the background to correct itself. It never returns.
    pub fn reconcile(&self) -> impl Future<Output = ()> + Send + use<> {
        self.desk.services.reconciler.clone().run()
    }

    /// Waits until it makes no call for a while.
    pub async fn settle(&self) {
        rest(&self.faults).await;
    }
}
