use std::collections::VecDeque;

/// The last readings of one figure, for a sparkline.
#[derive(Debug, Clone, Default)]
pub struct Series {
    points: VecDeque<u64>,
    /// How many points were forgotten; it keeps the bars where they are while points go.
    forgotten: usize,
}

/// How many readings are kept: five minutes at one a second.
const KEPT: usize = 300;

impl Series {
    /// Adds a reading and forgets the oldest above the limit.
    pub fn push(&mut self, point: u64) {
        self.points.push_back(point);
        if self.points.len() > KEPT {
            self.points.pop_front();
            self.forgotten += 1;
        }
    }

    /// How many readings there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// All readings as at most `width` bars, oldest first. A bar stands for the same number of
    /// readings as every other, and is the largest of them: no peak is lost.
    pub fn bars(&self, width: usize) -> Vec<u64> {
        if width == 0 || self.points.is_empty() {
            return Vec::new();
        }
        let each = self.points.len().div_ceil(width);
        let first = self.forgotten / each;
        let mut bars = Vec::with_capacity(width + 1);
        for (index, point) in self.points.iter().enumerate() {
            let bar = (self.forgotten + index) / each - first;
            match bars.get_mut(bar) {
                Some(highest) => *highest = (*point).max(*highest),
                None => bars.push(*point),
            }
        }
        // The first bar may be one too many, of readings that are about to be forgotten.
        bars.split_off(bars.len().saturating_sub(width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: impl IntoIterator<Item = u64>) -> Series {
        let mut series = Series::default();
        points.into_iter().for_each(|point| series.push(point));
        series
    }

    #[test]
    fn a_short_series_has_a_bar_for_each_reading() {
        assert_eq!(series([3, 1, 2]).bars(10), [3, 1, 2]);
        assert!(series([]).bars(10).is_empty());
        assert!(series([3, 1, 2]).bars(0).is_empty());
    }

    #[test]
    fn a_long_series_keeps_its_peaks() {
        assert_eq!(series([1, 9, 2, 3, 8, 0]).bars(3), [9, 3, 8]);
        assert_eq!(series([1, 9, 2, 3, 8]).bars(4), [9, 3, 8]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_bars_stay_in_place() {
        let readings = (0..).map(|number| number % 7 * (number % 5));
        let mut series = series(readings.clone().take(KEPT + 1));
        let (len, before) = (series.len(), series.bars(100));
        assert_eq!((len, before.len()), (KEPT, 100));
        series.push(readings.clone().nth(KEPT + 1).unwrap_or_default());
        let after = series.bars(100);
        assert_eq!(before[1..99], after[1..99], "only the ends move while a bar fills");
    }
}
