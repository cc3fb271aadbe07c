use std::fs;

use framegate_replica::resident_memory;
use metrics::Gauge;

use super::{Registry, names};

/// What the process takes of the machine, by the names that Prometheus' own clients use. They are
/// read from Linux' `/proc`; elsewhere they stay at zero.
pub struct ProcessMetrics {
    /// A gauge, because this registry's counters hold whole numbers.
    cpu_seconds: Gauge,
    resident_bytes: Gauge,
}

/// The unit of times in `/proc`: fixed for programs, whatever the kernel's own clock (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;

impl ProcessMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Self {
        Self {
            cpu_seconds: registry.gauge(names::PROCESS_CPU, &[]),
            resident_bytes: registry.gauge(names::PROCESS_MEMORY, &[]),
        }
    }

    /// Takes over what the kernel says now. It reads two files that are in memory.
    pub fn read_and_set(&self) {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        if let Some(seconds) = stat.as_deref().and_then(cpu_seconds) {
            self.cpu_seconds.set(seconds);
        }
        if let Some(bytes) = resident_memory() {
            self.resident_bytes.set(bytes as f64);
        }
    }
}

/// The sum of `utime` and `stime`, the 14th and 15th field; the second, a name in brackets, may
/// hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        let stat = "7 (a) b (c)) S 1 2 3 0 -1 64 100 0 9 0 150 50 0 0 20 0 8 0 44 55 66";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }
}
