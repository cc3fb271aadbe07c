use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Cell, Row, Table},
};

use super::{
    text::{age_if, cut, decimal_if},
    theme::Theme,
    widgets::pane,
};
use crate::top::{
    history::CameraReading,
    screen::{Pane, Screen, Sort},
};

const COLUMNS: [(&str, u16, Option<Sort>); 6] = [
    ("camera", 0, Some(Sort::Name)),
    ("frames/s", 9, Some(Sort::Frames)),
    ("results/s", 9, None),
    ("skipped/s", 9, Some(Sort::Skipped)),
    ("errors", 7, Some(Sort::Errors)),
    ("last frame", 10, None),
];
/// A camera that sent nothing for so long may be broken.
const SILENT: Duration = Duration::from_secs(10);

/// Draws a line for each camera from the pane's offset on; answers how many fit.
pub fn draw(frame: &mut Frame, area: Rect, screen: &Screen, theme: Theme) -> usize {
    let page = usize::from(area.height.saturating_sub(3));
    let cameras = screen.cameras();
    let rates = cameras.iter().filter_map(|camera| camera.rates.as_ref());
    let total = rates.map(|rates| rates.frames).reduce(|sum, rate| sum + rate);
    let about = if cameras.is_empty() {
        "none yet".to_owned()
    } else {
        format!("{}, {} frames/s", cameras.len(), decimal_if(total))
    };
    let block = pane(Pane::Cameras, &about, page, screen, theme);
    let seen = cameras.into_iter().skip(screen.offset(Pane::Cameras)).take(page);
    let table = Table::new(seen.map(|reading| row(reading, theme)), widths())
        .header(header(screen.sort, theme))
        .block(block);
    frame.render_widget(table, area);
    page
}

fn widths() -> impl Iterator<Item = Constraint> {
    COLUMNS.iter().map(|(_, width, _)| match width {
        0 => Constraint::Min(12),
        width => Constraint::Length(*width),
    })
}

/// The columns' names; that of the order stands out.
fn header(sort: Sort, theme: Theme) -> Row<'static> {
    Row::new(COLUMNS.iter().enumerate().map(|(index, (name, _, order))| {
        let style = if *order == Some(sort) { theme.focus() } else { theme.quiet() };
        let name = Line::from(Span::styled(*name, style));
        Cell::from(if index == 0 { name } else { name.alignment(Alignment::Right) })
    }))
}

fn row(reading: &CameraReading, theme: Theme) -> Row<'static> {
    let CameraReading { camera, rates, idle } = reading;
    let rates = rates.as_ref();
    let skipped = rates.map(|rates| rates.skipped);
    let alarm = |is_on: bool, style: Style| if is_on { style } else { Style::new() };
    let skips = skipped.is_some_and(|rate| rate > 0.0);
    let errs = rates.is_some_and(|rates| rates.errors > 0.0);
    let is_silent = idle.is_some_and(|idle| idle >= SILENT);
    let figures = [
        (decimal_if(rates.map(|rates| rates.frames)), Style::new()),
        (decimal_if(rates.map(|rates| rates.results)), Style::new()),
        (decimal_if(skipped), alarm(skips, theme.notable())),
        (camera.errors.to_string(), alarm(errs, theme.bad())),
        (age_if(*idle), alarm(is_silent, theme.notable())),
    ];
    let name = Line::from(Span::styled(cut(&camera.camera_id, 200), theme.strong()));
    let figures = figures
        .into_iter()
        .map(|(text, style)| Line::from(Span::styled(text, style)).alignment(Alignment::Right));
    Row::new([name].into_iter().chain(figures))
}
