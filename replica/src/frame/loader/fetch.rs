use std::{panic::AssertUnwindSafe, time::Duration};

use bytes::Bytes;
use framegate_proto::{ErrorCode, ServeError};
use futures_util::FutureExt;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Counts, Shared, Wanted};
use crate::{failpoint, frame::reference::ObjectRef};

/// An object that came over a network and waits for its load's slot.
pub(super) struct Fetched {
    pub(super) bytes: Bytes,
    pub(super) took: Duration,
    /// Counts the bytes as held until they are in a slot.
    _place: OwnedSemaphorePermit,
}

impl Fetched {
    /// Fetches an object, when it is its turn; none if the entry departs before it has come.
    pub(super) async fn of(
        object: &ObjectRef,
        shared: &Shared,
        entry: &impl Wanted,
    ) -> Result<Option<Self>, ServeError> {
        if !entry.is_wanted() {
            Counts::add(&shared.counts.departed_before_fetch);
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = entry.departed() => {
                Counts::add(&shared.counts.departed_in_fetch);
                Ok(None)
            }
            fetched = Self::get(object, shared) => fetched.map(Some),
        }
    }

    async fn get(object: &ObjectRef, shared: &Shared) -> Result<Self, ServeError> {
        let place = shared.fetches().acquire_owned().await;
        let place = place.map_err(|_closed| ErrorCode::Internal)?;
        let start = Instant::now();
        let fetch = AssertUnwindSafe(fetch(object, shared.object_bytes())).catch_unwind();
        // Who panics shall not take the entry's answer with it.
        let bytes = fetch.await.unwrap_or_else(|_| Err(ErrorCode::Internal.into()))?;
        Ok(Self { bytes, took: start.elapsed(), _place: place })
    }
}

async fn fetch(object: &ObjectRef, limit: u64) -> Result<Bytes, ServeError> {
    failpoint!(async "fetch.before", ErrorCode::BucketUnavailable.into());
    let bytes = object.fetch(limit).await?;
    failpoint!(async "fetch.after", ErrorCode::BucketUnavailable.into());
    Ok(bytes)
}
