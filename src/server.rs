//! Opening the desk, and closing it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use app::desk::{About, Desk, Policy};
use asl_engine::{Options, endpoints::Endpoints};
use axum::middleware::from_fn_with_state;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use url::Url;

use crate::{
    api,
    applications::Applications,
    aws::{self, Aws, AwsError, ConfigurationError, Embedded, OpenError},
    callbacks::{self, Callbacks},
    clock::Clock,
    config::{Backend, Config},
    deploy::{self, DeployError, StateMachines},
    desk::LoanDesk,
    export,
    functions::Functions,
    health::{self, Health},
    integrations::DeskIntegrations,
    live::{Changes, Live},
    mock_valuer::{self, MockValuer},
    paused::PausedTasks,
    reconcile::Reconciler,
    security::{self, OwnNames},
    sessions::Sessions,
    settings::Settings,
    signing::CallbackUrls,
    supervision::supervised,
    valuation_request::ValuationRequests,
    web,
    work_items::WorkItems,
    workflow::Workflows,
};

/// How long requests that are under way may take to finish when the desk closes.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a task that panicked rests before it begins anew.
const RESTART: Duration = Duration::from_secs(1);

/// How often expired items are deleted, embedded.
const EXPIRY: Duration = Duration::from_secs(3600);

/// Why the desk cannot open.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("AWS, region {region}{}: {source}", endpoint.as_ref().map(|url| format!(", at {url}")).unwrap_or_default())]
    Find { region: String, endpoint: Option<String>, source: DeployError },
    #[error("cannot prepare the desk: {0}")]
    Aws(#[from] AwsError),
    #[error("cannot start: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves until the process is asked to end.
pub async fn serve(config: Config) -> Result<(), StartError> {
    // Listening comes first: what came due meanwhile fires as soon as Step Functions is open, and calls back here.
    let listener = listen(config.listen).await?;
    let addr = listener.local_addr()?;
    let aws_listener = match config.aws_endpoint {
        Some(addr) => Some(listen(addr).await?),
        None => None,
    };
    let public_url = config.public_url.clone().unwrap_or_else(|| own_url(addr));
    let (close, closing) = watch::channel(false);
    let changes = Changes::default();
    let mut tasks = JoinSet::new();

    let (aws, machines, functions, embedded) = match config.backend {
        Backend::Embedded => {
            let embedded = {
                let data_dir = config.data_dir.clone();
                tokio::task::spawn_blocking(move || Embedded::open(&data_dir, Clock::system()))
                    .await
                    .map_err(std::io::Error::other)??
            };
            let aws = Aws::inside(&embedded, &config.region);
            deploy::create_tables(&aws).await?;
            // The state machines come after the engine that holds them, and the engine needs the functions, which
            // need the ARNs: these are known beforehand.
            let machines = deploy::state_machines_to_be(&config);
            let functions = functions(&aws, &machines, &config, &public_url, addr, &changes).await?;
            let integrations = DeskIntegrations {
                functions: functions.clone(),
                embedded: embedded.clone(),
                endpoints: Endpoints::new(config.endpoints.clone().into(), &config.region),
                changes: changes.clone(),
            };
            let options = Options::new(&config.account_id, &config.region);
            embedded.start_step_functions(&config.data_dir, options, Arc::new(integrations)).await?;
            deploy::deploy_state_machines(&aws, &config).await?;
            tasks.spawn(supervised("expiry", aws.clock.clone(), RESTART, {
                let embedded = embedded.clone();
                move || delete_expired(embedded.clone())
            }));
            (aws, machines, functions, Some(embedded))
        }
        Backend::Aws => {
            let aws = Aws::ordinary(Clock::system()).await?;
            let found = deploy::find(&aws).await;
            let (region, endpoint) = (aws.region.clone(), aws.endpoint.clone());
            let machines = found.map_err(|source| StartError::Find { region, endpoint, source })?;
            let functions = functions(&aws, &machines, &config, &public_url, addr, &changes).await?;
            (aws, machines, functions, None)
        }
    };

    let mut servers = JoinSet::new();
    if let (Some(listener), Some(embedded)) = (aws_listener, &embedded) {
        tracing::info!(addr = %listener.local_addr()?, "Step Functions and DynamoDB are open to the AWS CLI and SDKs");
        let listener = axum::serve::ListenerExt::tap_io(listener, |connection| {
            // Answers go out in one piece: waiting to fill a packet only delays them.
            let _ = connection.set_nodelay(true);
        });
        let server = axum::serve(listener, aws::endpoint(embedded.clone()));
        servers.spawn(server.with_graceful_shutdown(closed(closing.clone())).into_future());
    }
    if !addr.ip().is_loopback() {
        tracing::warn!(
            %addr,
            "whoever can reach this address can read and answer everything: the desk has no sign-in; keep it inside a \
             network that you trust, or behind a proxy that signs people in"
        );
    }
    let opening = Opening {
        aws: &aws,
        machines: &machines,
        functions: &functions,
        config: &config,
        public_url: &public_url,
        changes: &changes,
        closing: closing.clone(),
    };
    let router = opening.open(&mut tasks);
    tracing::info!(%addr, %public_url, "the desk is open");
    servers.spawn(axum::serve(listener, router).with_graceful_shutdown(closed(closing)).into_future());
    let served = async {
        while let Some(server) = servers.join_next().await {
            server.map_err(io::Error::other)??;
        }
        Ok::<_, io::Error>(())
    };
    let asked = async {
        asked_to_end().await;
        tracing::info!("closing");
        // Nobody can be gone: the servers listen.
        let _ = close.send(true);
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = served => served?,
        () = asked => tracing::warn!("some requests were cut off"),
    }
    tasks.shutdown().await;
    if let Some(embedded) = embedded {
        embedded.shutdown().await;
    }
    tracing::info!("closed");
    Ok(())
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|source| StartError::Listen { addr, source })
}

/// Ends when the desk closes.
async fn closed(mut closing: watch::Receiver<bool>) {
    // An error means that the sender is gone: closing, too.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// The address under which this machine reaches itself.
fn own_url(addr: SocketAddr) -> Url {
    let host = match addr {
        SocketAddr::V4(addr) if addr.ip().is_unspecified() => format!("127.0.0.1:{}", addr.port()),
        SocketAddr::V6(addr) if addr.ip().is_unspecified() => format!("[::1]:{}", addr.port()),
        addr => addr.to_string(),
    };
    format!("http://{host}").parse().expect("an address and port make a URL")
}

/// What both backends have in common, from the tables up to the functions.
async fn functions(
    aws: &Aws,
    machines: &StateMachines,
    config: &Config,
    public_url: &Url,
    addr: SocketAddr,
    changes: &Changes,
) -> Result<Functions, StartError> {
    let settings = Settings::new(aws.clone());
    let urls = CallbackUrls::load(&settings, public_url).await?;
    let paused = PausedTasks::new(aws.clone());
    let applications = Applications::new(aws.clone(), machines.loan_processing.clone(), changes.clone());
    let callbacks = Callbacks::new(aws.clone(), urls.clone(), paused.clone(), applications.clone());
    // The one that the SDK uses. An error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // Mostly it reaches this machine. A proxy that the environment names for other programs would get the signed
        // callback addresses, and could not lead back here.
        .no_proxy()
        .build()
        .map_err(std::io::Error::other)?;
    let service_url = config.valuation_service_url.clone().unwrap_or_else(|| {
        let mut url = own_url(addr);
        url.set_path(mock_valuer::PATH);
        url
    });
    Ok(Functions {
        valuation_requests: ValuationRequests {
            clock: aws.clock.clone(),
            paused: paused.clone(),
            applications: applications.clone(),
            callbacks,
            urls,
            http: http.clone(),
            service_url,
        },
        work_items: WorkItems { clock: aws.clock.clone(), paused, applications },
        mock_valuer: MockValuer {
            aws: aws.clone(),
            settings,
            http,
            state_machine_arn: machines.mock_valuation.clone(),
            delay: config.mock_valuer_delay,
            late_delay: config.mock_valuer_late_delay,
            public_url: public_url.clone(),
        },
    })
}

/// What the desk is opened with.
struct Opening<'a> {
    aws: &'a Aws,
    machines: &'a StateMachines,
    functions: &'a Functions,
    config: &'a Config,
    public_url: &'a Url,
    changes: &'a Changes,
    closing: watch::Receiver<bool>,
}

impl Opening<'_> {
    /// Everything that is served; what goes on beside it goes into `tasks`.
    fn open(self, tasks: &mut JoinSet<()>) -> axum::Router {
        let Self { aws, machines, functions, config, public_url, changes, closing } = self;
        let ValuationRequests { paused, applications, callbacks, .. } = &functions.valuation_requests;
        let workflows = Workflows { aws: aws.clone() };
        let reconciler = Reconciler {
            clock: aws.clock.clone(),
            applications: applications.clone(),
            paused: paused.clone(),
            callbacks: callbacks.clone(),
            workflows: workflows.clone(),
            pace: match config.backend {
                Backend::Embedded => Duration::from_millis(5),
                Backend::Aws => Duration::from_millis(200),
            },
        };
        tasks.spawn(supervised("reconciler", aws.clock.clone(), RESTART, {
            let reconciler = reconciler.clone();
            move || reconciler.clone().run()
        }));
        tasks.spawn(supervised("register", aws.clock.clone(), RESTART, {
            let applications = applications.clone();
            move || applications.clone().keep_register()
        }));
        let live = Live::new(aws.clock.clone(), applications.clone(), changes.clone(), closing);
        tasks.spawn(supervised("live", aws.clock.clone(), RESTART, {
            let live = live.clone();
            move || live.clone().run()
        }));

        let desk: Arc<dyn Desk> = Arc::new(LoanDesk {
            clock: aws.clock.clone(),
            about: About {
                data_lives: match config.backend {
                    Backend::Embedded => "Embedded".to_owned(),
                    Backend::Aws => format!("AWS {}", aws.region),
                },
                valuation_timeout: config.valuation_timeout,
                manual_valuation_timeout: config.manual_valuation_timeout,
                policy: Policy { approve_up_to: config.approve_up_to_percent, refer_up_to: config.refer_up_to_percent },
            },
            applications: applications.clone(),
            paused: paused.clone(),
            callbacks: callbacks.clone(),
            work_items: functions.work_items.clone(),
            workflows,
            reconciler,
        });
        let names = OwnNames::new(public_url);
        let pages = web::Pages {
            desk: desk.clone(),
            sessions: Sessions::new(aws.clone()),
            secure: public_url.scheme() == "https",
            site_root: config.site_root.display().to_string(),
            names: names.clone(),
        };
        let health = Health {
            aws: aws.clone(),
            machines: machines.clone(),
            data_dir: (config.backend == Backend::Embedded).then(|| config.data_dir.clone()),
        };
        // A callback is kept by whatever name it comes in, and health is asked by whoever finds the address.
        let mut router = axum::Router::new()
            .merge(api::applications(applications.clone()))
            .merge(live.router())
            .merge(export::router(desk, aws.clock.clone()))
            .layer(from_fn_with_state(names, security::own_name))
            .merge(health::router(health))
            .merge(callbacks::router(callbacks.clone()))
            .merge(api::fallback());
        if config.valuation_service_url.is_none() {
            router = router.merge(mock_valuer::router(functions.mock_valuer.clone()));
        }
        web::around(web::machines(router).fallback_service(pages.router()))
    }
}

async fn delete_expired(embedded: Arc<Embedded>) {
    loop {
        embedded.clock().sleep(EXPIRY).await;
        match embedded.delete_expired().await {
            Ok(deleted) => tracing::debug!(deleted, "expired items deleted"),
            Err(error) => tracing::warn!(error, "expired items could not be deleted; will be tried again"),
        }
    }
}

/// Ctrl-C, or SIGTERM where there is one.
async fn asked_to_end() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler there is nothing to wait for, and the desk must not close by itself.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminated = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => {
                    terminate.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
