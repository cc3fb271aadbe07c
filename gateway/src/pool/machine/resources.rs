use std::ops::{Add, Mul, Sub};

/// What one replica takes, or several do together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// Intra-op threads.
    pub threads: usize,
    /// Bytes.
    pub memory: u64,
}

impl Add for Resources {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let threads = self.threads.saturating_add(other.threads);
        Self { threads, memory: self.memory.saturating_add(other.memory) }
    }
}

impl Mul<u32> for Resources {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        let threads = self.threads.saturating_mul(times as usize);
        Self { threads, memory: self.memory.saturating_mul(times.into()) }
    }
}

impl Sub for Resources {
    type Output = Self;

    /// What is left of it.
    fn sub(self, taken: Self) -> Self {
        let threads = self.threads.saturating_sub(taken.threads);
        Self { threads, memory: self.memory.saturating_sub(taken.memory) }
    }
}

impl Resources {
    pub(super) fn fits(self, left: Self) -> bool {
        self.threads <= left.threads && self.memory <= left.memory
    }

    /// The larger of the parts that it is of a whole.
    pub(super) fn dominant_share(self, all: Self) -> f64 {
        let threads = self.threads as f64 / all.threads.max(1) as f64;
        threads.max(self.memory as f64 / all.memory.max(1) as f64)
    }
}
