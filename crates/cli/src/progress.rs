//! Progress of long work, on terminals only.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

/// What tells on standard error what is being done and since when; hidden where nobody would see it.
pub(crate) fn bar(printer: &Printer, message: &str) -> ProgressBar {
    with_template(printer, message, "{spinner} {msg} {elapsed}")
}

/// The same for work that counts what it has done.
pub(crate) fn counter(printer: &Printer, message: &str) -> ProgressBar {
    with_template(printer, message, "{spinner} {msg} {pos} {elapsed}")
}

fn with_template(printer: &Printer, message: &str, template: &str) -> ProgressBar {
    if printer.json || printer.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Makes a bar one that knows its end, in bytes.
pub(crate) fn set_total(bar: &ProgressBar, bytes: u64) {
    let template = "{spinner} {msg} {bar:30} {binary_bytes}/{binary_total_bytes} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_length(bytes);
}
