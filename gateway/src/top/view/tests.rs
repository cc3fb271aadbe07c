#![allow(clippy::unwrap_used)]

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::*;
use crate::top::{client::Update, keys::Action, testing};

fn drawn(screen: &mut Screen, (width, height): (u16, u16), theme: Theme) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut pages = [0; 3];
    terminal.draw(|frame| pages = draw(frame, screen, theme)).unwrap();
    screen.drawn(pages);
    terminal.backend().buffer().clone()
}

fn lines(screen: &mut Screen, size: (u16, u16)) -> Vec<String> {
    let buffer = drawn(screen, size, Theme::new(true));
    let rows = buffer.content().chunks(size.0.into());
    rows.map(|row| row.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned()).collect()
}

/// The cell where `text` begins on the screen.
fn cell_of(buffer: &Buffer, text: &str) -> Cell {
    let width = usize::from(buffer.area.width);
    let cells = buffer.content();
    let row = cells.chunks(width).find_map(|row| {
        let symbols: Vec<&str> = row.iter().map(Cell::symbol).collect();
        let wanted: Vec<String> = text.chars().map(String::from).collect();
        let at = symbols.windows(wanted.len()).position(|window| window == wanted)?;
        Some(row[at].clone())
    });
    row.unwrap_or_else(|| panic!("{text} is not on the screen"))
}

const USUAL: (u16, u16) = (80, 24);

#[test]
fn all_fits_on_eighty_by_twenty_four() {
    let expected = "
 framegate  127.0.0.1:9000  ● live                       watched 1 s   00:01:41
╭ ▸ Pools ─ last 1 s ──────────────────────────────────────────────────────────╮
│ detector 1.0          ●●◐◌ 2 running, 1 starting, 1 draining  wants 4 of 1–4 │
│   queued    12  ongoing    28  frames/s    42.0  batch   3.5  age  250 ms    │
│   demand  12.5 ▁█                            replicas  2 ▄▄                  │
│   dropped 14 (too_old 12, superseded 2)  failed 1 (QUEUE_FULL 1)             │
│ classifier 2          ✕ 1 failed                 not serving  wants 1 of 1–2 │
│   ! the model cannot be loaded                                               │
│   queued     0  ongoing     0  frames/s     0.0  batch     –  age       –    │
│   demand   0.0                               replicas  0                     │
│   dropped 0  failed 0                                                        │
╰──────────────────────────────────────────────────────────────────────────────╯
╭ Cameras ─ 12, 70.0 frames/s ────────────────────────────────────── 1–3 of 12 ╮
│ camera                       frames/s results/s skipped/s  errors last frame │
│ camera_1                          5.0      10.0       0.0       0     200 ms │
│ camera_2                         15.0      30.0       0.0       0     200 ms │
│ camera_3                          5.0       6.0       4.0       0     200 ms │
╰──────────────────────────────────────────────────────────────────────────────╯
╭ Latest results ──────────────────────────────────────────────────── 1–3 of 4 ╮
│ 00:01:41  camera_1        detector      person 0.91 0.75, car 0.50           │
│ 00:01:41  camera_2        classifier    street sign 0.62                     │
│ 00:01:41  camera_3        detector      nothing found                        │
╰──────────────────────────────────────────────────────────────────────────────╯
 q quit  Tab pane  ↑↓ scroll  s sort   ● running ◐ starting ◌ draining ✕ failed";
    let shown = format!("\n{}", lines(&mut testing::screen(), USUAL).join("\n"));
    assert_eq!(shown, expected, "it shows:\n{shown}\n");
}

#[test]
fn a_wide_terminal_has_the_cameras_at_the_right() {
    let shown = lines(&mut testing::screen(), (160, 36));
    let borders = shown.iter().filter(|line| line.starts_with('╭')).count();
    assert!(shown[1].contains("▸ Pools") && shown[1].contains("╮╭ Cameras"), "{}", shown[1]);
    assert_eq!(borders, 2, "pools above results");
    assert!(shown[14].contains("camera_12"), "all cameras fit: {}", shown[14]);
    let bars = shown.iter().filter(|line| line.chars().nth(18) == Some('█')).count();
    assert_eq!(bars, 4, "sparklines are higher where there is room");
}

#[test]
fn a_small_terminal_shows_the_pane_that_the_keys_scroll() {
    let mut screen = testing::screen();
    let size = (60, 9);
    assert!(lines(&mut screen, size)[1].contains("▸ Pools"));
    screen.act(Action::NextPane);
    let shown = lines(&mut screen, size);
    assert!(shown[1].contains("▸ Cameras") && shown[6].contains("camera_4"), "{shown:?}");
    assert!(shown[8].contains("q quit") && !shown[8].contains("running"), "{shown:?}");
}

#[test]
fn no_size_is_too_small_to_draw() {
    let mut screen = testing::screen();
    screen.note = "a note".repeat(20);
    for (width, height) in [(1, 1), (2, 3), (5, 40), (200, 2), (30, 16), (300, 100)] {
        lines(&mut screen, (width, height));
    }
}

#[test]
fn keys_scroll_the_pane_that_has_them() {
    let mut screen = testing::screen();
    lines(&mut screen, USUAL);
    screen.act(Action::NextPane);
    screen.act(Action::Pages(1));
    let shown = lines(&mut screen, USUAL);
    assert!(
        shown[12].contains("▸ Cameras") && shown[12].ends_with(" 4–6 of 12 ╮"),
        "{}",
        shown[12]
    );
    assert!(shown[14].contains("camera_4 "), "{}", shown[14]);
    for _ in 0..2 {
        screen.act(Action::NextPane);
    }
    screen.act(Action::Sort);
    screen.act(Action::Sort);
    assert!(lines(&mut screen, USUAL)[14].contains("camera_3 "), "sorted by skipped");
}

#[test]
fn it_says_that_and_why_it_connects_again_and_keeps_what_was_seen() {
    let mut screen = testing::screen();
    let retry_in = Duration::from_millis(500);
    screen.take(Update::Lost { reason: "Connection refused".into(), retry_in });
    let shown = lines(&mut screen, USUAL);
    let expected = " framegate  127.0.0.1:9000  ✕ reconnecting: Connection refused";
    assert_eq!(shown[0], expected);
    assert!(shown[2].contains("detector"), "{}", shown[2]);
}

#[test]
fn before_the_first_snapshot_it_says_what_it_waits_for() {
    let mut screen = Screen::new("gw:9000".into(), Duration::from_secs(1), TimeZone::UTC);
    let shown = lines(&mut screen, USUAL).join("\n");
    assert!(shown.starts_with(" framegate  gw:9000  ◌ connecting\n"), "{shown}");
    assert!(shown.contains("Cameras ─ none yet") && shown.contains("Latest results ─ none yet"));
}

#[test]
fn a_note_has_its_lines_above_the_last_one() {
    let mut screen = testing::screen();
    let command = format!("  grpcurl {} list", "x".repeat(90));
    screen.note = format!("Try it:\n{command}");
    let shown = lines(&mut screen, USUAL);
    assert_eq!(shown[20], "Try it:");
    assert_eq!(shown[21..23].concat(), command);
    assert!(shown[19].starts_with('╰') && shown[23].contains("q quit"));
}

#[test]
fn colours_say_what_signs_and_words_say_too() {
    let buffer = drawn(&mut testing::screen(), (120, 40), Theme::new(true));
    let colours = [
        ("●●◐◌ 2", Color::Green),
        ("◐◌ 2", Color::Yellow),
        ("◌ 2", Color::Blue),
        ("✕ 1 failed", Color::Red),
        ("not serving", Color::Red),
        ("14 (too_old", Color::Yellow),
        ("1 (QUEUE_FULL", Color::Reset),
        ("QUEUE_FULL  ", Color::Red),
    ];
    for (text, colour) in colours {
        let cell = cell_of(&buffer, text);
        assert_eq!(cell.fg, colour, "{text}");
    }
}

#[test]
fn without_colours_there_is_none() {
    let buffer = drawn(&mut testing::screen(), (120, 40), Theme::new(false));
    let coloured = buffer.content().iter().find(|cell| (cell.fg, cell.bg) != <_>::default());
    assert!(coloured.is_none(), "{coloured:?}");
    assert!(cell_of(&buffer, "not serving").modifier.contains(Modifier::BOLD));
    assert!(cell_of(&buffer, "queued").modifier.contains(Modifier::DIM));
}

#[test]
fn others_text_cannot_steer_the_terminal() {
    let mut screen = testing::screen();
    let snapshot = screen.history.latest.as_mut().unwrap();
    snapshot.cameras[0].camera.camera_id = "a\u{1b}[2Jb\n".into();
    assert!(lines(&mut screen, USUAL)[14].starts_with("│ a [2Jb "));
}
