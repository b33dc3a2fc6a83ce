//! Where in a text something is, and how to show it.

use std::{fmt::Write as _, sync::Arc};

/// A range of bytes of the text that was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A span together with the text it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    source: Arc<str>,
    span: Span,
}

/// How many characters of a long line are shown before, under and after the carets.
const BEFORE: usize = 60;
const UNDER: usize = 60;
const AFTER: usize = 40;

impl Place {
    /// Invariant: the span lies on character boundaries of the text; what does not is pulled back.
    pub(crate) fn new(source: &Arc<str>, span: Span) -> Self {
        let start = source.floor_char_boundary(span.start);
        let end = source.floor_char_boundary(span.end).max(start);
        Self { source: Arc::clone(source), span: Span { start, end } }
    }

    /// The whole of a text.
    pub(crate) fn whole(source: &str) -> Self {
        Self { source: Arc::from(source), span: Span { start: 0, end: source.len() } }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The text under the span.
    pub(crate) fn text(&self) -> &str {
        &self.source[self.span.start..self.span.end]
    }

    /// Line and column, both from 1, the column in characters.
    pub(crate) fn line_and_column(&self) -> (usize, usize) {
        let before = &self.source[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The line of the span's start, and below it carets under the span.
    pub(crate) fn snippet(&self) -> String {
        let Span { start, end } = self.span;
        let line_start = self.source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.source[start..].find('\n').map_or(self.source.len(), |at| start + at);
        let before = keep_end(&self.source[line_start..start]);
        let under = keep_start(&self.source[start..end.min(line_end)], UNDER);
        let after = match under.ends_with('…') {
            true => String::new(),
            false => keep_start(&self.source[end.min(line_end)..line_end], AFTER),
        };
        let mut margin = String::from("  ");
        if self.source.trim_end().contains('\n') {
            let _ = write!(margin, "{} | ", self.line_and_column().0);
        }
        let indent = " ".repeat(margin.len() + width(&before));
        let carets = "^".repeat(width(&under).max(1));
        let line = format!("{margin}{before}{under}{after}");
        format!("{}\n{indent}{carets}", line.trim_end())
    }
}

/// The end of a text, without characters that would move a terminal's cursor.
fn keep_end(text: &str) -> String {
    let count = text.chars().count();
    let clean = text.chars().map(printable);
    if count <= BEFORE {
        return clean.collect();
    }
    std::iter::once('…').chain(clean.skip(count - BEFORE + 1)).collect()
}

/// The start of a text, likewise.
fn keep_start(text: &str, limit: usize) -> String {
    let mut clean = text.chars().map(printable);
    let mut kept: String = clean.by_ref().take(limit).collect();
    if clean.next().is_some() {
        kept.push('…');
    }
    kept
}

fn printable(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

/// Roughly the number of terminal cells of a text: none for marks, two for East Asian and emoji.
fn width(text: &str) -> usize {
    text.chars()
        .map(|character| match u32::from(character) {
            0x0300..=0x036F | 0x200B..=0x200D | 0x20D0..=0x20FF | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F
            | 0x2E80..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1FAFF
            | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests;
