use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Which values are held, and how many bytes that takes. It only keeps the books: values that are
/// to go are handed out, so that the caller can drop them outside of its lock.
pub(super) struct Ledger<T> {
    pub(super) limit: u64,
    pub(super) pinned: u64,
    pub(super) cached: u64,
    pub(super) evictions: u64,
    /// All values that are kept or pinned, by key.
    entries: HashMap<u64, Entry<T>>,
    /// The unpinned ones: when they were last used, and the key.
    idle: BTreeMap<u64, u64>,
    /// Counts on with each new key and each use.
    clock: u64,
}

/// A value and its state: pinned, cached, or pinned and forgotten.
struct Entry<T> {
    value: Arc<T>,
    bytes: u64,
    pins: u32,
    /// Whether anybody could ask for it again.
    kept: bool,
    /// Its key in `idle` while `pins` is 0.
    last_used: u64,
}

impl<T> Ledger<T> {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            pinned: 0,
            cached: 0,
            evictions: 0,
            entries: HashMap::new(),
            idle: BTreeMap::new(),
            clock: 0,
        }
    }

    /// Pins these bytes if they fit or nothing else is pinned, and evicts what stands in the way.
    pub(super) fn admit(&mut self, bytes: u64, evicted: &mut Vec<Arc<T>>) -> bool {
        let limit = self.limit;
        let fits = |held: u64| held.saturating_add(bytes) <= limit;
        if self.pinned > 0 && !fits(self.pinned) {
            return false;
        }
        while !fits(self.pinned + self.cached) {
            let Some((_, key)) = self.idle.pop_first() else { break };
            evicted.extend(self.evict(key));
        }
        self.pinned += bytes;
        true
    }

    /// Frees bytes that were admitted and hold no value.
    pub(super) fn release(&mut self, bytes: u64) {
        self.pinned -= bytes;
    }

    /// Puts a value under bytes that were admitted. It is pinned once.
    pub(super) fn insert(&mut self, value: Arc<T>, bytes: u64) -> u64 {
        let key = self.tick();
        self.entries.insert(key, Entry { value, bytes, pins: 1, kept: true, last_used: key });
        key
    }

    /// The value, pinned once more, unless it has been evicted.
    pub(super) fn pin(&mut self, key: u64) -> Option<Arc<T>> {
        let entry = self.entries.get_mut(&key)?;
        if entry.pins == 0 {
            self.idle.remove(&entry.last_used);
            self.cached -= entry.bytes;
            self.pinned += entry.bytes;
        }
        entry.pins += 1;
        Some(Arc::clone(&entry.value))
    }

    /// Takes one pin away. The value is handed out if it is not to be cached: it was forgotten, or
    /// is larger than the whole limit.
    pub(super) fn unpin(&mut self, key: u64) -> Option<Arc<T>> {
        let now = self.tick();
        let entry = self.entries.get_mut(&key)?;
        entry.pins -= 1;
        if entry.pins > 0 {
            return None;
        }
        entry.last_used = now;
        let (bytes, kept) = (entry.bytes, entry.kept);
        self.pinned -= bytes;
        self.cached += bytes;
        if !kept {
            self.remove(key)
        } else if bytes > self.limit {
            self.evict(key)
        } else {
            self.idle.insert(now, key);
            None
        }
    }

    /// Hands the value out if it is not pinned; else it goes with its last pin.
    pub(super) fn forget(&mut self, key: u64) -> Option<Arc<T>> {
        let entry = self.entries.get_mut(&key)?;
        entry.kept = false;
        if entry.pins > 0 {
            return None;
        }
        self.idle.remove(&entry.last_used);
        self.remove(key)
    }

    fn evict(&mut self, key: u64) -> Option<Arc<T>> {
        self.evictions += 1;
        self.remove(key)
    }

    /// Removes an entry whose bytes count as cached.
    fn remove(&mut self, key: u64) -> Option<Arc<T>> {
        let entry = self.entries.remove(&key)?;
        self.cached -= entry.bytes;
        Some(entry.value)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}
