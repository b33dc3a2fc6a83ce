//! Everything that is printed goes through here: data to standard output, talk to standard error.

use std::{
    error::Error,
    io::{self, IsTerminal as _, Write as _},
};

use arrow::{
    array::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::failure::{CliError, Failure};

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On terminals, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) colour: bool,
}

impl Printer {
    pub(crate) fn new(json: bool, quiet: bool, colour: Colour) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let colour = match colour {
            Colour::Auto => io::stderr().is_terminal() && !plain,
            Colour::Always => true,
            Colour::Never => false,
        };
        Self { json, quiet, colour }
    }

    /// One JSON document with `--json`, else text for people.
    pub(crate) fn show(&self, json: Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = if self.json { format!("{json:#}") } else { text() };
        self.data(text.trim_end())
    }

    /// Data, as it is.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // Whoever read this has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|error| Box::new(CliError::Output(error)) as Failure),
        }
    }

    /// A remark for people.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet && !self.json {
            self.talk(text);
        }
    }

    /// What [`show`](Self::show) shows, where standard output is for data: one line of JSON, or a remark.
    pub(crate) fn beside(&self, json: &Value, text: &str) {
        match self.json {
            true => self.talk(&json.to_string()),
            false => self.remark(text),
        }
    }

    /// A failure, with what to do about it.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut message = failure.to_string();
        let mut source = failure.source();
        while let Some(error) = source {
            // Some errors repeat their cause; readers should not have to.
            let text = error.to_string();
            if !message.contains(&text) {
                message.push_str(&format!(": {text}"));
            }
            source = Error::source(error);
        }
        if self.json {
            let error = json!({"error": {
                "code": failure.code(),
                "kind": failure.kind().name(),
                "message": message,
                "hint": failure.hint(),
            }});
            self.talk(&error.to_string());
            return;
        }
        let (red, off) = if self.colour { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        self.talk(&format!("{red}error[{}]{off}: {message}", failure.code()));
        if let Some(hint) = failure.hint() {
            self.talk(&format!("\nhint: {hint}"));
        }
    }

    fn talk(&self, text: &str) {
        // There is nobody to tell when standard error is gone.
        writeln!(io::stderr().lock(), "{text}").ok();
    }
}

/// A table fitted to the terminal; outside one as wide as it needs.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers.iter().copied());
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// The first rows of Arrow batches as texts, with their headers.
pub(crate) fn cells(
    batches: &[RecordBatch],
    at_most: usize,
) -> Result<(Vec<String>, Vec<Vec<String>>), arrow::error::ArrowError> {
    let options = FormatOptions::default().with_null("");
    let headers = batches.first().map_or_else(Vec::new, |batch| {
        batch.schema().fields().iter().map(|field| field.name().clone()).collect()
    });
    let mut rows = Vec::new();
    for batch in batches {
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows().min(at_most - rows.len()) {
            rows.push(formatters.iter().map(|it| it.value(row).to_string()).collect());
        }
    }
    Ok((headers, rows))
}

/// A number with its thousands apart.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}
