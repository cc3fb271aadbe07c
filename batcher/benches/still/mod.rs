//! In a program with this module nothing is left to chance or to the pace of the machine: hash maps
//! have the same keys in each run, and a clock moves only when it is looked at. So each run executes
//! the same instructions.
//!
//! The standard library takes both from the C library, by these names; what the program defines
//! itself is taken instead.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use libc::{c_int, c_uint, c_void, clockid_t, size_t, ssize_t, timespec};

/// What a clock shows at first: some day of the year 2001.
const START_SECONDS: i64 = 1_000_000_000;
/// By how much it moves with each look. It may not stand still: some wait for it to move.
const STEP_NANOSECONDS: i64 = 1_000;
const SECOND_IN_NANOSECONDS: i64 = 1_000_000_000;

static PASSED_NANOSECONDS: AtomicI64 = AtomicI64::new(0);

/// Gives zeros.
///
/// # Safety
/// `buffer` has `length` bytes, as getrandom(2) wants it.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, _flags: c_uint) -> ssize_t {
    // SAFETY: as the caller promises.
    unsafe { buffer.cast::<u8>().write_bytes(0, length) };
    ssize_t::try_from(length).unwrap_or(ssize_t::MAX)
}

/// Shows the same time for all clocks.
///
/// # Safety
/// `time` can be written, as clock_gettime(2) wants it.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(_clock: clockid_t, time: *mut timespec) -> c_int {
    let passed = PASSED_NANOSECONDS.fetch_add(STEP_NANOSECONDS, Relaxed);
    let tv_sec = START_SECONDS + passed / SECOND_IN_NANOSECONDS;
    let shown = timespec { tv_sec, tv_nsec: passed % SECOND_IN_NANOSECONDS };
    // SAFETY: as the caller promises.
    unsafe { time.write(shown) };
    0
}
