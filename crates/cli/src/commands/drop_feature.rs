//! `metalith metadata drop`.

use metalith_base::FeatureKey;
use metalith_lifecycle::deletion::drop_feature;
use metalith_store::Mode;
use serde_json::json;

use crate::{
    commands::confirm,
    context::{Context, work},
    failure::{Failure, Outcome, fail},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    feature: FeatureKey,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let places = project.places();
    let what = format!("removing every row of `{}` from {}", args.feature, store.location());
    confirm(&what, args.yes)?;
    let work = work(&project, &store, &places);
    let was_there = drop_feature(work, &args.feature).await.map_err(fail)?;
    let json = json!({"feature": args.feature.as_str(), "dropped": was_there});
    context.printer.show(json, || match was_there {
        true => format!("dropped {}", args.feature),
        false => format!("{} had no table", args.feature),
    })?;
    Ok(Outcome::Done)
}
