//! What a project file says, read and not yet checked against any data.

use std::collections::{BTreeMap, BTreeSet};

use metalith_document::Span;
use metalith_expr::{Expr, Type};
use metalith_lifecycle::deletion::Cascade;
use metalith_store::DeletionMode;

/// A project file: where rows come from, what is done to them, and where they go.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The file, as messages call it.
    pub file: String,
    /// What it is called.
    pub name: String,
    /// Places of tables, by id.
    pub datasources: BTreeMap<String, Datasource>,
    /// Places that are declared and could not be read; what was wrong with them is told already.
    pub unreadable: BTreeSet<String>,
    /// Where the working set comes from.
    pub input: TableRef,
    /// Expressions by name, for `{{NAME}}`: selectors and the values of variables.
    pub selectors: BTreeMap<String, Expr>,
    /// What is done, in order.
    pub operations: Vec<Operation>,
}

/// A place of tables.
#[derive(Clone, Debug)]
pub struct Datasource {
    /// Of what kind it is.
    pub kind: SourceKind,
    /// A file, a folder, a pattern of files or an address; of a store or a database the name of
    /// the store.
    pub path: String,
    /// Options of the object storage.
    pub options: BTreeMap<String, String>,
    /// Where it is declared.
    pub span: Span,
}

/// A kind of datasource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Files of rows; `None` for the format that their names end with.
    Files(Option<metalith_ingest::FileFormat>),
    /// Delta tables in a folder or bucket.
    Delta,
    /// Features of a store of the project.
    Store,
    /// Plain tables of the database that a store of the project is in.
    Database,
}

/// A table of a datasource, to be read.
#[derive(Clone, Debug)]
pub struct TableRef {
    /// The datasource.
    pub datasource: String,
    /// The table in it.
    pub table: String,
    /// What expressions call it.
    pub alias: Option<String>,
    /// What its columns are called in the working set, and there; `None` for all of them as they
    /// are.
    pub columns: Option<Vec<(String, String)>>,
    /// What columns are, where the file does not say it well.
    pub types: Vec<(String, Type)>,
    /// Where it is written.
    pub span: Span,
}

impl TableRef {
    /// What expressions call the table.
    pub fn name(&self) -> &str {
        let last = || self.table.rsplit('/').next().unwrap_or(&self.table);
        self.alias.as_deref().unwrap_or_else(last)
    }
}

/// An expression as it was written.
#[derive(Clone, Debug)]
pub struct Text {
    /// What is written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its number: `seq` or `order`.
    pub number: u32,
    /// What it is called in traces.
    pub alias: Option<String>,
    /// What it does.
    pub kind: OperationKind,
    /// Where it is written.
    pub span: Span,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum OperationKind {
    /// Marks rows as deleted.
    Delete(Delete),
    /// Changes columns of rows, or adds columns.
    Update(Update),
    /// Sums rows up.
    Aggregate(Aggregate),
    /// Adds the rows of another table.
    Append(Append),
    /// Adds columns of the rows of another table that have the same key.
    Join(Join),
    /// Writes rows somewhere.
    Output(Output),
    /// Could not be read; what was wrong with it is told already.
    Unreadable,
}

/// Parameters of `delete`.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which active rows; `None` for all.
    pub selector: Option<Text>,
}

/// Parameters of `update`.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which active rows; `None` for all.
    pub selector: Option<Text>,
    /// Columns and their new values; each sees those before it.
    pub assignments: Vec<(String, Text)>,
}

/// Parameters of `aggregate`.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Which active rows; `None` for all.
    pub selector: Option<Text>,
    /// What is computed of each group.
    pub summary: Summary,
    /// What becomes of the result.
    pub into: Becomes,
}

/// Groups and what is computed of each.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Columns whose values make a group; none for one group of all rows.
    pub group_by: Vec<Text>,
    /// Names and expressions over aggregates.
    pub aggregations: Vec<(String, Text)>,
}

/// What becomes of summaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// They take the place of the active rows.
    NewSet,
    /// They are added as rows.
    SummaryRows,
}

/// Parameters of `append`.
#[derive(Clone, Debug)]
pub struct Append {
    /// Where the rows come from.
    pub input: TableRef,
    /// Which of them; `None` for all.
    pub selector: Option<Text>,
    /// What is appended in their place.
    pub summary: Option<Summary>,
}

/// Parameters of `join`.
#[derive(Clone, Debug)]
pub struct Join {
    /// Where the columns come from.
    pub input: TableRef,
    /// Pairs of a column of the working set and one of the other table.
    pub on: Vec<(String, String)>,
    /// What becomes of rows without a match.
    pub how: JoinKind,
    /// Names in the working set and columns of the other table; `None` for all that are no key.
    pub columns: Option<Vec<(String, String)>>,
}

/// What becomes of rows without a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// They stay, with NULL.
    Left,
    /// They leave the working set.
    Inner,
}

/// Parameters of `output`.
#[derive(Clone, Debug)]
pub struct Output {
    /// The datasource.
    pub datasource: String,
    /// The table in it.
    pub table: String,
    /// Where the destination is written.
    pub span: Span,
    /// Whether deleted rows are written as well.
    pub include_deleted: bool,
    /// Which rows; applied to what `include_deleted` leaves.
    pub selector: Option<Text>,
    /// Names to write and columns of the working set; `None` for all.
    pub columns: Option<Vec<(String, String)>>,
    /// Whether `_row_id`, `_deleted` and `_modified_at` are written; `None` for as deleted rows are.
    pub metadata: Option<bool>,
    /// What becomes of what is there.
    pub mode: Option<OutputMode>,
    /// How samples of a feature are deleted.
    pub deletion: Deletion,
    /// Fields of a feature and the columns that say when their content changes.
    pub versions: Vec<(String, String)>,
}

/// How samples of a feature are deleted.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// So that they can be restored, or for good.
    pub mode: DeletionMode,
    /// What is taken along.
    pub cascade: Cascade,
    /// Why.
    pub reason: Option<String>,
}

/// What becomes of what is at a destination already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputMode {
    /// It stays.
    Append,
    /// It goes.
    Replace,
    /// Samples whose rows were deleted in the pipeline are deleted there.
    Delete,
}

impl OperationKind {
    /// The name, as files write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delete(_) => "delete",
            Self::Update(_) => "update",
            Self::Aggregate(_) => "aggregate",
            Self::Append(_) => "append",
            Self::Join(_) => "join",
            Self::Output(_) => "output",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Operation {
    /// How messages call it: `operation 3 (delete)`.
    pub fn title(&self) -> String {
        match self.kind {
            OperationKind::Unreadable => format!("operation {}", self.number),
            _ => format!("operation {} ({})", self.number, self.kind.name()),
        }
    }
}

impl OutputMode {
    /// The name, as files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}
