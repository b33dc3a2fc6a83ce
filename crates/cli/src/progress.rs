//! Progress of long work, on terminals only.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

/// A bar on standard error, hidden where nobody would see it.
pub(crate) fn bar(printer: &Printer, message: &str) -> ProgressBar {
    if printer.json || printer.quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {pos} {elapsed}") {
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
