//! `metalith hold`.

use metalith_base::FeatureKey;
use metalith_lifecycle::holds::{self, Hold};
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    context::{Context, filters},
    failure::{Failure, Outcome, fail},
    printer::{number, table},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Hold samples: neither deletions nor retention touch them
    Add {
        /// The feature
        #[arg(long, value_name = "FEATURE")]
        feature: FeatureKey,
        /// Only samples that meet this condition, now or later; give it again for more
        #[arg(long = "filter", value_name = "EXPR")]
        filters: Vec<String>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// The holds in force
    List {
        /// Those that were released as well
        #[arg(long)]
        all: bool,
    },
    /// Release a hold
    Release {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) async fn run(command: &Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Add { feature, filters: texts, reason } => {
            let (project, store) = context.open(Mode::Write).await?;
            let filters = filters(texts)?;
            let added = holds::add(&store, project.graph(), feature, &filters, reason.as_deref());
            let (hold, held) = added.await.map_err(fail)?;
            let mut json = hold_json(&hold);
            json["samples"] = held.into();
            context.printer.show(json, || {
                format!(
                    "holding {} samples of `{feature}`, and those to come\n\
                     release with `metalith hold release {}`",
                    number(held),
                    hold.id
                )
            })?;
        }
        Command::List { all } => {
            let (_, store) = context.open(Mode::Read).await?;
            let mut holds = holds::list(&store).await.map_err(fail)?;
            holds.retain(|hold| *all || !hold.is_released);
            let json: Vec<Value> = holds.iter().map(hold_json).collect();
            context.printer.show(json!({ "holds": json }), || {
                let rows: Vec<Vec<String>> = holds.iter().map(line).collect();
                table(&["HOLD", "FEATURE", "SAMPLES WITH", "REASON", "BY", "SINCE", "STATE"], &rows)
            })?;
        }
        Command::Release { id } => {
            let (_, store) = context.open(Mode::Write).await?;
            let hold = holds::release(&store, id).await.map_err(fail)?;
            let text = || format!("released the hold on `{}`", hold.feature);
            context.printer.show(hold_json(&hold), text)?;
        }
    }
    Ok(Outcome::Done)
}

fn line(hold: &Hold) -> Vec<String> {
    vec![
        hold.id.clone(),
        hold.feature.to_string(),
        if hold.filters.is_empty() { "any".to_owned() } else { hold.filters.join(" AND ") },
        hold.reason.clone().unwrap_or_default(),
        hold.actor.clone().unwrap_or_default(),
        hold.at.to_string(),
        state(hold).to_owned(),
    ]
}

fn state(hold: &Hold) -> &'static str {
    if hold.is_released { "released" } else { "in force" }
}

fn hold_json(hold: &Hold) -> Value {
    json!({
        "hold": hold.id,
        "feature": hold.feature.as_str(),
        "filters": hold.filters,
        "reason": hold.reason,
        "actor": hold.actor,
        "at": hold.at.to_string(),
        "state": state(hold),
    })
}
