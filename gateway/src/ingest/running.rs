use std::sync::Arc;

use arc_swap::ArcSwap;

use super::KafkaIngest;

/// The ingests that run, as they come and go, in the order of the policy. Clones are the same.
#[derive(Clone, Default)]
pub struct Ingests(Arc<ArcSwap<Vec<Arc<KafkaIngest>>>>);

impl Ingests {
    /// Those of now.
    pub fn current(&self) -> Arc<Vec<Arc<KafkaIngest>>> {
        self.0.load_full()
    }

    /// From now on it is these.
    pub fn set(&self, ingests: Vec<Arc<KafkaIngest>>) {
        self.0.store(Arc::new(ingests));
    }

    /// What waits for a model in the topics of all ingests that feed it.
    pub fn waiting_demand(&self, model: &str) -> f64 {
        let ingests = self.0.load();
        let feeding = ingests.iter().filter(|ingest| ingest.models().iter().any(|m| **m == *model));
        feeding.fold(0.0, |demand, ingest| demand + ingest.waiting_demand())
    }
}
