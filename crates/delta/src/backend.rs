//! The backend, as a store sees it.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::kernel::{Action, MetadataExt as _, Transaction, new_metadata};
use metalith_base::FeatureKey;
use metalith_objects::{ObjectLocation, OpenedLocation};
use metalith_store::{
    Backend, Change, Commit, CommitNote, MarkerState, Precondition, Replacement, Rows, SPACES,
    SpaceOf, StoreError, StoreMarker, Table, Turns, Vacuum, Vacuumed, merge_schemas,
};

use crate::{
    cache::{Footers, Snapshots},
    commit::{self, Committed},
    drop_table, error, features,
    layout::Layout,
    log_entry::{self, Intent, now_millis},
    marker,
    place::Place,
    schema,
    snapshot::{Snapshot, Source},
    table_list, vacuum,
    write::{self, Written},
};

/// Tables in Delta's format below one root.
#[derive(Debug)]
pub struct DeltaBackend {
    place: Place,
    layout: Layout,
    snapshots: Snapshots,
    /// Writers of one process take turns at the log of a table, rather than race for its next number.
    /// Between processes the log itself decides.
    turns: Turns,
    footers: Arc<Footers>,
}

/// The backend at an address: a folder, or object storage such as `s3://bucket/prefix`.
///
/// Nothing is read or created yet. `options` are those of [`metalith_objects::open`].
pub fn open_backend(
    address: &str,
    options: &BTreeMap<String, String>,
    layout: Layout,
) -> Result<Arc<dyn Backend>, StoreError> {
    let location: ObjectLocation = address.parse().map_err(error::place)?;
    let opened = metalith_objects::open(&location, options).map_err(error::place)?;
    Ok(Arc::new(DeltaBackend::new(opened, location.to_string(), layout)))
}

/// A space of the store at an address, and which one it is.
pub fn open_space(
    address: &str,
    options: &BTreeMap<String, String>,
    layout: Layout,
    name: &str,
) -> Result<(Arc<dyn Backend>, SpaceOf), StoreError> {
    let space = format!("{}/{SPACES}/{name}", address.trim_end_matches('/'));
    let above = open_backend(address, options, layout)?;
    let space_of = SpaceOf { above, name: name.to_owned(), is_declared: true };
    Ok((open_backend(&space, options, layout)?, space_of))
}

/// The store that the one at an address is a space of, if it lies where spaces do: in a folder of
/// that name. What is above may be something else altogether.
pub fn space_of(
    address: &str,
    options: &BTreeMap<String, String>,
    layout: Layout,
) -> Result<Option<SpaceOf>, StoreError> {
    let Some((above, name)) = above(&address.parse().map_err(error::place)?) else {
        return Ok(None);
    };
    let opened = metalith_objects::open(&above, options).map_err(error::place)?;
    let above = Arc::new(DeltaBackend::new(opened, above.to_string(), layout));
    Ok(Some(SpaceOf { above, name, is_declared: false }))
}

fn above(location: &ObjectLocation) -> Option<(ObjectLocation, String)> {
    match location {
        ObjectLocation::Local(path) => {
            // As it is written and where its links lead: neither hides the folder it lies in.
            let spellings = [std::path::absolute(path), path.canonicalize()];
            spellings.into_iter().flatten().find_map(|path| {
                let folder = path.parent().filter(|it| it.ends_with(SPACES))?;
                let name = path.file_name()?.to_str()?.to_owned();
                Some((ObjectLocation::Local(folder.parent()?.to_path_buf()), name))
            })
        }
        ObjectLocation::Remote(url) => {
            let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
            let [above @ .., SPACES, name] = parts.as_slice() else { return None };
            let mut url = url.clone();
            url.set_path(&above.join("/"));
            Some((ObjectLocation::Remote(url), (*name).to_owned()))
        }
    }
}

impl DeltaBackend {
    /// The backend at a place that was opened, shown to people as `shown`.
    pub fn new(opened: OpenedLocation, shown: String, layout: Layout) -> Self {
        Self::at(Place::new(opened, shown), layout)
    }

    fn at(place: Place, layout: Layout) -> Self {
        Self {
            place,
            layout,
            snapshots: Snapshots::default(),
            turns: Turns::default(),
            footers: Arc::new(Footers::default()),
        }
    }

    fn source(&self, feature: &FeatureKey) -> Source {
        Source {
            feature: feature.clone(),
            folder: self.layout.folder(feature),
            place: self.place.clone(),
            footers: Arc::clone(&self.footers),
        }
    }

    async fn latest(&self, source: &Source) -> Result<Option<Arc<Snapshot>>, StoreError> {
        self.snapshots.latest(source).await
    }

    /// Writes rows, and commits them with what `change` adds.
    async fn put_rows(
        &self,
        source: &Source,
        rows: Rows,
        intent: &Intent,
        kind: Kind,
    ) -> Result<Commit, StoreError> {
        let refuse = |problem| StoreError::Rows { feature: source.feature.clone(), problem };
        let latest = self.latest(source).await?;
        if let Some(latest) = &latest {
            writable(source, latest)?;
        }
        let stored = schema::stored_schema(&rows.schema()).map_err(refuse)?;
        let columns = match &latest {
            Some(latest) => merge_schemas(&latest.file_schema(), &stored).map_err(refuse)?,
            None => stored,
        };
        let distinct = &intent.note().distinct;
        let written = write::write(source, SchemaRef::clone(&columns), rows, distinct).await?;
        let table = latest.map(|latest| latest.id.clone());
        let CommitNote { precondition, once, .. } = intent.note().clone();
        let source = source.clone();
        let change = RowChange { source, columns, written, table, kind, precondition, once };
        let source = &change.source;
        let turn = self.turns.wait(&source.feature).await;
        let committed = commit::commit(&self.snapshots, source, intent, &change).await;
        drop(turn);
        let Committed { version, is_new } = committed?;
        if !is_new {
            return Ok(Commit { version, rows: 0, bytes: 0, is_new });
        }
        commit::checkpoint(&self.snapshots, source, version).await;
        let (rows, bytes) = (change.written.rows(), change.written.bytes());
        Ok(Commit { version, rows, bytes, is_new })
    }
}

#[async_trait]
impl Backend for DeltaBackend {
    fn location(&self) -> String {
        self.place.shown("")
    }

    async fn marker(&self) -> Result<MarkerState, StoreError> {
        marker::read(&self.place, self.layout).await
    }

    async fn create(&self, marker: StoreMarker) -> Result<StoreMarker, StoreError> {
        marker::create(&self.place, marker).await
    }

    async fn tables(&self) -> Result<Vec<FeatureKey>, StoreError> {
        table_list::list(&self.place, self.layout).await
    }

    async fn spaces(&self) -> Result<BTreeMap<String, Arc<dyn Backend>>, StoreError> {
        let mut spaces = BTreeMap::new();
        for name in table_list::spaces(&self.place, self.layout).await? {
            let place = self.place.below(&format!("{SPACES}/{name}"))?;
            spaces.insert(name, Arc::new(Self::at(place, self.layout)) as Arc<dyn Backend>);
        }
        Ok(spaces)
    }

    async fn open_table(&self, feature: &FeatureKey) -> Result<Option<Arc<dyn Table>>, StoreError> {
        let latest = self.latest(&self.source(feature)).await?;
        Ok(latest.map(|latest| latest as Arc<dyn Table>))
    }

    async fn append(
        &self,
        feature: &FeatureKey,
        rows: Rows,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let kind = Kind::Append;
        self.put_rows(&self.source(feature), rows, &Intent::append(note), kind).await
    }

    async fn replace(
        &self,
        feature: &FeatureKey,
        replacement: Replacement,
        note: CommitNote,
    ) -> Result<Commit, StoreError> {
        let source = self.source(feature);
        let Replacement { table, chunks, rows, change } = replacement;
        let table: Arc<dyn Any + Send + Sync> = table;
        let Ok(before) = table.downcast::<Snapshot>() else {
            return Err(source.corrupt("the rows to replace are of a table of another store"));
        };
        let kind = Kind::Replace { before, chunks, change };
        self.put_rows(&source, rows, &Intent::replace(note), kind).await
    }

    async fn drop_table(&self, feature: &FeatureKey) -> Result<bool, StoreError> {
        let source = self.source(feature);
        let dropped = drop_table::drop_table(&source).await;
        self.snapshots.forget(feature);
        dropped
    }

    async fn vacuum(&self, feature: &FeatureKey, request: Vacuum) -> Result<Vacuumed, StoreError> {
        let source = self.source(feature);
        if let Some(latest) = self.latest(&source).await?
            && let Ok(vacuumed) = vacuum::vacuum(&latest, request).await
        {
            return Ok(vacuumed);
        }
        // Others may have cleaned up the part of the log that is remembered.
        match source.load().await? {
            Some(latest) => vacuum::vacuum(&latest, request).await,
            None => Ok(Vacuumed::default()),
        }
    }
}

/// Refuses tables whose features a writer would have to honour.
fn writable(source: &Source, latest: &Snapshot) -> Result<(), StoreError> {
    let state = latest.delta.snapshot();
    let state = state.map_err(|failed| source.corrupt(error::one_line(&failed)))?;
    match features::unwritable(state) {
        None => Ok(()),
        Some(feature) => Err(StoreError::Unsupported {
            location: source.place.shown(&source.folder),
            what: format!("be written to: the table uses `{feature}`"),
        }),
    }
}

/// Rows that are added, perhaps in the place of others.
struct RowChange {
    source: Source,
    /// The columns of the files.
    columns: SchemaRef,
    written: Written,
    /// The table that the files were written for, if there was one.
    table: Option<String>,
    kind: Kind,
    precondition: Precondition,
    /// The tag under which it happens only once.
    once: Option<String>,
}

/// Whether rows are added to what is there, or put in the place of some of it.
enum Kind {
    Append,
    Replace { before: Arc<Snapshot>, chunks: Vec<usize>, change: Change },
}

impl commit::Change for RowChange {
    async fn actions(&self, latest: Option<&Snapshot>) -> Result<Vec<Action>, StoreError> {
        if let (Some(latest), Some(tag)) = (latest, &self.once)
            && latest.has_commit(tag).await?
        {
            return Ok(Vec::new());
        }
        self.require(latest).await?;
        let same = latest.map(|latest| latest.id.as_str()) == self.table.as_deref();
        if (self.table.is_some() && !same) || !self.written.are_there() {
            return Err(self.conflict("a drop of its table".to_owned()));
        }
        let mut actions = self.declaration(latest)?;
        let after_all = latest.map_or(0, |latest| latest.last_modified() + 1);
        let mut modified = now_millis().max(after_all);
        let mut kind = Change::Content;
        if let Kind::Replace { before, chunks, change } = &self.kind {
            let Some(latest) = latest else {
                return Err(self.conflict("a drop of its table".to_owned()));
            };
            kind = *change;
            self.still_there(before, chunks, latest).await?;
            let removed = chunks.iter().filter_map(|chunk| before.files.get(*chunk));
            // The rows stay where the youngest of the replaced ones were.
            modified = removed.clone().map(|file| file.modified).max().unwrap_or(modified);
            actions.extend(removed.map(|file| Action::Remove(file.remove(kind))));
        }
        let added = self.written.files.iter();
        actions.extend(added.map(|file| Action::Add(file.add(modified, kind))));
        let tag = self.once.as_ref().map(|tag| Transaction::new(tag, 1));
        actions.extend(tag.map(Action::Txn));
        Ok(actions)
    }

    fn hold(&self) {
        self.written.keep();
    }

    fn release(&self) {
        self.written.let_go();
    }
}

impl RowChange {
    /// Refuses rows that were computed from another state of the table than the latest.
    async fn require(&self, latest: Option<&Snapshot>) -> Result<(), StoreError> {
        let Source { place, folder, .. } = &self.source;
        let first_other = match (self.precondition, latest) {
            (Precondition::None, _) | (Precondition::NoTable, None) => return Ok(()),
            (Precondition::Version(wanted), Some(latest)) if latest.version == wanted => {
                return Ok(());
            }
            (Precondition::Version(_), None) => {
                return Err(self.conflict("a drop of its table".to_owned()));
            }
            (Precondition::NoTable, Some(_)) => 0,
            (Precondition::Version(wanted), Some(_)) => wanted + 1,
        };
        Err(self.conflict(log_entry::describe(place, folder, first_other).await?))
    }

    /// What the log must say about columns and features before it names the files.
    fn declaration(&self, latest: Option<&Snapshot>) -> Result<Vec<Action>, StoreError> {
        let place = || self.source.place.shown(&self.source.folder);
        let failed = |failed: serde_json::Error| error::storage("write", place(), failed);
        let odd = |()| self.source.corrupt("its columns have types that do not exist");
        let Some(latest) = latest else {
            let protocol = features::first_protocol(&self.columns).map_err(failed)?;
            let columns = schema::to_delta(&self.columns).map_err(odd)?;
            let none: [(&str, &str); 0] = [];
            let metadata = new_metadata(&columns, [""; 0], none)
                .map_err(|failed| error::storage("write", place(), failed))?;
            return Ok(features::declare(Some(protocol), Some(metadata)).collect());
        };
        let merged: SchemaRef =
            merge_schemas(&latest.schema, &self.columns).map_err(|problem| StoreError::Rows {
                feature: self.source.feature.clone(),
                problem,
            })?;
        if merged.fields() == latest.schema.fields() {
            return Ok(Vec::new());
        }
        let state = latest.delta.snapshot();
        let state = state.map_err(|failed| self.source.corrupt(error::one_line(&failed)))?;
        let columns = schema::grown(&state.schema(), latest.schema.as_ref(), &merged);
        let metadata = state.metadata().clone().with_schema(&columns.map_err(odd)?);
        let metadata = metadata.map_err(|failed| error::storage("write", place(), failed))?;
        let added: &Schema = &merged;
        let protocol = features::next_protocol(state.protocol(), added).map_err(failed)?;
        Ok(features::declare(protocol, Some(metadata)).collect())
    }

    /// Checks that nobody replaced the chunks since.
    async fn still_there(
        &self,
        before: &Snapshot,
        chunks: &[usize],
        latest: &Snapshot,
    ) -> Result<(), StoreError> {
        let state = latest.delta.snapshot();
        let state = state.map_err(|failed| self.source.corrupt(error::one_line(&failed)))?;
        if let Some(setting) = features::keeps_rows(state) {
            return Err(StoreError::Unsupported {
                location: self.source.place.shown(&self.source.folder),
                what: format!("have rows replaced: the table is set to `{setting}`"),
            });
        }
        if before.id != latest.id {
            return Err(self.conflict("a drop of its table".to_owned()));
        }
        for chunk in chunks {
            let Some(file) = before.files.get(*chunk) else {
                return Err(self.source.corrupt(format!("chunk {chunk} does not exist")));
            };
            if !latest.files.iter().any(|it| it.path == file.path) {
                let (place, folder) = (&self.source.place, &self.source.folder);
                let since = before.version + 1;
                let with = match log_entry::remover(place, folder, since, &file.path).await? {
                    Some(with) => with,
                    // The entry that removed it was cleaned up.
                    None => log_entry::describe(place, folder, latest.version).await?,
                };
                return Err(self.conflict(with));
            }
        }
        Ok(())
    }

    fn conflict(&self, with: String) -> StoreError {
        StoreError::Conflict { feature: self.source.feature.clone(), with, attempts: 1 }
    }
}
