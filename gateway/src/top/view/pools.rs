use framegate_proto::v1::{self, ReplicaState};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::Line,
    widgets::{Paragraph, Sparkline},
};

use super::{
    layout::{CARD_TEXT, Card},
    text::{age_if, cut, decimal, decimal_if, span},
    theme::Theme,
    widgets::{Pieces, pane},
};
use crate::top::{
    history::{PoolReading, Trend, count},
    plain::by_reason,
    screen::{Pane, Screen},
};

/// A state of a replica: its sign, its name, its style.
type State = (ReplicaState, &'static str, &'static str, fn(Theme) -> Style);

const STATES: [State; 4] = [
    (ReplicaState::Running, "●", "running", Theme::good),
    (ReplicaState::Starting, "◐", "starting", Theme::notable),
    (ReplicaState::Draining, "◌", "draining", Theme::leaving),
    (ReplicaState::Failed, "✕", "failed", Theme::bad),
];
/// More replicas than this are only counted.
const MOST_SIGNS: usize = 12;
const NAME_WIDTH: usize = 20;

/// Draws a card for each pool from the pane's offset on; answers how many fit.
pub fn draw(frame: &mut Frame, area: Rect, card: Card, screen: &Screen, theme: Theme) -> usize {
    let seen = screen.history.latest.iter().flat_map(|snapshot| &snapshot.pools);
    let pools: Vec<&PoolReading> = seen.skip(screen.offset(Pane::Pools)).collect();
    let room = area.height.saturating_sub(2);
    let page = fitting(&pools, card, room);
    let block = pane(Pane::Pools, &about(screen), page, screen, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let mut top = inner.y;
    for reading in pools.iter().take(page.max(1)) {
        let height = height(reading, card);
        let area = Rect { y: top, height, ..inner }.intersection(inner);
        draw_card(frame, area, card, reading, screen, theme);
        top += height + card.gap;
    }
    page
}

/// How many of the cards fit whole.
fn fitting(pools: &[&PoolReading], card: Card, room: u16) -> usize {
    let mut used = 0;
    let ends = pools.iter().map(|reading| {
        let end = used + height(reading, card);
        used = end + card.gap;
        end
    });
    ends.take_while(|end| *end <= room).count()
}

fn height(reading: &PoolReading, card: Card) -> u16 {
    CARD_TEXT + card.spark + u16::from(!reading.pool.problem.is_empty())
}

/// What the sparklines span.
fn about(screen: &Screen) -> String {
    let pools = screen.history.latest.iter().flat_map(|snapshot| &snapshot.pools);
    let trends = pools.filter_map(|reading| screen.history.trend(&reading.pool.model));
    let readings = trends.map(|trend| trend.demand.len()).max().unwrap_or_default();
    let steps = u32::try_from(readings).unwrap_or(u32::MAX).saturating_sub(1);
    if steps == 0 { String::new() } else { format!("last {}", span(screen.interval * steps)) }
}

fn draw_card(
    frame: &mut Frame,
    area: Rect,
    card: Card,
    reading: &PoolReading,
    screen: &Screen,
    theme: Theme,
) {
    let problem = u16::from(!reading.pool.problem.is_empty());
    let rows = [1, problem, 1, card.spark, 1].map(Constraint::Length);
    let [head, why, figures, sparks, ends] = Layout::vertical(rows).areas(area);
    draw_head(frame, head, &reading.pool, theme);
    let problem = format!("  ! {}", cut(&reading.pool.problem, 500));
    frame.render_widget(Paragraph::new(problem).style(theme.bad()), why);
    frame.render_widget(Paragraph::new(self::figures(reading, theme)), figures);
    if let Some(trend) = screen.history.trend(&reading.pool.model) {
        draw_trend(frame, sparks, &reading.pool, trend, theme);
    }
    frame.render_widget(Paragraph::new(endings(reading, theme)), ends);
}

/// Its name and its replicas; at the right, how many there may be.
fn draw_head(frame: &mut Frame, area: Rect, pool: &v1::Pool, theme: Theme) {
    let mut range = Pieces::default();
    if !pool.serving {
        range = range.add("  not serving", theme.bad());
    }
    let (desired, least, most) = (pool.desired_replicas, pool.min_replicas, pool.max_replicas);
    let range = range.add(format!("  wants {desired} of {least}–{most}"), theme.quiet()).line();
    let width = u16::try_from(range.width()).unwrap_or(u16::MAX);
    let columns = [Constraint::Fill(1), Constraint::Length(width)];
    let [left, right] = Layout::horizontal(columns).areas(area);
    frame.render_widget(Paragraph::new(name_and_replicas(pool, theme)), left);
    frame.render_widget(Paragraph::new(range), right);
}

fn name_and_replicas(pool: &v1::Pool, theme: Theme) -> Line<'static> {
    let name = cut(&pool.model, NAME_WIDTH);
    let rest = NAME_WIDTH.saturating_sub(name.chars().count());
    let version = format!(" {:<rest$} ", cut(&pool.version, rest));
    let mut line = Pieces::default().add(name, theme.strong()).add(version, theme.quiet());
    let (mut words, mut signs) = (Vec::new(), 0);
    for (state, sign, word, style) in STATES {
        let count = count(pool, state);
        let shown = count.min(MOST_SIGNS - signs);
        signs += shown;
        line = line.add(sign.repeat(shown), style(theme));
        if count > 0 {
            words.push(format!("{count} {word}"));
        }
    }
    let words = if words.is_empty() { "no replica".to_owned() } else { words.join(", ") };
    let gap = if signs > 0 { " " } else { "" };
    line.add(format!("{gap}{words}"), Style::new()).line()
}

/// What waits, what is done, how fast.
fn figures(reading: &PoolReading, theme: Theme) -> Line<'static> {
    let (pool, rates) = (&reading.pool, reading.rates.as_ref());
    let mut line = Pieces::default();
    let figures = [
        ("queued", pool.queued.to_string(), 5),
        ("ongoing", pool.ongoing.to_string(), 5),
        ("frames/s", decimal_if(rates.map(|rates| rates.results)), 7),
        ("batch", decimal_if(rates.and_then(|rates| rates.batch_size)), 5),
        ("age", age_if(rates.and_then(|rates| rates.frame_age)), 7),
    ];
    for (name, figure, width) in figures {
        line = line.add(format!("  {name} "), theme.quiet());
        line = line.add(format!("{figure:>width$}"), theme.strong());
    }
    line.line()
}

fn draw_trend(frame: &mut Frame, area: Rect, pool: &v1::Pool, trend: &Trend, theme: Theme) {
    let demand = format!("  demand {:>5} ", decimal(pool.demand));
    let replicas = format!("  replicas {:>2} ", count(pool, ReplicaState::Running));
    let label = |text: &str| Constraint::Length(u16::try_from(text.len()).unwrap_or_default());
    let columns = [label(&demand), Constraint::Fill(3), label(&replicas), Constraint::Fill(2)];
    let [demand_label, demand_area, replicas_label, replicas_area] =
        Layout::horizontal(columns).areas(area);
    frame.render_widget(Paragraph::new(demand).style(theme.quiet()), demand_label);
    frame.render_widget(Paragraph::new(replicas).style(theme.quiet()), replicas_label);
    let bars = trend.demand.bars(demand_area.width.into());
    frame.render_widget(Sparkline::default().data(bars).style(theme.line()), demand_area);
    let bars = trend.replicas.bars(replicas_area.width.into());
    let most = u64::from(pool.max_replicas).max(1);
    let replicas = Sparkline::default().data(bars).max(most).style(theme.good());
    frame.render_widget(replicas, replicas_area);
}

/// What ended without a result since the gateway started, by reason; what grows stands out.
fn endings(reading: &PoolReading, theme: Theme) -> Line<'static> {
    let counters = reading.pool.counters.clone().unwrap_or_default();
    let rates = reading.rates.as_ref();
    let kinds = [
        ("dropped", &counters.drops, rates.map(|rates| rates.drops), theme.notable()),
        ("failed", &counters.failures, rates.map(|rates| rates.failures), theme.bad()),
    ];
    let mut line = Pieces::default();
    for (name, counts, rate, alarm) in kinds {
        let grows = rate.is_some_and(|rate| rate > 0.0);
        let total: u64 = counts.values().sum();
        let reasons =
            by_reason(counts).iter().map(|(r, count)| format!("{r} {count}")).collect::<Vec<_>>();
        let reasons = if total == 0 { String::new() } else { format!(" ({})", reasons.join(", ")) };
        line = line.add(format!("  {name} "), theme.quiet());
        line = line.add(total.to_string(), if grows { alarm } else { Style::new() });
        line = line.add(reasons, theme.quiet());
    }
    line.line()
}
