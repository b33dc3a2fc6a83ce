//! `metalith demo`.

use std::path::PathBuf;

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to work: a folder that does not exist yet [default: a new one among temporary files]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let say = |text: &str| context.printer.data(text).is_ok();
    metalith_demo::run(args.folder.clone(), &mut |text| {
        // A reader who has left does not stop the story; it ends by itself in seconds.
        say(text);
    })
    .await
    .map_err(fail)?;
    Ok(Outcome::Done)
}
