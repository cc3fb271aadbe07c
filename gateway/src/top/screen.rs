use std::{cmp::Ordering, time::Duration};

use jiff::tz::TimeZone;

use super::{
    client::Update,
    history::{CameraRates, CameraReading, History},
    keys::Action,
};

/// All that the view shows, and where the reader is in it. Pure: keys and updates change it.
#[derive(Debug)]
pub struct Screen {
    /// The gateway's address, as it was asked for.
    pub address: String,
    /// Between two snapshots.
    pub interval: Duration,
    /// Whether the gateway is there.
    pub link: Link,
    /// What was seen of it.
    pub history: History,
    /// The pane that the keys scroll.
    pub pane: Pane,
    /// What the cameras are sorted by.
    pub sort: Sort,
    /// Lines for the reader above the last one, such as a command to try.
    pub note: String,
    /// How times of day are shown.
    pub zone: TimeZone,
    /// The first item that is shown, by pane.
    offsets: [usize; 3],
    /// How many items fit, by pane, when it was drawn last.
    pages: [usize; 3],
}

/// Whether the gateway is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Not asked yet.
    Connecting,
    /// It answers.
    Live,
    /// It is away; it is asked again after a pause.
    Lost {
        /// Why.
        reason: String,
    },
}

/// A part of the view that scrolls by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// Pools, one card each.
    Pools,
    /// Cameras, one line each.
    Cameras,
    /// The latest results, one line each.
    Results,
}

/// What cameras are sorted by; equal ones by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// By name.
    Name,
    /// Most frames first.
    Frames,
    /// Most skipped first.
    Skipped,
    /// Most errors first, since the gateway started.
    Errors,
}

impl Pane {
    /// All, in the order of Tab.
    pub const ALL: [Self; 3] = [Self::Pools, Self::Cameras, Self::Results];

    fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Name => Self::Frames,
            Self::Frames => Self::Skipped,
            Self::Skipped => Self::Errors,
            Self::Errors => Self::Name,
        }
    }

    fn order(self, a: &CameraReading, b: &CameraReading) -> Ordering {
        let rate =
            |c: &CameraReading, of: fn(&CameraRates) -> f64| c.rates.as_ref().map_or(0.0, of);
        match self {
            Self::Name => Ordering::Equal,
            Self::Frames => rate(b, |r| r.frames).total_cmp(&rate(a, |r| r.frames)),
            Self::Skipped => rate(b, |r| r.skipped).total_cmp(&rate(a, |r| r.skipped)),
            Self::Errors => b.camera.errors.cmp(&a.camera.errors),
        }
    }
}

impl Screen {
    /// Before anything was seen.
    pub fn new(address: String, interval: Duration, zone: TimeZone) -> Self {
        Self {
            address,
            interval,
            link: Link::Connecting,
            history: History::default(),
            pane: Pane::Pools,
            sort: Sort::Name,
            note: String::new(),
            zone,
            offsets: [0; 3],
            pages: [1; 3],
        }
    }

    /// Takes in what the client has to tell.
    pub fn take(&mut self, update: Update) {
        match update {
            Update::Snapshot(response) => {
                self.history.take(*response);
                self.link = Link::Live;
            }
            Update::Lost { reason, .. } => {
                self.history.interrupt();
                self.link = Link::Lost { reason };
            }
        }
    }

    /// Does what a key asks; false if it is to leave.
    pub fn act(&mut self, action: Action) -> bool {
        let pane = self.pane as usize;
        let (offset, page) = (self.offset(self.pane), self.pages[pane]);
        match action {
            Action::Quit => return false,
            Action::NextPane => self.pane = self.pane.step(1),
            Action::PreviousPane => self.pane = self.pane.step(Pane::ALL.len() - 1),
            Action::Sort => {
                self.sort = self.sort.next();
                self.offsets[Pane::Cameras as usize] = 0;
            }
            Action::Lines(by) => self.offsets[pane] = offset.saturating_add_signed(by),
            Action::Pages(by) => {
                self.offsets[pane] = offset.saturating_add_signed(by * page as isize);
            }
            Action::Top => self.offsets[pane] = 0,
            Action::Bottom => self.offsets[pane] = usize::MAX,
        }
        self.offsets[pane] = self.offsets[pane].min(self.last_offset(pane));
        true
    }

    /// The first item of a pane to show: where the reader is, but no further than its last page.
    pub fn offset(&self, pane: Pane) -> usize {
        self.offsets[pane as usize].min(self.last_offset(pane as usize))
    }

    /// Remembers how many items fit in each pane.
    pub fn drawn(&mut self, pages: [usize; 3]) {
        self.pages = pages.map(|page| page.max(1));
    }

    /// How many items a pane has.
    pub fn len(&self, pane: Pane) -> usize {
        self.history.latest.as_ref().map_or(0, |snapshot| match pane {
            Pane::Pools => snapshot.pools.len(),
            Pane::Cameras => snapshot.cameras.len(),
            Pane::Results => snapshot.results.len(),
        })
    }

    /// The cameras in the order in which they are shown.
    pub fn cameras(&self) -> Vec<&CameraReading> {
        let mut cameras: Vec<&CameraReading> =
            self.history.latest.iter().flat_map(|snapshot| &snapshot.cameras).collect();
        cameras.sort_by(|a, b| self.sort.order(a, b));
        cameras
    }

    fn last_offset(&self, pane: usize) -> usize {
        self.len(Pane::ALL[pane]).saturating_sub(self.pages[pane])
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};

    fn top(screen: &Screen) -> String {
        screen.cameras()[screen.offset(Pane::Cameras)].camera.camera_id.clone()
    }

    #[test]
    fn tab_goes_round_the_panes() {
        let mut screen = testing::screen();
        let mut panes = Vec::new();
        for action in [Action::NextPane, Action::NextPane, Action::NextPane, Action::PreviousPane] {
            assert!(screen.act(action));
            panes.push(screen.pane);
        }
        assert_eq!(panes, [Pane::Cameras, Pane::Results, Pane::Pools, Pane::Results]);
        assert!(!screen.act(Action::Quit));
    }

    #[test]
    fn scrolling_stays_within_what_there_is() {
        let mut screen = testing::screen();
        screen.act(Action::NextPane);
        screen.drawn([1, 4, 3]);
        assert_eq!(screen.len(Pane::Cameras), 12);
        let steps = [
            (Action::Lines(-1), "camera_1"),
            (Action::Lines(1), "camera_2"),
            (Action::Pages(1), "camera_6"),
            (Action::Pages(1), "camera_9"),
            (Action::Lines(1), "camera_9"),
            (Action::Lines(-1), "camera_8"),
            (Action::Bottom, "camera_9"),
            (Action::Pages(-1), "camera_5"),
            (Action::Top, "camera_1"),
        ];
        for (action, expected) in steps {
            screen.act(action);
            assert_eq!(top(&screen), expected, "{action:?}");
        }
        assert_eq!(screen.offset(Pane::Pools), 0, "the other panes stay where they are");
    }

    #[test]
    fn a_larger_terminal_shows_the_last_page_whole() {
        let mut screen = testing::screen();
        screen.act(Action::NextPane);
        screen.drawn([1, 2, 3]);
        screen.act(Action::Bottom);
        screen.drawn([1, 12, 3]);
        assert_eq!(top(&screen), "camera_1");
    }

    #[test]
    fn cameras_are_sorted_by_what_the_reader_wants() {
        let mut screen = testing::screen();
        let firsts = [Sort::Frames, Sort::Skipped, Sort::Errors, Sort::Name].map(|sort| {
            screen.act(Action::Sort);
            assert_eq!(screen.sort, sort);
            top(&screen)
        });
        assert_eq!(firsts, ["camera_2", "camera_3", "camera_4", "camera_1"]);
    }

    #[test]
    fn what_was_seen_stays_while_the_gateway_is_away() {
        let mut screen = testing::screen();
        let retry_in = Duration::from_secs(1);
        screen.take(Update::Lost { reason: "connection refused".into(), retry_in });
        assert_eq!(screen.link, Link::Lost { reason: "connection refused".into() });
        assert_eq!(screen.len(Pane::Cameras), 12);
        screen.take(testing::update(200));
        assert_eq!(screen.link, Link::Live);
    }
}
