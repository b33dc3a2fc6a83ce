//! `metalith init`.

use std::path::PathBuf;

use metalith_project::init;
use serde_json::json;

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The project's name [default: the folder's]
    #[arg(long)]
    name: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let absolute = std::path::absolute(&args.folder).unwrap_or_else(|_| args.folder.clone());
    let folder_name = absolute.file_name().and_then(|name| name.to_str()).unwrap_or("project");
    let name = args.name.as_deref().unwrap_or(folder_name);
    let files = init(&args.folder, name).map_err(fail)?;
    let shown: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    context.printer.show(json!({"project": name, "files": shown}), || {
        let files = shown.iter().map(|file| format!("wrote {file}\n")).collect::<String>();
        format!("{files}\nnext: declare features in features.toml, then `metalith list features`")
    })?;
    Ok(Outcome::Done)
}
