//! Columns that count, as ids often do: then a reader knows all values from a few.

use std::collections::BTreeMap;

use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, types::Int64Type},
    datatypes::DataType,
};
use metalith_store::Run;

/// A run that is shorter, on the average, is not worth telling.
const RUN_ROWS: usize = 1024;

/// The columns of some rows which consist of a few [runs](Run), by their names.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) rows: usize,
    pub(crate) columns: BTreeMap<String, Vec<Run>>,
}

impl Counted {
    /// About so many rows nothing is known yet.
    pub(super) fn of(rows: usize) -> Self {
        Self { rows, columns: BTreeMap::new() }
    }

    /// Takes note of a column of the rows, which comes in pieces.
    pub(super) fn look_at(&mut self, name: &str, pieces: &[ArrayRef]) {
        let most = self.rows / RUN_ROWS + 1;
        let mut runs: Vec<Run> = Vec::new();
        let (mut row, mut next) = (0, None);
        for piece in pieces {
            if *piece.data_type() != DataType::Int64 || piece.null_count() > 0 {
                return;
            }
            for part in piece.as_primitive::<Int64Type>().values().chunks(RUN_ROWS) {
                let counts = |pair: &[i64]| pair[1] == pair[0].wrapping_add(1);
                if next != Some(part[0]) {
                    runs.push(Run { row, first: part[0] });
                }
                // Most often there is nothing to be found within.
                if !part.windows(2).fold(true, |all, pair| all & counts(pair)) {
                    let breaks = (1..part.len()).filter(|at| !counts(&part[at - 1..=*at]));
                    runs.extend(breaks.map(|at| Run { row: row + at, first: part[at] }));
                }
                if runs.len() > most {
                    return;
                }
                row += part.len();
                next = Some(part[part.len() - 1].wrapping_add(1));
            }
        }
        if !runs.is_empty() {
            self.columns.insert(name.to_owned(), runs);
        }
    }

    /// Takes note of rows that come after these.
    pub(super) fn append(&mut self, after: Self) {
        let before = self.rows;
        self.rows += after.rows;
        if before == 0 {
            self.columns = after.columns;
            return;
        }
        let mut after = after.columns;
        self.columns.retain(|name, runs| {
            let Some(more) = after.remove(name) else { return false };
            let more = more.into_iter().map(|run| Run { row: before + run.row, ..run });
            for run in more {
                if runs.last().is_none_or(|last| last.at(run.row) != run.first) {
                    runs.push(run);
                }
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int32Array, Int64Array};

    use super::*;

    fn column(values: impl IntoIterator<Item = i64>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(values))
    }

    fn runs_of(groups: &[Vec<ArrayRef>]) -> Option<Vec<Run>> {
        let mut all = Counted::default();
        for pieces in groups {
            let mut group = Counted::of(pieces.iter().map(|it| it.len()).sum());
            group.look_at("id", pieces);
            all.append(group);
        }
        all.columns.remove("id")
    }

    /// What runs tell is what was there, at the ends of what a number can be, too.
    #[test]
    fn runs_tell_all_values() {
        let stories: Vec<Vec<Vec<ArrayRef>>> = vec![
            vec![vec![column(7..5000)]],
            vec![vec![column(0..3000), column(3000..4000)], vec![column(4000..9000)]],
            vec![vec![column((0..2000).chain(100_000..102_000).chain(2000..2048))]],
            vec![vec![column(-5..4000)], vec![column(0..5000)], vec![column([9])]],
            vec![vec![column(i64::MAX - 3000..=i64::MAX), column(i64::MIN..i64::MIN + 3000)]],
            vec![vec![column([5])], vec![column([6])], vec![column([5])]],
        ];
        for groups in stories {
            let runs = runs_of(&groups).expect("they count");
            let values = groups
                .iter()
                .flatten()
                .flat_map(|it| it.as_primitive::<Int64Type>().values().to_vec());
            for (row, value) in values.enumerate() {
                let run = runs[runs.partition_point(|run| run.row <= row) - 1];
                assert_eq!(run.at(row), value, "row {row}");
            }
        }
    }

    #[test]
    fn what_hardly_counts_is_not_told() {
        let hole: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let narrow: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        assert_eq!(runs_of(&[vec![column((0..5000).map(|it| it * 2))]]), None);
        assert_eq!(runs_of(&[vec![column(0..5000)], vec![column([3, 2, 1])]]), None);
        assert_eq!(runs_of(&[vec![hole]]), None);
        assert_eq!(runs_of(&[vec![narrow]]), None);
        assert_eq!(runs_of(&[vec![column([])]]), None);
    }
}
