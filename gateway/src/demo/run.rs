use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use framegate_replica::Program;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    dead_letters, greeting,
    options::Options,
    reconcile::{Evidence, reconcile},
    scoreboard::Scoreboard,
    stage::Stage,
    status::StatusLines,
    summary::{Played, Summary},
    view::View,
};
use crate::{camera, gateway::Gateway, pool::PoolHealth, top};

/// How often the replicas are looked at.
const WATCH: Duration = Duration::from_millis(50);
/// How often the status lines are written.
const STATUS: Duration = Duration::from_secs(1);
/// How long the consumer group may take to form; with the embedded broker it takes about 3 s.
const ASSIGN_LIMIT: Duration = Duration::from_secs(20);
/// How long the queue may take to drain after the cameras have stopped.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// A running demo.
struct Demo<'a> {
    options: Options,
    stage: Stage,
    gateway: Gateway,
    scoreboard: Arc<Scoreboard>,
    lines: StatusLines,
    /// Gets what is written for people.
    say: &'a (dyn Fn(&str) + Send + Sync),
}

/// Runs the demo until its time is over or `stop`: then the cameras stop first, the queue drains,
/// and the gateway stops. `say` gets what is written for people.
///
/// # Errors
/// When a part of it cannot start, or its files cannot be read at the end.
pub async fn run(
    options: Options,
    program: Program,
    stop: CancellationToken,
    say: &(dyn Fn(&str) + Send + Sync),
) -> anyhow::Result<Summary> {
    let (stage, document) = Stage::set(&options).await?;
    let scoreboard = Arc::new(Scoreboard::default());
    let gateway = Gateway::start(document, program, Some(scoreboard.clone())).await?;
    all_serve(&gateway)?;
    say(&greeting::addresses(&options, &gateway));
    let lines = StatusLines::new(&gateway.pools());
    assigned(&gateway, options.cameras).await;
    let mut demo = Demo { options, stage, gateway, scoreboard, lines, say };
    let played = demo.play(stop).await?;
    say("The cameras have stopped; the queue drains.");
    demo.drain(&played).await;
    demo.account(&played).await
}

/// A demo of which a part is missing would wait for it until the frames are too old.
fn all_serve(gateway: &Gateway) -> anyhow::Result<()> {
    for pool in gateway.pools() {
        let PoolHealth { serving, problem, .. } = pool.health();
        ensure!(serving, "model `{}`: {problem}", pool.name());
    }
    Ok(())
}

/// Waits until the gateway reads the topics of all cameras, so that the first frames do not wait
/// for the consumer group to form.
async fn assigned(gateway: &Gateway, cameras: u32) {
    let partitions = cameras as usize * gateway.ingests().len();
    let all = async {
        let mut ticks = interval(WATCH);
        while gateway.ingests().iter().map(|i| i.assigned_partitions()).sum::<usize>() < partitions
        {
            ticks.tick().await;
        }
    };
    if timeout(ASSIGN_LIMIT, all).await.is_err() {
        warn!(partitions, "the consumer group has not formed in time");
    }
}

impl Demo<'_> {
    /// Lets the cameras play and shows the status, until they have stopped.
    async fn play(&mut self, stop: CancellationToken) -> anyhow::Result<Played> {
        let started = Instant::now();
        let view = self.view(&stop);
        let cameras =
            tokio::spawn(camera::run(self.stage.cameras(&self.options), stop, camera::logged()));
        let sent = self.watch(cameras, started, view.as_ref()).await;
        if let Some(view) = view {
            view.close().await;
        }
        let sent = sent?.total;
        Ok(Played {
            time: started.elapsed(),
            cameras: self.options.cameras,
            produced: sent.produced,
            acknowledged: sent.acknowledged,
        })
    }

    /// The view, where there is a terminal for it; elsewhere there are status lines.
    fn view(&self, stop: &CancellationToken) -> Option<View> {
        if self.options.plain || !top::is_terminal() {
            return None;
        }
        View::open(&self.gateway, &self.stage.log, stop.clone())
            .inspect_err(|failure| warn!(error = format!("{failure:#}"), "no view"))
            .ok()
    }

    async fn watch(
        &mut self,
        mut cameras: JoinHandle<anyhow::Result<camera::Summary>>,
        started: Instant,
        view: Option<&View>,
    ) -> anyhow::Result<camera::Summary> {
        let mut ticks = interval(WATCH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut invited) = (started, false);
        loop {
            tokio::select! {
                played = &mut cameras => return played?,
                _ = ticks.tick() => self.lines.watch(),
            }
            let since = last.elapsed();
            if view.is_none() && since >= STATUS {
                (self.say)(self.lines.lines(&self.scoreboard, started.elapsed(), since).trim_end());
                last = Instant::now();
            }
            if !invited && self.scoreboard.ended() > 0 {
                self.invite(view);
                invited = true;
            }
        }
    }

    /// Writes a command to try, with a frame that exists.
    fn invite(&self, view: Option<&View>) {
        if let Some(command) = greeting::command(&self.stage.results, &self.gateway) {
            view.map_or_else(|| (self.say)(&command), |view| view.note(&command));
        }
    }

    /// Waits until every acknowledged frame has ended at every model.
    async fn drain(&mut self, played: &Played) {
        let expected = played.acknowledged * self.gateway.pools().len() as u64;
        let ended = async {
            let mut ticks = interval(WATCH);
            while self.scoreboard.ended() < expected {
                ticks.tick().await;
                self.lines.watch();
            }
        };
        if timeout(DRAIN_LIMIT, ended).await.is_err() {
            let missing = expected.saturating_sub(self.scoreboard.ended());
            warn!(missing, "the queue did not drain in time");
        }
    }

    /// Stops the gateway, and finds out what became of every frame.
    async fn account(self, played: &Played) -> anyhow::Result<Summary> {
        let Self { stage, gateway, scoreboard, lines, .. } = self;
        let models: Vec<String> =
            gateway.pools().iter().map(|pool| pool.name().to_string()).collect();
        gateway.stop().await;
        let brokers = stage.kafka.brokers().to_owned();
        let dead_letters = match stage.dead_letter_topic.clone() {
            Some(topic) => {
                spawn_blocking(move || dead_letters::read_all(&brokers, &topic)).await??
            }
            None => Vec::new(),
        };
        let evidence = Evidence {
            acknowledged: &stage.acknowledged,
            results: &stage.results,
            drops: &stage.drops,
            dead_letters: &dead_letters,
        };
        stage.kafka.clear().await;
        let found = reconcile(&evidence, &models)?;
        let summary =
            Summary::new(played, &found, &scoreboard.take_recent(), |model| lines.replicas(model));
        write(&stage.summary, &serde_json::to_string_pretty(&summary)?)?;
        Ok(summary)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}
