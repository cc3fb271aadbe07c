use ratatui::style::{Color, Modifier, Style};

/// What styles mean. The colours are the terminal's own sixteen, so that they suit its background;
/// without colours the words and signs still say it all.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    coloured: bool,
}

impl Theme {
    /// With colours or without.
    pub fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Without colours where `NO_COLOR` is set (no-color.org).
    pub fn of_environment() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// All is well.
    pub fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// Something is under way, or asks for a look.
    pub fn notable(self) -> Style {
        self.colour(Color::Yellow)
    }

    /// Something is wrong.
    pub fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// On its way out.
    pub fn leaving(self) -> Style {
        self.colour(Color::Blue)
    }

    /// What is wanted or measured, as a line.
    pub fn line(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// Names and figures that count.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The name of a pane, within its border.
    pub fn title(self) -> Style {
        Style::new().fg(Color::Reset).remove_modifier(Modifier::DIM).add_modifier(Modifier::BOLD)
    }

    /// Words around the figures, and borders.
    pub fn quiet(self) -> Style {
        if self.coloured {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// The pane that the keys scroll.
    pub fn focus(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }
}
