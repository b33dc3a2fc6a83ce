//! Copying a feature from another store.
//!
//! Rows travel as they are: versions, times, tombstones. A row that is in the target already is not
//! copied again, whoever brought it there, so a copy that was interrupted is simply done again, and
//! a copy of a store that has grown brings what is new. Rows are compared by SHA-256 over all of
//! their values, and afterwards every row of the source has been seen in the target; what a place knows
//! of a column without reading it, such as that it is the same as another, is taken as it says.

mod digests;

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{BooleanArray, RecordBatch},
        compute::filter_record_batch,
        datatypes::{Schema, SchemaRef},
    },
    logical_expr::{LogicalPlan, LogicalPlanBuilder},
};
use futures::StreamExt as _;
use metalith_base::FeatureKey;
use metalith_expr::Expr;
use metalith_graph::FeatureGraph;

use self::digests::{Digester, Digests};
use crate::{
    CommitNote, OverFallback, PlaceProblem, ReadOptions, Rows, Store, StoreError, Table,
    chunk_scan::Selection, evolution::merge_schemas, expected::scan, retry::until_undisturbed,
};

/// What to copy of a feature. The default copies current rows.
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Conditions that rows must meet, all of them.
    pub filters: Vec<Expr>,
    /// Rows of every feature version.
    pub feature_history: bool,
    /// Every row of a sample, deleted ones included, so that the copy has the same history.
    pub sample_history: bool,
    /// What about samples that the target reads from a store further down its fallback chain.
    pub over_fallback: OverFallback,
}

impl CopyOptions {
    /// Every row that there is.
    pub fn everything() -> Self {
        Self { feature_history: true, sample_history: true, ..Self::default() }
    }

    /// Whether every row is asked for. Then nothing need be known of the feature.
    pub fn is_everything(&self) -> bool {
        self.filters.is_empty() && self.feature_history && self.sample_history
    }
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReceipt {
    /// How many rows were added.
    pub rows: u64,
    /// How many were there already.
    pub already: u64,
    /// A hash over all rows that were asked for, in whatever order: the same for the same rows.
    pub digest: String,
}

impl Store {
    /// Adds the rows of a feature in another store to this one, as they are, in one commit, but for
    /// those that are here already. Then reads them back and compares.
    ///
    /// Both stores must hash alike. What the other store falls back to is not looked at.
    pub async fn copy_from(
        &self,
        source: &Self,
        graph: &FeatureGraph,
        feature: &FeatureKey,
        options: &CopyOptions,
    ) -> Result<CopyReceipt, StoreError> {
        self.require_write()?;
        if source.hash() != self.hash() {
            let problem = PlaceProblem::OtherHash { stored: source.hash(), asked: self.hash() };
            return Err(StoreError::Place { location: source.location(), problem });
        }
        if options.over_fallback == OverFallback::Refuse {
            self.refuse_hiding(graph, feature).await?;
        }
        let source = source.alone();
        let wanted = match options.is_everything() {
            true => all_rows(feature, source.require_own_table(feature).await?)?,
            false => {
                let read = ReadOptions {
                    filters: options.filters.clone(),
                    feature_history: options.feature_history,
                    sample_history: options.sample_history,
                    include_deleted: options.sample_history,
                    ..ReadOptions::default()
                };
                source.visible_rows(graph, feature, &read).await?
            }
        };
        self.copy_rows(&source, feature, wanted).await
    }

    /// Adds the rows of a system table of another store that are not here yet.
    pub async fn copy_system(
        &self,
        source: &Self,
        table: &FeatureKey,
    ) -> Result<CopyReceipt, StoreError> {
        self.require_write()?;
        match source.backend().open_table(table).await? {
            Some(found) => self.copy_rows(source, table, all_rows(table, found)?).await,
            None => Ok(CopyReceipt { rows: 0, already: 0, digest: Digests::default().to_string() }),
        }
    }

    async fn copy_rows(
        &self,
        source: &Self,
        feature: &FeatureKey,
        wanted: LogicalPlan,
    ) -> Result<CopyReceipt, StoreError> {
        let copy = Copy { target: self, source, feature, wanted: &wanted };
        until_undisturbed(|| copy.run()).await
    }
}

/// Every row of a table.
fn all_rows(feature: &FeatureKey, table: Arc<dyn Table>) -> Result<LogicalPlan, StoreError> {
    let selection = Selection::all(table.as_ref());
    scan(table, selection)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| StoreError::engine(feature.as_str(), error))
}

/// One attempt to copy.
#[derive(Clone, Copy)]
struct Copy<'a> {
    target: &'a Store,
    source: &'a Store,
    feature: &'a FeatureKey,
    /// The rows of the source, of one state of its table.
    wanted: &'a LogicalPlan,
}

impl Copy<'_> {
    async fn run(self) -> Result<CopyReceipt, StoreError> {
        let before = self.target.backend().open_table(self.feature).await?;
        let digester = self.digester(before.as_deref())?;
        let wanted = self.wanted(&digester).await?;
        let missing = wanted.without(&self.present(&digester, before.clone()).await?);
        let receipt = CopyReceipt {
            rows: missing.rows(),
            already: wanted.rows() - missing.rows(),
            digest: wanted.to_string(),
        };
        if missing.rows() == 0 && before.is_some() {
            return Ok(receipt);
        }
        let note = CommitNote::new("copy").with("from", self.source.location());
        let note = note.by(self.target.actor());
        let note = match &before {
            Some(table) => note.only_at(table.version()),
            None => note.only_new(),
        };
        let rows = self.rows().await?;
        let rows = only(rows, digester, missing);
        self.target.append(self.feature, rows, note).await?;
        self.verify().await?;
        Ok(receipt)
    }

    /// What makes rows of both sides comparable.
    fn digester(self, table: Option<&dyn Table>) -> Result<Digester, StoreError> {
        let wanted = self.wanted.schema().as_arrow();
        let schema = match table {
            Some(table) => merge_schemas(&table.schema(), wanted)
                .map_err(|problem| StoreError::rows(self.feature, problem))?,
            None => Arc::new(wanted.clone()),
        };
        Digester::new(&schema)
    }

    async fn rows(self) -> Result<Rows, StoreError> {
        self.source.run(self.wanted.clone(), self.feature.as_str()).await
    }

    async fn wanted(self, digester: &Digester) -> Result<Digests, StoreError> {
        digester.digests(self.rows().await?).await
    }

    async fn present(
        self,
        digester: &Digester,
        table: Option<Arc<dyn Table>>,
    ) -> Result<Digests, StoreError> {
        let Some(table) = table else { return Ok(Digests::default()) };
        let rows = all_rows(self.feature, table)?;
        digester.digests(self.target.run(rows, self.feature.as_str()).await?).await
    }

    /// Reads the target again, which must have every row of the source.
    async fn verify(self) -> Result<(), StoreError> {
        let table = self.target.require_own_table(self.feature).await?;
        let digester = self.digester(Some(table.as_ref()))?;
        let wanted = self.wanted(&digester).await?;
        let lost = wanted.without(&self.present(&digester, Some(table)).await?);
        if lost.rows() == 0 {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            feature: self.feature.clone(),
            location: self.target.location(),
            detail: format!("{} of {} copied rows do not read back", lost.rows(), wanted.rows()),
        })
    }
}

/// Of some rows those that are counted in `missing`, each as often as it is there.
fn only(rows: Rows, digester: Digester, mut missing: Digests) -> Rows {
    let schema: SchemaRef = Arc::new(nullable(&rows.schema()));
    let form = SchemaRef::clone(&schema);
    let chosen = rows.into_stream().map(move |batch| {
        let batch = batch?;
        let digests = digester.of_batch(&batch)?;
        let mask: BooleanArray = digests.into_iter().map(|it| Some(missing.take(it))).collect();
        let chosen = filter_record_batch(&batch, &mask).map_err(StoreError::arrow)?;
        RecordBatch::try_new(SchemaRef::clone(&form), chosen.columns().to_vec())
            .map_err(StoreError::arrow)
    });
    Rows::new(schema, chosen)
}

fn nullable(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|it| it.as_ref().clone().with_nullable(true));
    Schema::new(fields.collect::<Vec<_>>())
}
