//! `aggregate`, and the summaries of `append`.

use std::{collections::BTreeSet, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema, SchemaRef},
};
use datafusion::{
    common::tree_node::{Transformed, TreeNode as _},
    dataframe::DataFrame,
    error::DataFusionError,
    logical_expr::{Expr as PlanExpr, utils::find_aggregate_exprs},
};
use futures::{StreamExt as _, stream};
use metalith_document::Span;
use metalith_expr::{Aggregate as Function, Type, Typed, TypedKind};
use metalith_store::{is_lossless, lower_expression};

use super::{Binder, Wanted};
use crate::{
    arithmetic::checked,
    engine::{Engine, Stream, Threads},
    error::Mistake,
    input::column,
    model::{Aggregate, Becomes, Summary},
    working::{Columns, Evaluator, METADATA, is_reserved},
};

/// `aggregate`, ready to run.
pub(crate) struct AggregateStep {
    pub(crate) selector: Option<Evaluator>,
    pub(crate) summary: BoundSummary,
    pub(crate) into: Becomes,
    /// The columns of the working set afterwards, and for each where it comes from: in rows that
    /// stay, and in groups.
    pub(crate) columns: SchemaRef,
    pub(crate) of_rows: Vec<Option<usize>>,
    pub(crate) of_summary: Vec<Option<usize>>,
}

/// Groups and what is computed of each, ready to run.
#[derive(Clone)]
pub(crate) struct BoundSummary {
    /// The columns of the working set that are read.
    pub(crate) read: Vec<usize>,
    input: SchemaRef,
    threads: Threads,
    group: Vec<String>,
    aggregates: Vec<PlanExpr>,
    results: Vec<(String, PlanExpr)>,
    /// The columns of the result.
    pub(crate) schema: SchemaRef,
}

impl BoundSummary {
    /// The groups of some rows with what was computed of each, in the order of the groups. Without
    /// any row there is no group, also when all rows make one.
    pub(crate) fn plan(
        &self,
        engine: &Engine,
        rows: Stream<RecordBatch>,
    ) -> Result<DataFrame, DataFusionError> {
        let frame = engine.frame(Arc::clone(&self.input), rows, self.threads)?;
        let groups = self.group.iter().map(|name| column(name)).collect();
        let frame = frame.aggregate(groups, self.aggregates.clone())?;
        let frame = match self.group.is_empty() {
            true => frame,
            false => {
                frame.sort(self.group.iter().map(|name| column(name).sort(true, true)).collect())?
            }
        };
        let named = self.results.iter().map(|(name, value)| value.clone().alias(name));
        let grouped = self.group.iter().map(|name| column(name));
        frame.select(grouped.chain(named).collect::<Vec<_>>())
    }

    /// The columns that are read, of rows that are given with all columns.
    pub(crate) fn input(&self) -> SchemaRef {
        Arc::clone(&self.input)
    }
}

impl Binder<'_> {
    pub(super) fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        (operation, span): (&str, Span),
    ) -> Option<AggregateStep> {
        let selector = self.selector(aggregate.selector.as_ref(), operation);
        let before = self.columns.clone();
        let summary = self.summary(&aggregate.summary, (operation, span), &before);
        let Some(summary) = summary else {
            self.after_mistake(aggregate);
            return None;
        };
        let table = before.table().to_owned();
        let after = match aggregate.into {
            Becomes::NewSet => Columns::of_table(&table, &summary.schema),
            Becomes::SummaryRows => {
                let mut after = before.clone();
                for field in summary.schema.fields() {
                    if after.position(field.name()).is_none() {
                        after.push(&table, field.as_ref().clone());
                    }
                }
                after
            }
        };
        let schema = after.schema();
        let of_summary = self.fitting((&summary.schema, &schema), "aggregation", (operation, span));
        let of_rows = schema
            .fields()
            .iter()
            .map(|field| {
                let index = before.position(field.name())?;
                let is_same = before.field(index).data_type() == field.data_type();
                is_same.then_some(index)
            })
            .collect();
        self.columns = after;
        if aggregate.into == Becomes::NewSet {
            self.former.push((before, operation.to_owned()));
        }
        for (name, _) in &aggregate.summary.aggregations {
            // What is computed is no id that a sample was read with.
            self.assigned.entry(name.clone()).or_insert_with(|| operation.to_owned());
        }
        let (selector, of_summary) = (selector?, of_summary?);
        let into = aggregate.into;
        Some(AggregateStep { selector, summary, into, columns: schema, of_rows, of_summary })
    }

    /// The columns that a wrong aggregation would have made, as far as can be told.
    fn after_mistake(&mut self, aggregate: &Aggregate) {
        let table = self.columns.table().to_owned();
        for (name, _) in &aggregate.summary.aggregations {
            if self.columns.position(name).is_none() {
                let field = Field::new(name, arrow::datatypes::DataType::Null, true);
                self.columns.push(&table, field);
            }
        }
    }

    /// For each column of a schema, which of some others fills it. Types must go together.
    pub(super) fn fitting(
        &mut self,
        (from, to): (&Schema, &Schema),
        what: &'static str,
        (operation, span): (&str, Span),
    ) -> Option<Vec<Option<usize>>> {
        let mut fits = true;
        let places = to
            .fields()
            .iter()
            .map(|field| {
                let index = from.index_of(field.name()).ok()?;
                let own = from.field(index).data_type();
                if own != field.data_type() && !is_lossless(own, field.data_type()) {
                    let title = format!("Invalid {what} in {operation}");
                    let reason = format!(
                        "column '{}' is {own} and cannot become {}",
                        field.name(),
                        field.data_type()
                    );
                    let hint =
                        Some("choose another name, or convert with CAST or `types`".to_owned());
                    self.mistakes.push(Mistake::new(title, reason, span).with_hint(hint));
                    fits = false;
                }
                Some(index)
            })
            .collect();
        fits.then_some(places)
    }

    pub(super) fn summary(
        &mut self,
        summary: &Summary,
        (operation, span): (&str, Span),
        columns: &Columns,
    ) -> Option<BoundSummary> {
        let group = self.groups(summary, operation, columns);
        let mut typed = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let mut is_whole = group.is_some();
        for (name, text) in &summary.aggregations {
            let title = || format!("Invalid aggregation in {operation}");
            let is_group = group.iter().flatten().any(|it| columns.field(*it).name() == name);
            if is_reserved(name) || names.contains(&name.as_str()) || is_group {
                let reason = format!("the name '{name}' is taken");
                self.mistakes.push(Mistake::new(title(), reason, text.span));
                is_whole = false;
            }
            names.push(name);
            let checked = self.typed(("aggregation", text), operation, columns, Wanted::Aggregate);
            let Some(checked) = checked else {
                is_whole = false;
                continue;
            };
            let alone = group.as_ref().and_then(|it| beside_aggregates(&checked, it, columns));
            if let Some(alone) = alone {
                let reason = format!("column '{alone}' is neither aggregated nor in `group_by`");
                let mut mistake = Mistake::new(title(), reason, text.span);
                mistake.subject = Some(("Aggregation", text.text.clone()));
                let hint = format!("write e.g. MIN({alone}), or add it to `group_by`");
                self.mistakes.push(mistake.with_hint(Some(hint)));
                is_whole = false;
            }
            typed.push((name.clone(), checked));
        }
        let group = group.filter(|_| is_whole)?;
        match BoundSummary::new(self.engine, (&group, typed), columns) {
            Ok(bound) => Some(bound),
            Err(error) => {
                let title = format!("Invalid aggregation in {operation}");
                self.mistakes.push(Mistake::new(title, error.strip_backtrace(), span));
                None
            }
        }
    }

    /// The columns that rows are grouped by.
    fn groups(
        &mut self,
        summary: &Summary,
        operation: &str,
        columns: &Columns,
    ) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        let mut is_whole = true;
        for text in &summary.group_by {
            let typed = self.typed(("group_by", text), operation, columns, Wanted::Value);
            match typed.as_ref().map(Typed::kind) {
                None => is_whole = false,
                Some(TypedKind::Column(index)) if *index >= METADATA.len() => {
                    let index = index - METADATA.len();
                    if !found.contains(&index) {
                        found.push(index);
                    }
                }
                Some(_) => {
                    let title = format!("Invalid group_by in {operation}");
                    let reason = format!("'{}' is no column of the data", text.text);
                    let hint = "make a column of it with an `update` before".to_owned();
                    let mistake = Mistake::new(title, reason, text.span);
                    self.mistakes.push(mistake.with_hint(Some(hint)));
                    is_whole = false;
                }
            }
        }
        is_whole.then_some(found)
    }
}

impl BoundSummary {
    fn new(
        engine: &Engine,
        (group, typed): (&[usize], Vec<(String, Typed)>),
        columns: &Columns,
    ) -> Result<Self, DataFusionError> {
        let mut read: BTreeSet<usize> = group.iter().map(|it| it + METADATA.len()).collect();
        for (_, typed) in &typed {
            read.extend(typed.columns());
        }
        let whole = columns.plan_schema()?;
        if read.is_empty() {
            // Rows without any column could not be counted.
            read.insert(1);
        }
        let read: Vec<usize> = read.into_iter().collect();
        let fields: Vec<Field> = read
            .iter()
            .map(|index| whole.field(*index).as_ref().clone().with_nullable(true))
            .collect();
        let input = Arc::new(Schema::new(fields));
        let lowered = typed
            .iter()
            .map(|(_, it)| checked(lower_expression(it, &whole, engine.clock.now), &whole))
            .collect::<Result<Vec<PlanExpr>, _>>()?;
        let found = find_aggregate_exprs(lowered.iter());
        let name = |index: usize| format!("aggregate {index}");
        let results = lowered.into_iter().map(|expr| {
            expr.transform_down(|expr| {
                let known = found.iter().position(|it| *it == expr);
                Ok(match known {
                    Some(index) => Transformed::yes(column(&name(index))),
                    None => Transformed::no(expr),
                })
            })
            .map(|it| it.data)
        });
        let results = results.collect::<Result<Vec<_>, _>>()?;
        let aggregates = found.iter().enumerate().map(|(index, it)| it.clone().alias(name(index)));
        let mut bound = Self {
            read,
            input,
            threads: match typed.iter().any(|(_, it)| adds_floats(it)) {
                true => Threads::One,
                false => Threads::Many,
            },
            group: group.iter().map(|it| columns.field(*it).name().clone()).collect(),
            aggregates: aggregates.collect(),
            results: typed.into_iter().map(|(name, _)| name).zip(results).collect(),
            schema: Arc::new(Schema::empty()),
        };
        let plan = bound.plan(engine, stream::empty().boxed())?;
        let fields = plan.schema().fields().iter();
        let fields = fields.map(|it| Field::new(it.name(), it.data_type().clone(), true));
        bound.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(bound)
    }
}

/// Whether floats are added up somewhere in it.
fn adds_floats(typed: &Typed) -> bool {
    let mut found = false;
    typed.walk(&mut |it| {
        if let TypedKind::Aggregate { function, argument: Some(argument), .. } = it.kind() {
            let adds = matches!(function, Function::Sum | Function::Avg);
            found |= adds && *argument.data_type() == Type::Float;
        }
    });
    found
}

/// A column outside of any aggregate that has no one value within a group.
fn beside_aggregates(typed: &Typed, group: &[usize], columns: &Columns) -> Option<String> {
    match typed.kind() {
        TypedKind::Aggregate { .. } => None,
        TypedKind::Column(index) => match index.checked_sub(METADATA.len()) {
            None => Some(METADATA[*index].to_owned()),
            Some(own) if group.contains(&own) => None,
            Some(own) => Some(columns.field(own).name().clone()),
        },
        kind => {
            let mut found = None;
            kind.for_each_child(&mut |child| {
                if found.is_none() {
                    found = beside_aggregates(child, group, columns);
                }
            });
            found
        }
    }
}
