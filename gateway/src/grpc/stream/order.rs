use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

/// Which responses of a stream may go out, and in which order.
///
/// An unordered response goes out as it comes. One of a line waits until all that entered the line
/// before it have gone out. Its bound is its user's: nothing enters while too many are in flight.
pub(super) struct Order<T> {
    /// Lines with responses outstanding or held back.
    lines: HashMap<Arc<str>, Line<T>>,
    /// Responses that may go out.
    ready: VecDeque<T>,
    in_flight: usize,
}

/// Where a response belongs. It is given up for the response, so that there is only one.
#[derive(Debug)]
pub(super) struct Place(Option<(Arc<str>, u64)>);

/// The ordered responses of one camera that have not gone out.
struct Line<T> {
    /// The number of the first slot.
    first: u64,
    /// The first is empty, or it would have gone out.
    slots: VecDeque<Option<T>>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { lines: HashMap::new(), ready: VecDeque::new(), in_flight: 0 }
    }
}

impl<T> Order<T> {
    /// A request enters, at the end of its line if it has one.
    pub(super) fn enter(&mut self, line: Option<Arc<str>>) -> Place {
        self.in_flight += 1;
        Place(line.map(|name| {
            let empty = || Line { first: 0, slots: VecDeque::new() };
            let line = self.lines.entry(name.clone()).or_insert_with(empty);
            line.slots.push_back(None);
            (name, line.first + line.slots.len() as u64 - 1)
        }))
    }

    /// The request of `place` is answered.
    pub(super) fn answer(&mut self, place: Place, response: T) {
        let Some((name, number)) = place.0 else {
            return self.ready.push_back(response);
        };
        let Some(line) = self.lines.get_mut(&name) else { return };
        let slot = usize::try_from(number - line.first).ok();
        if let Some(slot) = slot.and_then(|index| line.slots.get_mut(index)) {
            *slot = Some(response);
        }
        self.ready.extend(line.release());
        // No place of an empty line is outstanding, so its numbers may begin again.
        if line.slots.is_empty() {
            self.lines.remove(&name);
        }
    }

    /// The next response that may go out now; it is in flight no more.
    pub(super) fn pop(&mut self) -> Option<T> {
        let response = self.ready.pop_front()?;
        self.in_flight -= 1;
        Some(response)
    }

    /// Requests that entered and whose response has not gone out, held back ones included.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }
}

impl<T> Line<T> {
    /// The responses from the first slot up to the first that is still empty.
    fn release(&mut self) -> Vec<T> {
        let count = self.slots.iter().take_while(|slot| slot.is_some()).count();
        self.first += count as u64;
        self.slots.drain(..count).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Answers the entered requests in the order of `answered`; what goes out after each answer.
    fn play(lines: &[Option<&str>], answered: &[usize]) -> Vec<Vec<usize>> {
        let mut order = Order::default();
        let mut places: Vec<_> =
            lines.iter().map(|line| Some(order.enter(line.map(Arc::from)))).collect();
        let mut answer = |index: &usize| {
            order.answer(places[*index].take().unwrap(), *index);
            std::iter::from_fn(|| order.pop()).collect()
        };
        answered.iter().map(&mut answer).collect()
    }

    #[test]
    fn responses_wait_for_their_own_line_only() {
        let (a, b) = (Some("a"), Some("b"));
        let table: [(&[_], &[usize], &[&[usize]]); 5] = [
            (&[None, None], &[1, 0], &[&[1], &[0]]),
            (&[a, a], &[0, 1], &[&[0], &[1]]),
            (&[a, a, a], &[2, 1, 0], &[&[], &[], &[0, 1, 2]]),
            (&[a, b, a, b], &[2, 1, 3, 0], &[&[], &[1], &[3], &[0, 2]]),
            (&[a, None, a], &[2, 1, 0], &[&[], &[1], &[0, 2]]),
        ];
        for (lines, answered, expected) in table {
            assert_eq!(play(lines, answered), expected, "{lines:?} {answered:?}");
        }
    }

    /// A stream as it may go: how many enter before each answer, on which line, and which of the
    /// outstanding is answered.
    fn steps() -> impl Strategy<Value = Vec<(Vec<Option<u8>>, usize)>> {
        let line = prop::option::of(0..3_u8);
        prop::collection::vec((prop::collection::vec(line, 0..4), any::<usize>()), 0..60)
    }

    proptest! {
        #[test]
        fn never_lost_never_twice_never_late_and_in_order(steps in steps()) {
            let mut order = Order::default();
            let (mut lines, mut outstanding) = (Vec::new(), Vec::new());
            let (mut answered, mut out) = (Vec::new(), Vec::new());
            let rest = std::iter::repeat((Vec::new(), 0));
            let entering: usize = steps.iter().map(|(entering, _)| entering.len()).sum();
            for (entering, which) in steps.into_iter().chain(rest.take(entering)) {
                for line in entering {
                    outstanding.push((lines.len(), order.enter(line.map(|n| n.to_string().into()))));
                    lines.push(line);
                }
                if outstanding.is_empty() {
                    continue;
                }
                let (number, place) = outstanding.remove(which % outstanding.len());
                order.answer(place, number);
                answered.push(number);
                out.extend(std::iter::from_fn(|| order.pop()));
                // Whatever need not wait is out, and nothing else.
                let waits = |number: &usize| lines[*number].is_some() && (0..*number).any(
                    |other| lines[other] == lines[*number] && !answered.contains(&other));
                let mut free: Vec<_> = answered.iter().copied().filter(|n| !waits(n)).collect();
                let mut sorted = out.clone();
                free.sort_unstable();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, free);
                prop_assert_eq!(order.in_flight(), lines.len() - out.len());
            }
            prop_assert_eq!(out.len(), lines.len());
            prop_assert!(order.lines.is_empty());
            for line in 0..3 {
                let of_line = out.iter().filter(|number| lines[**number] == Some(line));
                prop_assert!(of_line.is_sorted());
            }
        }
    }
}
