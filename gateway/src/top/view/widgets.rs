use ratatui::{
    style::Style,
    text::{Line, Span},
    widgets::{Block, BorderType, Padding},
};

use super::theme::Theme;
use crate::top::screen::{Pane, Screen};

/// The frame of a pane: its name, what is in it, and which part of it is seen.
pub fn pane<'a>(which: Pane, about: &str, page: usize, screen: &Screen, theme: Theme) -> Block<'a> {
    let focused = screen.pane == which;
    let name = match which {
        Pane::Pools => "Pools",
        Pane::Cameras => "Cameras",
        Pane::Results => "Latest results",
    };
    let title = if focused {
        Span::styled(format!(" ▸ {name} "), theme.focus())
    } else {
        Span::styled(format!(" {name} "), theme.title())
    };
    let mut block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.quiet())
        .padding(Padding::horizontal(1))
        .title(title);
    if !about.is_empty() {
        block = block.title(Span::styled(format!(" {about} "), theme.quiet()));
    }
    let (len, first) = (screen.len(which), screen.offset(which));
    if len > page && page > 0 {
        let seen = format!(" {}–{} of {len} ", first + 1, len.min(first + page));
        block = block.title(Line::styled(seen, theme.quiet()).right_aligned());
    }
    block
}

/// Pieces of a line, one after the other.
#[derive(Default)]
pub struct Pieces(Vec<Span<'static>>);

impl Pieces {
    /// Adds a piece.
    pub fn add(mut self, text: impl Into<String>, style: Style) -> Self {
        self.0.push(Span::styled(text.into(), style));
        self
    }

    /// The line.
    pub fn line(self) -> Line<'static> {
        Line::from(self.0)
    }
}
