use std::{
    ffi::CString,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{ClientContext, bindings::rd_kafka_brokers_add, client::Client, types::RDKafka};

/// Tells a client its brokers again when it has forgotten all of them.
///
/// librdkafka, since 2.10, forgets brokers that are missing in an answer about them. A broker that
/// has just lost its controller answers that there is none at all, and then the client may never
/// ask anybody again (its issue 5301). Clones are of one client.
#[derive(Clone, Default)]
pub(super) struct Lifeline(Arc<Mutex<Option<Tied>>>);

/// A client, and its brokers as its settings name them.
struct Tied {
    client: *mut RDKafka,
    brokers: CString,
    /// When it was told them last.
    told_at: Option<Instant>,
}

/// The client is told no more often than this; it keeps each list.
const PAUSE: Duration = Duration::from_secs(10);

// SAFETY: any thread may use a client of librdkafka.
unsafe impl Send for Tied {}

impl Lifeline {
    /// It is of this client.
    pub(super) fn tie<C: ClientContext>(&self, client: &Client<C>, brokers: &str) {
        // The policy refuses brokers with a NUL.
        let Ok(brokers) = CString::new(brokers) else { return };
        let tied = Tied { client: client.native_ptr(), brokers, told_at: None };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tied);
    }

    /// Tells the client its brokers, unless it was told just now. To be called from its callbacks
    /// alone.
    pub(super) fn throw(&self) {
        if let Some(tied) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && tied.told_at.is_none_or(|told_at| told_at.elapsed() > PAUSE)
        {
            tied.told_at = Some(Instant::now());
            // SAFETY: a client that calls back has not been destroyed, and the text ends with NUL.
            let added = unsafe { rd_kafka_brokers_add(tied.client, tied.brokers.as_ptr()) };
            tracing::debug!(added, "kafka client asked none of its brokers, told it these again");
        }
    }
}
