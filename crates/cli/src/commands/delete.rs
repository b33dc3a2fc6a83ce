//! `metalith metadata delete`.

use metalith_base::{FeatureKey, Timestamp};
use metalith_lifecycle::{
    deletion::{Blocker, Cascade, CascadePlan, CascadeRequest, Done},
    objects::PurgeReport,
};
use metalith_store::{DeletionMode, Mode, Vacuumed};
use serde_json::{Value, json};

use crate::{
    commands::confirm,
    context::{Context, filters, work},
    failure::{CliError, Failure, Outcome, fail},
    printer::{bytes, number, table},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    #[arg(value_name = "FEATURE", conflicts_with = "feature")]
    positional: Option<FeatureKey>,
    /// The feature
    #[arg(long, value_name = "FEATURE")]
    feature: Option<FeatureKey>,
    /// Only samples that meet this condition; give it again for more
    #[arg(long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// Hide samples so that they can be restored; `--soft=false` removes them for good
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    soft: bool,
    /// Remove samples for good, like `--soft=false`
    #[arg(long)]
    hard: bool,
    /// Take along what was computed from the samples (downstream), what they were computed from and
    /// nothing else needs (upstream), or both
    #[arg(long, value_name = "DIRECTION", default_value = "none")]
    cascade: Cascade,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Only say what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Why, for the tombstones and the logs
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Rows of every feature version
    #[arg(long)]
    feature_history: bool,
    /// A tombstone for every row of a sample, not only for the latest
    #[arg(long)]
    sample_history: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let feature = args.feature.as_ref().or(args.positional.as_ref()).ok_or_else(|| {
        fail(CliError::Argument {
            what: "no feature is named".to_owned(),
            hint: "name one with `--feature`".to_owned(),
        })
    })?;
    let hard = args.hard || !args.soft;
    let request = CascadeRequest {
        cascade: args.cascade,
        feature_history: args.feature_history,
        sample_history: args.sample_history,
        reason: args.reason.clone(),
        ..CascadeRequest::new(
            feature.clone(),
            if hard { DeletionMode::Hard } else { DeletionMode::Soft },
            filters(&args.filters)?,
        )
    };
    let mode = if args.dry_run { Mode::Read } else { Mode::Write };
    let (project, store) = context.open(mode).await?;
    let bar = progress::bar(&context.printer, "finding what goes");
    let places = project.places();
    let work = work(&project, &store, &places);
    let plan = CascadePlan::make(work, &request).await;
    bar.finish_and_clear();
    let plan = plan.map_err(fail)?;
    let mut shown = Shown::new(feature, args.cascade, &plan);
    if args.dry_run {
        return shown.print(context, Stage::DryRun);
    }
    if hard && plan.samples() > 0 && plan.blockers().is_empty() {
        confirm(&format!("removing {} for good", shown.summary()), args.yes)?;
    }
    let bar = progress::bar(&context.printer, "deleting");
    let done = plan.apply(work).await;
    bar.finish_and_clear();
    shown.done(&done.map_err(fail)?);
    shown.print(context, Stage::Done)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    DryRun,
    Done,
}

/// What is planned or done, as it is printed.
struct Shown<'a> {
    feature: &'a FeatureKey,
    cascade: Cascade,
    mode: DeletionMode,
    deletion: String,
    steps: Vec<Line>,
    blockers: Vec<Blocker>,
    purged: Option<PurgeReport>,
    files: Option<(Vacuumed, Timestamp)>,
}

struct Line {
    feature: FeatureKey,
    action: &'static str,
    samples: u64,
    rows: u64,
    stale: u64,
    objects: u64,
    bytes: Option<u64>,
    table_version: Option<u64>,
}

impl<'a> Shown<'a> {
    fn new(feature: &'a FeatureKey, cascade: Cascade, plan: &CascadePlan) -> Self {
        let steps = plan.steps().iter().map(|step| Line {
            feature: step.feature.clone(),
            action: step.action.name(),
            samples: step.samples,
            rows: step.rows,
            stale: step.stale,
            objects: step.objects,
            bytes: step.bytes,
            table_version: None,
        });
        Self {
            feature,
            cascade,
            mode: plan.mode(),
            deletion: plan.id().to_owned(),
            steps: steps.collect(),
            blockers: plan.blockers().to_vec(),
            purged: None,
            files: None,
        }
    }

    /// Takes over what was done, which differs from the plan where somebody wrote in between.
    fn done(&mut self, done: &Done) {
        for (line, step) in self.steps.iter_mut().zip(&done.steps) {
            line.samples = step.samples;
            line.rows = step.rows;
            line.table_version = step.table_version;
        }
        self.purged.clone_from(&done.objects);
        self.files = done.visible_until.map(|until| (done.files, until));
    }

    fn samples(&self) -> u64 {
        self.steps.iter().map(|it| it.samples).sum()
    }

    fn rows(&self) -> u64 {
        self.steps.iter().map(|it| it.rows).sum()
    }

    fn summary(&self) -> String {
        let rows = match self.mode {
            DeletionMode::Soft => format!("{} tombstones", number(self.rows())),
            DeletionMode::Hard => format!("{} rows", number(self.rows())),
        };
        let samples = number(self.samples());
        match self.steps.as_slice() {
            [line] => format!("{samples} samples of `{}` ({rows})", line.feature),
            lines => format!("{samples} samples of {} features ({rows})", lines.len()),
        }
    }

    fn print(&self, context: &Context, stage: Stage) -> Result<Outcome, Failure> {
        let steps = self.steps.iter().enumerate().map(|(index, line)| {
            json!({
                "position": index + 1,
                "feature": line.feature.as_str(),
                "action": line.action,
                "samples": line.samples,
                "rows": line.rows,
                "stale": line.stale,
                "objects": line.objects,
                "bytes": line.bytes,
                "table_version": line.table_version,
            })
        });
        let done = stage == Stage::Done && self.rows() > 0;
        let json = json!({
            "feature": self.feature.as_str(),
            "mode": self.mode.name(),
            "cascade": self.cascade.name(),
            "dry_run": stage == Stage::DryRun,
            "samples": self.samples(),
            "rows": self.rows(),
            "deletion": done.then_some(&self.deletion),
            "steps": steps.collect::<Vec<_>>(),
            "blockers": self.blockers.iter().map(blocker_json).collect::<Vec<_>>(),
            "objects": self.purged.as_ref().map(purge_json),
            "files_removed": self.files.as_ref().map(|(files, _)| files.files),
            "overwritten_later": self.files.as_ref().map(|(files, _)| files.overwritten_later),
            "visible_until": self.files.as_ref().map(|(_, until)| until.to_string()),
        });
        context.printer.show(json, || self.text(stage))?;
        Ok(Outcome::Done)
    }

    fn text(&self, stage: Stage) -> String {
        let what = self.summary();
        let mut text = match (stage, self.rows(), self.mode) {
            (_, 0, _) => format!("no sample of `{}` matches", self.feature),
            (Stage::DryRun, _, DeletionMode::Soft) => format!("would hide {what}"),
            (Stage::DryRun, _, DeletionMode::Hard) => format!("would remove {what} for good"),
            (Stage::Done, _, DeletionMode::Soft) => format!("deleted {what}"),
            (Stage::Done, _, DeletionMode::Hard) => format!("removed {what}"),
        };
        if self.cascade != Cascade::None || self.steps.len() > 1 {
            text.push_str(&format!("\n{}", self.table()));
        }
        if let Some(purged) = &self.purged {
            text.push_str(&format!("\n{}", purge_text(purged)));
        } else if self.steps.iter().any(|line| line.objects > 0) {
            let objects = self.steps.iter().map(|line| line.objects).sum();
            text.push_str(&format!("\nand {} objects of theirs", number(objects)));
        }
        for blocker in &self.blockers {
            text.push_str(&format!("\nblocked: {blocker}. {}", blocker.way_out()));
        }
        match (stage, self.mode) {
            (Stage::DryRun, _) => {}
            _ if self.rows() == 0 => {}
            (Stage::Done, DeletionMode::Soft) => text.push_str(&format!(
                "\nrestore with `metalith metadata restore --deletion {}`",
                self.deletion
            )),
            (Stage::Done, DeletionMode::Hard) => {
                if let Some((files, _)) = &self.files {
                    let (count, size) = (number(files.files), bytes(files.bytes));
                    text.push_str(&match files.overwritten_later {
                        false => format!(
                            "\n{count} data files removed ({size}): no byte of the samples is left \
                             in the store"
                        ),
                        true => format!(
                            "\n{count} parts of tables removed ({size}): nobody can read them; the \
                             database writes over their bytes when it needs the place"
                        ),
                    });
                }
            }
        }
        text
    }

    /// Features in the order in which they are worked off.
    fn table(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .steps
            .iter()
            .enumerate()
            .map(|(index, line)| {
                vec![
                    number(index as u64 + 1),
                    line.feature.to_string(),
                    number(line.samples),
                    number(line.rows),
                    number(line.stale),
                    number(line.objects),
                    line.bytes.map_or_else(|| "?".to_owned(), bytes),
                    line.action.replace('_', " "),
                ]
            })
            .collect();
        let headers =
            ["ORDER", "FEATURE", "SAMPLES", "ROWS", "STALE", "OBJECTS", "BYTES", "ACTION"];
        table(&headers, &rows)
    }
}

fn blocker_json(blocker: &Blocker) -> Value {
    let what = match blocker {
        Blocker::Reference(reference) => json!({
            "kind": "reference",
            "feature": reference.feature.as_str(),
            "target": reference.target,
            "by": reference.by.as_str(),
            "samples": reference.samples,
            "names": reference.names,
            "when": reference.when,
        }),
        Blocker::Hold { hold, feature, samples, examples, reason } => json!({
            "kind": "hold",
            "hold": hold,
            "feature": feature.as_str(),
            "samples": samples,
            "examples": examples,
            "reason": reason,
        }),
    };
    let mut what = what;
    what["message"] = blocker.to_string().into();
    what["way_out"] = blocker.way_out().into();
    what
}

/// What became of objects, for scripts.
pub(crate) fn purge_json(report: &PurgeReport) -> Value {
    let failures: Vec<Value> = report
        .failures
        .iter()
        .map(|(address, reason)| json!({ "address": address, "reason": reason }))
        .collect();
    json!({
        "deleted": report.deleted,
        "failed": report.failed,
        "skipped": report.skipped,
        "bytes": report.bytes,
        "failures": failures,
    })
}

/// What became of objects, for people.
pub(crate) fn purge_text(report: &PurgeReport) -> String {
    let mut text = format!("{} objects deleted ({})", number(report.deleted), bytes(report.bytes));
    if report.skipped > 0 {
        text.push_str(&format!(", {} kept: something else names them", number(report.skipped)));
    }
    if report.failed > 0 {
        text.push_str(&format!(
            "\n{} objects could not be deleted and wait; try again with `metalith purge --resume`",
            number(report.failed)
        ));
        for (address, reason) in report.failures.iter().take(5) {
            text.push_str(&format!("\n  {address}: {reason}"));
        }
    }
    text
}
