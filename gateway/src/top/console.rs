use std::{
    fs::File,
    io::{self, Stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, Event},
        execute,
        terminal::{
            Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
            enable_raw_mode,
        },
    },
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::stderr::HeldStderr;

/// The terminal while the view is up: raw, on the alternate screen, its events read by a thread.
/// Dropping it, also when a panic unwinds, gives the terminal back as it was.
pub struct Console {
    // Fields drop in this order: the screen is given back before the held log is shown on it.
    terminal: Terminal<CrosstermBackend<Stdout>>,
    reader: Reader,
    _mode: Mode,
    _stderr: Option<HeldStderr>,
}

/// How many events may wait; a key that is held down waits in the terminal then.
const EVENTS: usize = 64;
/// How long the reader takes at most to notice that it shall end.
const LOOK: Duration = Duration::from_millis(50);

impl Console {
    /// Takes the terminal over. What is written to stderr meanwhile goes into `log`, and is shown
    /// at the end.
    ///
    /// # Errors
    /// When stdout is no terminal.
    pub fn enter(log: File) -> io::Result<Self> {
        let stderr = HeldStderr::hold(log)?;
        let mode = Mode::enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(Self { terminal, reader: Reader::start()?, _mode: mode, _stderr: stderr })
    }

    /// Draws a frame. It blocks while the terminal does not take it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// The next event; none when there will be no more.
    pub async fn event(&mut self) -> Option<Event> {
        self.reader.events.recv().await
    }
}

/// The modes that the view needs.
struct Mode;

impl Mode {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on, an early return gives back what was taken.
        let mode = Self;
        execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
        Ok(mode)
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that is gone.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// A thread that reads the terminal's events, and ends before the terminal is given back.
struct Reader {
    events: Receiver<Event>,
    ending: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Reader {
    fn start() -> io::Result<Self> {
        let (sender, events) = channel(EVENTS);
        let ending = Arc::new(AtomicBool::new(false));
        let watched = ending.clone();
        let thread = thread::Builder::new()
            .name("fg-keys".to_owned())
            .spawn(move || read(&sender, &watched))?;
        Ok(Self { events, ending, thread: Some(thread) })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // A reader that waits for room to send sees a closed channel.
        self.events.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ends when told to, or when the terminal is gone.
fn read(events: &Sender<Event>, ending: &AtomicBool) {
    while !ending.load(Ordering::Relaxed) {
        match event::poll(LOOK) {
            Ok(false) => {}
            Ok(true) => {
                let Ok(event) = event::read() else { return };
                if events.blocking_send(event).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
