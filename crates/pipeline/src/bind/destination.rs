//! Where the rows of an output go, and whether they can.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use metalith_base::FeatureKey;
use metalith_document::Span;
use metalith_graph::columns;
use metalith_ingest::{FileFormat, RowFile, VersionColumn};
use metalith_objects::{ObjectLocation, ObjectState, OpenedLocation, without_secrets};
use metalith_project::ProjectError;
use metalith_store::{
    Backend, Keeping, Mode, PlaceProblem, PlainTables, Precondition, Store, StoreError, Table,
    WriteOptions, is_lossless, merge_schemas, stored_type,
};
use serde_json::Value;

use super::Binder;
use crate::{
    files,
    input::{Unusable, delta_table, feature_key, known_feature, open_files, plain_tables},
    model::{Datasource, Deletion, Output, OutputMode, SourceKind, TableRef},
    provenance,
    reads::{Reads, Watch, file_place, table_place},
};

/// Where rows go.
#[derive(Clone)]
pub(crate) enum Destination {
    /// A file of this machine.
    File(Box<FileDestination>),
    /// An object.
    Object(Box<ObjectDestination>),
    /// A Delta table.
    Delta(Box<DeltaDestination>),
    /// A feature of a store.
    Feature(Box<FeatureDestination>),
    /// A plain table of a database.
    Plain(Box<PlainDestination>),
    /// Memory, for tests of pipelines.
    Memory,
}

/// An object.
#[derive(Clone)]
pub(crate) struct ObjectDestination {
    pub(crate) place: OpenedLocation,
    pub(crate) name: String,
    pub(crate) format: FileFormat,
    /// What was there when it was looked at, and may be replaced.
    pub(crate) before: Option<ObjectState>,
}

/// A file of this machine.
#[derive(Clone)]
pub(crate) struct FileDestination {
    pub(crate) path: PathBuf,
    pub(crate) format: FileFormat,
    /// What is there, and stays in front.
    pub(crate) before: Option<Before>,
    /// The columns of files beside it, which it must have as well.
    beside: Option<SchemaRef>,
    /// The state in which it must still be, where rows come from it.
    pub(crate) state: Option<Value>,
}

/// A file that is added to.
#[derive(Clone)]
pub(crate) struct Before {
    pub(crate) file: RowFile,
    /// The columns that are written, in the order of the file.
    pub(crate) form: SchemaRef,
}

/// A Delta table.
#[derive(Clone)]
pub(crate) struct DeltaDestination {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) table: FeatureKey,
    /// What is there.
    pub(crate) before: Option<Arc<dyn Table>>,
    /// The state in which it must still be.
    pub(crate) precondition: Precondition,
}

/// A feature of a store.
#[derive(Clone)]
pub(crate) struct FeatureDestination {
    /// The store's name, empty for the one that the project uses.
    pub(crate) store: String,
    pub(crate) key: FeatureKey,
    pub(crate) versions: Vec<VersionColumn>,
    pub(crate) deletion: Deletion,
    /// The version of its table when the run began.
    version: Option<u64>,
    /// The state in which it must still be.
    pub(crate) precondition: Precondition,
}

/// A plain table of a database.
#[derive(Clone)]
pub(crate) struct PlainDestination {
    pub(crate) tables: Arc<dyn PlainTables>,
    pub(crate) table: String,
    /// The columns that it has, if it is there.
    pub(crate) before: Option<SchemaRef>,
    /// What becomes of what is there.
    pub(crate) keeping: Keeping,
    /// What it must still hold, where rows come from it.
    pub(crate) watch: Option<Arc<Watch>>,
}

/// Where an output goes.
pub(super) struct Place {
    pub(super) mode: OutputMode,
    pub(super) destination: Destination,
    /// As a person would write it.
    pub(super) shown: String,
    /// What is the same for two spellings of one place.
    pub(super) identity: String,
}

/// The precondition that a table is as it was found.
fn as_found(version: Option<u64>) -> Precondition {
    version.map_or(Precondition::NoTable, Precondition::Version)
}

impl Destination {
    /// Makes what is published depend on the state in which it was read.
    pub(crate) fn depend_on(&mut self, reads: &Reads, identity: &str) {
        let read = reads.table(identity).map(as_found);
        match self {
            Self::Delta(delta) => delta.precondition = read.unwrap_or(delta.precondition),
            Self::Feature(feature) => feature.precondition = read.unwrap_or(feature.precondition),
            Self::File(file) => {
                if let Some(state) = reads.file(identity) {
                    file.state = Some(state.clone());
                }
            }
            Self::Plain(plain) => {
                plain.watch = reads.content(identity).cloned();
                if let Some(watch) = &plain.watch {
                    watch.want();
                }
            }
            Self::Object(object) => {
                let read = reads.file(identity);
                let is_as_read = |read: &Value| {
                    let before = object.before.as_ref();
                    before.is_some_and(|it| files::object_state(it.size(), it.etag()) == *read)
                };
                // What was put there while it was read is not what is replaced.
                if read.is_some_and(|read| !is_as_read(read)) {
                    object.before = None;
                }
            }
            Self::Memory => {}
        }
    }

    /// The version of a feature that samples are to be deleted from.
    pub(crate) fn version(&self) -> Option<Option<u64>> {
        match self {
            Self::Feature(feature) => Some(feature.version),
            Self::File(_) | Self::Object(_) | Self::Delta(_) | Self::Plain(_) | Self::Memory => {
                None
            }
        }
    }

    /// Lines that are added to text have the columns of its header, and their own types: text
    /// holds whatever is written.
    pub(super) fn form_of(&mut self, schema: &Schema) {
        if let Self::File(file) = self
            && file.format.is_text()
            && let Some(before) = &mut file.before
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

/// Whether values of one type can be put among values of another.
type Fits = dyn Fn(&DataType, &DataType) -> bool;

/// Whether values can be added to those of a file, with nothing lost.
fn fits_file(format: FileFormat) -> impl Fn(&DataType, &DataType) -> bool {
    move |own, known| {
        own == known
            || *known == DataType::Null
            || is_lossless(own, known)
            || (format.is_text()
                && ((own.is_numeric() && known.is_numeric())
                    || matches!((own, known), (DataType::Timestamp(..), DataType::Timestamp(..)))))
    }
}

/// Whether values can be put into a column of a database: either nothing is lost, or it refuses.
fn fits_plain(own: &DataType, known: &DataType) -> bool {
    let own = &stored_type(own);
    match (own, known) {
        (DataType::Decimal128(_, own), DataType::Decimal128(_, known)) => own <= known,
        // Text holds all digits; a decimal without a scale is read as text, too.
        (DataType::Decimal128(..), DataType::Utf8) => true,
        (own, DataType::Decimal128(..) | DataType::Utf8) if own.is_integer() => true,
        (own, known) if own.is_integer() && known.is_integer() => true,
        _ => own == known || is_lossless(own, known),
    }
}

/// Whether columns can be added to those that are there.
fn require_fit(schema: &Schema, known: &Schema, fits: &Fits) -> Result<(), Unusable> {
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
    /// What is written must have a place there: whatever the destination would refuse of the
    /// columns alone is refused before anything is read.
    pub(super) async fn check_columns(
        &self,
        (destination, mode): (&Destination, OutputMode),
        schema: &SchemaRef,
    ) -> Result<(), Unusable> {
        match destination {
            Destination::Feature(feature) => self.check_samples(feature, schema).await,
            Destination::File(file) => {
                if let Some(before) = &file.before {
                    return require_fit(schema, &before.file.schema(), &fits_file(file.format));
                }
                let Some(known) = &file.beside else { return Ok(()) };
                let less = known.fields().iter().find(|it| schema.index_of(it.name()).is_err());
                if let Some(field) = less {
                    let reason = format!("files of the table have a column `{}`", field.name());
                    let hint = "files of one table have the same columns".to_owned();
                    return Err(Unusable::mistake(reason, Some(hint)));
                }
                require_fit(schema, known, &fits_file(file.format))
            }
            Destination::Plain(plain) => {
                plain.tables.require_storable(&plain.table, schema)?;
                let Some(before) = &plain.before else { return Ok(()) };
                require_fit(schema, before, &fits_plain)?;
                let names = before.fields().iter().map(|it| it.name());
                let more = names.into_iter().find(|name| schema.index_of(name).is_err());
                match more.filter(|_| mode == OutputMode::Replace) {
                    None => Ok(()),
                    // Others may have made it, with keys and rights that nobody could bring back.
                    Some(column) => {
                        let reason = format!("the table that is there has a column `{column}`");
                        let hint =
                            "write all of its columns, write to another table, or drop it first";
                        Err(Unusable::mistake(reason, Some(hint.to_owned())))
                    }
                }
            }
            Destination::Delta(delta) => {
                let Some(before) = &delta.before else { return Ok(()) };
                let stored = schema.fields().iter().map(|field| {
                    field.as_ref().clone().with_data_type(stored_type(field.data_type()))
                });
                let stored = Schema::new(stored.collect::<Vec<_>>());
                merge_schemas(&before.schema(), &stored).map(drop).map_err(|problem| {
                    let hint = "convert with CAST, or write to another table".to_owned();
                    Unusable::mistake(problem.to_string(), Some(hint))
                })
            }
            Destination::Object(_) | Destination::Memory => Ok(()),
        }
    }

    /// Whether rows with these columns can become samples.
    async fn check_samples(
        &self,
        destination: &FeatureDestination,
        schema: &SchemaRef,
    ) -> Result<(), Unusable> {
        let FeatureDestination { store, key, versions, .. } = destination;
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
        if let Some(store) = self.store_to_read(store).await? {
            let none = provenance::without_rows(feature, schema, versions)?;
            let options = WriteOptions::default();
            store.check_write(project.graph(), key, none, &options).await?;
        }
        Ok(())
    }

    /// A store of the project, if it is there already.
    async fn store_to_read(&self, name: &str) -> Result<Option<Store>, Unusable> {
        let project = self.surroundings.project()?;
        match project.open_store((!name.is_empty()).then_some(name), Mode::Read).await {
            Ok(store) => Ok(Some(store)),
            Err(ProjectError::Store(StoreError::Place {
                problem: PlaceProblem::Missing, ..
            })) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where an output goes: how, where, what messages call it, and what is the same for two
    /// spellings of the place.
    pub(super) async fn destination(
        &self,
        datasource: &Datasource,
        output: &Output,
    ) -> Result<Place, Unusable> {
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
            let identity = shown.clone();
            return Ok(Place { mode, destination: Destination::Memory, shown, identity });
        }
        match datasource.kind {
            SourceKind::Files(format) => {
                let place = (datasource, table, format);
                self.file_destination(place, (mode, output.span)).await
            }
            SourceKind::Delta => {
                let (backend, table) = delta_table(self.surroundings, datasource, table).await?;
                let before = backend.open_table(&table).await?;
                let identity = table_place(&backend.location(), &table);
                // What others added since would go without having been looked at.
                let precondition = match mode {
                    OutputMode::Replace => as_found(before.as_ref().map(|it| it.version())),
                    OutputMode::Append | OutputMode::Delete => Precondition::None,
                };
                let delta = DeltaDestination { backend, table, before, precondition };
                let destination = Destination::Delta(Box::new(delta));
                Ok(Place { mode, destination, shown, identity })
            }
            SourceKind::Database => {
                let tables = plain_tables(self.surroundings, datasource)?;
                let before = tables.columns(table).await?;
                let identity = tables.identity(table);
                let keeping = match mode {
                    OutputMode::Append => Keeping::Rows,
                    OutputMode::Replace | OutputMode::Delete => Keeping::Table,
                };
                let (table, watch) = (table.to_owned(), None);
                let plain = PlainDestination { tables, table, before, keeping, watch };
                let destination = Destination::Plain(Box::new(plain));
                Ok(Place { mode, destination, shown, identity })
            }
            SourceKind::Store => {
                let (destination, identity) = self.feature(datasource, output, mode).await?;
                let destination = Destination::Feature(Box::new(destination));
                Ok(Place { mode, destination, shown, identity })
            }
        }
    }

    /// A feature that is written to, or deleted from.
    async fn feature(
        &self,
        datasource: &Datasource,
        output: &Output,
        mode: OutputMode,
    ) -> Result<(FeatureDestination, String), Unusable> {
        let key = feature_key(&output.table)?;
        let project = self.surroundings.project()?;
        known_feature(project.graph(), &key)?;
        if project.graph().feature(&key).is_ok_and(|it| it.is_external()) {
            let reason = format!("feature `{key}` is written by another project");
            let hint = "write to a feature of this project, or run it there".to_owned();
            return Err(Unusable::mistake(reason, Some(hint)));
        }
        if mode == OutputMode::Replace {
            let hint = "append: newer rows of a sample take the place of older ones; and delete \
                        with `mode: delete`";
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
        let name = datasource.path.clone();
        let (version, location) = match self.store_to_read(&name).await? {
            Some(store) => (store.table_version(&key).await?, store.location()),
            None => (None, format!("store:{name}")),
        };
        let identity = table_place(&location, &key);
        let destination = FeatureDestination {
            store: name,
            key,
            versions,
            deletion: output.deletion.clone(),
            version,
            precondition: Precondition::None,
        };
        Ok((destination, identity))
    }

    /// The columns of the files that are a table already.
    async fn columns_beside(
        &self,
        datasource: &Datasource,
        table: &str,
        span: Span,
    ) -> Result<Option<SchemaRef>, Unusable> {
        match files::find(self.surroundings, datasource, (table, self.extent)).await {
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
        let known = (&known, format, self.extent);
        Ok(Some(open_files(self.surroundings, datasource, known).await?.schema))
    }

    /// A file by the name of the table, or the file that the datasource is.
    async fn file_destination(
        &self,
        (datasource, table, format): (&Datasource, &str, Option<FileFormat>),
        (mode, span): (OutputMode, Span),
    ) -> Result<Place, Unusable> {
        if files::is_pattern(self.surroundings, &datasource.path) {
            let reason = format!(
                "`{}` is a pattern, which nothing can be written to",
                without_secrets(&datasource.path)
            );
            return Err(Unusable::mistake(reason, None));
        }
        let address = files::address(self.surroundings, &datasource.path);
        let of_path = FileFormat::of_file(Path::new(&address));
        let of_table = FileFormat::of_file(Path::new(table));
        match (of_path, of_table) {
            (Some(ending), _) => require_ending(&datasource.path, ending, format)?,
            (None, Some(ending)) => require_ending(table, ending, format)?,
            (None, None) => {}
        }
        let format = format.or(of_path).or(of_table).unwrap_or(FileFormat::Parquet);
        let name = file_name(table, of_table.is_some(), format)?;
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
                self.surroundings.require_path(&path)?;
                let is_continued = mode == OutputMode::Append && path.is_file();
                let before = is_continued.then(|| before(&path, format)).transpose()?;
                let is_part = !is_file && mode == OutputMode::Append && parts.is_dir();
                let beside = match is_part {
                    true => self.columns_beside(datasource, table, span).await?,
                    false => None,
                };
                let state = before.as_ref().map(|_| files::state_of(&path)).transpose()?.flatten();
                let (shown, identity) = (path.display().to_string(), file_place(&path));
                let file = FileDestination { path, format, before, beside, state };
                let destination = Destination::File(Box::new(file));
                Ok(Place { mode, destination, shown, identity })
            }
            ObjectLocation::Remote(_) => {
                self.surroundings.require_object(&location.to_string(), &name)?;
                let file = (name, format, of_path.is_some());
                object_destination((&location, datasource), file, mode).await
            }
        }
    }
}

/// What the file of a table is called, whose name may have an ending.
fn file_name(table: &str, has_ending: bool, format: FileFormat) -> Result<String, Unusable> {
    let name = match has_ending {
        true => table.to_owned(),
        false => format!("{table}.{}", format.ending()),
    };
    if Path::new(&name).components().any(|it| !matches!(it, std::path::Component::Normal(_))) {
        let reason = format!("`{table}` is no name of a file in a folder");
        return Err(Unusable::mistake(reason, None));
    }
    Ok(name)
}

/// The rows of a file that others are appended to.
fn before(path: &Path, format: FileFormat) -> Result<Before, Unusable> {
    let file = RowFile::open(path, Some(format), &[])?;
    Ok(Before { form: file.schema(), file })
}

/// Refuses a file whose ending says something else than the datasource.
fn require_ending(
    name: &str,
    ending: FileFormat,
    said: Option<FileFormat>,
) -> Result<(), Unusable> {
    let Some(said) = said.filter(|said| *said != ending) else { return Ok(()) };
    let name = without_secrets(name);
    let reason = format!("`{name}` ends like {ending}, and the datasource has {said}");
    let hint = "leave the ending out, or declare a datasource of the other type".to_owned();
    Err(Unusable::mistake(reason, Some(hint)))
}

/// An object by the name of a file, or the one that the datasource is.
async fn object_destination(
    (location, datasource): (&ObjectLocation, &Datasource),
    (mut name, format, is_file): (String, FileFormat, bool),
    mode: OutputMode,
) -> Result<Place, Unusable> {
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
    let identity = metalith_objects::object_identity(&place, &name);
    let before = metalith_objects::object_state(&place, &name).await?;
    let object = ObjectDestination { place, name, format, before };
    Ok(Place { mode, destination: Destination::Object(Box::new(object)), shown, identity })
}
