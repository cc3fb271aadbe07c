use std::fmt::Write;

/// A Markdown table.
pub(super) struct Table(String);

impl Table {
    /// A table with these columns.
    pub(super) fn new<const N: usize>(columns: [&str; N]) -> Self {
        let mut table = Self(String::new());
        table.row(columns.map(str::to_owned));
        table.row(columns.map(|_| "---".to_owned()));
        table
    }

    /// Adds a row of as many cells.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cells = cells.map(|cell| cell.replace('|', r"\|").replace('\n', " "));
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    /// Its text, with an empty line behind it.
    pub(super) fn end(self) -> String {
        self.0 + "\n"
    }
}

/// `text` in backticks.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}
