//! What was seen becomes cells of a terminal: pure.

mod cameras;
mod edges;
mod layout;
mod pools;
mod results;
mod text;
mod theme;
mod widgets;

use ratatui::Frame;

pub use theme::Theme;

use super::screen::Screen;
use layout::Panes;

/// Draws the screen; answers how many items fit in each pane, in the order of
/// [`super::screen::Pane::ALL`]. On a small terminal a pane may not be there, and fits none.
pub fn draw(frame: &mut Frame, screen: &Screen, theme: Theme) -> [usize; 3] {
    let panes = Panes::arrange(frame.area(), screen);
    edges::header(frame, panes.header, screen, theme);
    let pages = [
        pools::draw(frame, panes.pools, panes.card, screen, theme),
        cameras::draw(frame, panes.cameras, screen, theme),
        results::draw(frame, panes.results, screen, theme),
    ];
    edges::note(frame, panes.note, screen, theme);
    edges::footer(frame, panes.footer, theme);
    pages
}

#[cfg(test)]
mod tests;
