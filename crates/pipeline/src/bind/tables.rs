//! `append` and `join`: what other tables add.

use arrow::datatypes::{DataType, Field, SchemaRef};
use metalith_document::Span;
use metalith_store::expression_type;

use super::{Binder, aggregate::BoundSummary};
use crate::{
    PipelineError,
    error::Mistake,
    input::Input,
    model::{Append, Join, JoinKind},
    working::{Columns, Evaluator, is_reserved},
};

/// `append`, ready to run.
pub(crate) struct AppendStep {
    pub(crate) input: Input,
    pub(crate) selector: Option<Evaluator>,
    pub(crate) summary: Option<BoundSummary>,
    /// The columns of the working set, and for each which of the appended ones fills it.
    pub(crate) columns: SchemaRef,
    pub(crate) places: Vec<Option<usize>>,
}

/// `join`, ready to run.
pub(crate) struct JoinStep {
    pub(crate) input: Input,
    /// Columns of the working set, and of the other table.
    pub(crate) keys: Vec<(usize, usize)>,
    /// The type that both sides of a key are compared as.
    pub(crate) key_types: Vec<DataType>,
    /// The columns that are added, of the other table.
    pub(crate) added: Vec<usize>,
    /// What they are called in the working set.
    pub(crate) names: Vec<String>,
    pub(crate) how: JoinKind,
}

impl Binder<'_> {
    pub(super) async fn append(
        &mut self,
        append: &Append,
        operation: &str,
    ) -> Result<Option<AppendStep>, PipelineError> {
        let Some(input) = self.input(operation, &append.input).await? else { return Ok(None) };
        let own = Columns::of_table(&input.name, &input.schema);
        // Its own conditions are about its own columns.
        let working = std::mem::replace(&mut self.columns, own.clone());
        let was_tainted = std::mem::replace(&mut self.is_tainted, false);
        let selector = self.selector(append.selector.as_ref(), operation);
        let span = append.input.span;
        let summary =
            append.summary.as_ref().map(|summary| self.summary(summary, (operation, span), &own));
        (self.columns, self.is_tainted) = (working, was_tainted);
        let summary = match summary {
            Some(None) => return Ok(None),
            Some(Some(summary)) => Some(summary),
            None => None,
        };
        let appended = summary.as_ref().map_or(&input.schema, |it| &it.schema);
        let columns = self.columns.schema();
        let mut fits = true;
        for field in appended.fields() {
            if self.columns.position(field.name()).is_none() && !self.is_tainted {
                let title = format!("Invalid append in {operation}");
                let reason = format!("Column '{}' not found in schema", field.name());
                let known = self.columns.names().map(str::to_owned).collect::<Vec<_>>();
                let mut mistake = Mistake::new(title, reason, span)
                    .about_name(field.name(), known.iter().map(String::as_str));
                if let Some(hint) = &mut mistake.hint {
                    hint.push_str("; name the columns to append in `columns` of its input");
                }
                self.mistakes.push(mistake);
                fits = false;
            }
        }
        let places = self.fitting((appended, &columns), "append", (operation, span));
        let (Some(selector), Some(places), true) = (selector, places, fits) else {
            return Ok(None);
        };
        Ok(Some(AppendStep { selector, summary, columns, places, input }))
    }

    pub(super) async fn join(
        &mut self,
        join: &Join,
        (operation, span): (&str, Span),
    ) -> Result<Option<JoinStep>, PipelineError> {
        let Some(input) = self.input(operation, &join.input).await? else {
            self.is_tainted = true;
            return Ok(None);
        };
        let keys = self.keys(join, &input, (operation, span));
        let taken: Vec<&str> = join.on.iter().map(|(_, other)| other.as_str()).collect();
        let added: Vec<(String, String)> = match &join.columns {
            Some(columns) => columns.clone(),
            None => input
                .schema
                .fields()
                .iter()
                .filter(|it| !taken.contains(&it.name().as_str()))
                .map(|it| (it.name().clone(), it.name().clone()))
                .collect(),
        };
        let mut places = Vec::new();
        let mut is_whole = true;
        for (name, other) in &added {
            match self.joined_column((name, other), &input, (operation, span)) {
                Ok(index) => {
                    let data_type = input.schema.field(index).data_type().clone();
                    self.columns.push(&input.name, Field::new(name, data_type, true));
                    places.push(index);
                }
                Err(mistake) => {
                    self.mistakes.push(*mistake);
                    is_whole = false;
                }
            }
        }
        let Some((keys, key_types)) = keys.filter(|_| is_whole) else { return Ok(None) };
        let names = added.into_iter().map(|(name, _)| name).collect();
        Ok(Some(JoinStep { input, keys, key_types, added: places, names, how: join.how }))
    }

    fn joined_column(
        &self,
        (name, other): (&str, &str),
        input: &Input,
        (operation, span): (&str, Span),
    ) -> Result<usize, Box<Mistake>> {
        let title = format!("Invalid join in {operation}");
        let names = input.schema.fields().iter().map(|it| it.name().as_str());
        let Ok(index) = input.schema.index_of(other) else {
            let reason = format!("Column '{other}' not found in '{}'", input.name);
            let mistake = Mistake::new(title, reason, span).about_name(other, names);
            return Err(Box::new(mistake));
        };
        if is_reserved(name) || self.columns.position(name).is_some() {
            let reason = format!("there is a column '{name}' already");
            let hint =
                format!("give it another name: `columns: {{{}_{name}: {other}}}`", input.name);
            return Err(Box::new(Mistake::new(title, reason, span).with_hint(Some(hint))));
        }
        Ok(index)
    }

    #[expect(clippy::type_complexity, reason = "pairs of places, and one type for each")]
    fn keys(
        &mut self,
        join: &Join,
        input: &Input,
        (operation, span): (&str, Span),
    ) -> Option<(Vec<(usize, usize)>, Vec<DataType>)> {
        let title = || format!("Invalid join in {operation}");
        let (mut keys, mut types, mut is_whole) = (Vec::new(), Vec::new(), true);
        if join.on.is_empty() {
            self.mistakes.push(Mistake::new(title(), "`on` names no column", span));
            return None;
        }
        for (own, other) in &join.on {
            let plain = own.split_once('.').filter(|(table, _)| self.columns.has_table(table));
            let own = plain.map_or(own.as_str(), |(_, name)| name);
            let (mine, theirs) = (self.columns.position(own), input.schema.index_of(other).ok());
            if mine.is_none() && !self.is_tainted {
                let reason = format!("Column '{own}' not found in schema");
                let mistake = Mistake::new(title(), reason, span);
                let mistake = mistake.about_name(own, self.columns.names());
                self.mistakes.push(mistake);
            }
            if theirs.is_none() {
                let reason = format!("Column '{other}' not found in '{}'", input.name);
                let names = input.schema.fields().iter().map(|it| it.name().as_str());
                self.mistakes.push(Mistake::new(title(), reason, span).about_name(other, names));
            }
            let (Some(mine), Some(theirs)) = (mine, theirs) else {
                is_whole = false;
                continue;
            };
            let left = self.columns.field(mine).data_type();
            let right = input.schema.field(theirs).data_type();
            match compared_as(left, right) {
                Some(common) => types.push(common),
                None => {
                    let reason = format!("'{own}' is {left} and '{other}' is {right}");
                    let hint = "bring both to one type with `types` of an input".to_owned();
                    let mistake = Mistake::new(title(), reason, span);
                    self.mistakes.push(mistake.with_hint(Some(hint)));
                    is_whole = false;
                }
            }
            keys.push((mine, theirs));
        }
        is_whole.then_some((keys, types))
    }
}

/// The type in which keys of two types are the same when their values are.
fn compared_as(left: &DataType, right: &DataType) -> Option<DataType> {
    if left == right {
        return Some(left.clone());
    }
    if left.is_integer() && right.is_integer() {
        return Some(DataType::Int64);
    }
    let (left, right) = (expression_type(left), expression_type(right));
    if left == right { metalith_store::stored_as(&left) } else { None }
}
