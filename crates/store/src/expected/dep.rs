//! One upstream of a feature, made ready to be joined with the others.

use std::sync::Arc;

use datafusion::{
    common::{JoinType, NullEquality, Result as PlanResult},
    functions::core::expr_fn::coalesce,
    functions_aggregate::string_agg::string_agg_udaf,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, expr::AggregateFunction, lit},
};
use metalith_base::{FeatureKey, QualifiedField};
use metalith_graph::{Feature, FeatureDep, Lineage, columns};

use super::{
    Content, Filters, OF_CONTENTS, Pinned, UpstreamVersions, content_column, content_of, scan,
};
use crate::{
    RequestProblem, Store, StoreError, Table,
    current::{Visibility, select_changed},
    hash::{field_version, hash_of},
    lower::{column, key_pairs, lower_filters},
    settled::stored_ids,
};

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
    pub(super) feature: FeatureKey,
    pub(super) optional: bool,
    pub(crate) plan: LogicalPlan,
    /// Columns that go into the result, renamed and selected, ids included.
    pub(crate) columns: Vec<String>,
    pub(super) ids: Vec<String>,
    /// Where the value of each upstream field is.
    pub(crate) values: Vec<(QualifiedField, String)>,
    /// The column that tells the content, if that is asked for.
    pub(super) content: Option<String>,
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
            Some(changed) => select_changed(self.upstream, &table, visibility, changed).await?,
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
