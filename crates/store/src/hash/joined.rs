//! Texts that are joined with `|` and hashed, row by row.

use datafusion::arrow::{
    array::{Array as _, StringArray},
    buffer::{Buffer, NullBuffer, OffsetBuffer},
    error::ArrowError,
};
use sha2::{Digest as _, Sha256};

use super::{
    md5_lanes::Md5Lanes,
    text::{STEP, put, room},
};
use crate::{HashAlgorithm, HashSettings};

/// A part of the texts that are hashed.
pub(crate) enum Part {
    /// The same in every row.
    Literal(String),
    /// One for each row.
    Column(StringArray),
}

/// The hash of each row's parts, joined with `|`. A row in which one of them is NULL has none.
///
/// No column of joined texts is made: a text is put together where the hash function reads it.
pub(crate) fn hash_joined(
    settings: HashSettings,
    parts: Vec<Part>,
    rows: usize,
) -> Result<StringArray, ArrowError> {
    let nulls = parts.iter().fold(None, |nulls: Option<NullBuffer>, part| match part {
        Part::Literal(_) => nulls,
        Part::Column(column) => NullBuffer::union(nulls.as_ref(), column.nulls()),
    });
    let nulls = nulls.filter(|it| it.null_count() > 0);
    let pieces = pieces(parts);
    let mut hashes = Hashes::new(settings, rows);
    match nulls.is_none().then(|| Alike::of(&pieces, rows)).flatten() {
        Some(alike) => hashes.push_alike(&alike, &pieces, rows),
        None => hashes.push_each(&pieces, nulls.as_ref(), rows),
    }
    hashes.finish(nulls)
}

/// Puts all that a row has into a text.
#[inline]
fn put_all(pieces: &[Piece], row: usize, text: &mut [u8]) {
    pieces.iter().fold(0, |at, piece| piece.put(row, text, at));
}

/// A column, and the literals that come before it.
struct Piece {
    /// The literals, and what makes them a whole number of [`STEP`]s.
    before: Vec<u8>,
    length: usize,
    /// Its values, and where each begins and ends; none behind the last column.
    column: Option<(Buffer, OffsetBuffer<i32>)>,
}

impl Piece {
    /// How many bytes it has in a row.
    #[inline]
    fn length_of(&self, row: usize) -> usize {
        let ends = self.column.as_ref().map(|(_, ends)| ends);
        self.length + ends.map_or(0, |ends| (ends[row + 1] - ends[row]) as usize)
    }

    /// Puts what it has in a row into a text, and tells where that ends there.
    #[inline]
    fn put(&self, row: usize, text: &mut [u8], at: usize) -> usize {
        let at = put(text, at, &self.before, 0, self.length);
        match &self.column {
            Some((values, ends)) => {
                put(text, at, values, ends[row] as usize, ends[row + 1] as usize)
            }
            None => at,
        }
    }
}

/// Parts with the `|` between them.
fn pieces(parts: Vec<Part>) -> Vec<Piece> {
    let piece = |mut before: Vec<u8>, column| {
        let length = before.len();
        before.resize(length.next_multiple_of(STEP), 0);
        Piece { before, length, column }
    };
    let mut pieces = Vec::new();
    let mut before = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            before.push(b'|');
        }
        match part {
            Part::Literal(literal) => before.extend_from_slice(literal.as_bytes()),
            Part::Column(column) => {
                let column = (column.values().clone(), column.offsets().clone());
                pieces.push(piece(std::mem::take(&mut before), Some(column)));
            }
        }
    }
    pieces.push(piece(before, None));
    pieces
}

/// Texts of rows in each of which a column's value is as long as in all others, as hashes are: they
/// differ in these values alone, and the rest of a text need not be put together again.
struct Alike<'a> {
    length: usize,
    columns: Vec<Column<'a>>,
}

/// A column in texts that are alike.
struct Column<'a> {
    /// Where its value is in each text.
    at: usize,
    /// The values, one behind the other.
    values: &'a [u8],
    width: usize,
}

impl<'a> Alike<'a> {
    fn of(pieces: &'a [Piece], rows: usize) -> Option<Self> {
        let (mut length, mut columns) = (0, Vec::new());
        for piece in pieces {
            length += piece.length;
            let Some((values, ends)) = &piece.column else { continue };
            let (first, last) = (*ends.first()?, *ends.get(rows)?);
            let width = ends.get(1).map_or(0, |end| end - first);
            if ends.windows(2).any(|it| it[1] - it[0] != width) {
                return None;
            }
            let values = &values[first as usize..last as usize];
            columns.push(Column { at: length, values, width: width as usize });
            length += width as usize;
        }
        Some(Self { length, columns })
    }

    /// Puts the values of a row into the text of another.
    #[inline]
    fn change(&self, row: usize, text: &mut [u8]) {
        for Column { at, values, width } in &self.columns {
            let (into, from) =
                (&mut text[*at..at + width], &values[row * width..(row + 1) * width]);
            // As long as hashes usually are: copied without a call.
            match width {
                8 => copy::<8>(into, from),
                16 => copy::<16>(into, from),
                32 => copy::<32>(into, from),
                _ => into.copy_from_slice(from),
            }
        }
    }
}

#[inline(always)]
fn copy<const LENGTH: usize>(into: &mut [u8], from: &[u8]) {
    if let (Some(into), Some(from)) = (into.first_chunk_mut::<LENGTH>(), from.first_chunk()) {
        *into = *from;
    }
}

/// What is written into the room for a text.
#[derive(Clone, Copy)]
enum Text {
    /// All of it.
    Whole,
    /// What is not as in the text that had the room before, which is as long.
    Changes,
}

/// Hashes, one behind the other.
struct Hashes {
    settings: HashSettings,
    /// Those that are computed.
    values: Vec<u8>,
    /// Where each ends, also of those that wait for others to be computed with.
    ends: Vec<usize>,
    /// The text that is hashed, where that is done one by one.
    text: Vec<u8>,
    md5: Md5Lanes,
}

impl Hashes {
    fn new(settings: HashSettings, rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        let values = Vec::with_capacity(rows * LONGEST_USUAL);
        Self { settings, values, ends, text: Vec::new(), md5: Md5Lanes::default() }
    }

    fn push_nothing(&mut self) {
        self.push_end(0);
    }

    fn push_end(&mut self, length: usize) {
        self.ends.push(self.ends.last().copied().unwrap_or_default() + length);
    }

    /// Adds the hashes of rows, and none for those that are NULL.
    fn push_each(&mut self, pieces: &[Piece], nulls: Option<&NullBuffer>, rows: usize) {
        for row in 0..rows {
            match nulls.is_some_and(|nulls| nulls.is_null(row)) {
                true => self.push_nothing(),
                false => {
                    let length = pieces.iter().map(|piece| piece.length_of(row)).sum();
                    self.push(length, Text::Whole, |text| put_all(pieces, row, text));
                }
            }
        }
    }

    /// Adds the hashes of rows whose texts are alike.
    fn push_alike(&mut self, alike: &Alike<'_>, pieces: &[Piece], rows: usize) {
        // As many as there are rooms for texts.
        let whole = Md5Lanes::LANES.min(rows);
        for row in 0..whole {
            self.push(alike.length, Text::Whole, |text| put_all(pieces, row, text));
        }
        for row in whole..rows {
            self.push(alike.length, Text::Changes, |text| alike.change(row, text));
        }
    }

    /// Adds the hash of a text of so many bytes, which `write` puts into the room for it.
    #[inline]
    fn push(&mut self, length: usize, text: Text, write: impl FnOnce(&mut [u8])) {
        let mut number = itoa::Buffer::new();
        let hash = match self.settings.algorithm {
            HashAlgorithm::XxHash64 => {
                number.format(xxhash_rust::xxh64::xxh64(self.text(length, write), 0))
            }
            HashAlgorithm::XxHash32 => {
                number.format(xxhash_rust::xxh32::xxh32(self.text(length, write), 0))
            }
            HashAlgorithm::WyHash => number.format(wyhash::wyhash(self.text(length, write), 0)),
            HashAlgorithm::Sha256 => &hex_of(&Sha256::digest(self.text(length, write))),
            HashAlgorithm::Md5 => {
                let is_full = match text {
                    Text::Whole => self.md5.push(length, write),
                    Text::Changes => self.md5.push_changes(write),
                };
                self.push_end(self.md5_length());
                if is_full {
                    self.settle();
                }
                return;
            }
        };
        let hash = self.settings.length.cut(hash);
        self.values.extend_from_slice(hash.as_bytes());
        self.push_end(hash.len());
    }

    /// A text that is hashed by itself.
    fn text(&mut self, length: usize, write: impl FnOnce(&mut [u8])) -> &[u8] {
        let text = room(&mut self.text, 0, length);
        write(text);
        &text[..length]
    }

    /// Characters of an MD5.
    fn md5_length(&self) -> usize {
        self.settings.length.get().map_or(Md5Lanes::HEX, |length| length.min(Md5Lanes::HEX))
    }

    /// Computes what waits.
    fn settle(&mut self) {
        let length = self.md5_length();
        // Those of which nothing is kept are not written.
        let words = length.div_ceil(8);
        let values = &mut self.values;
        self.md5.digest(|digest| {
            let mut hex = [0; Md5Lanes::HEX];
            for (hex, word) in hex.as_chunks_mut::<8>().0.iter_mut().zip(&digest[..words]) {
                *hex = digits_of(word.to_le_bytes());
            }
            // All of it, and back: that many bytes are copied without a call.
            values.extend_from_slice(&hex);
            values.truncate(values.len() - (hex.len() - length));
        });
    }

    fn finish(mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        self.settle();
        let bytes = self.values.len();
        i32::try_from(bytes).map_err(|_| ArrowError::OffsetOverflowError(bytes))?;
        let ends: Vec<i32> = self.ends.iter().map(|end| *end as i32).collect();
        StringArray::try_new(OffsetBuffer::new(ends.into()), Buffer::from_vec(self.values), nulls)
    }
}

/// Room for the hash of a row: all but SHA-256 have no more characters.
const LONGEST_USUAL: usize = 32;

/// A digest in lower hex.
fn hex_of(digest: &[u8]) -> String {
    digest.as_chunks().0.iter().flat_map(|word| digits_of(*word)).map(char::from).collect()
}

/// Four bytes in lower hex: all digits at once, each in a byte of its own.
fn digits_of(bytes: [u8; 4]) -> [u8; 8] {
    let spread = u64::from(u32::from_le_bytes(bytes));
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let digits = (spread >> 4 | spread << 8) & 0x0f0f_0f0f_0f0f_0f0f;
    // One for each digit above 9, which is a letter.
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let letters = letters * u64::from(b'a' - b'0' - 10);
    (digits + 0x3030_3030_3030_3030 + letters).to_le_bytes()
}

#[cfg(test)]
mod tests;
