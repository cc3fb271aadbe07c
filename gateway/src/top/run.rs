use std::io::{self, Write};

use anyhow::{anyhow, bail};
use jiff::{Timestamp, tz::TimeZone};
use ratatui::crossterm::event::Event;
use tokio::{
    sync::{mpsc, watch},
    task::block_in_place,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    client::{Client, Update},
    console::Console,
    history::History,
    keys,
    options::Options,
    plain,
    screen::Screen,
    view::{self, Theme},
};

/// How many of the latest results the view asks for; lines do without.
const LATEST_RESULTS: u32 = 32;
/// How many updates may wait for the view.
const UPDATES: usize = 4;

/// Shows the view on `console` until the reader leaves it, or `stop`. Of `notes`, the latest is
/// shown too.
///
/// # Errors
/// When the address is none, or the terminal is gone.
pub async fn show(
    options: &Options,
    console: &mut Console,
    mut notes: watch::Receiver<String>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut screen =
        Screen::new(options.gateway.addr.clone(), options.interval, TimeZone::system());
    let (mut updates, _following) = follow(options, LATEST_RESULTS)?;
    let theme = Theme::of_environment();
    loop {
        screen.note.clone_from(&notes.borrow_and_update());
        draw(console, &mut screen, theme)?;
        tokio::select! {
            biased; // a key is answered at once, however fast the gateway tells
            () = stop.cancelled() => return Ok(()),
            event = console.event() => match event {
                Some(event) if answer(&mut screen, &event) => {}
                Some(_) => return Ok(()),
                None => bail!("the terminal is gone"),
            },
            Some(update) = updates.recv() => screen.take(update),
            Ok(()) = notes.changed() => {}
        }
    }
}

/// Writes lines for each snapshot until `stop`, or until nobody reads them.
///
/// # Errors
/// When the address is none, or the lines cannot be written.
pub async fn print(
    options: &Options,
    out: &mut (dyn Write + Send),
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut history = History::default();
    let (mut updates, _following) = follow(options, 0)?;
    loop {
        let update = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            update = updates.recv() => update,
        };
        let text = match update {
            Some(Update::Snapshot(response)) => {
                history.take(*response);
                history.latest.as_ref().map(plain::block).unwrap_or_default()
            }
            Some(Update::Lost { reason, retry_in }) => {
                history.interrupt();
                plain::lost(Timestamp::now(), &options.gateway.addr, &reason, retry_in)
            }
            None => return Ok(()),
        };
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
}

/// Writes the lines of one interval.
///
/// # Errors
/// When the gateway does not answer, or the lines cannot be written.
pub async fn print_once(
    options: &Options,
    out: &mut (dyn Write + Send),
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let client = Client::new(&options.gateway.addr, options.interval, 0)?;
    let two = async {
        let mut watch = client.watch().await?;
        Ok::<_, String>([watch.next().await?, watch.next().await?])
    };
    let snapshots = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        snapshots = two => snapshots.map_err(|reason| anyhow!("{}: {reason}", options.gateway.addr))?,
    };
    let mut history = History::default();
    snapshots.into_iter().for_each(|snapshot| history.take(*snapshot));
    let text = history.latest.as_ref().map(plain::block).unwrap_or_default();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}

fn follow(
    options: &Options,
    latest: u32,
) -> anyhow::Result<(mpsc::Receiver<Update>, AbortOnDropHandle<()>)> {
    let client = Client::new(&options.gateway.addr, options.interval, latest)?;
    let (sender, updates) = mpsc::channel(UPDATES);
    Ok((updates, AbortOnDropHandle::new(tokio::spawn(client.follow(sender)))))
}

fn draw(console: &mut Console, screen: &mut Screen, theme: Theme) -> io::Result<()> {
    let mut pages = [0; 3];
    // A terminal may stop taking output for as long as its user likes.
    block_in_place(|| console.draw(|frame| pages = view::draw(frame, screen, theme)))?;
    screen.drawn(pages);
    Ok(())
}

/// Whether the view stays.
fn answer(screen: &mut Screen, event: &Event) -> bool {
    let action = event.as_key_event().and_then(keys::action);
    action.is_none_or(|action| screen.act(action))
}
