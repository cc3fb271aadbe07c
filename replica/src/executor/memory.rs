use std::fs;

/// Memory of this process that is resident, in bytes, as the kernel says it now; it reads a file
/// that is in memory. None where there is no Linux `/proc`.
pub fn resident_memory() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found() {
        assert_eq!(resident("VmPeak: 9 kB\nVmRSS:\t  2048 kB\n"), Some(2_097_152));
        assert_eq!(resident("Name: a"), None);
        assert!(resident_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
