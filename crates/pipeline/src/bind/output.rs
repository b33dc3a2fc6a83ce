//! `output`: where rows go.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
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
    working::{Columns, Evaluator, METADATA, metadata_fields},
};

/// `output`, ready to run.
pub(crate) struct OutputStep {
    pub(crate) include_deleted: bool,
    /// How rows of several sets get the same columns, if it looks at such.
    pub(crate) sets: Option<Sets>,
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

/// Which rows and columns an output is about.
struct Asked {
    sets: Option<Sets>,
    selector: Option<Evaluator>,
    columns: Vec<usize>,
    schema: SchemaRef,
}

/// The columns of several working sets in one.
pub(crate) struct Sets {
    pub(crate) columns: SchemaRef,
    /// For each set, where it has each of the columns.
    pub(crate) places: Vec<Vec<Option<usize>>>,
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

/// The mistake of deleting samples after their rows were summed up.
fn of_nothing(summed: &str, title: String, span: Span) -> Mistake {
    let reason = format!("{summed} took away the rows of samples that stay");
    let hint = "delete samples before it, or aggregate `into: summary_rows`";
    Mistake::new(title, reason, span).with_hint(Some(hint.to_owned()))
}

impl Binder<'_> {
    pub(super) async fn output(
        &mut self,
        output: &Output,
        operation: &str,
    ) -> Result<Option<OutputStep>, PipelineError> {
        let asked = self.asked(output, operation);
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
        if let Some((_, summed)) = self.former.last().filter(|_| is_deletion) {
            self.mistakes.push(of_nothing(summed, title, output.span));
            return Ok(None);
        }
        if !is_deletion && let Err(taken) = self.claim((&identity, &shown), operation) {
            self.mistakes.push(Mistake::new(title, taken, output.span));
            return Ok(None);
        }
        let Some(Asked { sets, selector, columns, schema }) = asked else { return Ok(None) };
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
            sets,
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

    /// Which rows and columns it is about.
    fn asked(&mut self, output: &Output, operation: &str) -> Option<Asked> {
        let own = self.columns.clone();
        let (sets, torn) = match self.sets(output) {
            Some((sets, all, torn)) => {
                self.columns = all;
                (Some(sets), torn)
            }
            None => (None, Vec::new()),
        };
        let selector = self.selector(output.selector.as_ref(), operation);
        let written = self.written(output, operation);
        let asked = selector.zip(written).map(|(selector, (columns, schema))| Asked {
            sets,
            selector,
            columns,
            schema,
        });
        let asked = asked.filter(|asked| self.require_one_type((output, operation), asked, &torn));
        self.columns = own;
        asked
    }

    /// How deleted rows of earlier sets get the same columns as others, what these columns are, and
    /// the names of those that cannot be of one type.
    fn sets(&self, output: &Output) -> Option<(Sets, Columns, Vec<String>)> {
        if !output.include_deleted || self.former.is_empty() {
            return None;
        }
        let (mut all, mut torn) = (self.columns.clone(), Vec::new());
        // What was deleted last comes first.
        for (columns, _) in self.former.iter().rev() {
            let (both, more) = all.with(columns);
            all = both;
            torn.extend(more);
        }
        let schema = all.schema();
        let place = |set: &Columns, field: &FieldRef| {
            let place = set.position(field.name())?;
            // Nobody looks at what has no type in common: see `require_one_type`.
            let fits = set.field(place).data_type() == field.data_type();
            (fits || !torn.contains(field.name())).then_some(place)
        };
        let sets = self.former.iter().map(|(columns, _)| columns).chain([&self.columns]);
        let places = sets.map(|set| schema.fields().iter().map(|it| place(set, it)).collect());
        let places = places.collect();
        Some((Sets { columns: schema, places }, all, torn))
    }

    /// Refuses what would be of several types, as far as it is written or looked at.
    fn require_one_type(
        &mut self,
        (output, operation): (&Output, &str),
        asked: &Asked,
        torn: &[String],
    ) -> bool {
        let is_used = |name: &&String| {
            let place = self.columns.position(name).map(|it| METADATA.len() + it);
            place.is_some_and(|place| {
                asked.columns.contains(&place)
                    || asked.selector.as_ref().is_some_and(|it| it.reads(place))
            })
        };
        let Some(name) = torn.iter().find(is_used) else { return true };
        let mut of = self.former.iter().filter_map(|(columns, summed)| {
            Some((columns.field(columns.position(name)?).data_type(), summed))
        });
        let own = self.columns.position(name).map(|it| self.columns.field(it).data_type());
        let other = of.find(|(of, _)| Some(*of) != own);
        if let (Some(own), Some((other, summed))) = (own, other) {
            let title = format!("Invalid columns in {operation}");
            let reason =
                format!("column '{name}' is {own}, and {other} in rows deleted before {summed}");
            let hint =
                format!("call what {summed} computes otherwise, or name others in `columns`");
            self.mistakes.push(Mistake::new(title, reason, output.span).with_hint(Some(hint)));
        }
        false
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
