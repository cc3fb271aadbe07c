use std::{
    collections::{HashMap, HashSet},
    future::pending,
    sync::Arc,
};

use framegate_proto::v1::{
    frame_service_server::FrameServiceServer, operator_service_server::OperatorServiceServer,
};
use futures_util::future::select_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{admission::Admission, pool::PoolHealth};

/// Keeps `grpc.health.v1` at what the pools are: each model by its name, the gateway as a whole
/// (the empty name) and its services.
///
/// A model serves while a replica runs, or one starts or can be started on demand. The gateway and
/// `FrameService` serve while any model does: with one of three models broken it is still the place
/// for the other two. `OperatorService` serves until the gateway stops.
pub struct Health {
    reporter: HealthReporter,
    admission: Arc<Admission>,
    /// Tells of models that come and go.
    rerouted: watch::Receiver<()>,
    models: Vec<(Arc<str>, watch::Receiver<PoolHealth>)>,
    /// What was told last, since telling the same again wakes those who watch.
    told: HashMap<String, ServingStatus>,
}

const GATEWAY: &str = "";
const FRAMES: &str = <FrameServiceServer<()> as NamedService>::NAME;
const OPERATORS: &str = <OperatorServiceServer<()> as NamedService>::NAME;

impl Health {
    /// Tells by `reporter` what the pools are now.
    pub async fn new(reporter: HealthReporter, admission: Arc<Admission>) -> Self {
        let (rerouted, models) = (admission.watch_routes(), models(&admission));
        let mut health = Self { reporter, admission, rerouted, models, told: HashMap::new() };
        health.tell(false).await;
        health
    }

    /// Tells whatever changes, until `stopping`; then nothing serves any more. With `ending` all
    /// watches end, so that they do not hold up the stop.
    pub async fn keep(mut self, stopping: CancellationToken, ending: CancellationToken) {
        while !stopping.is_cancelled() {
            tokio::select! {
                // First: a pool that has gone tells no more of its health.
                biased;
                () = stopping.cancelled() => {}
                _ = self.rerouted.changed() => self.models = models(&self.admission),
                () = changed(&mut self.models) => {}
            }
            self.tell(stopping.is_cancelled()).await;
        }
        ending.cancelled().await;
        for name in self.told.keys() {
            self.reporter.clear_service_status(name).await;
        }
    }

    /// A model that has gone is not known any more.
    async fn forget_the_gone(&mut self) {
        let models = self.models.iter().map(|(name, _)| &**name);
        let known: HashSet<&str> = models.chain([GATEWAY, FRAMES, OPERATORS]).collect();
        let gone: Vec<String> =
            self.told.keys().filter(|name| !known.contains(name.as_str())).cloned().collect();
        for name in gone {
            self.reporter.clear_service_status(&name).await;
            self.told.remove(&name);
        }
    }

    async fn tell(&mut self, stopping: bool) {
        self.forget_the_gone().await;
        let serving: Vec<_> = self
            .models
            .iter_mut()
            .map(|(name, health)| (name.to_string(), health.borrow_and_update().serving))
            .collect();
        let any = serving.is_empty() || serving.iter().any(|(_, serves)| *serves);
        let whole = [(GATEWAY, any), (FRAMES, any), (OPERATORS, true)];
        let whole = whole.map(|(name, serves)| (name.to_owned(), serves));
        for (name, serves) in serving.into_iter().chain(whole) {
            let status = match serves && !stopping {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            };
            if self.told.get(&name) != Some(&status) {
                self.reporter.set_service_status(&name, status).await;
                self.told.insert(name, status);
            }
        }
    }
}

fn models(admission: &Admission) -> Vec<(Arc<str>, watch::Receiver<PoolHealth>)> {
    let routes = admission.routes();
    routes.pools().iter().map(|pool| (pool.name().clone(), pool.watch_health())).collect()
}

/// Waits until the health of any pool changes.
async fn changed(models: &mut [(Arc<str>, watch::Receiver<PoolHealth>)]) {
    if models.is_empty() {
        return pending().await;
    }
    // A channel that closes is of a pool that has gone, so the routes are others by then.
    let changes = models.iter_mut().map(|(_, health)| Box::pin(health.changed()));
    let _ = select_all(changes).await;
}
