#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ratatui::{
    Terminal,
    backend::TestBackend,
    style::{Color, Modifier},
};

use super::*;
use crate::top::{client::Update, keys::Action, testing};

fn drawn(screen: &mut Screen, width: u16, height: u16, theme: Theme) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut pages = [0; 3];
    terminal.draw(|frame| pages = draw(frame, screen, theme)).unwrap();
    screen.drawn(pages);
    terminal.backend().clone()
}

fn text(screen: &mut Screen, width: u16, height: u16) -> String {
    let backend = drawn(screen, width, height, Theme::new(true));
    let rows = backend.buffer().content().chunks(width.into());
    let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

#[test]
fn eighty_by_twenty_four() {
    let mut screen = testing::screen();
    println!("{}", text(&mut screen, 80, 24));
    println!("{}", text(&mut screen, 110, 40));
    println!("{}", text(&mut screen, 180, 30));
    println!("{}", text(&mut screen, 40, 10));
}
