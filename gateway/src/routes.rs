//! The routing table: what a request may name, as one snapshot that a change of the policy replaces
//! whole.

use std::{collections::HashMap, sync::Arc, time::Duration};

use framegate_replica::frame::Buckets;

use crate::pool::Pool;

/// What is served at one time. A request reads it once, so that it never sees the half of a change.
#[derive(Default)]
pub struct Routes {
    pools: Vec<Arc<Pool>>,
    by_name: HashMap<Arc<str>, Arc<Pool>>,
    /// The only places that frames are read from.
    pub buckets: Buckets,
    /// The deadline of a call that brings none.
    pub default_timeout: Duration,
}

impl Routes {
    /// To these pools, in the order of the policy.
    pub fn new(pools: Vec<Arc<Pool>>, buckets: Buckets, default_timeout: Duration) -> Self {
        let by_name = pools.iter().map(|pool| (pool.name().clone(), pool.clone())).collect();
        Self { pools, by_name, buckets, default_timeout }
    }

    /// The pools, in the order of the policy.
    pub fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// The pool of a model.
    pub fn pool(&self, model: &str) -> Option<&Arc<Pool>> {
        self.by_name.get(model)
    }
}
