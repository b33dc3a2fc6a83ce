//! The objects that rows name.

use std::collections::BTreeMap;

use datafusion::arrow::{
    array::{Array as _, ArrayRef, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::{DataType, UInt64Type},
};
use futures::TryStreamExt as _;
use metalith_expr::Expr;
use metalith_graph::{Feature, ObjectName, SampleObjects};
use metalith_objects::ObjectUri;
use metalith_store::{DeletionPlan, OwnFiles, Rows, StoreError};
use xxhash_rust::xxh64::xxh64;

use crate::{Context, deletion::DeletionError};

/// How often rows are read again because somebody removed some meanwhile. Each time somebody made
/// progress.
const ATTEMPTS: usize = 20;

/// What a row names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    /// One object.
    One(ObjectUri),
    /// Everything below a prefix.
    Below(ObjectUri),
    /// Nothing that could be found: what is wrong with it.
    Odd(String),
}

/// Which stored rows of a feature to look at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// All of them.
    Everything,
    /// Those that a hard deletion removes.
    Removed(&'a DeletionPlan),
    /// Those that it leaves.
    Kept(&'a DeletionPlan),
}

/// Goes through what rows of a feature in this very store name, with sizes where a column tells them.
pub(crate) async fn each(
    context: Context<'_>,
    feature: &Feature,
    which: Which<'_>,
    objects: &SampleObjects,
    mut visit: impl FnMut(Named, Option<u64>),
) -> Result<(), DeletionError> {
    let Context { graph, .. } = context;
    let store = &context.store.alone();
    let Some(schema) = store.stored_schema(graph, feature.key()).await? else { return Ok(()) };
    // A name that is misspelled would leave objects of others unprotected.
    for column in objects.named_by.columns() {
        if schema.index_of(column).is_err() {
            let what = format!(
                "`{}` declares objects by column `{column}`, which its table does not have",
                feature.key()
            );
            return Err(DeletionError::Incomplete { what });
        }
    }
    let filters: Vec<Expr> = match &objects.when {
        Some(when) => vec![metalith_expr::parse(when).map_err(DeletionError::Filter)?],
        None => Vec::new(),
    };
    let mut columns: Vec<String> =
        objects.named_by.columns().into_iter().map(str::to_owned).collect();
    columns.extend(objects.size.clone());
    columns.sort();
    columns.dedup();
    let mut attempt = 1;
    loop {
        let rows = match which {
            Which::Everything => store.read_everything(feature.key(), &filters, &columns).await?,
            Which::Removed(plan) => store.read_removed(plan, &filters, &columns).await?,
            Which::Kept(plan) => store.read_kept(plan, &filters, &columns).await?,
        };
        let Some(rows) = rows else { return Ok(()) };
        let mut odd = Vec::new();
        // What was named before a read broke off is named once more, and that is the same.
        let mut sort_out = |named, size| match named {
            Named::Odd(_) => odd.push((named, size)),
            Named::One(_) | Named::Below(_) => visit(named, size),
        };
        match in_rows(rows, objects, &mut sort_out).await {
            // Somebody removed rows for good meanwhile, files and all.
            Err(StoreError::Conflict { .. })
                if matches!(which, Which::Everything) && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            done => {
                odd.into_iter().for_each(|(named, size)| visit(named, size));
                return Ok(done?);
            }
        }
    }
}

async fn in_rows(
    rows: Rows,
    objects: &SampleObjects,
    visit: &mut impl FnMut(Named, Option<u64>),
) -> Result<(), StoreError> {
    let mut batches = rows.into_stream();
    while let Some(batch) = batches.try_next().await? {
        in_batch(&batch, objects, visit)?;
    }
    Ok(())
}

/// Goes through what rows in memory name; their condition is not looked at.
pub(crate) fn in_batch(
    batch: &RecordBatch,
    objects: &SampleObjects,
    visit: &mut impl FnMut(Named, Option<u64>),
) -> Result<(), StoreError> {
    let sizes = objects.size.as_ref().and_then(|name| batch.column_by_name(name));
    let sizes = sizes.map(|it| cast(it, &DataType::UInt64)).transpose();
    let sizes = sizes.map_err(StoreError::arrow)?;
    let size = |row: usize| {
        let sizes = sizes.as_ref()?.as_primitive::<UInt64Type>();
        sizes.is_valid(row).then(|| sizes.value(row))
    };
    let texts = texts(batch, &objects.named_by)?;
    for row in 0..batch.num_rows() {
        if let Some(named) = name(&objects.named_by, &texts, row) {
            visit(named, size(row));
        }
    }
    Ok(())
}

/// The columns that make names, as text.
fn texts<'n>(
    batch: &RecordBatch,
    name: &'n ObjectName,
) -> Result<BTreeMap<&'n str, ArrayRef>, StoreError> {
    let mut texts = BTreeMap::new();
    for column in name.columns() {
        if let Some(array) = batch.column_by_name(column) {
            let text = cast(array, &DataType::Utf8).map_err(StoreError::arrow)?;
            texts.insert(column, text);
        }
    }
    Ok(texts)
}

/// What a row names; `None` when it names nothing at all.
fn name(name: &ObjectName, texts: &BTreeMap<&str, ArrayRef>, row: usize) -> Option<Named> {
    let value = |column: &str| {
        let text = texts.get(column)?.as_string_opt::<i32>()?;
        text.is_valid(row).then(|| text.value(row))
    };
    match name {
        ObjectName::Column(column) => {
            let text = value(column)?;
            Some(match ObjectUri::parse(text) {
                Ok(uri) => Named::One(uri),
                Err(problem) => Named::Odd(format!("`{text}`: {problem}")),
            })
        }
        ObjectName::Template(template) => {
            if template.columns().iter().any(|column| value(column).is_none()) {
                return None;
            }
            Some(match template.render(value) {
                Err(problem) => Named::Odd(format!("`{template}`: {problem}")),
                Ok(address) => match ObjectUri::parse(&address) {
                    Err(problem) => Named::Odd(format!("`{address}`: {problem}")),
                    Ok(uri) if template.is_prefix() => Named::Below(uri),
                    Ok(uri) => Named::One(uri),
                },
            })
        }
    }
}

/// 128 bits that tell an address from others: two hashes of it with different seeds.
pub(crate) fn fingerprint(uri: &ObjectUri) -> u128 {
    fingerprint_of(uri.place(), uri.key())
}

/// The same of an address in parts.
pub(crate) fn fingerprint_of(place: &str, key: &str) -> u128 {
    let half = |seed: u64| {
        let place = xxh64(place.as_bytes(), seed);
        xxh64(key.as_bytes(), place)
    };
    (u128::from(half(1)) << 64) | u128::from(half(2))
}

/// The files of stores themselves, which are nobody's objects, those of the stores that it falls
/// back to among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreFiles {
    /// Below these are markers and the folders of tables.
    roots: Vec<ObjectUri>,
    /// Databases.
    files: Vec<ObjectUri>,
}

impl StoreFiles {
    pub(crate) fn of(context: Context<'_>) -> Result<Self, DeletionError> {
        let mut own = Self::default();
        for store in context.store.chain() {
            let at = |location: &str| {
                ObjectUri::of_place(location).map_err(|problem| {
                    let what = format!("where the store itself is: `{location}`: {problem}");
                    DeletionError::Incomplete { what }
                })
            };
            match store.own_files() {
                OwnFiles::None => {}
                OwnFiles::Below(root) => own.roots.push(at(&root)?),
                OwnFiles::File(file) => own.files.push(at(&file)?),
            }
        }
        Ok(own)
    }

    /// Takes in the files of others.
    pub(crate) fn add(&mut self, others: Self) {
        self.roots.extend(others.roots);
        self.files.extend(others.files);
    }

    pub(crate) fn have(&self, uri: &ObjectUri) -> bool {
        let is_of_database = self
            .files
            .iter()
            .any(|file| uri.place() == file.place() && uri.key().starts_with(file.key()));
        is_of_database || self.has_folder_of(uri)
    }

    fn has_folder_of(&self, uri: &ObjectUri) -> bool {
        self.roots.iter().filter(|root| root.covers(uri)).any(|root| {
            let below = uri.key()[root.key().len()..].trim_start_matches('/');
            // Also of stores that lie below this one.
            let mut parts = below.split('/');
            parts.clone().next_back() == Some("metalith-store.json")
                || parts.any(|part| part.contains(".delta"))
        })
    }
}
