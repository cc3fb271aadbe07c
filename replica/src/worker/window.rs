use framegate_batcher::{Claimed, EntryId, Forming};
use tokio::time::Instant;

use crate::{
    FrameJob,
    frame::{Input, LoadTimings},
};

/// What a replica has claimed and not started, in claim order.
#[derive(Default)]
pub(super) struct Window {
    slots: Vec<Slot>,
}

/// A claimed entry, from being claimed to being executed.
pub(super) struct Slot {
    pub(super) entry: Claimed<FrameJob>,
    /// Absent while it loads.
    pub(super) ready: Option<Ready>,
}

/// A claimed entry's input, ready to be executed.
pub(super) struct Ready {
    /// Absent for a model that looks at no frame.
    pub(super) input: Option<Input>,
    pub(super) load: LoadTimings,
    pub(super) at: Instant,
}

impl Ready {
    /// Ready from now on.
    pub(super) fn new(input: Option<Input>, load: LoadTimings) -> Self {
        Self { input, load, at: Instant::now() }
    }
}

impl Window {
    pub(super) fn push(&mut self, entry: Claimed<FrameJob>) {
        self.slots.push(Slot { entry, ready: None });
    }

    /// The entry has loaded, if it is still here.
    pub(super) fn set_ready(&mut self, id: EntryId, ready: Ready) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.entry.id == id) {
            slot.ready = Some(ready);
        }
    }

    pub(super) fn remove(&mut self, id: EntryId) {
        self.slots.retain(|slot| slot.entry.id != id);
    }

    /// How many entries are here.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Keeps only the entries that are `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(EntryId) -> bool) {
        self.slots.retain(|slot| wanted(slot.entry.id));
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// What batch forming asks about the window.
    pub(super) fn forming(&self) -> Forming {
        let loading = self.slots.iter().filter(|slot| slot.ready.is_none()).count();
        Forming::of(self.ready().map(|slot| &slot.entry), loading)
    }

    /// The first `count` entries that are ready.
    pub(super) fn first_ready(&self, count: usize) -> Vec<EntryId> {
        self.ready().take(count).map(|slot| slot.entry.id).collect()
    }

    /// Takes the entries `ids` out, in their order here.
    pub(super) fn take(&mut self, ids: &[EntryId]) -> Vec<Slot> {
        self.slots.extract_if(.., |slot| ids.contains(&slot.entry.id)).collect()
    }

    fn ready(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.ready.is_some())
    }
}
