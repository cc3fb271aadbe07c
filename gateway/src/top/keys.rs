use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Leave.
    Quit,
    /// Go to the next pane.
    NextPane,
    /// Go to the pane before.
    PreviousPane,
    /// Scroll by a line; negative is up.
    Lines(isize),
    /// Scroll by a page; negative is up.
    Pages(isize),
    /// Scroll to the beginning.
    Top,
    /// Scroll to the end.
    Bottom,
    /// Sort the cameras by the next column.
    Sort,
}

/// What a key means; none if it means nothing.
pub fn action(key: KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
    }
    Some(match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Action::Quit,
        KeyCode::Tab => Action::NextPane,
        KeyCode::BackTab => Action::PreviousPane,
        KeyCode::Down | KeyCode::Char('j') => Action::Lines(1),
        KeyCode::Up | KeyCode::Char('k') => Action::Lines(-1),
        KeyCode::PageDown | KeyCode::Char(' ') => Action::Pages(1),
        KeyCode::PageUp => Action::Pages(-1),
        KeyCode::Home | KeyCode::Char('g') => Action::Top,
        KeyCode::End | KeyCode::Char('G') => Action::Bottom,
        KeyCode::Char('s') => Action::Sort,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_last_line_says() {
        let table = [
            (KeyCode::Char('q'), Some(Action::Quit)),
            (KeyCode::Esc, Some(Action::Quit)),
            (KeyCode::Tab, Some(Action::NextPane)),
            (KeyCode::BackTab, Some(Action::PreviousPane)),
            (KeyCode::Down, Some(Action::Lines(1))),
            (KeyCode::Up, Some(Action::Lines(-1))),
            (KeyCode::PageDown, Some(Action::Pages(1))),
            (KeyCode::PageUp, Some(Action::Pages(-1))),
            (KeyCode::Home, Some(Action::Top)),
            (KeyCode::End, Some(Action::Bottom)),
            (KeyCode::Char('s'), Some(Action::Sort)),
            (KeyCode::Char('c'), None),
            (KeyCode::Enter, None),
        ];
        for (code, expected) in table {
            assert_eq!(action(KeyEvent::new(code, KeyModifiers::NONE)), expected, "{code}");
        }
    }

    #[test]
    fn control_c_quits_and_other_chords_do_nothing() {
        let chord = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        assert_eq!(action(chord('c')), Some(Action::Quit));
        assert_eq!(action(chord('q')), None);
    }

    #[test]
    fn letting_a_key_go_does_nothing() {
        let mut key = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        key.kind = KeyEventKind::Release;
        assert_eq!(action(key), None);
    }
}
