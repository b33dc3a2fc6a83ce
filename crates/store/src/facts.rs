//! What places know of rows without reading them.

use datafusion::arrow::array::ArrayRef;

/// What is known of a chunk without reading its rows. Whatever is said holds; nothing needs to be.
#[derive(Clone, Debug, Default)]
pub struct ChunkFacts {
    /// The write that the rows are of, if that [said](crate::CommitNote::distinct) how its rows differ.
    pub distinct: Option<Distinct>,
    /// Of each column that was asked about, in that order.
    pub columns: Vec<ColumnFacts>,
}

/// What is known of a part of a chunk without reading its rows.
#[derive(Clone, Debug, Default)]
pub struct PartFacts {
    /// How many rows it has.
    pub rows: usize,
    /// Of each column that was asked about, in that order.
    pub columns: Vec<ColumnFacts>,
}

/// Rows of one write that all differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    /// The write, by a name that no other has.
    pub write: String,
    /// Which part of it the chunk holds, from 0.
    pub part: u32,
    /// No two rows of the write are equal in all of these columns, and none has a NULL there.
    pub columns: Vec<String>,
}

/// What is known of a column of a chunk.
#[derive(Clone, Debug, Default)]
pub struct ColumnFacts {
    /// How many values are NULL.
    pub nulls: Option<usize>,
    /// Two values of the column's type: no value is less than the first, none greater than the
    /// second, as Arrow's row format orders them. They need not occur.
    pub bounds: Option<ArrayRef>,
    /// If the values are numbers of 64 bits that mostly count, the runs of which they consist, from
    /// row 0 on.
    pub runs: Option<Vec<Run>>,
}

/// Rows, up to the next run, in which each value is one more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of the rows.
    pub row: usize,
    /// Its value.
    pub first: i64,
}

impl Run {
    /// The value of one of the rows. After the greatest number comes the least.
    pub fn at(&self, row: usize) -> i64 {
        self.first.wrapping_add(row as i64).wrapping_sub(self.row as i64)
    }
}
