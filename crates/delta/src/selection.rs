//! Which rows of a data file are wanted, as Parquet asks for them.

use std::{collections::VecDeque, ops::Range};

use datafusion::arrow::{array::BooleanBufferBuilder, buffer::BooleanBuffer};
use parquet::{
    arrow::arrow_reader::{RowSelection, RowSelectionPolicy, RowSelector},
    file::metadata::ParquetMetaData,
};

/// Row groups with something wanted in them, and the rows wanted of these, all if `None`.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) row_groups: Vec<usize>,
    pub(crate) rows: Option<RowSelection>,
    /// How to read these of what is covered.
    pub(crate) policy: RowSelectionPolicy,
    /// What is wanted, in places of the file, and what of that.
    wanted: Vec<Range<usize>>,
    mask: Option<BooleanBuffer>,
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
        let policy = policy(rows.as_ref(), covered.iter().map(Range::len).sum());
        Self { row_groups, rows, policy, wanted, mask: mask.cloned() }
    }

    /// Where the wanted rows are in the file, in their order.
    pub(crate) fn places(&self) -> Places {
        let wanted = self.wanted.iter().cloned();
        let runs = match &self.mask {
            None => wanted.collect(),
            Some(mask) => wanted
                .flat_map(|range| {
                    let part = mask.slice(range.start, range.len());
                    let runs =
                        part.set_slices().map(|(from, to)| range.start + from..range.start + to);
                    runs.collect::<Vec<_>>()
                })
                .collect(),
        };
        Places { runs }
    }
}

/// Where more than so many rows are covered for each that is wanted, the others are skipped one run at
/// a time. Otherwise Parquet may decode all of them up to the last of a batch before it takes those
/// that are wanted, which of rows that lie far apart would be far more than a batch.
const SPARSE: usize = 4;

fn policy(rows: Option<&RowSelection>, covered: usize) -> RowSelectionPolicy {
    match rows.is_some_and(|rows| rows.row_count() < covered / SPARSE) {
        true => RowSelectionPolicy::Selectors,
        false => RowSelectionPolicy::default(),
    }
}

/// Places of rows in a file, of which some are taken at a time.
#[derive(Debug, Default)]
pub(crate) struct Places {
    runs: VecDeque<Range<usize>>,
}

impl Places {
    /// The next ones, as many if there are as many.
    pub(crate) fn take(&mut self, mut count: usize) -> Vec<Range<usize>> {
        let mut taken = Vec::new();
        while count > 0
            && let Some(run) = self.runs.front_mut()
        {
            let end = run.end.min(run.start + count);
            count -= end - run.start;
            taken.push(run.start..end);
            run.start = end;
            if run.start == run.end {
                self.runs.pop_front();
            }
        }
        taken
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of rows that lie far apart must not take the memory of all that lies between them.
    #[test]
    fn rows_that_lie_far_apart_are_not_decoded_with_those_between() {
        let of_every = |nth: usize| {
            let mask = BooleanBuffer::collect_bool(100_000, |row| row % nth == 0);
            policy(Some(&RowSelection::from_boolean_buffer(mask)), 100_000)
        };
        for nth in [5, 41, 1000] {
            assert_eq!(of_every(nth), RowSelectionPolicy::Selectors, "{nth}");
        }
        assert_eq!(of_every(2), RowSelectionPolicy::default());
        assert_eq!(policy(None, 100_000), RowSelectionPolicy::default());
    }
}
