//! From what a file says to what is done: every expression checked against the columns as they are
//! at that point.

mod aggregate;
mod destination;
mod output;
mod rows;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::{Diagnostic as _, Kind};
use metalith_document::Span;
use metalith_expr::{
    Aggregates, Problem, Quotes, Rules, Typed, check, check_condition, expand, parse_with,
};

pub(crate) use self::{
    aggregate::{AggregateStep, BoundSummary},
    destination::{
        Before, DeltaDestination, Destination, FeatureDestination, FileDestination,
        PlainDestination,
    },
    output::{OutputStep, Sets},
    rows::UpdateStep,
    tables::{AppendStep, JoinStep},
};
use crate::{
    PipelineError, Surroundings,
    engine::Engine,
    error::{Mistake, with_causes},
    files::Extent,
    input::{Input, Unusable},
    model::{Operation, OperationKind, OutputMode, Pipeline, TableRef, Text},
    placeholders,
    read::Reading,
    reads::{Reads, State},
    working::{Columns, Evaluator},
};

/// A pipeline that can run.
pub(crate) struct Program {
    pub(crate) input: Input,
    pub(crate) steps: Vec<Step>,
    /// In which state everything was found.
    pub(crate) reads: Reads,
}

impl Program {
    fn new(input: Input, steps: Vec<Step>) -> Self {
        let mut program = Self { input, steps, reads: Reads::default() };
        let mut reads = Reads::default();
        for (place, state) in program.inputs().flat_map(|input| &input.reads) {
            reads.add(place, state.clone());
        }
        // What is deleted from was looked at as well, by whoever wrote the file.
        for output in program.outputs().filter(|it| it.mode == OutputMode::Delete) {
            if let Some(version) = output.destination.version() {
                reads.add(&output.identity, State::Table(version));
            }
        }
        for step in &mut program.steps {
            if let Work::Rows(RowStep::Output(output)) = &mut step.work {
                output.destination.depend_on(&reads, &output.identity);
            }
        }
        program.reads = reads;
        program
    }

    fn outputs(&self) -> impl Iterator<Item = &OutputStep> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Rows(RowStep::Output(output)) => Some(output.as_ref()),
            Work::Rows(_) | Work::Aggregate(_) | Work::Append(_) => None,
        })
    }

    /// Every table that is read.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Input> {
        let others = self.steps.iter().filter_map(|step| match &step.work {
            Work::Append(step) => Some(&step.input),
            Work::Rows(RowStep::Join(step)) => Some(&step.input),
            Work::Rows(_) | Work::Aggregate(_) => None,
        });
        std::iter::once(&self.input).chain(others)
    }

    /// The operation that writes to a place.
    pub(crate) fn writes_to(&self, place: &str) -> Option<&str> {
        let found = self.steps.iter().find(|step| match &step.work {
            Work::Rows(RowStep::Output(output)) => output.identity == place,
            Work::Rows(_) | Work::Aggregate(_) | Work::Append(_) => false,
        });
        found.map(|it| it.title.as_str())
    }

    /// Refuses to delete samples for good, which somebody must have agreed to.
    pub(crate) fn require_no_purge(&self) -> Result<(), PipelineError> {
        let purges = self.steps.iter().find(|step| match &step.work {
            Work::Rows(RowStep::Output(output)) => output.purges(),
            Work::Rows(_) | Work::Aggregate(_) | Work::Append(_) => false,
        });
        match purges {
            Some(step) => Err(PipelineError::NoConsent { operation: step.title.clone() }),
            None => Ok(()),
        }
    }
}

/// An operation that can run.
pub(crate) struct Step {
    pub(crate) number: u32,
    pub(crate) alias: Option<String>,
    /// How messages call it.
    pub(crate) title: String,
    pub(crate) kind: &'static str,
    /// The working set that it is about, see [`WorkingRows`](crate::working::WorkingRows).
    pub(crate) set: usize,
    pub(crate) work: Work,
}

/// What an operation does.
pub(crate) enum Work {
    /// Something with each row by itself.
    Rows(RowStep),
    /// Sums rows up.
    Aggregate(AggregateStep),
    /// Adds rows of another table.
    Append(Box<AppendStep>),
}

/// What is done with each row by itself.
pub(crate) enum RowStep {
    Delete { selector: Option<Evaluator> },
    Update(UpdateStep),
    Join(Box<JoinStep>),
    Output(Box<OutputStep>),
}

/// Checks a whole project file; nothing but columns is read.
pub(crate) async fn bind(
    reading: Reading,
    surroundings: &Surroundings<'_>,
    (engine, extent): (&Engine, Extent),
) -> Result<Program, PipelineError> {
    let Reading { pipeline, mistakes } = reading;
    let mut binder = Binder {
        pipeline: &pipeline,
        surroundings,
        engine,
        extent,
        columns: Columns::default(),
        is_tainted: false,
        mistakes,
        destinations: Vec::new(),
        assigned: BTreeMap::new(),
        former: Vec::new(),
        read: BTreeSet::new(),
    };
    let input = binder.input("input", &pipeline.input).await?;
    match &input {
        Some(input) => binder.columns = Columns::of_table(&input.name, &input.schema),
        None => binder.is_tainted = true,
    }
    let mut steps = Vec::new();
    for operation in &pipeline.operations {
        steps.extend(binder.operation(operation).await?);
    }
    if binder.mistakes.is_empty() {
        binder.require_given_read();
    }
    match input {
        Some(input) if binder.mistakes.is_empty() => Ok(Program::new(input, steps)),
        _ => Err(PipelineError::Invalid {
            file: pipeline.file.clone(),
            mistakes: in_order(binder.mistakes),
        }),
    }
}

/// Mistakes by their place, those without one first, each once.
fn in_order(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by_key(|it| (it.span.line, it.span.column));
    mistakes.dedup();
    mistakes
}

struct Binder<'a> {
    pipeline: &'a Pipeline,
    surroundings: &'a Surroundings<'a>,
    engine: &'a Engine,
    /// How much of inputs is looked at.
    extent: Extent,
    /// The working set's columns after the operations before.
    columns: Columns,
    /// Whether it may have more columns, which a mistake keeps from being known.
    is_tainted: bool,
    mistakes: Vec<Mistake>,
    /// Where outputs go, and of which operations they are.
    destinations: Vec<(String, String)>,
    /// Columns that updates assigned, and the first operation that did.
    assigned: BTreeMap<String, String>,
    /// Working sets in whose place groups were put: the columns of what was deleted before, and the
    /// operation that did it.
    former: Vec<(Columns, String)>,
    /// Tables that are read: datasource and table.
    read: BTreeSet<(String, String)>,
}

impl Binder<'_> {
    async fn operation(&mut self, operation: &Operation) -> Result<Option<Step>, PipelineError> {
        let (title, set) = (operation.title(), self.former.len());
        let work = match &operation.kind {
            OperationKind::Delete(delete) => {
                let selector = self.selector(delete.selector.as_ref(), &title);
                selector.map(|selector| Work::Rows(RowStep::Delete { selector }))
            }
            OperationKind::Update(update) => {
                self.update(update, &title).map(|it| Work::Rows(RowStep::Update(it)))
            }
            OperationKind::Aggregate(aggregate) => {
                self.aggregate(aggregate, (&title, operation.span)).map(Work::Aggregate)
            }
            OperationKind::Append(append) => {
                let step = self.append(append, &title).await?;
                step.map(|it| Work::Append(Box::new(it)))
            }
            OperationKind::Join(join) => {
                let step = self.join(join, (&title, operation.span)).await?;
                step.map(|it| Work::Rows(RowStep::Join(Box::new(it))))
            }
            OperationKind::Output(output) => {
                let step = self.output(output, &title).await?;
                step.map(|it| Work::Rows(RowStep::Output(Box::new(it))))
            }
            OperationKind::Unreadable => {
                self.is_tainted = true;
                None
            }
        };
        Ok(work.map(|work| Step {
            number: operation.number,
            alias: operation.alias.clone(),
            kind: operation.kind.name(),
            title,
            set,
            work,
        }))
    }

    /// Opens a table to read.
    async fn input(
        &mut self,
        place: &str,
        table: &TableRef,
    ) -> Result<Option<Input>, PipelineError> {
        let title = match place {
            "input" => "Invalid input".to_owned(),
            operation => format!("Invalid input in {operation}"),
        };
        let Some(datasource) = self.pipeline.datasources.get(&table.datasource) else {
            self.unknown_datasource(title, &table.datasource, table.span);
            return Ok(None);
        };
        self.read.insert((table.datasource.clone(), table.table.clone()));
        let opened = Input::open(self.surroundings, datasource, (table, self.extent)).await;
        match opened {
            Ok(input) => {
                // Ids of samples must be those that they have where they are read.
                for column in &input.posing {
                    let by = self.assigned.entry(column.clone());
                    by.or_insert_with(|| format!("`columns` of `{}`", input.name));
                }
                Ok(Some(input))
            }
            Err(unusable) => {
                let mistake = refused(unusable, title, table.span)?;
                self.mistakes.push(mistake);
                Ok(None)
            }
        }
    }

    /// A table that is given and not read is misspelt, and the one that was meant would be read
    /// from where it really is.
    fn require_given_read(&mut self) {
        let name = |(datasource, table): &(String, String)| format!("{datasource}/{table}");
        let known: Vec<String> = self.read.iter().map(name).collect();
        for given in self.surroundings.replaced.keys().filter(|it| !self.read.contains(*it)) {
            let given = name(given);
            let reason = format!("the pipeline does not read `{given}`");
            let mistake = Mistake::new("Invalid given table", reason, Span::default());
            self.mistakes.push(mistake.about_name(&given, known.iter().map(String::as_str)));
        }
    }

    fn unknown_datasource(&mut self, title: String, id: &str, span: Span) {
        if self.pipeline.unreadable.contains(id) {
            return;
        }
        let mistake = Mistake::new(title, format!("datasource `{id}` is not declared"), span);
        let known = self.pipeline.datasources.keys().map(String::as_str);
        self.mistakes.push(mistake.about_name(id, known));
    }

    /// A selector, ready to run. `None` after a mistake, `Some(None)` for all rows.
    fn selector(&mut self, text: Option<&Text>, operation: &str) -> Option<Option<Evaluator>> {
        let Some(text) = text else { return Some(None) };
        let columns = self.columns.clone();
        let typed = self.typed(("selector", text), operation, &columns, Wanted::Condition)?;
        self.evaluator(("selector", text), operation, &typed, &columns).map(Some)
    }

    /// Checks an expression; a mistake is written down.
    fn typed(
        &mut self,
        (what, text): (&'static str, &Text),
        operation: &str,
        columns: &Columns,
        wanted: Wanted,
    ) -> Option<Typed> {
        if let Some(misread) = placeholders::in_text(&text.text) {
            self.mistakes.push(Mistake::of_misread(what, operation, text, misread));
            return None;
        }
        let parsed = parse_with(&text.text, Quotes::Text);
        let expanded = parsed.as_ref().map_err(Clone::clone);
        let expanded = expanded.and_then(|expr| expand(expr, &self.pipeline.selectors));
        let in_quotes = parsed.as_ref().ok().and_then(placeholders::in_quotes);
        let misread = in_quotes.or_else(|| {
            let expr = expanded.as_ref().ok()?;
            placeholders::quoted_column(expr, &|name| columns.named(name))
        });
        if let Some(misread) = misread {
            self.mistakes.push(Mistake::of_misread(what, operation, text, misread));
            return None;
        }
        let checked = expanded.and_then(|expr| {
            let rules = Rules {
                aggregates: match wanted {
                    Wanted::Aggregate => Aggregates::Allowed,
                    Wanted::Condition | Wanted::Value => Aggregates::Refused,
                },
            };
            match wanted {
                Wanted::Condition => check_condition(&expr, &columns.scope(), rules),
                Wanted::Value | Wanted::Aggregate => check(&expr, &columns.scope(), rules),
            }
        });
        match checked {
            Ok(typed) => Some(typed),
            Err(error) => {
                // It may be a column of an operation that is wrong itself.
                let is_column = matches!(
                    error.problem(),
                    Problem::Unknown { what: metalith_expr::Named::Column, .. }
                );
                if !(is_column && self.is_tainted) {
                    let at = (text.text.as_str(), text.span);
                    self.mistakes.push(Mistake::of_expression(what, operation, at, &error));
                }
                None
            }
        }
    }

    /// Makes a checked expression ready to run.
    fn evaluator(
        &mut self,
        (what, text): (&'static str, &Text),
        operation: &str,
        typed: &Typed,
        columns: &Columns,
    ) -> Option<Evaluator> {
        match Evaluator::new(self.engine, typed, columns) {
            Ok(evaluator) => Some(evaluator),
            Err(error) => {
                let title = format!("Invalid {what} in {operation}");
                self.mistakes.push(Mistake::new(title, error.strip_backtrace(), text.span));
                None
            }
        }
    }
}

/// What an expression has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Condition,
    Value,
    Aggregate,
}

/// What a table that cannot be used is: a mistake in the file, unless something failed that has
/// nothing to do with it.
fn refused(unusable: Unusable, title: String, span: Span) -> Result<Mistake, PipelineError> {
    match unusable {
        Unusable::Mistake { reason, hint } => Ok(Mistake::new(title, reason, span).with_hint(hint)),
        Unusable::Error(error) => match error.kind() {
            Kind::Invalid | Kind::NotFound | Kind::Unsupported => {
                let reason = with_causes(error.as_ref());
                let hint = error.hint().map(Into::into);
                Ok(Mistake::new(title, reason, span).with_hint(hint))
            }
            _ => Err(*error),
        },
    }
}
