//! What stands in the way of a deletion: holds, and references that refuse.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use datafusion::arrow::{
    array::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};
use metalith_base::FeatureKey;
use metalith_graph::{Feature, OnDelete};
use metalith_store::{Keys, ReadOptions, StoreError};

use super::{
    DeletionError,
    walk::{Link, Walk},
};
use crate::{events::noun, holds};

/// How many names a blocker tells.
const EXAMPLES: usize = 20;

/// Something that stands in the way of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// Samples refer to one that would go, and refuse.
    Reference(Reference),
    /// A hold.
    Hold {
        /// Its id.
        hold: String,
        /// Whose samples.
        feature: FeatureKey,
        /// How many of those that would go are held.
        samples: u64,
        /// Some of them.
        examples: Vec<String>,
        /// Why they are held.
        reason: Option<String>,
    },
}

/// Samples that refer to one that would go, and refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The feature whose sample would go.
    pub feature: FeatureKey,
    /// The sample: its name if it has one, else its ids.
    pub target: String,
    /// The feature that refers to it.
    pub by: FeatureKey,
    /// How many samples of that do.
    pub samples: u64,
    /// Their names, as many as are worth telling.
    pub names: Vec<String>,
    /// On which condition they refuse.
    pub when: Option<String>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => reference.fmt(f),
            Self::Hold { hold, feature, samples, examples, reason } => {
                write!(f, "{samples} samples of `{feature}` are held")?;
                if let Some(reason) = reason {
                    write!(f, " ({reason})")?;
                }
                write!(f, " by hold {hold}: {}", listed(examples, *samples))
            }
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feature, target, by, samples, names, when } = self;
        let what = when.as_deref().map(adjective).unwrap_or_default();
        write!(
            f,
            "Cannot delete {} '{target}': it is currently used by {samples} {what}{}(s): {}",
            noun(feature),
            noun(by),
            listed(names, *samples),
        )
    }
}

impl Blocker {
    /// A hold on a feature of which nothing else is known.
    pub(super) fn of_unknown(hold: holds::Hold) -> Self {
        Self::Hold {
            hold: hold.id,
            feature: hold.feature,
            samples: 0,
            examples: hold.filters,
            reason: hold.reason,
        }
    }

    /// What to do about it.
    pub fn way_out(&self) -> String {
        match self {
            Self::Reference(Reference { by, when: Some(when), .. })
                if adjective(when) == "active " =>
            {
                format!("Please deactivate or delete these {}s first", noun(by))
            }
            Self::Reference(Reference { by, .. }) => {
                format!("Please delete these {}s first", noun(by))
            }
            Self::Hold { hold, .. } => {
                format!("release the hold with `metalith hold release {hold}`, if you may")
            }
        }
    }
}

/// What a condition says of those that meet it: `is_active` makes them active.
fn adjective(when: &str) -> String {
    match when.strip_prefix("is_") {
        Some(word) if word.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') => {
            format!("{} ", word.replace('_', " "))
        }
        _ => String::new(),
    }
}

fn listed(names: &[String], all: u64) -> String {
    let mut text = names.join(", ");
    if all > names.len() as u64 {
        text.push_str(", …");
    }
    text
}

/// Finds everything that stands in the way of what a walk found.
pub(super) async fn blockers(walk: &Walk<'_>) -> Result<Vec<Blocker>, DeletionError> {
    let mut found = Vec::new();
    let touched: Vec<FeatureKey> = walk.touched().cloned().collect();
    for key in &touched {
        let upstream = walk.graph.feature(key).map_err(StoreError::from)?;
        for (reader, link) in walk.readers(upstream)? {
            if let OnDelete::Restrict { when, label } = &link.dep.on_delete {
                let restriction = Restriction { walk, reader, link: &link, when, label };
                found.extend(restriction.blockers().await?);
            }
        }
    }
    for hold in holds::list(walk.store).await? {
        if hold.is_released || !touched.contains(&hold.feature) {
            continue;
        }
        let filters = hold.filters.iter().map(|text| metalith_expr::parse(text));
        let filters = filters.collect::<Result<Vec<_>, _>>().map_err(DeletionError::Filter)?;
        let held = holds::held(walk.store, walk.graph, &hold.feature, &filters).await?;
        let Some(held) = held else { continue };
        let doomed = walk.doomed(&hold.feature);
        let held = doomed.without(&doomed.without(&held)?)?;
        if !held.is_empty() {
            found.push(Blocker::Hold {
                hold: hold.id,
                feature: hold.feature,
                samples: held.len() as u64,
                examples: held.examples(EXAMPLES)?,
                reason: hold.reason,
            });
        }
    }
    Ok(found)
}

/// A dep that refuses deletions.
struct Restriction<'a> {
    walk: &'a Walk<'a>,
    reader: &'a Feature,
    link: &'a Link<'a>,
    when: &'a Option<String>,
    label: &'a Option<String>,
}

impl Restriction<'_> {
    async fn blockers(&self) -> Result<Vec<Blocker>, DeletionError> {
        let Some((gone, _)) = self.walk.keys_without_input(self.link).await? else {
            return Ok(Vec::new());
        };
        let ids = &self.reader.spec().id_columns;
        let without = Some(self.walk.doomed(self.reader.key())).filter(|keys| !keys.is_empty());
        let live = ReadOptions {
            within: Some(gone),
            without,
            feature_history: true,
            ..Default::default()
        };
        let mut refusing = self.walk.keys(self.reader, ids, ids, live).await?;
        let mut namer = self.reader;
        if let (Some(when), Some(candidates)) = (self.when, &refusing) {
            let (meeting, owner) = self.meeting(when).await?;
            namer = owner;
            refusing = Some(candidates.without(&candidates.without(&meeting)?)?);
        }
        let Some(refusing) = refusing.filter(|keys| !keys.is_empty()) else {
            return Ok(Vec::new());
        };
        self.told(refusing, namer).await
    }

    /// The ids of the reader's samples that meet a condition, and the feature that has its columns:
    /// the reader, or another of its upstreams.
    async fn meeting(&self, when: &str) -> Result<(Keys, &Feature), DeletionError> {
        let condition = metalith_expr::parse(when).map_err(DeletionError::Filter)?;
        let (walk, reader) = (self.walk, self.reader);
        let ids = &reader.spec().id_columns;
        let named = condition.named_columns();
        let options = || ReadOptions {
            filters: vec![condition.clone()],
            feature_history: true,
            ..ReadOptions::default()
        };
        for link in walk.links(reader)? {
            if self.has(reader, &named).await? {
                break;
            }
            if link.upstream.key() == self.link.upstream.key()
                || !self.has(link.upstream, &named).await?
            {
                continue;
            }
            let keys = walk.keys(link.upstream, &link.keys, &link.stored, options()).await?;
            let within = ReadOptions { within: keys, feature_history: true, ..Default::default() };
            let keys = walk.keys(reader, ids, ids, within).await?;
            return Ok((keys.unwrap_or_else(Keys::none), link.upstream));
        }
        // Of the reader itself, or an error that says which column is missing.
        let keys = walk.keys(reader, ids, ids, options()).await?;
        Ok((keys.unwrap_or_else(Keys::none), reader))
    }

    async fn has(&self, feature: &Feature, named: &BTreeSet<String>) -> Result<bool, StoreError> {
        let schema = self.walk.store.stored_schema(self.walk.graph, feature.key()).await?;
        Ok(schema.is_some_and(|schema| named.iter().all(|it| schema.index_of(it).is_ok())))
    }

    /// One blocker for each sample that would go, with the names of those that refuse.
    async fn told(&self, refusing: Keys, namer: &Feature) -> Result<Vec<Blocker>, DeletionError> {
        let options =
            || ReadOptions { feature_history: true, limit: Some(10_000), ..Default::default() };
        let of_reader = ReadOptions { within: Some(refusing.clone()), ..options() };
        let rows = self.rows(self.reader, of_reader).await?;
        let names = if namer.key() == self.reader.key() {
            BTreeMap::new()
        } else {
            self.names(namer, &refusing).await?
        };
        let targets = self.targets().await?;
        // By name, and told apart by what they are: several may have one name.
        let mut by_target: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for row in &rows {
            let target = show(row, &self.link.keys);
            let named = match self
                .walk
                .links(self.reader)?
                .into_iter()
                .find(|it| it.upstream.key() == namer.key())
            {
                Some(link) if namer.key() != self.reader.key() => {
                    let key = show(row, &link.keys);
                    (names.get(&key).cloned().unwrap_or_else(|| key.clone()), key)
                }
                _ => {
                    let ids = &self.reader.spec().id_columns;
                    (name_of(row, self.label.as_deref(), ids), show(row, ids))
                }
            };
            by_target.entry(target).or_default().insert(named);
        }
        let blockers = by_target.into_iter().map(|(target, names)| {
            Blocker::Reference(Reference {
                feature: self.link.upstream.key().clone(),
                target: targets.get(&target).cloned().unwrap_or(target),
                by: namer.key().clone(),
                samples: names.len() as u64,
                names: names.into_iter().map(|(name, _)| name).take(EXAMPLES).collect(),
                when: self.when.clone(),
            })
        });
        Ok(blockers.collect())
    }

    /// The names of another upstream's samples, by the values with which the reader refers to them.
    async fn names(
        &self,
        namer: &Feature,
        refusing: &Keys,
    ) -> Result<BTreeMap<String, String>, DeletionError> {
        let links = self.walk.links(self.reader)?;
        let Some(link) = links.into_iter().find(|it| it.upstream.key() == namer.key()) else {
            return Ok(BTreeMap::new());
        };
        let within = ReadOptions { within: Some(refusing.clone()), ..ReadOptions::default() };
        let within = ReadOptions { feature_history: true, ..within };
        let keys = self.walk.keys(self.reader, &link.stored, &link.keys, within).await?;
        let options = ReadOptions { within: keys, feature_history: true, ..ReadOptions::default() };
        let rows = self.rows(namer, options).await?;
        let ids = &namer.spec().id_columns;
        let name =
            |row: &Shown| (show(row, &link.stored), name_of(row, self.label.as_deref(), ids));
        Ok(rows.iter().map(name).collect())
    }

    /// The names of the samples that would go, by the values with which they are referred to.
    async fn targets(&self) -> Result<BTreeMap<String, String>, DeletionError> {
        let upstream = self.link.upstream;
        let doomed = self.walk.doomed(upstream.key());
        let options = ReadOptions { within: Some(doomed), ..self.walk.reading() };
        let rows = self.rows(upstream, ReadOptions { limit: Some(10_000), ..options }).await?;
        let ids = &upstream.spec().id_columns;
        Ok(rows.iter().map(|row| (show(row, &self.link.stored), name_of(row, None, ids))).collect())
    }

    async fn rows(
        &self,
        feature: &Feature,
        options: ReadOptions,
    ) -> Result<Vec<Shown>, DeletionError> {
        let rows = self.walk.store.read_whole(self.walk.graph, feature.key(), &options).await?;
        Ok(rows.batches.iter().flat_map(shown).collect())
    }
}

/// The values of a row as text, by column. NULL is not there.
pub(super) type Shown = BTreeMap<String, String>;

pub(super) fn shown(batch: &RecordBatch) -> Vec<Shown> {
    let options = FormatOptions::default();
    let schema = batch.schema();
    let columns: Vec<(&String, ArrayFormatter<'_>, &datafusion::arrow::array::ArrayRef)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter_map(|(field, array)| {
            Some((field.name(), ArrayFormatter::try_new(array, &options).ok()?, array))
        })
        .collect();
    let value = |row: usize| {
        let there = columns.iter().filter(move |(_, _, array)| array.is_valid(row));
        there.map(move |(name, it, _)| ((*name).clone(), it.value(row).to_string())).collect()
    };
    (0..batch.num_rows()).map(value).collect()
}

fn show(row: &Shown, columns: &[String]) -> String {
    let values = columns.iter().map(|name| row.get(name).map_or("", String::as_str));
    values.collect::<Vec<_>>().join(", ")
}

/// What a sample is called: by the label, by a column `name`, or by its ids.
fn name_of(row: &Shown, label: Option<&str>, ids: &[String]) -> String {
    let name = label.and_then(|label| row.get(label)).or_else(|| row.get("name"));
    name.cloned().unwrap_or_else(|| show(row, ids))
}
