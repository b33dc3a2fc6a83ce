//! One file a command: parse, call, print.

pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod deletions;
pub(crate) mod demo;
pub(crate) mod drop_feature;
pub(crate) mod graph;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod maintain;
pub(crate) mod migrations;
pub(crate) mod objects;
pub(crate) mod read;
pub(crate) mod resolve;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod write;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::failure::{CliError, Failure, Outcome, fail};

/// What a command that has nothing to do ends with.
pub(crate) fn nothing() -> Outcome {
    Outcome::Done
}

/// Asks before something that cannot be undone. Without a terminal there is nobody to ask.
pub(crate) fn confirm(what: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let refuse = || fail(CliError::NotConfirmed { what: what.to_owned() });
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(refuse());
    }
    let mut answer = String::new();
    write!(io::stderr(), "{what}. Go on? [y/N] ").map_err(|error| fail(CliError::Output(error)))?;
    io::stdin().lock().read_line(&mut answer).map_err(|error| fail(CliError::Output(error)))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(refuse()),
    }
}
