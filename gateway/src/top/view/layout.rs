use ratatui::layout::{Constraint, Layout, Rect};

use super::edges::folded;
use crate::top::screen::{Pane, Screen};

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panes {
    /// The first line.
    pub header: Rect,
    /// The pools' cards.
    pub pools: Rect,
    /// How large a card is.
    pub card: Card,
    /// The cameras' table.
    pub cameras: Rect,
    /// The latest results.
    pub results: Rect,
    /// The note, which may be empty.
    pub note: Rect,
    /// The last line.
    pub footer: Rect,
}

/// How large a pool's card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Lines of its sparklines.
    pub spark: u16,
    /// Empty lines after it.
    pub gap: u16,
}

/// From this width on, the cameras have a column of their own.
const WIDE: u16 = 140;
/// With fewer lines than this, only the pane that the keys scroll is shown.
const SMALL: u16 = 15;
const MOST_NOTE_LINES: usize = 4;
const CAMERAS_WIDTH: u16 = 62;
/// Lines of a card besides its sparklines.
pub const CARD_TEXT: u16 = 3;
const BORDERS: u16 = 2;
const SMALLEST: Card = Card { spark: 1, gap: 0 };
/// What a pane needs to be of use.
const LEAST: u16 = 4;

impl Panes {
    /// Arranges the panes: one above the other, or on a wide terminal the cameras at the right.
    pub fn arrange(area: Rect, screen: &Screen) -> Self {
        let note = folded(&screen.note, area.width).take(MOST_NOTE_LINES).map(|_| 1).sum();
        let rows = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(note)];
        let [header, body, note, footer] =
            Layout::vertical(rows.into_iter().chain([Constraint::Length(1)])).areas(area);
        if body.height < SMALL {
            return Self { header, note, footer, ..Self::only(screen.pane, body) };
        }
        let wide = area.width >= WIDE;
        let aside = if wide { CAMERAS_WIDTH } else { 0 };
        let columns = [Constraint::Fill(1), Constraint::Length(aside)];
        let [left, right] = Layout::horizontal(columns).areas(body);
        let (pools, card) = cards(left.height, wide, screen);
        let cameras = if wide { 0 } else { cameras_height(left.height - pools, screen) };
        let rows = [Constraint::Length(pools), Constraint::Length(cameras), Constraint::Fill(1)];
        let [pools, below, results] = Layout::vertical(rows).areas(left);
        let cameras = if wide { right } else { below };
        Self { header, pools, card, cameras, results, note, footer }
    }

    fn only(pane: Pane, body: Rect) -> Self {
        let area = |which| if pane == which { body } else { Rect::ZERO };
        Self {
            header: Rect::ZERO,
            pools: area(Pane::Pools),
            card: SMALLEST,
            cameras: area(Pane::Cameras),
            results: area(Pane::Results),
            note: Rect::ZERO,
            footer: Rect::ZERO,
        }
    }
}

/// How high the pools' pane is, and how large the cards in it: as large as fits, all the same.
fn cards(height: u16, wide: bool, screen: &Screen) -> (u16, Card) {
    let pools = screen.history.latest.iter().flat_map(|snapshot| &snapshot.pools);
    let problems = pools.filter(|reading| !reading.pool.problem.is_empty()).count();
    let count = screen.len(Pane::Pools).max(1);
    let needed = |Card { spark, gap }: Card| {
        let cards = count * usize::from(CARD_TEXT + spark + gap) - usize::from(gap);
        u16::try_from(cards + problems).unwrap_or(u16::MAX).saturating_add(BORDERS)
    };
    // Below the pools, two panes must fit; or one, if the cameras are at the right.
    let below = if wide { height / 4 } else { height / 2 };
    let room = height.saturating_sub(below.max(LEAST));
    let sizes = [(4, 1), (3, 1), (2, 1), (2, 0), (1, 0)].map(|(spark, gap)| Card { spark, gap });
    let card = sizes.into_iter().find(|card| needed(*card) <= room).unwrap_or(SMALLEST);
    (needed(card).min(room.max(LEAST)).min(height), card)
}

/// The cameras have the larger half of the rest, unless they need less.
fn cameras_height(rest: u16, screen: &Screen) -> u16 {
    let needed = u16::try_from(screen.len(Pane::Cameras).max(1) + 1).unwrap_or(u16::MAX);
    needed.saturating_add(BORDERS).min(rest.div_ceil(2))
}
