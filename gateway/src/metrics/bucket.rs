use std::sync::Arc;

use framegate_replica::frame::{FETCH_RESULTS, FetchObserver};

use super::{Registry, names};

/// Registers the metrics of fetching from a bucket, and counts what it is told there.
pub fn bucket_observer(registry: &Registry, bucket: &str) -> FetchObserver {
    let labels = &[("bucket", bucket)];
    let result =
        |result| registry.counter(names::BUCKET_FETCHES, &[("bucket", bucket), ("result", result)]);
    let results = FETCH_RESULTS.map(result);
    let retries = registry.counter(names::BUCKET_RETRIES, labels);
    let bytes = registry.counter(names::BUCKET_BYTES, labels);
    let seconds = registry.histogram(names::BUCKET_FETCH_SECONDS, labels);
    Arc::new(move |fetch| {
        let index = FETCH_RESULTS.iter().position(|result| *result == fetch.result);
        if let Some(counter) = index.and_then(|index| results.get(index)) {
            counter.increment(1);
        }
        retries.increment(u64::from(fetch.retries));
        bytes.increment(fetch.bytes);
        seconds.record(fetch.took.as_secs_f64());
    })
}
