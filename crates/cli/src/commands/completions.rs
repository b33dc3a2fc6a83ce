//! `metalith completions`.

use clap_complete::Shell;

use crate::{
    context::Context,
    failure::{Failure, Outcome},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(
    args: &Args,
    mut command: clap::Command,
    context: &Context,
) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "metalith", &mut script);
    context.printer.data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Outcome::Done)
}
