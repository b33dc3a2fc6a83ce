//! Expected rows: what a feature should hold, computed from its upstreams.
//!
//! Per dep: current rows → run-time filters on stored names → rename → the dep's own filters →
//! select → lineage; then the deps are joined and every field's provenance is hashed. All of it is
//! one logical plan, built here and run by the query engine.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    common::{JoinType, NullEquality, Result as PlanResult},
    datasource::provider_as_source,
    functions::core::expr_fn::{coalesce, named_struct},
    functions_aggregate::string_agg::string_agg_udaf,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, expr::AggregateFunction, lit},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use metalith_base::{FeatureKey, QualifiedField};
use metalith_graph::{Feature, FeatureDep, FeatureGraph, HashLength, Lineage, columns};

use crate::{
    HashAlgorithm, HashSettings, RequestProblem, Store, StoreError, Table,
    chunk_scan::{ChunkScan, Selection},
    current::{Visibility, select_changed},
    hash::{field_version, hash_of},
    lower::{column, key_pairs, lower_filters},
    settled::{Changed, stored_ids},
};

/// Which rows of the upstreams count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamVersions {
    /// Those of their current feature versions.
    Current,
    /// Those of any feature version: what was there before a definition changed.
    Any,
}

/// Filters of one resolve, in the form that plans need.
#[derive(Clone, Copy)]
pub(crate) struct Filters<'a> {
    /// Per feature, on stored names.
    pub(crate) by_feature: &'a BTreeMap<FeatureKey, Vec<metalith_expr::Expr>>,
    /// On every feature.
    pub(crate) global: &'a [metalith_expr::Expr],
    /// The samples to look at; `None` for all.
    pub(crate) changed: Option<&'a Changed>,
}

impl Filters<'_> {
    /// The filters on a feature's stored rows.
    pub(crate) fn on(&self, feature: &FeatureKey) -> Vec<metalith_expr::Expr> {
        let own = self.by_feature.get(feature).map_or(&[][..], Vec::as_slice);
        own.iter().chain(self.global).cloned().collect()
    }
}

/// The selected rows of a table as the start of a plan.
pub(crate) fn scan(table: Arc<dyn Table>, selection: Selection) -> PlanResult<LogicalPlanBuilder> {
    let source = provider_as_source(Arc::new(ChunkScan::new(table, selection)));
    LogicalPlanBuilder::scan("stored", source, None)
}

/// An upstream in the state in which it is to be read, whatever is written to it meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(crate) table: Arc<dyn Table>,
    pub(crate) content: Content,
}

/// By what it is told whether two rows of an upstream have the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Their ids and data versions.
    Own,
    /// Those of the row that a migration carried over to this one, if one did.
    CarriedFrom,
}

/// Upstreams by their keys.
pub(crate) type PinnedUpstreams = BTreeMap<FeatureKey, Pinned>;

/// The plan of the expected rows of a feature with deps: join keys, the upstreams' columns, and the
/// four version columns.
pub(crate) async fn expected_rows(
    store: &Store,
    graph: &FeatureGraph,
    feature: &Feature,
    filters: Filters<'_>,
    versions: UpstreamVersions,
) -> Result<LogicalPlan, StoreError> {
    let mut prepared = Vec::new();
    for (index, dep) in feature.spec().deps.iter().enumerate() {
        let upstream = graph.feature(&dep.feature)?;
        let dep = Dep { index, dep, upstream, feature, pinned: None };
        prepared.push(async move { dep.prepare(store, filters, versions).await });
    }
    // Finding a few rows mostly waits, finding all of them takes memory.
    let at_once = if filters.changed.is_some() { prepared.len().max(1) } else { 1 };
    let prepared = stream::iter(prepared).buffered(at_once).try_collect().await?;
    expected_of(store, feature, prepared)
}

/// The same of upstreams in a known state, with a column for each dep that tells the content of
/// what the row is computed from, see [`content_column`].
pub(crate) async fn expected_from(
    store: &Store,
    graph: &FeatureGraph,
    feature: &Feature,
    upstreams: &PinnedUpstreams,
) -> Result<LogicalPlan, StoreError> {
    let none = BTreeMap::new();
    let filters = Filters { by_feature: &none, global: &[], changed: None };
    let mut prepared = Vec::new();
    for (index, dep) in feature.spec().deps.iter().enumerate() {
        let upstream = graph.feature(&dep.feature)?;
        let pinned = upstreams.get(&dep.feature);
        let dep = Dep { index, dep, upstream, feature, pinned };
        prepared.push(dep.prepare(store, filters, UpstreamVersions::Current).await?);
    }
    expected_of(store, feature, prepared)
}

/// The column that tells the content of a dep, by the dep's place in the spec.
pub(crate) fn content_column(index: usize) -> String {
    format!("__content_{index}")
}

/// How contents are hashed, whatever the store says of versions: what a row was carried over from
/// is stored with it, and compared as long as there are rows.
const OF_CONTENTS: HashSettings =
    HashSettings { algorithm: HashAlgorithm::Sha256, length: HashLength::UNCUT };

/// A hash of a row's ids and data versions. Rows of one feature have the same one if the same would
/// follow from either.
pub(crate) fn content_of(ids: &[String], feature: &Feature) -> Expr {
    let mut names: Vec<String> =
        feature.spec().fields.iter().map(|field| field.key.struct_name()).collect();
    names.sort();
    let fields = names.iter().flat_map(|name| {
        let version = field_version(column(columns::DATA_VERSION_BY_FIELD), name);
        // A field without a version is told from any with one, and does not make all NULL.
        [lit(name.as_str()), coalesce(vec![version, lit("\u{1}")])]
    });
    hash_of(OF_CONTENTS, ids.iter().map(|id| column(id)).chain(fields).collect())
}

fn expected_of(
    store: &Store,
    feature: &Feature,
    prepared: Vec<Prepared>,
) -> Result<LogicalPlan, StoreError> {
    refuse_shared_columns(feature, &prepared)?;
    let failed = |error| StoreError::engine(feature.key().as_str(), error);
    let joined = join_all(feature, prepared).map_err(failed)?;
    with_provenance(store, feature, joined).map_err(failed)
}

/// One dep of the feature whose rows are expected.
pub(crate) struct Dep<'a> {
    pub(crate) index: usize,
    pub(crate) dep: &'a FeatureDep,
    pub(crate) upstream: &'a Feature,
    pub(crate) feature: &'a Feature,
    /// The state of the upstream; `None` for the one that a reader finds.
    pub(crate) pinned: Option<&'a Pinned>,
}

/// An upstream ready to be joined.
pub(crate) struct Prepared {
    feature: FeatureKey,
    optional: bool,
    pub(crate) plan: LogicalPlan,
    /// Columns that go into the result, renamed and selected, ids included.
    pub(crate) columns: Vec<String>,
    ids: Vec<String>,
    /// Where the value of each upstream field is.
    pub(crate) values: Vec<(QualifiedField, String)>,
    /// The column that tells the content, if that is asked for.
    content: Option<String>,
}

impl Dep<'_> {
    /// Everything up to the join.
    pub(crate) async fn prepare(
        &self,
        store: &Store,
        filters: Filters<'_>,
        versions: UpstreamVersions,
    ) -> Result<Prepared, StoreError> {
        let key = self.upstream.key();
        let table = match self.pinned {
            Some(pinned) => Arc::clone(&pinned.table),
            None => store.require_table(key).await?,
        };
        let visibility = Visibility {
            feature_version: match versions {
                UpstreamVersions::Current => Some(self.upstream.feature_version().to_owned()),
                UpstreamVersions::Any => None,
            },
            sample_history: false,
            include_deleted: false,
        };
        let ids = stored_ids(self.dep, self.upstream, self.feature.join_keys());
        let selection = match filters.changed.zip(ids.as_deref()) {
            Some(changed) => {
                select_changed(self.upstream, table.as_ref(), &visibility, changed).await?
            }
            None => store.select_visible(self.upstream, &table, &visibility).await?,
        };
        let names = self.names(table.as_ref())?;
        let failed = |error| StoreError::engine(key.as_str(), error);
        let mut builder = scan(table, selection).map_err(failed)?;
        let runtime = lower_filters(key, &filters.on(key), builder.schema(), store.now())?;
        if let Some(filter) = runtime {
            builder = builder.filter(filter).map_err(failed)?;
        }
        let builder = builder.project(self.renamed(&names)).map_err(failed)?;
        let builder = self.own_filters(builder, store)?;
        let columns = self.selected(&names)?;
        let plan = self.lineage(store, builder, &columns).map_err(failed)?;
        for join_key in self.feature.join_keys() {
            if !columns.contains(join_key) {
                return Err(self.unknown(key, "a join key", join_key, &columns));
            }
        }
        Ok(Prepared {
            feature: key.clone(),
            optional: self.dep.optional,
            plan,
            ids: self.ids(),
            columns,
            values: self.values(),
            content: self.pinned.map(|_| content_column(self.index)),
        })
    }

    /// The upstream's user columns: stored name and name after renaming.
    pub(crate) fn names(&self, table: &dyn Table) -> Result<Vec<(String, String)>, StoreError> {
        let schema = table.schema();
        let stored: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .filter(|name| !columns::is_system(name))
            .collect();
        for name in self.dep.rename.keys() {
            if !stored.contains(name) {
                return Err(self.unknown(self.upstream.key(), "`rename`", name, &stored));
            }
        }
        Ok(stored.into_iter().map(|name| (name.clone(), self.after_rename(&name))).collect())
    }

    fn after_rename(&self, name: &str) -> String {
        self.dep.rename.get(name).map_or_else(|| name.to_owned(), Clone::clone)
    }

    /// The upstream's id columns after renaming.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.upstream.spec().id_columns.iter().map(|id| self.after_rename(id)).collect()
    }

    /// Columns under their new names, and the version columns that the dep's filters may name.
    fn renamed(&self, names: &[(String, String)]) -> Vec<Expr> {
        let versions = [
            columns::PROVENANCE_BY_FIELD,
            columns::PROVENANCE,
            columns::DATA_VERSION_BY_FIELD,
            columns::DATA_VERSION,
        ];
        let renamed = names.iter().map(|(stored, new)| column(stored).alias(new));
        let versions = versions.into_iter().chain(self.carried_from());
        renamed.chain(versions.map(|name| column(name).alias(name))).collect()
    }

    /// The dep's own filters.
    pub(crate) fn parsed_filters(&self) -> Result<Vec<metalith_expr::Expr>, StoreError> {
        let parsed = self.dep.filters.iter().map(|text| metalith_expr::parse(text));
        parsed
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| StoreError::Filter { feature: self.feature.key().clone(), source })
    }

    fn own_filters(
        &self,
        mut builder: LogicalPlanBuilder,
        store: &Store,
    ) -> Result<LogicalPlanBuilder, StoreError> {
        let (feature, filters) = (self.feature.key(), self.parsed_filters()?);
        if let Some(filter) = lower_filters(feature, &filters, builder.schema(), store.now())? {
            builder = builder
                .filter(filter)
                .map_err(|error| StoreError::engine(feature.as_str(), error))?;
        }
        Ok(builder)
    }

    /// The columns that go into the result. Ids always do.
    pub(crate) fn selected(&self, names: &[(String, String)]) -> Result<Vec<String>, StoreError> {
        let all: Vec<String> = names.iter().map(|(_, new)| new.clone()).collect();
        let Some(select) = &self.dep.select else { return Ok(all) };
        for name in select {
            if !all.contains(name) {
                return Err(self.unknown(self.upstream.key(), "`select`", name, &all));
            }
        }
        let ids = self.ids();
        let keys = self.feature.join_keys();
        let wanted =
            |name: &String| select.contains(name) || ids.contains(name) || keys.contains(name);
        Ok(all.into_iter().filter(wanted).collect())
    }

    /// The upstream fields that some field of the feature is computed from, and their columns.
    pub(crate) fn values(&self) -> Vec<(QualifiedField, String)> {
        let mut values: Vec<(QualifiedField, String)> = Vec::new();
        for parent in self.feature.parent_fields().values().flatten() {
            let known = values.iter().any(|(field, _)| field == parent);
            if parent.feature == *self.upstream.key() && !known {
                values.push((parent.clone(), format!("__value_{}_{}", self.index, values.len())));
            }
        }
        values
    }

    /// The column that tells what a row was carried over from, if that is asked for and there.
    fn carried_from(&self) -> Option<&'static str> {
        let pinned = self.pinned.filter(|pinned| pinned.content == Content::CarriedFrom)?;
        let is_there = pinned.table.schema().index_of(columns::MIGRATED_FROM).is_ok();
        is_there.then_some(columns::MIGRATED_FROM)
    }

    /// What tells the content of a row, and the name of its column, if that is asked for.
    fn content(&self) -> Option<(Expr, String)> {
        self.pinned?;
        let own = content_of(&self.ids(), self.upstream);
        let content = match self.carried_from() {
            Some(carried_from) => coalesce(vec![column(carried_from), own]),
            None => own,
        };
        Some((content, content_column(self.index)))
    }

    fn lineage(
        &self,
        store: &Store,
        builder: LogicalPlanBuilder,
        columns: &[String],
    ) -> PlanResult<LogicalPlan> {
        let values = self.values();
        let value_of = |field: &QualifiedField| {
            field_version(column(columns::DATA_VERSION_BY_FIELD), &field.field.struct_name())
        };
        let plain = columns.iter().map(|name| column(name).alias(name));
        let values = values.iter().map(|(field, name)| (value_of(field), name.clone()));
        let values: Vec<(Expr, String)> = values.chain(self.content()).collect();
        let rows = builder
            .project(plain.chain(values.iter().map(|(value, name)| value.clone().alias(name))))?;
        match &self.dep.lineage {
            Lineage::Identity | Lineage::Expansion { .. } => rows.build(),
            Lineage::Aggregation { on } => {
                let on = on.as_ref().unwrap_or(&self.feature.spec().id_columns);
                let values: Vec<String> = values.into_iter().map(|(_, name)| name).collect();
                self.aggregate(store, rows.build()?, (on, &values), columns)
            }
        }
    }

    /// Gives every row the hash of its group's values, ordered by the upstream's ids.
    fn aggregate(
        &self,
        store: &Store,
        rows: LogicalPlan,
        (on, values): (&[String], &[String]),
        columns: &[String],
    ) -> PlanResult<LogicalPlan> {
        let group_key = |name: &str| format!("__group_{name}");
        let order: Vec<_> = self.ids().iter().map(|id| column(id).sort(true, true)).collect();
        let joined = values.iter().map(|name| {
            let present = column(name).is_not_null();
            let args = vec![column(name), lit("|")];
            Expr::AggregateFunction(AggregateFunction::new_udf(
                string_agg_udaf(),
                args,
                false,
                Some(Box::new(present)),
                order.clone(),
                None,
            ))
            .alias(format!("{name}_joined"))
        });
        let keys = on.iter().map(|name| column(name).alias(group_key(name)));
        let hashes = values.iter().map(|name| {
            let text = coalesce(vec![column(&format!("{name}_joined")), lit("")]);
            let is_content = *name == content_column(self.index);
            let hash = if is_content { OF_CONTENTS } else { store.hash() };
            hash_of(hash, vec![text]).alias(format!("{name}_group"))
        });
        let groups = LogicalPlanBuilder::from(rows.clone())
            .aggregate(keys, joined)?
            .project(on.iter().map(|name| column(&group_key(name))).chain(hashes))?
            .build()?;
        let whole = values.iter().map(|name| column(&format!("{name}_group")).alias(name));
        LogicalPlanBuilder::from(rows)
            .join_detailed(
                groups,
                JoinType::Inner,
                key_pairs(on, group_key),
                None,
                NullEquality::NullEqualsNull,
            )?
            .project(columns.iter().map(|name| column(name)).chain(whole))?
            .build()
    }

    fn unknown(
        &self,
        of: &FeatureKey,
        part: &'static str,
        column: &str,
        known: &[String],
    ) -> StoreError {
        StoreError::request(
            self.feature.key(),
            RequestProblem::UnknownColumn {
                of: of.clone(),
                part,
                column: column.to_owned(),
                known: known.to_vec(),
            },
        )
    }
}

/// A column that two upstreams have must be a join key, or an id in both.
fn refuse_shared_columns(feature: &Feature, deps: &[Prepared]) -> Result<(), StoreError> {
    let mut owners: BTreeMap<&str, &Prepared> = BTreeMap::new();
    for dep in deps {
        for name in dep.columns.iter().filter(|name| !feature.join_keys().contains(name)) {
            let Some(first) = owners.insert(name, dep) else { continue };
            if !(first.ids.contains(name) && dep.ids.contains(name)) {
                let problem = RequestProblem::SharedColumn {
                    column: name.clone(),
                    first: first.feature.clone(),
                    second: dep.feature.clone(),
                };
                return Err(StoreError::request(feature.key(), problem));
            }
        }
    }
    Ok(())
}

/// All upstreams in one plan: the join keys, every other column once, and the field values.
pub(crate) struct Joined {
    pub(crate) plan: LogicalPlanBuilder,
    pub(crate) columns: Vec<String>,
    /// Field, column, and whether the field's dep is optional.
    pub(crate) values: Vec<(QualifiedField, String, bool)>,
    /// The columns that tell contents, and whether their deps are optional.
    pub(crate) contents: Vec<(String, bool)>,
}

/// Required deps inner-join in order, then optional ones left-join; all optional: full outer join.
fn join_all(feature: &Feature, deps: Vec<Prepared>) -> PlanResult<Joined> {
    let all_optional = deps.iter().all(|dep| dep.optional);
    let (required, optional): (Vec<_>, Vec<_>) = deps.into_iter().partition(|dep| !dep.optional);
    let mut joined: Option<Joined> = None;
    for dep in required.into_iter().chain(optional) {
        let kind = match dep.optional {
            false => JoinType::Inner,
            true if all_optional => JoinType::Full,
            true => JoinType::Left,
        };
        joined = Some(match joined {
            None => first(feature, dep)?,
            Some(left) => join_one(feature, left, dep, kind)?,
        });
    }
    joined.ok_or_else(|| {
        datafusion::error::DataFusionError::Plan("a feature without deps".to_owned())
    })
}

fn values_of(dep: &Prepared) -> impl Iterator<Item = (QualifiedField, String, bool)> {
    dep.values.iter().map(|(field, name)| (field.clone(), name.clone(), dep.optional))
}

fn content_of_dep(dep: &Prepared) -> Option<(String, bool)> {
    dep.content.clone().map(|name| (name, dep.optional))
}

fn first(feature: &Feature, dep: Prepared) -> PlanResult<Joined> {
    let keys = feature.join_keys();
    let values = values_of(&dep).collect();
    let contents = content_of_dep(&dep).into_iter().collect();
    let others = dep.columns.iter().filter(|name| !keys.contains(name));
    let columns: Vec<String> = keys.iter().chain(others).cloned().collect();
    Ok(Joined { plan: LogicalPlanBuilder::from(dep.plan), columns, values, contents })
}

fn join_one(feature: &Feature, left: Joined, dep: Prepared, kind: JoinType) -> PlanResult<Joined> {
    let keys = feature.join_keys();
    let right_key = |name: &str| format!("__key_{name}");
    let added: Vec<String> =
        dep.columns.iter().filter(|name| !left.columns.contains(name)).cloned().collect();
    let right = LogicalPlanBuilder::from(dep.plan.clone())
        .project(
            keys.iter()
                .map(|name| column(name).alias(right_key(name)))
                .chain(added.iter().map(|name| column(name)))
                .chain(dep.values.iter().map(|(_, name)| column(name)))
                .chain(dep.content.iter().map(|name| column(name))),
        )?
        .build()?;
    let on = key_pairs(keys, right_key);
    let (mut values, mut contents) = (left.values, left.contents);
    let key = |name: &String| match kind {
        JoinType::Full => coalesce(vec![column(name), column(&right_key(name))]).alias(name),
        _ => column(name),
    };
    let kept = left.columns.iter().filter(|name| !keys.contains(name)).chain(&added);
    let old_values = values.iter().map(|(_, name, _)| column(name));
    let old_contents = contents.iter().map(|(name, _)| column(name));
    let old_values: Vec<_> = old_values.chain(old_contents).collect();
    let plan = left.plan.join(right, kind, on, None)?.project(
        keys.iter()
            .map(key)
            .chain(kept.map(|name| column(name)))
            .chain(old_values)
            .chain(dep.values.iter().map(|(_, name)| column(name)))
            .chain(dep.content.iter().map(|name| column(name))),
    )?;
    values.extend(values_of(&dep));
    contents.extend(content_of_dep(&dep));
    let columns = left.columns.into_iter().chain(added).collect();
    Ok(Joined { plan, columns, values, contents })
}

/// Replaces the field values by the hashes of the feature's own fields.
pub(crate) fn with_provenance(
    store: &Store,
    feature: &Feature,
    joined: Joined,
) -> PlanResult<LogicalPlan> {
    let hashed = |index: usize| format!("__field_{index}");
    let fields = feature.spec().fields.iter().enumerate().map(|(index, field)| {
        let mut texts = vec![lit(format!("{}|{}", field.key, field.code_version))];
        for parent in feature.parent_fields().get(&field.key).into_iter().flatten() {
            texts.push(lit(parent.to_string()));
            let value = joined.values.iter().find(|(value, _, _)| value == parent);
            texts.push(match value {
                Some((_, name, true)) => coalesce(vec![column(name), lit("")]),
                Some((_, name, false)) => column(name),
                None => lit(datafusion::common::ScalarValue::Utf8(None)),
            });
        }
        hash_of(store.hash(), texts).alias(hashed(index))
    });
    let columns = &joined.columns;
    let contents = joined.contents.iter().map(|(name, is_optional)| match is_optional {
        true => coalesce(vec![column(name), lit("")]).alias(name),
        false => column(name),
    });
    let with_fields = joined
        .plan
        .project(columns.iter().map(|name| column(name)).chain(fields).chain(contents))?;
    let mut members: Vec<(String, Expr)> = feature
        .spec()
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| (field.key.struct_name(), column(&hashed(index))))
        .collect();
    let by_field = named_struct(
        members.iter().flat_map(|(name, hash)| [lit(name.as_str()), hash.clone()]).collect(),
    );
    members.sort_by(|left, right| left.0.cmp(&right.0));
    let whole = hash_of(store.hash(), members.into_iter().map(|(_, hash)| hash).collect());
    let versions = [
        by_field.clone().alias(columns::PROVENANCE_BY_FIELD),
        whole.clone().alias(columns::PROVENANCE),
        by_field.alias(columns::DATA_VERSION_BY_FIELD),
        whole.alias(columns::DATA_VERSION),
    ];
    let contents = joined.contents.iter().map(|(name, _)| column(name));
    with_fields
        .project(columns.iter().map(|name| column(name)).chain(versions).chain(contents))?
        .build()
}
