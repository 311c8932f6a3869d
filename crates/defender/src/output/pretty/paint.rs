//! Columns and colours.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use owo_colors::{OwoColorize as _, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::output::words::shown;

/// A narrower terminal has its lines broken by itself: the columns take as much.
const MIN_WIDTH: usize = 60;

/// Below it, columns are narrow.
const WIDE: usize = 100;

/// How events look in a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrettySettings {
    /// Whether colours are used.
    pub colours: bool,
    /// Columns of the terminal; lines are cut there. `None`: they are not.
    pub width: Option<usize>,
}

impl PrettySettings {
    /// As this stream wants it: colours and a width on a terminal only, no colours where `NO_COLOR` is
    /// set to anything or the terminal is `dumb`.
    pub fn of_terminal(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::default();
        }
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let size = rustix::termios::tcgetwinsize(stream).ok();
        let width =
            size.map(|size| usize::from(size.ws_col)).filter(|&columns| columns >= MIN_WIDTH);
        Self { colours: !refused && !dumb, width }
    }

    /// Columns of the container's name and of the process.
    pub(super) fn columns(&self) -> (usize, usize) {
        if self.width.is_some_and(|width| width < WIDE) { (10, 16) } else { (18, 22) }
    }
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Plain,
    Dim,
    Strong,
    Process,
    File,
    Network,
    Kernel,
    Warning,
    Alarm,
}

/// One line in the making. Texts given to it are made safe; only it writes escapes.
pub(super) struct Line {
    settings: PrettySettings,
    text: String,
    columns: usize,
}

impl Line {
    pub(super) fn new(settings: PrettySettings) -> Self {
        Self { settings, text: String::new(), columns: 0 }
    }

    /// A text in so many columns, and a blank.
    pub(super) fn column(&mut self, tone: Tone, text: &str, columns: usize) {
        let safe = fit(&shown(text), columns);
        let blanks = columns.saturating_sub(safe.width()) + 1;
        self.paint(tone, &safe);
        self.text.extend(std::iter::repeat_n(' ', blanks));
        self.columns += columns + 1;
    }

    /// A text, cut at the end of the terminal's line.
    pub(super) fn add(&mut self, tone: Tone, text: &str) {
        let safe = shown(text);
        let room = self.settings.width.map(|width| width.saturating_sub(self.columns));
        let safe = room.map_or_else(|| safe.to_string(), |room| fit(&safe, room));
        self.columns += safe.width();
        self.paint(tone, &safe);
    }

    /// Fills what is left of the terminal's line.
    pub(super) fn rule(&mut self, tone: Tone) {
        let left = self.settings.width.unwrap_or(72).saturating_sub(self.columns);
        self.paint(tone, &"━".repeat(left));
        self.columns += left;
    }

    pub(super) fn end(self) -> String {
        let plain = self.text.trim_end().len();
        let mut text = self.text;
        text.truncate(plain);
        text
    }

    fn paint(&mut self, tone: Tone, safe: &str) {
        let style = match tone {
            _ if !self.settings.colours || safe.is_empty() => return self.text.push_str(safe),
            Tone::Plain => return self.text.push_str(safe),
            Tone::Dim => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
            Tone::Process => Style::new().green(),
            Tone::File => Style::new().blue(),
            Tone::Network => Style::new().magenta(),
            Tone::Kernel | Tone::Warning => Style::new().yellow(),
            Tone::Alarm => Style::new().red().bold(),
        };
        self.text.push_str(&safe.style(style).to_string());
    }
}

/// At most so many columns of it, with a mark where it was cut.
fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let kept = text.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= room
    });
    let mut cut: String = kept.collect();
    cut.push('…');
    cut
}
