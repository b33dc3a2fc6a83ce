//! From byte offsets to lines and columns.

use crate::Span;

/// How many bytes lie between two recorded counts: what one lookup scans at most.
const STEP: usize = 256;

/// Where the lines of a text begin, so that finding a place does not read the text again.
pub(crate) struct Places<'a> {
    text: &'a [u8],
    line_starts: Vec<usize>,
    /// Characters before every `STEP`-th byte.
    characters: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let text = text.as_bytes();
        let breaks = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(index, _)| index + 1)).collect();
        let mut characters = vec![0];
        let mut before = 0;
        for part in text.chunks(STEP) {
            before += count(part);
            characters.push(before);
        }
        Self { text, line_starts, characters }
    }

    /// The place of a byte; one past the end is that of the end.
    pub(crate) fn span(&self, byte: usize) -> Span {
        let byte = byte.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        Span { line, column: self.before(byte) - self.before(start) + 1 }
    }

    fn before(&self, byte: usize) -> usize {
        let step = byte / STEP;
        self.characters[step] + count(&self.text[step * STEP..byte])
    }
}

/// How many characters begin in these bytes.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}
