use framegate_proto::v1::{self, model_result::Outcome};
use ratatui::{Frame, layout::Rect, style::Style, text::Line, widgets::Paragraph};

use super::{
    text::{UNKNOWN, clock, cut},
    theme::Theme,
    widgets::{Pieces, pane},
};
use crate::top::{
    history::timestamp,
    screen::{Pane, Screen},
};

/// Draws a line for each result from the pane's offset on; answers how many fit.
pub fn draw(frame: &mut Frame, area: Rect, screen: &Screen, theme: Theme) -> usize {
    let page = usize::from(area.height.saturating_sub(2));
    let about = if screen.len(Pane::Results) == 0 { "none yet" } else { "" };
    let block = pane(Pane::Results, about, page, screen, theme);
    let results = screen.history.latest.iter().flat_map(|snapshot| &snapshot.results);
    let seen = results.skip(screen.offset(Pane::Results)).take(page);
    let width = usize::from(block.inner(area).width);
    let lines: Vec<Line> = seen.map(|result| line(result, width, screen, theme)).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
    page
}

fn line(seen: &v1::CameraResult, width: usize, screen: &Screen, theme: Theme) -> Line<'static> {
    let at = seen.captured_at.and_then(timestamp);
    let at = at.map_or_else(String::new, |at| clock(at, &screen.zone));
    let result = seen.result.clone().unwrap_or_default();
    let camera = cut(&seen.camera_id, 14);
    let line = Pieces::default()
        .add(format!("{at:<8}  "), theme.quiet())
        .add(format!("{camera:<14}  "), theme.strong())
        .add(format!("{:<12}  ", cut(&result.model, 12)), theme.quiet());
    let rest = width.saturating_sub(8 + 14 + 12 + 3 * 2);
    let (text, style) = match result.outcome {
        Some(Outcome::Error(error)) => (error.reason, theme.bad()),
        Some(outcome) => (describe(outcome), Style::new()),
        None => (UNKNOWN.to_owned(), theme.quiet()), // too long to be sent to those who watch
    };
    line.add(cut(&text, rest), style).line()
}

/// What was found, the surest first.
fn describe(outcome: Outcome) -> String {
    match outcome {
        Outcome::Detections(found) => {
            let found = found.items.into_iter().map(|found| (found.label, found.score)).collect();
            or_nothing(scores(found))
        }
        Outcome::Classification(found) => {
            let found = found.classes.into_iter().map(|class| (class.label, class.score)).collect();
            or_nothing(scores(found))
        }
        Outcome::Embedding(found) => format!("embedding of {} values", found.values.len()),
        Outcome::Tensors(found) => {
            let tensors = found.items.into_iter();
            tensors
                .map(|tensor| format!("{} {:?}", tensor.name, tensor.shape))
                .collect::<Vec<_>>()
                .join(", ")
        }
        Outcome::Error(error) => error.reason,
    }
}

/// `person 0.91 0.75, car 0.50`: each label once, by its best score, with all its scores. Of a
/// label that has synonyms, the first.
fn scores(mut found: Vec<(String, f32)>) -> String {
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut by_label: Vec<(&str, String)> = Vec::new();
    for (label, score) in &found {
        let label = label.split(',').next().unwrap_or_default();
        let score = format!(" {score:.2}");
        match by_label.iter_mut().find(|(known, _)| *known == label) {
            Some((_, scores)) => scores.push_str(&score),
            None => by_label.push((label, score)),
        }
    }
    by_label.iter().map(|(label, scores)| format!("{label}{scores}")).collect::<Vec<_>>().join(", ")
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { "nothing found".to_owned() } else { text }
}
