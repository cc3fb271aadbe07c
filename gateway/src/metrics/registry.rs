use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::names;
use crate::board::Board;

/// The metrics of one server: hands out handles, which their owners keep, and renders all of them.
/// What operators read back is counted on its board.
#[derive(Clone)]
pub struct Registry {
    recorder: Arc<PrometheusRecorder>,
    board: Arc<Board>,
}

/// What is known of a metric before it is registered.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// How it counts.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One line of help: what it counts.
    pub help: &'static str,
}

/// How a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A histogram of times in seconds.
    Seconds,
    /// A histogram of batch sizes in entries.
    Sizes,
}

/// Label names and values of one handle.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// Upper bounds of the histograms in seconds: 0.1 ms to 30 s.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// Upper bounds of histograms of batch sizes.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

const METADATA: Metadata<'static> = Metadata::new("framegate", Level::INFO, None);

impl Registry {
    /// A registry without any metric.
    ///
    /// # Errors
    /// Only if the histogram bounds were empty, which they are not.
    pub fn new() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new().set_buckets(SECONDS)?;
        for metric in names::ALL.iter().filter(|metric| metric.kind == MetricKind::Sizes) {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, SIZES)?;
        }
        Ok(Self { recorder: Arc::new(builder.build_recorder()), board: Arc::default() })
    }

    /// Where the same is counted for operators.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// A counter; the same name and labels give the same counter.
    pub fn counter(&self, metric: Metric, labels: Labels) -> Counter {
        check(metric, &[MetricKind::Counter], labels);
        self.recorder.describe_counter(KeyName::from(metric.name), None, metric.help.into());
        self.recorder.register_counter(&key(metric, labels), &METADATA)
    }

    /// A gauge; the same name and labels give the same gauge.
    pub fn gauge(&self, metric: Metric, labels: Labels) -> Gauge {
        check(metric, &[MetricKind::Gauge], labels);
        self.recorder.describe_gauge(KeyName::from(metric.name), None, metric.help.into());
        self.recorder.register_gauge(&key(metric, labels), &METADATA)
    }

    /// A histogram of seconds, or of batch sizes; the same name and labels give the same histogram.
    pub fn histogram(&self, metric: Metric, labels: Labels) -> Histogram {
        check(metric, &[MetricKind::Seconds, MetricKind::Sizes], labels);
        self.recorder.describe_histogram(KeyName::from(metric.name), None, metric.help.into());
        self.recorder.register_histogram(&key(metric, labels), &METADATA)
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.handle().render()
    }

    /// Folds recorded histogram samples away; to be called every few seconds, so that memory stays
    /// bounded between scrapes.
    pub fn upkeep(&self) {
        self.handle().run_upkeep();
    }

    fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }
}

/// Tests fail where a metric is registered as something else than the reference says.
fn check(metric: Metric, kinds: &[MetricKind], labels: Labels) {
    if cfg!(any(test, debug_assertions)) {
        assert!(kinds.contains(&metric.kind), "{} is no {kinds:?}", metric.name);
        let given: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        assert_eq!(given, metric.labels, "the labels of {}", metric.name);
    }
}

fn key(metric: Metric, labels: Labels) -> Key {
    let labels: Vec<Label> =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(metric.name, labels)
}
