//! What those who follow the log are told of a deletion.

use metalith_base::FeatureKey;
use metalith_graph::{Feature, FeatureGraph, ObjectName};
use metalith_objects::ObjectUri;
use metalith_store::{ReadOptions, StoreError};
use serde_json::{Map, Value, json};

use super::{
    Action, DeletionError, Done,
    protect::{Shown, shown},
};
use crate::{
    Context, events,
    journal::{Intent, IntentStep, Subject},
    objects::{Below, PurgeReport},
};

/// Of how many samples that go along the log tells one by one.
const MOST: usize = 1000;

/// Enters the sample that a deletion was asked for, if it is one, and those that go along and refer
/// to it.
pub(super) async fn enter_subjects(
    context: Context<'_>,
    intent: &mut Intent,
) -> Result<(), DeletionError> {
    let is_start = |step: &&IntentStep| step.feature == intent.feature && step.set_null.is_empty();
    let Some(start) = intent.steps.iter().find(is_start).filter(|step| step.samples == 1) else {
        return Ok(());
    };
    if let Some(subject) = subjects(context, start).await?.pop() {
        intent.subject = subject.facts;
    }
    let along = intent.steps.iter().filter(|step| {
        let is_some = step.set_null.is_empty() && (1..=MOST as u64).contains(&step.samples);
        is_some && refers(context.graph, &step.feature, &intent.feature)
    });
    let mut found = Vec::new();
    for step in along {
        found.extend(subjects(context, step).await?);
    }
    intent.subjects = found;
    Ok(())
}

/// The ids, the names and the types of the samples of a step, and where their objects are.
async fn subjects(context: Context<'_>, step: &IntentStep) -> Result<Vec<Subject>, DeletionError> {
    let Some(schema) = context.store.stored_schema(context.graph, &step.feature).await? else {
        return Ok(Vec::new());
    };
    let feature = context.graph.feature(&step.feature).map_err(StoreError::from)?;
    let noun = events::noun(&step.feature);
    let (name, kind) = ("name".to_owned(), format!("{noun}_type"));
    let mut columns = feature.spec().id_columns.clone();
    let further = [&name, &kind].into_iter().filter(|it| schema.index_of(it).is_ok()).cloned();
    columns.extend(further.filter(|it| !feature.spec().id_columns.contains(it)));
    let options = ReadOptions {
        columns: Some(columns),
        within: step.keys.clone(),
        include_deleted: true,
        feature_history: true,
        ..ReadOptions::default()
    };
    let rows = context.store.read_whole(context.graph, &step.feature, &options).await?;
    let named = |column: String| if column == name { format!("{noun}_name") } else { column };
    let subject = |row: Shown| {
        let below = folder(feature, &row);
        let facts = row.into_iter().map(|(column, value)| (named(column), Value::String(value)));
        Subject { feature: step.feature.clone(), facts: facts.collect(), below }
    };
    Ok(rows.batches.iter().flat_map(shown).map(subject).collect())
}

/// Below which the objects of a sample are, if its name says so.
fn folder(feature: &Feature, row: &Shown) -> Option<(String, String)> {
    feature.spec().objects.iter().find_map(|objects| {
        let ObjectName::Template(template) = &objects.named_by else { return None };
        if !template.is_prefix() {
            return None;
        }
        let address = template.render(|column| row.get(column).map(String::as_str)).ok()?;
        let uri = ObjectUri::parse(&address).ok()?;
        Some((uri.place().to_owned(), uri.key().to_owned()))
    })
}

/// Whether samples of a feature refer to those of another one.
fn refers(graph: &FeatureGraph, feature: &FeatureKey, other: &FeatureKey) -> bool {
    graph.feature(feature).is_ok_and(|it| it.spec().deps.iter().any(|dep| dep.feature == *other))
}

/// Tells that samples are gone.
pub(super) fn deleted(graph: &FeatureGraph, intent: &Intent, done: &Done) {
    let report = done.objects.clone().unwrap_or_default();
    for subject in &intent.subjects {
        let mut fields = about(intent, &subject.facts);
        let Below { deleted, failed, kept } = figures(subject, &report).unwrap_or_default();
        // Where nothing is known of its own objects, a failure may be about them.
        let is_clean = if report.is_unlisted { report.failed == 0 } else { failed == 0 };
        fields.insert("minio_cleanup_success".to_owned(), is_clean.into());
        fields.insert("minio_files_deleted".to_owned(), deleted.into());
        enter_kept(&mut fields, "minio_files_kept", kept);
        events::tell(&events::deleted(&subject.feature), fields);
    }
    let mut fields = about(intent, &intent.subject);
    for (name, value) in [
        ("samples", json!(done.steps.iter().map(|step| step.samples).sum::<u64>())),
        ("rows", json!(done.rows())),
        ("minio_cleanup_success", json!(report.failed == 0)),
        ("minio_files_deleted", json!(report.deleted)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    enter_kept(&mut fields, "minio_files_kept", report.skipped);
    // What could have gone along and did not is told as well.
    let could = graph.features().filter(|it| refers(graph, it.key(), &intent.feature));
    let counter = |feature: &FeatureKey| format!("{}s_deleted", events::noun(feature));
    fields.extend(could.map(|it| (counter(it.key()), Value::from(0))));
    let gone = done.steps.iter().filter(|step| step.action == Action::Delete);
    for step in gone.filter(|step| step.feature != intent.feature) {
        fields.insert(counter(&step.feature), step.samples.into());
    }
    events::tell(&events::deleted(&intent.feature), fields);
}

/// Tells what became of objects.
pub(super) fn cleaned(intent: &Intent, report: &PurgeReport) {
    for (address, error) in &report.failures {
        let mut fields = facts(intent, address_of(intent, address).unwrap_or(&intent.subject));
        fields.insert("address".to_owned(), address.as_str().into());
        fields.insert("error".to_owned(), error.as_str().into());
        events::tell("minio_cleanup_failed", fields);
    }
    let mut is_told = false;
    for subject in &intent.subjects {
        if let Some(Below { deleted, failed: 0, kept }) = figures(subject, report) {
            cleaned_up(intent, &subject.facts, deleted, kept);
            is_told = true;
        }
    }
    if report.failed == 0 && !is_told {
        cleaned_up(intent, &intent.subject, report.deleted, report.skipped);
    }
}

/// Tells that nothing is left to be done. Where objects stay, because others name them, that is not
/// all of them.
fn cleaned_up(intent: &Intent, subject: &Map<String, Value>, deleted: u64, kept: u64) {
    let mut fields = facts(intent, subject);
    fields.insert("files_deleted".to_owned(), deleted.into());
    enter_kept(&mut fields, "files_kept", kept);
    events::tell(if kept == 0 { "minio_cleanup_complete" } else { "minio_cleanup_kept" }, fields);
}

fn enter_kept(fields: &mut Map<String, Value>, name: &str, kept: u64) {
    if kept > 0 {
        fields.insert(name.to_owned(), kept.into());
    }
}

/// What became of the objects of one sample.
fn figures(subject: &Subject, report: &PurgeReport) -> Option<Below> {
    let (place, key) = subject.below.as_ref()?;
    let uri = ObjectUri::from_parts(place, key, None).ok()?;
    report.below.get(&uri).copied()
}

/// The sample that an object belongs to.
fn address_of<'a>(intent: &'a Intent, address: &str) -> Option<&'a Map<String, Value>> {
    let uri = ObjectUri::parse(address.trim_end_matches('/')).ok()?;
    let owner = intent.subjects.iter().find(|subject| {
        subject.below.as_ref().is_some_and(|(place, key)| {
            ObjectUri::from_parts(place, key, None).is_ok_and(|below| below.covers(&uri))
        })
    })?;
    Some(&owner.facts)
}

fn about(intent: &Intent, subject: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = facts(intent, subject);
    for (name, value) in [
        ("mode", json!(intent.mode().name())),
        ("actor", json!(intent.actor)),
        ("reason", json!(intent.reason)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    fields
}

/// What every event about a deletion tells.
fn facts(intent: &Intent, subject: &Map<String, Value>) -> Map<String, Value> {
    let mut facts = subject.clone();
    facts.insert("deletion".to_owned(), intent.id.clone().into());
    facts
}
