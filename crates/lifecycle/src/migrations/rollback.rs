//! Taking a migration back, where nothing was built on top of it.

use std::collections::BTreeMap;

use metalith_base::{FeatureKey, Timestamp};
use metalith_graph::{Feature, columns};
use metalith_store::{
    Keys, Mark, Obstacle, ReadOptions, RequestProblem, Since, Source, StoreError, TakeBack,
    TakenBack,
};
use serde_json::{Value, json};

use super::{
    Migration, MigrationError, Operation,
    apply::finished,
    check::{Origin, carries},
    events::{self, Attempt, Kind, Note},
};
use crate::{
    Context,
    audit::{self, Event, Record},
    deletion::{self, Action, DeletionError, RestoreMode, restore_marked},
};

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The migration.
    pub id: String,
    /// The features with how many rows were removed, or samples restored; the last step first.
    pub steps: Vec<(FeatureKey, u64)>,
}

/// Takes a migration back, as far as it was applied: the rows that it wrote are removed, and what it
/// deleted is restored. Refused when anything was written to its features, or to what is computed
/// from them, since it was begun, and when a sample that it carried over or deleted is nowhere else
/// any more.
/// One that is interrupted goes on when it is asked for again.
pub async fn rollback(context: Context<'_>, id: &str) -> Result<RolledBack, MigrationError> {
    let Context { store, graph, .. } = context;
    let applied = events::last(store, id).await?.filter(|it| it.rolled_back_at.is_none());
    let found = applied.and_then(|attempt| Some((attempt.migration.clone()?, attempt)));
    let Some((migration, attempt)) = found else {
        return Err(MigrationError::NotApplied { id: id.to_owned() });
    };
    if migration.to != graph.snapshot_version() {
        let (to, found) = (migration.to, graph.snapshot_version().to_owned());
        return Err(MigrationError::OtherGraph { id: id.to_owned(), to, found });
    }
    let origin = Origin::find(store, &migration).await?;
    // What is taken back must not be carried out afterwards.
    for deletion in attempt.deletions.values().flatten() {
        finished(context, deletion).await?;
    }
    let found = built_upon(context, &migration, (&attempt, &origin)).await?;
    if !found.is_empty() {
        return Err(MigrationError::BuiltUpon { id: id.to_owned(), found });
    }
    let note = |kind| Note { id, attempt: attempt.number, kind, step: None, details: Value::Null };
    events::record(store, note(Kind::RollbackBegun)).await?;
    // What was noted until then is all that will be noted of it.
    let attempt = events::last(store, id).await?.filter(|it| it.unique == attempt.unique);
    let Some(attempt) = attempt else {
        return Err(MigrationError::NotApplied { id: id.to_owned() });
    };
    let mut steps = Vec::new();
    for (number, step) in migration.steps.iter().enumerate().rev() {
        let rows = undo(context, &migration, (&attempt, &origin), number).await?;
        steps.push((step.feature.clone(), rows));
        if attempt.deletions.contains_key(&number) {
            let undone = Note { step: Some(number), ..note(Kind::StepUndone) };
            events::record(store, undone).await?;
        }
    }
    let details = json!({ "migration": id, "steps": steps.len() });
    let once = Some(format!("rolled-back/{}", attempt.unique));
    let record = Record { event: Event::MigrationRolledBack, deletion: None, details, once };
    audit::append(store, record).await?;
    events::record(store, note(Kind::RolledBack)).await?;
    Ok(RolledBack { id: id.to_owned(), steps })
}

/// Takes a step back; returns how many rows were removed, or samples restored.
pub(super) async fn undo(
    context: Context<'_>,
    migration: &Migration,
    (attempt, origin): (&Attempt, &Origin),
    number: usize,
) -> Result<u64, MigrationError> {
    let Context { store, graph, .. } = context;
    let step = &migration.steps[number];
    match &step.operation {
        Operation::Recompute => return Ok(0),
        Operation::Delete { .. } => return bring_back(context, attempt, number).await,
        Operation::Reconcile
        | Operation::Rename { .. }
        | Operation::Backfill { .. }
        | Operation::Custom { .. } => {}
    }
    let feature = graph.feature(&step.feature).map_err(StoreError::from)?;
    let undoing = Undoing::of(migration, (attempt, origin), number, feature);
    match store.take_back(feature, undoing.request()).await? {
        TakenBack::Removed(rows) => Ok(rows),
        TakenBack::Kept(obstacle) => {
            let found = vec![told(feature, obstacle)];
            Err(MigrationError::BuiltUpon { id: migration.id.clone(), found })
        }
    }
}

/// What taking a step back needs to know.
struct Undoing<'a> {
    mark: Mark,
    maker: Option<Mark>,
    since: Since,
    source: Source<'a>,
}

impl<'a> Undoing<'a> {
    fn of(
        migration: &Migration,
        (attempt, origin): (&Attempt, &'a Origin),
        number: usize,
        feature: &Feature,
    ) -> Self {
        let step = &migration.steps[number];
        let before = step.operation.carried_from(&step.feature);
        let older = before.and_then(|before| origin.graph.as_ref()?.feature(before).ok());
        let maker = migration.steps.iter().position(|it| it.feature == step.feature && carries(it));
        Self {
            mark: attempt.mark(number),
            maker: maker.map(|maker| attempt.mark(maker)),
            since: since(attempt, origin, feature),
            source: older.map_or(Source::Earlier, Source::Definition),
        }
    }

    fn request(&self) -> TakeBack<'_> {
        let Self { mark, maker, since, source } = self;
        TakeBack { mark, since, source: *source, maker: maker.as_ref() }
    }
}

/// What tells others' rows of a feature from those of an attempt. Rows under the definition that it
/// was carried over from are not built on what was carried over.
fn since(attempt: &Attempt, origin: &Origin, feature: &Feature) -> Since {
    let before = origin.graph.as_ref().and_then(|graph| graph.feature(feature.key()).ok());
    let before = before.map(|before| before.feature_version().to_owned());
    Since {
        marks: attempt.marks(),
        deletions: attempt.deletions.values().flatten().cloned().collect(),
        begun: attempt.begun_at.unwrap_or(Timestamp::from_micros(0)),
        aside: before.filter(|version| version != feature.feature_version()),
    }
}

fn told(feature: &Feature, obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::Written(rows) => {
            format!("{rows} rows of `{}` were written since", feature.key())
        }
        Obstacle::OnlyHere(samples) => format!(
            "{samples} samples of `{}` are not there any more as they were before",
            feature.key()
        ),
    }
}

/// Why a migration cannot be taken back.
async fn built_upon(
    context: Context<'_>,
    migration: &Migration,
    (attempt, origin): (&Attempt, &Origin),
) -> Result<Vec<String>, MigrationError> {
    let Context { store, graph, .. } = context;
    let mut found = BTreeMap::new();
    for (number, step) in migration.steps.iter().enumerate() {
        if step.operation == Operation::Recompute {
            continue;
        }
        for key in graph.downstream(&step.feature).map_err(StoreError::from)? {
            let feature = graph.feature(&key).map_err(StoreError::from)?;
            let since = since(attempt, origin, feature);
            let rows = store.written_since(feature, &since).await?;
            if rows > 0 {
                found.insert(key, told(feature, Obstacle::Written(rows)));
            }
        }
        let feature = graph.feature(&step.feature).map_err(StoreError::from)?;
        let undoing = Undoing::of(migration, (attempt, origin), number, feature);
        if let Some(obstacle) = store.obstacle(feature, undoing.request()).await? {
            found.insert(step.feature.clone(), told(feature, obstacle));
        }
    }
    for (number, deletions) in &attempt.deletions {
        for (key, samples) in cannot_return(context, deletions).await? {
            // Brought back already, perhaps by somebody else just now.
            let now = events::last(store, &migration.id).await?;
            let now = now.filter(|now| now.unique == attempt.unique);
            if now.is_some_and(|now| now.undone.contains(number)) {
                break;
            }
            let why = format!("{samples} samples of `{key}` that it deleted are gone for good");
            found.entry(key).or_insert(why);
        }
    }
    Ok(found.into_values().collect())
}

/// How many samples that deletions hid cannot be brought back, by feature: nothing is left of them.
async fn cannot_return(
    context: Context<'_>,
    deletions: &[String],
) -> Result<BTreeMap<FeatureKey, u64>, MigrationError> {
    let Context { store, graph, .. } = context;
    let mut known = deletion::list(store).await?;
    known.retain(|it| deletions.contains(&it.id));
    let mut gone = BTreeMap::new();
    let mut steps: Vec<(&str, &Value)> = Vec::new();
    for deletion in &known {
        steps.extend(deletion.steps.iter().map(|step| (deletion.id.as_str(), step)));
    }
    for (deletion, step) in steps {
        let is_deletion = step["action"] == Action::Delete.name();
        let key = step["feature"].as_str().and_then(|it| it.parse::<FeatureKey>().ok());
        let (Some(key), Some(samples), true) = (key, step["samples"].as_u64(), is_deletion) else {
            continue;
        };
        let feature = graph.feature(&key).map_err(StoreError::from)?;
        let there = tombstones(context, feature, deletion).await?;
        if there < samples {
            *gone.entry(key).or_default() += samples - there;
        }
    }
    Ok(gone)
}

/// How many samples a deletion hid or still hides, as far as its rows are there.
async fn tombstones(
    context: Context<'_>,
    feature: &Feature,
    deletion: &str,
) -> Result<u64, MigrationError> {
    let Context { store, graph, .. } = context;
    let schema = store.stored_schema(graph, feature.key()).await?;
    if schema.is_none_or(|schema| schema.index_of(columns::DELETION_ID).is_err()) {
        return Ok(0);
    }
    let (id, at) = (columns::DELETION_ID, columns::DELETED_AT);
    let of_deletion = format!("{id} = '{}' AND {at} IS NOT NULL", deletion.replace('\'', "''"));
    let ids = &feature.spec().id_columns;
    let options = ReadOptions {
        columns: Some(ids.clone()),
        filters: vec![metalith_expr::parse(&of_deletion).map_err(DeletionError::Filter)?],
        feature_history: true,
        sample_history: true,
        include_deleted: true,
        ..ReadOptions::default()
    };
    let rows = store.read(graph, feature.key(), &options).await?;
    let schema = rows.schema();
    Ok(Keys::new(ids, ids, &schema, &rows.collect().await?)?.len() as u64)
}

/// Restores what a step deleted; nothing, where that was done before.
async fn bring_back(
    context: Context<'_>,
    attempt: &Attempt,
    number: usize,
) -> Result<u64, MigrationError> {
    let mut samples = 0;
    let mark = attempt.mark_of_return();
    for deletion in attempt.deletions.get(&number).into_iter().flatten() {
        match restore_marked(context, deletion, &[], RestoreMode::Apply, Some(&mark)).await {
            Ok(restored) => samples += restored.iter().map(|it| it.receipt.samples).sum::<u64>(),
            // Somebody else may be faster, even in between.
            Err(
                DeletionError::NothingToRestore { .. }
                | DeletionError::Store(StoreError::Request {
                    problem: RequestProblem::NothingToRestore { .. },
                    ..
                }),
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(samples)
}
