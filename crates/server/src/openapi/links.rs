//! Which operation goes on with what another one answers.

use serde_json::{Value, json};

/// By the operation and the status of its answer: what of the answer goes as which parameter into
/// which operations.
const LINKS: [(&str, &str, &str, &str, &[&str]); 9] = [
    (
        "jobs_submit",
        "202",
        "job_id",
        "/job_id",
        &["jobs_get", "jobs_plan", "jobs_cancel", "jobs_delete"],
    ),
    (
        "datasets_register",
        "201",
        "dataset_id",
        "/dataset_id",
        &["datasets_get", "datasets_plan", "datasets_delete"],
    ),
    (
        "models_register",
        "201",
        "model_id",
        "/model_id",
        &["models_get", "models_activate", "models_deactivate", "models_delete"],
    ),
    ("deletions_plan", "201", "deletion", "/id", &["deletions_execute"]),
    ("deletions_execute", "200", "deletion", "/deletion", &["deletions_get", "deletions_restore"]),
    ("deletions_list", "200", "deletion", "/items/0/id", &["deletions_get", "deletions_restore"]),
    ("holds_add", "201", "hold", "/id", &["holds_release"]),
    ("jobs_list", "200", "job_id", "/items/0/job_id", &["jobs_get"]),
    ("runs_list", "200", "run", "/items/0/run", &["runs_get"]),
];

/// Tells which operations go on with the answers of this one.
pub(super) fn tell(operation: &mut Value) {
    let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
    for (_, status, parameter, part, targets) in LINKS.iter().filter(|link| link.0 == name) {
        for target in *targets {
            let taken = format!("$response.body#{part}");
            operation["responses"][*status]["links"][*target] =
                json!({ "operationId": target, "parameters": { *parameter: taken } });
        }
    }
}
