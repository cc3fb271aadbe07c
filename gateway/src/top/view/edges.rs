//! The first and the last lines.

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Alignment, Rect},
    text::Line,
    widgets::Paragraph,
};

use super::{
    text::{clock, cut, span},
    theme::Theme,
    widgets::Pieces,
};
use crate::top::screen::{Link, Screen};

/// Whose figures these are, whether it is there, and the time of what is seen.
pub fn header(frame: &mut Frame, area: Rect, screen: &Screen, theme: Theme) {
    let left = Pieces::default()
        .add(" framegate ", theme.focus())
        .add(format!(" {}  ", screen.address), theme.strong());
    let left = match &screen.link {
        Link::Connecting => left.add("◌ connecting", theme.notable()),
        Link::Live => left.add("● live", theme.good()),
        Link::Lost { reason } => {
            left.add(cut(&format!("✕ reconnecting: {reason}"), 500), theme.bad())
        }
    };
    frame.render_widget(Paragraph::new(left.line()), area);
    if let Some(right) = times(screen) {
        let right = Pieces::default().add(right, theme.quiet()).line();
        let width = u16::try_from(right.width()).unwrap_or(u16::MAX);
        // Being away is said at length; the times can be read when it is back.
        if screen.link == Link::Live && width < area.width / 2 {
            frame.render_widget(Paragraph::new(right).alignment(Alignment::Right), area);
        }
    }
}

/// What to know besides, such as a command to try.
pub fn note(frame: &mut Frame, area: Rect, screen: &Screen, theme: Theme) {
    let lines: Vec<Line> = folded(&screen.note, area.width).map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines).style(theme.quiet()), area);
}

/// The lines of a note, folded where they are too long: so nothing of a command is lost.
pub fn folded(note: &str, width: u16) -> impl Iterator<Item = String> {
    let width = usize::from(width.max(1));
    note.lines().flat_map(move |line| {
        let signs: Vec<char> = line.chars().collect();
        signs.chunks(width).map(|part| part.iter().collect()).collect::<Vec<String>>()
    })
}

/// The keys, and what the signs mean.
pub fn footer(frame: &mut Frame, area: Rect, theme: Theme) {
    let keys = [("q", "quit"), ("Tab", "pane"), ("↑↓", "scroll"), ("s", "sort")];
    let left = keys.iter().fold(Pieces::default(), |line, (key, does)| {
        line.add(format!(" {key}"), theme.strong()).add(format!(" {does} "), theme.quiet())
    });
    let signs = [
        ("●", "running", theme.good()),
        ("◐", "starting", theme.notable()),
        ("◌", "draining", theme.leaving()),
        ("✕", "failed", theme.bad()),
    ];
    let right = signs.iter().fold(Pieces::default(), |line, (sign, means, style)| {
        line.add((*sign).to_owned(), *style).add(format!(" {means} "), theme.quiet())
    });
    let (left, right) = (left.line(), right.line());
    let fits = left.width() + right.width() <= usize::from(area.width);
    frame.render_widget(Paragraph::new(left), area);
    if fits {
        frame.render_widget(Paragraph::new(right).alignment(Alignment::Right), area);
    }
}

/// How long the gateway was watched, and the time of day by its clock.
fn times(screen: &Screen) -> Option<String> {
    let at = screen.history.latest.as_ref()?.at;
    let watched = at.duration_since(screen.history.first_at?);
    let watched = span(Duration::try_from(watched).unwrap_or_default());
    Some(format!("watched {watched}   {} ", clock(at, &screen.zone)))
}
