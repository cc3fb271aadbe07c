//! From a policy that is asked for to one that is in force, or a refusal.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use framegate_replica::frame::Buckets;
use futures_util::future::{join_all, try_join_all};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::{error, info, warn};

use super::{
    Live, leaving,
    plan::{Plan, PoolStep},
    verdict::{Source, Verdict, problem},
};
use crate::{
    ingest::KafkaIngest,
    policy::{Document, Ingest, Policy, Problem},
    pool::Pool,
    routes::Routes,
    sink::SinkSet,
};

/// What a change needs that was not there before, opened and ready.
struct Prepared {
    buckets: Buckets,
    sinks: SinkSet,
    /// In the order of the policy, those that stay too.
    pools: Vec<Arc<Pool>>,
    /// Those of them that are new.
    fresh: Vec<Arc<Pool>>,
}

/// How long a consumer may take to commit and to leave its group, and sinks to be closed.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

impl Live {
    /// Applies a document, or the one before the present one, or refuses it and changes nothing.
    pub(super) async fn change(&self, source: Source, document: Option<Document>) -> Verdict {
        let mut next_number = self.changing.lock().await;
        let before = || self.history().before().map(|good| Document::clone(&good.document));
        let Some(mut document) = document.or_else(before) else {
            let reason = "no policy was in force before this one";
            return self.refuse(source, Verdict::refused(problem("", reason)));
        };
        let (plan, verdict) = self.judge(&document);
        if verdict.is_refused() {
            return self.refuse(source, verdict);
        }
        if plan.is_empty() {
            return self.unchanged(source, verdict);
        }
        self.number(&plan, &mut document.policy.ingest, &mut next_number);
        let prepared = tokio::select! {
            biased;
            () = self.closing() => Err(problem("", "the gateway stops")),
            prepared = self.prepare(&document.policy, &plan) => prepared,
        };
        match prepared {
            Ok(prepared) => {
                self.put_in_force(prepared, &mut document.policy, &plan).await;
                self.applied(source, document, verdict)
            }
            Err(problem) => {
                let changes = verdict.changes;
                self.refuse(source, Verdict { changes, ..Verdict::refused(problem) })
            }
        }
    }

    /// What would change, and what of that cannot.
    pub(super) fn judge(&self, document: &Document) -> (Plan, Verdict) {
        let running = self.history().running().document.clone();
        let plan = Plan::new(&running.policy, &document.policy);
        let refused = |change: &super::Change| Problem {
            position: document.position(&change.key),
            key: change.key.clone(),
            reason: format!(
                "cannot be changed while the gateway runs; restart it, or leave it at `{}`",
                change.before.as_deref().unwrap_or_default()
            ),
        };
        let problems = plan.refused().map(refused).collect();
        let verdict = Verdict { problems, changes: plan.changes.clone(), ..Verdict::default() };
        (plan, verdict)
    }

    /// Ingests that go on keep the numbers by which pools know them, and no other gets one of those.
    fn number(&self, plan: &Plan, rules: &mut [Ingest], next: &mut u32) {
        let running = self.history().running().document.clone();
        for (rule, kept) in rules.iter_mut().zip(&plan.ingests) {
            let kept = kept.and_then(|place| running.policy.ingest.get(place));
            rule.number = kept.map_or(*next, |kept| kept.number);
            *next = next.wrapping_add(u32::from(kept.is_none()));
        }
    }

    /// Opens all that is new. What fails leaves nothing behind.
    async fn prepare(&self, policy: &Policy, plan: &Plan) -> Result<Prepared, Problem> {
        let buckets = self.prepare_buckets(policy)?;
        rehearse(policy, plan).await?;
        let sinks = self.sinks.current().followed_by(&policy.sinks).await;
        let sinks = sinks.map_err(|error| problem("sinks", format!("{error:#}")))?;
        let (mut pools, mut fresh) = (Vec::new(), Fresh::default());
        for (model, step) in policy.models.iter().zip(&plan.pools) {
            let old = self.admission.routes().pool(&model.name).cloned();
            let pool = match (step, old) {
                (PoolStep::Keep | PoolStep::Follow, Some(old)) => old,
                (_, Some(old)) => fresh.add(self.workshop.successor(model, &old)),
                (_, None) => fresh.add(self.workshop.pool(model)),
            };
            pools.push(pool);
        }
        warm_up(&fresh.0).await?;
        Ok(Prepared { buckets, sinks, pools, fresh: fresh.keep() })
    }

    fn prepare_buckets(&self, policy: &Policy) -> Result<Buckets, Problem> {
        if self.history().running().document.policy.buckets == policy.buckets {
            // With their connections.
            return Ok(self.admission.routes().buckets.clone());
        }
        let buckets = self.workshop.buckets(&policy.buckets);
        buckets.map_err(|error| problem("buckets", format!("{error:#}")))
    }

    /// Nothing can fail any more, and nothing is lost on the way:
    ///
    /// 1. ingests that go or change take no more records, and try nothing again;
    /// 2. requests go to the new pools from one moment to the next; pools that stay go by the new
    ///    policy; those that go serve what they have, in the background;
    /// 3. the leaving ingests deliver what they have taken to the sinks of before, and commit;
    /// 4. results go to the new sinks; what is on its way to the old ones ends there;
    /// 5. the new ingests start.
    async fn put_in_force(&self, prepared: Prepared, policy: &mut Policy, plan: &Plan) {
        let running = self.ingests.current();
        let is_kept = |place: &usize| plan.ingests.contains(&Some(*place));
        let leaving =
            || (0..running.len()).filter(|place| !is_kept(place)).map(|place| &running[place]);
        join_all(leaving().map(|ingest| ingest.stop_taking())).await;

        self.workshop.set_limits(&policy.limits);
        for ((pool, model), step) in prepared.pools.iter().zip(&policy.models).zip(&plan.pools) {
            if *step == PoolStep::Follow {
                pool.follow(model.clone());
            }
        }
        self.reroute(policy, prepared.pools, prepared.fresh, prepared.buckets);

        let grace = policy.server.graceful_shutdown_timeout;
        join_all(leaving().map(|ingest| ingest.delivered(grace))).await;
        join_all(leaving().map(|ingest| ingest.finish(LEAVE_LIMIT))).await;

        let old = self.sinks.replace(prepared.sinks).await;
        let (sinks, ending) = (self.sinks.clone(), self.workshop.ending().clone());
        let left = self.leaving.spawn(leaving::sinks(old, sinks, ending));
        // So that a file that another change brings back has no second writer beside the one before.
        let _ = timeout(LEAVE_LIMIT, left).await;

        self.start_ingests(policy, plan, &running).await;
    }

    fn reroute(
        &self,
        policy: &Policy,
        pools: Vec<Arc<Pool>>,
        fresh: Vec<Arc<Pool>>,
        buckets: Buckets,
    ) {
        let routes = Routes::new(pools, buckets, policy.server.default_timeout);
        let old = self.admission.reroute(routes);
        let routes = self.admission.routes();
        let stays = |pool: &&Arc<Pool>| routes.pools().iter().any(|one| Arc::ptr_eq(one, pool));
        let gone: Vec<_> = old.pools().iter().filter(|pool| !stays(pool)).cloned().collect();
        // First, so that the new ones find room in the ledger of the machine.
        gone.iter().for_each(|pool| pool.retire());
        fresh.iter().for_each(|pool| self.run(pool));
        let (admission, ending) = (self.admission.clone(), self.workshop.ending().clone());
        self.leaving.spawn(leaving::pools(old, gone, admission, ending));
    }

    /// One that cannot be started, although its settings were taken before, is left out of the policy in
    /// force; so it starts when the policy is read again.
    async fn start_ingests(&self, policy: &mut Policy, plan: &Plan, running: &[Arc<KafkaIngest>]) {
        let (mut ingests, mut rules) = (Vec::new(), Vec::new());
        for (rule, kept) in policy.ingest.drain(..).zip(&plan.ingests) {
            let ingest = match kept.and_then(|place| running.get(place)) {
                Some(kept) => Ok(kept.clone()),
                None => self.ingest(&rule, begun(&rule, running)).await,
            };
            match ingest {
                Ok(ingest) => {
                    ingests.push(ingest);
                    rules.push(rule);
                }
                Err(error) => {
                    let (group, error) = (rule.group, format!("{error:#}"));
                    error!(group, error, "ingest not started; SIGHUP starts it");
                }
            }
        }
        policy.ingest = rules;
        self.ingests.set(ingests);
    }

    fn applied(&self, source: Source, document: Document, verdict: Verdict) -> Verdict {
        let now = SystemTime::now();
        let generation = self.history().applied(document, source, now);
        self.metrics.in_force(generation, now);
        self.metrics.count(source, "applied");
        for change in &verdict.changes {
            info!(%change, "policy changed");
        }
        info!(source = source.name(), generation, "policy applied");
        Verdict { generation, ..verdict }
    }

    fn unchanged(&self, source: Source, verdict: Verdict) -> Verdict {
        self.metrics.count(source, "unchanged");
        info!(source = source.name(), "policy is the one in force");
        Verdict { generation: self.history().running().generation, ..verdict }
    }

    /// The running policy stays in force.
    pub(super) fn refuse(&self, source: Source, verdict: Verdict) -> Verdict {
        let mut history = self.history();
        history.refuse(source, verdict.problems.clone(), SystemTime::now());
        let generation = history.running().generation;
        drop(history);
        self.metrics.count(source, "refused");
        for found in &verdict.problems {
            let found = found.to_string();
            warn!(problem = found.trim_start_matches([':', ' ']), "policy has a problem");
        }
        error!(
            source = source.name(),
            generation, "policy refused; the running one stays in force"
        );
        Verdict { generation, ..verdict }
    }
}

/// Pools that are not served yet: dropped so, they end.
#[derive(Default)]
struct Fresh(Vec<Arc<Pool>>);

impl Fresh {
    fn add(&mut self, pool: Arc<Pool>) -> Arc<Pool> {
        self.0.push(pool.clone());
        pool
    }

    fn keep(mut self) -> Vec<Arc<Pool>> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for pool in self.0.drain(..) {
            tokio::spawn(async move { leaving::end(&pool).await });
        }
    }
}

/// When the group of an ingest that is to start began to read here: an ingest that only changes must not
/// take what was written since for history.
fn begun(rule: &Ingest, running: &[Arc<KafkaIngest>]) -> SystemTime {
    let before = running.iter().find(|ingest| ingest.group() == rule.group);
    before.map_or_else(SystemTime::now, |ingest| ingest.since())
}

/// Waits until all of them run, within their `start_timeout`.
async fn warm_up(pools: &[Arc<Pool>]) -> Result<(), Problem> {
    let of_pool = |pool: &Arc<Pool>| {
        let pool = pool.clone();
        async move {
            let key = format!("models.{}", pool.name());
            let warm = pool.warm_up().await;
            warm.map_err(|reason| problem(&key, format!("no replica can be had: {reason}")))
        }
    };
    try_join_all(pools.iter().map(of_pool)).await.map(drop)
}

/// Finds out whether the ingests that are to start can be.
async fn rehearse(policy: &Policy, plan: &Plan) -> Result<(), Problem> {
    let starting = policy.ingest.iter().zip(&plan.ingests).filter(|(_, kept)| kept.is_none());
    let rules: Vec<Ingest> = starting.map(|(rule, _)| rule.clone()).collect();
    let rehearsed = spawn_blocking(move || {
        rules.iter().try_for_each(|rule| {
            let key = format!("ingest[{}]", rule.group);
            KafkaIngest::rehearse(rule).map_err(|error| problem(&key, format!("{error:#}")))
        })
    });
    rehearsed.await.unwrap_or_else(|_| Err(problem("ingest", "its settings cannot be tried")))
}
