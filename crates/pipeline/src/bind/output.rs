//! `output`: where rows go.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use metalith_base::FeatureKey;
use metalith_document::Span;
use metalith_store::DeletionMode;

use super::{
    Binder,
    destination::{Destination, Place},
    refused,
};
use crate::{
    PipelineError,
    error::Mistake,
    model::{Output, OutputMode},
    working::{Evaluator, METADATA, metadata_fields},
};

/// `output`, ready to run.
pub(crate) struct OutputStep {
    pub(crate) include_deleted: bool,
    pub(crate) selector: Option<Evaluator>,
    /// The columns that are written, in the order of a scope.
    pub(crate) columns: Vec<usize>,
    /// Which of them are the ids of samples that are deleted.
    pub(crate) ids: Vec<usize>,
    /// What they are called there.
    pub(crate) schema: SchemaRef,
    pub(crate) mode: OutputMode,
    pub(crate) destination: Destination,
    /// As a person would write it.
    pub(crate) shown: String,
    /// What is the same for two spellings of one place.
    pub(crate) identity: String,
}

impl OutputStep {
    /// Whether it looks at rows that were deleted.
    pub(crate) fn sees_deleted(&self) -> bool {
        self.include_deleted || self.mode == OutputMode::Delete
    }

    /// Whether it deletes samples for good.
    pub(crate) fn purges(&self) -> bool {
        match &self.destination {
            Destination::Feature(feature) => {
                self.mode == OutputMode::Delete && feature.deletion.mode == DeletionMode::Hard
            }
            Destination::File(_)
            | Destination::Object(_)
            | Destination::Delta(_)
            | Destination::Plain(_)
            | Destination::Memory => false,
        }
    }
}

/// Why rows cannot become samples.
fn no_sample(output: &Output, (columns, schema): (&[usize], &Schema)) -> Option<String> {
    if output.include_deleted {
        return Some("deleted rows cannot become samples of a feature".to_owned());
    }
    // Provenance leaves them out, by their names: they differ from run to run.
    let renamed = columns
        .iter()
        .zip(schema.fields())
        .find_map(|(place, field)| METADATA.get(*place).filter(|own| field.name() != **own));
    renamed.map(|own| format!("column `{own}` keeps its name in a feature"))
}

/// The mistake of asking for deleted rows after they were summed up.
fn of_nothing(summed: &str, title: String, span: Span) -> Mistake {
    let reason = format!("{summed} left nothing of rows that were deleted but NULL");
    let hint = "archive deleted rows before it, or aggregate `into: summary_rows`";
    Mistake::new(title, reason, span).with_hint(Some(hint.to_owned()))
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
        let place = match self.destination(datasource, output).await {
            Ok(place) => place,
            Err(unusable) => {
                self.mistakes.push(refused(unusable, title, output.span)?);
                return Ok(None);
            }
        };
        let Place { mode, mut destination, shown, identity } = place;
        let is_deletion = mode == OutputMode::Delete;
        if let Some(summed) = self.summed.as_ref().filter(|_| output.include_deleted || is_deletion)
        {
            self.mistakes.push(of_nothing(summed, title, output.span));
            return Ok(None);
        }
        if !is_deletion && let Err(taken) = self.claim((&identity, &shown), operation) {
            self.mistakes.push(Mistake::new(title, taken, output.span));
            return Ok(None);
        }
        let (Some(selector), Some((columns, schema))) = (selector, columns) else {
            return Ok(None);
        };
        if let Err(unusable) = self.check_columns((&destination, mode), &schema).await {
            self.mistakes.push(refused(unusable, title, output.span)?);
            return Ok(None);
        }
        let ids = match (&destination, is_deletion) {
            (Destination::Feature(feature), true) => {
                match self.deleted_ids(&feature.key, (&columns, &schema)) {
                    Ok(ids) => ids,
                    Err(refusal) => {
                        let (reason, hint) = *refusal;
                        let mistake = Mistake::new(title, reason, output.span);
                        self.mistakes.push(mistake.with_hint(Some(hint)));
                        return Ok(None);
                    }
                }
            }
            _ => Vec::new(),
        };
        let samples = matches!(destination, Destination::Feature(_)) && !is_deletion;
        if samples && let Some(reason) = no_sample(output, (&columns, &schema)) {
            self.mistakes.push(Mistake::new(title, reason, output.span));
            return Ok(None);
        }
        destination.form_of(&schema);
        Ok(Some(OutputStep {
            include_deleted: output.include_deleted,
            selector,
            columns,
            ids,
            schema,
            mode,
            destination,
            shown,
            identity,
        }))
    }

    /// Notes who writes to a place; tells who does already.
    fn claim(&mut self, (identity, shown): (&str, &str), operation: &str) -> Result<(), String> {
        match self.destinations.iter().find(|(known, _)| known == identity) {
            Some((_, first)) => Err(format!("{first} writes to {shown} already")),
            None => {
                self.destinations.push((identity.to_owned(), operation.to_owned()));
                Ok(())
            }
        }
    }

    /// Where the ids of samples are that are deleted. They must be those that rows were read with:
    /// another id is another sample.
    fn deleted_ids(
        &self,
        key: &FeatureKey,
        (columns, schema): (&[usize], &Schema),
    ) -> Result<Vec<usize>, Box<(String, String)>> {
        let feature = self.surroundings.project.and_then(|it| it.graph().feature(key).ok());
        let ids = feature.map_or(&[][..], |it| it.spec().id_columns.as_slice());
        let mut places = Vec::new();
        for id in ids {
            let Ok(place) = schema.index_of(id) else { continue };
            let own = columns[place].checked_sub(METADATA.len());
            let own = own.map_or(METADATA[0], |own| self.columns.field(own).name().as_str());
            if let Some(by) = self.assigned.get(own) {
                let reason = format!("{by} assigns '{own}', which says what samples are deleted");
                let hint = "give the new values another name: ids stay as they were read";
                return Err(Box::new((reason, hint.to_owned())));
            }
            if own != id && self.columns.position(id).is_some() {
                let reason = format!("'{own}' would be the id '{id}' of samples that are deleted");
                let hint = format!("leave '{id}' out of `columns`, which has its own values");
                return Err(Box::new((reason, hint)));
            }
            places.push(place);
        }
        Ok(places)
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
}
