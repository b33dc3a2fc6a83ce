//! `output`: where rows go.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::datatypes::{Field, Schema, SchemaRef};
use metalith_base::FeatureKey;
use metalith_delta::{Layout, open_backend};
use metalith_graph::columns;
use metalith_ingest::{FileFormat, RowFile, VersionColumn};
use metalith_objects::{ObjectLocation, OpenedLocation};
use metalith_store::{Backend, DeletionMode};

use super::{Binder, refused};
use crate::{
    PipelineError,
    error::Mistake,
    files,
    input::{Unusable, feature_key, known_feature},
    model::{Datasource, Deletion, Output, OutputMode, SourceKind},
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
    /// A file of this machine; rows of `before` stay in front.
    File { path: PathBuf, format: FileFormat, before: Option<RowFile> },
    /// An object.
    Object { place: OpenedLocation, name: String, format: FileFormat },
    /// A Delta table.
    Delta { backend: Arc<dyn Backend>, table: FeatureKey },
    /// A feature of a store.
    Feature { store: String, key: FeatureKey, versions: Vec<VersionColumn>, deletion: Deletion },
    /// Memory, for tests of pipelines.
    Memory,
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
        let (mode, destination, shown) = match self.destination(datasource, output).await {
            Ok(found) => found,
            Err(unusable) => {
                let mistake = refused(unusable, title, output.span)?;
                self.mistakes.push(mistake);
                return Ok(None);
            }
        };
        let is_deletion = mode == OutputMode::Delete;
        let taken = self.destinations.iter().find(|(known, _)| *known == shown);
        if let Some((_, first)) = taken.filter(|_| !is_deletion) {
            let reason = format!("{first} writes to {shown} already");
            self.mistakes.push(Mistake::new(title, reason, output.span));
            return Ok(None);
        }
        if !is_deletion {
            self.destinations.push((shown.clone(), operation.to_owned()));
        }
        let (Some(selector), Some((columns, schema))) = (selector, columns) else {
            return Ok(None);
        };
        if let Err(unusable) = self.check_columns((&mode, &destination), &schema) {
            let mistake = refused(unusable, title, output.span)?;
            self.mistakes.push(mistake);
            return Ok(None);
        }
        let include_deleted = output.include_deleted;
        Ok(Some(OutputStep {
            include_deleted,
            selector,
            columns,
            schema,
            mode,
            destination,
            shown,
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
    fn check_columns(
        &self,
        (mode, destination): (&OutputMode, &Destination),
        schema: &SchemaRef,
    ) -> Result<(), Unusable> {
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
            Destination::File { before: Some(before), .. } if *mode == OutputMode::Append => {
                let known = before.schema();
                let other = schema.fields().iter().find(|it| {
                    known.field_with_name(it.name()).map_or(true, |own| {
                        own.data_type() != it.data_type()
                            && !(own.data_type().is_numeric() && it.data_type().is_numeric())
                            && !(own.data_type().is_string() && it.data_type().is_string())
                    })
                });
                match other {
                    None => Ok(()),
                    Some(field) => Err(Unusable::mistake(
                        format!(
                            "column `{}` ({}) does not fit the file that is there",
                            field.name(),
                            field.data_type()
                        ),
                        Some("write to another file, or replace this one".to_owned()),
                    )),
                }
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
                self.file_destination(place, mode).map(|(to, shown)| (mode, to, shown))
            }
            SourceKind::Delta => {
                let table = feature_key(table)?;
                let address = files::address(self.surroundings, &datasource.path);
                let backend = open_backend(&address, &datasource.options, Layout::Nested)?;
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

    /// A file by the name of the table, or the file that the datasource is.
    fn file_destination(
        &self,
        (datasource, table, format): (&Datasource, &str, Option<FileFormat>),
        mode: OutputMode,
    ) -> Result<(Destination, String), Unusable> {
        if datasource.path.contains(['*', '?', '[', '{']) {
            let reason =
                format!("`{}` is a pattern, which nothing can be written to", datasource.path);
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
        match location {
            ObjectLocation::Local(folder) => {
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
                    true => Some(RowFile::open(&path, Some(format), &[])?),
                    false => None,
                };
                let shown = path.display().to_string();
                Ok((Destination::File { path, format, before }, shown))
            }
            ObjectLocation::Remote(_) => {
                if mode == OutputMode::Append {
                    let reason = "an object cannot be appended to";
                    let hint = "write to a table of its own; a pattern reads several".to_owned();
                    return Err(Unusable::mistake(reason, Some(hint)));
                }
                let mut place = metalith_objects::open(&location, &datasource.options)?;
                let mut name = name;
                let mut shown = format!("{location}/{name}");
                if of_path.is_some()
                    && let Some(own) = place.prefix.filename().map(str::to_owned)
                {
                    let parents: Vec<_> = place.prefix.parts().collect();
                    place.prefix = parents[..parents.len() - 1].iter().cloned().collect();
                    name = own;
                    shown = location.to_string();
                }
                Ok((Destination::Object { place, name, format }, shown))
            }
        }
    }
}
