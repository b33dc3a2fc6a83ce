//! Increments that are found where the rows are.
//!
//! A place that computes, such as a database, may take a whole resolve over: it is asked a
//! [`Question`], which says in plain data what else would be planned and run here, and answers with
//! the increment alone. It answers exactly what would be found here, or says why it does not; then
//! the increment is found here.

mod question;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::{
    array::{ArrayRef, RecordBatch, StructArray},
    datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef},
};
use metalith_expr::Typed;
use metalith_graph::columns;

pub(crate) use self::question::{Unasked, question};
use crate::{Extent, Frame, HashSettings, Increment, StoreError, Table};

/// What finds increments where the rows are.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Answers exactly, or not at all.
    async fn resolve(&self, question: &Question) -> Result<Answer, StoreError>;
}

/// Where increments are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    /// Where the rows are, if that can be done exactly; else here.
    #[default]
    Native,
    /// Here.
    Here,
}

/// How an increment was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Computed {
    /// Where the rows are.
    Native {
        /// What was run there.
        statements: Vec<String>,
    },
    /// Here.
    Here {
        /// Why not where the rows are, if these are in a place that computes.
        because: Option<String>,
        /// The plan of what is expected, if it was [asked for](crate::ResolveOptions::explain).
        plan: Option<String>,
    },
}

/// What a resolve is to find: rows that are expected, and what is stored of them.
#[derive(Debug)]
pub struct Question {
    /// How samples are hashed.
    pub hash: HashSettings,
    /// What the rows are computed from, in the order in which it is joined: required upstreams,
    /// then optional ones. The first is joined with nothing; a required one with an inner join, an
    /// optional one with a left join, or with a full join if all are optional.
    pub upstreams: Vec<Upstream>,
    /// The columns of expected rows, with the types that they are stored in. First come the keys
    /// that upstreams are joined by and that expected rows are compared by.
    pub columns: Vec<FieldRef>,
    /// How many of the columns are keys.
    pub keys: usize,
    /// How each field is hashed.
    pub fields: Vec<FieldHash>,
    /// The hash of a sample is that of the hashes of its fields in this order.
    pub order: Vec<usize>,
    /// What expected rows are compared with; `None` if all of them are new.
    pub stored: Option<Stored>,
}

/// Current rows of a table: per id the one with the latest time, unless it is deleted, among those
/// of the feature's version.
#[derive(Debug)]
pub struct Current {
    /// The table.
    pub table: Arc<dyn Table>,
    /// The columns of ids.
    pub ids: Vec<usize>,
    /// The column by which samples say that they count.
    pub active: Option<usize>,
    /// The version whose rows count.
    pub feature_version: String,
    /// What the rows must meet.
    pub conditions: Vec<Condition>,
}

/// A condition on rows of a table.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What is to hold.
    pub what: Typed,
    /// The column of the table that each column in it is.
    pub columns: Arc<[usize]>,
}

/// An upstream, ready to be joined.
#[derive(Debug)]
pub struct Upstream {
    /// Its rows.
    pub rows: Current,
    /// The columns that go on, as columns of the table and by the names they get.
    pub columns: Vec<(usize, String)>,
    /// What rows must meet beyond the conditions on current rows.
    pub conditions: Vec<Condition>,
    /// The ids, by the names they get.
    pub ids: Vec<String>,
    /// The columns of a group, if a row's values are to be the hash of its group's: of the values
    /// that are not NULL, ordered by the ids and joined with `|`, or of no text at all.
    pub group: Option<Vec<String>>,
    /// The members of the data versions by field that go into hashes.
    pub values: Vec<String>,
    /// Whether rows go on without it.
    pub optional: bool,
}

/// How a field is hashed.
#[derive(Debug)]
pub struct FieldHash {
    /// What it is called among the versions by field.
    pub member: String,
    /// What is joined with `|`. A part that is NULL makes the hash NULL.
    pub parts: Vec<HashPart>,
}

/// A part of the text that is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashPart {
    /// A text.
    Text(String),
    /// A value of an upstream, by the places of both.
    Value(usize, usize),
    /// The same; no text at all where there is none.
    OptionalValue(usize, usize),
}

/// The rows that are stored.
#[derive(Debug)]
pub struct Stored {
    /// The rows.
    pub rows: Current,
    /// The columns that answer to the keys.
    pub keys: Vec<usize>,
    /// Several rows may answer to one expected row: the newest of them does, of equally new ones the
    /// one with the greatest ids. It is stale if any of them is.
    pub collapse: bool,
    /// The columns that orphaned rows have.
    pub shown: Vec<usize>,
    /// A row for which one of these holds is stale.
    pub stale_if: Vec<Condition>,
}

/// What a place that computes says to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// The increment.
    Found(Found),
    /// Why it is to be found here.
    Declined(String),
}

/// An increment, as a place found it.
#[derive(Debug)]
pub struct Found {
    /// New rows: the columns, the hash of each field, the hash of the sample.
    pub new: Vec<RecordBatch>,
    /// Stale rows, likewise; as often as they are stored.
    pub stale: Vec<RecordBatch>,
    /// Orphaned rows.
    pub orphaned: Vec<RecordBatch>,
    /// Those of them that are expected from some version of the upstreams.
    pub waiting: Vec<RecordBatch>,
    /// What was run.
    pub statements: Vec<String>,
}

impl Question {
    /// The columns of new and stale rows in an answer.
    pub fn answer_columns(&self) -> SchemaRef {
        let hashes = self.fields.iter().enumerate().map(|(index, _)| format!("__field_{index}"));
        let hashes = hashes.chain([columns::PROVENANCE.to_owned()]);
        let hashes = hashes.map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
        let all: Vec<FieldRef> = self.columns.iter().cloned().chain(hashes).collect();
        Arc::new(Schema::new(all))
    }

    /// An answer as an increment.
    pub(crate) fn increment(&self, found: Found) -> Result<Increment, StoreError> {
        let members = self.fields.iter().map(|it| Field::new(&it.member, DataType::Utf8, true));
        let members: Fields = members.collect();
        let by_field = DataType::Struct(members.clone());
        let versions = [&by_field, &DataType::Utf8, &by_field, &DataType::Utf8];
        let versions = columns::VERSIONS.into_iter().zip(versions);
        let versions = versions.map(|(name, of)| Arc::new(Field::new(name, of.clone(), true)));
        let fields: Vec<FieldRef> = self.columns.iter().cloned().chain(versions).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let expected = |batch: &RecordBatch| {
            let (columns, hashes) = batch.columns().split_at(self.columns.len());
            let (fields, whole) = hashes.split_at(self.fields.len());
            let by_field = StructArray::try_new(members.clone(), fields.to_vec(), None)?;
            let by_field: ArrayRef = Arc::new(by_field);
            let mut all = columns.to_vec();
            for _ in 0..2 {
                all.push(Arc::clone(&by_field));
                all.extend(whole.iter().cloned());
            }
            RecordBatch::try_new(SchemaRef::clone(&schema), all)
        };
        let frame = |batches: &[RecordBatch]| {
            let batches = batches.iter().map(expected).collect::<Result<Vec<_>, _>>();
            let batches = batches.map_err(StoreError::arrow)?;
            Ok::<_, StoreError>(Frame { schema: SchemaRef::clone(&schema), batches })
        };
        let shown = match &self.stored {
            Some(stored) => {
                let all = crate::chunk_scan::nullable(&stored.rows.table.schema());
                Arc::new(all.project(&stored.shown).map_err(StoreError::arrow)?)
            }
            None => SchemaRef::clone(&schema),
        };
        let stored = |batches| Frame { schema: SchemaRef::clone(&shown), batches };
        Ok(Increment {
            new: frame(&found.new)?,
            stale: frame(&found.stale)?,
            orphaned: stored(found.orphaned),
            waiting: stored(found.waiting),
            extent: Extent::All,
            computed: Computed::Native { statements: found.statements },
        })
    }
}
