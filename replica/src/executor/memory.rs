use std::fs;

/// Memory of this process that is resident, in bytes, as the kernel says it now; it reads a file
/// that is in memory. None where there is no Linux `/proc`.
pub fn resident_memory() -> Option<u64> {
    sum(&status()?, &["VmRSS:"])
}

/// Memory that this process has to itself, in bytes, in swap too.
///
/// Pages of files are not counted: how many are mapped changes with what else runs, processes of one
/// program share them, and the kernel takes them back where memory is short.
pub(super) fn own_memory() -> Option<u64> {
    let status = status()?;
    // Kernels without swap may leave the second field out.
    let swapped = sum(&status, &["VmSwap:"]).unwrap_or_default();
    Some(sum(&status, &["RssAnon:"]).or_else(|| sum(&status, &["VmRSS:"]))? + swapped)
}

fn status() -> Option<String> {
    fs::read_to_string("/proc/self/status").ok()
}

fn sum(status: &str, fields: &[&str]) -> Option<u64> {
    let kibibytes = |field: &&str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse().ok()
    };
    fields.iter().map(kibibytes).sum::<Option<u64>>().map(|kibibytes| kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        let status = "VmPeak: 9 kB\nRssAnon:\t  2048 kB\nVmSwap:\t 1024 kB\n";
        assert_eq!(sum(status, &["RssAnon:", "VmSwap:"]), Some(3 << 20));
        assert_eq!(sum("Name: a", &["VmRSS:"]), None);
    }

    #[test]
    fn what_a_process_allocates_it_has_to_itself() {
        let block = std::hint::black_box(vec![1_u8; 8 << 20]);
        assert!(own_memory().is_some_and(|bytes| bytes >= block.len() as u64));
        assert!(resident_memory().is_some());
    }
}
