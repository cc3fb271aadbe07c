use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
};

/// Hands things to a thread, one at a time. Dropping it ends the thread's waiting.
///
/// A channel would do the same, but its receiver sleeps and wakes under the channel's own lock: a
/// thread that is woken on the core of its waker finds that taken, and sleeps once more.
pub(super) struct Giver<T> {
    place: Arc<Mutex<Place<T>>>,
    thread: Thread,
}

/// The thread's end. It stays on that thread.
pub(super) struct Taker<T> {
    place: Arc<Mutex<Place<T>>>,
}

struct Place<T> {
    given: Option<T>,
    is_closed: bool,
}

/// The two ends; the giver is made once the thread of the taker is known.
pub(super) fn handoff<T>() -> (impl FnOnce(Thread) -> Giver<T>, Taker<T>) {
    let place = Arc::new(Mutex::new(Place { given: None, is_closed: false }));
    let taker = Taker { place: Arc::clone(&place) };
    (move |thread| Giver { place, thread }, taker)
}

impl<T> Giver<T> {
    /// Takes the place of what was not taken yet. It is dropped if the thread takes nothing any more.
    pub(super) fn give(&self, thing: T) {
        {
            let mut place = lock(&self.place);
            if place.is_closed {
                return;
            }
            place.given = Some(thing);
        }
        self.thread.unpark();
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        lock(&self.place).is_closed = true;
        self.thread.unpark();
    }
}

impl<T> Taker<T> {
    /// Waits for the next thing; none once there is no giver.
    pub(super) fn take(&self) -> Option<T> {
        loop {
            {
                let mut place = lock(&self.place);
                if place.given.is_some() || place.is_closed {
                    return place.given.take();
                }
            }
            thread::park();
        }
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let mut place = lock(&self.place);
        place.is_closed = true;
        place.given = None;
    }
}

fn lock<T>(place: &Mutex<Place<T>>) -> MutexGuard<'_, Place<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_given_is_taken_and_then_it_ends() {
        let (giver, taker) = handoff();
        let (told, heard) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            while let Some(number) = taker.take() {
                told.send(number).expect("somebody listens");
            }
        });
        let giver = giver(thread.thread().clone());
        for number in 0..1000 {
            giver.give(number);
            assert_eq!(heard.recv(), Ok(number));
        }
        giver.give(1000);
        drop(giver);
        assert_eq!(heard.iter().collect::<Vec<_>>(), [1000]);
        thread.join().expect("it has ended");
    }

    #[test]
    fn what_a_dead_thread_is_given_is_dropped() {
        let (giver, taker) = handoff();
        let giver = giver(thread::current());
        let (thing, other) = (Arc::new(()), Arc::new(()));
        giver.give(Arc::clone(&thing));
        drop(taker);
        giver.give(Arc::clone(&other));
        assert_eq!([thing, other].map(|thing| Arc::strong_count(&thing)), [1, 1]);
    }
}
