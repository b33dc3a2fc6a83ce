//! `output`: where rows go.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use metalith_base::FeatureKey;
use metalith_document::Span;
use metalith_graph::columns;
use metalith_ingest::{FileFormat, RowFile, VersionColumn};
use metalith_objects::{ObjectLocation, OpenedLocation};
use metalith_store::{Backend, DeletionMode, is_lossless};

use super::{Binder, refused};
use crate::{
    PipelineError,
    error::Mistake,
    files,
    input::{Unusable, delta_table, feature_key, known_feature, open_files},
    model::{Datasource, Deletion, Output, OutputMode, SourceKind, TableRef},
    working::{Evaluator, METADATA, metadata_fields},
};

/// `output`, ready to run.
pub(crate) struct OutputStep {
    pub(crate) include_deleted: bool,
    pub(crate) selector: Option<Evaluator>,
    /// The columns that are written, in the order of a scope.
    pub(crate) columns: Vec<usize>,
    /// What they are called there.
    pub(crate) schema: SchemaRef,
    pub(crate) mode: OutputMode,
    pub(crate) destination: Destination,
    /// As a person would write it.
    pub(crate) shown: String,
    /// What is the same for two spellings of one place.
    pub(crate) identity: String,
}

impl OutputStep {
    /// Whether it deletes samples for good.
    pub(crate) fn purges(&self) -> bool {
        match &self.destination {
            Destination::Feature { deletion, .. } => {
                self.mode == OutputMode::Delete && deletion.mode == DeletionMode::Hard
            }
            Destination::File { .. }
            | Destination::Object { .. }
            | Destination::Delta { .. }
            | Destination::Memory => false,
        }
    }
}

/// Where rows go.
#[derive(Clone)]
pub(crate) enum Destination {
    /// A file of this machine; rows of `before` stay in front, and files beside it have columns
    /// that it must have as well.
    File { path: PathBuf, format: FileFormat, before: Option<Before>, beside: Option<SchemaRef> },
    /// An object.
    Object { place: OpenedLocation, name: String, format: FileFormat },
    /// A Delta table.
    Delta { backend: Arc<dyn Backend>, table: FeatureKey },
    /// A feature of a store.
    Feature { store: String, key: FeatureKey, versions: Vec<VersionColumn>, deletion: Deletion },
    /// Memory, for tests of pipelines.
    Memory,
}

/// A file that is added to.
#[derive(Clone)]
pub(crate) struct Before {
    pub(crate) file: RowFile,
    /// The columns that are written, in the order of the file.
    pub(crate) form: SchemaRef,
}

impl Destination {
    /// What is the same for two spellings of one place.
    fn identity(&self, shown: &str) -> String {
        let table = |place: &OpenedLocation, name: &str| {
            let user = place.url.username();
            let host = place.url.host_str().unwrap_or_default();
            format!("{user}@{host}/{}/{name}", place.prefix)
        };
        match self {
            Self::File { path, .. } => files::canonical(path).display().to_string(),
            Self::Object { place, name, .. } => table(place, name),
            Self::Delta { backend, table } => {
                let place = backend.location();
                let place = match place.contains("://") {
                    true => place.trim_end_matches('/').to_owned(),
                    false => files::canonical(Path::new(&place)).display().to_string(),
                };
                format!("{place}/{table}.delta")
            }
            Self::Feature { store, key, .. } => format!("{store}:{key}"),
            Self::Memory => shown.to_owned(),
        }
    }

    /// Lines that are added to text have the columns of its header, and their own types: text
    /// holds whatever is written.
    fn form_of(&mut self, schema: &Schema) {
        if let Self::File { format, before: Some(before), .. } = self
            && format.is_text()
        {
            let known = before.file.schema();
            let fields = known.fields().iter().map(|field| {
                let own = schema.field_with_name(field.name()).map(Field::data_type);
                Field::new(field.name(), own.unwrap_or(&DataType::Utf8).clone(), true)
            });
            before.form = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        }
    }
}

/// Why rows cannot become samples.
fn no_sample(output: &Output, (columns, schema): (&[usize], &Schema)) -> Option<String> {
    if output.include_deleted {
        return Some("deleted rows cannot become samples of a feature".to_owned());
    }
    // Provenance leaves them out, by their names: they differ from run to run.
    let renamed = columns
        .iter()
        .zip(schema.fields())
        .find_map(|(place, field)| METADATA.get(*place).filter(|own| field.name() != **own));
    renamed.map(|own| format!("column `{own}` keeps its name in a feature"))
}

/// Whether columns can be added to those of files that are there, with nothing lost.
fn require_fit(schema: &Schema, known: &Schema, format: FileFormat) -> Result<(), Unusable> {
    let fits = |own: &DataType, known: &DataType| {
        own == known
            || *known == DataType::Null
            || is_lossless(own, known)
            || (format.is_text()
                && ((own.is_numeric() && known.is_numeric())
                    || matches!((own, known), (DataType::Timestamp(..), DataType::Timestamp(..)))))
    };
    let other = schema.fields().iter().find(|it| {
        known.field_with_name(it.name()).map_or(true, |own| !fits(it.data_type(), own.data_type()))
    });
    let Some(field) = other else { return Ok(()) };
    let there = match known.field_with_name(field.name()) {
        Ok(own) => format!("is {} there", own.data_type()),
        Err(_) => "is not there".to_owned(),
    };
    let (name, own) = (field.name(), field.data_type());
    let reason =
        format!("column `{name}` ({own}) does not fit the rows that are there: it {there}");
    let hint = "convert with CAST, write elsewhere, or replace what is there".to_owned();
    Err(Unusable::mistake(reason, Some(hint)))
}

impl Binder<'_> {
    pub(super) async fn output(
        &mut self,
        output: &Output,
        operation: &str,
    ) -> Result<Option<OutputStep>, PipelineError> {
        let selector = self.selector(output.selector.as_ref(), operation);
        let columns = self.written(output, operation);
        let title = format!("Invalid destination in {operation}");
        let Some(datasource) = self.pipeline.datasources.get(&output.datasource) else {
            self.unknown_datasource(title, &output.datasource, output.span);
            return Ok(None);
        };
        let (mode, mut destination, shown) = match self.destination(datasource, output).await {
            Ok(found) => found,
            Err(unusable) => {
                let mistake = refused(unusable, title, output.span)?;
                self.mistakes.push(mistake);
                return Ok(None);
            }
        };
        let is_deletion = mode == OutputMode::Delete;
        if let Some(summed) = self.summed.as_ref().filter(|_| output.include_deleted || is_deletion)
        {
            let reason = format!("{summed} left nothing of rows that were deleted but NULL");
            let hint = "archive deleted rows before it, or aggregate `into: summary_rows`";
            let mistake = Mistake::new(title, reason, output.span);
            self.mistakes.push(mistake.with_hint(Some(hint.to_owned())));
            return Ok(None);
        }
        let identity = destination.identity(&shown);
        let taken = self.destinations.iter().find(|(known, _)| *known == identity);
        if let Some((_, first)) = taken.filter(|_| !is_deletion) {
            let reason = format!("{first} writes to {shown} already");
            self.mistakes.push(Mistake::new(title, reason, output.span));
            return Ok(None);
        }
        if !is_deletion {
            self.destinations.push((identity.clone(), operation.to_owned()));
        }
        let (Some(selector), Some((columns, schema))) = (selector, columns) else {
            return Ok(None);
        };
        if let Err(unusable) = self.check_columns(&destination, &schema) {
            let mistake = refused(unusable, title, output.span)?;
            self.mistakes.push(mistake);
            return Ok(None);
        }
        let samples = matches!(destination, Destination::Feature { .. }) && !is_deletion;
        if samples && let Some(reason) = no_sample(output, (&columns, &schema)) {
            self.mistakes.push(Mistake::new(title, reason, output.span));
            return Ok(None);
        }
        destination.form_of(&schema);
        let include_deleted = output.include_deleted;
        Ok(Some(OutputStep {
            include_deleted,
            selector,
            columns,
            schema,
            mode,
            destination,
            shown,
            identity,
        }))
    }

    /// The columns that are written, and what they are called.
    fn written(&mut self, output: &Output, operation: &str) -> Option<(Vec<usize>, SchemaRef)> {
        let metadata = metadata_fields();
        let first = METADATA.len();
        let mut places: Vec<(String, usize)> = Vec::new();
        if output.metadata.unwrap_or(output.include_deleted) {
            places.extend(METADATA.iter().enumerate().map(|(at, it)| ((*it).to_owned(), at)));
        }
        let mut is_whole = true;
        match &output.columns {
            None => {
                let own = self.columns.names().enumerate();
                places.extend(own.map(|(index, name)| (name.to_owned(), first + index)));
            }
            Some(wanted) => {
                for (name, own) in wanted {
                    let kept = METADATA.iter().position(|it| it == own);
                    match kept.or_else(|| self.columns.position(own).map(|it| first + it)) {
                        Some(place) => places.push((name.clone(), place)),
                        None if self.is_tainted => is_whole = false,
                        None => {
                            let title = format!("Invalid columns in {operation}");
                            let reason = format!("Column '{own}' not found in schema");
                            let mistake = Mistake::new(title, reason, output.span);
                            let mistake = mistake.about_name(own, self.columns.names());
                            self.mistakes.push(mistake);
                            is_whole = false;
                        }
                    }
                }
            }
        }
        let mut fields: Vec<Field> = Vec::new();
        for (name, place) in &places {
            let field = match place.checked_sub(first) {
                Some(own) => self.columns.field(own),
                None => &metadata[*place],
            };
            if fields.iter().any(|it| it.name() == name) {
                let title = format!("Invalid columns in {operation}");
                let reason = format!("column '{name}' would be written twice");
                self.mistakes.push(Mistake::new(title, reason, output.span));
                is_whole = false;
            }
            fields.push(field.as_ref().clone().with_name(name));
        }
        let columns = places.into_iter().map(|(_, place)| place).collect();
        is_whole.then(|| (columns, Arc::new(Schema::new(fields)) as SchemaRef))
    }

    /// What is written must have a place there.
    fn check_columns(&self, destination: &Destination, schema: &SchemaRef) -> Result<(), Unusable> {
        match destination {
            Destination::Feature { key, versions, .. } => {
                let project = self.surroundings.project()?;
                let feature = project.graph().feature(key);
                let feature = feature.map_err(|it| Unusable::mistake(it.to_string(), None))?;
                let ids = &feature.spec().id_columns;
                if let Some(id) = ids.iter().find(|id| schema.index_of(id).is_err()) {
                    let reason = format!("feature `{key}` needs its id column `{id}`");
                    return Err(Unusable::mistake(reason, None));
                }
                for VersionColumn { column, field } in versions {
                    if schema.index_of(column).is_err() {
                        let reason = format!("there is no column `{column}` for field `{field}`");
                        return Err(Unusable::mistake(reason, None));
                    }
                }
                let own = schema.fields().iter().map(|it| it.name());
                if let Some(name) = own.into_iter().find(|name| columns::is_system(name)) {
                    let reason = format!("column `{name}` is set by the store");
                    return Err(Unusable::mistake(reason, None));
                }
                Ok(())
            }
            Destination::File { before: Some(before), format, .. } => {
                require_fit(schema, &before.file.schema(), *format)
            }
            Destination::File { beside: Some(known), format, .. } => {
                let less = known.fields().iter().find(|it| schema.index_of(it.name()).is_err());
                if let Some(field) = less {
                    let reason = format!("files of the table have a column `{}`", field.name());
                    let hint = "files of one table have the same columns".to_owned();
                    return Err(Unusable::mistake(reason, Some(hint)));
                }
                require_fit(schema, known, *format)
            }
            Destination::File { .. }
            | Destination::Object { .. }
            | Destination::Delta { .. }
            | Destination::Memory => Ok(()),
        }
    }

    async fn destination(
        &self,
        datasource: &Datasource,
        output: &Output,
    ) -> Result<(OutputMode, Destination, String), Unusable> {
        let table = output.table.as_str();
        let shown = format!("{}/{table}", output.datasource);
        let is_feature = datasource.kind == SourceKind::Store;
        let default = if is_feature { OutputMode::Append } else { OutputMode::Replace };
        let mode = output.mode.unwrap_or(default);
        if mode == OutputMode::Delete && !is_feature {
            let hint = "only features of a store have samples to delete; use `append` or `replace`";
            return Err(Unusable::mistake("there are no samples here", Some(hint.to_owned())));
        }
        if self.surroundings.captures {
            return Ok((mode, Destination::Memory, shown));
        }
        match datasource.kind {
            SourceKind::Files(format) => {
                let place = (datasource, table, format);
                let span = output.span;
                let (to, shown) = self.file_destination(place, (mode, span)).await?;
                Ok((mode, to, shown))
            }
            SourceKind::Delta => {
                let (backend, table) = delta_table(self.surroundings, datasource, table).await?;
                Ok((mode, Destination::Delta { backend, table }, shown))
            }
            SourceKind::Store => {
                let key = feature_key(table)?;
                let project = self.surroundings.project()?;
                known_feature(project.graph(), &key)?;
                if mode == OutputMode::Replace {
                    let hint = "append: newer rows of a sample take the place of older ones; and \
                                delete with `mode: delete`";
                    let reason = "samples of a feature are never replaced as a whole";
                    return Err(Unusable::mistake(reason, Some(hint.to_owned())));
                }
                let versions = output.versions.iter().map(|(field, column)| {
                    let field = field.parse().map_err(|error: metalith_base::KeyError| {
                        Unusable::mistake(format!("`{field}` is no field: {error}"), None)
                    })?;
                    Ok(VersionColumn { field, column: column.clone() })
                });
                let versions = versions.collect::<Result<Vec<_>, Unusable>>()?;
                let (store, deletion) = (datasource.path.clone(), output.deletion.clone());
                Ok((mode, Destination::Feature { store, key, versions, deletion }, shown))
            }
        }
    }

    /// The columns of the files that are a table already.
    async fn columns_beside(
        &self,
        datasource: &Datasource,
        table: &str,
        span: Span,
    ) -> Result<Option<SchemaRef>, Unusable> {
        match files::find(self.surroundings, datasource, table).await {
            Ok(_) => {}
            // There are none yet.
            Err(Unusable::Mistake { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let known = TableRef {
            datasource: String::new(),
            table: table.to_owned(),
            alias: None,
            columns: None,
            types: Vec::new(),
            span,
        };
        let SourceKind::Files(format) = datasource.kind else { return Ok(None) };
        Ok(Some(open_files(self.surroundings, datasource, (&known, format)).await?.1))
    }

    /// A file by the name of the table, or the file that the datasource is.
    async fn file_destination(
        &self,
        (datasource, table, format): (&Datasource, &str, Option<FileFormat>),
        (mode, span): (OutputMode, Span),
    ) -> Result<(Destination, String), Unusable> {
        if datasource.path.contains(['*', '?', '[', '{']) {
            let reason = format!(
                "`{}` is a pattern, which nothing can be written to",
                files::told(&datasource.path)
            );
            return Err(Unusable::mistake(reason, None));
        }
        let address = files::address(self.surroundings, &datasource.path);
        let of_path = FileFormat::of_file(Path::new(&address));
        let of_table = FileFormat::of_file(Path::new(table));
        let format = format.or(of_path).or(of_table).unwrap_or(FileFormat::Parquet);
        let name = match of_table {
            Some(_) => table.to_owned(),
            None => format!("{table}.{}", format.ending()),
        };
        if Path::new(&name).components().any(|it| !matches!(it, std::path::Component::Normal(_))) {
            let reason = format!("`{table}` is no name of a file in a folder");
            return Err(Unusable::mistake(reason, None));
        }
        let location: ObjectLocation = address.parse()?;
        match &location {
            ObjectLocation::Local(folder) => {
                let folder = folder.clone();
                let is_file = of_path.is_some() && !folder.is_dir();
                let parts = folder.join(table);
                let path = match (is_file, mode, parts.is_dir()) {
                    (true, _, _) => folder,
                    // One more file of those that together are the table.
                    (false, OutputMode::Append, true) => {
                        parts.join(format!("{}.{}", self.surroundings.run, format.ending()))
                    }
                    (false, _, true) => {
                        let reason = format!("`{table}` is a folder of files");
                        let hint = "append to it, or write to another table".to_owned();
                        return Err(Unusable::mistake(reason, Some(hint)));
                    }
                    (false, _, false) => folder.join(&name),
                };
                let before = match mode == OutputMode::Append && path.is_file() {
                    true => {
                        let file = RowFile::open(&path, Some(format), &[])?;
                        Some(Before { form: file.schema(), file })
                    }
                    false => None,
                };
                let is_part = !is_file && mode == OutputMode::Append && parts.is_dir();
                let beside = match is_part {
                    true => self.columns_beside(datasource, table, span).await?,
                    false => None,
                };
                let shown = path.display().to_string();
                Ok((Destination::File { path, format, before, beside }, shown))
            }
            ObjectLocation::Remote(_) => {
                let file = (name, format, of_path.is_some());
                object_destination((&location, datasource), file, mode)
            }
        }
    }
}

/// An object by the name of a file, or the one that the datasource is.
fn object_destination(
    (location, datasource): (&ObjectLocation, &Datasource),
    (mut name, format, is_file): (String, FileFormat, bool),
    mode: OutputMode,
) -> Result<(Destination, String), Unusable> {
    if mode == OutputMode::Append {
        let reason = "an object cannot be appended to";
        let hint = "write to a table of its own; a pattern reads several".to_owned();
        return Err(Unusable::mistake(reason, Some(hint)));
    }
    let mut place = metalith_objects::open(location, &datasource.options)?;
    let mut shown = format!("{location}/{name}");
    if is_file && let Some(own) = place.prefix.filename().map(str::to_owned) {
        let parents: Vec<_> = place.prefix.parts().collect();
        place.prefix = parents[..parents.len() - 1].iter().cloned().collect();
        name = own;
        shown = location.to_string();
    }
    Ok((Destination::Object { place, name, format }, shown))
}
