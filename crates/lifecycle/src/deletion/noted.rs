//! What the audit log keeps of a deletion.

use metalith_store::StoreError;
use serde_json::{Value, json};

use super::{Done, Restored, protect::Blocker};
use crate::{
    Context,
    audit::{self, Event, Record},
    journal::Intent,
    objects::PurgeReport,
};

pub(super) async fn note_deleted(
    context: Context<'_>,
    intent: &Intent,
    done: &Done,
) -> Result<(), StoreError> {
    let steps: Vec<Value> = done
        .steps
        .iter()
        .map(|step| {
            json!({
                "feature": step.feature.as_str(),
                "action": step.action.name(),
                "samples": step.samples,
                "rows": step.rows,
                "stale": step.stale,
                "table_version": step.table_version,
            })
        })
        .collect();
    let details = json!({
        "feature": intent.feature.as_str(),
        "mode": intent.mode().name(),
        "cascade": intent.cascade,
        "reason": intent.reason,
        "filter_columns": intent.filter_columns,
        "begun_at": intent.begun_at.to_string(),
        "begun_by": intent.actor,
        "steps": steps,
        "files_removed": done.files.files,
        "file_bytes_removed": done.files.bytes,
        "overwritten_later": done.files.overwritten_later,
        "visible_until": done.visible_until.map(|it| it.to_string()),
        "objects": intent.objects.len(),
    });
    let once = format!("deleted/{}", intent.id);
    note(context, Event::Deleted, &intent.id, details, Some(once)).await
}

pub(super) async fn note_purge(
    context: Context<'_>,
    intent: &Intent,
    report: &PurgeReport,
) -> Result<(), StoreError> {
    let id = intent.id.as_str();
    let details = json!({
        "deleted": report.deleted,
        "failed": report.failed,
        "skipped": report.skipped,
        "bytes": report.bytes,
    });
    if report.failed == 0 {
        let once = Some(format!("purged/{id}"));
        return note(context, Event::Purged, id, details, once).await;
    }
    note(context, Event::PurgeFailed, id, details, None).await
}

pub(super) async fn note_blocked(
    context: Context<'_>,
    intent: &Intent,
    blockers: &[Blocker],
) -> Result<(), StoreError> {
    let blockers: Vec<String> = blockers
        .iter()
        .map(|blocker| match blocker {
            Blocker::Reference(reference) => format!("{} {}", reference.samples, reference.by),
            Blocker::Hold { hold, .. } => format!("hold {hold}"),
        })
        .collect();
    let details = json!({
        "feature": intent.feature.as_str(),
        "mode": intent.mode().name(),
        "cascade": intent.cascade,
        "blockers": blockers,
    });
    note(context, Event::Blocked, &intent.id, details, None).await
}

pub(super) async fn note_restored(
    context: Context<'_>,
    deletion: &str,
    restored: &[Restored],
) -> Result<(), StoreError> {
    let features: Vec<_> = restored
        .iter()
        .map(|it| {
            json!({
                "feature": it.feature.as_str(),
                "samples": it.receipt.samples,
                "reattached": it.reattached,
                "table_version": it.receipt.table_version,
            })
        })
        .collect();
    let details = json!({ "features": features });
    note(context, Event::Restored, deletion, details, None).await
}

pub(super) async fn note(
    context: Context<'_>,
    event: Event,
    id: &str,
    details: Value,
    once: Option<String>,
) -> Result<(), StoreError> {
    audit::append(context.store, Record { event, deletion: Some(id), details, once }).await
}
