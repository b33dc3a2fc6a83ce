//! Outputs while they are filled, beside their places.

use std::{fs, path::Path, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use metalith_ingest::{CompleteFile, FileFormat, RowWriter};
use metalith_store::Frame;

use super::kept::Kept;
use crate::{
    PipelineError,
    bind::{Before, Destination, FileDestination, OutputStep},
    input::fit,
    model::OutputMode,
};

/// An output that is being filled.
pub(super) struct Sink {
    destination: Destination,
    mode: OutputMode,
    schema: SchemaRef,
    shown: String,
    /// What is the same for two spellings of its place.
    identity: String,
    /// The operation that it is of.
    operation: String,
    content: Content,
    /// Ids of rows that stay, where samples are deleted.
    kept: Kept,
    /// How many rows were written to it.
    rows: u64,
    /// A folder for what goes elsewhere in the end.
    folder: Option<Arc<tempfile::TempDir>>,
}

enum Content {
    File(RowWriter),
    Memory(Vec<RecordBatch>),
    /// Rows are only counted.
    Nothing,
}

/// Whether rows are kept anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// As the destination says.
    Rows,
    /// Only their number, in a rehearsal.
    Counts,
}

/// An output with all its rows, which has not taken its place yet.
pub(crate) struct Filled {
    pub(crate) operation: String,
    pub(crate) shown: String,
    pub(crate) mode: OutputMode,
    pub(crate) rows: u64,
    /// What is the same for two spellings of its place.
    pub(super) identity: String,
    pub(super) destination: Destination,
    pub(super) content: Complete,
    _folder: Option<Arc<tempfile::TempDir>>,
}

pub(super) enum Complete {
    File(CompleteFile),
    Memory(Frame),
    Nothing,
}

impl Sink {
    pub(super) fn open(
        output: &OutputStep,
        operation: &str,
        keeping: Keeping,
    ) -> Result<Self, PipelineError> {
        let schema = SchemaRef::clone(&output.schema);
        let mut folder = None;
        let content = match (&output.destination, output.mode) {
            // Ids of what is deleted are few against what is written.
            (_, OutputMode::Delete) | (Destination::Memory, _) => Content::Memory(Vec::new()),
            _ if keeping == Keeping::Counts => Content::Nothing,
            (Destination::File(file), _) => {
                let FileDestination { path, format, before, .. } = file.as_ref();
                let failed = |source| failed_file(path, source);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(failed)?;
                }
                let form = Arc::clone(before.as_ref().map_or(&schema, |it| &it.form));
                Content::File(match before {
                    // Text is never read and written again: 007 would become 7.
                    Some(_) if format.is_text() => RowWriter::append(path, form, *format)?,
                    Some(Before { file, .. }) => {
                        let mut writer = RowWriter::create(path, form, *format)?;
                        let rows = file.rows()?.into_stream();
                        for batch in futures::executor::block_on_stream(rows) {
                            writer.write(&batch?)?;
                        }
                        writer
                    }
                    None => RowWriter::create(path, form, *format)?,
                })
            }
            (Destination::Object(object), _) => {
                Content::File(Self::aside(&mut folder, &schema, object.format)?)
            }
            (Destination::Delta(_) | Destination::Feature(_) | Destination::Plain(_), _) => {
                Content::File(Self::aside(&mut folder, &schema, FileFormat::Parquet)?)
            }
        };
        Ok(Self {
            destination: output.destination.clone(),
            mode: output.mode,
            schema,
            shown: output.shown.clone(),
            identity: output.identity.clone(),
            operation: operation.to_owned(),
            content,
            kept: Kept::new(&output.ids),
            rows: 0,
            folder,
        })
    }

    /// A file for rows that go somewhere else in one piece.
    fn aside(
        folder: &mut Option<Arc<tempfile::TempDir>>,
        schema: &SchemaRef,
        format: FileFormat,
    ) -> Result<RowWriter, PipelineError> {
        let made = tempfile::tempdir().map_err(|it| failed_file(Path::new("a folder"), it))?;
        let path = made.path().join(format!("rows.{}", format.ending()));
        *folder = Some(Arc::new(made));
        Ok(RowWriter::create(&path, Arc::clone(schema), format)?)
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), PipelineError> {
        self.rows += rows.num_rows() as u64;
        match &mut self.content {
            Content::Memory(batches) => batches.push(rows.clone()),
            Content::Nothing => {}
            Content::File(writer) => {
                if let Destination::File(file) = &self.destination
                    && let Some(before) = &file.before
                {
                    let fitted = fit(rows, &before.form);
                    let fitted = fitted.map_err(|it| PipelineError::arrow(&self.operation, it))?;
                    writer.write(&fitted)?;
                } else {
                    writer.write(rows)?;
                }
            }
        }
        Ok(())
    }

    /// Notes ids of rows that stay.
    pub(super) fn keep(&mut self, ids: Vec<u64>) -> Result<(), PipelineError> {
        self.kept.add(ids).map_err(|it| failed_file(Path::new("a temporary file"), it))
    }

    /// Ends it.
    pub(super) fn fill(self) -> Result<Filled, PipelineError> {
        let Self { destination, mode, schema, shown, identity, kept, .. } = self;
        let Self { operation, content, rows, folder, .. } = self;
        if let Content::Memory(deleted) = &content {
            let found = kept.contradiction(deleted);
            if let Some(id) = found.map_err(|it| PipelineError::arrow(&operation, it))? {
                return Err(PipelineError::StillActive { operation, place: shown, id });
            }
        }
        let content = match content {
            Content::File(writer) => Complete::File(writer.complete()?),
            Content::Nothing => Complete::Nothing,
            Content::Memory(batches) => Complete::Memory(Frame { schema, batches }),
        };
        Ok(Filled { operation, shown, mode, rows, identity, destination, content, _folder: folder })
    }
}

fn failed_file(path: &Path, source: std::io::Error) -> PipelineError {
    PipelineError::File { action: "write", path: path.to_path_buf(), source }
}
