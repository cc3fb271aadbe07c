use proptest::prelude::*;

use super::*;

const RETRIES: Retries = Retries { attempts: 3, backoff: Duration::from_millis(100) };

/// What an error means at the first try, at the last, and at either while the gateway stops.
fn expected(code: ErrorCode) -> (&'static str, &'static str, &'static str) {
    match code {
        ErrorCode::QueueFull
        | ErrorCode::Draining
        | ErrorCode::NoReplica
        | ErrorCode::BucketUnavailable => ("retry", "retry", "abandon"),
        ErrorCode::ObjectNotFound
        | ErrorCode::BackendFailed
        | ErrorCode::ReplicaCrashed
        | ErrorCode::ReplicaHung
        | ErrorCode::Internal
        | ErrorCode::Cancelled => ("retry", "dead_letter", "abandon"),
        ErrorCode::FrameTooOld | ErrorCode::DeadlineExceeded => ("too_old", "too_old", "too_old"),
        ErrorCode::Superseded => ("superseded", "superseded", "superseded"),
        _ => ("dead_letter", "dead_letter", "dead_letter"),
    }
}

fn verdict(code: ErrorCode, failed: u32, stopping: bool) -> &'static str {
    let tries = Tries { failed, deferred: failed };
    match judge(&ServeError::new(code), tries, &RETRIES, stopping, 1) {
        Verdict::Drop(reason) => reason.name(),
        Verdict::Retry(_) => "retry",
        Verdict::DeadLetter => "dead_letter",
        Verdict::Abandon => "abandon",
    }
}

#[test]
fn every_code_has_its_verdict() {
    for code in ErrorCode::ALL {
        let found = (verdict(*code, 1, false), verdict(*code, 3, false), verdict(*code, 1, true));
        assert_eq!(found, expected(*code), "{code:?}");
        assert!(!code.is_transient() || found.1 == "retry", "{code:?} holds the offset");
    }
}

#[test]
fn only_what_may_be_the_records_fault_uses_up_tries() {
    let tries = Tries::default();
    assert_eq!(tries.after(ErrorCode::QueueFull), Tries { failed: 0, deferred: 1 });
    assert_eq!(tries.after(ErrorCode::ObjectNotFound), Tries { failed: 1, deferred: 0 });
    let spent = (0..2).fold(tries, |tries, _| tries.after(ErrorCode::Internal));
    let error = ServeError::new(ErrorCode::Internal);
    assert!(matches!(judge(&error, spent, &RETRIES, false, 0), Verdict::Retry(_)));
    let spent = spent.after(ErrorCode::Internal);
    assert_eq!(judge(&error, spent, &RETRIES, false, 0), Verdict::DeadLetter);
}

#[test]
fn outcomes_have_labels_of_their_own() {
    let labels: std::collections::HashSet<_> =
        OutcomeKind::all().map(OutcomeKind::labels).collect();
    assert_eq!(labels.len(), 1 + DropReason::ALL.len() + ErrorCode::ALL.len());
    for reason in ["too_old", "superseded", "nth"] {
        assert!(labels.contains(&("dropped", reason)));
    }
}

proptest! {
    #[test]
    fn the_wait_grows_within_its_bounds(base_ms in 1..60_000_u64, tries: u32, spread: u64) {
        let base = Duration::from_millis(base_ms);
        let wait = backoff(base, tries, spread);
        prop_assert!(wait <= MAX_BACKOFF);
        prop_assert!(wait >= base.min(MAX_BACKOFF) / 2);
        prop_assert!(backoff(base, 20, spread) >= MAX_BACKOFF / 2);
    }
}
