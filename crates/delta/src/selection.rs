//! Which rows of a data file are wanted, as Parquet asks for them.

use std::ops::Range;

use datafusion::arrow::{array::BooleanBufferBuilder, buffer::BooleanBuffer};
use parquet::{
    arrow::arrow_reader::{RowSelection, RowSelector},
    file::metadata::ParquetMetaData,
};

/// Row groups with something wanted in them, and the rows wanted of these, all if `None`.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) row_groups: Vec<usize>,
    pub(crate) rows: Option<RowSelection>,
}

impl Selection {
    /// Rows in `range` that `mask`, which is about all rows of the file, has a one for.
    pub(crate) fn new(
        footer: &ParquetMetaData,
        range: Range<usize>,
        mask: Option<&BooleanBuffer>,
    ) -> Self {
        let mut row_groups = Vec::new();
        let mut wanted: Vec<Range<usize>> = Vec::new();
        let mut covered: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for (index, group) in footer.row_groups().iter().enumerate() {
            let rows = usize::try_from(group.num_rows()).unwrap_or_default();
            let group = start..start + rows;
            start = group.end;
            let part = group.start.max(range.start)..group.end.min(range.end);
            let any = part.start < part.end
                && mask.is_none_or(|mask| mask.slice(part.start, part.len()).has_true());
            if any {
                row_groups.push(index);
                wanted.push(part);
                covered.push(group);
            }
        }
        let rows = match mask {
            Some(mask) => Some(RowSelection::from_boolean_buffer(masked(mask, &wanted, &covered))),
            None if wanted == covered => None,
            None => Some(ranged(&wanted, &covered)),
        };
        Self { row_groups, rows }
    }
}

/// The part of the mask over the row groups that are read, with zeros outside of what is wanted.
fn masked(
    mask: &BooleanBuffer,
    wanted: &[Range<usize>],
    covered: &[Range<usize>],
) -> BooleanBuffer {
    let mut joined = BooleanBufferBuilder::new(covered.iter().map(Range::len).sum());
    for (wanted, covered) in wanted.iter().zip(covered) {
        joined.append_n(wanted.start - covered.start, false);
        joined.append_buffer(&mask.slice(wanted.start, wanted.len()));
        joined.append_n(covered.end - wanted.end, false);
    }
    joined.finish()
}

fn ranged(wanted: &[Range<usize>], covered: &[Range<usize>]) -> RowSelection {
    let mut selectors = Vec::new();
    for (wanted, covered) in wanted.iter().zip(covered) {
        selectors.push(RowSelector::skip(wanted.start - covered.start));
        selectors.push(RowSelector::select(wanted.len()));
        selectors.push(RowSelector::skip(covered.end - wanted.end));
    }
    RowSelection::from(selectors)
}
